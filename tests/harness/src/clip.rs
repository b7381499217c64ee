//! Clips for simulated cameras: made once, encoded once, kept under `target/tmp`.
//!
//! A clip loops without a seam: it lasts a whole number of AAC frames, and its sound is cut out of a
//! longer encode so that the encoder's priming is not in it. A flash and a beep begin in the first
//! frame of each second.

use crate::picture::Painter;
use crate::place::tmp;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Frames a second as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub u32, pub u32);

impl Rate {
    /// Frames between two flashes: a second, rounded.
    #[must_use]
    pub fn per_second(self) -> u16 {
        u16::try_from((self.0 + self.1 / 2) / self.1).unwrap()
    }

    /// Nanoseconds from one frame to the next.
    #[must_use]
    pub fn interval_ns(self) -> i64 {
        i64::from(self.1) * 1_000_000_000 / i64::from(self.0)
    }
}

/// What is heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sound {
    /// No sound track.
    None,
    /// A beep of 100 ms each second.
    Beep,
    /// The same between two times of the clip in seconds; no packets outside.
    Between(f64, f64),
}

/// A clip as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    /// Number in the barcode, 0..=7; decides picture and pitch.
    pub camera: u8,
    /// Width in pixels, even.
    pub width: usize,
    /// Height in pixels, even.
    pub height: usize,
    /// Frames a second.
    pub rate: Rate,
    /// Luma 0..=255 instead of 16..=235.
    pub full_range: bool,
    /// What is heard.
    pub sound: Sound,
    /// Changes to this size (width, height) in the second half.
    pub becomes: Option<(usize, usize)>,
}

/// Samples a second of every clip.
const SAMPLES: u64 = 48_000;
/// Samples in an AAC frame.
const AAC: u64 = 1024;

impl Clip {
    /// 640×360 at 30 frames a second with a beep.
    #[must_use]
    pub const fn new(camera: u8) -> Self {
        Self {
            camera,
            width: 640,
            height: 360,
            rate: Rate(30, 1),
            full_range: false,
            sound: Sound::Beep,
            becomes: None,
        }
    }

    /// Frames in the clip: the fewest that last a whole number of seconds' worth of flashes or, for
    /// rates that are no whole number, of AAC frames.
    #[must_use]
    pub fn frames(&self) -> u16 {
        if self.rate.1 == 1 {
            u16::try_from(self.rate.0 * 8).unwrap()
        } else {
            640
        }
    }

    fn samples(&self) -> u64 {
        u64::from(self.frames()) * SAMPLES * u64::from(self.rate.1) / u64::from(self.rate.0)
    }

