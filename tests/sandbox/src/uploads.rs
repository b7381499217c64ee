//! Where devices put documents: `PUT /uploads/<name>` over HTTPS, kept in memory.

use crate::desk::{Shared, Studio};
use hyper::StatusCode;

/// Where they are put, before the name.
pub(crate) const PLACE: &str = "/uploads/";

/// Largest document in bytes.
pub(crate) const LIMIT: usize = 16 << 20;

/// Most documents that are kept.
const KEPT: usize = 64;

/// Keeps a document under a name, or does what the desk was told to do with uploads instead.
pub(crate) fn take(shared: &Shared, name: &str, kind: &str, document: Vec<u8>) -> StatusCode {
    let told = shared.state().upload_answer;
    let full = {
        let state = shared.state();
        state.uploads.len() >= KEPT && !state.uploads.contains_key(name)
    };
    let answer = match told {
        Some(told) => told,
        None if name.is_empty() || kind != "application/json" => StatusCode::BAD_REQUEST,
        None if full => StatusCode::INSUFFICIENT_STORAGE,
        None => StatusCode::CREATED,
    };
    shared.note(|state| {
        state.upload_tries += 1;
        if answer == StatusCode::CREATED {
            state.uploads.insert(name.to_owned(), document);
        }
    });
    answer
}

impl Studio {
    /// Where a device may put a document of this name.
    #[must_use]
    pub fn upload_url(&self, name: &str) -> String {
        format!("{}{PLACE}{name}", self.url())
    }

    /// The document that was put there last.
    #[must_use]
    pub fn uploaded(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.state().uploads.get(name).cloned()
    }

    /// How many uploads were tried, well or not.
    #[must_use]
    pub fn upload_tries(&self) -> usize {
        self.shared.state().upload_tries
    }

    /// Answers uploads with this status and keeps none (a redirection leads to another upload); `None`
    /// keeps them again.
    ///
    /// # Panics
    /// When it is no HTTP status.
    pub fn answer_uploads(&self, status: Option<u16>) {
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        self.shared.note(|state| state.upload_answer = status);
    }
}
