//! What a standstill of the machine explains of what a viewer saw.
//!
//! Pure: incidents and what stood still at their time come in. Decides nothing about faults; `verdict`
//! and `report` ask it beside their own limits.

use crate::judge::{Incident, Wrong};
use crate::standstills::Allowance;
use std::time::Duration;

/// An encoder that does nothing for so long while its watcher runs is taken for hung: where a processor
/// stood still for less, nothing of that ends a stream.
const HUNG: Duration = Duration::from_secs(1);
/// The judge's reader looks at a stream that is there again for two seconds, from a key frame on.
const JOIN_MS: f64 = 4000.0;

/// An incident, and what stood still meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) incident: Incident,
    pub(super) stood: Allowance,
}

impl Told {
    /// How long it may be by reason of that, in milliseconds: a step that is allowed to any machine, and
    /// the standstill. 0 where nothing stood still, and for what no standstill does.
    pub(super) fn excused_ms(&self, step_ms: f64) -> f64 {
        if !self.stood.any() {
            return 0.0;
        }
        let step = step_ms + self.stood.step_ms();
        match self.incident.wrong {
            // A fade that is held has no barcode and does not move: it is read as a still.
            Wrong::Held | Wrong::Still | Wrong::Lost | Wrong::Gap => step,
            Wrong::Outage if self.stood.step >= HUNG => step + JOIN_MS,
            Wrong::SoundHole => self.stood.sound.as_secs_f64() * 1000.0,
            Wrong::Outage | Wrong::Black | Wrong::Back => 0.0,
        }
    }

    /// Whether it is no more than that.
    pub(super) fn excused(&self, step_ms: f64) -> bool {
        let most = self.excused_ms(step_ms);
        most > 0.0 && (0.0..=most).contains(&self.incident.ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(wrong: Wrong, ms: f64, stood_ms: u64) -> Told {
        let length = Duration::from_millis(stood_ms);
        let frames = u32::try_from(stood_ms.div_ceil(33)).unwrap();
        Told {
            incident: Incident {
                wrong,
                at_ns: 0,
                ms,
                frames: 1,
            },
            stood: Allowance {
                missed: 2 * frames,
                missing: frames,
                step: length,
                sound: if stood_ms >= 1100 {
                    length
                } else {
                    Duration::ZERO
                },
                stood_ms: vec![u128::from(stood_ms)],
            },
        }
    }

    #[test]
    fn nothing_is_excused_while_nothing_stands_still() {
        for wrong in [Wrong::Held, Wrong::Still, Wrong::Outage, Wrong::SoundHole] {
            let mut quiet = told(wrong, 67.0, 2000);
            quiet.stood = Allowance::default();
            assert!(!quiet.excused(200.0), "{wrong:?}");
        }
    }

    #[test]
    fn a_picture_stands_as_long_as_the_machine_and_a_step_more() {
        assert!(told(Wrong::Held, 430.0, 230).excused(200.0));
        assert!(!told(Wrong::Held, 431.0, 230).excused(200.0));
        assert!(told(Wrong::Still, 300.0, 230).excused(200.0));
        assert!(!told(Wrong::Still, 10_000.0, 500).excused(200.0));
    }

    #[test]
    fn a_stream_ends_and_sound_is_lost_in_a_long_standstill_only() {
        assert!(!told(Wrong::Outage, 2500.0, 999).excused(200.0));
        assert!(told(Wrong::Outage, 2500.0, 1000).excused(200.0));
        assert!(!told(Wrong::Outage, 6000.0, 1000).excused(200.0));
        assert!(!told(Wrong::SoundHole, 30.0, 1000).excused(200.0));
        assert!(told(Wrong::SoundHole, 300.0, 1400).excused(200.0));
        assert!(!told(Wrong::SoundHole, -300.0, 1400).excused(200.0));
    }

    #[test]
    fn no_standstill_makes_a_program_black_or_its_time_go_back() {
        for wrong in [Wrong::Black, Wrong::Back] {
            assert!(!told(wrong, 33.0, 3000).excused(200.0));
        }
    }
}
