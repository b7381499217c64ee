//! What waits to be told, in order, and when it is tried next. Pure: time is an argument.

use super::send::Event;
use model::AlertId;
use runtime::Backoff;
use std::collections::VecDeque;
use std::time::Duration;

/// Most that waits; then the oldest is dropped.
pub(in crate::alerts) const WAITING: usize = 128;
/// What could not be told for so long is of no use any more.
pub(in crate::alerts) const AGE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    id: String,
    alert: AlertId,
    event: Event,
    since: Duration,
}

/// What is to be told now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alerts) struct Ready {
    /// The delivery's id.
    pub(in crate::alerts) id: String,
    pub(in crate::alerts) alert: AlertId,
    pub(in crate::alerts) event: Event,
}

/// The queue of one webhook.
#[derive(Debug)]
pub(in crate::alerts) struct Queue {
    items: VecDeque<Item>,
    backoff: Backoff,
    failures: u32,
    /// When the first is tried again.
    due: Duration,
    /// The first is on its way.
    busy: bool,
    pub(in crate::alerts) delivered: u64,
    pub(in crate::alerts) failed: u64,
    pub(in crate::alerts) dropped: u64,
}

impl Queue {
    /// Nothing waits. After a failure it waits as `backoff` says.
    pub(in crate::alerts) const fn new(backoff: Backoff) -> Self {
        Self {
            items: VecDeque::new(),
            backoff,
            failures: 0,
            due: Duration::ZERO,
            busy: false,
            delivered: 0,
            failed: 0,
            dropped: 0,
        }
    }

    pub(in crate::alerts) fn waiting(&self) -> usize {
        self.items.len()
    }

    /// Adds one; gives those that had to go for it, or were too old.
    pub(in crate::alerts) fn push(
        &mut self,
        now: Duration,
        id: String,
        alert: AlertId,
        event: Event,
    ) -> Vec<(AlertId, Event)> {
        self.items.push_back(Item {
            id,
            alert,
            event,
            since: now,
        });
        let mut gone = Vec::new();
        // The first may be on its way: it is left alone.
        let first = usize::from(self.busy);
        while self.items.len() > WAITING
            || self
                .items
                .get(first)
                .is_some_and(|item| now.saturating_sub(item.since) > AGE)
        {
            let Some(item) = self.items.remove(first) else {
                break;
            };
            self.dropped = self.dropped.saturating_add(1);
            gone.push((item.alert, item.event));
        }
        gone
    }

    /// The first, when it is time; it counts as on its way until [`Queue::done`].
    pub(in crate::alerts) fn next(&mut self, now: Duration) -> Option<Ready> {
        if self.busy || now < self.due {
            return None;
        }
        let item = self.items.front()?;
        self.busy = true;
        Some(Ready {
            id: item.id.clone(),
            alert: item.alert.clone(),
            event: item.event,
        })
    }

    /// When [`Queue::next`] will give something; `None` while one is on its way or nothing waits.
    pub(in crate::alerts) fn due(&self) -> Option<Duration> {
        (!self.busy && !self.items.is_empty()).then_some(self.due)
    }

    /// What became of the one that was on its way; gives it when it need not be tried again.
    pub(in crate::alerts) fn done(
        &mut self,
        now: Duration,
        well: bool,
        random: u64,
    ) -> Option<(AlertId, Event)> {
        if !std::mem::take(&mut self.busy) {
            return None;
        }
        if well {
            self.failures = 0;
            self.due = now;
            self.delivered = self.delivered.saturating_add(1);
        } else {
            self.failures = self.failures.saturating_add(1);
            self.failed = self.failed.saturating_add(1);
            self.due = now + self.backoff.delay(self.failures, random);
            let old = |item: &Item| now.saturating_sub(item.since) > AGE;
            if !self.items.front().is_some_and(old) {
                return None;
            }
            self.dropped = self.dropped.saturating_add(1);
        }
        let item = self.items.pop_front()?;
        Some((item.alert, item.event))
    }

