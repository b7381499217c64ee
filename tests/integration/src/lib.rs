//! One file a promise to the user, under `tests/`: the agent as a process, real cameras, sinks and a
//! browser. Owns what several promises share: the three cameras and the lines of figures.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its world fails"
)]

pub mod brokered;
pub mod degrading;
pub mod resuming;

use harness::{Agent, Allowance, Camera, Stillness};

pub use harness::{long, longest_step_ms, slack, slow};

/// Three cameras that are added to the agent as `1`, `2` and `3`.
#[must_use]
pub fn three_cameras(agent: &Agent) -> Vec<Camera> {
    (1..=3u8)
        .map(|number| {
            let camera = Camera::start(number);
            agent.add_camera(&number.to_string(), &camera);
            camera
        })
        .collect()
}

/// Whether an alert of that code is about the machine: how busy, how full and how hot the one is that
/// runs the tests is its own affair.
#[must_use]
pub fn of_the_machine(code: &str) -> bool {
    [
        "CPU_",
        "ENCODER_CPU",
        "MEMORY_",
        "STORAGE_",
        "TEMPERATURE_",
        "CLOCK_",
        "FRAMES_",
    ]
    .iter()
    .any(|word| code.starts_with(word))
}

/// What the machine's standstills since a watch began excuse; prints them.
#[must_use]
pub fn excused(stillness: &Stillness) -> Allowance {
    let noted = stillness.noted();
    report("a processor stood still, ms", format!("{:?}", noted.ms()));
    let allowed = harness::excused(&noted);
    report("of them excused, ms", format!("{:?}", allowed.stood_ms));
    allowed
}

/// The first lines of every promise: what is measured and what came out.
pub fn report(what: &str, figure: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "    {what}: {figure}");
}

/// How long something was under way to Studio, in milliseconds: from when the device wrote it down, as
/// `2026-11-01T12:00:00.000Z`, until it was heard.
///
/// # Panics
/// When it is later than the device may be.
#[must_use]
#[track_caller]
pub fn promptly(what: &str, written: &str, heard: &sandbox::Heard) -> u64 {
    let written = protocol::Timestamp::parse(written).unwrap().millis();
    let took = heard.at_ms.saturating_sub(written);
    assert!(took <= LEAVES_MS, "{what} left after {took} ms: {heard:?}");
    took
}

/// What the device has done, found or measured leaves it in this time while it is connected.
const LEAVES_MS: u64 = 3_000;
