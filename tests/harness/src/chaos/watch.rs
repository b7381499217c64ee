//! What stood still during a run, put beside what the judge saw.
//!
//! Owns the watch on the processors; `excuse` says what follows of it.

use super::excuse::Told;
use super::run::Spare;
use super::world::World;
use crate::form::excused;
use crate::judge::Wrong;
use crate::standstills::Allowance;
use crate::still::Stillness;
use std::time::Duration;

/// What is under way between the mixer and the judge.
const BEHIND: Duration = Duration::from_millis(500);

/// What stood still, and what that may excuse.
pub(super) struct Watch {
    pub(super) stillness: Stillness,
    pub(super) spare: Spare,
}

impl Watch {
    /// What standstills excuse of what the judge got from one time of its own to another.
    pub(super) fn excused(&self, world: &World, from_ns: u64, to_ns: u64) -> Allowance {
        if !self.spare.stands {
            return Allowance::default();
        }
        let (from, to) = (world.live.moment(from_ns), world.live.moment(to_ns));
        let from = from.checked_sub(BEHIND).unwrap_or(from);
        excused(&self.stillness.noted().around(from, to))
    }

    /// The incidents from a place in the list on, of a time that began at `since_ns`.
    pub(super) fn told(&self, world: &World, from: usize, since_ns: u64) -> Vec<Told> {
        let incidents = world.live.incidents(from).into_iter();
        let told = incidents.map(|incident| {
            // What was lost while another camera was on shows when its own is back.
            let from_ns = if incident.wrong == Wrong::Lost {
                since_ns
            } else {
                incident.at_ns
            };
            let to_ns = incident.at_ns + (incident.ms.max(0.0) * 1e6) as u64;
            Told {
                incident,
                stood: self.excused(world, from_ns, to_ns),
            }
        });
        told.collect()
    }
}
