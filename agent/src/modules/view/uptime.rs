//! How much of the time that something was wanted it was there, as it is answered.

use crate::uptime::{Account, Span};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// For how long something was wanted, and for how much of it it was there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"wanted_s": 3600.0, "there_s": 3599.1, "percent": 99.975}))]
pub struct SpanView {
    /// Seconds in which it was wanted.
    pub wanted_s: f64,
    /// Seconds of them in which it was there.
    pub there_s: f64,
    /// The one as a share of the other; `null` while it was never wanted.
    pub percent: Option<f64>,
}

/// What became of the tries to go live.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"succeeded": 12, "failed": 0, "called_off": 1, "percent": 100.0,
    "mean_s": 1.2, "last_s": 0.9}))]
pub struct TriesView {
    /// Every destination took the program within ten seconds.
    pub succeeded: u64,
    /// One or more did not, or the machine could not carry it.
    pub failed: u64,
    /// Stopped, or tried anew, before either was known.
    pub called_off: u64,
    /// Those that succeeded, of those that succeeded or failed; `null` where there were none.
    pub percent: Option<f64>,
    /// Seconds until the last destination took the program, of those that succeeded: their mean.
    pub mean_s: Option<f64>,
    /// The same of the last one that succeeded.
    pub last_s: Option<f64>,
}

/// How much of the time that something was wanted it was there. Survives a restart.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UptimeView {
    /// Since when it is counted, RFC 3339 UTC.
    pub since: String,
    /// The program: there while its encoder makes frames.
    pub program: SpanView,
    /// Destinations by id: there while they take the program.
    pub destinations: BTreeMap<String, SpanView>,
    /// Cameras that are sent straight to a destination, by the stream's id.
    pub streams: BTreeMap<String, SpanView>,
    /// The media server, which serves the preview; wanted while the agent runs.
    pub preview_server: SpanView,
    /// Going live.
    pub go_live: TriesView,
    /// Seconds in which a program ran and was sent to no destination.
    pub preview_s: f64,
}

impl From<&Account> for UptimeView {
    fn from(account: &Account) -> Self {
        let all = |spans: &BTreeMap<String, Span>| {
            let view = |(id, span): (&String, &Span)| (id.clone(), SpanView::from(*span));
            spans.iter().map(view).collect()
        };
        let tries = account.go_live;
        Self {
            since: account.since.clone(),
            program: account.program.into(),
            destinations: all(&account.destinations),
            streams: all(&account.streams),
            preview_server: account.preview_server.into(),
            go_live: TriesView {
                succeeded: tries.succeeded,
                failed: tries.failed,
                called_off: tries.called_off,
                percent: percent(
                    tries.succeeded,
                    tries.succeeded.saturating_add(tries.failed),
                ),
                mean_s: tries.took_us.checked_div(tries.timed).map(seconds),
                last_s: tries.last_us.map(seconds),
            },
            preview_s: seconds(account.previewed_us),
        }
    }
}

impl From<Span> for SpanView {
    fn from(span: Span) -> Self {
        Self {
            wanted_s: seconds(span.wanted_us),
            there_s: seconds(span.there_us),
            percent: percent(span.there_us, span.wanted_us),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "JSON knows no other numbers, and these stay exact for centuries"
)]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// To a thousandth, and never rounded up to 100.
#[expect(
    clippy::cast_precision_loss,
    reason = "JSON knows no other numbers, and these stay exact for centuries"
)]
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 100_000.0).floor() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_rounded_up_and_nothing_of_nothing_is_none() {
        for (part, whole, wanted) in [
            (0, 0, None),
            (0, 1, Some(0.0)),
            (1, 1, Some(100.0)),
            (9_999_999, 10_000_000, Some(99.999)),
        ] {
            assert_eq!(percent(part, whole), wanted, "{part} of {whole}");
        }
    }
}
