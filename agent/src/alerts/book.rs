//! The book of alerts: raises, changes and clears them as health reports come. Pure: time is an argument.
//!
//! Owns the bounds: open alerts, closed alerts. After a restart the open ones are carried over: what is
//! still so goes on as the same alert, what is good is cleared.

use super::record::{Alert, AlertState, ClearedBy, Consequence, Kept};
use crate::health::{Finding, Key, Report};
use model::AlertId;
use protocol::Severity;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Most alerts that are open at once; there are fewer cameras and destinations.
pub(super) const OPEN: usize = 64;
/// Closed alerts that are kept.
pub(super) const CLOSED: usize = 200;
/// How long after a start an alert of the run before may take to show itself again.
pub(super) const CARRY: Duration = Duration::from_secs(30);

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Raised(Kept),
    Changed(Kept),
    Cleared(Kept),
    /// It was the oldest of too many.
    Dropped(AlertId),
}

/// Every alert that is kept.
#[derive(Debug, Default)]
pub(super) struct Book {
    open: BTreeMap<Key, Kept>,
    /// The newest first.
    closed: VecDeque<Kept>,
    next: u64,
    /// Until when those of the run before are waited for, and which they are.
    carried: Option<(Duration, Vec<Key>)>,
    /// Alerts that were not raised because too many were open.
    pub(super) left_out: u64,
    /// Those of them that are still found.
    waiting: BTreeSet<Key>,
}

impl Book {
    /// The book of a former run. Of two open alerts about one thing the older is over at `wall`; those
    /// are given too.
    pub(super) fn restore(mut rows: Vec<Kept>, now: Duration, wall: &str) -> (Self, Vec<Kept>) {
        rows.sort_by_key(|kept| number(&kept.alert.id));
        let mut book = Self {
            next: rows.last().map_or(0, |kept| number(&kept.alert.id)),
            ..Self::default()
        };
        let mut doubles = Vec::new();
        for kept in rows {
            if kept.alert.state == AlertState::Cleared {
                book.closed.push_front(kept);
            } else if let Some(mut double) = book.open.insert(kept.key.clone(), kept) {
                double.clear(ClearedBy::OtherAlert, wall);
                doubles.push(double.clone());
                book.closed.push_front(double);
            }
        }
        book.closed.truncate(CLOSED);
        let keys: Vec<Key> = book.open.keys().cloned().collect();
        book.carried = (!keys.is_empty()).then_some((now + CARRY, keys));
        (book, doubles)
    }

    /// Takes a report at `now`, which is `wall` on the wall.
    pub(super) fn take(&mut self, now: Duration, wall: &str, report: &Report) -> Vec<Change> {
        let mut changes = Vec::new();
        let counts = |finding: &&Finding| finding.severity >= Severity::Warning;
        let mut follow: BTreeMap<&Key, Vec<Consequence>> = BTreeMap::new();
        for finding in report.findings().filter(counts) {
            if let Some(root) = &finding.root {
                follow.entry(root).or_default().push(Consequence {
                    key: finding.key(),
                    severity: finding.severity,
                    message: finding.message.clone(),
                });
            }
        }
        let mut waiting = BTreeSet::new();
        let mut seen = Vec::new();
        for finding in report.findings().filter(counts) {
            let key = finding.key();
            if finding.root.is_some() {
                if let Some(kept) = self.open.remove(&key) {
                    changes.push(self.close(kept, ClearedBy::OtherAlert, wall));
                }
                continue;
            }
            let consequences = follow.get(&key).map_or(&[][..], Vec::as_slice);
            if let Some(kept) = self.open.get_mut(&key) {
                if kept.update(finding, consequences) {
                    changes.push(Change::Changed(kept.clone()));
                }
            } else if self.open.len() < OPEN {
                if let Some(id) = self.next_id() {
                    let mut kept = Kept::new(id, finding, wall);
                    kept.update(finding, consequences);
                    self.open.insert(key.clone(), kept.clone());
                    changes.push(Change::Raised(kept));
                }
            } else {
                // Once for each, and not at every look.
                if !self.waiting.contains(&key) {
                    self.left_out = self.left_out.saturating_add(1);
                }
                waiting.insert(key.clone());
            }
            seen.push(key);
        }
        self.waiting = waiting;
        self.close_others(now, wall, &seen, &mut changes);
        while self.closed.len() > CLOSED {
            let oldest = self.closed.pop_back();
            changes.extend(oldest.map(|kept| Change::Dropped(kept.alert.id)));
        }
        changes
    }

    fn close_others(&mut self, now: Duration, wall: &str, seen: &[Key], changes: &mut Vec<Change>) {
        let mut carried = Vec::new();
        if let Some((until, keys)) = self.carried.take() {
            carried = keys;
            carried.retain(|key| !seen.contains(key));
            if now < until && !carried.is_empty() {
                self.carried = Some((until, carried.clone()));
            }
        }
        let waiting = self.carried.is_some();
        let over: Vec<Key> = self
            .open
            .keys()
            .filter(|key| !(seen.contains(key) || (waiting && carried.contains(key))))
            .cloned()
            .collect();
        for key in over {
            let by = if carried.contains(&key) {
                ClearedBy::Restart
            } else {
                ClearedBy::Recovery
            };
            if let Some(kept) = self.open.remove(&key) {
                changes.push(self.close(kept, by, wall));
            }
        }
    }

    fn close(&mut self, mut kept: Kept, by: ClearedBy, wall: &str) -> Change {
        kept.clear(by, wall);
        self.closed.push_front(kept.clone());
        Change::Cleared(kept)
    }

    fn next_id(&mut self) -> Option<AlertId> {
        self.next = self.next.checked_add(1)?;
        AlertId::parse(self.next.to_string()).ok()
    }

    /// Notes that an operator has seen it; `None` where there is no such alert.
    pub(super) fn acknowledge(&mut self, id: &AlertId, wall: &str) -> Option<Kept> {
        let kept = self.find(id)?;
        if kept.alert.acknowledged_at.is_none() {
            kept.alert.acknowledged_at = Some(wall.to_owned());
        }
        Some(kept.clone())
    }

    /// The alert of an id.
    pub(super) fn find(&mut self, id: &AlertId) -> Option<&mut Kept> {
        self.open
            .values_mut()
            .chain(&mut self.closed)
            .find(|kept| kept.alert.id == *id)
    }

    /// All that are kept, as the store has them.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.open.values().chain(&self.closed)
    }

    /// All of them: the open ones first, the newest of each first.
    pub(super) fn alerts(&self) -> Vec<Alert> {
        let mut open: Vec<Alert> = self.open.values().map(|kept| kept.alert.clone()).collect();
        open.sort_by_key(|alert| std::cmp::Reverse(number(&alert.id)));
        open.extend(self.closed.iter().map(|kept| kept.alert.clone()));
        open
    }
}

/// Ids are numbers of our own making.
fn number(id: &AlertId) -> u64 {
    id.as_str().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests;
