//! The connection and the keys: welcome, receipts, newer keysets and roots.

use super::{AGAIN_AFTER_MS, AGAIN_AT_MOST_MS, AGAIN_BYTES, After, Core, Sending};
use crate::effect::Effect;
use crate::record::{Memory, Row};
use protocol::{
    AdoptError, HasCode, Hello, Kind, Nonce, Reader, SKEW_MS, Trust, VerifyError, Welcome,
    negotiate, verify,
};
use std::collections::BTreeSet;

impl Core {
    /// A connection is open and the hello with this nonce is sent.
    pub fn connected(&mut self, nonce: Nonce) {
        self.nonce = Some(nonce);
        self.online = false;
        self.sent.clear();
    }

    /// The envelope of the hello of this connection. Not kept: every connection has its own.
    #[must_use]
    pub fn hello(&mut self, hello: &Hello, boot_ms: u64) -> Vec<u8> {
        let now = self.now(boot_ms);
        self.envelope(Kind::Hello, None, hello, None, now).1
    }

    /// The connection is gone. What was bound to it is refused from here on.
    pub fn disconnected(&mut self) {
        self.nonce = None;
        self.online = false;
        self.sent.clear();
    }

    /// The answer to the hello has come. From here on the time is known, and everything that waits for
    /// its receipt is sent in its order.
    ///
    /// # Errors
    /// [`VerifyError`]; the connection is to be closed then.
    pub fn welcomed(
        &mut self,
        envelope: &[u8],
        boot_ms: u64,
    ) -> Result<(Welcome, Vec<Effect>), VerifyError> {
        let reader = Reader {
            now: self.now(boot_ms),
            nonces: self.nonce.as_slice(),
        };
        let welcome = verify::welcome(envelope, &self.trust, &reader)?
            .into_inner()
            .payload;
        let theirs = std::slice::from_ref(&welcome.schema_version);
        let Some(agreed) = negotiate(theirs) else {
            return Err(VerifyError::Version(welcome.schema_version));
        };
        self.schema_version = agreed;
        self.flags = self.base_flags.clone().overlaid(&welcome.feature_flags);
        self.time = self.time.with_signed(welcome.server_time, boot_ms);
        self.store_floor(boot_ms);
        if self.memory == Memory::Lost {
            // Who signs commands may have a clock that is so much ahead of the one that was told here.
            self.memory = Memory::Since(self.now(boot_ms).at.plus(SKEW_MS));
            self.rows.push(Row::Memory(self.memory));
        }
        self.online = true;
        self.is_heard = false;
        let durable = self.outbox.range(..self.first_unsent());
        let durable: Vec<u64> = durable.map(|(number, _)| *number).collect();
        let mut out = Vec::new();
        for number in durable {
            self.send(number, boot_ms, &mut out);
        }
        Ok((welcome, self.finish(boot_ms, out)))
    }

    /// Sends a message of the outbox; from here on its receipt is waited for.
    pub(super) fn send(&mut self, number: u64, boot_ms: u64, out: &mut Vec<Effect>) {
        let Some(row) = self.outbox.get(&number) else {
            return;
        };
        out.push(Effect::Send(row.envelope.clone()));
        let before = self.sent.get(&number);
        let patience_ms = before.map_or(AGAIN_AFTER_MS, |before| {
            AGAIN_AT_MOST_MS.min(before.patience_ms * 2)
        });
        let at_ms = boot_ms;
        self.sent.insert(number, Sending { at_ms, patience_ms });
    }

    /// Sends what should have had its receipt by now, the oldest first: one message, and more only where a
    /// receipt has come since, so that nobody's queue is filled for a Studio that is not there. To be
    /// called each second while nothing else waits to be sent: on a slow line the receipt is late because
    /// the message is.
    pub fn send_again(&mut self, boot_ms: u64) -> Vec<Effect> {
        let is_due =
            |sending: &Sending| boot_ms.saturating_sub(sending.at_ms) >= sending.patience_ms;
        let mut room = AGAIN_BYTES;
        let mut numbers = Vec::new();
        for (number, sending) in &self.sent {
            if is_due(sending) {
                let row = self.outbox.get(number);
                room = room.saturating_sub(row.map_or(0, |row| row.envelope.len()));
                numbers.push(*number);
            }
            if !self.is_heard || room == 0 {
                break;
            }
        }
        let mut out = Vec::new();
        for number in numbers {
            self.is_heard = false;
            self.send(number, boot_ms, &mut out);
        }
        out
    }

    /// The number from which on messages are sent when their batch is durable, and not before. Numbers
    /// only go up, so all before it are durable.
    fn first_unsent(&self) -> u64 {
        let under_way = self.in_flight.iter().flat_map(|(_, after)| after);
        under_way
            .chain(&self.after)
            .find_map(|after| match after {
                After::Send(number) => Some(*number),
                _ => None,
            })
            .unwrap_or(self.next_number)
    }

    /// A receipt has come: what it names need not be sent again.
    pub fn receipted(&mut self, envelope: &[u8], boot_ms: u64) -> Vec<Effect> {
        let reader = Reader {
            now: self.now(boot_ms),
            nonces: self.nonce.as_slice(),
        };
        let mut out = Vec::new();
        match verify::receipt(envelope, &self.trust, &reader) {
            Ok(receipt) => {
                self.is_heard = true;
                let named: BTreeSet<_> = receipt
                    .into_inner()
                    .payload
                    .message_ids
                    .into_iter()
                    .collect();
                let over: Vec<u64> = self
                    .outbox
                    .range(..self.first_unsent())
                    .filter(|(_, row)| named.contains(&row.message_id))
                    .map(|(number, _)| *number)
                    .collect();
                for number in over {
                    self.forget_sent(number);
                }
            }
            Err(error) => out.push(Effect::Refused(error.code())),
        }
        self.finish(boot_ms, out)
    }

    /// A newer keyset has come. It counts when it is durable.
    ///
    /// # Errors
    /// [`AdoptError`]; the one before stays in force.
    pub fn keyset(&mut self, envelope: &[u8], boot_ms: u64) -> Result<Vec<Effect>, AdoptError> {
        let now = self.now(boot_ms);
        let trust = self.newest().with_keyset(envelope, now)?;
        Ok(self.adopt(trust, boot_ms))
    }

    /// The next root has come. It counts when it is durable.
    ///
    /// # Errors
    /// [`AdoptError`]; the one before stays pinned.
    pub fn root(&mut self, envelope: &[u8], boot_ms: u64) -> Result<Vec<Effect>, AdoptError> {
        let trust = self.newest().with_root(envelope)?;
        Ok(self.adopt(trust, boot_ms))
    }

    fn newest(&self) -> &Trust {
        self.next_trust.as_ref().unwrap_or(&self.trust)
    }

    fn adopt(&mut self, trust: Trust, boot_ms: u64) -> Vec<Effect> {
        self.rows.push(Row::Trust(Box::new(trust.record())));
        self.after.push(After::Trust(Box::new(trust.clone())));
        self.next_trust = Some(trust);
        self.finish(boot_ms, Vec::new())
    }
}
