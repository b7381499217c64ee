//! The state of dispatch, and what all of its inputs share.
//!
//! `boot` brings it back after a restart, `receive` takes in what Studio sends and `post` what is posted at
//! the device, `dispatch` decides what is done when, `session` belongs to the connection and the keys,
//! `replies` bounds what ended commands have said.

mod boot;
mod dispatch;
mod post;
mod receive;
mod replies;
mod session;

pub use replies::REPLY_LIMIT;

use crate::claims::Claims;
use crate::effect::{Alert, BatchId, Effect};
use crate::record::{AuditRow, CommandRow, Memory, OutboxRow, Row, RowState};
use post::Posted;
use protocol::command::{Command, CommandType};
use protocol::{
    Ack, AckStatus, ChainHead, Code, Digest, Event, EventType, Flags, Kind, Lane, Link, Message,
    MessageId, Metrics, Moment, Nonce, Problem, Semver, Severity, SigningKey, Timestamp, Trust,
    TrustedTime, Window,
};
use replies::Replies;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most commands that are accepted and not at their end; further ones are answered `BUSY`.
pub const QUEUE_LIMIT: usize = 1_024;

/// Most commands that are remembered; further ones are answered `BUSY`.
pub const RECORD_LIMIT: usize = 65_536;

/// Most messages that wait for their receipt. Beyond it commands are answered `BUSY`.
pub const OUTBOX_LIMIT: usize = 10_000;

/// Most events among them. A further one takes the place of the oldest of those that matter least, so
/// that events never cost a command its answer.
pub const EVENT_LIMIT: usize = 4_000;

/// Largest reply of a command, and largest account of why it failed, as JSON in bytes. Half an envelope:
/// the answer that carries it can always be sent and kept.
pub const RESULT_LIMIT: usize = 128 * 1024;

/// A message that has had no receipt for so long is sent again on the same connection: a broker with a
/// full queue drops what it has acknowledged. Then after twice as long each time, up to
/// [`AGAIN_AT_MOST_MS`].
pub const AGAIN_AFTER_MS: u64 = 10_000;

/// Longest time between two times that a message is sent on one connection.
pub const AGAIN_AT_MOST_MS: u64 = 60_000;

/// Bytes of messages that are sent again at once, where Studio answers: the show has the line too.
const AGAIN_BYTES: usize = 64 * 1024;

/// Bytes of messages that wait for their receipt. Beyond it commands are answered `BUSY`.
pub const OUTBOX_BYTES: usize = 32 * 1024 * 1024;

/// How long after a start a command that was cut short waits for the time to become known.
pub const RESTART_GRACE_MS: u64 = 5_000;

/// A command is remembered at least so long after its end.
const REMEMBER_MS: u64 = 60 * 60 * 1_000;

/// How often it is stored that the time is not earlier: after a start without Studio, keys that ended before
/// count for nothing.
const FLOOR_EVERY_MS: u64 = 60 * 60 * 1_000;

/// At most one event about attacks in so long.
const ALERT_EVERY_MS: u64 = 60_000;

/// What a core is made of that does not change while it runs.
#[derive(Debug)]
pub struct Config {
    /// Signs what the device says.
    pub signer: SigningKey,
    /// Made at random for this start of the agent.
    pub boot_id: MessageId,
    /// When the agent was built: it is not earlier.
    pub built: Timestamp,
    /// Command types that the agent carries out.
    pub commands: BTreeSet<CommandType>,
    /// Feature flags of the build, less what configuration switches off.
    pub flags: Flags,
    /// Whom the device believes, from pairing. What is stored goes before it.
    pub trust: Trust,
}

/// A command that is remembered.
struct Entry {
    row: CommandRow,
    /// Its arguments, until its end.
    command: Option<Command>,
    stage: Stage,
    /// Whether Studio was told that it waits for an operator.
    deferred: bool,
    /// It was accepted before this start of the agent.
    restored: bool,
    /// Who took it back, while its module gives up; an emergency stop has no id here.
    given_up: Option<Reason>,
    /// Last progress that was sent.
    progress_at: Option<u64>,
    /// When it is over by the clock that counts from boot, where the time was not known as it came: it was
    /// not signed later, so its life cannot last longer.
    void_ms: Option<u64>,
}

