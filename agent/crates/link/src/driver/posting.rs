//! The driver's part in commands that are posted at the device.
//!
//! Owns who waits for which, and the nonces that such commands can be bound to.

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
    /// And until when each counts, in milliseconds since boot; the newest is the last.
    nonces: Vec<(Nonce, u64)>,
}

impl Posters {
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
        self.posters.nonces.retain(|(_, until)| now < *until);
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
        self.posters.next += 1;
        let number = self.posters.next;
        let nonces = self.posters.nonces.iter();
        let nonces: Vec<Nonce> = nonces.map(|(nonce, _)| nonce.clone()).collect();
        self.core.set_idle(self.hands.is_idle());
        let (is_believed, effects) = self.core.post(number, envelope, &nonces, now);
        if !is_believed {
            let _gone = answers.try_send(Err(PostError::Unbelieved));
            return effects;
        }
        // Nobody who waits keeps a command out, an emergency stop least of all.
        if self.posters.waiting.len() >= WAITING
            && let Some((oldest, _)) = self.posters.waiting.pop_first()
        {
            self.core.poster_gone(oldest);
        }
        self.posters.waiting.insert(number, answers);
        effects
    }

    /// A nonce that counts for a while. Nothing where there is no randomness.
    fn nonce(&mut self, now: u64) -> Option<PostNonce> {
        let life = u64::try_from(NONCE_LIFE.as_millis()).unwrap_or(u64::MAX);
        let lasts = |(_, until): &(Nonce, u64)| until.saturating_sub(now) >= life / 2;
        if !self.posters.nonces.last().is_some_and(lasts) {
            let nonce = random_hex().inspect_err(|error| tracing::error!(%error, "No nonce."));
            let nonce = Nonce::parse(nonce.ok()?).expect("32 hex digits");
            let until = now.saturating_add(life);
            self.posters.nonces.push((nonce, until));
        }
        let (nonce, until) = self.posters.nonces.last()?.clone();
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
