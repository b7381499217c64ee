//! Coming back: every command that was under way is brought to an end.

use super::replies::Replies;
use super::{Config, Core, Entry, Stage};
use crate::claims::Claims;
use crate::effect::Effect;
use crate::record::{CommandRow, RowState, Stored};
use protocol::command::Command;
use protocol::{AckStatus, AdoptError, ChainHead, Code, Semver, Trust, TrustedTime};
use std::collections::{BTreeMap, BTreeSet};

impl Core {
    /// The core at the start of the agent, from what is durable.
    ///
    /// A command that had been accepted is done again if its type allows that, once the time is known
    /// and it has not expired; one that ends the agent is settled if it had begun and done if it had not;
    /// any other ends as `failed` with `INTERRUPTED`.
    ///
    /// # Errors
    /// [`AdoptError`] when the stored trust contradicts itself; the device has to be paired anew then.
    pub fn boot(
        config: Config,
        stored: Stored,
        boot_ms: u64,
    ) -> Result<(Self, Vec<Effect>), AdoptError> {
        let trust = match stored.trust {
            Some(record) => Trust::restored(record)?,
            None => config.trust,
        };
        let windows = if stored.epoch == trust.epoch() {
            stored.windows
        } else {
            BTreeMap::new()
        };
        let next_number = stored
            .outbox
            .last_key_value()
            .map_or(1, |(last, _)| last + 1);
        let schema_version = Semver::parse(protocol::SCHEMA_VERSIONS[0]).expect("a version");
        let mut core = Self {
            signer: config.signer,
            built_commands: config.commands,
            base_flags: config.flags.clone(),
            flags: config.flags,
            schema_version,
            trust,
            next_trust: None,
            time: TrustedTime::at_boot(config.built, stored.floor),
            booted_at: boot_ms,
            idle: false,
            nonce: None,
            online: false,
            windows,
            memory: stored.memory,
            dirty: BTreeSet::new(),
            entries: BTreeMap::new(),
            waiting: BTreeSet::new(),
            queue: BTreeSet::new(),
            replies: Replies::default(),
            claims: Claims::default(),
            events: stored
                .outbox
                .values()
                .filter(|row| row.event.is_some())
                .count(),
            overflowed: false,
            outbox_bytes: stored.outbox.values().map(|row| row.envelope.len()).sum(),
            outbox: stored.outbox,
            sent: BTreeMap::new(),
            is_heard: false,
            next_number,
            made: 0,
            chain: ChainHead::new(config.boot_id.clone()),
            boot_id: config.boot_id,
            rows: Vec::new(),
            after: Vec::new(),
            in_flight: None,
            syncing: BTreeSet::new(),
            next_batch: 1,
            alerted_at: None,
            floored_at: 0,
            posted: BTreeMap::new(),
            posting: None,
        };
        for target in stored.holds {
            core.claims.hold(target, boot_ms);
        }
        let mut out = Vec::new();
        for row in stored.commands.into_values() {
            core.restore(row, boot_ms, &mut out);
        }
        let out = core.finish(boot_ms, out);
        Ok((core, out))
    }

    fn restore(&mut self, row: CommandRow, boot_ms: u64, out: &mut Vec<Effect>) {
        let id = row.message_id.clone();
        let command = row.kind.zip(row.payload.as_ref());
        let command = command.and_then(|(kind, body)| Command::read(kind.as_str(), body).ok());
        let stage = match &row.state {
            RowState::Final { .. } => Stage::Ended,
            RowState::Started => Stage::Running,
            RowState::Accepted => Stage::Waiting,
        };
        if stage != Stage::Ended {
            self.queue.insert((row.lane, row.timestamp, id.clone()));
        }
        if stage == Stage::Waiting {
            self.waiting.insert(id.clone());
        }
        if let (Stage::Running, Some(command)) = (stage, &command) {
            out.push(Effect::Settle {
                message_id: id.clone(),
                command: Box::new(command.clone()),
            });
        }
        self.replies.add(&row);
        let is_lost = stage != Stage::Ended && command.is_none();
        self.entries.insert(
            id.clone(),
            Entry {
                row,
                command,
                stage,
                deferred: false,
                restored: true,
                void_ms: None,
                given_up: None,
                progress_at: None,
            },
        );
        if is_lost {
            let now = self.now(boot_ms);
            let problem = Code::Interrupted
                .with_message("the agent stopped before the command was at its end");
            self.end(&id, AckStatus::Failed, Some(problem), None, now);
        }
    }
}
