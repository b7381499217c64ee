//! The benchmark of the link to Studio: commands a second through the real agent, how soon it
//! acknowledges, how soon it is back, what it needs while nothing is to be done, and how many devices come
//! back together. Each stands beside what a client does with nothing of ours in it.
//!
//! Owns the order of the parts and how long each takes. Prints and asserts nothing of what it measures: a
//! busy machine is no fault. Results are kept as JSON in `target/bench`, one file a part.
//!
//! `make bench-link`; `QUICK=1` takes three minutes, `PART=name` measures one part.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what the clock says and stops where its world cannot be set up"
)]

mod commands;
mod device;
mod disk;
mod fleet;
mod heal;
mod idle;
mod load;
mod table;

use std::process::ExitCode;
use std::time::Duration;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Commands in one burst, and bursts.
    burst: (usize, usize),
    /// How long commands come one by one.
    steady: Duration,
    /// How long an agent without work is let alone before it is measured.
    settle: Duration,
    /// How often the line is stalled.
    heals: usize,
    /// Virtual devices.
    devices: usize,
    /// How long the broker is away.
    away: &'static [u64],
}

const QUICK: Pace = Pace {
    burst: (2_000, 3),
    steady: Duration::from_secs(10),
    settle: Duration::from_secs(5),
    heals: 2,
    devices: 200,
    away: &[3],
};

const LONG: Pace = Pace {
    burst: (10_000, 3),
    steady: Duration::from_secs(60),
    settle: Duration::from_secs(30),
    heals: 10,
    devices: 1_000,
    away: &[0, 3, 20],
};

fn main() -> ExitCode {
    let quick = std::env::var_os("QUICK").is_some_and(|set| !set.is_empty());
    let only = std::env::var("PART").ok().filter(|part| !part.is_empty());
    let pace = if quick { QUICK } else { LONG };
    type Part = (&'static str, fn(Pace) -> serde_json::Value);
    let parts: [Part; 5] = [
        ("unpaired", idle::unpaired),
        ("websocket", commands::by_websocket),
        ("mqtt", commands::by_broker),
        ("heal", heal::heal),
        ("fleet", fleet::fleet),
    ];
    let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    let wanted = |name: &str| match &only {
        Some(only) => only == name,
        // Nothing paired is a second look at the same program.
        None => !quick || name != "unpaired",
    };
    if !names.iter().any(|name| wanted(name)) {
        table::say(&format!("PART is one of {}", names.join(", ")));
        return ExitCode::from(2);
    }
    for (name, run) in parts.into_iter().filter(|(name, _)| wanted(name)) {
        table::say(&format!("\n{name}"));
        table::keep(&format!("link-{name}"), &run(pace));
    }
    table::say(&format!("bench-link: {}", table::folder().display()));
    ExitCode::SUCCESS
}
