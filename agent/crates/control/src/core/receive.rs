//! Taking in a command: verified, not seen before, read, allowed; then kept, then answered.

use super::{
    Core, Entry, OUTBOX_BYTES, OUTBOX_LIMIT, QUEUE_LIMIT, RECORD_LIMIT, RESULT_LIMIT, Stage,
};
use crate::claims::Origin;
use crate::effect::{Alert, Effect, TurnedAway};
use crate::record::{CommandRow, Memory, Row, RowState};
use protocol::command::{Command, CommandType, OnConflict};
use protocol::{
    Ack, AckStatus, Code, CommandMessage, HasCode, Kind, Lane, MessageId, Moment, Problem, Reader,
    Refusal, SeqVerdict, Verified, VerifyError, verify,
};

impl Core {
    /// An envelope has come that should hold a command.
    pub fn receive(&mut self, envelope: &[u8], boot_ms: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        let reader = Reader {
            now: self.now(boot_ms),
            nonces: self.nonce.as_slice(),
        };
        let verified = verify::command(envelope, &self.trust, &reader);
        self.judge(verified, boot_ms, &mut out);
        self.finish(boot_ms, out)
    }

    /// What becomes of an envelope that was verified, or was not.
    pub(super) fn judge(
        &mut self,
        verified: Result<Verified<CommandMessage>, Refusal>,
        boot_ms: u64,
        out: &mut Vec<Effect>,
    ) {
        match verified {
            Ok(verified) => self.authentic(&verified, boot_ms, out),
            Err(refusal) => {
                let now = self.now(boot_ms);
                out.push(Effect::Refused(refusal.error.code()));
                if matches!(refusal.error, VerifyError::Audience) {
                    self.alert(Alert::WrongDevice, boot_ms, out);
                }
                let mut turned_away = TurnedAway {
                    code: refusal.error.code(),
                    about: None,
                    is_posted: self.posting.is_some(),
                    read: None,
                };
                if let Some(about) = refusal.about {
                    let known = self.entries.get(&about.message_id);
                    // What was dealt with before is answered as it was, even if it is over by now.
                    if known.is_some_and(|known| known.row.digest == about.digest) {
                        return self.repeat(&about.message_id, now, out);
                    }
                    let problem = refusal.error.problem();
                    let (id, correlation) = (&about.message_id, &about.correlation_id);
                    self.refuse(id, correlation, problem, now, out);
                    turned_away.about = Some((id.clone(), correlation.clone()));
                    let kind = CommandType::from_text(&about.kind);
                    turned_away.read = Some((kind, about.signer.clone()));
                }
                out.push(Effect::TurnedAway(Box::new(turned_away)));
            }
        }
    }