/// Why a running command is asked to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Cancel,
    Emergency,
}

/// Where a remembered command is in this run of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not durable yet.
    Arriving,
    /// Durable; waits for its turn.
    Waiting,
    /// Its beginning is being put on record.
    Starting,
    /// With its module.
    Running,
    /// At its end.
    Ended,
}

/// What happens when a batch is durable.
enum After {
    Send(u64),
    Accepted(MessageId),
    Begun(MessageId),
    Trust(Box<Trust>),
}

/// A message of the outbox on this connection.
#[derive(Debug, Clone, Copy)]
struct Sending {
    /// When it was sent last.
    at_ms: u64,
    /// How long its receipt is waited for.
    patience_ms: u64,
}

/// The state of dispatch. See the crate's documentation.
pub struct Core {
    signer: SigningKey,
    built_commands: BTreeSet<CommandType>,
    base_flags: Flags,
    flags: Flags,
    schema_version: Semver,
    trust: Trust,
    /// The trust that is being stored, on which the next one builds.
    next_trust: Option<Trust>,
    time: TrustedTime,
    booted_at: u64,
    /// No show runs, as far as was told.
    idle: bool,
    nonce: Option<Nonce>,
    online: bool,
    windows: BTreeMap<Lane, Window>,
    memory: Memory,
    dirty: BTreeSet<Lane>,
    entries: BTreeMap<MessageId, Entry>,
    /// Those of the queue that are durable and have not begun. Most begin at once, so hardly ever is there
    /// one, and most inputs have no need to walk along the queue.
    waiting: BTreeSet<MessageId>,
    /// Commands that are not at their end, in the order in which they are done.
    queue: BTreeSet<(Lane, Timestamp, MessageId)>,
    replies: Replies,
    claims: Claims,
    outbox: BTreeMap<u64, OutboxRow>,
    /// Bytes of their envelopes.
    outbox_bytes: usize,
    /// Those of them that were sent on this connection.
    sent: BTreeMap<u64, Sending>,
    /// A receipt has come since something was sent again.
    is_heard: bool,
    /// How many of the outbox are events.
    events: usize,
    /// Studio was told that events give way, and there has not been room again since.
    overflowed: bool,
    next_number: u64,
    made: u64,
    boot_id: MessageId,
    chain: ChainHead,
    rows: Vec<Row>,
    after: Vec<After>,
    in_flight: Option<(BatchId, Vec<After>)>,
    /// Commands with a row in the batch that is under way.
    syncing: BTreeSet<MessageId>,
    next_batch: u64,
    alerted_at: Option<u64>,
    /// When it was stored last that the time is not earlier.
    floored_at: u64,
    /// Commands that were posted at the device, by the number that each was given.
    posted: BTreeMap<u64, Posted>,
    /// The number of the one that is being looked at.
    posting: Option<u64>,
}

