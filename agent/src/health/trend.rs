//! Rates out of counters: what the program lost, and whether its encoder makes progress. Pure.

use super::seen::ProgramSeen;
use crate::show::ProgramStatus;
use crate::telemetry::SystemSample;
use std::collections::VecDeque;
use std::time::Duration;

/// Over how long lost frames are counted.
const LOST: Duration = Duration::from_secs(5);
/// Over how long restarts are counted.
const RESTARTS: Duration = Duration::from_secs(60);
/// A restart counts with those before it for so long: what caused it may be over.
const RECENT: Duration = Duration::from_secs(10);
/// Between two points.
const STEP: Duration = Duration::from_millis(900);

/// The counters at one moment.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: Duration,
    frames: u64,
    lost: u64,
    restarts: u64,
}

/// The last minute of a program's counters.
#[derive(Debug, Default)]
pub(super) struct Trend {
    points: VecDeque<Point>,
    /// The encoder's count of frames, and when it last changed.
    progress: Option<(u64, Duration)>,
}

impl Trend {
    /// Takes the counters at `now`. Another program begins anew.
    pub(super) fn take(
        &mut self,
        now: Duration,
        program: Option<&ProgramStatus>,
        machine: &SystemSample,
    ) -> Option<ProgramSeen> {
        let Some(program) = program else {
            *self = Self::default();
            return None;
        };
        let point = Point {
            at: now,
            frames: program.frames,
            lost: program.dropped.saturating_add(program.repeated),
            restarts: program.encoder_restarts,
        };
        let last = self.points.back();
        if last.is_some_and(|last| point.frames < last.frames || point.restarts < last.restarts) {
            *self = Self::default();
        }
        if self
            .points
            .back()
            .is_none_or(|last| now.saturating_sub(last.at) >= STEP)
        {
            self.points.push_back(point);
        }
        while self
            .points
            .front()
            .is_some_and(|first| now.saturating_sub(first.at) > RESTARTS)
        {
            self.points.pop_front();
        }
        let moved = self
            .progress
            .filter(|(frames, _)| *frames == program.encoded);
        let (_, since) = *self
            .progress
            .insert(moved.unwrap_or((program.encoded, now)));
        Some(ProgramSeen {
            lost_per_s: self.lost_per_s(point),
            encoder_cpu: program.encoder_pid.and_then(|pid| machine.cpu.of(pid)),
            silent_s: now.saturating_sub(since).as_secs_f32(),
            restarts: self.restarts(point),
            buffer: program.buffer_fullness,
        })
    }

    /// Restarts over the last minute, where one of them is recent.
    fn restarts(&self, now: Point) -> u64 {
        let since = |limit: Duration| {
            let young = |point: &&Point| now.at.saturating_sub(point.at) <= limit;
            let first = self.points.iter().find(young);
            first.map_or(0, |first| now.restarts.saturating_sub(first.restarts))
        };
        if since(RECENT) > 0 {
            since(RESTARTS)
        } else {
            0
        }
    }

    fn lost_per_s(&self, now: Point) -> f32 {
        let window = self
            .points
            .iter()
            .find(|point| now.at.saturating_sub(point.at) <= LOST + STEP);
        let Some(first) = window else { return 0.0 };
        let seconds = now.at.saturating_sub(first.at).as_secs_f32();
        // A count of frames: exact far beyond what a program can lose.
        let lost = u16::try_from(now.lost.saturating_sub(first.lost)).unwrap_or(u16::MAX);
        if seconds < 1.0 {
            return 0.0;
        }
        f32::from(lost) / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn program(frames: u64, dropped: u64, encoded: u64, restarts: u64) -> ProgramStatus {
        ProgramStatus {
            frames,
            dropped,
            encoded,
            encoder_restarts: restarts,
            ..ProgramStatus::default()
        }
    }

    #[test]
    fn losses_are_counted_over_five_seconds() {
        let mut trend = Trend::default();
        let none = SystemSample::default();
        let mut seen = ProgramSeen::default();
        for second in 0..=20 {
            let dropped = if second < 10 { 0 } else { (second - 10) * 8 };
            let now = program(second * 30, dropped, second * 30, 0);
            seen = trend.take(at(second), Some(&now), &none).unwrap();
            if second == 10 {
                assert!(seen.lost_per_s < 0.1, "{seen:?}");
            }
        }
        assert!((seen.lost_per_s - 8.0).abs() < 0.1, "{seen:?}");
        assert!(seen.silent_s < 0.1);
    }

    #[test]
    fn an_encoder_that_stands_is_silent_and_one_that_restarts_is_counted() {
        let mut trend = Trend::default();
        let none = SystemSample::default();
        let mut silent = 0.0;
        for second in 0..6 {
            let now = program(second * 30, 0, 90.min(second * 30), second / 2);
            let seen = trend.take(at(second), Some(&now), &none).unwrap();
            silent = seen.silent_s;
            assert_eq!(seen.restarts, second / 2);
        }
        assert!((silent - 2.0).abs() < 0.1, "{silent}");
        for second in 6..=13 {
            let now = program(second * 30, 0, 91, 2);
            let seen = trend.take(at(second), Some(&now), &none).unwrap();
            assert_eq!(seen.restarts, 2, "{second}");
        }
        let quiet = trend.take(at(14), Some(&program(420, 0, 91, 2)), &none);
        assert_eq!(quiet.unwrap().restarts, 0);
        let later = trend.take(at(100), Some(&program(3000, 0, 91, 2)), &none);
        assert_eq!(later.unwrap().restarts, 0);
    }

    #[test]
    fn another_program_begins_anew() {
        let mut trend = Trend::default();
        let none = SystemSample::default();
        trend.take(at(0), Some(&program(900, 500, 900, 3)), &none);
        let seen = trend.take(at(2), Some(&program(30, 0, 30, 0)), &none);
        assert_eq!(seen.unwrap().restarts, 0);
        assert!(trend.take(at(3), None, &none).is_none());
        let seen = trend.take(at(9), Some(&program(30, 0, 30, 0)), &none);
        assert!(seen.unwrap().silent_s < 0.1);
    }
}
