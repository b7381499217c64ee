//! The benchmark's words: a line a figure, and JSON that is kept.

use harness::{percentile, root};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Where results are kept, a file a part.
pub(crate) fn folder() -> PathBuf {
    root().join("target/bench")
}

/// Keeps a result.
pub(crate) fn keep(name: &str, value: &Value) {
    std::fs::create_dir_all(folder()).unwrap();
    let text = serde_json::to_string_pretty(value).unwrap();
    std::fs::write(folder().join(format!("{name}.json")), text).unwrap();
}

/// Writes a line. A reader that went away is no reason to fail.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// A figure and what it is.
pub(crate) fn row(what: &str, figure: &str) {
    say(&format!("  {what:<58} {figure}"));
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Two digits behind the point, as JSON.
pub(crate) fn figure(value: f64) -> Value {
    json!(round(value))
}

/// The middle, the tail and the last of some values.
pub(crate) fn spread(values: &[f64]) -> Value {
    json!({
        "p50": round(percentile(values, 0.5)), "p90": round(percentile(values, 0.9)),
        "p99": round(percentile(values, 0.99)), "worst": round(percentile(values, 1.0)),
        "count": values.len(),
    })
}

/// The same in words.
pub(crate) fn spread_text(values: &[f64], unit: &str) -> String {
    let at = |share| percentile(values, share);
    format!(
        "p50 {:.1}, p90 {:.1}, p99 {:.1}, last {:.1} {unit} of {}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        values.len()
    )
}
