//! The benchmark: this product against one plain FFmpeg that does the same work, in the same run.
//!
//! Owns the cells of the table, the rounds (ours and the peer's in turn, so that what else the machine
//! does hits both) and the figures. Prints ratios; asserts nothing, since a busy machine is no fault.

mod latency;
mod ours;
mod peer;
mod switch;
mod table;

use crate::camera::{Camera, CameraOptions};
use crate::chaos::{Role, Sample, say};
use crate::clip::Clip;
use crate::judge::percentile;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// What the program does while it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// One camera on air all the time.
    Steady,
    /// A cut to the next camera every four seconds.
    Switching,
    /// One long crossfade.
    Crossfading,
}

/// A cell of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    /// What it is called, on the command line too.
    pub(crate) name: &'static str,
    /// The agent's profile.
    pub(crate) profile: &'static str,
    /// The size of cameras and program.
    pub(crate) size: (usize, usize),
    /// How many cameras.
    pub(crate) cameras: u8,
    /// What is done with them.
    pub(crate) work: Work,
    /// CPU time against the peer's that we want to stay below.
    pub(crate) goal: f64,
}

const fn cell(name: &'static str, hd: bool, cameras: u8, work: Work, goal: f64) -> Cell {
    let (profile, size) = if hd {
        ("reliability", (1920, 1080))
    } else {
        ("720p", (1280, 720))
    };
    Cell {
        name,
        profile,
        size,
        cameras,
        work,
        goal,
    }
}

/// All of them.
const CELLS: [Cell; 8] = [
    cell("720p-1-steady", false, 1, Work::Steady, 1.10),
    cell("720p-3-switching", false, 3, Work::Switching, 1.0),
    cell("720p-2-crossfading", false, 2, Work::Crossfading, 0.75),
    cell("720p-3-crossfading", false, 3, Work::Crossfading, 0.75),
    cell("1080p-1-steady", true, 1, Work::Steady, 1.10),
    cell("1080p-3-switching", true, 3, Work::Switching, 1.0),
    cell("1080p-2-crossfading", true, 2, Work::Crossfading, 0.75),
    cell("1080p-3-crossfading", true, 3, Work::Crossfading, 0.75),
];

/// What the short form measures.
const QUICK: [&str; 5] = [
    "720p-1-steady",
    "720p-3-switching",
    "720p-2-crossfading",
    "latency",
    "switch",
];

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// From the first frame until the measurement begins.
    pub(crate) settle: Duration,
    /// The measurement.
    pub(crate) measure: Duration,
    /// Rounds.
    pub(crate) rounds: u32,
}

/// What one side used in one round.
#[derive(Debug, Clone)]
pub(crate) struct Used {
    /// CPU seconds in ten seconds of program, all processes.
    pub(crate) cpu: f64,
    /// The same by role.
    pub(crate) by_role: Vec<(String, f64)>,
    /// Frames a second that came out.
    pub(crate) fps: f64,
    /// Memory by role: name, processes, RSS in MiB, PSS in MiB.
    pub(crate) memory: Vec<(String, usize, f64, f64)>,
}

