//! Tables of the bus: what is asked, how the inputs do, what is on air.

use crate::*;
use model::{
    AudioPolicy, FramePlan, FrameRate, InputHealth, InputId, InputState, Picture, Shot, Strain,
    Transition,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

mod air;
mod heard;
mod hostile;

pub(crate) const A: InputId = InputId(1);
pub(crate) const B: InputId = InputId(2);
pub(crate) const BACKUP: InputId = InputId(3);
pub(crate) const SHOW_BACKUP: InputId = InputId(5);
pub(crate) const SLATE: InputId = InputId(4);
pub(crate) const PATTERN: InputId = InputId(9);

#[derive(Default)]
pub(crate) struct Inputs(RefCell<HashMap<InputId, InputState>>, Cell<Strain>);

impl InputHealth for Inputs {
    fn state(&self, input: InputId) -> InputState {
        let known = self.0.borrow().get(&input).copied();
        known.unwrap_or(InputState::Absent)
    }

    fn strain(&self) -> Strain {
        self.1.get()
    }
}

impl Inputs {
    pub(crate) fn fresh(inputs: &[InputId]) -> Self {
        let all = Self::default();
        for input in inputs {
            all.set(*input, InputState::Fresh);
        }
        all.set(PATTERN, InputState::Fresh);
        all
    }

    pub(crate) fn set(&self, input: InputId, state: InputState) {
        self.0.borrow_mut().insert(input, state);
    }

    pub(crate) fn strained(&self, late_us: u32, live: u16, lost: u16) {
        self.1.set(Strain {
            late_us,
            encoder_full: false,
            live,
            lost,
        });
    }
}

pub(crate) fn take(input: InputId) -> Take {
    Take {
        shot: Shot {
            input,
            origin: None,
        },
        audio: AudioPolicy::Passthrough,
        live: true,
    }
}

pub(crate) fn fade(from: Take, to: Take, progress: u16) -> Ask {
    Ask {
        entering: Some(Entering {
            from: Some(from),
            kind: Transition::Mix,
            progress,
        }),
        ..Ask::only(to)
    }
}

pub(crate) fn bus() -> Bus {
    Bus::new(FrameRate::THIRTY, PATTERN)
}

pub(crate) fn shown(plan: &FramePlan) -> (InputId, Option<(InputId, u16)>) {
    match plan.picture {
        Picture::One(shot) => (shot.input, None),
        Picture::Two {
            from, to, progress, ..
        } => (to.input, Some((from.input, progress))),
    }
}

pub(crate) fn sounds(plan: &FramePlan) -> Vec<(InputId, f32)> {
    let mut all: Vec<_> = plan.feeds().iter().map(|f| (f.input, f.gain)).collect();
    all.sort_by_key(|(input, _)| *input);
    all
}
