//! Who has what: claims of shows, commands and operators on targets, and who gives way to whom.
//!
//! Emergency before Studio before schedule before manual. A stronger claim, or a newer one of the same
//! rank, takes a target; the one before is remembered and comes back when the winner ends. An operator's
//! hold is another thing: it keeps Studio and the schedule off until it is released or runs out.

use protocol::MessageId;
use protocol::command::{Target, TargetKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long an operator's hold lasts unless it is renewed, in milliseconds.
pub const HOLD_MS: u64 = 30 * 60 * 1000;

/// Where a wish comes from; the first is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An emergency stop.
    Emergency,
    /// A command.
    Studio,
    /// The schedule.
    Schedule,
    /// An operator, without a hold.
    Manual,
}

/// Something that has targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Names it until it is released; for a command its message id.
    pub id: MessageId,
    /// Where it comes from.
    pub origin: Origin,
    /// What it has.
    pub targets: Vec<Target>,
}

/// Claims that gave way.
pub type Preempted = Vec<MessageId>;

/// Who has what now.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    held: Vec<Claim>,
    /// A claim that gave way, and to which others. It comes back when all of them are gone.
    parked: Vec<(Claim, Vec<MessageId>)>,
    /// What operators hold, and until when by the clock that counts from boot.
    holds: BTreeMap<Target, u64>,
}

fn meet(some: &[Target], others: &[Target]) -> bool {
    some.iter()
        .any(|one| others.iter().any(|other| one.meets(other)))
}

impl Claims {
    /// Takes targets; what has them gives way.
    ///
    /// # Errors
    /// The stronger claim that has one of them; nothing changes then.
    pub fn take(&mut self, claim: Claim) -> Result<Preempted, MessageId> {
        let stronger = self
            .held
            .iter()
            .find(|held| held.origin < claim.origin && meet(&held.targets, &claim.targets));
        if let Some(stronger) = stronger {
            return Err(stronger.id.clone());
        }
        let (losing, staying): (Vec<Claim>, Vec<Claim>) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held| held.id != claim.id && meet(&held.targets, &claim.targets));
        self.held = staying;
        self.held.retain(|held| held.id != claim.id);
        let preempted = losing.iter().map(|lost| lost.id.clone()).collect();
        for lost in losing {
            self.parked.push((lost, vec![claim.id.clone()]));
        }
        for (parked, by) in &mut self.parked {
            if meet(&parked.targets, &claim.targets) && !by.contains(&claim.id) {
                by.push(claim.id.clone());
            }
        }
        self.held.push(claim);
        Ok(preempted)
    }

    /// The claim that has one of these targets.
    #[must_use]
    pub fn holder(&self, targets: &[Target]) -> Option<&Claim> {
        self.held.iter().find(|held| meet(&held.targets, targets))
    }

    /// Ends a claim, whether it has its targets or waits for them. Gives those that come back.
    pub fn release(&mut self, id: &MessageId) -> Vec<MessageId> {
        self.held.retain(|held| held.id != *id);
        self.parked.retain(|(parked, _)| parked.id != *id);
        for (_, by) in &mut self.parked {
            by.retain(|winner| winner != id);
        }
        // The last that gave way comes back first, and may keep out those before it.
        let mut back = Vec::new();
        for at in (0..self.parked.len()).rev() {
            let (claim, by) = &self.parked[at];
            if by.is_empty() && self.holder(&claim.targets).is_none() {
                let (claim, _) = self.parked.remove(at);
                back.push(claim.id.clone());
                self.held.push(claim);
            }
        }
        back
    }

    /// Ends every claim on what an emergency stop covers; none of them comes back.
    pub fn clear(&mut self, covers: impl Fn(&Target) -> bool) {
        let spared = |claim: &Claim| !claim.targets.iter().any(&covers);
        self.held.retain(|claim| spared(claim));
        self.parked.retain(|(claim, _)| spared(claim));
    }

    /// An operator holds a target, or renews the hold.
    pub fn hold(&mut self, target: Target, boot_ms: u64) {
        self.holds.insert(target, boot_ms.saturating_add(HOLD_MS));
    }

    /// Ends a hold; says whether there was one.
    pub fn unhold(&mut self, target: &Target) -> bool {
        self.holds.remove(target).is_some()
    }

    /// Holds that have run out; they are gone then.
    pub fn run_out(&mut self, boot_ms: u64) -> Vec<Target> {
        let over: Vec<Target> = self
            .holds
            .iter()
            .filter(|(_, until)| **until <= boot_ms)
            .map(|(target, _)| target.clone())
            .collect();
        for target in &over {
            self.holds.remove(target);
        }
        over
    }

    /// Whether an operator holds one of these targets.
    #[must_use]
    pub fn is_held(&self, targets: &[Target]) -> bool {
        self.holds
            .keys()
            .any(|held| targets.iter().any(|target| target.meets(held)))
    }

    /// What is held, for a page to show.
    pub fn holds(&self) -> impl Iterator<Item = &Target> {
        self.holds.keys()
    }
}

