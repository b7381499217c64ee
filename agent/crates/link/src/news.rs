//! What the agent has to tell Studio of itself, until the driver takes it into the durable outbox.
//!
//! A short queue in memory that nobody waits for: whoever tells goes on at once. It only fills while the
//! driver does not run or waits for a disk. Knows neither who tells nor what becomes of it.

use protocol::{Event, MessageId};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Events that may wait for the driver. Beyond it the oldest of those that matter least is lost.
const LIMIT: usize = 1_024;

/// An event, and the command that it belongs to, if it does to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What happened.
    pub event: Event,
    /// The command's correlation id.
    pub correlation_id: Option<MessageId>,
}

#[derive(Debug, Default)]
struct Waiting {
    told: VecDeque<Told>,
    lost: u64,
}

/// Where events are told. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct News {
    waiting: Arc<(Mutex<Waiting>, Notify)>,
}

impl News {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells an event.
    pub fn tell(&self, told: Told) {
        let mut waiting = self.waiting();
        if waiting.told.len() >= LIMIT {
            let oldest = waiting.told.iter().enumerate();
            let least = oldest.min_by_key(|(place, told)| (told.event.severity, *place));
            let place = least.map_or(0, |(place, _)| place);
            waiting.told.remove(place);
            waiting.lost = waiting.lost.saturating_add(1);
        }
        waiting.told.push_back(told);
        drop(waiting);
        self.waiting.1.notify_one();
    }

    /// The oldest event that waits, when there is one. For one reader; giving up loses nothing.
    pub async fn next(&self) -> Told {
        loop {
            if let Some(told) = self.waiting().told.pop_front() {
                return told;
            }
            self.waiting.1.notified().await;
        }
    }

    /// Forgets what waits: it is not for whom it would be told to.
    pub fn forget(&self) {
        *self.waiting() = Waiting::default();
    }

    /// How many were lost since the last question.
    pub fn lost(&self) -> u64 {
        std::mem::take(&mut self.waiting().lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{EventType, Severity};

    fn told(n: usize, severity: Severity) -> Told {
        let context = serde_json::Map::from_iter([("n".to_owned(), n.into())]);
        let event = Event {
            event_type: EventType::TimelineState,
            severity,
            context,
        };
        Told {
            event,
            correlation_id: None,
        }
    }

    #[tokio::test]
    async fn what_is_told_comes_out_in_order_and_the_least_important_is_lost_first() {
        let news = News::default();
        news.tell(told(0, Severity::Error));
        (1..LIMIT).for_each(|n| news.tell(told(n, Severity::Info)));
        assert_eq!(news.lost(), 0);
        news.tell(told(LIMIT, Severity::Warning));
        assert_eq!((news.lost(), news.lost()), (1, 0));
        assert_eq!(news.next().await, told(0, Severity::Error));
        for n in 2..LIMIT {
            assert_eq!(news.next().await, told(n, Severity::Info));
        }
        assert_eq!(news.next().await, told(LIMIT, Severity::Warning));
    }

    #[tokio::test]
    async fn what_is_forgotten_is_neither_told_nor_counted_as_lost() {
        let news = News::default();
        (0..=LIMIT).for_each(|n| news.tell(told(n, Severity::Info)));
        news.forget();
        news.tell(told(9, Severity::Info));
        assert_eq!(news.next().await, told(9, Severity::Info));
        assert_eq!(news.lost(), 0);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let news = News::default();
        let other = news.clone();
        let waiting = runtime::spawn(async move { other.next().await });
        tokio::task::yield_now().await;
        news.tell(told(1, Severity::Info));
        assert_eq!(waiting.await.unwrap(), told(1, Severity::Info));
    }
}
