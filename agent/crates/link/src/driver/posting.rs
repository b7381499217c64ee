//! The driver's part in commands that are posted at the device.
//!
//! Owns who waits for which, and the nonce that such commands can be bound to.

use super::Driver;
use crate::identity::random_hex;
use crate::posts::{Answers, Ask, NONCE_LIFE, PostError, PostNonce, WAITING};
use control::{Answered, Effect};
use protocol::Nonce;
use std::collections::BTreeMap;
use std::time::Duration;

/// Those who wait for the end of what they posted.
#[derive(Default)]
pub(crate) struct Posters {
    next: u64,
    waiting: BTreeMap<u64, Answers>,
    /// And until when it counts, in milliseconds since boot.
    nonce: Option<(Nonce, u64)>,
}

impl Posters {
    /// The nonce, while it counts.
    fn nonce(&self, now: u64) -> Option<&Nonce> {
        let (nonce, until) = self.nonce.as_ref()?;
        (now < *until).then_some(nonce)
    }

    pub(super) fn answered(&mut self, answered: Answered) {
        let (number, is_final) = (answered.number, answered.ack.status.is_final());
        if let Some(answers) = self.waiting.get(&number) {
            // Whoever does not wait any more is forgotten with the next tick.
            let _gone = answers.try_send(Ok(answered));
        }
        if is_final {
            self.waiting.remove(&number);
        }
    }
}

impl Driver {
    pub(super) fn asked(&mut self, ask: Ask) -> Vec<Effect> {
        let now = self.boot_ms();
        match ask {
            Ask::Command { envelope, answers } => self.posted(&envelope, answers, now),
            Ask::Nonce(answer) => {
                if let Some(nonce) = self.nonce(now) {
                    let _gone = answer.send(nonce);
                }
                Vec::new()
            }
        }
    }

    fn posted(&mut self, envelope: &[u8], answers: Answers, now: u64) -> Vec<Effect> {
        if answers.is_closed() {
            return Vec::new();
        }
        let posters = &mut self.posters;
        if posters.waiting.len() >= WAITING {
            let _gone = answers.try_send(Err(PostError::Busy));
            return Vec::new();
        }
        posters.next += 1;
        let number = posters.next;
        self.core.set_idle(self.hands.is_idle());
        let (is_believed, effects) = self.core.post(number, envelope, posters.nonce(now), now);
        if is_believed {
            posters.waiting.insert(number, answers);
        } else {
            let _gone = answers.try_send(Err(PostError::Unbelieved));
        }
        effects
    }

    /// The nonce that counts, or a new one. Nothing where there is no randomness.
    fn nonce(&mut self, now: u64) -> Option<PostNonce> {
        if self.posters.nonce(now).is_none() {
            let nonce = random_hex().inspect_err(|error| tracing::error!(%error, "No nonce."));
            let nonce = Nonce::parse(nonce.ok()?).expect("32 hex digits");
            let life = u64::try_from(NONCE_LIFE.as_millis()).unwrap_or(u64::MAX);
            self.posters.nonce = Some((nonce, now.saturating_add(life)));
        }
        let (nonce, until) = self.posters.nonce.clone()?;
        let lives = Duration::from_millis(until.saturating_sub(now));
        Some(PostNonce { nonce, lives })
    }

    /// Forgets those who do not wait any more.
    pub(super) fn forget_posters(&mut self) {
        let core = &mut self.core;
        self.posters.waiting.retain(|number, answers| {
            let waits = !answers.is_closed();
            if !waits {
                core.poster_gone(*number);
            }
            waits
        });
    }
}
