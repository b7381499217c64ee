//! How the link to Studio is, as Prometheus reads it.
//!
//! Owns the names and labels of these figures; the `link` crate counts.

use super::metrics::counter;
use link::{LinkState, LinkStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct LinkFigures(pub(super) watch::Receiver<LinkStatus>);

/// Every state.
const STATES: [LinkState; 6] = [
    LinkState::Unpaired,
    LinkState::Connecting,
    LinkState::Online,
    LinkState::Backoff,
    LinkState::AuthFailed,
    LinkState::Revoked,
];

/// A state's word, as `GET /api/link` has it.
const fn word(state: LinkState) -> &'static str {
    match state {
        LinkState::Unpaired => "unpaired",
        LinkState::Connecting => "connecting",
        LinkState::Online => "online",
        LinkState::Backoff => "backoff",
        LinkState::AuthFailed => "auth_failed",
        LinkState::Revoked => "revoked",
    }
}

impl Collector for LinkFigures {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let now = self.0.borrow().clone();
        let kind = ConstGauge::new(0_i64).metric_type();
        let help = "1 for the state of the link to Studio, 0 for the others";
        let mut family = to.encode_descriptor("link_state", help, None, kind)?;
        for state in STATES {
            let is = ConstGauge::new(i64::from(now.state == state));
            is.encode(family.encode_family(&[("state", word(state))])?)?;
        }
        let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for (name, help, value) in [
            (
                "link_fallback",
                "1 while it is not the first of its ways",
                i64::from(now.fallback),
            ),
            (
                "link_open_commands",
                "Commands that are accepted and not at their end",
                length(now.open_commands),
            ),
            (
                "link_outbox",
                "Messages that wait for their receipt",
                length(now.outbox),
            ),
            (
                "link_figures_waiting",
                "Figures that could not be sent yet",
                length(now.figures_waiting),
            ),
        ] {
            let metric = ConstGauge::new(value);
            metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        for (name, help, value) in [
            (
                "link_sessions",
                "Sessions that Studio welcomed",
                now.sessions,
            ),
            (
                "link_commands",
                "Commands that were handed to a module",
                now.carried_out,
            ),
            (
                "link_events_lost",
                "Events that were lost since too many waited",
                now.events_lost,
            ),
            (
                "link_figures_lost",
                "Figures that were lost since a day of them waited",
                now.figures_lost,
            ),
        ] {
            counter(&mut to, name, help, value)?;
        }
        let help = "What was refused, by its code";
        by_word(&mut to, ("link_refused", help, "code"), &now.refused)?;
        let help = "What only an attack or a grave fault explains";
        by_word(&mut to, ("link_alerts", help, "alert"), &now.alerts)
    }
}

fn by_word(
    to: &mut DescriptorEncoder<'_>,
    (name, help, label): (&str, &str, &str),
    counts: &BTreeMap<&'static str, u64>,
) -> std::fmt::Result {
    let kind = ConstCounter::new(0_u64).metric_type();
    let mut family = to.encode_descriptor(name, help, None, kind)?;
    for (word, count) in counts {
        ConstCounter::new(*count).encode(family.encode_family(&[(label, *word)])?)?;
    }
    Ok(())
}
