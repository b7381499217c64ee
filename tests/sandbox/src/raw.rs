//! What a device says, handed on as it comes: for measuring, where a Studio that verifies and keeps all of
//! it would be measured too.

use crate::desk::Studio;
use protocol::Kind;
use serde_json::json;
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

/// A message as it came.
#[derive(Debug)]
pub struct Raw {
    /// When.
    pub at: Instant,
    /// What.
    pub bytes: Vec<u8>,
}

impl Raw {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            at: Instant::now(),
            bytes: bytes.to_vec(),
        }
    }
}

impl Studio {
    /// From here on nothing but the hellos of a device is verified, kept or answered: all else is given
    /// here. It need not be paired.
    #[must_use]
    pub fn divert(&self, device: &str) -> Receiver<Raw> {
        let (sender, receiver) = mpsc::channel();
        let mut state = self.shared.state();
        state.diverted.insert(device.to_owned(), sender);
        receiver
    }

    /// A signed receipt for messages of a device.
    #[must_use]
    pub fn receipt(&self, device: &str, ids: &[String]) -> Vec<u8> {
        let keys = &self.shared.keys;
        let receipt = keys.message(device, &json!({ "message_ids": ids }));
        keys.session(Kind::Receipt, &receipt)
    }
}
