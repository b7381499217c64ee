//! Keeps what is wanted to run on the disk, so that it goes on by itself after the agent has died.
//!
//! Owns two rows of the store: what is wanted, and the timeline of it, which is written only when
//! another show begins. The show's task puts a page here and goes on; a task of its own writes the
//! newest one, at most every [`GAP`], durably. Neighbours: `resume` has the shapes.

use super::resume::{Moment, Wanted};
use crate::notice::{NoticeKind, Notices};
use runtime::CancellationToken;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use store::{Batch, Store, Tree, WriteError};
use timeline::Timeline;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

const WANTED: &str = "wanted";
const TIMELINE: &str = "wanted-timeline";
/// Between two writes.
const GAP: Duration = Duration::from_millis(100);
/// Between two tries to write what the disk did not take.
const RETRY: Duration = Duration::from_secs(2);

/// What is wanted, and its number among all that was wanted since the agent was started.
#[derive(Debug, Clone, Default)]
struct Page {
    number: u64,
    wanted: Arc<Wanted>,
    timeline: Option<Arc<Timeline>>,
    /// Nobody asked for this change: it only notes how far the timeline has come.
    routine: bool,
}

/// What the agent remembers of what it is to run. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    page: watch::Sender<Page>,
    /// The newest page that survives a power cut.
    kept: watch::Sender<u64>,
}

/// What was running when the agent ended.
#[derive(Debug)]
pub struct Recalled {
    pub(super) wanted: Wanted,
    pub(super) timeline: Option<Timeline>,
}

impl Memory {
    /// Takes a new page where something is different.
    pub(super) fn note(&self, wanted: Wanted, timeline: Option<&Arc<Timeline>>, routine: bool) {
        self.page.send_if_modified(|page| {
            let changed = page.number == 0 || *page.wanted != wanted;
            if changed {
                *page = Page {
                    number: page.number + 1,
                    wanted: Arc::new(wanted),
                    timeline: timeline.cloned(),
                    routine,
                };
            }
            changed
        });
    }

    /// Waits until what was noted before the call survives a power cut, or the limit has passed.
    pub async fn settled(&self, limit: Duration) {
        let wanted = self.page.borrow().number;
        let mut kept = self.kept.subscribe();
        let settled = kept.wait_for(|kept| *kept >= wanted);
        if timeout(limit, settled).await.is_err() {
            tracing::debug!("The disk is slow; what is wanted to run is kept later.");
        }
    }

