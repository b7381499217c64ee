//! How much of the time everything was there, as Prometheus reads it.
//!
//! Owns the names and labels of these counters; `crate::uptime` counts.

use crate::uptime::{Span, Uptime};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct UptimeFigures(pub(super) Uptime);

impl Collector for UptimeFigures {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let now = self.0.account();
        single(&mut to, "program", "a program", now.program)?;
        let server = "the media server, which serves the preview,";
        single(&mut to, "preview_server", server, now.preview_server)?;
        named(&mut to, "destination", &now.destinations)?;
        named(&mut to, "stream", &now.streams)?;
        let kind = ConstCounter::new(0_u64).metric_type();
        let help = "Tries to go live by what became of them";
        let mut family = to.encode_descriptor("go_live", help, None, kind)?;
        for (result, count) in [
            ("succeeded", now.go_live.succeeded),
            ("failed", now.go_live.failed),
            ("called_off", now.go_live.called_off),
        ] {
            let labels = [("result", result)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        for (name, help, us) in [
            (
                "go_live_seconds",
                "Time until the last destination took the program, of the tries that succeeded",
                now.go_live.took_us,
            ),
            (
                "preview_seconds",
                "Time in which a program ran and was sent to no destination",
                now.previewed_us,
            ),
        ] {
            let metric = ConstCounter::new(seconds(us));
            metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        Ok(())
    }
}

/// What a counter of a span is read with.
type Part = fn(Span) -> u64;

/// The two counters of a span: their words, and what each is read with.
const PARTS: [(&str, &str, Part); 2] = [
    ("wanted", "was wanted", |span| span.wanted_us),
    ("there", "was wanted and there", |span| span.there_us),
];

fn single(to: &mut DescriptorEncoder<'_>, of: &str, subject: &str, span: Span) -> std::fmt::Result {
    for (word, happened, part) in PARTS {
        let (name, help) = (
            format!("{of}_{word}_seconds"),
            format!("Time in which {subject} {happened}"),
        );
        let metric = ConstCounter::new(seconds(part(span)));
        metric.encode(to.encode_descriptor(&name, &help, None, metric.metric_type())?)?;
    }
    Ok(())
}

fn named(
    to: &mut DescriptorEncoder<'_>,
    of: &str,
    spans: &BTreeMap<String, Span>,
) -> std::fmt::Result {
    if spans.is_empty() {
        return Ok(());
    }
    for (word, happened, part) in PARTS {
        let (name, help) = (
            format!("{of}_{word}_seconds"),
            format!("Time in which a {of} {happened}"),
        );
        let kind = ConstCounter::new(0.0).metric_type();
        let mut family = to.encode_descriptor(&name, &help, None, kind)?;
        for (id, span) in spans {
            let labels = [(of, id.as_str())];
            ConstCounter::new(seconds(part(*span))).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus knows no other numbers"
)]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
