//! Commands that are posted at the device itself, by whoever has one that Studio signed.
//!
//! They go the way of every other: verified, kept, done once, answered to Studio. Whoever posted one is told
//! how it stands as well, whether or not Studio can be reached.

use super::Core;
use crate::effect::{Answered, Effect};
use protocol::{Ack, AckStatus, MessageId, Moment, Nonce, Reader, verify};

/// One that was posted and is not at its end.
pub(super) struct Posted {
    id: MessageId,
    /// It was known before.
    is_repeat: bool,
    told: Option<AckStatus>,
}

impl Core {
    /// An envelope is posted that should hold a command. `nonces` are those that such a command may be
    /// bound to, `number` names it in [`Effect::Answered`]. Says whether it is of somebody whom the device
    /// believes: then at least one answer follows, with these effects or once it is durable. Nobody else is
    /// told anything.
    pub fn post(
        &mut self,
        number: u64,
        envelope: &[u8],
        nonces: &[Nonce],
        boot_ms: u64,
    ) -> (bool, Vec<Effect>) {
        let mut out = Vec::new();
        let reader = Reader {
            now: self.now(boot_ms),
            nonces,
        };
        let verified = verify::command(envelope, &self.trust, &reader);
        let id = match &verified {
            Ok(verified) => Some(&verified.get().message_id),
            Err(refusal) => refusal.about.as_ref().map(|about| &about.message_id),
        };
        let id = id.cloned();
        let is_repeat = id.as_ref().is_some_and(|id| self.entries.contains_key(id));
        self.posting = Some(number);
        self.judge(verified, boot_ms, &mut out);
        // A refusal that is not remembered was told at once.
        if self.posting.take().is_some()
            && let Some(id) = id.clone()
        {
            let told = None;
            let posted = Posted {
                id,
                is_repeat,
                told,
            };
            self.posted.insert(number, posted);
        }
        (id.is_some(), self.finish(boot_ms, out))
    }

    /// Whoever posted it does not wait any more.
    pub fn poster_gone(&mut self, number: u64) {
        self.posted.remove(&number);
    }

    /// Tells how it stands where that is new.
    pub(super) fn tell_posters(&mut self, boot_ms: u64, out: &mut Vec<Effect>) {
        if self.posted.is_empty() {
            return;
        }
        let now = self.now(boot_ms);
        for (number, posted) in std::mem::take(&mut self.posted) {
            match self.standing(&posted.id, posted.is_repeat) {
                Some((correlation, ack)) if posted.told != Some(ack.status) => {
                    let told = Some(ack.status);
                    self.tell_poster(number, &correlation, ack, now, out);
                    if told == Some(AckStatus::Accepted) {
                        self.posted.insert(number, Posted { told, ..posted });
                    }
                }
                _ if self.entries.contains_key(&posted.id) => {
                    self.posted.insert(number, posted);
                }
                _ => {}
            }
        }
    }

    pub(super) fn tell_poster(
        &mut self,
        number: u64,
        correlation_id: &MessageId,
        ack: Ack,
        now: Moment,
        out: &mut Vec<Effect>,
    ) {
        let correlation_id = correlation_id.clone();
        let about = Some(correlation_id.clone());
        let (_, envelope) = self.envelope(protocol::Kind::Ack, about, ack.clone(), None, now);
        out.push(Effect::Answered(Box::new(Answered {
            number,
            correlation_id,
            ack,
            envelope,
        })));
    }
}