impl Core {
    /// Whom the device believes now.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self, boot_ms: u64) -> Moment {
        self.time.now(boot_ms)
    }

    /// Whether no show runs. To be told before each other call: what waits for the end of the show begins
    /// with one.
    pub const fn set_idle(&mut self, idle: bool) {
        self.idle = idle;
    }

    /// Highest ordinary sequence number that was accepted in this epoch; for the hello.
    #[must_use]
    pub fn last_command_seq(&self) -> Option<u64> {
        let window = self.windows.get(&Lane::Ordinary)?;
        (window.highest() > 0).then(|| window.highest())
    }

    /// Messages that wait for their receipt; for the hello.
    #[must_use]
    pub fn pending_outbox(&self) -> usize {
        self.outbox.len()
    }

    /// The correlation id of a remembered command.
    #[must_use]
    pub fn correlation(&self, id: &MessageId) -> Option<&MessageId> {
        self.entries.get(id).map(|entry| &entry.row.correlation_id)
    }

    /// Who has what, for a page to show.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Commands that are not at their end.
    #[must_use]
    pub fn open_commands(&self) -> usize {
        self.queue.len()
    }

    /// A batch is durable. It has to be the one that was asked for last.
    pub fn committed(&mut self, batch: BatchId, boot_ms: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        match self.in_flight.take() {
            Some((asked, after)) if asked == batch => {
                self.syncing.clear();
                for after in after {
                    self.happens(after, boot_ms, &mut out);
                }
            }
            other => self.in_flight = other,
        }
        self.finish(boot_ms, out)
    }

    fn happens(&mut self, after: After, boot_ms: u64, out: &mut Vec<Effect>) {
        match after {
            After::Send(number) => {
                if self.online {
                    self.send(number, boot_ms, out);
                }
            }
            After::Accepted(id) => {
                if let Some(entry) = self.entries.get_mut(&id)
                    && entry.stage == Stage::Arriving
                {
                    entry.stage = Stage::Waiting;
                    self.waiting.insert(id);
                }
            }
            After::Begun(id) => {
                if let Some(entry) = self.entries.get_mut(&id)
                    && entry.stage == Stage::Starting
                    && let Some(command) = &entry.command
                {
                    entry.stage = Stage::Running;
                    out.push(Effect::Run {
                        message_id: id,
                        command: Box::new(command.clone()),
                        again: false,
                    });
                }
            }
            After::Trust(trust) => {
                if trust.epoch() != self.trust.epoch() {
                    self.windows.clear();
                    self.dirty.clear();
                }
                self.trust = *trust;
            }
        }
    }

    /// Time has passed: runs out holds, ends what has expired, forgets what is long over. To be called
    /// at least each second.
    pub fn tick(&mut self, boot_ms: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        for target in self.claims.run_out(boot_ms) {
            self.release_hold(&target, boot_ms, &mut out);
        }
        let now = self.now(boot_ms);
        if now.is_time && boot_ms.saturating_sub(self.floored_at) >= FLOOR_EVERY_MS {
            self.store_floor(boot_ms);
        }
        let over: Vec<MessageId> = self
            .entries
            .iter()
            .filter(|(_, entry)| is_forgettable(entry, now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            if let Some(entry) = self.entries.remove(&id) {
                self.replies.remove(&entry.row);
            }
            self.rows.push(Row::Forget(id));
        }
        self.finish(boot_ms, out)
    }

    /// Stores that the time is not earlier than now.
    fn store_floor(&mut self, boot_ms: u64) {
        self.floored_at = boot_ms;
        self.rows.push(Row::Floor(self.time.floor(boot_ms)));
    }

    /// What every input ends with: what can begin begins, and what is to be kept is written.
    fn finish(&mut self, boot_ms: u64, mut out: Vec<Effect>) -> Vec<Effect> {
        self.advance(boot_ms, &mut out);
        self.shed();
        self.tell_posters(boot_ms, &mut out);
        if self.in_flight.is_none() && (!self.rows.is_empty() || !self.after.is_empty()) {
            let mut rows = std::mem::take(&mut self.rows);
            for lane in std::mem::take(&mut self.dirty) {
                if let Some(window) = self.windows.get(&lane) {
                    rows.push(Row::Window {
                        lane,
                        epoch: self.trust.epoch(),
                        window: window.clone(),
                    });
                }
            }
            for row in &rows {
                if let Row::Command(row) = row {
                    self.syncing.insert(row.message_id.clone());
                }
            }
            let batch = BatchId(self.next_batch);
            self.next_batch += 1;
            self.in_flight = Some((batch, std::mem::take(&mut self.after)));
            out.push(Effect::Persist { batch, rows });
        }
        out
    }

    /// An id that nobody else makes: a UUID of version 8 over this start's id and a count.
    fn make_id(&mut self) -> MessageId {
        self.made += 1;
        let digest = Digest::of(format!("{} {}", self.boot_id, self.made).as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.bytes()[..16]);
        let id = uuid::Builder::from_custom_bytes(bytes).into_uuid();
        MessageId::parse(id.to_string()).expect("a UUID")
    }

    fn envelope<T: Serialize>(
        &mut self,
        kind: Kind,
        correlation_id: Option<MessageId>,
        payload: T,
        chain: Option<Link>,
        now: Moment,
    ) -> (MessageId, Vec<u8>) {
        let message_id = self.make_id();
        let message = Message {
            correlation_id: correlation_id.unwrap_or_else(|| message_id.clone()),
            message_id: message_id.clone(),
            timestamp: now.at,
            schema_version: self.schema_version.clone(),
            device_id: self.trust.device().clone(),
            tenant_id: self.trust.tenant().clone(),
            payload,
            chain,
        };
        let body = serde_json::to_vec(&message).expect("a message has a JSON form");
        (message_id, protocol::seal(kind, &body, &[&self.signer]))
    }

    /// Puts a message into the outbox; it is sent when that is durable.
    fn keep<T: Serialize>(
        &mut self,
        kind: Kind,
        correlation_id: Option<MessageId>,
        payload: T,
        now: Moment,
    ) {
        self.keep_as(kind, correlation_id, payload, None, now);
    }

    fn keep_as<T: Serialize>(
        &mut self,
        kind: Kind,
        correlation_id: Option<MessageId>,
        payload: T,
        event: Option<Severity>,
        now: Moment,
    ) {
        let link = self.chain.next();
        let (message_id, envelope) = self.envelope(kind, correlation_id, payload, Some(link), now);
        self.chain.advance(&envelope);
        let row = OutboxRow {
            number: self.next_number,
            message_id,
            envelope,
            event,
        };
        self.next_number += 1;
        self.events += usize::from(event.is_some());
        self.outbox_bytes += row.envelope.len();
        self.outbox.insert(row.number, row.clone());
        self.after.push(After::Send(row.number));
        self.rows.push(Row::Outbox(row));
    }

    /// Answers without keeping anything: the same message would get the same answer again.
    fn answer(&mut self, correlation_id: &MessageId, ack: Ack, now: Moment, out: &mut Vec<Effect>) {
        let (_, envelope) = self.envelope(Kind::Ack, Some(correlation_id.clone()), ack, None, now);
        if self.online {
            out.push(Effect::Send(envelope));
        }
    }

    /// Brings a command to its end and answers it.
    fn end(
        &mut self,
        id: &MessageId,
        status: AckStatus,
        error: Option<Problem>,
        result: Option<Value>,
        now: Moment,
    ) {
        self.write_down(id, status, error.as_ref().map(|error| error.code));
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        self.waiting.remove(id);
        entry.stage = Stage::Ended;
        entry.command = None;
        entry.row.payload = None;
        entry.row.state = RowState::Final {
            status,
            error: error.clone(),
            result: result.clone(),
            at: now.at,
        };
        let row = entry.row.clone();
        self.replies.add(&row);
        self.queue
            .remove(&(row.lane, row.timestamp, row.message_id.clone()));
        let correlation_id = row.correlation_id.clone();
        self.rows.push(Row::Command(Box::new(row)));
        let ack = Ack {
            message_id: id.clone(),
            status,
            error,
            result,
            duplicate: false,
        };
        self.keep(Kind::Ack, Some(correlation_id), ack, now);
    }

    /// Writes down what becomes of a command, in the batch that makes it so.
    fn write_down(&mut self, id: &MessageId, status: AckStatus, code: Option<Code>) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let row = AuditRow {
            message_id: id.clone(),
            correlation_id: entry.row.correlation_id.clone(),
            kind: entry.row.kind,
            signer: entry.row.signer.clone(),
            targets: entry
                .command
                .as_ref()
                .map(Command::targets)
                .unwrap_or_default(),
            status,
            code,
        };
        self.rows.push(Row::Audit(Box::new(row)));
    }

    /// Something that happened, for Studio, and the command that it belongs to, if it does to one. Where
    /// too many events wait, the oldest of those that matter least gives way.
    pub fn event(
        &mut self,
        event: &Event,
        correlation_id: Option<MessageId>,
        boot_ms: u64,
    ) -> Vec<Effect> {
        let mut out = Vec::new();
        self.tell(event, correlation_id, boot_ms, &mut out);
        self.finish(boot_ms, out)
    }

    fn tell(
        &mut self,
        event: &Event,
        correlation_id: Option<MessageId>,
        boot_ms: u64,
        out: &mut Vec<Effect>,
    ) {
        let now = self.now(boot_ms);
        if self.events >= EVENT_LIMIT {
            out.push(Effect::Dropped);
            if !self.evict(event.severity) {
                return;
            }
            if !self.overflowed && self.evict(Severity::Critical) {
                out.push(Effect::Dropped);
                self.overflowed = true;
                let overflow = Event {
                    event_type: EventType::OutboxOverflow,
                    severity: Severity::Warning,
                    context: serde_json::Map::from_iter([("limit".to_owned(), json!(EVENT_LIMIT))]),
                };
                let severity = Some(overflow.severity);
                self.keep_as(Kind::Event, None, overflow, severity, now);
            }
        }
        let severity = Some(event.severity);
        self.keep_as(Kind::Event, correlation_id, event, severity, now);
    }

    /// Makes room for an event of this severity: the oldest of those that matter least goes. Says no
    /// where all that wait matter more.
    fn evict(&mut self, severity: Severity) -> bool {
        let waiting = self.outbox.values();
        let least = waiting
            .filter_map(|row| Some((row.event?, row.number)))
            .min()
            .filter(|(least, _)| *least <= severity);
        if let Some((_, number)) = least {
            self.forget_sent(number);
        }
        least.is_some()
    }

    /// A message need not be sent any more.
    fn forget_sent(&mut self, number: u64) {
        self.sent.remove(&number);
        if let Some(row) = self.outbox.remove(&number) {
            self.outbox_bytes -= row.envelope.len();
            self.events -= usize::from(row.event.is_some());
            self.overflowed &= self.events > EVENT_LIMIT / 2;
            let unwritten = |row: &Row| matches!(row, Row::Outbox(row) if row.number == number);
            if let Some(place) = self.rows.iter().position(unwritten) {
                // It never came to the disk: while that takes nothing, what waits for it stays bounded.
                self.rows.remove(place);
                let sends = |after: &After| matches!(after, After::Send(n) if *n == number);
                self.after.retain(|after| !sends(after));
            } else {
                self.rows.push(Row::Sent(number));
            }
        }
    }

    /// The envelope of figures. Not kept: newer ones follow.
    #[must_use]
    pub fn metrics(&mut self, metrics: &Metrics, boot_ms: u64) -> Vec<u8> {
        let now = self.now(boot_ms);
        self.envelope(Kind::Metrics, None, metrics, None, now).1
    }

    fn alert(&mut self, alert: Alert, boot_ms: u64, out: &mut Vec<Effect>) {
        out.push(Effect::Alert(alert));
        let quiet = self
            .alerted_at
            .is_some_and(|at| boot_ms.saturating_sub(at) < ALERT_EVERY_MS);
        if quiet {
            return;
        }
        self.alerted_at = Some(boot_ms);
        let mut context = serde_json::Map::new();
        context.insert("what".to_owned(), json!(alert.as_str()));
        let event = Event {
            event_type: EventType::SecurityAlert,
            severity: Severity::Critical,
            context,
        };
        self.tell(&event, None, boot_ms, out);
    }
}

impl Entry {
    /// Whether its life is over.
    fn is_over(&self, now: Moment, boot_ms: u64) -> bool {
        now.is_past(self.row.expires_at) || self.void_ms.is_some_and(|void| boot_ms >= void)
    }
}

fn is_forgettable(entry: &Entry, now: Moment) -> bool {
    match &entry.row.state {
        RowState::Final { at, .. } => {
            now.is_past(entry.row.expires_at.plus(protocol::SKEW_MS))
                && now.is_past(at.plus(REMEMBER_MS))
        }
        RowState::Accepted | RowState::Started => false,
    }
}