    /// Forgets everything that waits: there is no webhook any more.
    pub(in crate::alerts) fn clear(&mut self) {
        self.items.clear();
        self.begin_anew();
    }

    /// There is another webhook: what waits is tried at once, also what was on its way.
    pub(in crate::alerts) fn begin_anew(&mut self) {
        self.failures = 0;
        self.due = Duration::ZERO;
        self.busy = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn queue() -> Queue {
        Queue::new(Backoff::new(s(1), s(60), 0).unwrap())
    }

    fn alert(n: usize) -> AlertId {
        AlertId::parse(n.to_string()).unwrap()
    }

    fn push(queue: &mut Queue, now: u64, n: usize) -> usize {
        let gone = queue.push(s(now), format!("d{n}"), alert(n), Event::Raised);
        gone.len()
    }

    #[test]
    fn one_at_a_time_in_order_and_later_after_each_failure() {
        let mut queue = queue();
        push(&mut queue, 0, 1);
        push(&mut queue, 0, 2);
        let mut waits = Vec::new();
        let mut now = s(0);
        for _ in 0..8 {
            assert_eq!(queue.next(now).unwrap().id, "d1");
            assert_eq!(queue.next(now), None);
            assert_eq!(queue.done(now, false, 0), None);
            let due = queue.due().unwrap();
            waits.push((due - now).as_secs());
            assert_eq!(queue.next(due - Duration::from_millis(1)), None);
            now = due;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        queue.next(now).unwrap();
        assert_eq!(queue.done(now, true, 0), Some((alert(1), Event::Raised)));
        assert_eq!(queue.next(now).unwrap().id, "d2");
        queue.done(now, true, 0);
        assert_eq!((queue.due(), queue.delivered, queue.failed), (None, 2, 8));
    }

    #[test]
    fn the_oldest_makes_room_and_the_one_on_its_way_is_left_alone() {
        let mut queue = queue();
        for n in 0..WAITING {
            assert_eq!(push(&mut queue, 0, n), 0);
        }
        assert_eq!(queue.next(s(0)).unwrap().id, "d0");
        let gone = queue.push(s(1), "x".into(), alert(900), Event::Cleared);
        assert_eq!(gone, [(alert(1), Event::Raised)]);
        assert_eq!((queue.waiting(), queue.dropped), (WAITING, 1));
        assert_eq!(queue.done(s(2), true, 0), Some((alert(0), Event::Raised)));
        assert_eq!(queue.next(s(2)).unwrap().id, "d2");
    }

    #[test]
    fn after_a_day_nobody_needs_to_know() {
        let mut queue = queue();
        push(&mut queue, 0, 1);
        queue.next(s(0));
        assert_eq!(queue.done(s(1), false, 0), None);
        queue.next(s(90_000)).unwrap();
        assert_eq!(
            queue.done(s(90_000), false, 0),
            Some((alert(1), Event::Raised))
        );
        assert_eq!(queue.dropped, 1);
        push(&mut queue, 90_000, 2);
        assert_eq!(push(&mut queue, 190_000, 3), 1);
    }

    #[test]
    fn another_webhook_gets_at_once_what_the_former_did_not_take() {
        let mut queue = queue();
        push(&mut queue, 0, 1);
        for now in [0, 10, 20, 30, 40, 100] {
            queue.next(s(now)).unwrap();
            queue.done(s(now), false, 0);
        }
        assert_eq!(queue.next(s(101)), None);
        queue.begin_anew();
        assert_eq!(queue.next(s(101)).unwrap().id, "d1");
        queue.begin_anew();
        assert_eq!(queue.next(s(101)).unwrap().id, "d1", "it was on its way");
    }

    #[test]
    fn an_answer_that_comes_after_all_was_forgotten_changes_nothing() {
        let mut queue = queue();
        push(&mut queue, 0, 1);
        queue.next(s(0));
        queue.clear();
        push(&mut queue, 0, 2);
        assert_eq!(queue.done(s(1), true, 0), None);
        assert_eq!(queue.waiting(), 1);
    }
}
