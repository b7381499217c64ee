//! Whose fault it is that every source is lost at once: theirs, or this machine's.
//!
//! Owns the one decision. A machine that was held up (a tick that came late, an encoder that does not
//! keep up) has not read its sources either, and they all look lost at the same moment. Stepping down
//! then would show a fault that is not there; the last pictures stand instead, but not for long.

use model::{FrameRate, InputHealth, InputId, InputState, Strain};

/// A tick that begins so late means that the machine was held up, microseconds.
const LATE_US: u32 = 100_000;

/// The memory of the decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overload {
    /// How long a late tick is remembered, in frames.
    memory: u64,
    /// How long the machine may take the blame, in frames.
    patience: u64,
    /// The frame until which the last late tick is remembered.
    strained_until: u64,
    /// The frame since which every live source is lost, and whether that was blamed on the machine.
    all_lost: Option<(u64, bool)>,
    blames_us: bool,
}

impl Overload {
    pub(crate) fn new(rate: FrameRate) -> Self {
        Self {
            memory: rate.frames_in(1.0),
            patience: rate.frames_in(2.0),
            strained_until: 0,
            all_lost: None,
            blames_us: false,
        }
    }

    /// Whether sources that are lost at frame `n` are lost by the machine's own fault: all of them
    /// were lost at a moment at which it was late, at most two seconds ago. Frames come in order.
    pub(crate) fn step(&mut self, n: u64, now: Strain) -> bool {
        if now.late_us >= LATE_US || now.encoder_full {
            self.strained_until = n.saturating_add(self.memory);
        }
        if now.live == 0 || now.lost < now.live {
            self.all_lost = None;
            self.blames_us = false;
            return false;
        }
        let (since, ours) = *self.all_lost.get_or_insert((n, n < self.strained_until));
        self.blames_us = ours && n.saturating_sub(since) < self.patience;
        self.blames_us
    }

    /// The decision at the last frame.
    pub(crate) const fn blames_us(&self) -> bool {
        self.blames_us
    }
}

/// The inputs as the ladder sees them: while the machine takes the blame, none of them is lost.
pub(crate) struct Patient<'a> {
    pub(crate) inputs: &'a dyn InputHealth,
    pub(crate) overloaded: bool,
}

impl InputHealth for Patient<'_> {
    fn state(&self, input: InputId) -> InputState {
        match self.inputs.state(input) {
            InputState::Lost if self.overloaded => InputState::Held,
            state => state,
        }
    }

    fn strain(&self) -> Strain {
        self.inputs.strain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strain(late_ms: u32, encoder_full: bool, live: u16, lost: u16) -> Strain {
        Strain {
            late_us: late_ms * 1000,
            encoder_full,
            live,
            lost,
        }
    }

    /// Plays what was seen at some frames, nothing new in between; gives the frames that were blamed.
    fn blamed(seen: &[(u64, Strain)]) -> Vec<u64> {
        let mut overload = Overload::new(FrameRate::THIRTY);
        let mut now = Strain::default();
        let mut frames = Vec::new();
        for n in 0..200 {
            let new = seen.iter().find(|(at, _)| *at == n);
            // Lateness is of one frame; how many are lost stays.
            now = new.map_or(
                Strain {
                    late_us: 0,
                    encoder_full: false,
                    ..now
                },
                |(_, strain)| *strain,
            );
            if overload.step(n, now) {
                frames.push(n);
            }
        }
        frames
    }

    #[test]
    fn the_machine_takes_the_blame_only_for_all_sources_at_once_while_it_was_late() {
        let range = |from: u64, to: u64| (from..to).collect::<Vec<_>>();
        for (name, seen, expected) in [
            (
                "one of two lost",
                &[(5, strain(500, true, 2, 1))][..],
                vec![],
            ),
            (
                "all lost, never late",
                &[(5, strain(0, false, 2, 2))],
                vec![],
            ),
            ("a little late", &[(5, strain(99, false, 2, 2))], vec![]),
            (
                "held up for half a second",
                &[(5, strain(500, false, 2, 2)), (9, strain(0, false, 2, 0))],
                range(5, 9),
            ),
            (
                "late, and lost soon after",
                &[(5, strain(200, false, 2, 0)), (20, strain(0, false, 2, 2))],
                range(20, 80),
            ),
            (
                "late, and lost long after",
                &[(5, strain(200, false, 2, 0)), (35, strain(0, false, 2, 2))],
                vec![],
            ),
            (
                "the encoder does not keep up",
                &[(5, strain(0, true, 1, 1)), (8, strain(0, false, 1, 0))],
                range(5, 8),
            ),
            (
                "lost for good: two seconds and no longer",
                &[
                    (5, strain(500, false, 3, 3)),
                    (90, strain(500, false, 3, 3)),
                ],
                range(5, 65),
            ),
            (
                "lost first, late afterwards",
                &[(5, strain(0, false, 2, 2)), (6, strain(500, false, 2, 2))],
                vec![],
            ),
            (
                "nothing has ever delivered",
                &[(5, strain(500, true, 0, 0))],
                vec![],
            ),
        ] {
            assert_eq!(blamed(seen), expected, "{name}");
        }
    }
}
