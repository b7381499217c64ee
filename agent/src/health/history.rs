//! The last 24 hours in figures: one row each ten seconds, in memory.
//!
//! Owns the ring and its bound (8640 rows, under a megabyte). A restart begins anew.

use super::seen::ProgramSeen;
use crate::show::{DestinationState, ShowStatus};
use crate::telemetry::SystemSample;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;

/// Between two rows.
const PERIOD: Duration = Duration::from_secs(10);
/// Rows that are kept: 24 hours.
const ROWS: usize = 8640;
/// Most rows of an answer.
pub const POINTS: usize = 2000;

/// The figures of ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, ToSchema)]
pub struct Row {
    /// When, in seconds since 1970 UTC.
    pub at: u64,
    /// Busy processor, 0 to 100 of all cores.
    pub cpu: f32,
    /// The agent's and its children's part of it.
    pub agent_cpu: f32,
    /// The encoder's part of it, where one runs.
    pub encoding_cpu: Option<f32>,
    /// Memory that programs could still get, in bytes.
    pub memory_available: u64,
    /// Memory of the agent and its children, in bytes.
    pub agent_memory: u64,
    /// How full the data folder's file system is, 0 to 100.
    pub disk_used: f32,
    /// Received, in bits a second.
    pub rx_bps: u64,
    /// Sent, in bits a second.
    pub tx_bps: u64,
    /// Degrees Celsius, where there is a sensor.
    pub temperature_c: Option<f32>,
    /// Frames a second of the program; 0 while none runs.
    pub fps: f32,
    /// Bit rate of the program in kilobits a second.
    pub kbps: u32,
    /// Frames of the program that were dropped or repeated since the row before.
    pub lost: u32,
    /// Restarts of the encoder since the row before.
    pub encoder_restarts: u32,
    /// Destinations that are wanted.
    pub destinations: u16,
    /// Of them, those that take the program.
    pub active: u16,
    /// What they take together, in kilobits a second.
    pub sent_kbps: u32,
}

/// Counters of the row before.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    lost: u64,
    restarts: u64,
}

#[derive(Debug, Default)]
struct Ring {
    rows: VecDeque<Row>,
    due: Duration,
    before: Counters,
}

/// The last 24 hours. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct History {
    ring: Arc<Mutex<Ring>>,
}

impl History {
    /// Takes the figures at `now` of the monotonic clock, where a row is due.
    pub fn take(
        &self,
        now: Duration,
        wall: SystemTime,
        show: &ShowStatus,
        program: Option<&ProgramSeen>,
        machine: &SystemSample,
    ) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if now < ring.due {
            return;
        }
        ring.due = now + PERIOD;
        let counters = show
            .program
            .as_ref()
            .map_or_else(Counters::default, |program| Counters {
                lost: program.dropped.saturating_add(program.repeated),
                restarts: program.encoder_restarts,
            });
        let before = std::mem::replace(&mut ring.before, counters);
        let since = |now: u64, was: u64| {
            // Another program counts from 0.
            let more = if now < was { now } else { now - was };
            u32::try_from(more).unwrap_or(u32::MAX)
        };
        let row = Row {
            lost: since(counters.lost, before.lost),
            encoder_restarts: since(counters.restarts, before.restarts),
            ..row(wall, show, program, machine)
        };
        if ring.rows.len() == ROWS {
            ring.rows.pop_front();
        }
        ring.rows.push_back(row);
    }

    /// The rows of the last `span`, the oldest first: at most `points` of them, evenly chosen, the
    /// newest always among them.
    #[must_use]
    pub fn last(&self, span: Duration, points: usize) -> Vec<Row> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = usize::try_from(span.as_secs().div_ceil(PERIOD.as_secs())).unwrap_or(ROWS);
        let count = wanted.min(ring.rows.len());
        let step = count.div_ceil(points.clamp(1, POINTS)).max(1);
        let mut rows: Vec<Row> = ring
            .rows
            .iter()
            .rev()
            .take(count)
            .step_by(step)
            .copied()
            .collect();
        rows.reverse();
        rows
    }
}

fn row(
    wall: SystemTime,
    show: &ShowStatus,
    program: Option<&ProgramSeen>,
    machine: &SystemSample,
) -> Row {
    let status = show.program.as_ref();
    let active = show
        .destinations
        .iter()
        .filter(|one| one.state == DestinationState::Active);
    let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "some tens")]
    let fps = status.map_or(0.0, |status| status.fps as f32);
    Row {
        at: wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
        cpu: machine.cpu.busy_5s,
        agent_cpu: machine.cpu.ours,
        encoding_cpu: program.and_then(|program| program.encoder_cpu),
        memory_available: machine.memory.available,
        agent_memory: machine.memory.ours,
        disk_used: machine.disk.used_percent(),
        rx_bps: machine.network.rx_bps,
        tx_bps: machine.network.tx_bps,
        temperature_c: machine.temperature_c,
        fps,
        kbps: status.map_or(0, |status| status.kbps),
        lost: 0,
        encoder_restarts: 0,
        destinations: count(show.destinations.len()),
        active: count(active.clone().count()),
        sent_kbps: active.fold(0, |sum: u32, one| sum.saturating_add(one.kbps)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::ProgramStatus;

    fn fill(history: &History, seconds: std::ops::Range<u64>, dropped: impl Fn(u64) -> u64) {
        for second in seconds {
            let show = ShowStatus {
                program: Some(ProgramStatus {
                    dropped: dropped(second),
                    ..ProgramStatus::default()
                }),
                ..ShowStatus::default()
            };
            let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let machine = SystemSample::default();
            history.take(Duration::from_secs(second), wall, &show, None, &machine);
        }
    }

    #[test]
    fn there_is_a_row_each_ten_seconds_and_a_day_of_them() {
        let history = History::default();
        fill(&history, 0..100_000, |_| 0);
        let day = Duration::from_secs(86_400);
        let rows = history.last(day, POINTS);
        let last = rows.last().unwrap();
        assert_eq!(last.at, 99_990);
        assert!(
            rows.len() <= POINTS && rows.len() > POINTS / 2,
            "{}",
            rows.len()
        );
        assert!(rows.first().unwrap().at >= 99_990 - 86_400);
        assert_eq!(history.ring.lock().unwrap().rows.len(), ROWS);
        assert!(size_of::<Row>() * ROWS < 1 << 20);
        let minute = history.last(Duration::from_secs(60), 100);
        assert_eq!(minute.len(), 6);
        assert!(minute.windows(2).all(|two| two[1].at == two[0].at + 10));
    }

    #[test]
    fn losses_are_those_since_the_row_before_and_a_new_program_begins_at_nothing() {
        let history = History::default();
        fill(&history, 0..50, |second| {
            if second < 30 { second } else { second - 30 }
        });
        let lost: Vec<u32> = history
            .last(Duration::from_secs(60), 10)
            .iter()
            .map(|row| row.lost)
            .collect();
        assert_eq!(lost, [0, 10, 10, 0, 10]);
    }

    #[test]
    fn a_history_without_rows_answers_nothing() {
        assert!(
            History::default()
                .last(Duration::from_secs(60), 0)
                .is_empty()
        );
    }
}
