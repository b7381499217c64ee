//! Who may start one more encode or decode: whoever the machine can carry by what was measured of it.
//!
//! Owns the ceiling and the bookings of what was let in a moment ago and does not show in the load yet.
//! The arithmetic is pure. Never refuses the program itself, and never touches what runs.

use super::ShowError;
use crate::config::Live;
use crate::telemetry::System;
use engine::trial::Trial;
use runtime::{Clock, SystemClock};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a booking counts: until its load is in the five-second mean.
const BOOKED: Duration = Duration::from_secs(6);
/// Most bookings at once; there are fewer encodes than that.
const LIMIT: usize = 32;

/// What would be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// The encode of a camera that is sent straight to a destination.
    Stream,
    /// The encode of a rendition of the program.
    Rendition,
    /// The decoding of a camera that no cue names.
    Camera,
}

impl Work {
    const fn words(self) -> &'static str {
        match self {
            Self::Stream => "encode another stream",
            Self::Rendition => "encode another size of the program",
            Self::Camera => "decode another camera",
        }
    }
}

/// Whether it is a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Somebody asks for it now.
    New,
    /// It ran until the agent ended, so the machine can carry it.
    Resumed,
}

/// The machine's load, in percent of all cores.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Load {
    /// What is measured; `None` before the first sample.
    busy: Option<f32>,
    /// What was let in since.
    booked: f32,
}

/// What is free of the load under a ceiling, and whether `cost` fits into it.
fn fits(ceiling: f32, load: Load, cost: f32) -> Result<(), f32> {
    let Some(busy) = load.busy else { return Ok(()) };
    let free = (ceiling - busy - load.booked).max(0.0);
    if cost <= free && free > 0.0 {
        Ok(())
    } else {
        Err(free)
    }
}

/// What an encode costs, in percent of all cores. In its trial the encoder had the whole machine: one
/// that was four times as fast as real time needs a quarter of it. An encode of the same kind that runs
/// is a better measure.
fn encode_cost(trial: &Trial, running: Option<f32>) -> f32 {
    let chosen = |tried: &&engine::trial::Tried| tried.candidate == trial.chosen;
    let speed = trial
        .tried
        .iter()
        .filter(chosen)
        .find_map(|tried| tried.speed);
    #[expect(clippy::cast_possible_truncation, reason = "a share in percent")]
    let by_trial = speed.map_or(100.0, |speed| (100.0 / speed.max(1.0)) as f32);
    running.map_or(by_trial, |running| running.min(by_trial))
}

/// Lets work in, or refuses it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admission {
    system: System,
    /// Among them the share of the processor that may be in use: the rest is for what comes in bursts.
    live: Live,
    booked: Arc<Mutex<VecDeque<(Duration, f32)>>>,
}

impl Admission {
    /// By the load of this machine, up to the share of its processor that the settings say.
    #[must_use]
    pub fn new(system: System, live: Live) -> Self {
        Self {
            system,
            live,
            booked: Arc::default(),
        }
    }

    /// Lets one more encode in. `like` is the process of an encode of the same kind that runs.
    ///
    /// # Errors
    /// [`ShowError::Overload`]; nothing was started.
    pub(super) fn encode(
        &self,
        work: Work,
        trial: &Trial,
        like: Option<u32>,
    ) -> Result<(), ShowError> {
        self.encodes(work, trial, like, 1)
    }

    /// Lets so many more encodes in, or none of them.
    ///
    /// # Errors
    /// [`ShowError::Overload`]; nothing was started, and nothing is booked.
    pub(super) fn encodes(
        &self,
        work: Work,
        trial: &Trial,
        like: Option<u32>,
        count: u16,
    ) -> Result<(), ShowError> {
        if count == 0 {
            return Ok(());
        }
        let sample = self.system.sample();
        let running = like.and_then(|pid| sample.cpu.of(pid));
        self.admit(work, encode_cost(trial, running) * f32::from(count))
    }

    /// Lets one more decode in. `like` are the processes of the decodes that run.
    ///
    /// # Errors
    /// [`ShowError::Overload`]; nothing was started.
    pub(super) fn decode(&self, like: &[u32]) -> Result<(), ShowError> {
        let sample = self.system.sample();
        let shares = like.iter().filter_map(|pid| sample.cpu.of(*pid));
        // The dearest of those that run; without one the ceiling alone decides.
        self.admit(Work::Camera, shares.fold(0.0, f32::max))
    }

