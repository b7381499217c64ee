//! The task that writes down what is told of local actions and refusals: off everybody's way.

use super::book::Book;
use super::record::Entry;
use runtime::{CancellationToken, Clock, SystemClock};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{Batch, WriteError};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

/// What is told within this time is written together, and what repeats itself once.
const WINDOW: Duration = Duration::from_millis(250);

/// How often refusals that are only counted get their rows, and rows that are too old are looked for.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Most entries of one batch.
const BATCH: usize = 256;

/// The audit's task.
pub struct AuditKeeper {
    book: Arc<Book>,
    told: mpsc::Receiver<Entry>,
}

impl AuditKeeper {
    pub(super) const fn new(book: Arc<Book>, told: mpsc::Receiver<Entry>) -> Self {
        Self { book, told }
    }

    /// Writes until `stop`, and then what was told up to it.
    pub async fn run(mut self, stop: CancellationToken) {
        // Not at once: a clock that is wrong at the start is right by then.
        let mut hour = interval_at(Instant::now() + HOUR, HOUR);
        hour.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut entries = Vec::new();
            tokio::select! {
                () = stop.cancelled() => break,
                _ = hour.tick() => {
                    self.book.refused.store(0, Ordering::Relaxed);
                    self.book.refused_posts.store(0, Ordering::Relaxed);
                    self.expire().await;
                    entries = self.book.refusals();
                }
                came = self.told.recv_many(&mut entries, BATCH) => {
                    if came == 0 {
                        break;
                    }
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = sleep(WINDOW) => {}
                    }
                }
            }
            self.write(entries).await;
        }
        // What comes from here on writes itself.
        self.told.close();
        let refusals = self.book.refusals();
        self.write(refusals).await;
    }

    /// Writes these and what was told meanwhile.
    async fn write(&mut self, mut entries: Vec<Entry>) {
        while let Ok(entry) = self.told.try_recv() {
            entries.push(entry);
        }
        for rows in merged(entries).chunks(BATCH) {
            let (book, rows) = (Arc::clone(&self.book), rows.to_vec());
            let count = rows.len();
            let written = move || book.commit(Batch::new(), rows);
            let written = tokio::task::spawn_blocking(written).await;
            // Of one that ended by a fault nobody knows whether it wrote.
            if let Err(error) = written.unwrap_or(Err(WriteError::NotDurable)) {
                tracing::error!(%error, count, "Rows of the audit could not be written.");
                self.book.lose(count);
            }
        }
    }

    async fn expire(&self) {
        let book = Arc::clone(&self.book);
        let expired = tokio::task::spawn_blocking(move || book.expire(SystemClock.wall())).await;
        if let Ok(Err(error)) = expired {
            tracing::warn!(%error, "Old rows of the audit could not be removed.");
        }
    }
}

/// Entries that say the same one after the other become one with their count.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let mut rows: Vec<Entry> = Vec::new();
    for entry in entries {
        match rows.last_mut() {
            Some(last) if last.repeats(&entry) => last.count += entry.count,
            _ => rows.push(entry),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Audit, AuditOrigin, AuditOutcome};
    use store::Store;

    fn entry(kind: &str) -> Entry {
        Entry {
            kind: Some(kind.to_owned()),
            ..Entry::done(AuditOrigin::Operator, AuditOutcome::Completed)
        }
    }

    #[tokio::test]
    async fn what_was_told_before_the_end_is_written_and_what_repeats_is_one_row() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), SystemClock.wall()).unwrap();
        let (audit, keeper) = Audit::open(store).unwrap();
        for kind in ["a", "b", "b", "b", "a"] {
            audit.note(entry(kind));
        }
        let stop = CancellationToken::new();
        stop.cancel();
        keeper.run(stop).await;
        let rows = audit.newest(9, |_| true).unwrap();
        let told: Vec<(String, u64)> = rows
            .into_iter()
            .filter_map(|row| Some((row.entry.kind?, row.entry.count)))
            .collect();
        let expected = [("a", 1), ("b", 3), ("a", 1)].map(|(kind, n)| (kind.to_owned(), n));
        assert_eq!(told, expected);
        // The task is gone, and what was under way ends.
        audit.note(entry("late"));
        while audit.counts().0 < 4 {
            tokio::task::yield_now().await;
        }
        let newest = audit.newest(1, |_| true).unwrap().remove(0);
        assert_eq!(newest.entry.kind.as_deref(), Some("late"));
        assert_eq!(audit.lost(), 0);
    }
}
