//! The last lines of the log, kept in memory for a diagnostic bundle.
//!
//! Owns the ring: at most [`LINES`] lines of together at most [`BYTES`] bytes, the oldest of which go
//! first. Nobody holds it for longer than it takes to count up who shares the lines; nobody waits for a disk.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// Most lines that are kept.
const LINES: usize = 2_000;

/// Most bytes of all of them together.
const BYTES: usize = 1024 * 1024;

/// Longest line in bytes; what is longer is cut, and ends in `…`.
const LINE: usize = 4 * 1024;

/// The end of the log, for those who look at it. Cheap to clone: clones share the lines.
#[derive(Clone, Default)]
pub struct LogTail {
    ring: Arc<Mutex<Ring>>,
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<Arc<str>>,
    bytes: usize,
    gone: u64,
}

/// What is kept of the log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LogLines {
    /// How many lines are not kept any more.
    pub left_out: u64,
    /// The last ones, the oldest first.
    pub lines: Vec<Arc<str>>,
}

impl LogTail {
    /// What is kept now.
    #[must_use]
    pub fn lines(&self) -> LogLines {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        LogLines {
            left_out: ring.gone,
            lines: ring.lines.iter().cloned().collect(),
        }
    }

    fn keep(&self, line: String) {
        let line: Arc<str> = line.into();
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.bytes = ring.bytes.saturating_add(line.len());
        ring.lines.push_back(line);
        while ring.lines.len() > LINES || ring.bytes > BYTES {
            let Some(oldest) = ring.lines.pop_front() else {
                return;
            };
            ring.bytes = ring.bytes.saturating_sub(oldest.len());
            ring.gone = ring.gone.saturating_add(1);
        }
    }
}

/// A line of at most [`LINE`] bytes, without the break at its end.
fn cut(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.trim_ascii_end());
    if text.len() <= LINE {
        return text.into_owned();
    }
    let mark = '…';
    let mut end = LINE - mark.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &text[..end])
}

/// One event comes in one piece.
impl io::Write for &LogTail {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.keep(cut(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogTail {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    fn filled(lines: impl IntoIterator<Item = String>) -> LogLines {
        let tail = LogTail::default();
        lines.into_iter().for_each(|line| tail.keep(line));
        tail.lines()
    }

    #[test]
    fn the_last_lines_are_kept_and_what_went_is_counted() {
        let kept = filled((0..2_500).map(|number| format!("line {number}")));
        assert_eq!((kept.lines.len(), kept.left_out), (LINES, 500));
        assert_eq!(&**kept.lines.first().unwrap(), "line 500");
        assert_eq!(&**kept.lines.last().unwrap(), "line 2499");
    }

    #[test]
    fn long_lines_together_are_no_more_than_they_may() {
        let kept = filled((0..600).map(|_| "x".repeat(LINE)));
        let bytes: usize = kept.lines.iter().map(|line| line.len()).sum();
        assert_eq!((bytes, kept.left_out), (BYTES, 600 - 256));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(cut(b"short \n"), "short");
        assert_eq!(cut(&[b'a'; LINE]).len(), LINE);
        for text in ["a", "ü", "aü", "𝄞", "a𝄞"] {
            let long = text.repeat(LINE + 1);
            let short = cut(long.as_bytes());
            let kept = short.strip_suffix('…').unwrap();
            assert!(long.starts_with(kept), "{text}");
            assert!((LINE - 6..=LINE).contains(&short.len()), "{text}");
        }
        // What is no text is one of replacement characters, and no longer.
        let short = cut(&[0x80; 2 * LINE]);
        assert!(short.ends_with('…') && short.len() <= LINE, "{short}");
    }

    #[test]
    fn what_is_logged_at_its_level_is_kept_as_it_is_written() {
        let tail = LogTail::default();
        let lines = super::super::log::tail_layer(tail.clone());
        let filter = tracing_subscriber::EnvFilter::new("info");
        let subscriber = tracing_subscriber::registry().with(filter).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(camera = 7, "First.");
            tracing::debug!("Not at this level.");
            tracing::warn!("Second.");
        });
        let kept = tail.lines();
        assert_eq!(kept.lines.len(), 2, "{kept:?}");
        assert!(kept.lines[0].contains("INFO"), "{kept:?}");
        assert!(kept.lines[0].contains("First. camera=7"), "{kept:?}");
        assert!(kept.lines[1].contains("Second."), "{kept:?}");
        assert!(!kept.lines[0].contains('\u{1b}'), "{kept:?}");
    }
}
