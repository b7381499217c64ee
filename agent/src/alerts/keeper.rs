//! The task that keeps the alerts: takes health's reports, writes the book down, tells the webhook.
//!
//! Owns the book, the webhook's queue and what others see of both. Nobody waits for it but those who ask
//! it something; a delivery is a task of its own.

use super::book::{Book, Change};
use super::error::AlertError;
use super::record::{Alert, AlertState, Kept};
use super::webhook::{
    Delivery, DeliveryError, Event, Hook, OwnPorts, Queue, Reach, Sender, WebhookDraft,
    WebhookTest, WebhookView, apply,
};
use crate::health::{Health, Report};
use crate::time::rfc3339;
use model::AlertId;
use runtime::{Backoff, CancellationToken, Clock, SystemClock, Task, random};
use serde::Serialize;
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use store::{Batch, Store, Tree, WriteError};
use tokio::sync::{mpsc, oneshot, watch};

/// The webhook's place in the store.
const TREE: Tree = Tree::Settings;
const HOOK: &str = "webhook";
/// Questions that may wait.
const MAILBOX: usize = 16;
/// Tests of the webhook at once.
const TESTS: usize = 2;

type Answer<T> = oneshot::Sender<Result<T, AlertError>>;

enum Ask {
    Acknowledge(AlertId, Answer<Alert>),
    SetWebhook(WebhookDraft, Answer<WebhookView>),
    RemoveWebhook(Answer<()>),
    TestWebhook(Answer<WebhookTest>),
}

/// What everyone may see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Board {
    /// Every alert that is kept: the open ones first, the newest of each first.
    pub alerts: Vec<Alert>,
    /// How the webhook is.
    pub webhook: WebhookView,
    /// Alerts that were not raised because too many were open.
    pub left_out: u64,
}

impl Board {
    /// Alerts that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Alert> {
        let over = |alert: &&Alert| alert.state == AlertState::Cleared;
        self.alerts.iter().take_while(move |alert| !over(alert))
    }
}

/// The alerts, for anyone. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    board: watch::Receiver<Arc<Board>>,
    asks: mpsc::Sender<Ask>,
}

impl std::fmt::Debug for Alerts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerts").finish_non_exhaustive()
    }
}

impl Alerts {
    /// The board at this moment.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board.borrow())
    }

    /// The board whenever it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Board>> {
        self.board.clone()
    }

    /// Notes that an operator has seen an alert.
    ///
    /// # Errors
    /// [`AlertError::NoAlert`].
    pub async fn acknowledge(&self, id: AlertId) -> Result<Alert, AlertError> {
        self.ask(|answer| Ask::Acknowledge(id, answer)).await
    }

    /// Sets the webhook. Answers it with its secret when that was just made.
    ///
    /// # Errors
    /// [`AlertError`] when address or secret are not taken, or nothing can be stored.
    pub async fn set_webhook(&self, draft: WebhookDraft) -> Result<WebhookView, AlertError> {
        self.ask(|answer| Ask::SetWebhook(draft, answer)).await
    }

    /// Removes the webhook and what waits for it.
    ///
    /// # Errors
    /// [`AlertError::NoWebhook`].
    pub async fn remove_webhook(&self) -> Result<(), AlertError> {
        self.ask(Ask::RemoveWebhook).await
    }

    /// Sends a test, and answers when it was taken. Ten seconds at most.
    ///
    /// # Errors
    /// [`AlertError::Delivery`], or [`AlertError::NoWebhook`].
    pub async fn test_webhook(&self) -> Result<WebhookTest, AlertError> {
        self.ask(Ask::TestWebhook).await
    }

    async fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Ask) -> Result<T, AlertError> {
        let (answer, answered) = oneshot::channel();
        self.asks
            .send(question(answer))
            .await
            .map_err(|_| AlertError::Stopping)?;
        answered.await.map_err(|_| AlertError::Stopping)?
    }
}

/// What the keeper works with.
#[derive(Clone)]
pub struct KeeperParts {
    /// Where alerts and the webhook are kept.
    pub store: Store,
    /// What is wrong.
    pub health: Health,
    /// How far plain http may reach.
    pub reach: Reach,
    /// Ports that no webhook may lead to.
    pub own: OwnPorts,
}

/// The keeper's task.
pub struct Keeper {
    store: Store,
    health: Health,
    sender: Sender,
    asks: mpsc::Receiver<Ask>,
    board: watch::Sender<Arc<Board>>,
    book: Book,
    hook: Option<Hook>,
    queue: Queue,
    on_its_way: Option<Task<Result<u16, DeliveryError>>>,
    tests: Vec<Task<()>>,
    last_error: Option<String>,
    last_delivered_at: Option<String>,
}