    fn authentic(
        &mut self,
        verified: &Verified<CommandMessage>,
        boot_ms: u64,
        out: &mut Vec<Effect>,
    ) {
        let message = verified.get();
        let now = self.now(boot_ms);
        if let Some(known) = self.entries.get(&message.message_id) {
            if known.row.digest == verified.digest() {
                self.repeat(&message.message_id, now, out);
            } else {
                self.alert(Alert::BodyChanged, boot_ms, out);
                self.replayed(verified, "another body under a known id", now, out);
            }
            return;
        }
        if !self.would_remember(message) {
            let reason = "it may have been done before this device lost its memory";
            return self.replayed(verified, reason, now, out);
        }
        if message.epoch != self.trust.epoch() {
            return self.replayed(verified, "another epoch than the keyset's", now, out);
        }
        let lane = message.lane();
        match self.windows.entry(lane).or_default().judge(message.seq) {
            SeqVerdict::Fresh => {}
            SeqVerdict::Seen => {
                return self.replayed(verified, "the sequence number was used", now, out);
            }
            SeqVerdict::TooOld => {
                return self.replayed(verified, "the sequence number is too old", now, out);
            }
            SeqVerdict::TooFar => {
                self.alert(Alert::Leap, boot_ms, out);
                return self.replayed(verified, "the sequence number is out of reach", now, out);
            }
        }
        if self.is_full(lane) {
            let problem = Code::Busy.with_message("too many commands are under way");
            return self.turn_away(verified, problem, now, out);
        }
        let window = self.windows.remove(&lane).unwrap_or_default();
        self.windows.insert(lane, window.marked(message.seq));
        self.dirty.insert(lane);
        let kind = CommandType::from_text(&message.kind);
        let decided = self.decide(verified, kind, now);
        let payload = match &decided {
            Ok(command) if command.is_repeatable() || command.ends_agent() => {
                Some(message.payload.clone())
            }
            _ => None,
        };
        let life = message.expires_at.since(message.timestamp);
        let void_ms = (!now.is_time).then(|| boot_ms.saturating_add(life));
        let id = message.message_id.clone();
        let row = CommandRow {
            message_id: id.clone(),
            correlation_id: message.correlation_id.clone(),
            kind,
            signer: verified.signer().clone(),
            digest: verified.digest(),
            lane,
            timestamp: message.timestamp,
            expires_at: message.expires_at,
            payload,
            state: RowState::Accepted,
        };
        let (command, problem) = match decided {
            Ok(command) => (Some(command), None),
            Err(problem) => (None, Some(problem)),
        };
        self.entries.insert(
            id.clone(),
            Entry {
                row: row.clone(),
                command,
                stage: Stage::Arriving,
                deferred: false,
                restored: false,
                void_ms,
                given_up: None,
                progress_at: None,
            },
        );
        if let Some(problem) = problem {
            out.push(Effect::Refused(problem.code));
            self.end(&id, AckStatus::Rejected, Some(problem), None, now);
            return;
        }
        self.queue.insert((lane, row.timestamp, id.clone()));
        self.rows.push(Row::Command(Box::new(row)));
        self.write_down(&id, AckStatus::Accepted, None);
        self.after.push(super::After::Accepted(id.clone()));
        let ack = Ack {
            message_id: id,
            status: AckStatus::Accepted,
            error: None,
            result: None,
            duplicate: false,
        };
        self.keep(Kind::Ack, Some(message.correlation_id.clone()), ack, now);
    }

    /// Whether the device would know the command if it had done it. One that is bound to this connection, or
    /// to a nonce for posts, cannot be older than that.
    fn would_remember(&self, message: &CommandMessage) -> bool {
        message.session_nonce.is_some()
            || match self.memory {
                Memory::Whole => true,
                Memory::Lost => false,
                Memory::Since(time) => message.timestamp >= time,
            }
    }

    /// An emergency stop is let in where nothing else is.
    fn is_full(&self, lane: Lane) -> bool {
        let spare = if lane == Lane::Emergency { 64 } else { 0 };
        self.queue.len() >= QUEUE_LIMIT + spare
            || self.entries.len() >= RECORD_LIMIT + spare
            || self.outbox.len() >= OUTBOX_LIMIT + 4 * spare
            || self.outbox_bytes >= OUTBOX_BYTES + 4 * spare * RESULT_LIMIT
    }

    /// Whether a command that is new and authentic will be done.
    fn decide(
        &self,
        verified: &Verified<CommandMessage>,
        kind: Option<CommandType>,
        now: Moment,
    ) -> Result<Command, Problem> {
        let message = verified.get();
        let command =
            Command::read(&message.kind, &message.payload).map_err(|error| error.problem())?;
        if kind.is_none_or(|kind| !self.trust.allows(verified.signer(), kind, now)) {
            return Err(
                Code::Unauthorized.with_message("the key may not sign this type of command")
            );
        }
        let is_emergency = message.lane() == Lane::Emergency;
        if message
            .priority
            .is_some_and(|priority| (priority == 0) != is_emergency || priority > 1)
        {
            let mut problem = Code::SchemaInvalid
                .with_message("priority is 0 for EMERGENCY_STOP and 1 for everything else");
            problem.field = Some("/priority".to_owned());
            return Err(problem);
        }
        if let Some(flag) = self.flags.missing(&message.feature_flags) {
            let text = format!("the feature {flag} is unknown or switched off");
            return Err(Code::FeatureDisabled.with_message(text));
        }
        if kind.is_none_or(|kind| !self.built_commands.contains(&kind)) {
            return Err(Code::FeatureDisabled.with_message("this agent does not carry that out"));
        }
        let targets = command.targets();
        if self
            .emergency()
            .is_some_and(|scope| targets.iter().any(|target| scope.covers(target)))
        {
            return Err(
                Code::EmergencyActive.with_message("an emergency stop is being carried out")
            );
        }
        if let Some(holder) = self.claims.holder(&targets)
            && (holder.origin < Origin::Studio || command.on_conflict() == OnConflict::Reject)
        {
            return Err(Code::PriorityConflict.with_message("something else has what it needs"));
        }
        Ok(command)
    }

