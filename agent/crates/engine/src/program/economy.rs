//! What the mixer spares the encoders: frames.
//!
//! Owns which frames are composed and encoded, and which are left out while the machine is too busy.
//! The program's clock and the numbers of its frames do not change by it. Whether frames are left out
//! is decided elsewhere; what it saves, and why less detail saves nothing, is decision 0013.

use model::Picture;

/// The mixer's economies; none at first.
#[derive(Debug)]
pub(super) struct Economy {
    every: u64,
    /// What the last frame that was wanted showed.
    picture: Option<Picture>,
}

impl Default for Economy {
    fn default() -> Self {
        Self {
            every: 1,
            picture: None,
        }
    }
}

impl Economy {
    /// Wants one of `every` frames from now on; 0 means all of them, as 1 does.
    pub(super) fn set(&mut self, every: u32) {
        self.every = u64::from(every.max(1));
    }

    /// Whether frame `n` is wanted. The first frame after a cut always is.
    pub(super) fn wants(&mut self, n: u64, picture: Picture) -> bool {
        let cut = self.picture.is_none_or(|before| is_cut(before, picture));
        let wanted = cut || n.is_multiple_of(self.every);
        if wanted {
            self.picture = Some(picture);
        }
        wanted
    }
}

/// Whether a viewer sees another source, or the same in another way.
fn is_cut(before: Picture, now: Picture) -> bool {
    match (before, now) {
        (Picture::One(a), Picture::One(b)) => a.input != b.input,
        (Picture::Two { from: a, to: b, .. }, Picture::Two { from: c, to: d, .. }) => {
            (a.input, b.input) != (c.input, d.input)
        }
        (Picture::One(_), Picture::Two { .. }) | (Picture::Two { .. }, Picture::One(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{InputId, Shot, Transition};

    fn shot(input: u32) -> Shot {
        Shot {
            input: InputId(input),
            origin: None,
        }
    }

    #[test]
    fn every_other_frame_is_wanted_and_every_cut() {
        let mut economy = Economy::default();
        let one = |input| Picture::One(shot(input));
        assert!((0..10).all(|n| economy.wants(n, one(1))));
        economy.set(2);
        let wanted: Vec<u64> = (10..20)
            .filter(|n| economy.wants(*n, one(if *n < 15 { 1 } else { 2 })))
            .collect();
        assert_eq!(wanted, [10, 12, 14, 15, 16, 18]);
        // An absurd number is no economy.
        economy.set(0);
        assert!((20..30).all(|n| economy.wants(n, one(2))));
    }

    #[test]
    fn a_fade_begins_and_ends_on_its_frames() {
        let mut economy = Economy::default();
        economy.set(3);
        let fade = |progress| Picture::Two {
            from: shot(1),
            to: shot(2),
            kind: Transition::Mix,
            progress,
        };
        let wanted: Vec<u64> = (0..20)
            .filter(|n| {
                let picture = match *n {
                    0..4 => Picture::One(shot(1)),
                    4..14 => fade(u16::try_from(n * 16).unwrap()),
                    _ => Picture::One(shot(2)),
                };
                economy.wants(*n, picture)
            })
            .collect();
        assert_eq!(wanted, [0, 3, 4, 6, 9, 12, 14, 15, 18]);
    }
}