#[derive(Serialize)]
struct HookRow {
    updated_at: String,
}

impl Keeper {
    /// A keeper that has not begun, and its handle.
    #[must_use]
    pub fn new(parts: KeeperParts) -> (Alerts, Self) {
        let (ask, asks) = mpsc::channel(MAILBOX);
        let (board, seen) = watch::channel(Arc::default());
        let first = Duration::from_secs(1);
        let backoff = Backoff::new(first, Duration::from_secs(60), 10).unwrap_or(Backoff::LOCAL);
        let keeper = Self {
            store: parts.store,
            health: parts.health,
            sender: Sender::new(parts.reach, parts.own),
            asks,
            board,
            book: Book::default(),
            hook: None,
            queue: Queue::new(backoff),
            on_its_way: None,
            tests: Vec::new(),
            last_error: None,
            last_delivered_at: None,
        };
        let alerts = Alerts {
            board: seen,
            asks: ask,
        };
        (alerts, keeper)
    }

    /// Keeps the alerts until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        self.begin().await;
        let mut reports = self.health.watch();
        reports.mark_changed();
        loop {
            self.deliver();
            self.publish();
            let due = self.queue.due();
            tokio::select! {
                () = stop.cancelled() => break,
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.answer(ask).await,
                    None => break,
                },
                changed = reports.changed() => {
                    if changed.is_err() {
                        break; // the watcher is gone: the agent ends
                    }
                    let report = Arc::clone(&reports.borrow_and_update());
                    self.take(&report).await;
                }
                outcome = arrival(&mut self.on_its_way) => self.arrived(outcome).await,
                () = until(due) => {}
            }
        }
    }

    /// Reads what a former run left.
    async fn begin(&mut self) {
        let store = self.store.clone();
        let sender = self.sender.clone();
        let read = tokio::task::spawn_blocking(move || {
            let rows = store.list::<Kept>(Tree::Alerts).unwrap_or_else(|error| {
                tracing::error!(%error, "The alerts of the run before cannot be read.");
                Vec::new()
            });
            let packed = store.secret(TREE, HOOK).unwrap_or_else(|error| {
                tracing::error!(%error, "The webhook cannot be read.");
                None
            });
            let hook = packed.map(|packed| Hook::unpack(&packed, &sender));
            if matches!(hook, Some(None)) {
                tracing::warn!("The webhook that is kept may not be used by today's settings.");
            }
            (rows, hook.flatten())
        });
        let Ok((rows, hook)) = read.await else { return };
        let now = SystemClock.monotonic();
        let ids: BTreeSet<String> = rows.iter().map(|(id, _)| id.clone()).collect();
        let rows = rows.into_iter().map(|(_, kept)| kept).collect();
        let wall = rfc3339(SystemClock.wall());
        let (book, doubles) = Book::restore(rows, now, &wall);
        self.book = book;
        self.hook = hook;
        let kept: Vec<Kept> = self.book.kept().cloned().collect();
        let gone = ids
            .into_iter()
            .filter(|id| !kept.iter().any(|kept| kept.alert.id.as_str() == id));
        let gone = gone.filter_map(|id| AlertId::parse(id).ok()).collect();
        self.write(doubles, gone).await;
        for kept in &kept {
            if !kept.told.raised {
                self.tell(kept, Event::Raised).await;
            }
            if kept.alert.state == AlertState::Cleared && !kept.told.cleared {
                self.tell(kept, Event::Cleared).await;
            }
        }
    }

    async fn take(&mut self, report: &Report) {
        if report.evaluated_at.is_none() {
            return;
        }
        let wall = rfc3339(SystemClock.wall());
        let changes = self.book.take(SystemClock.monotonic(), &wall, report);
        if changes.is_empty() {
            return;
        }
        let mut kept = Vec::new();
        let mut gone = Vec::new();
        for change in changes {
            match change {
                Change::Raised(one) => {
                    log(&one.alert, "Alert.");
                    kept.push((one, Some(Event::Raised)));
                }
                Change::Changed(one) => {
                    log(&one.alert, "Alert, as it is now.");
                    kept.push((one, None));
                }
                Change::Cleared(one) => {
                    let (id, code) = (one.alert.id.as_str(), one.alert.code.as_str());
                    let message = &one.alert.message;
                    tracing::info!(id, code, message, by = ?one.alert.cleared_by, "Alert is over.");
                    kept.push((one, Some(Event::Cleared)));
                }
                Change::Dropped(id) => gone.push(id),
            }
        }
        let rows = kept.iter().map(|(one, _)| one.clone()).collect();
        self.write(rows, gone).await;
        for (one, event) in kept {
            if let Some(event) = event {
                self.tell(&one, event).await;
            }
        }
    }

    /// Queues a message for the webhook; without one there is nobody to be told.
    async fn tell(&mut self, kept: &Kept, event: Event) {
        let id = kept.alert.id.clone();
        if self.hook.is_none() {
            self.told(&[(id, event)]).await;
            return;
        }
        let delivery = uuid::Uuid::now_v7().to_string();
        let now = SystemClock.monotonic();
        let gone = self.queue.push(now, delivery, id, event);
        self.told(&gone).await;
    }

    /// Notes that these messages need not be sent any more.
    async fn told(&mut self, messages: &[(AlertId, Event)]) {
        let mut changed = Vec::new();
        for (id, event) in messages {
            let Some(kept) = self.book.find(id) else {
                continue;
            };
            match event {
                Event::Raised => kept.told.raised = true,
                Event::Cleared => kept.told.cleared = true,
                Event::Test => {}
            }
            changed.push(kept.clone());
        }
        if !changed.is_empty() {
            self.write(changed, Vec::new()).await;
        }
    }

    /// Starts the next delivery, where one is due.
    fn deliver(&mut self) {
        let Some(hook) = &self.hook else { return };
        let Some(ready) = self.queue.next(SystemClock.monotonic()) else {
            return;
        };
        let alert = self.book.find(&ready.alert).map(|kept| kept.alert.clone());
        let delivery = Delivery {
            id: ready.id,
            event: ready.event,
            alert,
        };
        self.on_its_way = Some(runtime::spawn(send(
            self.sender.clone(),
            hook.clone(),
            delivery,
        )));
    }

    async fn arrived(&mut self, outcome: Result<u16, DeliveryError>) {
        self.on_its_way = None;
        let now = SystemClock.monotonic();
        let well = outcome.is_ok();
        match outcome {
            Ok(_) => {
                self.last_error = None;
                self.last_delivered_at = Some(rfc3339(SystemClock.wall()));
            }
            Err(error) => {
                if self.last_error.is_none() {
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "The webhook takes nothing; it is tried again.");
                }
                self.last_error = Some(error.to_string());
            }
        }
        if let Some(done) = self.queue.done(now, well, random()) {
            self.told(&[done]).await;
        }
    }

    async fn answer(&mut self, ask: Ask) {
        // Whoever asked may have gone away, which is no fault.
        match ask {
            Ask::Acknowledge(id, answer) => drop(answer.send(self.acknowledge(id).await)),
            Ask::SetWebhook(draft, answer) => drop(answer.send(self.set(draft).await)),
            Ask::RemoveWebhook(answer) => drop(answer.send(self.remove().await)),
            Ask::TestWebhook(answer) => self.test(answer),
        }
    }

    async fn acknowledge(&mut self, id: AlertId) -> Result<Alert, AlertError> {
        let wall = rfc3339(SystemClock.wall());
        let Some(kept) = self.book.acknowledge(&id, &wall) else {
            return Err(AlertError::NoAlert(id));
        };
        self.commit(vec![kept.clone()], Vec::new()).await?;
        Ok(kept.alert)
    }

    async fn set(&mut self, draft: WebhookDraft) -> Result<WebhookView, AlertError> {
        let (hook, made) = apply(draft, self.hook.as_ref(), &self.sender)?;
        let row = HookRow {
            updated_at: rfc3339(SystemClock.wall()),
        };
        let batch = Batch::new()
            .put(TREE, HOOK, &row)?
            .seal(TREE, HOOK, &hook.pack())?;
        commit(&self.store, batch).await?;
        let secret = made.then(|| hook.secret.expose().to_owned());
        let old = self.hook.replace(hook);
        if old.map(|old| old.target) != self.hook.as_ref().map(|hook| hook.target.clone()) {
            self.last_delivered_at = None;
        }
        self.last_error = None;
        // What waits goes there now: what was learned of the former server says nothing of this one.
        self.on_its_way = None;
        self.queue.begin_anew();
        let mut view = self.view();
        view.secret = secret.or(view.secret);
        Ok(view)
    }

    async fn remove(&mut self) -> Result<(), AlertError> {
        if self.hook.is_none() {
            return Err(AlertError::NoWebhook);
        }
        commit(&self.store, Batch::new().delete(TREE, HOOK)?).await?;
        self.hook = None;
        self.on_its_way = None;
        self.queue.clear();
        self.last_error = None;
        self.last_delivered_at = None;
        let mut untold = Vec::new();
        for kept in self.book.kept() {
            let id = &kept.alert.id;
            if !kept.told.raised {
                untold.push((id.clone(), Event::Raised));
            }
            if kept.alert.state == AlertState::Cleared && !kept.told.cleared {
                untold.push((id.clone(), Event::Cleared));
            }
        }
        self.told(&untold).await;
        Ok(())
    }

    fn test(&mut self, answer: Answer<WebhookTest>) {
        self.tests.retain(|test| !test.is_finished());
        let refusal = match &self.hook {
            None => AlertError::NoWebhook,
            Some(_) if self.tests.len() >= TESTS => AlertError::Busy,
            Some(hook) => {
                let delivery = Delivery {
                    id: uuid::Uuid::now_v7().to_string(),
                    event: Event::Test,
                    alert: None,
                };
                let sent = send(self.sender.clone(), hook.clone(), delivery);
                self.tests.push(runtime::spawn(async move {
                    let result = sent.await.map(|status| WebhookTest {
                        message: "The webhook took the test".to_owned(),
                        status,
                    });
                    drop(answer.send(result.map_err(AlertError::from)));
                }));
                return;
            }
        };
        drop(answer.send(Err(refusal)));
    }

    fn view(&self) -> WebhookView {
        WebhookView::of(
            self.hook.as_ref(),
            &self.queue,
            self.last_error.clone(),
            self.last_delivered_at.clone(),
        )
    }

    fn publish(&self) {
        let board = Board {
            alerts: self.book.alerts(),
            webhook: self.view(),
            left_out: self.book.left_out,
        };
        self.board.send_if_modified(|old| {
            let changed = **old != board;
            if changed {
                *old = Arc::new(board);
            }
            changed
        });
    }

    /// Writes alerts down. Where that fails they are told all the same.
    async fn write(&self, kept: Vec<Kept>, gone: Vec<AlertId>) {
        if let Err(error) = self.commit(kept, gone).await {
            tracing::error!(%error, "Alerts could not be written down.");
        }
    }

    async fn commit(&self, kept: Vec<Kept>, gone: Vec<AlertId>) -> Result<(), WriteError> {
        if kept.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for one in &kept {
            batch = batch.put(Tree::Alerts, one.alert.id.as_str(), one)?;
        }
        for id in &gone {
            batch = batch.delete(Tree::Alerts, id.as_str())?;
        }
        commit(&self.store, batch).await
    }
}

