//! The task that owns the dispatcher: inputs in, effects out, in their order.
//!
//! Owns `control::Core` and nothing else that matters. Never waits for a disk or a peer: rows go to
//! whoever keeps them, messages into the connection's queue, commands into tasks of their own, and what
//! became of them comes back as an [`Input`].

mod posting;

pub(crate) use posting::Posters;

use crate::delivery::{Deliveries, Delivery};
use crate::news::News;
use crate::posts::Posts;
use crate::ring::Ring;
use crate::seams::{Hands, Work};
use crate::status::{LinkState, LinkStatus};
use control::{BatchId, Core, Effect, Outcome, Row};
use protocol::command::Command;
use protocol::{
    ClockReport, Code, HasCode, Hello, Kind, MessageId, Metrics, Name, Nonce, OCL_VERSIONS,
    SCHEMA_VERSIONS, Semver, Timestamp, kind_of,
};
use runtime::{CancellationToken, Clock, Task};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

/// Messages that may wait to be written to the connection. A peer that reads slower loses it.
pub(crate) const OUTGOING: usize = 16_384;

/// Inputs that are taken before anything else is looked at.
const IN_A_ROW: usize = 64;

/// How often the core is told that time has passed.
const TICK: Duration = Duration::from_millis(500);

/// How often in a row nothing has to run before what commands kept is free.
const IDLE_TICKS: u32 = 2;

/// Time between figures until a welcome says another.
const FIGURES_EVERY_MS: u64 = 30_000;

/// Figures of earlier that are sent at once, when nothing else is to be sent.
const BACKFILL: usize = 16;

/// How long commands that were asked to give up are waited for.
const GIVE_UP: Duration = Duration::from_secs(2);

/// A command at work.
pub(crate) struct Running {
    _task: Task<()>,
    /// Cancelled when it is to give up.
    stop: CancellationToken,
    /// Cancelled when it has ended.
    ended: CancellationToken,
    /// It is not taken back: where the driver ends, its end is waited for.
    is_emergency: bool,
}

/// Figures that are to be sent, and were.
#[derive(Debug)]
pub(crate) struct Figures {
    ring: Ring,
    every_ms: u64,
    /// When they were taken last.
    taken_ms: Option<u64>,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            ring: Ring::default(),
            every_ms: FIGURES_EVERY_MS,
            taken_ms: None,
        }
    }
}

/// What carries a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Carrier {
    /// What was meant for earlier connections can come on this one.
    pub(crate) keeps: bool,
    /// Cancelled when Studio has said welcome.
    pub(crate) welcomed: CancellationToken,
}

/// Something that happened.
pub(crate) enum Input {
    /// A connection is open; the hello goes first. Dropping `out` closes the connection.
    Opened {
        nonce: Nonce,
        out: mpsc::Sender<Vec<u8>>,
        carrier: Carrier,
    },
    /// A message has come on it.
    Message(Vec<u8>),
    /// A message has come on it that its carrier keeps until it is settled.
    Delivered(Vec<u8>, Delivery),
    /// A message has come that is none.
    Garbage(Code),
    /// It is gone.
    Closed,
    /// Rows are durable.
    Kept(BatchId),
    /// A command is at its end.
    Done(MessageId, Outcome),
}

/// What the driver is made of.
pub(crate) struct Driver {
    pub(crate) core: Core,
    pub(crate) serial: Name,
    pub(crate) boot_id: MessageId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hands: Arc<dyn Hands>,
    pub(crate) news: News,
    pub(crate) posts: Posts,
    pub(crate) posters: Posters,
    pub(crate) figures: Figures,
    pub(crate) inbox: mpsc::Receiver<Input>,
    /// For tasks that report back.
    pub(crate) report: mpsc::Sender<Input>,
    /// To whoever keeps rows; never more than one batch is under way.
    pub(crate) rows: mpsc::Sender<(BatchId, Vec<Row>)>,
    pub(crate) status: Arc<watch::Sender<LinkStatus>>,
    pub(crate) out: Option<mpsc::Sender<Vec<u8>>>,
    pub(crate) carrier: Carrier,
    pub(crate) deliveries: Deliveries,
    pub(crate) running: BTreeMap<MessageId, Running>,
    /// Commands that are done and keep what they touched.
    pub(crate) kept: Vec<MessageId>,
    pub(crate) idle_ticks: u32,
}

