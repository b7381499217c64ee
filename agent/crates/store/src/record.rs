//! One entity as bytes: JSON in one value, or in parts where it is large.
//!
//! sled does not like values above 64 KiB. A row is `0 ‖ JSON`, or `1 ‖ {generation, parts, bytes}`
//! with the JSON cut over that many keys. Each write of a large document has a generation of its own,
//! so that a reader never meets parts of two.

use crate::error::ReadError;
use crate::tree::{self, Tree};
use serde::{Deserialize, Serialize};

/// Largest accepted entity as JSON.
pub const DOCUMENT_LIMIT: usize = 4 * 1024 * 1024;

/// Largest JSON that stays in its row, and the size of a part.
const PART: usize = 32 * 1024;

const INLINE: u8 = 0;
const PARTED: u8 = 1;

#[derive(Serialize, Deserialize)]
pub(crate) struct Parts {
    pub(crate) generation: u64,
    pub(crate) parts: u32,
    pub(crate) bytes: usize,
}

/// What one put writes: the row's value, and the parts' keys and values.
pub(crate) struct Written {
    pub(crate) row: Vec<u8>,
    pub(crate) parts: Vec<(String, Vec<u8>)>,
}

pub(crate) fn write(tree: Tree, id: &str, json: &[u8], generation: u64) -> Written {
    if json.len() <= PART {
        let mut row = Vec::with_capacity(json.len() + 1);
        row.push(INLINE);
        row.extend_from_slice(json);
        return Written {
            row,
            parts: Vec::new(),
        };
    }
    let prefix = tree::parts(tree, id, generation);
    let parts: Vec<(String, Vec<u8>)> = json
        .chunks(PART)
        .enumerate()
        .map(|(index, part)| (format!("{prefix}{index:08x}"), part.to_vec()))
        .collect();
    let count = u32::try_from(parts.len()).expect("a document of 4 MiB has 128 parts");
    let head = Parts {
        generation,
        parts: count,
        bytes: json.len(),
    };
    let mut row = vec![PARTED];
    row.extend_from_slice(&serde_json::to_vec(&head).expect("three numbers have a JSON form"));
    Written { row, parts }
}

/// The parts that belong to a row's value, where it has any.
pub(crate) fn parts_of(key: &str, row: &[u8]) -> Result<Option<Parts>, ReadError> {
    match row.split_first() {
        Some((&PARTED, head)) => {
            serde_json::from_slice(head)
                .map(Some)
                .map_err(|source| ReadError::Shape {
                    key: key.to_owned(),
                    source,
                })
        }
        _ => Ok(None),
    }
}

/// The JSON behind a row's value.
pub(crate) fn read(
    db: &sled::Tree,
    tree: Tree,
    id: &str,
    row: &[u8],
) -> Result<Vec<u8>, ReadError> {
    let key = tree::row(tree, id);
    let incomplete = || ReadError::Incomplete { key: key.clone() };
    let Some(head) = parts_of(&key, row)? else {
        return match row.split_first() {
            Some((&INLINE, json)) => Ok(json.to_vec()),
            _ => Err(incomplete()),
        };
    };
    if head.bytes > DOCUMENT_LIMIT {
        return Err(incomplete());
    }
    let mut json = Vec::with_capacity(head.bytes);
    for part in db.scan_prefix(tree::parts(tree, id, head.generation)) {
        json.extend_from_slice(&part.map_err(ReadError::Database)?.1);
    }
    if json.len() == head.bytes {
        Ok(json)
    } else {
        Err(incomplete())
    }
}