    /// Length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        f64::from(self.frames()) * f64::from(self.rate.1) / f64::from(self.rate.0)
    }

    /// The clip as a file, made if it is not there yet. MP4, or MPEG-TS when its size changes.
    ///
    /// # Panics
    /// When FFmpeg fails.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        let folder = tmp("clips");
        let name = format!("{self:?}")
            .replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-")
            .replace("--", "-");
        let extension = if self.becomes.is_some() { "ts" } else { "mp4" };
        let file = folder.join(format!("v1-{name}.{extension}"));
        if !file.exists() {
            // Written beside and renamed, so that a half-made clip is never found.
            let scratch = tempfile::tempdir_in(&folder).unwrap();
            let made = scratch.path().join(format!("clip.{extension}"));
            self.make(scratch.path(), &made);
            std::fs::rename(made, &file).unwrap();
        }
        file
    }

    fn make(&self, scratch: &Path, out: &Path) {
        let mut inputs = Vec::new();
        let video = if let Some((width, height)) = self.becomes {
            let half = self.frames() / 2;
            let first = self.encode(scratch, "first.ts", (self.width, self.height), 0..half);
            let second = self.encode(scratch, "second.ts", (width, height), half..self.frames());
            let both = scratch.join("both.ts");
            let mut bytes = std::fs::read(first).unwrap();
            bytes.extend(std::fs::read(second).unwrap());
            std::fs::write(&both, bytes).unwrap();
            both
        } else {
            let size = (self.width, self.height);
            self.encode(scratch, "video.mp4", size, 0..self.frames())
        };
        inputs.extend(["-i".to_owned(), video.to_string_lossy().into_owned()]);
        let window = match self.sound {
            Sound::None => None,
            Sound::Beep => Some((0, self.samples() / AAC)),
            Sound::Between(from, to) => Some((aac_frame(from), aac_frame(to))),
        };
        if let Some((from, to)) = window {
            let sound = self.sound(scratch, from, to);
            let offset = from as f64 * AAC as f64 / SAMPLES as f64;
            inputs.extend(["-itsoffset".to_owned(), format!("{offset:.9}")]);
            inputs.extend(["-i".to_owned(), sound.to_string_lossy().into_owned()]);
            inputs.extend(["-map", "0:v", "-map", "1:a"].map(str::to_owned));
        }
        let mut arguments = inputs;
        arguments.extend(["-c", "copy"].map(str::to_owned));
        arguments.push(out.to_string_lossy().into_owned());
        ffmpeg(&arguments, |_| Ok(()));
    }

    /// Encodes a range of frames; one key frame a second, no B-frames.
    fn encode(
        &self,
        scratch: &Path,
        name: &str,
        (width, height): (usize, usize),
        frames: std::ops::Range<u16>,
    ) -> PathBuf {
        let out = scratch.join(name);
        let rate = format!("{}/{}", self.rate.0, self.rate.1);
        let format = if self.full_range {
            "yuvj420p"
        } else {
            "yuv420p"
        };
        let size = format!("{width}x{height}");
        let gop = self.rate.per_second().to_string();
        let offset = f64::from(frames.start) * f64::from(self.rate.1) / f64::from(self.rate.0);
        let mut arguments: Vec<String> = [
            "-f", "rawvideo", "-pix_fmt", format, "-s", &size, "-r", &rate,
        ]
        .iter()
        .chain(&[
            "-i",
            "pipe:0",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-tune",
            "zerolatency",
        ])
        .chain(&[
            "-bf",
            "0",
            "-sc_threshold",
            "0",
            "-crf",
            "20",
            "-pix_fmt",
            format,
            "-g",
            &gop,
        ])
        .map(|text| (*text).to_owned())
        .collect();
        if offset > 0.0 {
            arguments.extend(["-output_ts_offset".to_owned(), format!("{offset:.6}")]);
        }
        arguments.push(out.to_string_lossy().into_owned());
        let painter = Painter {
            width,
            height,
            camera: self.camera,
            full_range: self.full_range,
        };
        ffmpeg(&arguments, |pipe| {
            let mut picture = Vec::new();
            for frame in frames {
                painter.draw(frame, frame % self.rate.per_second() == 0, &mut picture);
                pipe.write_all(&picture)?;
            }
            Ok(())
        });
        out
    }

    /// AAC frames `from..to` of the sound in its steady state, as ADTS.
    fn sound(&self, scratch: &Path, from: u64, to: u64) -> PathBuf {
        let out = scratch.join("sound.aac");
        let arguments: Vec<String> = ["-f", "s16le", "-ar", "48000", "-ac", "2", "-i", "pipe:0"]
            .iter()
            .chain(&["-c:a", "aac", "-b:a", "128k", "-f", "adts", "-y"])
            .map(|text| (*text).to_owned())
            .chain([out.to_string_lossy().into_owned()])
            .collect();
        let round = self.samples();
        ffmpeg(&arguments, |pipe| {
            let mut bytes = Vec::new();
            for at in 0..round * 2 + AAC {
                let sample = self.sample(at % round).to_le_bytes();
                bytes.extend(sample);
                bytes.extend(sample);
            }
            pipe.write_all(&bytes)
        });
        let bytes = std::fs::read(&out).unwrap();
        let frames = adts_frames(&bytes);
        // One frame of priming, one round to get into step.
        let first = usize::try_from(1 + round / AAC + from).unwrap();
        let count = usize::try_from(to - from).unwrap();
        std::fs::write(&out, frames[first..first + count].concat()).unwrap();
        out
    }

    /// A sine of 100 ms from the start of each flash frame.
    fn sample(&self, at: u64) -> i16 {
        let per_flash = u64::from(self.rate.per_second()) * SAMPLES * u64::from(self.rate.1);
        let into = at * u64::from(self.rate.0) % per_flash / u64::from(self.rate.0);
        if into >= SAMPLES / 10 {
            return 0;
        }
        let pitch = 1000.0 + 125.0 * f64::from(self.camera);
        let angle = into as f64 / SAMPLES as f64 * pitch * std::f64::consts::TAU;
        (angle.sin() * 12_000.0) as i16
    }
}

fn aac_frame(seconds: f64) -> u64 {
    (seconds * SAMPLES as f64 / AAC as f64) as u64
}

/// Splits an ADTS stream at its headers.
pub(crate) fn adts_frames(bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let [0xff, _, _, high, middle, low, ..] = rest {
        let length =
            usize::from(high & 3) << 11 | usize::from(*middle) << 3 | usize::from(low >> 5);
        let (frame, after) = rest.split_at(length.min(rest.len()));
        frames.push(frame);
        rest = after;
    }
    frames
}

/// Runs FFmpeg to its end while `feed` writes to its standard input.
pub(crate) fn ffmpeg(
    arguments: &[String],
    feed: impl FnOnce(&mut std::process::ChildStdin) -> std::io::Result<()>,
) {
    let mut child = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut pipe = child.stdin.take().unwrap();
    let fed = feed(&mut pipe);
    drop(pipe);
    let end = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&end.stderr);
    assert!(
        end.status.success() && fed.is_ok(),
        "ffmpeg {}: {said}",
        arguments.join(" ")
    );
}
