//! How much of the replies of ended commands is remembered.
//!
//! Beyond [`REPLY_LIMIT`] the oldest lose what they said and nothing else: id, digest, state and code
//! stay for as long as the command is remembered, so that it is neither done twice nor left unanswered.

use super::Core;
use crate::record::{CommandRow, Row, RowState};
use protocol::{MessageId, Problem, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// Most bytes that the remembered replies, and accounts of why commands failed, take in memory, less those
/// that are light.
pub const REPLY_LIMIT: usize = 16 * 1024 * 1024;

/// What weighs less, as most refusals do, belongs to its command's row and is not counted.
const LIGHT: usize = 256;

/// The ended commands that have something to lose, the oldest end first.
#[derive(Debug, Default)]
pub(super) struct Replies {
    by_age: BTreeSet<(Timestamp, MessageId)>,
    bytes: usize,
}

impl Replies {
    /// A command is at its end.
    pub(super) fn add(&mut self, row: &CommandRow) {
        if let Some((at, bytes)) = counted(row)
            && self.by_age.insert((at, row.message_id.clone()))
        {
            self.bytes += bytes;
        }
    }

    /// A command is forgotten, or its reply is.
    pub(super) fn remove(&mut self, row: &CommandRow) {
        if let Some((at, bytes)) = counted(row)
            && self.by_age.remove(&(at, row.message_id.clone()))
        {
            self.bytes -= bytes;
        }
    }

    /// The command whose reply is the oldest, where they are too much.
    fn excess(&self) -> Option<MessageId> {
        let (_, oldest) = self.by_age.first()?;
        (self.bytes > REPLY_LIMIT).then(|| oldest.clone())
    }
}

impl Core {
    /// Makes what is remembered of replies fit its bound, here and in the store.
    pub(super) fn shed(&mut self) {
        while let Some(id) = self.replies.excess() {
            let Some(entry) = self.entries.get_mut(&id) else {
                return;
            };
            self.replies.remove(&entry.row);
            if let RowState::Final { error, result, .. } = &mut entry.row.state {
                *result = None;
                *error = error.take().map(|error| shortened(&error));
            }
            self.rows.push(Row::Shed(Box::new(entry.row.clone())));
        }
    }
}

/// When a command ended and what its reply takes, where that counts.
fn counted(row: &CommandRow) -> Option<(Timestamp, usize)> {
    let RowState::Final {
        error, result, at, ..
    } = &row.state
    else {
        return None;
    };
    let said = |error: &Problem| {
        let texts = error.message.len() + error.remediation.len();
        let field = error.field.as_ref().map_or(0, String::len);
        texts + field + error.details.as_ref().map_or(0, weight)
    };
    let bytes = result.as_ref().map_or(0, weight) + error.as_ref().map_or(0, said);
    (bytes > LIGHT).then_some((*at, bytes))
}

fn shortened(problem: &Problem) -> Problem {
    let mut short = problem
        .code
        .with_message("what was said of it is no longer remembered");
    short.retryable = problem.retryable;
    short
}

/// About what a value takes in memory beside its own slot, rather more than less.
fn weight(value: &Value) -> usize {
    const SLOT: usize = size_of::<Value>();
    // A node of a B-tree holds 11 entries and is at least half full, but for the root.
    const NODE: usize = 12 * (size_of::<String>() + SLOT);
    const BLOCK: usize = 16;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => BLOCK + text.len(),
        Value::Array(values) => {
            let slots = BLOCK + 2 * SLOT * values.len();
            slots + values.iter().map(weight).sum::<usize>()
        }
        Value::Object(fields) => {
            let nodes = NODE * fields.len().div_ceil(5);
            let field = |(name, value): (&String, &Value)| BLOCK + name.len() + weight(value);
            nodes + fields.iter().map(field).sum::<usize>()
        }
    }
}
