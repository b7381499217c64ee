//! What MediaMTX says, cleaned of every secret that it was given.
//!
//! Owns the list of texts that must not be shown, and the last lines. At its usual level MediaMTX
//! prints no address of a source, but errors of the other side may quote a stream key.

use super::PathSpec;
use model::Secret;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// Lines that are kept.
const LINES: usize = 200;
/// Longest text that is passed on, in characters.
const LONGEST: usize = 1000;

/// Takes known secrets out of texts. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub(super) struct Redactor(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    needles: Vec<Secret>,
    order: VecDeque<usize>,
}

/// Secrets that are remembered after their path is gone: its last words come late.
const REMEMBERED: usize = 1024;

impl Redactor {
    /// Hides a path's secrets from now on.
    pub(super) fn learn(&self, spec: &PathSpec) {
        let new = spec.needles();
        if new.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if new.iter().all(|needle| known.needles.contains(needle)) {
            return;
        }
        known.order.push_back(new.len());
        known.needles.extend(new);
        if known.order.len() > REMEMBERED {
            let oldest = known.order.pop_front().unwrap_or(0);
            known.needles.drain(..oldest);
        }
    }

    /// A text without them, of bounded length, on one line.
    pub(super) fn clean(&self, text: &str) -> String {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = text.to_owned();
        for needle in &known.needles {
            if text.contains(needle.expose()) {
                text = text.replace(needle.expose(), "***");
            }
        }
        drop(known);
        hide_passwords(&text)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST)
            .collect()
    }
}

/// Cuts `user:password@` out of anything that looks like an address.
fn hide_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\''))
            .unwrap_or(after.len());
        match after.get(..end).and_then(|authority| authority.rfind('@')) {
            Some(at) => {
                out.push_str("***");
                rest = after.get(at..).unwrap_or("");
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// The last lines, cleaned; a reader is told of new ones.
#[derive(Debug, Clone)]
pub(super) struct Log {
    redactor: Redactor,
    lines: watch::Sender<Lines>,
}

/// Lines with the number of the first.
#[derive(Debug, Default)]
pub(super) struct Lines {
    kept: VecDeque<String>,
    /// How many were ever taken.
    taken: u64,
}

impl Lines {
    /// Lines taken after the given count.
    pub(super) fn since(&self, taken: u64) -> impl Iterator<Item = &str> {
        let new = usize::try_from(self.taken.saturating_sub(taken)).unwrap_or(usize::MAX);
        let old = self.kept.len().saturating_sub(new);
        self.kept.iter().skip(old).map(String::as_str)
    }

    /// How many were ever taken.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }
}

impl Log {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            lines: watch::Sender::default(),
        }
    }

    /// Takes a line as MediaMTX wrote it: `2026/11/21 10:00:00 INF [path x] …`.
    pub(super) fn take(&self, line: &str) {
        let line = self.redactor.clean(line);
        let (level, text) = parts(&line);
        match level {
            "ERR" => tracing::warn!(target: "mediamtx", "{text}"),
            "WAR" => tracing::info!(target: "mediamtx", "{text}"),
            _ => tracing::debug!(target: "mediamtx", "{text}"),
        }
        self.lines.send_modify(|lines| {
            if lines.kept.len() == LINES {
                lines.kept.pop_front();
            }
            lines.kept.push_back(line.clone());
            lines.taken += 1;
        });
    }

    pub(super) fn watch(&self) -> watch::Receiver<Lines> {
        self.lines.subscribe()
    }

    /// The last lines, oldest first.
    pub(super) fn last(&self) -> Vec<String> {
        self.lines.borrow().kept.iter().cloned().collect()
    }

    /// The text of the last complaint.
    pub(super) fn last_error(&self) -> Option<String> {
        let lines = self.lines.borrow();
        let error = |line: &String| {
            let (level, text) = parts(line);
            (level == "ERR").then(|| text.to_owned())
        };
        lines.kept.iter().rev().find_map(error)
    }
}

/// Level and text of a line; a line of another form is all text.
pub(super) fn parts(line: &str) -> (&str, &str) {
    let mut words = line.splitn(4, ' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(_), Some(_), Some(level), Some(text)) if level.len() == 3 => (level, text),
        _ => ("", line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mediamtx::Forward;

    #[test]
    fn no_line_keeps_a_key_or_a_password() {
        let redactor = Redactor::default();
        redactor.learn(&PathSpec {
            forward: Some(Forward::to(Secret::new("rtmp://h/live#k%2Fey-1234"))),
            ..PathSpec::pulled(Secret::new("rtsp://u:p%40ss@h:554/x"))
        });
        let log = Log::new(redactor);
        log.take("2026/11/21 10:00:00 ERR [path out/1] bad result: key k/ey-1234 unknown");
        log.take("2026/11/21 10:00:00 ERR cannot open rtsp://u:p%40ss@h:554/x: p@ss");
        log.take("2026/11/21 10:00:00 INF rtsp://any:thing@host/path and http://a@b");
        let all = log.last().join("\n");
        for secret in ["ey-1234", "p%40ss", "p@ss", "thing"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        assert!(
            all.contains("rtsp://***@host/path and http://***@b"),
            "{all}"
        );
        assert_eq!(
            log.last_error().as_deref(),
            Some("cannot open ***: ***"),
            "{all}"
        );
    }

    #[test]
    fn readers_see_what_came_since_they_looked() {
        let log = Log::new(Redactor::default());
        log.take("a");
        let from = log.watch().borrow().taken();
        for n in 0..3 {
            log.take(&n.to_string());
        }
        let watch = log.watch();
        let lines = watch.borrow();
        assert_eq!(lines.since(from).collect::<Vec<_>>(), ["0", "1", "2"]);
    }

    #[test]
    fn only_so_many_lines_are_kept() {
        let log = Log::new(Redactor::default());
        for n in 0..500 {
            log.take(&n.to_string());
        }
        assert_eq!(log.last().len(), 200);
        assert_eq!(log.watch().borrow().since(0).count(), 200);
    }
}