    fn admit(&self, work: Work, cost: f32) -> Result<(), ShowError> {
        let now = SystemClock.monotonic();
        let sample = self.system.sample();
        let mut booked = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
        booked.retain(|(at, _)| now.saturating_sub(*at) < BOOKED);
        let load = Load {
            busy: (sample.at_ns > 0).then_some(sample.cpu.busy_5s),
            booked: booked.iter().map(|(_, cost)| cost).sum(),
        };
        let ceiling = f32::from(self.live.borrow().program.processor_limit);
        if let Err(free) = fits(ceiling, load, cost) {
            let what = work.words();
            tracing::warn!(what, cost, free, "Refused: the machine cannot carry it.");
            return Err(ShowError::Overload {
                what,
                needs: percent(cost),
                free: percent(free),
            });
        }
        if booked.len() < LIMIT {
            booked.push_back((now, cost));
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 100"
)]
fn percent(share: f32) -> u8 {
    share.clamp(0.0, 100.0).ceil() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::SystemSample;
    use engine::trial::{Chosen, Tried};
    use model::{EncoderName, X264Preset};
    use protocol::HasCode;
    use tokio::sync::watch;

    fn live() -> Live {
        let live = crate::config::Layers::default();
        let live = live.overlaid(&crate::config::Document::new()).unwrap();
        watch::channel(Arc::new(live)).1
    }

    fn trial(speed: f64) -> Trial {
        let chosen = |preset| Chosen {
            name: EncoderName::X264,
            preset,
        };
        let tried = |preset, speed| Tried {
            candidate: chosen(preset),
            speed: Some(speed),
            cause: None,
        };
        Trial {
            chosen: chosen(X264Preset::Veryfast),
            fast_enough: true,
            tried: vec![
                tried(X264Preset::Fast, 1.2),
                tried(X264Preset::Veryfast, speed),
            ],
        }
    }

    #[test]
    fn an_encode_costs_what_its_trial_says_or_less_where_one_runs() {
        for (speed, running, cost) in [
            (4.0, None, 25.0),
            (4.0, Some(10.0), 10.0),
            (4.0, Some(60.0), 25.0),
            (0.5, None, 100.0),
        ] {
            assert!((encode_cost(&trial(speed), running) - cost).abs() < 0.01);
        }
    }

    #[test]
    fn what_fits_under_the_ceiling_is_let_in() {
        let load = |busy, booked| Load {
            busy: Some(busy),
            booked,
        };
        for (case, load, cost, fine) in [
            ("nothing runs", load(0.0, 0.0), 95.0, true),
            ("more than there is", load(0.0, 0.0), 96.0, false),
            ("half", load(50.0, 0.0), 45.0, true),
            ("too much", load(50.0, 0.0), 46.0, false),
            ("booked a moment ago", load(20.0, 50.0), 26.0, false),
            ("full", load(100.0, 0.0), 0.0, false),
            (
                "not measured yet",
                Load {
                    busy: None,
                    booked: 90.0,
                },
                50.0,
                true,
            ),
        ] {
            assert_eq!(fits(95.0, load, cost).is_ok(), fine, "{case}");
        }
    }

    #[test]
    fn of_two_that_ask_at_once_the_second_is_refused_with_what_to_do() {
        let sample = SystemSample {
            at_ns: 1,
            cpu: crate::telemetry::system::CpuSample {
                busy_5s: 30.0,
                ..Default::default()
            },
            ..SystemSample::default()
        };
        let system = System::of(watch::channel(Arc::new(sample)).1);
        let admission = Admission::new(system, live());
        assert_eq!(admission.encode(Work::Stream, &trial(2.5), None), Ok(()));
        let refused = admission
            .encode(Work::Stream, &trial(2.5), None)
            .unwrap_err();
        let problem = refused.problem();
        assert_eq!(problem.code, protocol::Code::EncoderOverload);
        assert!(
            problem.message.contains("encode another stream"),
            "{problem:?}"
        );
        assert!(
            problem.message.contains("40 %") && problem.message.contains("25 %"),
            "{problem:?}"
        );
        assert!(
            problem.remediation.contains("smaller profile"),
            "{problem:?}"
        );
        assert_eq!(admission.decode(&[]), Ok(()));
    }

    #[test]
    fn of_several_encodes_all_are_let_in_or_none_is_booked() {
        let sample = SystemSample {
            at_ns: 1,
            ..SystemSample::default()
        };
        let system = System::of(watch::channel(Arc::new(sample)).1);
        let admission = Admission::new(system, live());
        let ask = |count| admission.encodes(Work::Rendition, &trial(2.5), None, count);
        assert!(ask(3).is_err(), "three need 120 %");
        assert_eq!(ask(2), Ok(()), "what was refused counts");
        assert_eq!(ask(0), Ok(()));
        assert!(ask(1).is_err());
    }
}