/// Reads what the trees below some processes use from now on for a time; `frames` counts the program's.
pub(crate) fn measure(roots: &[u32], pace: Pace, frames: impl Fn() -> u64) -> Used {
    let look = || -> Vec<Sample> { roots.iter().map(|root| Sample::of(*root)).collect() };
    std::thread::sleep(pace.settle);
    let (before, from) = (look(), frames());
    let began = std::time::Instant::now();
    std::thread::sleep(pace.measure);
    let (after, to) = (look(), frames());
    let seconds = began.elapsed().as_secs_f64();
    let sum = |samples: &[Sample]| samples.iter().map(Sample::cpu_s).sum::<f64>();
    let roles = [
        Role::Agent,
        Role::Decoder,
        Role::Encoder,
        Role::MediaMtx,
        Role::Other,
    ];
    let of = |samples: &[Sample], role| samples.iter().map(|one| one.cpu_of(role)).sum::<f64>();
    let memory = roles.iter().filter_map(|role| {
        let sum = after.iter().fold((0, 0, 0), |sum, one| {
            let (count, _, _, rss, pss) = one.of_role(*role);
            (sum.0 + count, sum.1 + rss, sum.2 + pss)
        });
        let mib = |kib: u64| kib as f64 / 1024.0;
        (sum.0 > 0).then(|| (role.to_string(), sum.0, mib(sum.1), mib(sum.2)))
    });
    Used {
        cpu: (sum(&after) - sum(&before)) * 10.0 / seconds,
        by_role: roles
            .iter()
            .map(|role| {
                let used = of(&after, *role) - of(&before, *role);
                (role.to_string(), used * 10.0 / seconds)
            })
            .filter(|(_, used)| *used > 0.0)
            .collect(),
        fps: (to.saturating_sub(from)) as f64 / seconds,
        memory: memory.collect(),
    }
}

/// The cameras of a cell.
fn cameras(cell: Cell) -> Vec<Camera> {
    (1..=cell.cameras)
        .map(|number| {
            let clip = Clip {
                width: cell.size.0,
                height: cell.size.1,
                ..Clip::new(number)
            };
            Camera::with(clip, CameraOptions::default())
        })
        .collect()
}

/// Runs one cell: rounds of ours and the peer's in turn.
fn run_cell(cell: Cell, pace: Pace) -> Value {
    let cameras = cameras(cell);
    let ours = ours::Ours::new(cell, &cameras);
    let (mut us, mut them) = (Vec::new(), Vec::new());
    let mut encoder = String::new();
    for _ in 0..pace.rounds {
        ours.on_air();
        let arguments = ours.encoder_arguments();
        us.push(ours.measure(pace));
        ours.off_air();
        let peer = peer::Peer::start(cell, &cameras, &arguments);
        encoder = peer.encoder();
        them.push(peer.measure(pace));
    }
    let value = table::cell(cell, &us, &them, &encoder);
    say(&table::line(&value));
    value
}

/// The command: everything, or the cell in `CELL`; `QUICK=1` takes the short form.
#[must_use]
pub fn main() -> ExitCode {
    let quick = std::env::var_os("QUICK").is_some();
    let only = std::env::var("CELL").ok();
    let pace = Pace {
        settle: Duration::from_secs(if quick { 3 } else { 5 }),
        measure: Duration::from_secs(if quick { 8 } else { 10 }),
        rounds: if quick { 1 } else { 3 },
    };
    let wanted = |name: &str| match &only {
        Some(only) => only == name,
        None => !quick || QUICK.contains(&name),
    };
    let mut known = false;
    say(table::HEAD);
    for cell in CELLS.into_iter().filter(|cell| wanted(cell.name)) {
        known = true;
        table::keep(cell.name, &run_cell(cell, pace));
    }
    if wanted("latency") {
        known = true;
        table::keep("latency", &latency::run());
    }
    if wanted("switch") {
        known = true;
        table::keep("switch", &switch::run(if quick { 2 } else { 6 }));
    }
    if !known {
        let names: Vec<&str> = CELLS.iter().map(|cell| cell.name).collect();
        say(&format!(
            "CELL is one of {}, latency, switch",
            names.join(", ")
        ));
        return ExitCode::from(2);
    }
    say(&format!("bench: {}", table::folder().display()));
    ExitCode::SUCCESS
}

/// Median, 95th percentile and number of values.
pub(crate) fn spread(values: &[f64]) -> Value {
    let round = |value: f64| (value * 10.0).round() / 10.0;
    json!({
        "median": round(percentile(values, 0.5)), "p95": round(percentile(values, 0.95)),
        "worst": round(percentile(values, 1.0)), "count": values.len(),
    })
}
