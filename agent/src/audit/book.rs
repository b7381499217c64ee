//! The rows in the store: added in one order, found again, forgotten when they are too many or too old.

use super::keeper::AuditKeeper;
use super::record::{AuditRow, Entry};
use crate::time::rfc3339;
use control::TurnedAway;
use protocol::Code;
use runtime::{Clock, SystemClock};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Batch, ReadError, Store, Tree, WriteError};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Most rows.
pub const LIMIT: u64 = 20_000;

/// Rows are kept so long.
const AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Entries that may wait to be written. What comes beyond is lost and counted.
const WAITING: usize = 1_024;

/// Refusals an hour that get a row of their own; the rest is one row for each code.
pub(super) const REFUSALS: u32 = 60;
/// The same of those that were posted at the device.
const REFUSED_POSTS: u32 = 6;

/// The audit cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the audit cannot be read")]
pub struct OpenError(#[from] ReadError);

/// Where rows are written down and looked up. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    pub(super) book: Arc<Book>,
    entries: mpsc::Sender<Entry>,
}

/// Rows `oldest..next` are in the store.
struct Span {
    oldest: u64,
    next: u64,
}

pub(super) struct Book {
    store: Store,
    span: Mutex<Span>,
    lost: AtomicU64,
    /// Refusals of this hour that got a row of their own.
    pub(super) refused: AtomicU32,
    /// The same of posts.
    pub(super) refused_posts: AtomicU32,
    /// The others, by code.
    refusals: Mutex<BTreeMap<&'static str, (Code, u64)>>,
}

#[derive(serde::Deserialize)]
struct Dated {
    at: String,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Audit {
    /// The audit of a store, and the task that writes what it is told.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(store: Store) -> Result<(Self, AuditKeeper), OpenError> {
        let numbers: Vec<u64> = store
            .list::<Dated>(Tree::Audit)?
            .into_iter()
            .filter_map(|(id, _)| id.parse().ok())
            .collect();
        let span = Span {
            oldest: numbers.first().copied().unwrap_or(1),
            next: numbers.last().map_or(1, |last| last.saturating_add(1)),
        };
        let (entries, told) = mpsc::channel(WAITING);
        let book = Arc::new(Book {
            store,
            span: Mutex::new(span),
            lost: AtomicU64::new(0),
            refused: AtomicU32::new(0),
            refused_posts: AtomicU32::new(0),
            refusals: Mutex::default(),
        });
        let keeper = AuditKeeper::new(Arc::clone(&book), told);
        Ok((Self { book, entries }, keeper))
    }

