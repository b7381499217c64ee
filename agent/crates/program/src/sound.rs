//! Which sounds belong to what is shown, and how loud.

use crate::ask::Take;
use model::{AudioFeed, AudioPolicy, FramePlan};
use std::f32::consts::FRAC_PI_2;

/// A source with the sound that it lies over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Voice {
    pub(crate) take: Take,
    /// For [`AudioPolicy::Mix`]: what was heard before it.
    pub(crate) bed: Option<Take>,
}

impl Voice {
    /// `take` after `before`. A second mixed source lies over the same bed as the first.
    pub(crate) fn after(before: Option<Self>, take: Take) -> Self {
        let bed = match (take.audio, before) {
            (AudioPolicy::Mix, Some(before)) => match before.take.audio {
                AudioPolicy::Passthrough => Some(before.take),
                AudioPolicy::Mix => before.bed,
                AudioPolicy::Silence => None,
            },
            (AudioPolicy::Mix | AudioPolicy::Passthrough | AudioPolicy::Silence, _) => None,
        };
        let bed = bed.filter(|bed| bed.shot.input != take.shot.input);
        Self { take, bed }
    }

    /// Adds its sounds to the plan.
    pub(crate) fn add_to(&self, plan: &mut FramePlan, gain: f32, paused: bool) {
        add(plan, &self.take, gain, paused);
        self.add_bed_to(plan, gain, paused);
    }

    /// Adds only what it lies over.
    pub(crate) fn add_bed_to(&self, plan: &mut FramePlan, gain: f32, paused: bool) {
        if let Some(bed) = &self.bed {
            add(plan, bed, gain, paused);
        }
    }
}

/// Adds one source's sound, where it has a say. A film that stands still is silent.
pub(crate) fn add(plan: &mut FramePlan, take: &Take, gain: f32, paused: bool) {
    let still = paused && take.shot.origin.is_some();
    if take.audio == AudioPolicy::Silence || still {
        return;
    }
    // At most four sounds are ever added: two sources, each with a bed.
    plan.push_feed(AudioFeed {
        input: take.shot.input,
        origin: take.shot.origin,
        gain,
    });
}

/// Gains of what is left and what is entered at a progress of 0..=256. Their squares add up to 1, so
/// that the loudness of unrelated sounds stays.
pub(crate) fn equal_power(progress: u16) -> (f32, f32) {
    let angle = f32::from(progress.min(256)) / 256.0 * FRAC_PI_2;
    (angle.cos().max(0.0), angle.sin().min(1.0))
}
