//! Chaos: a show on air, faults one after another, and a judge that watches what a viewer gets.
//!
//! Owns the faults as values (what is done, what may be seen of it, how soon all is well), the world
//! in which they happen, and the reading of what came of them. Never looks inside the agent, and never
//! holds a fault back because the agent is known not to take it.

mod excuse;
mod plan;
mod report;
mod resources;
mod run;
mod trouble;
mod verdict;
mod watch;
mod world;

pub use plan::{Plan, Planned};
pub use report::{Episode, Report};
pub use resources::{Process, Role, Sample, cpu_s};
pub use run::{Course, run};
pub use trouble::{Allowed, Trouble};
pub use world::World;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes a line. A reader that went away is no reason to fail.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.trim().parse().ok()
}

/// The command: `vistter-chaos chaos` (ten minutes, a fault every few seconds) or `vistter-chaos soak`
/// (a fault each minute). `SEED` repeats a run, `MINUTES` sets its length.
#[must_use]
pub fn main() -> ExitCode {
    let soak = match std::env::args().nth(1).as_deref() {
        Some("chaos") => false,
        Some("soak") => true,
        _ => {
            say("usage: [SEED=n] [MINUTES=n] vistter-chaos chaos|soak");
            return ExitCode::from(2);
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = number("SEED").unwrap_or_else(|| now.map_or(0, |since| since.as_secs() % 100_000));
    let minutes = number("MINUTES").unwrap_or(if soak { 60 } else { 10 });
    let name = if soak { "soak" } else { "chaos" };
    say(&format!(
        "{name}: seed {seed}, {minutes} min; again: make {name} SEED={seed} MINUTES={minutes}"
    ));
    let course = Course {
        name: name.to_owned(),
        seed,
        plan: Plan::new(seed),
        length: Some(Duration::from_secs(minutes * 60)),
        every: soak.then_some(Duration::from_secs(60)),
    };
    let report = run(course);
    for line in report.table() {
        say(&line);
    }
    match report.save() {
        Ok(file) => say(&format!("{name}: {}", file.display())),
        Err(error) => say(&format!("{name}: the report could not be written: {error}")),
    }
    for failure in &report.failures {
        say(&format!("{name}: FAILED: {failure}"));
    }
    if report.failures.is_empty() {
        say(&format!("{name}: passed"));
        ExitCode::SUCCESS
    } else {
        say(&format!(
            "{name}: {} failures; seed {seed}",
            report.failures.len()
        ));
        ExitCode::FAILURE
    }
}
