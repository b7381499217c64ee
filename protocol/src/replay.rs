//! Which sequence numbers were there: the window of one stream, state in, state out.

use serde::{Deserialize, Serialize};

/// How many numbers below the highest are remembered one by one.
pub const WINDOW: u64 = 1024;

/// How far ahead of the highest a number may be.
pub const LEAP: u64 = 1 << 20;

/// The numbers that were seen in one stream of one epoch. Streams begin with 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    highest: u64,
    /// Bit `seq % WINDOW`, for `highest − WINDOW < seq ≤ highest`.
    seen: [u64; WINDOW as usize / 64],
}

/// What a window says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeqVerdict {
    /// It was not there.
    Fresh,
    /// It was there.
    Seen,
    /// It is below the window: nobody knows any more.
    TooOld,
    /// It is further ahead than [`LEAP`]: one such number would shut out all that follow.
    TooFar,
}

impl Default for Window {
    fn default() -> Self {
        let mut window = Self {
            highest: 0,
            seen: [0; WINDOW as usize / 64],
        };
        window.set(0);
        window
    }
}

impl Window {
    /// The highest number that was seen; 0 before the first.
    #[must_use]
    pub const fn highest(&self) -> u64 {
        self.highest
    }

    /// Says of a number whether it may come.
    #[must_use]
    pub const fn judge(&self, seq: u64) -> SeqVerdict {
        if seq > self.highest {
            if seq - self.highest > LEAP {
                SeqVerdict::TooFar
            } else {
                SeqVerdict::Fresh
            }
        } else if self.highest - seq >= WINDOW {
            SeqVerdict::TooOld
        } else if self.get(seq) {
            SeqVerdict::Seen
        } else {
            SeqVerdict::Fresh
        }
    }

    /// The window after a number that was [`SeqVerdict::Fresh`]; any other changes nothing.
    #[must_use]
    pub fn marked(mut self, seq: u64) -> Self {
        if self.judge(seq) != SeqVerdict::Fresh {
            return self;
        }
        if seq > self.highest {
            let first = (self.highest + 1).max(seq.saturating_sub(WINDOW - 1));
            for passed in first..=seq {
                self.clear(passed);
            }
            self.highest = seq;
        }
        self.set(seq);
        self
    }

    const fn place(seq: u64) -> (usize, u64) {
        let bit = seq % WINDOW;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    const fn get(&self, seq: u64) -> bool {
        let (word, bit) = Self::place(seq);
        self.seen[word] & bit != 0
    }

    const fn set(&mut self, seq: u64) {
        let (word, bit) = Self::place(seq);
        self.seen[word] |= bit;
    }

    const fn clear(&mut self, seq: u64) {
        let (word, bit) = Self::place(seq);
        self.seen[word] &= !bit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn out_of_order_is_taken_once_inside_the_window_and_never_below_it() {
        let window = Window::default().marked(2000);
        for (seq, verdict) in [
            (2000, SeqVerdict::Seen),
            (1999, SeqVerdict::Fresh),
            (977, SeqVerdict::Fresh),
            (976, SeqVerdict::TooOld),
            (0, SeqVerdict::TooOld),
            (2000 + LEAP, SeqVerdict::Fresh),
            (2001 + LEAP, SeqVerdict::TooFar),
            (u64::MAX, SeqVerdict::TooFar),
        ] {
            assert_eq!(window.judge(seq), verdict, "{seq}");
        }
        assert_eq!(window.marked(977).judge(977), SeqVerdict::Seen);
        assert_eq!(Window::default().judge(0), SeqVerdict::Seen);
    }

    proptest! {
        #[test]
        fn no_number_is_fresh_twice(steps in prop::collection::vec(0_u64..4000, 1..400)) {
            let mut window = Window::default();
            let mut model = BTreeSet::from([0_u64]);
            let mut highest = 0;
            for seq in steps {
                let expected = if model.contains(&seq) && highest - seq < WINDOW {
                    SeqVerdict::Seen
                } else if seq <= highest && highest - seq >= WINDOW {
                    SeqVerdict::TooOld
                } else {
                    SeqVerdict::Fresh
                };
                prop_assert_eq!(window.judge(seq), expected);
                if expected == SeqVerdict::Fresh {
                    model.insert(seq);
                    highest = highest.max(seq);
                }
                window = window.marked(seq);
                prop_assert_eq!(window.highest(), highest);
            }
        }
    }
}