/// The rows cannot be kept any more: their keeper is gone.
#[derive(Debug, thiserror::Error)]
#[error("nobody keeps the link's rows any more")]
pub(crate) struct KeeperGone;

impl Driver {
    /// Runs until `stop`. `effects` are those of the core's boot.
    pub(crate) async fn run(
        mut self,
        effects: Vec<Effect>,
        stop: CancellationToken,
    ) -> Result<(), KeeperGone> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.carry_out(effects)?;
        loop {
            let effects = tokio::select! {
                () = stop.cancelled() => {
                    // The steps under way come to their ends, and no further one begins but those of an
                    // emergency stop.
                    let running = self.running.values();
                    running.filter(|one| !one.is_emergency).for_each(|one| one.stop.cancel());
                    let running = self.running.values();
                    all_ended(running.map(|one| one.ended.clone()).collect()).await;
                    return Ok(());
                }
                _ = tick.tick() => self.tick(),
                input = self.inbox.recv() => match input {
                    Some(input) => self.take_all(input)?,
                    None => return Ok(()),
                },
                told = self.news.next() => {
                    let now = self.boot_ms();
                    self.core.event(&told.event, told.correlation_id, now)
                }
                ask = self.posts.next() => self.asked(ask),
            };
            self.carry_out(effects)?;
            self.deliveries.settle();
            self.show();
        }
    }

    fn boot_ms(&self) -> u64 {
        u64::try_from(self.clock.since_boot().as_millis()).unwrap_or(u64::MAX)
    }

    fn tick(&mut self) -> Vec<Effect> {
        let now = self.boot_ms();
        self.core.set_idle(self.hands.is_idle());
        let mut effects = self.core.tick(now);
        if self.running.is_empty() && self.hands.is_idle() {
            self.idle_ticks = self.idle_ticks.saturating_add(1);
        } else {
            self.idle_ticks = 0;
        }
        if self.idle_ticks >= IDLE_TICKS {
            for id in std::mem::take(&mut self.kept) {
                effects.extend(self.core.released(&id, now));
            }
        }
        if self.is_free() {
            effects.extend(self.core.send_again(now));
        }
        self.figures(now);
        self.forget_posters();
        effects
    }

    /// Whether the connection takes what it is given: hardly anything waits to be written.
    fn is_free(&self) -> bool {
        let is_free = |out: &mpsc::Sender<_>| out.capacity() + BACKFILL >= out.max_capacity();
        self.out.as_ref().is_some_and(is_free)
    }

    /// Sends the figures of this moment when they are due, or keeps them; and sends those of earlier,
    /// a few at a time, while nothing else waits to be sent.
    fn figures(&mut self, now: u64) {
        let is_online = self.out.is_some() && self.carrier.welcomed.is_cancelled();
        let taken = self.figures.taken_ms;
        if taken.is_none_or(|taken| now.saturating_sub(taken) >= self.figures.every_ms) {
            self.figures.taken_ms = Some(now);
            match self.hands.figures() {
                Some(metrics) if is_online => self.send_figures(now, metrics, now),
                Some(metrics) => {
                    let lost = self.figures.ring.keep(now, metrics);
                    self.status
                        .send_modify(|status| status.figures_lost += lost);
                }
                None => {}
            }
        }
        for _ in 0..BACKFILL {
            if !is_online || !self.is_free() {
                return;
            }
            let Some((measured, metrics)) = self.figures.ring.take() else {
                return;
            };
            self.send_figures(measured, metrics, now);
        }
    }

    /// The time is known by now, whatever it was taken for when the figures were measured.
    fn send_figures(&mut self, measured: u64, mut metrics: Metrics, now: u64) {
        let ago = now.saturating_sub(measured);
        let at = self.core.now(now).at.millis().saturating_sub(ago);
        metrics.measured_at = Some(Timestamp::from_millis(at));
        let envelope = self.core.metrics(&metrics, now);
        self.send(envelope);
    }

    /// Takes an input and those that wait behind it, each with all that follows from it. Gives the effects
    /// of the last.
    fn take_all(&mut self, first: Input) -> Result<Vec<Effect>, KeeperGone> {
        let mut effects = self.take(first);
        for _ in 1..IN_A_ROW {
            let Ok(input) = self.inbox.try_recv() else {
                break;
            };
            self.carry_out(effects)?;
            effects = self.take(input);
        }
        Ok(effects)
    }

    fn take(&mut self, input: Input) -> Vec<Effect> {
        let now = self.boot_ms();
        self.core.set_idle(self.hands.is_idle());
        match input {
            Input::Opened {
                nonce,
                out,
                carrier,
            } => {
                self.core.connected(nonce.clone());
                let hello = self.hello(nonce);
                let envelope = self.core.hello(&hello, now);
                self.out = Some(out);
                self.carrier = carrier;
                self.send(envelope);
                Vec::new()
            }
            Input::Message(bytes) => self.message(&bytes, now),
            Input::Delivered(bytes, delivery) => {
                self.deliveries.come(delivery);
                self.message(&bytes, now)
            }
            Input::Garbage(code) => {
                self.status.send_modify(|status| status.refuse(code));
                Vec::new()
            }
            Input::Closed => {
                self.core.disconnected();
                self.out = None;
                Vec::new()
            }
            Input::Kept(batch) => {
                self.deliveries.kept();
                self.core.committed(batch, now)
            }
            Input::Done(id, outcome) => {
                self.running.remove(&id);
                let word = match &outcome {
                    Outcome::Completed(_) => "completed",
                    Outcome::Failed(problem) => problem.code.as_str(),
                    Outcome::Aborted => "aborted",
                    Outcome::Disabled => Code::FeatureDisabled.as_str(),
                };
                if !matches!(outcome, Outcome::Completed(_)) {
                    self.kept.retain(|kept| *kept != id);
                }
                // Its beginning is in the log; that it came true is in the audit as well.
                if matches!(outcome, Outcome::Completed(_)) {
                    tracing::debug!(message_id = %id, result = word, "Command done.");
                } else {
                    tracing::info!(message_id = %id, result = word, "Command done.");
                }
                self.core.done(&id, outcome, now)
            }
        }
    }

    /// Routes by what the envelope says it is; who signed it is checked where it goes.
    fn message(&mut self, bytes: &[u8], now: u64) -> Vec<Effect> {
        match kind_of(bytes) {
            Some(Kind::Welcome) => self.welcome(bytes, now),
            Some(Kind::Receipt) => self.core.receipted(bytes, now),
            Some(Kind::Keyset) => {
                let adopted = self.core.keyset(bytes, now);
                self.adopted("keyset", adopted)
            }
            Some(Kind::Root) => {
                let adopted = self.core.root(bytes, now);
                self.adopted("root", adopted)
            }
            _ => self.core.receive(bytes, now),
        }
    }

    fn welcome(&mut self, bytes: &[u8], now: u64) -> Vec<Effect> {
        match self.core.welcomed(bytes, now) {
            Ok((welcome, effects)) => {
                self.status.send_modify(|status| {
                    status.state = LinkState::Online;
                    status.sessions = status.sessions.saturating_add(1);
                    status.failures = 0;
                    status.last_error = None;
                    status.next_try_ms = None;
                });
                self.carrier.welcomed.cancel();
                self.figures.every_ms =
                    u64::from(welcome.metrics_interval_s.clamp(5, 3_600)) * 1_000;
                tracing::info!(session = %welcome.session_id, "Studio welcomes the device.");
                effects
            }
            Err(error) => {
                tracing::warn!(%error, "A welcome that is none.");
                self.status
                    .send_modify(|status| status.refuse(error.code()));
                // Whoever answers so is not believed: the connection ends with its queue. Through a broker
                // the answer to an earlier hello can come late, and the right one after it.
                if !self.carrier.keeps {
                    self.out = None;
                }
                Vec::new()
            }
        }
    }

    fn adopted(
        &mut self,
        what: &'static str,
        adopted: Result<Vec<Effect>, protocol::AdoptError>,
    ) -> Vec<Effect> {
        match adopted {
            Ok(effects) => {
                tracing::info!(what, "New keys are believed once they are kept.");
                effects
            }
            Err(error) => {
                tracing::warn!(what, %error, "Keys that are not believed.");
                self.status
                    .send_modify(|status| status.refuse(error.code()));
                Vec::new()
            }
        }
    }

    fn hello(&self, session_nonce: Nonce) -> Hello {
        let about = self.hands.about();
        let semver = |text: &&str| Semver::parse(*text).expect("our own versions have their form");
        let now = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
        let now = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(0);
        Hello {
            boot_id: self.boot_id.clone(),
            session_nonce,
            agent_version: Name::parse(env!("CARGO_PKG_VERSION")).expect("a version is a name"),
            serial: self.serial.clone(),
            schema_versions: SCHEMA_VERSIONS.iter().map(semver).collect(),
            ocl_versions: OCL_VERSIONS.iter().map(semver).collect(),
            capabilities: about.capabilities,
            feature_flags: Vec::new(),
            root_version: self.core.trust().root_version(),
            keyset_version: self.core.trust().keyset().map(|keyset| keyset.version),
            last_command_seq: self.core.last_command_seq(),
            pending_outbox: u32::try_from(self.core.pending_outbox()).unwrap_or(u32::MAX),
            state: about.state,
            clock: ClockReport {
                now: Timestamp::from_millis(now),
                source: about.clock,
            },
        }
    }

    /// Carries effects out, and those that follow from them.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), KeeperGone> {
        let mut queue = VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Persist { batch, rows } => {
                    self.deliveries.persisting();
                    if self.rows.try_send((batch, rows)).is_err() {
                        return Err(KeeperGone);
                    }
                }
                Effect::Send(envelope) => self.send(envelope),
                Effect::Run {
                    message_id,
                    command,
                    again,
                } => queue.extend(self.begin(message_id, *command, again)),
                Effect::Settle { message_id, .. } => {
                    // No type that ends the agent is carried out, so none was begun.
                    let now = self.boot_ms();
                    queue.extend(self.core.done(&message_id, Outcome::Disabled, now));
                }
                Effect::Abort(message_id) => {
                    tracing::info!(%message_id, "Taken back while it runs.");
                    if let Some(running) = self.running.get(&message_id) {
                        running.stop.cancel();
                    }
                }
                // A show that gave way does not come back by itself.
                Effect::Preempt { message_id, by } => {
                    tracing::info!(%message_id, %by, "Gives way.");
                    self.kept.retain(|kept| *kept != message_id);
                    let now = self.boot_ms();
                    queue.extend(self.core.released(&message_id, now));
                }
                Effect::Restore(message_id) => {
                    tracing::debug!(%message_id, "Nothing that gave way is begun anew.");
                }
                Effect::Refused(code) => {
                    tracing::debug!(code = code.as_str(), "Refused.");
                    self.status.send_modify(|status| status.refuse(code));
                }
                Effect::Alert(alert) => {
                    let mut before = 0;
                    self.status.send_modify(|status| {
                        let count = status.alerts.entry(alert.as_str()).or_default();
                        before = *count;
                        *count += 1;
                    });
                    // Whoever repeats it does not fill the log: the first is told, then each hundredth.
                    if before.is_multiple_of(100) {
                        tracing::error!(
                            what = alert.as_str(),
                            before,
                            "Only an attack or a fault explains this."
                        );
                    }
                }
                Effect::Answered(answered) => self.posters.answered(*answered),
                Effect::TurnedAway(refusal) => self.hands.turned_away(&refusal),
                Effect::Dropped => self.status.send_modify(|status| status.events_lost += 1),
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: MessageId, command: Command, again: bool) -> Vec<Effect> {
        let now = self.boot_ms();
        let correlation = self.core.correlation(&id).cloned();
        let keeps = command.keeps_targets();
        let kind = command.command_type().as_str();
        let (may, effects) = self.core.begin(&id, now);
        if !may {
            return effects;
        }
        if keeps {
            self.kept.push(id.clone());
        }
        let correlation = correlation.unwrap_or_else(|| id.clone());
        tracing::info!(message_id = %id, correlation_id = %correlation, kind, again, "Command begins.");
        self.status
            .send_modify(|status| status.carried_out = status.carried_out.saturating_add(1));
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let is_emergency = matches!(command, Command::EmergencyStop(_));
        let given_up = if is_emergency {
            self.given_up()
        } else {
            Vec::new()
        };
        let hands = Arc::clone(&self.hands);
        let once_more = (!given_up.is_empty()).then(|| command.clone());
        let work = hands.carry_out(command, &correlation, stop.clone());
        let (report, name) = (self.report.clone(), id.clone());
        let (asked, over) = (stop.clone(), ended.clone());
        let task = runtime::spawn(async move {
            let mut outcome = ended_as(work).await;
            if let Some(command) = once_more {
                // The last step of one that was under way may have come after the stop.
                all_ended(given_up).await;
                let again = ended_as(hands.carry_out(command, &correlation, asked)).await;
                if !matches!(again, Outcome::Completed(_)) {
                    outcome = again;
                }
            }
            over.cancel();
            // Without a driver there is nobody to tell; it comes up again at the next start.
            let _gone = report.send(Input::Done(name, outcome)).await;
        });
        let running = Running {
            _task: task,
            stop,
            ended,
            is_emergency,
        };
        self.running.insert(id, running);
        effects
    }

    /// The ends of those that were asked to give up and have not ended.
    fn given_up(&self) -> Vec<CancellationToken> {
        let running = self.running.values();
        let given_up = running.filter(|one| one.stop.is_cancelled() && !one.ended.is_cancelled());
        given_up.map(|one| one.ended.clone()).collect()
    }

    /// Puts a message into the connection's queue. A peer that does not read loses its connection: what
    /// matters is in the outbox.
    fn send(&mut self, envelope: Vec<u8>) {
        let Some(out) = &self.out else {
            return;
        };
        if out.try_send(envelope).is_err() {
            tracing::warn!("Studio reads too slowly or is gone; the connection is closed.");
            self.out = None;
            self.core.disconnected();
        }
    }

    fn show(&self) {
        let (open, outbox) = (self.core.open_commands(), self.core.pending_outbox());
        let figures = self.figures.ring.len();
        let lost = self.news.lost();
        self.status.send_if_modified(|status| {
            let before = (status.open_commands, status.outbox, status.figures_waiting);
            let changed = before != (open, outbox, figures) || lost > 0;
            status.figures_waiting = figures;
            status.events_lost = status.events_lost.saturating_add(lost);
            status.open_commands = open;
            status.outbox = outbox;
            changed
        });
    }
}

/// What became of a command, also where it met a fault.
async fn ended_as(work: Work) -> Outcome {
    match runtime::guarded(work).await {
        Ok(outcome) => outcome,
        Err(ended) => {
            tracing::error!(%ended, "A command ended by a fault.");
            Outcome::failed(Code::Internal, "the command met a fault of the agent")
        }
    }
}

/// Waits until all of them have ended, not longer than [`GIVE_UP`].
async fn all_ended(commands: Vec<CancellationToken>) {
    let ended = async {
        for command in commands {
            command.cancelled().await;
        }
    };
    if tokio::time::timeout(GIVE_UP, ended).await.is_err() {
        tracing::error!("A command that was to come to its end is still at work.");
    }
}

#[cfg(test)]
mod tests;
