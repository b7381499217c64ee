//! The course of a run: quiet, fault, recovery, and what of it was more than may be.

use super::plan::Plan;
use super::report::{Episode, Report};
use super::resources::{Role, Sample};
use super::say;
use super::trouble::Trouble;
use super::verdict::judged_clocks;
use super::watch::Watch;
use super::world::World;
use crate::child::until;
use crate::form::{long, longest_step_ms, slack};
use crate::judge::{percentile, spread};
use crate::still::Stillness;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How a run is to go.
#[derive(Debug, Clone)]
pub struct Course {
    /// What it is called.
    pub name: String,
    /// What the faults were drawn with.
    pub seed: u64,
    /// The faults.
    pub plan: Plan,
    /// When no more begin; the end of the list where it is absent.
    pub length: Option<Duration>,
    /// One fault in so much time, instead of one after another.
    pub every: Option<Duration>,
}

/// What a machine may add that is busy with other things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spare {
    /// How many times as long everything may take.
    pub(super) slow: u32,
    /// Frames that may be lost, missing or repeated while nothing is wrong, one here and one there.
    pub(super) frames: u64,
    /// The longest that one of these may be, in milliseconds.
    pub(super) step_ms: f64,
    /// Whether the machine's standstills are excused.
    pub(super) stands: bool,
    /// The share of flashes with a beep that have to be in time. A short list gives a handful of them, of
    /// which one may fall on a frame that is repeated, or into the seconds after a fault.
    pub(super) in_sync: f64,
}

impl Course {
    /// A list of faults is for any machine, unless the long form is asked for; what is drawn, and lasts,
    /// is judged exactly.
    pub(super) fn spare(&self) -> Spare {
        let exact = long() || self.length.is_some();
        Spare {
            slow: if exact { 1 } else { 2 },
            frames: if exact { 0 } else { u64::from(slack()) },
            step_ms: longest_step_ms(),
            stands: !exact,
            in_sync: if exact { 0.95 } else { 0.5 },
        }
    }
}

/// All has to be well for so long before a fault counts as over.
const SETTLED: Duration = Duration::from_millis(1000);
/// How long is waited for a recovery that does not come in time, to say how long it took.
const PATIENCE: Duration = Duration::from_secs(40);
/// Sound against picture while nothing is wrong, in milliseconds.
const OFFSET_MS: f64 = 20.0;
/// Quiet after the last fault.
const END: Duration = Duration::from_secs(5);
/// The same after a list, which is to be short.
const LISTED_END: Duration = Duration::from_secs(2);
/// Program frames against our clock: one, and what arrival makes of it.
const FRAMES_OFF: f64 = 1.5;
/// How long a process that is about to end, or another's successor, may take before it counts.
const SPARE_TIME: Duration = Duration::from_secs(10);
/// The same for each encoder that was lost: the slate and the next encoder each begin somewhere between
/// two frames of the one before.
const FRAMES_OFF_PER_ENCODER: f64 = 2.0;
/// Growth over the run that is no growth: a connection that has not closed yet, a buffer that got
/// its size, a process that is being replaced.
const SPARE_FDS: usize = 16;
/// The same for threads.
const SPARE_THREADS: u64 = 8;
/// The same for the agent's own memory, in KiB.
const SPARE_KIB: u64 = 24 * 1024;

/// Everything that the agent runs.
const ROLES: [Role; 5] = [
    Role::Agent,
    Role::Decoder,
    Role::Encoder,
    Role::MediaMtx,
    Role::Other,
];

/// Runs it to its end and says what came of it.
#[must_use]
pub fn run(course: Course) -> Report {
    let spare = course.spare();
    let watch = Watch {
        stillness: Stillness::watch(),
        spare,
    };
    let mut world = World::start();
    let name = course.name.clone();
    say(&format!("{name}: {}", world.network()));
    // What is warming up still is no growth.
    let _ = until(Duration::from_secs(3), || false);
    let first = world.sample();
    let began = Instant::now();
    let mut report = Report::new(&course, world.network(), first.clone());
    world.live.excuse();
    let mut seen = world.live.incident_count().0;
    let mut calm_from = world.live.now_ns();
    for (number, planned) in (0u32..).zip(course.plan) {
        let quiet = match course.every {
            Some(every) => (every * number).saturating_sub(began.elapsed()),
            None => planned.calm,
        };
        wait(quiet, &world, &mut report);
        if course
            .length
            .is_some_and(|length| began.elapsed() >= length)
        {
            break;
        }
        let calm_to = world.live.now_ns();
        let told = watch.told(&world, seen, calm_from);
        let stood = watch.excused(&world, calm_from, calm_to);
        report.calm(&told, &stood, &world.live.offsets(calm_from, calm_to));
        let from = seen + told.len();
        let episode = endure(&mut world, planned.trouble, planned.lasts, from, &watch);
        say(&format!(
            "{name}: {:>6.1} s  {episode}",
            began.elapsed().as_secs_f64()
        ));
        report.episode(episode, began.elapsed());
        world.live.excuse();
        seen = world.live.incident_count().0;
        calm_from = world.live.now_ns();
    }
    wait(
        course.length.map_or(LISTED_END, |_| END),
        &world,
        &mut report,
    );
    let calm_to = world.live.now_ns();
    let told = watch.told(&world, seen, calm_from);
    let stood = watch.excused(&world, calm_from, calm_to);
    report.calm(&told, &stood, &world.live.offsets(calm_from, calm_to));
    report.stood_ms = watch.excused(&world, 0, calm_to).stood_ms;
    finish(&world, &first, spare, &mut report);
    report
}