async fn send(sender: Sender, hook: Hook, delivery: Delivery) -> Result<u16, DeliveryError> {
    let now = SystemClock.wall();
    sender
        .send(&hook.target, &hook.secret, &delivery, now)
        .await
}

async fn commit(store: &Store, batch: Batch) -> Result<(), WriteError> {
    let store = store.clone();
    written(move || store.commit(batch)).await
}

/// Writes on a thread that may block. Of one that ended by a fault nobody knows whether it wrote.
async fn written(
    write: impl FnOnce() -> Result<(), WriteError> + Send + 'static,
) -> Result<(), WriteError> {
    let written = tokio::task::spawn_blocking(write).await;
    written.unwrap_or(Err(WriteError::NotDurable))
}

/// The outcome of what is on its way; for ever where nothing is.
async fn arrival(
    on_its_way: &mut Option<Task<Result<u16, DeliveryError>>>,
) -> Result<u16, DeliveryError> {
    match on_its_way {
        Some(task) => task.await.unwrap_or(Err(DeliveryError::Slow)),
        None => pending().await,
    }
}

async fn until(due: Option<Duration>) {
    match due {
        Some(due) => {
            tokio::time::sleep(due.saturating_sub(SystemClock.monotonic())).await;
        }
        None => pending().await,
    }
}

fn log(alert: &Alert, what: &str) {
    tracing::warn!(
        id = alert.id.as_str(),
        code = alert.code.as_str(),
        severity = alert.severity.as_str(),
        state = ?alert.state,
        message = alert.message,
        cause = alert.cause,
        "{what}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_that_met_a_fault_is_not_taken_for_done() {
        assert!(written(|| Ok(())).await.is_ok());
        let fault = written(|| panic!("in the midst of it")).await;
        assert!(matches!(fault, Err(WriteError::NotDurable)));
    }
}
