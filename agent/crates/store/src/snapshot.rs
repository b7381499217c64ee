//! Copies of the database beside it, for the day on which it cannot be opened.
//!
//! A snapshot is one JSON file: keys and values as they are (secrets stay sealed), the time, and a
//! digest. What was done up to a moment is left out, since a copy is older than the moment. The newest
//! [`KEPT`] are kept.

use crate::error::WriteError;
use crate::files;
use crate::tree::is_copied;
use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many are kept.
const KEPT: usize = 3;
/// A larger file is not read.
const LIMIT: u64 = 256 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Document {
    taken_at: u64,
    rows: Vec<(String, String)>,
    sha256: String,
}

/// A snapshot that was read and is whole.
pub(crate) struct Snapshot {
    pub(crate) taken_at: SystemTime,
    pub(crate) rows: Vec<(Vec<u8>, Vec<u8>)>,
}

fn digest(taken_at: u64, rows: &[(String, String)]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(&taken_at.to_be_bytes());
    for (key, value) in rows {
        for part in [key, value] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
    }
    HEXLOWER.encode(context.finish().as_ref())
}

/// Every row that belongs into a copy, coded as text.
pub(crate) fn rows(db: &sled::Tree) -> Result<Vec<(String, String)>, WriteError> {
    let mut rows = Vec::new();
    for row in db {
        let (key, value) = row.map_err(WriteError::database)?;
        if is_copied(&key) {
            rows.push((BASE64.encode(&key), BASE64.encode(&value)));
        }
    }
    Ok(rows)
}

/// Writes a snapshot and removes the oldest beyond [`KEPT`]. It is the newest by its name whatever
/// the time of day was set to in between.
pub(crate) fn write(
    rows: Vec<(String, String)>,
    folder: &Path,
    now: SystemTime,
) -> Result<PathBuf, WriteError> {
    let taken_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let newest = newest_first(folder).first().and_then(|path| number(path));
    let name = newest.map_or(taken_at, |newest| taken_at.max(newest.saturating_add(1)));
    let sha256 = digest(taken_at, &rows);
    let path = folder.join(format!("{name:012}.json"));
    let document = Document {
        taken_at,
        rows,
        sha256,
    };
    let json = serde_json::to_vec(&document).map_err(|source| WriteError::Shape {
        key: "snapshot".to_owned(),
        source,
    })?;
    files::private_dir(folder).map_err(|source| WriteError::io(folder, source))?;
    files::write_private(&path, &json).map_err(|source| WriteError::io(&path, source))?;
    for old in newest_first(folder).into_iter().skip(KEPT) {
        if let Err(error) = std::fs::remove_file(&old) {
            tracing::warn!(%error, path = %old.display(), "An old snapshot stays.");
        }
    }
    Ok(path)
}

fn number(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// The newest snapshot that is whole.
pub(crate) fn newest(folder: &Path) -> Option<Snapshot> {
    newest_first(folder).into_iter().find_map(|path| {
        let read = read(&path);
        if read.is_none() {
            tracing::warn!(path = %path.display(), "A snapshot is damaged; looking for an older one.");
        }
        read
    })
}

fn read(path: &Path) -> Option<Snapshot> {
    if std::fs::metadata(path).ok()?.len() > LIMIT {
        return None;
    }
    let document: Document = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    if digest(document.taken_at, &document.rows) != document.sha256 {
        return None;
    }
    let decode = |text: &String| BASE64.decode(text.as_bytes()).ok();
    let rows = document
        .rows
        .iter()
        .map(|(key, value)| Some((decode(key)?, decode(value)?)));
    Some(Snapshot {
        taken_at: UNIX_EPOCH + Duration::from_secs(document.taken_at),
        rows: rows.collect::<Option<_>>()?,
    })
}

fn newest_first(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    paths.sort_by_cached_key(|path| std::cmp::Reverse((number(path), path.clone())));
    paths
}
