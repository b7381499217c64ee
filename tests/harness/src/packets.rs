//! The picture's packets as a server hands them out: how many, and when the next one was due.
//!
//! Owns a reader that copies and decodes nothing, so that many can run beside each other.

use crate::child::{Child, until};
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running reader of one address.
#[derive(Debug)]
pub struct Packets {
    child: Child,
    folder: TempDir,
    /// Packets at the beginning whose times are not theirs: FFmpeg knows no time of the first one that comes
    /// by RTSP, and takes it for 0. Where that is a key frame it is kept, some 100 ms before the second.
    guessed: usize,
    /// Since when packets come, as far as somebody has waited for them.
    since: Cell<Option<Instant>>,
}

/// How far what was seen may be behind the clock: what is under way between program and reader.
const BEHIND_MS: f64 = 2000.0;

/// What a reader saw.
#[derive(Debug, Clone, Default)]
pub struct PacketsSeen {
    /// Decoding time of each packet in milliseconds.
    pub times_ms: Vec<f64>,
}

impl Packets {
    /// Starts to read an RTSP or RTMP address.
    ///
    /// # Panics
    /// When a folder cannot be made.
    #[must_use]
    pub fn of(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("packets").to_string_lossy().into_owned();
        let mut arguments: Vec<&str> = vec!["-hide_banner", "-nostdin", "-loglevel", "error", "-y"];
        let by_rtsp = url.starts_with("rtsp:");
        if by_rtsp {
            arguments.extend(["-rtsp_transport", "tcp"]);
        }
        arguments.extend(["-i", url, "-map", "0:v:0", "-c", "copy", "-copyts"]);
        arguments.extend(["-flush_packets", "1", "-f", "framecrc", &file]);
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let log = folder.path().join("log");
        let child = Child::start(Path::new("ffmpeg"), &arguments, &log);
        Self {
            child,
            folder,
            guessed: usize::from(by_rtsp),
            since: Cell::new(None),
        }
    }

    /// What was seen so far.
    ///
    /// # Panics
    /// When the reader writes something else than packets.
    #[must_use]
    pub fn seen(&self) -> PacketsSeen {
        let text = std::fs::read_to_string(self.folder.path().join("packets")).unwrap_or_default();
        let mut unit = 0.0;
        let mut times_ms = Vec::new();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            if let Some(base) = line.strip_prefix("#tb 0: ") {
                let (num, den) = base.trim().split_once('/').unwrap();
                unit = 1000.0 * num.parse::<f64>().unwrap() / den.parse::<f64>().unwrap();
            } else if !line.starts_with('#') {
                let dts = line.split(',').nth(1).unwrap_or_default().trim();
                times_ms.push(dts.parse::<f64>().unwrap() * unit);
            }
        }
        let guessed = self.guessed.min(times_ms.len());
        times_ms.drain(..guessed);
        PacketsSeen { times_ms }
    }

    /// Waits until packets come.
    ///
    /// # Panics
    /// When none come.
    pub fn wait(&self, limit: Duration) {
        let some = until(limit, || self.seen().times_ms.len() > 10);
        assert!(some, "nothing can be read: {}", self.child.log());
        self.since
            .set(self.since.get().or_else(|| Some(Instant::now())));
    }

    /// Ends the reader; gives what it saw, which is all that came since [`Self::wait`].
    ///
    /// # Panics
    /// When nobody has waited for it, when it had ended by itself, or when what it saw ends before now:
    /// nobody knows what was missing then.
    #[must_use]
    #[track_caller]
    pub fn end(mut self) -> PacketsSeen {
        let since = self.since.get().expect("it is waited for first");
        let running = self.child.is_running();
        let wall_ms = since.elapsed().as_secs_f64() * 1000.0;
        self.child.signal("INT");
        let _ = self.child.ended_within(Duration::from_secs(3));
        let seen = self.seen();
        let what = format!(
            "{} packets over {:.0} ms, read for {wall_ms:.0} ms: {}",
            seen.times_ms.len(),
            seen.span_ms(),
            self.child.log()
        );
        assert!(running, "the reader ended by itself: {what}");
        assert!(
            seen.span_ms() >= wall_ms - BEHIND_MS,
            "nothing came at the end: {what}"
        );
        seen
    }
}

impl PacketsSeen {
    /// From the first packet to the last, in milliseconds.
    #[must_use]
    pub fn span_ms(&self) -> f64 {
        let ends = self.times_ms.first().zip(self.times_ms.last());
        ends.map_or(0.0, |(first, last)| last - first)
    }

    /// The longest step from one packet to the next, in milliseconds.
    #[must_use]
    pub fn longest_gap_ms(&self) -> f64 {
        let steps = self.times_ms.windows(2).map(|pair| pair[1] - pair[0]);
        steps.fold(0.0, f64::max)
    }

    /// How many packets are missing between the first and the last, where one is due each
    /// `interval_ms`.
    #[must_use]
    pub fn missing(&self, interval_ms: f64) -> usize {
        let steps = self.times_ms.windows(2).map(|pair| pair[1] - pair[0]);
        steps
            .map(|step| ((step / interval_ms).round() as usize).saturating_sub(1))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_counted_in_frames() {
        let seen = PacketsSeen {
            times_ms: vec![0.0, 33.0, 67.0, 167.0, 200.0],
        };
        assert_eq!(seen.missing(1000.0 / 30.0), 2);
        assert!((seen.longest_gap_ms() - 100.0).abs() < 0.1);
        assert!((seen.span_ms() - 200.0).abs() < 0.1);
        assert!(PacketsSeen::default().span_ms() < 0.1);
    }
}