    /// Has an entry written down, soon. Never waits. To be called on the runtime.
    pub fn note(&self, entry: Entry) {
        match self.entries.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.book.lose(1),
            // The agent ends, and the task with it; what is under way may still come to its end.
            Err(TrySendError::Closed(entry)) => {
                let book = Arc::clone(&self.book);
                let _written = tokio::task::spawn_blocking(move || {
                    if book.commit(Batch::new(), vec![entry]).is_err() {
                        book.lose(1);
                    }
                });
            }
        }
    }

    /// Has a refusal written down that leaves no other trace: as a row of its own, or, where there are
    /// many or nobody knows whose message it was, as part of a count.
    pub fn turned_away(&self, refusal: &TurnedAway) {
        // Whoever posts at the device can repeat what is refused, and has less room.
        let (written, most) = if refusal.is_posted {
            (&self.book.refused_posts, REFUSED_POSTS)
        } else {
            (&self.book.refused, REFUSALS)
        };
        let own = refusal.about.is_some() && written.fetch_add(1, Ordering::Relaxed) < most;
        if own {
            self.note(Entry::of_refusal(refusal));
        } else {
            let mut refusals = locked(&self.book.refusals);
            let (_, count) = refusals
                .entry(refusal.code.as_str())
                .or_insert((refusal.code, 0));
            *count = count.saturating_add(1);
        }
    }

    /// Writes a batch and the rows of these entries, all or nothing, durably. Blocks.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is written down then.
    pub fn commit(&self, batch: Batch, entries: Vec<Entry>) -> Result<(), WriteError> {
        self.book.commit(batch, entries)
    }

    /// The newest rows that fit, the newest first. Blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn newest(
        &self,
        limit: usize,
        fits: impl Fn(&AuditRow) -> bool,
    ) -> Result<Vec<AuditRow>, ReadError> {
        let (oldest, next) = {
            let span = locked(&self.book.span);
            (span.oldest, span.next)
        };
        let mut found = Vec::new();
        for number in (oldest..next).rev() {
            if found.len() >= limit {
                break;
            }
            // One that was forgotten meanwhile is not there, one that cannot be read is passed over.
            let row = self.book.store.get(Tree::Audit, &number.to_string());
            match row {
                Ok(Some(row)) if fits(&row) => found.push(row),
                Ok(_) | Err(ReadError::Shape { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// How many rows there are, and how many were forgotten since the store began.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let span = locked(&self.book.span);
        (span.next - span.oldest, span.oldest - 1)
    }

    /// Entries that were lost since the start: they came faster than they could be written, or the disk
    /// took nothing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.book.lost.load(Ordering::Relaxed)
    }
}

impl Book {
    pub(super) fn commit(&self, mut batch: Batch, entries: Vec<Entry>) -> Result<(), WriteError> {
        let at = rfc3339(SystemClock.wall());
        // Held until the rows are durable, so that numbers have no gaps.
        let mut span = locked(&self.span);
        let mut next = span.next;
        for entry in entries {
            let row = AuditRow {
                id: next.to_string(),
                at: at.clone(),
                entry,
            };
            batch = batch.put(Tree::Audit, &row.id, &row)?;
            next = next.saturating_add(1);
        }
        let oldest = span.oldest.max(next.saturating_sub(LIMIT));
        for gone in span.oldest..oldest {
            batch = batch.delete(Tree::Audit, &gone.to_string())?;
        }
        self.store.commit(batch)?;
        *span = Span { oldest, next };
        Ok(())
    }

    /// Counts entries that are not written down.
    pub(super) fn lose(&self, entries: usize) {
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.lost.fetch_add(entries, Ordering::Relaxed);
    }

    /// The refusals that were only counted, since the last question.
    pub(super) fn refusals(&self) -> Vec<Entry> {
        let refusals = std::mem::take(&mut *locked(&self.refusals));
        let row = |(code, count)| Entry::refusals(code, count);
        refusals.into_values().map(row).collect()
    }

    /// Forgets what is too old: from the oldest up to the first that is not. Blocks.
    ///
    /// # Errors
    /// [`WriteError`]; the store is asked again later.
    pub(super) fn expire(&self, now: std::time::SystemTime) -> Result<u64, WriteError> {
        let Some(limit) = now.checked_sub(AGE) else {
            return Ok(0);
        };
        let limit = rfc3339(limit);
        let mut span = locked(&self.span);
        let mut batch = Batch::new();
        let mut oldest = span.oldest;
        // The newest stays, so that the numbers go on.
        while oldest + 1 < span.next {
            let id = oldest.to_string();
            match self.store.get::<Dated>(Tree::Audit, &id) {
                Ok(Some(row)) if row.at >= limit => break,
                Ok(_) | Err(ReadError::Shape { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            batch = batch.delete(Tree::Audit, &id)?;
            oldest += 1;
        }
        let gone = oldest - span.oldest;
        if gone > 0 {
            self.store.commit(batch)?;
            span.oldest = oldest;
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditOrigin, AuditOutcome};
    use protocol::MessageId;

    fn entry(kind: &str) -> Entry {
        Entry {
            kind: Some(kind.to_owned()),
            ..Entry::done(AuditOrigin::Operator, AuditOutcome::Completed)
        }
    }

    fn open(folder: &tempfile::TempDir) -> (Audit, AuditKeeper) {
        let (store, _) = Store::open(folder.path(), SystemClock.wall()).unwrap();
        Audit::open(store).unwrap()
    }

    fn kinds(audit: &Audit) -> Vec<String> {
        let rows = audit.newest(4, |_| true).unwrap();
        rows.into_iter().filter_map(|row| row.entry.kind).collect()
    }

    #[test]
    fn rows_are_numbered_through_restarts_and_the_oldest_are_forgotten_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (audit, keeper) = open(&folder);
        audit
            .commit(Batch::new(), vec![entry("a"), entry("b")])
            .unwrap();
        drop((audit, keeper));
        let (audit, keeper) = open(&folder);
        audit.commit(Batch::new(), vec![entry("c")]).unwrap();
        assert_eq!(kinds(&audit), ["c", "b", "a"]);
        assert_eq!(audit.counts(), (3, 0));
        let many = (0..LIMIT - 1).map(|_| entry("many")).collect();
        audit.commit(Batch::new(), many).unwrap();
        assert_eq!(audit.counts(), (LIMIT, 2));
        let left = audit.newest(2, |row| row.entry.kind.as_deref() != Some("many"));
        let ids: Vec<String> = left.unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["3"], "the first two are still there");
        drop((audit, keeper));
        assert_eq!(open(&folder).0.counts(), (LIMIT, 2));
    }

    #[test]
    fn rows_are_forgotten_after_ninety_days_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let (audit, _keeper) = open(&folder);
        audit
            .commit(Batch::new(), vec![entry("a"), entry("b")])
            .unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(audit.book.expire(SystemClock.wall() + 89 * day).unwrap(), 0);
        assert_eq!(audit.book.expire(SystemClock.wall() + 91 * day).unwrap(), 1);
        assert_eq!(audit.counts(), (1, 1));
        audit.commit(Batch::new(), vec![entry("c")]).unwrap();
        assert_eq!(kinds(&audit), ["c", "b"]);
    }

    #[test]
    fn a_batch_that_is_not_written_leaves_no_row() {
        let folder = tempfile::tempdir().unwrap();
        let (audit, _keeper) = open(&folder);
        let long = Entry {
            target: Some("x".repeat(5 << 20)),
            ..entry("a")
        };
        let written = audit.commit(Batch::new(), vec![entry("b"), long]);
        assert!(matches!(written, Err(WriteError::TooLarge { .. })));
        assert_eq!(audit.counts(), (0, 0));
        assert!(kinds(&audit).is_empty());
    }

    #[test]
    fn a_flood_of_refusals_is_one_row_for_each_code() {
        let folder = tempfile::tempdir().unwrap();
        let (audit, _keeper) = open(&folder);
        let forged = TurnedAway {
            code: Code::SignatureInvalid,
            about: None,
            is_posted: false,
            read: None,
        };
        (0..500).for_each(|_| audit.turned_away(&forged));
        let counted = audit.book.refusals();
        assert_eq!(counted, [Entry::refusals(Code::SignatureInvalid, 500)]);
        assert!(audit.book.refusals().is_empty());
        // What is posted over and over takes no room from what comes by the link.
        let id = || MessageId::parse("00000000-0000-0000-0000-000000000001").unwrap();
        let late = |is_posted| TurnedAway {
            code: Code::Expired,
            about: Some((id(), id())),
            is_posted,
            read: None,
        };
        (0..100).for_each(|_| audit.turned_away(&late(true)));
        let counted = |count| [Entry::refusals(Code::Expired, count)];
        assert_eq!(
            audit.book.refusals(),
            counted(u64::from(100 - REFUSED_POSTS))
        );
        (0..100).for_each(|_| audit.turned_away(&late(false)));
        assert_eq!(audit.book.refusals(), counted(u64::from(100 - REFUSALS)));
        assert_eq!(audit.lost(), 0);
    }
}
