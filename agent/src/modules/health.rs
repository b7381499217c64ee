//! How the agent and its machine are: reports and figures that others have made.

use super::Parts;
use super::command::{HealthCommand, Reply};
use super::fault::{Fault, field};
use super::view::{
    DestinationMetrics, HistoryQuery, HistoryView, MetricsView, StreamMetrics, UptimeView,
};
use crate::health::POINTS;
use crate::show::{DestinationState, ProgramStatus, ShowStatus, StreamState, StreamStatus};
use crate::telemetry::system::CpuSample;
use crate::time::rfc3339;
use protocol::Problem;
use std::collections::BTreeMap;
use std::time::Duration;

/// Minutes of a day.
const DAY: u64 = 24 * 60;

pub(super) fn carry_out(parts: &Parts, command: HealthCommand) -> Result<Reply, Problem> {
    match command {
        HealthCommand::Report => Ok(Reply::Health(Box::new((*parts.health.report()).clone()))),
        HealthCommand::System => Ok(Reply::System(Box::new((*parts.system.sample()).clone()))),
        HealthCommand::Metrics => Ok(Reply::Metrics(Box::new(metrics(parts)))),
        HealthCommand::History(query) => {
            check(query)?;
            let span = Duration::from_secs(query.minutes * 60);
            let rows = parts.history.last(span, query.points);
            Ok(Reply::History(HistoryView { rows }))
        }
    }
}

fn check(query: HistoryQuery) -> Result<(), Fault> {
    if !(1..=DAY).contains(&query.minutes) {
        return Err(field("/minutes", "a history goes back 1 to 1440 minutes"));
    }
    if !(1..=POINTS).contains(&query.points) {
        return Err(field("/points", "a history has 1 to 2000 points"));
    }
    Ok(())
}

pub(super) fn metrics(parts: &Parts) -> MetricsView {
    let show = parts.show.status();
    let system = parts.system.sample();
    let program = show
        .program
        .as_ref()
        .map(|program| of_program(program, &show, &system.cpu));
    let straight = show
        .streams
        .iter()
        .filter(|one| one.state != StreamState::Stopped);
    MetricsView {
        at: rfc3339(parts.clock.wall()),
        health: parts.health.report().status,
        streams: program.into_iter().chain(straight.map(of_stream)).collect(),
        system: (*system).clone(),
        uptime: UptimeView::from(&*parts.uptime.account()),
    }
}

fn megabits(kbps: u32) -> f64 {
    f64::from(kbps) / 1000.0
}

fn of_program(program: &ProgramStatus, show: &ShowStatus, cpu: &CpuSample) -> StreamMetrics {
    let share = program
        .encoder_pid
        .and_then(|pid| cpu.of(pid))
        .map(f64::from);
    let spent = share.filter(|_| program.fps > 0.0).map(|share| {
        let cores = share / 100.0 * f64::from(cpu.cores);
        cores * 1000.0 / program.fps
    });
    let mut destinations = BTreeMap::new();
    for one in &show.destinations {
        let name = if destinations.contains_key(&one.name) {
            format!("{} ({})", one.name, one.id)
        } else {
            one.name.clone()
        };
        let metrics = DestinationMetrics {
            status: one.state,
            bitrate: megabits(one.kbps),
        };
        destinations.insert(name, metrics);
    }
    StreamMetrics {
        name: "program".to_owned(),
        bitrate_current: megabits(program.kbps),
        bitrate_target: Some(megabits(program.kbps_target)),
        framerate_actual: Some(program.fps),
        framerate_target: Some(program.fps_target),
        dropped_frames: Some(program.dropped.saturating_add(program.repeated)),
        encoding_cpu: share,
        encoding_time_ms: spent,
        buffer_fullness: program.buffer_fullness.map(f64::from),
        uptime_seconds: program.uptime_s,
        total_bytes_sent: show
            .destinations
            .iter()
            .fold(0, |sum, one| sum.saturating_add(one.bytes)),
        destinations,
    }
}

fn of_stream(stream: &StreamStatus) -> StreamMetrics {
    let status = match stream.state {
        StreamState::Stopped => DestinationState::Idle,
        StreamState::Starting => DestinationState::Connecting,
        StreamState::Running | StreamState::Degraded => DestinationState::Active,
        StreamState::Restarting => DestinationState::Retrying,
        StreamState::Failed => DestinationState::Failed,
    };
    let bitrate = megabits(stream.kbps);
    StreamMetrics {
        name: stream.id.to_string(),
        bitrate_current: bitrate,
        bitrate_target: None,
        framerate_actual: None,
        framerate_target: None,
        dropped_frames: None,
        encoding_cpu: None,
        encoding_time_ms: None,
        buffer_fullness: None,
        uptime_seconds: stream.uptime_s,
        total_bytes_sent: stream.bytes,
        destinations: BTreeMap::from([(
            "destination".to_owned(),
            DestinationMetrics { status, bitrate },
        )]),
    }
}