/// The kinds that an operator can hold.
#[must_use]
pub(crate) const fn can_be_held(kind: TargetKind) -> bool {
    matches!(
        kind,
        TargetKind::Program | TargetKind::Overlay | TargetKind::Destination | TargetKind::Head
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Id;

    fn id(n: u8) -> MessageId {
        MessageId::parse(format!("00000000-0000-0000-0000-0000000000{n:02x}")).unwrap()
    }

    fn claim(n: u8, origin: Origin, targets: &[Target]) -> Claim {
        Claim {
            id: id(n),
            origin,
            targets: targets.to_vec(),
        }
    }

    fn program() -> Target {
        Target::all(TargetKind::Program)
    }

    fn destination(name: &str) -> Target {
        Target::one(TargetKind::Destination, Id::parse(name).unwrap())
    }

    #[test]
    fn the_order_of_origins_decides_and_the_newer_wins_among_equals() {
        use Origin::{Emergency, Manual, Schedule, Studio};
        for (first, second, wins) in [
            (Manual, Schedule, true),
            (Schedule, Studio, true),
            (Studio, Emergency, true),
            (Studio, Studio, true),
            (Manual, Manual, true),
            (Schedule, Manual, false),
            (Studio, Schedule, false),
            (Studio, Manual, false),
            (Emergency, Studio, false),
        ] {
            let mut claims = Claims::default();
            claims.take(claim(1, first, &[program()])).unwrap();
            let answer = claims.take(claim(2, second, &[program()]));
            assert_eq!(answer.is_ok(), wins, "{second:?} over {first:?}");
            let holder = claims.holder(&[program()]).unwrap();
            assert_eq!(holder.id, id(if wins { 2 } else { 1 }));
        }
    }

    #[test]
    fn what_gave_way_comes_back_when_the_winner_ends() {
        let mut claims = Claims::default();
        claims
            .take(claim(1, Origin::Schedule, &[program(), destination("a")]))
            .unwrap();
        assert_eq!(
            claims.take(claim(2, Origin::Studio, &[program()])).unwrap(),
            [id(1)]
        );
        // A third takes what the first would need to come back.
        claims
            .take(claim(3, Origin::Studio, &[destination("a")]))
            .unwrap();
        assert!(claims.release(&id(2)).is_empty());
        assert_eq!(claims.release(&id(3)), [id(1)]);
        assert_eq!(claims.holder(&[destination("a")]).unwrap().id, id(1));
        assert_eq!(claims.holder(&[destination("b")]), None);
    }

    #[test]
    fn what_is_released_while_it_waits_does_not_come_back() {
        let mut claims = Claims::default();
        claims.take(claim(1, Origin::Studio, &[program()])).unwrap();
        claims.take(claim(2, Origin::Studio, &[program()])).unwrap();
        assert!(claims.release(&id(1)).is_empty());
        assert!(claims.release(&id(2)).is_empty());
        assert!(claims.holder(&[program()]).is_none());
    }

    #[test]
    fn an_emergency_leaves_nothing_to_come_back() {
        let mut claims = Claims::default();
        claims.take(claim(1, Origin::Studio, &[program()])).unwrap();
        claims.take(claim(2, Origin::Studio, &[program()])).unwrap();
        claims.clear(|target| target.kind == TargetKind::Program);
        assert!(claims.holder(&[program()]).is_none());
        assert!(claims.release(&id(2)).is_empty());
    }

    #[test]
    fn a_hold_runs_out_after_half_an_hour_unless_it_is_renewed() {
        let mut claims = Claims::default();
        claims.hold(program(), 1_000);
        assert!(claims.is_held(&[program()]));
        assert!(claims.run_out(HOLD_MS).is_empty());
        claims.hold(program(), HOLD_MS);
        assert!(claims.run_out(HOLD_MS + 1_000).is_empty());
        assert_eq!(claims.run_out(2 * HOLD_MS), [program()]);
        assert!(!claims.is_held(&[program()]));
        assert!(!claims.unhold(&program()));
    }
}