    /// Writes until `stop`. `kept` is called after each write that somebody asked for.
    ///
    /// # Errors
    /// None.
    pub async fn keep(
        self,
        store: Store,
        notices: Notices,
        kept: impl Fn() + Send,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        let mut pages = self.page.subscribe();
        let mut written = None;
        loop {
            let page = pages.borrow_and_update().clone();
            let mut pause = GAP;
            if page.number > *self.kept.borrow() {
                match write(&store, &page, written.as_ref()).await {
                    Ok(()) => {
                        written.clone_from(&page.timeline);
                        self.kept.send_replace(page.number);
                        notices.clear(NoticeKind::ShowNotKept);
                        if !page.routine {
                            kept();
                        }
                    }
                    Err(error) => {
                        let message = format!("What runs cannot be kept: {error}.");
                        notices.raise(NoticeKind::ShowNotKept, message);
                        pause = RETRY;
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
            }
            let pending = page.number > *self.kept.borrow();
            tokio::select! {
                biased;
                _ = pages.changed() => {}
                () = stop.cancelled() => return Ok(()),
                () = std::future::ready(()), if pending => {}
            }
        }
    }
}

async fn write(
    store: &Store,
    page: &Page,
    written: Option<&Arc<Timeline>>,
) -> Result<(), WriteError> {
    let same = match (written, &page.timeline) {
        (Some(written), Some(timeline)) => Arc::ptr_eq(written, timeline),
        (None, Some(_)) => false,
        (_, None) => true,
    };
    let timeline = page.timeline.clone().filter(|_| !same);
    let (store, wanted) = (store.clone(), Arc::clone(&page.wanted));
    let writing = tokio::task::spawn_blocking(move || {
        match put(&store, &wanted, timeline.as_deref()) {
            // Everything an operator changed at once may be too much; the show is more important.
            Err(WriteError::TooLarge { .. }) => {
                let mut less = Wanted::clone(&wanted);
                if let Some(show) = &mut less.show {
                    show.overlays.clear();
                }
                put(&store, &less, timeline.as_deref())
            }
            done => done,
        }
    });
    writing.await.unwrap_or(Err(WriteError::NotDurable))
}

fn put(store: &Store, wanted: &Wanted, timeline: Option<&Timeline>) -> Result<(), WriteError> {
    if wanted.is_nothing() {
        // As a removal, which is taken on a nearly full disk too.
        let batch = Batch::new().delete(Tree::State, WANTED)?;
        return store.commit(batch.delete(Tree::State, TIMELINE)?);
    }
    let mut batch = Batch::new().put(Tree::State, WANTED, wanted)?;
    if let Some(timeline) = timeline {
        batch = batch.put(Tree::State, TIMELINE, timeline)?;
    }
    store.commit(batch)
}

/// What was running when the agent ended, where it should run again. Notes that it is tried, so that a
/// show which ends the agent is left off at last. Blocks.
pub fn recall(store: &Store, now: Moment, notices: &Notices) -> Option<Recalled> {
    let mut wanted: Wanted = match store.get(Tree::State, WANTED) {
        Ok(wanted) => wanted?,
        Err(error) => {
            let message = format!("What was running before cannot be read: {error}.");
            notices.raise(NoticeKind::ShowNotResumed, message);
            return None;
        }
    };
    if wanted.is_nothing() {
        return None;
    }
    let again = wanted.try_again(now);
    let noted = if again {
        store.put(Tree::State, WANTED, &wanted)
    } else {
        let message = format!(
            "{} ended the agent {} times in a row while it was resumed, and is left off.",
            wanted.name(),
            super::resume::TRIES
        );
        notices.raise(NoticeKind::ShowNotResumed, message);
        put(store, &Wanted::default(), None)
    };
    if let Err(error) = noted {
        tracing::warn!(%error, "The try to resume is not noted.");
    }
    let timeline = wanted.show.as_ref().and_then(|show| timeline(store, show));
    again.then_some(Recalled { wanted, timeline })
}

/// The timeline as it ran, or as it is stored where that cannot be read.
fn timeline(store: &Store, show: &super::resume::WantedShow) -> Option<Timeline> {
    let read = |tree, id: &str| {
        let read = store.get::<Timeline>(tree, id);
        read.inspect_err(|error| tracing::error!(%error, "A kept timeline cannot be read."))
            .ok()
            .flatten()
            .filter(|timeline| timeline.id.as_ref() == Some(&show.timeline_id))
    };
    read(Tree::State, TIMELINE).or_else(|| read(Tree::Timelines, show.timeline_id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::resume::{Anchor, WantedShow};
    use super::*;
    use model::{ProfileName, TimelineId};
    use runtime::{ManualClock, SystemClock};
    use std::sync::atomic::{AtomicU32, Ordering};

    fn notices() -> Notices {
        Notices::new(Arc::new(ManualClock::default()))
    }

    fn store(folder: &tempfile::TempDir) -> Store {
        let now = runtime::Clock::wall(&SystemClock);
        Store::open(&folder.path().join("data"), now).unwrap().0
    }

    fn document(name: &str) -> Arc<Timeline> {
        let value = serde_json::json!({"id": "7", "name": name, "duration": 10, "tracks": []});
        Arc::new(timeline::parse_value(&value).unwrap())
    }

    fn wanted(frame: u64) -> Wanted {
        Wanted {
            show: Some(WantedShow {
                timeline_id: TimelineId::parse("7").unwrap(),
                name: "Harbour".to_owned(),
                revision: 1,
                profile: ProfileName::Reliability,
                started_at: String::new(),
                anchor: Anchor {
                    frame,
                    ..Anchor::default()
                },
                destinations: Vec::new(),
                taken: None,
                pattern: false,
                overlays: Vec::new(),
            }),
            ..Wanted::default()
        }
    }

    #[tokio::test]
    async fn what_is_noted_is_recalled_and_a_burst_is_few_writes() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let memory = Memory::default();
        let stop = CancellationToken::new();
        let writes = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&writes);
        let kept = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        let keeper = runtime::spawn(memory.clone().keep(
            store.clone(),
            notices(),
            kept,
            stop.clone(),
        ));
        let timeline = document("as it ran");
        for frame in 1..=500 {
            memory.note(wanted(frame), Some(&timeline), false);
            tokio::task::yield_now().await;
        }
        memory.settled(Duration::from_secs(10)).await;
        let now = Moment::now(&SystemClock);
        let recalled = recall(&store, now.clone(), &notices()).unwrap();
        assert_eq!(recalled.wanted.show.unwrap().anchor.frame, 500);
        assert_eq!(recalled.timeline.unwrap().name, "as it ran");
        assert!(
            writes.load(Ordering::SeqCst) < 20,
            "{}",
            writes.load(Ordering::SeqCst)
        );
        // The last word is kept even when the agent ends right after it, and as a removal.
        memory.note(Wanted::default(), None, false);
        stop.cancel();
        keeper.await.unwrap().unwrap();
        assert!(recall(&store, now, &notices()).is_none());
        let rows = store.list::<serde_json::Value>(Tree::State).unwrap();
        assert!(rows.is_empty(), "{rows:?}");
    }

    #[test]
    fn a_show_that_ends_the_agent_three_times_is_left_off_with_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        put(&store, &wanted(1), Some(&document("x"))).unwrap();
        for _ in 0..3 {
            assert!(recall(&store, Moment::now(&SystemClock), &notices()).is_some());
        }
        let told = notices();
        assert!(recall(&store, Moment::now(&SystemClock), &told).is_none());
        let told = told.standing();
        assert_eq!(told[0].code, NoticeKind::ShowNotResumed);
        assert!(told[0].message.contains("Harbour") && !told[0].remediation.is_empty());
        // And the start after that is a quiet one.
        let told = notices();
        assert!(recall(&store, Moment::now(&SystemClock), &told).is_none());
        assert!(told.standing().is_empty());
    }
}
