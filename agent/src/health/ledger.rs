//! What has been wrong for how long, and what follows from what. Pure: time is an argument.
//!
//! Owns the hysteresis (a condition ends when it was good for a while) and the one cause of an incident:
//! a condition that came while its root was there belongs to that root, until the root has been gone for
//! a while. A dead media server is one finding that counts, and not ten.

use super::finding::{Finding, Found, Key};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long after its root a condition may still be the root's work: things take time to come back.
const AFTERMATH: Duration = Duration::from_secs(20);
/// A condition that was told no longer than this before its root came was the root's first sign.
const HERALD: Duration = Duration::from_secs(10);
/// A root that needs no longer than this to count is believed before it does; a slower one may come and
/// go, and what followed from it would be hidden behind nothing.
const QUICK: Duration = Duration::from_secs(5);
/// Most conditions at once; there are fewer cameras and destinations than that.
const LIMIT: usize = 256;

#[derive(Debug)]
struct Entry {
    found: Found,
    /// When it became bad this time.
    first: Duration,
    /// When it was bad last.
    last: Duration,
    /// Since when it counts.
    told: Option<Duration>,
    root: Option<Key>,
}

impl Entry {
    /// Whether it is there, or was until a moment ago and counted.
    fn present(&self, now: Duration) -> bool {
        self.last == now || (self.told.is_some() && now.saturating_sub(self.last) < AFTERMATH)
    }

    /// Whether it counts, or begins to now.
    fn counts(&self, now: Duration) -> bool {
        let settled = now.saturating_sub(self.first) >= self.found.settle;
        self.told.is_some() || (self.last == now && settled)
    }
}

/// Every condition that is there, is about to count, or has not been good for long enough.
#[derive(Debug)]
pub(super) struct Ledger {
    entries: BTreeMap<Key, Entry>,
    clear_after: Duration,
}

impl Ledger {
    /// A condition ends when it was good for `clear_after`.
    pub(super) const fn new(clear_after: Duration) -> Self {
        Self {
            entries: BTreeMap::new(),
            clear_after,
        }
    }

    /// From here on a condition ends when it was good for so long.
    pub(super) const fn clear_after(&mut self, clear_after: Duration) {
        self.clear_after = clear_after;
    }

    /// Takes what the rules found at `now`, and gives what counts, roots and what follows from them.
    pub(super) fn take(&mut self, now: Duration, found: Vec<Found>) -> Vec<Finding> {
        for one in found {
            self.see(now, one);
        }
        let clear_after = self.clear_after;
        self.entries.retain(|_, entry| {
            let good = now.saturating_sub(entry.last);
            entry.last == now || (entry.told.is_some() && good < clear_after)
        });
        self.attribute(now);
        for entry in self.entries.values_mut() {
            if entry.counts(now) {
                entry.told.get_or_insert(now);
            }
        }
        let told = self.entries.values().filter(|entry| entry.told.is_some());
        told.map(|entry| finding(entry, now)).collect()
    }

    fn see(&mut self, now: Duration, found: Found) {
        let key = found.key();
        if let Some(entry) = self.entries.get_mut(&key) {
            // What can no longer be its cause is not.
            let had = |root: &Key| entry.found.roots.contains(root) && !found.roots.contains(root);
            if entry.root.as_ref().is_some_and(had) {
                entry.root = None;
            }
            entry.found = found;
            entry.last = now;
        } else if self.entries.len() < LIMIT {
            let entry = Entry {
                found,
                first: now,
                last: now,
                told: None,
                root: None,
            };
            self.entries.insert(key, entry);
        }
    }

    /// Gives conditions to their roots, and takes them back from roots that are gone.
    fn attribute(&mut self, now: Duration) {
        let believed = |entry: &Entry| {
            entry.present(now) && (entry.counts(now) || entry.found.settle <= QUICK)
        };
        let present: BTreeMap<Key, (Duration, bool)> = self
            .entries
            .iter()
            .filter(|(_, entry)| believed(entry))
            .map(|(key, entry)| (key.clone(), (entry.first, entry.counts(now))))
            .collect();
        for entry in self.entries.values_mut() {
            // One that is good again stays with its root: it is no news of its own.
            let bad = entry.last == now;
            let gone = |root: &Key| !present.contains_key(root);
            if bad && entry.root.as_ref().is_some_and(gone) {
                entry.root = None;
            }
            if entry.root.is_some() || !bad {
                continue;
            }
            let root = entry.found.roots.iter().find(|root| {
                // What is told already is not taken back for something that may be nothing.
                present.get(*root).is_some_and(|(began, counts)| {
                    entry
                        .told
                        .is_none_or(|told| *counts && told + HERALD >= *began)
                })
            });
            entry.root = root.cloned();
        }
        self.lead_back();
    }

    /// Lets everything follow from the root of its root.
    fn lead_back(&mut self) {
        let roots: BTreeMap<Key, Key> = self
            .entries
            .iter()
            .filter_map(|(key, entry)| Some((key.clone(), entry.root.clone()?)))
            .collect();
        for entry in self.entries.values_mut() {
            let mut passed = BTreeSet::new();
            while let Some(next) = entry.root.as_ref().and_then(|root| roots.get(root)) {
                if !passed.insert(next.clone()) {
                    break;
                }
                entry.root = Some(next.clone());
            }
        }
    }
}

fn finding(entry: &Entry, now: Duration) -> Finding {
    let found = &entry.found;
    Finding {
        code: found.code,
        severity: found.severity,
        subject: found.subject.clone(),
        message: found.message.clone(),
        cause: found.cause.clone(),
        remediation: found.remediation.clone(),
        follows_from: entry.root.as_ref().map(|root| root.code),
        recovering: entry.last != now,
        root: entry.root.clone(),
    }
}

#[cfg(test)]
mod tests;