/// Quiet time, with a look at the resources now and then.
fn wait(time: Duration, world: &World, report: &mut Report) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        report.resources(|| world.sample());
        let left = end.saturating_duration_since(Instant::now());
        let _ = until(left.min(Duration::from_secs(2)), || false);
    }
}

/// One fault from its beginning to the end of its recovery.
fn endure(
    world: &mut World,
    trouble: Trouble,
    lasts: Duration,
    from: usize,
    watch: &Watch,
) -> Episode {
    let spare = watch.spare;
    let allowed = trouble.allowed().times(spare.slow);
    let encoder = world.agent.encoder_pid();
    let connections = world.steady_connections();
    let mut episode = Episode::new(trouble, world.live.now_ns());
    let done = catch_unwind(AssertUnwindSafe(|| world.inflict(trouble)));
    match done {
        Ok(Ok(())) => {}
        Ok(Err(why)) => episode.failures.push(why),
        Err(_) => episode.failures.push("it could not be done".to_owned()),
    }
    let _ = until(lasts, || false);
    if catch_unwind(AssertUnwindSafe(|| world.undo(trouble))).is_err() {
        episode.failures.push("it could not be undone".to_owned());
    }
    let undone = Instant::now();
    let mut since = None;
    let mut ailing = Vec::new();
    let well = until(allowed.back.max(PATIENCE), || {
        ailing = world.ailing();
        if ailing.is_empty() {
            since.get_or_insert_with(Instant::now).elapsed() >= SETTLED
        } else {
            since = None;
            episode.was(&ailing);
            false
        }
    });
    let back = since.map_or(undone.elapsed(), |since: Instant| since - undone);
    episode.back = back;
    if !well {
        episode.failures.push(format!(
            "not well after {:.0} s: {}",
            back.as_secs_f64(),
            ailing.join(", ")
        ));
    } else if back > allowed.back {
        episode.failures.push(format!(
            "well again after {:.1} s, {:.0} s allowed",
            back.as_secs_f64(),
            allowed.back.as_secs_f64()
        ));
    }
    let told = watch.told(world, from, episode.at_ns);
    episode.judge(&told, spare);
    if !trouble.may_end_the_encoder() && world.agent.encoder_pid() != encoder {
        episode
            .failures
            .push("the encoder is another process".to_owned());
    }
    let touches_server = matches!(
        trouble,
        Trouble::ChildKilled(Role::MediaMtx) | Trouble::ChildStops(Role::MediaMtx)
    );
    if !touches_server && world.steady_connections() != connections {
        episode
            .failures
            .push("the other sink's connection is another one".to_owned());
    }
    episode
}

/// The figures of the whole run.
fn finish(world: &World, first: &Sample, spare: Spare, report: &mut Report) {
    let more = |last: &Sample| {
        ROLES
            .iter()
            .any(|role| last.of_role(*role).0 > first.of_role(*role).0)
    };
    let mut last = world.sample();
    let _ = until(SPARE_TIME, || {
        last = world.sample();
        !more(&last)
    });
    report.close(
        last.clone(),
        world.live.counts(),
        world.live.minutes(),
        world.live.clocks(),
    );
    report.offsets = spread(&report.calm_offsets);
    let encoders = report.episodes.iter();
    let encoders = encoders
        .filter(|one| one.trouble.may_end_the_encoder())
        .count();
    let may_be_off =
        f64::from(spare.slow) * (FRAMES_OFF + FRAMES_OFF_PER_ENCODER * encoders as f64);
    let clocks = judged_clocks(&report.clocks);
    if clocks.is_empty() {
        report
            .failures
            .push("the program's clock was never measured".to_owned());
    }
    for (clock, streams) in clocks {
        let off = (clock.frames + clock.missing) as f64 - clock.due;
        if off.abs() > may_be_off * f64::from(streams) {
            report.failures.push(format!(
                "in {:.0} s the program has {} frames and misses {}, where the clock says {:.1}",
                clock.seconds, clock.frames, clock.missing, clock.due
            ));
        }
    }
    if report.calm_offsets.is_empty() {
        report
            .failures
            .push("sound against picture was never measured".to_owned());
    }
    let sizes: Vec<f64> = report.calm_offsets.iter().map(|ms| ms.abs()).collect();
    if percentile(&sizes, spare.in_sync) > OFFSET_MS {
        report.failures.push(format!(
            "sound against picture in quiet times, ms: {sizes:.1?}"
        ));
    }
    for role in ROLES {
        let (before, after) = (first.of_role(role), last.of_role(role));
        if after.0 > before.0 {
            report.failures.push(format!(
                "{role}: {} processes, {} before",
                after.0, before.0
            ));
        }
        if after.1 > before.1 + SPARE_FDS {
            report.failures.push(format!(
                "{role}: {} file descriptors, {} before",
                after.1, before.1
            ));
        }
        if after.2 > before.2 + SPARE_THREADS {
            report
                .failures
                .push(format!("{role}: {} threads, {} before", after.2, before.2));
        }
    }
    let (before, after) = (first.of_role(Role::Agent).3, last.of_role(Role::Agent).3);
    if after > before + SPARE_KIB {
        report
            .failures
            .push(format!("agent: {after} KiB resident, {before} before"));
    }
}
