//! What is done when: order for each target, holds, cancelling, the emergency stop.

use super::{Core, Entry, RESULT_LIMIT, Reason, Stage};
use crate::claims::{Claim, Origin, can_be_held};
use crate::effect::{Effect, Outcome};
use crate::record::{Row, RowState};
use protocol::command::{ApplyAfter, Command, Occasion, OnConflict, Scope, Target};
use protocol::{
    Ack, AckStatus, Code, Event, EventType, Kind, Lane, MessageId, Moment, Percent, Problem,
    Progress, ProgressState, Severity,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Time between two messages about the progress of one command.
const PROGRESS_EVERY_MS: u64 = 500;

/// What becomes of a waiting command when its turn is looked at.
enum Turn {
    /// It begins.
    Begin,
    /// It stays, and so does what comes behind it for the same targets.
    Wait,
    /// Its time has not come: what comes behind it does not wait for it.
    Later,
    /// It waits for an operator.
    Defer,
    /// It is at its end.
    End(AckStatus, Problem),
}

impl Core {
    /// The scope of the emergency stop that is being carried out.
    pub(super) fn emergency(&self) -> Option<Scope> {
        self.queue
            .iter()
            .take_while(|(lane, _, _)| *lane == Lane::Emergency)
            .filter_map(|(_, _, id)| self.entries.get(id))
            .filter(|entry| entry.stage == Stage::Running)
            .find_map(|entry| match &entry.command {
                Some(Command::EmergencyStop(stop)) => Some(stop.scope),
                _ => None,
            })
    }

    /// Begins whatever can begin, in order: the emergency lane, then by the time of signing.
    pub(super) fn advance(&mut self, boot_ms: u64, out: &mut Vec<Effect>) {
        // A cancel and an emergency stop end others when they begin, so the queue is looked at anew.
        while self.advance_once(boot_ms, out) {}
    }

    /// Entries of the queue, in its order.
    fn queued(&self) -> impl Iterator<Item = &Entry> {
        let queue = self.queue.iter();
        queue.filter_map(|(_, _, id)| self.entries.get(id))
    }

    /// One walk along the queue. Says whether what it has passed has to be looked at again.
    fn advance_once(&mut self, boot_ms: u64, out: &mut Vec<Effect>) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let now = self.now(boot_ms);
        let mut busy: Vec<Target> = self
            .queued()
            .filter(|entry| matches!(entry.stage, Stage::Running | Stage::Starting))
            .filter_map(|entry| entry.command.as_ref())
            .flat_map(Command::targets)
            .collect();
        let undecided: Vec<MessageId> = self
            .queued()
            .filter(|entry| matches!(entry.stage, Stage::Arriving | Stage::Waiting))
            .map(|entry| entry.row.message_id.clone())
            .collect();
        for id in undecided {
            let Some(entry) = self.entries.get(&id) else {
                continue;
            };
            let Some(command) = &entry.command else {
                continue;
            };
            if entry.stage == Stage::Arriving {
                busy.extend(command.targets());
                continue;
            }
            let targets = command.targets();
            match self.turn(&id, &targets, &busy, now, boot_ms) {
                Turn::Begin => {
                    let ends_others =
                        matches!(command, Command::Cancel(_) | Command::EmergencyStop(_));
                    self.start(&id, now, out);
                    if ends_others {
                        return true;
                    }
                }
                Turn::End(status, problem) => {
                    self.end(&id, status, Some(problem), None, now);
                    continue;
                }
                Turn::Later => continue,
                Turn::Defer => self.defer(&id, now),
                Turn::Wait => {}
            }
            busy.extend(targets);
        }
        false
    }

    fn turn(
        &self,
        id: &MessageId,
        targets: &[Target],
        busy: &[Target],
        now: Moment,
        boot_ms: u64,
    ) -> Turn {
        let Some((entry, command)) = self
            .entries
            .get(id)
            .and_then(|entry| Some((entry, entry.command.as_ref()?)))
        else {
            return Turn::Wait;
        };
        if entry.is_over(now, boot_ms) {
            let problem = Code::Expired.with_message("it expired while it waited");
            return Turn::End(AckStatus::Failed, problem);
        }
        if !self
            .trust
            .allows(&entry.row.signer, command.command_type(), now)
        {
            let problem = Code::Unauthorized.with_message("its key was revoked while it waited");
            return Turn::End(AckStatus::Failed, problem);
        }
        let is_stop = matches!(command, Command::EmergencyStop(_));
        if entry.restored && !now.is_time && !is_stop {
            // Days may have gone by. Only a known time says whether it is still wanted.
            if boot_ms.saturating_sub(self.booted_at) < super::RESTART_GRACE_MS {
                return Turn::Wait;
            }
            let problem = Code::Interrupted
                .with_message("the agent stopped, and does not know whether it is still in time");
            return Turn::End(AckStatus::Failed, problem);
        }
        if is_stop {
            return Turn::Begin;
        }
        let is_due = match command.waits_for() {
            Some(ApplyAfter::At(at)) => now.is_past(*at),
            Some(ApplyAfter::When(Occasion::Idle)) => self.idle,
            Some(ApplyAfter::When(Occasion::Now | Occasion::Reboot)) | None => true,
        };
        if !is_due {
            return Turn::Later;
        }
        if targets
            .iter()
            .any(|target| busy.iter().any(|other| target.meets(other)))
        {
            return Turn::Wait;
        }
        if self.claims.is_held(targets) && !command.overrides_hold() {
            return Turn::Defer;
        }
        if let Some(holder) = self.claims.holder(targets) {
            if holder.origin < Origin::Studio {
                let problem = Code::PriorityConflict.with_message("something stronger has it");
                return Turn::End(AckStatus::Failed, problem);
            }
            if command.on_conflict() == OnConflict::Queue {
                return Turn::Wait;
            }
        }
        Turn::Begin
    }

    fn defer(&mut self, id: &MessageId, now: Moment) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut entry.deferred, true) {
            return;
        }
        let correlation = entry.row.correlation_id.clone();
        let ack = Ack {
            message_id: id.clone(),
            status: AckStatus::Deferred,
            error: Some(Code::OverrideActive.with_message("an operator holds what it needs")),
            result: None,
            duplicate: false,
        };
        self.keep(Kind::Ack, Some(correlation), ack, now);
        self.write_down(id, AckStatus::Deferred, Some(Code::OverrideActive));
    }

    fn start(&mut self, id: &MessageId, now: Moment, out: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let Some(command) = entry.command.clone() else {
            return;
        };
        match &command {
            Command::Cancel(cancel) => {
                let other = &cancel.message_id;
                let found = other != id && self.cancel(other, now, out);
                let result = json!({ "found": found });
                self.end(id, AckStatus::Completed, None, Some(result), now);
                return;
            }
            Command::EmergencyStop(stop) => self.make_room(id, stop.scope, now, out),
            _ if command.ends_agent() => {
                self.waiting.remove(id);
                entry.stage = Stage::Starting;
                entry.row.state = RowState::Started;
                self.rows.push(Row::Command(Box::new(entry.row.clone())));
                self.after.push(super::After::Begun(id.clone()));
                return;
            }
            _ => {}
        }
        if let Some(entry) = self.entries.get_mut(id) {
            self.waiting.remove(id);
            entry.stage = Stage::Running;
            out.push(Effect::Run {
                message_id: id.clone(),
                command: Box::new(command),
                again: entry.restored,
            });
        }
    }

    /// Takes a command back. Says whether there was something to take back.
    fn cancel(&mut self, id: &MessageId, now: Moment, out: &mut Vec<Effect>) -> bool {
        let Some(entry) = self.entries.get_mut(id) else {
            return false;
        };
        match entry.stage {
            Stage::Ended => false,
            Stage::Running | Stage::Starting => {
                if entry.given_up.is_none() {
                    entry.given_up = Some(Reason::Cancel);
                    out.push(Effect::Abort(id.clone()));
                    self.not_again(id);
                }
                true
            }
            Stage::Arriving | Stage::Waiting => {
                let problem = Code::Cancelled.with_message("it was taken back before it began");
                self.end(id, AckStatus::Cancelled, Some(problem), None, now);
                true
            }
        }
    }

    /// What was given up is not done again after a restart. What ends the agent is still settled.
    fn not_again(&mut self, id: &MessageId) {
        if let Some(entry) = self.entries.get_mut(id)
            && matches!(entry.row.state, RowState::Accepted)
            && entry.row.payload.take().is_some()
        {
            self.rows.push(Row::Command(Box::new(entry.row.clone())));
        }
    }

    /// An emergency stop begins: what it covers is taken back or given up, and nothing comes back.
    fn make_room(&mut self, id: &MessageId, scope: Scope, now: Moment, out: &mut Vec<Effect>) {
        let covered: Vec<MessageId> = self
            .queue
            .iter()
            .map(|(_, _, other)| other)
            .filter(|other| *other != id)
            .filter(|other| {
                self.entries
                    .get(*other)
                    .and_then(|entry| entry.command.as_ref())
                    .is_some_and(|command| {
                        command.targets().iter().any(|target| scope.covers(target))
                    })
            })
            .cloned()
            .collect();
        for other in covered {
            let Some(entry) = self.entries.get_mut(&other) else {
                continue;
            };
            if matches!(entry.stage, Stage::Running | Stage::Starting) {
                if entry.given_up.is_none() {
                    out.push(Effect::Abort(other.clone()));
                }
                entry.given_up = Some(Reason::Emergency);
                self.not_again(&other);
            } else {
                let problem = Code::EmergencyActive.with_message("an emergency stop overtook it");
                self.end(&other, AckStatus::Cancelled, Some(problem), None, now);
            }
        }
        self.claims.clear(|target| scope.covers(target));
    }

    /// A module's last question before it touches anything: whether it still may. If not, the command is
    /// at its end and the module does nothing.
    pub fn begin(&mut self, id: &MessageId, boot_ms: u64) -> (bool, Vec<Effect>) {
        let now = self.now(boot_ms);
        let mut out = Vec::new();
        let Some(entry) = self.entries.get(id) else {
            return (false, out);
        };
        let Some(command) = &entry.command else {
            return (false, out);
        };
        if entry.stage != Stage::Running {
            return (false, out);
        }
        let kept = command.keeps_targets().then(|| command.targets());
        let refused = if entry.is_over(now, boot_ms) {
            let problem = Code::Expired.with_message("it expired right before it began");
            Some((AckStatus::Failed, problem))
        } else if !self
            .trust
            .allows(&entry.row.signer, command.command_type(), now)
        {
            let problem = Code::Unauthorized.with_message("its key was revoked before it began");
            Some((AckStatus::Failed, problem))
        } else {
            entry.given_up.map(given_up)
        };
        if let Some((status, problem)) = refused {
            self.end(id, status, Some(problem), None, now);
            return (false, self.finish(boot_ms, out));
        }
        if let Some(targets) = kept {
            let claim = Claim {
                id: id.clone(),
                origin: Origin::Studio,
                targets,
            };
            match self.claims.take(claim) {
                Ok(preempted) => {
                    for other in preempted {
                        out.push(Effect::Preempt {
                            message_id: other,
                            by: id.clone(),
                        });
                    }
                }
                Err(_stronger) => {
                    let problem = Code::PriorityConflict.with_message("something stronger has it");
                    self.end(id, AckStatus::Failed, Some(problem), None, now);
                    return (false, self.finish(boot_ms, out));
                }
            }
        }
        (true, self.finish(boot_ms, out))
    }

    /// A command is at its end.
    pub fn done(&mut self, id: &MessageId, outcome: Outcome, boot_ms: u64) -> Vec<Effect> {
        let now = self.now(boot_ms);
        let mut out = Vec::new();
        let known = self.entries.get(id).and_then(|entry| {
            let running = entry.stage == Stage::Running;
            let kind = entry.row.kind?;
            running.then_some((kind, entry.given_up))
        });
        let Some((kind, reason)) = known else {
            return out;
        };
        let (status, error, result): (_, _, Option<Value>) = match outcome {
            Outcome::Completed(reply) if !is_short(&reply) => {
                let problem = Code::TooLarge
                    .with_message("it came true, and its reply is too large to be sent");
                (AckStatus::Failed, Some(problem), None)
            }
            Outcome::Completed(reply) if kind.is_reply(&reply) => {
                (AckStatus::Completed, None, Some(reply))
            }
            Outcome::Completed(_) => {
                let problem = Code::Internal.with_message("the reply is not that of its command");
                (AckStatus::Failed, Some(problem), None)
            }
            Outcome::Failed(problem) if is_short(&problem) => {
                (AckStatus::Failed, Some(problem), None)
            }
            Outcome::Failed(problem) => {
                let problem = problem
                    .code
                    .with_message("it failed; why is too long to be sent");
                (AckStatus::Failed, Some(problem), None)
            }
            Outcome::Aborted => {
                let (status, problem) = given_up(reason.unwrap_or(Reason::Cancel));
                (status, Some(problem), None)
            }
            Outcome::Disabled => {
                let problem = Code::FeatureDisabled.with_message("this agent does not do that");
                (AckStatus::Failed, Some(problem), None)
            }
        };
        if status != AckStatus::Completed {
            self.give_back(id, &mut out);
        }
        self.end(id, status, error, result, now);
        self.finish(boot_ms, out)
    }

    /// A show or the like that kept its targets has ended by itself, or a local claim has.
    pub fn released(&mut self, id: &MessageId, boot_ms: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        self.give_back(id, &mut out);
        self.finish(boot_ms, out)
    }

    fn give_back(&mut self, id: &MessageId, out: &mut Vec<Effect>) {
        for back in self.claims.release(id) {
            out.push(Effect::Restore(back));
        }
    }

    /// The schedule or an operator wants targets, without a signed command.
    ///
    /// # Errors
    /// The refusal, when an emergency stop is being carried out, an operator holds a target against the
    /// schedule, or something stronger has one.
    pub fn claim(&mut self, claim: Claim) -> Result<Vec<Effect>, Problem> {
        let covered = |scope: Scope| claim.targets.iter().any(|target| scope.covers(target));
        if self.emergency().is_some_and(covered) {
            return Err(
                Code::EmergencyActive.with_message("an emergency stop is being carried out")
            );
        }
        if claim.origin == Origin::Schedule && self.claims.is_held(&claim.targets) {
            return Err(Code::OverrideActive.with_message("an operator holds it"));
        }
        let by = claim.id.clone();
        match self.claims.take(claim) {
            Ok(preempted) => Ok(preempted
                .into_iter()
                .map(|message_id| Effect::Preempt {
                    message_id,
                    by: by.clone(),
                })
                .collect()),
            Err(_stronger) => {
                Err(Code::PriorityConflict.with_message("something more important has it"))
            }
        }
    }

    /// An operator holds a target, or renews the hold: Studio's commands for it wait.
    ///
    /// # Errors
    /// The refusal, for what cannot be held.
    pub fn hold(&mut self, target: &Target, boot_ms: u64) -> Result<Vec<Effect>, Problem> {
        if !can_be_held(target.kind) {
            return Err(Code::Conflict.with_message("that cannot be held"));
        }
        let is_new = !self.claims.holds().any(|held| held == target);
        self.claims.hold(target.clone(), boot_ms);
        let mut out = Vec::new();
        if is_new {
            self.rows.push(Row::Hold(target.clone()));
            self.tell_hold(EventType::OperatorOverride, target, boot_ms, &mut out);
        }
        Ok(self.finish(boot_ms, out))
    }

    /// An operator lets go: what waited is done.
    pub fn unhold(&mut self, target: &Target, boot_ms: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.claims.unhold(target) {
            self.release_hold(target, boot_ms, &mut out);
        }
        self.finish(boot_ms, out)
    }

    pub(super) fn release_hold(&mut self, target: &Target, boot_ms: u64, out: &mut Vec<Effect>) {
        self.rows.push(Row::Unhold(target.clone()));
        self.tell_hold(EventType::OperatorRelease, target, boot_ms, out);
    }

    fn tell_hold(
        &mut self,
        event_type: EventType,
        target: &Target,
        boot_ms: u64,
        out: &mut Vec<Effect>,
    ) {
        let mut context = serde_json::Map::new();
        context.insert("target".to_owned(), json!(target));
        let event = Event {
            event_type,
            severity: Severity::Info,
            context,
        };
        self.tell(&event, None, boot_ms, out);
    }

    /// How far a running command is. At most two a second are sent; the one with 100 % is kept.
    pub fn progress(
        &mut self,
        id: &MessageId,
        percent_complete: Percent,
        state: ProgressState,
        boot_ms: u64,
    ) -> Vec<Effect> {
        let now = self.now(boot_ms);
        let mut out = Vec::new();
        let Some(entry) = self.entries.get_mut(id) else {
            return out;
        };
        if entry.stage != Stage::Running {
            return out;
        }
        let is_last = percent_complete.get() >= 100.0;
        let too_soon = entry
            .progress_at
            .is_some_and(|at| boot_ms.saturating_sub(at) < PROGRESS_EVERY_MS);
        if too_soon && !is_last {
            return out;
        }
        entry.progress_at = Some(boot_ms);
        let correlation = Some(entry.row.correlation_id.clone());
        let progress = Progress {
            message_id: id.clone(),
            percent_complete,
            state,
        };
        if is_last {
            self.keep(Kind::Progress, correlation, progress, now);
        } else {
            let (_, envelope) = self.envelope(Kind::Progress, correlation, progress, None, now);
            if self.online {
                out.push(Effect::Send(envelope));
            }
        }
        self.finish(boot_ms, out)
    }
}

fn given_up(reason: Reason) -> (AckStatus, Problem) {
    let problem = match reason {
        Reason::Cancel => Code::Cancelled.with_message("it was taken back"),
        Reason::Emergency => Code::EmergencyActive.with_message("an emergency stop overtook it"),
    };
    (AckStatus::Cancelled, problem)
}

/// Whether it can stand in an answer.
fn is_short(told: &impl Serialize) -> bool {
    serde_json::to_writer(Room(RESULT_LIMIT), told).is_ok()
}

/// Takes so many bytes, and keeps none of them.
struct Room(usize);

impl std::io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(std::io::ErrorKind::FileTooLarge.into()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
