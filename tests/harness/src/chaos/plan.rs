//! Which fault comes when: drawn from the weighted list by a seed, the same for the same seed.

use super::trouble::Trouble;
use crate::Dice;
use std::time::Duration;

/// A fault and the quiet before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Quiet before it.
    pub calm: Duration,
    /// What.
    pub trouble: Trouble,
    /// How long.
    pub lasts: Duration,
}

/// Faults without end, or a list.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Drawn from the weighted list.
    Drawn(Dice),
    /// These, in order.
    Listed(std::vec::IntoIter<Trouble>),
}

impl Plan {
    /// Faults without end.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self::Drawn(Dice::new(seed))
    }

    /// These faults and no more, with a second and a half of quiet before each.
    #[must_use]
    pub fn of(troubles: Vec<Trouble>) -> Self {
        Self::Listed(troubles.into_iter())
    }
}

impl Iterator for Plan {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        match self {
            Self::Listed(list) => list.next().map(|trouble| Planned {
                calm: Duration::from_millis(1500),
                lasts: trouble.lasts(),
                trouble,
            }),
            Self::Drawn(dice) => {
                let all = Trouble::all();
                let sum: u32 = all.iter().map(|(weight, _)| weight).sum();
                let mut left = dice.below(u64::from(sum));
                let trouble = all.iter().find_map(|(weight, trouble)| {
                    let here = left < u64::from(*weight);
                    left = left.saturating_sub(u64::from(*weight));
                    here.then_some(*trouble)
                })?;
                let usual = trouble.lasts();
                Some(Planned {
                    calm: Duration::from_millis(1500 + dice.below(2500)),
                    // Half to one and a half of what is usual.
                    lasts: usual / 2 + usual.mul_f64(dice.below(1000) as f64 / 1000.0),
                    trouble,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_faults_and_another_seed_has_others() {
        let some = |seed| Plan::new(seed).take(50).collect::<Vec<_>>();
        assert_eq!(some(7), some(7));
        assert_ne!(some(7), some(8));
    }

    #[test]
    fn every_fault_comes_up() {
        let drawn: Vec<Trouble> = Plan::new(1).take(3000).map(|one| one.trouble).collect();
        for (_, trouble) in Trouble::all() {
            assert!(drawn.contains(&trouble), "{trouble}");
        }
    }
}
