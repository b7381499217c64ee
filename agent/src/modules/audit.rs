//! Who did what: looked up in the audit.

use super::Parts;
use super::command::Reply;
use super::fault::{Fault, field};
use super::view::{AuditList, AuditQuery};
use crate::audit::AuditRow;
use crate::time::rfc3339;
use protocol::Problem;
use std::time::SystemTime;

/// Most rows of one answer.
const ROWS: usize = 1_000;

/// Longest kind that is looked for.
const KIND: usize = 64;

pub(super) async fn list(parts: &Parts, query: AuditQuery) -> Result<Reply, Problem> {
    let since = check(&query)?;
    let audit = parts.audit.clone();
    let fits = move |row: &AuditRow| {
        let wanted = query.kind.as_deref();
        since.as_ref().is_none_or(|since| row.at >= *since)
            && wanted.is_none_or(|kind| is_of(row.entry.kind.as_deref(), kind))
    };
    // Both may wait for a writer and its disk.
    let read = move || (audit.newest(query.limit, fits), audit.counts());
    let read = tokio::task::spawn_blocking(read).await;
    let (entries, (kept, forgotten)) = read.map_err(|_| Fault::Thread)?;
    let entries = entries.map_err(Fault::Read)?;
    Ok(Reply::Audit(AuditList {
        entries,
        kept,
        forgotten,
        lost: parts.audit.lost(),
    }))
}

/// The time since which, in the form of the rows.
fn check(query: &AuditQuery) -> Result<Option<String>, Fault> {
    if !(1..=ROWS).contains(&query.limit) {
        return Err(field("/limit", "an answer has 1 to 1000 rows"));
    }
    if query.kind.as_ref().is_some_and(|kind| kind.len() > KIND) {
        return Err(field("/kind", "a kind has at most 64 bytes"));
    }
    let since = query.since.as_deref();
    let time = since.map(|text| {
        let time: Result<jiff::Timestamp, _> = text.parse();
        time.map_err(|_| field("/since", "a time such as 2026-11-21T10:00:00Z is wanted"))
    });
    let form = |time: jiff::Timestamp| rfc3339(SystemTime::from(time));
    Ok(time.transpose()?.map(form))
}

/// Whether a row is of a kind, or of a group such as `camera`.
fn is_of(row: Option<&str>, kind: &str) -> bool {
    row.is_some_and(|row| {
        let rest = row.strip_prefix(kind);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}
