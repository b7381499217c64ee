//! Commands over one connection: as many as go through, and how soon each of a few is acknowledged.

use crate::load::{Far, Rhythm, Run};
use crate::table::{figure, row, spread, spread_text};
use crate::{Pace, disk, idle};
use harness::chaos::cpu_s;
use harness::{free_port, percentile, processes_below};
use integration::brokered::{Stage, stage};
use sandbox::Way;
use serde_json::{Value, json};
use std::time::Duration;

/// Commands that may be on their way at once.
const WINDOWS: [usize; 2] = [64, 256];

/// Goals: commands a second, and milliseconds to an acknowledgement at 50 commands a second.
const GOALS: (f64, f64) = (5_000.0, 25.0);

/// Between two commands that come one by one.
const PERIOD: Duration = Duration::from_millis(20);

/// Sent before anything is measured.
const WARM: usize = 200;

/// Processor time by process, in seconds.
#[derive(Clone, Copy)]
struct Spent {
    agent: f64,
    studio: f64,
    broker: f64,
}

impl Spent {
    fn so_far(agent: Option<u32>) -> Self {
        let own = std::process::id();
        let below = processes_below(own);
        let broker = below.iter().find(|(_, line)| line.contains("mosquitto"));
        let of = |id: Option<u32>| id.and_then(cpu_s).unwrap_or(0.0);
        Self {
            agent: of(agent),
            studio: of(Some(own)),
            broker: of(broker.map(|(id, _)| *id)),
        }
    }

    /// Microseconds a command since `before`.
    fn each(self, before: Self, commands: usize) -> [f64; 3] {
        let each = |now: f64, then: f64| (now - then) * 1e6 / commands.max(1) as f64;
        [
            each(self.agent, before.agent),
            each(self.studio, before.studio),
            each(self.broker, before.broker),
        ]
    }
}

/// Bursts of commands with a window; `agent` is the process that does the work, where there is one.
fn bursts(far: &mut Far<'_>, agent: Option<u32>, window: usize, pace: Pace) -> Value {
    let (count, rounds) = pace.burst;
    let _warm = far.exchange(WARM, Rhythm::Window(window));
    let before = Spent::so_far(agent);
    let mut runs: Vec<Run> = Vec::new();
    for _round in 0..rounds {
        let run = far.exchange(count, Rhythm::Window(window));
        let is_whole = run.ended.len() + run.refused == count;
        runs.push(run);
        if !is_whole {
            // What is missing does not come any more, and the next would wait for it too.
            break;
        }
    }
    let sent = count * runs.len();
    let spent = Spent::so_far(agent).each(before, sent);
    let rates: Vec<f64> = runs.iter().map(Run::per_second).collect();
    let accepted: Vec<f64> = runs.iter().flat_map(|run| run.accepted.clone()).collect();
    let ended: usize = runs.iter().map(|run| run.ended.len()).sum();
    let refused: usize = runs.iter().map(|run| run.refused).sum();
    let rounded: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
    let rate = percentile(&rates, 0.5);
    row(
        &format!("commands a second to their end, window {window}"),
        &format!(
            "{rate:.0}/s ({}), {ended} of {sent}, {refused} refused",
            rounded.join(", ")
        ),
    );
    row(
        "  accepted after, ms",
        &spread_text(&accepted, "ms of a full window"),
    );
    row(
        "  processor time a command, µs: agent, Studio, broker",
        &format!("{:.0}, {:.0}, {:.0}", spent[0], spent[1], spent[2]),
    );
    json!({
        "window": window, "per_second": figure(rate), "rounds": rounded, "ended": ended,
        "refused": refused, "sent": sent, "accepted_ms": spread(&accepted),
        "agent_us": figure(spent[0]), "studio_us": figure(spent[1]), "broker_us": figure(spent[2]),
    })
}

/// Commands one by one.
fn steady(far: &mut Far<'_>, pace: Pace) -> Value {
    let count = (pace.steady.as_millis() / PERIOD.as_millis()) as usize;
    let run = far.exchange(count, Rhythm::Every(PERIOD));
    row(
        "accepted, at 50 commands/s",
        &spread_text(&run.accepted, "ms"),
    );
    row("ended, at 50 commands/s", &spread_text(&run.ended, "ms"));
    let bytes = format!("{} and {}", far.sizes.0, far.sizes.1);
    row("bytes of a command and of an acknowledgement", &bytes);
    json!({
        "accepted_ms": spread(&run.accepted), "ended_ms": spread(&run.ended), "refused": run.refused,
        "command_bytes": far.sizes.0, "ack_bytes": far.sizes.1,
    })
}

/// An agent under commands, beside the disk that it waits for.
fn agent(stage: &Stage, far: &mut Far<'_>, pace: Pace) -> Value {
    let (id, sessions) = (stage.agent.id(), stage.count("sessions"));
    let steady = steady(far, pace);
    let syncs = disk::syncs(stage.agent.data());
    row(
        "the disk alone: fdatasync after 4 KiB",
        &spread_text(&syncs, "ms"),
    );
    let most = GOALS.1.max(percentile(&syncs, 0.99) + 5.0);
    row("goal for the accepted, p99", &format!("{most:.1} ms"));
    let bursts: Vec<Value> = WINDOWS
        .iter()
        .map(|window| bursts(far, Some(id), *window, pace))
        .collect();
    row("goal", &format!("{:.0}/s", GOALS.0));
    let ended = stage.count("sessions").saturating_sub(sessions);
    row("connections that ended meanwhile", &ended.to_string());
    let pss = idle::memory(id);
    row(
        "its memory after all of that, PSS",
        &format!("{pss:.1} MiB"),
    );
    json!({
        "steady": steady, "fdatasync_ms": spread(&syncs), "goal_p99_ms": figure(most),
        "bursts": bursts, "goal_per_second": GOALS.0, "connections_ended": ended,
        "pss_mib": figure(pss),
    })
}

/// Over a WebSocket. The same agent is looked at before, while nothing is to be done.
pub(crate) fn by_websocket(pace: Pace) -> Value {
    let stage = stage(&[Way::Socket]);
    let idle = idle::of(&stage.agent, pace);
    let mut far = Far::agent(&stage.studio, &stage.device, false);
    let load = agent(&stage, &mut far, pace);
    json!({ "idle": idle, "agent": load })
}

/// Over mosquitto, beside a client with the same library that answers and does nothing else.
pub(crate) fn by_broker(pace: Pace) -> Value {
    let port = free_port();
    let stage = stage(&[Way::Broker(port)]);
    let mut far = Far::agent(&stage.studio, &stage.device, true);
    let load = agent(&stage, &mut far, pace);
    let name = "bare-1".to_owned();
    let (command, answer) = far.sizes;
    let client = stage.studio.bare(std::slice::from_ref(&name), port, answer);
    if client.came().recv_timeout(Duration::from_secs(20)).is_err() {
        row("a bare client", "is not let in");
    }
    row("the same broker, a client that only answers:", "");
    let mut far = Far::bare(&stage.studio, &name, command);
    let steady = steady(&mut far, pace);
    let bursts: Vec<Value> = WINDOWS
        .iter()
        .map(|window| bursts(&mut far, None, *window, pace))
        .collect();
    json!({ "agent": load, "bare": { "steady": steady, "bursts": bursts } })
}