    /// The same command again: the answer that it has, and nothing else.
    fn repeat(&mut self, id: &MessageId, now: Moment, out: &mut Vec<Effect>) {
        // Whoever posts one is told what becomes of it in any case.
        if self.posting.is_some() {
            return;
        }
        if let Some((correlation, ack)) = self.standing(id, true) {
            self.answer(&correlation, ack, now, out);
        }
    }

    /// How it stands with a remembered command, as far as that is durable, and its correlation id.
    pub(super) fn standing(&self, id: &MessageId, duplicate: bool) -> Option<(MessageId, Ack)> {
        let entry = self.entries.get(id)?;
        // What is not durable yet will be answered when it is; an end that is not is not told either: its
        // row is in a batch that is still to come.
        if entry.stage == Stage::Arriving || self.is_undurable(id) {
            return None;
        }
        let (status, error, result) = match &entry.row.state {
            RowState::Final {
                status,
                error,
                result,
                ..
            } => (*status, error.clone(), result.clone()),
            RowState::Accepted | RowState::Started => (AckStatus::Accepted, None, None),
        };
        let ack = Ack {
            message_id: id.clone(),
            status,
            error,
            result,
            duplicate,
        };
        Some((entry.row.correlation_id.clone(), ack))
    }

    /// Whether a row about a command waits to become durable.
    fn is_undurable(&self, id: &MessageId) -> bool {
        let waits = self
            .rows
            .iter()
            .any(|row| matches!(row, Row::Command(row) if row.message_id == *id));
        waits || self.syncing.contains(id)
    }

    fn replayed(
        &mut self,
        verified: &Verified<CommandMessage>,
        reason: &str,
        now: Moment,
        out: &mut Vec<Effect>,
    ) {
        let problem = Code::ReplayDetected.with_message(reason);
        self.turn_away(verified, problem, now, out);
    }

    /// Refuses without remembering.
    fn turn_away(
        &mut self,
        verified: &Verified<CommandMessage>,
        problem: Problem,
        now: Moment,
        out: &mut Vec<Effect>,
    ) {
        let message = verified.get();
        let (id, correlation) = (&message.message_id, &message.correlation_id);
        let kind = CommandType::from_text(&message.kind);
        out.push(Effect::Refused(problem.code));
        out.push(Effect::TurnedAway(Box::new(TurnedAway {
            code: problem.code,
            about: Some((id.clone(), correlation.clone())),
            is_posted: self.posting.is_some(),
            read: Some((kind, verified.signer().clone())),
        })));
        self.refuse(id, correlation, problem, now, out);
    }

    fn refuse(
        &mut self,
        id: &MessageId,
        correlation: &MessageId,
        problem: Problem,
        now: Moment,
        out: &mut Vec<Effect>,
    ) {
        let ack = Ack {
            message_id: id.clone(),
            status: AckStatus::Rejected,
            error: Some(problem),
            result: None,
            duplicate: false,
        };
        match self.posting.take() {
            Some(number) => self.tell_poster(number, correlation, ack, now, out),
            None => self.answer(correlation, ack, now, out),
        }
    }
}
