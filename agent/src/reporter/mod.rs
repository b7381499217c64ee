//! What Studio is told of the show without asking: events, as they happen, and figures.
//!
//! Owns what was told last, and finds out what has changed since. Events go to the link's [`News`], which
//! nobody waits for. What a command changed is told under its correlation id; all else under its own.

mod alerts;
mod deed;
mod figures;
mod picture;

pub use deed::AtWork;
pub use figures::metrics;

use crate::alerts::Alerts;
use crate::modules::command::Command;
use crate::show::Show;
use crate::time::rfc3339;
use alerts::Known;
use deed::Deed;
use link::{News, Told};
use picture::{Picture, Stage};
use protocol::{Event, EventType, MessageId, Severity};
use runtime::{CancellationToken, Clock, SystemClock};
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// The show is looked at again no sooner than this.
const LEAST_GAP: Duration = Duration::from_millis(100);

/// Longest text in an event, in characters.
const TEXT: usize = 300;

/// Tells Studio what happens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reporter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    show: Show,
    news: News,
    /// What Studio was told.
    told: Mutex<(Stage, Picture)>,
    /// Commands under way that may change what runs: their end tells what they changed.
    at_work: AtomicUsize,
}

impl Reporter {
    /// Of this show, to the link.
    #[must_use]
    pub fn new(show: Show, news: News) -> Self {
        Self {
            inner: Arc::new(Inner {
                show,
                news,
                told: Mutex::default(),
                at_work: AtomicUsize::new(0),
            }),
        }
    }

    /// A command begins.
    #[must_use]
    pub fn begin(&self, command: &Command) -> AtWork {
        AtWork::new(self.clone(), Deed::of(command))
    }

    /// Watches show and alerts until `stop`, and tells what changes by itself.
    pub async fn run(self, alerts: Alerts, stop: CancellationToken) {
        let began = rfc3339(SystemClock.wall());
        let (mut show, mut board) = (self.inner.show.watch(), alerts.watch());
        let mut known = Known::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = show.changed() => {
                    if changed.is_err() {
                        return; // the show is gone: the agent ends
                    }
                    show.mark_unchanged();
                    self.look(None);
                }
                changed = board.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = Arc::clone(&board.borrow_and_update());
                    for event in known.changes(&now, &began) {
                        self.add(event, None);
                    }
                    continue;
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(LEAST_GAP) => {}
            }
        }
    }

    /// Tells what has changed since the last look. What a command under way may have changed is left to
    /// its end, which has its correlation id as the cause.
    fn look(&self, cause: Option<&MessageId>) {
        let mut told = self
            .inner
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Under the lock: whoever looks after this sees the command ended and what it changed as told.
        if cause.is_some() {
            self.inner.at_work.fetch_sub(1, Ordering::AcqRel);
        }
        let status = self.inner.show.status();
        if cause.is_some() || self.inner.at_work.load(Ordering::Acquire) == 0 {
            let stage = Stage::of(&status);
            for event in stage.since(&told.0) {
                self.tell(event, cause);
            }
            told.0 = stage;
        }
        let picture = Picture::of(&status);
        for event in picture.since(&told.1) {
            self.tell(event, None);
        }
        told.1 = picture;
    }

    /// Tells one event, in its order among the others.
    fn add(&self, event: Event, cause: Option<&MessageId>) {
        let told = self
            .inner
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.tell(event, cause);
        drop(told);
    }

    /// When it was so by the device's own time is in the event: the message has the time of its signing.
    /// To be called under the lock, so that times are in the order of events.
    fn tell(&self, mut event: Event, cause: Option<&MessageId>) {
        let at = Value::String(rfc3339(SystemClock.wall()));
        event.context.insert("at".to_owned(), at);
        self.inner.news.tell(Told {
            event,
            correlation_id: cause.cloned(),
        });
    }
}

/// An event with what it is about.
fn event<const N: usize>(
    event_type: EventType,
    severity: Severity,
    context: [(&str, Value); N],
) -> Event {
    let known = context.into_iter().filter(|(_, value)| !value.is_null());
    let context: Map<String, Value> = known
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Event {
        event_type,
        severity,
        context,
    }
}

/// A text for an event, not too long.
fn text(of: &str) -> Value {
    Value::String(of.chars().take(TEXT).collect())
}

/// The word of a value of a closed list.
fn word(of: &impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

#[cfg(test)]
mod tests;
