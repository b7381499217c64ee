//! The chain through what a device answers, by which the other side sees loss and cloned devices.

use crate::words::{Digest, MessageId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The place of a durable message of the device (ack, final progress, event) in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Counts from 1 with each start of the agent.
    pub device_seq: u64,
    /// Made at random with each start of the agent.
    pub boot_id: MessageId,
    /// SHA-256 of the bytes of the envelope before it; absent on the first after a start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_hash: Option<Digest>,
}

/// The writing end: makes the place of the next message.
#[derive(Debug, Clone)]
pub struct ChainHead {
    boot_id: MessageId,
    last: u64,
    prev_hash: Option<Digest>,
}

impl ChainHead {
    /// A chain that begins with this start of the agent.
    #[must_use]
    pub const fn new(boot_id: MessageId) -> Self {
        Self {
            boot_id,
            last: 0,
            prev_hash: None,
        }
    }

    /// The place that the next message has.
    #[must_use]
    pub fn next(&self) -> Link {
        Link {
            device_seq: self.last + 1,
            boot_id: self.boot_id.clone(),
            prev_hash: self.prev_hash,
        }
    }

    /// Goes on behind a message that was written with [`ChainHead::next`].
    pub fn advance(&mut self, envelope: &[u8]) {
        self.last += 1;
        self.prev_hash = Some(Digest::of(envelope));
    }
}

/// The reading end: what is known of a device's chain.
#[derive(Debug, Clone, Default)]
pub struct ChainTail {
    last: Option<(MessageId, u64, Digest)>,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Messages are missing, or came in another order.
    #[error("number {got} came after number {last}")]
    Gap {
        /// The number before.
        last: u64,
        /// The number that came.
        got: u64,
    },
    /// Two different messages have the place before this one: two devices share one key.
    #[error("it follows another message than the one that was received")]
    Fork,
    /// The first message of a start names one before it, or a later one names none.
    #[error("only the first message of a start has none before it")]
    Start,
}

impl ChainTail {
    /// Takes the next message; on an error nothing changes.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn follow(&mut self, link: &Link, envelope: &[u8]) -> Result<(), ChainError> {
        if (link.device_seq == 1) != link.prev_hash.is_none() {
            return Err(ChainError::Start);
        }
        match &self.last {
            Some((boot, last, digest)) if *boot == link.boot_id => {
                if link.device_seq != *last + 1 {
                    return Err(ChainError::Gap {
                        last: *last,
                        got: link.device_seq,
                    });
                }
                if link.prev_hash != Some(*digest) {
                    return Err(ChainError::Fork);
                }
            }
            _ if link.device_seq != 1 => {
                return Err(ChainError::Gap {
                    last: 0,
                    got: link.device_seq,
                });
            }
            _ => {}
        }
        self.last = Some((link.boot_id.clone(), link.device_seq, Digest::of(envelope)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(digit: char) -> MessageId {
        let tail: String = std::iter::repeat_n(digit, 12).collect();
        MessageId::parse(format!("00000000-0000-0000-0000-{tail}")).unwrap()
    }

    #[test]
    fn a_whole_chain_is_followed_over_a_restart() {
        let mut tail = ChainTail::default();
        for start in ['1', '2'] {
            let mut head = ChainHead::new(boot(start));
            for body in [b"one", b"two"] {
                let link = head.next();
                head.advance(body);
                assert_eq!(tail.follow(&link, body), Ok(()));
            }
        }
    }

    #[test]
    fn loss_and_a_cloned_device_are_seen() {
        let mut head = ChainHead::new(boot('1'));
        let first = head.next();
        head.advance(b"one");
        let second = head.next();
        head.advance(b"two");
        let third = head.next();
        let mut tail = ChainTail::default();
        assert_eq!(
            tail.follow(&second, b"two"),
            Err(ChainError::Gap { last: 0, got: 2 })
        );
        assert_eq!(tail.follow(&first, b"one"), Ok(()));
        assert_eq!(
            tail.follow(&third, b"three"),
            Err(ChainError::Gap { last: 1, got: 3 })
        );
        let mut clone = ChainHead::new(boot('1'));
        clone.advance(b"another one");
        assert_eq!(tail.follow(&clone.next(), b"x"), Err(ChainError::Fork));
        let mut cut = second.clone();
        cut.prev_hash = None;
        assert_eq!(tail.follow(&cut, b"two"), Err(ChainError::Start));
    }
}
