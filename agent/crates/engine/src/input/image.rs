//! Still pictures: one decode by one FFmpeg child.

use super::args;
use crate::nut::{FrameHead, Media, NutError, Reader};
use crate::process::{Cause, Launch, LaunchError, Launcher, Process, Stdout};
use model::{Fit, Size, Still};
use std::ffi::OsString;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A picture with transparency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height × width × 4` bytes, RGBA, not premultiplied, without padding.
    pub rgba: Vec<u8>,
}

/// What a picture may cost.
#[derive(Debug, Clone, Copy)]
pub struct ImageLimits {
    /// Wider ones are made smaller, with their shape kept.
    pub width: u32,
    /// Higher ones as well.
    pub height: u32,
    /// Longest time to decode.
    pub time: Duration,
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self {
            width: 1920,
            height: 1080,
            time: Duration::from_secs(10),
        }
    }
}

/// Why a picture could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// FFmpeg could not be started.
    #[error("the decoder cannot be started")]
    Launch(#[from] LaunchError),
    /// FFmpeg could not read it.
    #[error("the picture cannot be decoded: {}", .cause.describe())]
    Decode {
        /// Why.
        cause: Cause,
        /// What FFmpeg said last.
        lines: Vec<String>,
    },
    /// It took too long.
    #[error("the picture takes too long to decode")]
    Slow,
}

/// Decodes a still picture, transparency included.
///
/// # Errors
/// [`ImageError`].
pub fn decode_image(
    launcher: &Launcher,
    ffmpeg: &Path,
    path: &Path,
    limits: ImageLimits,
) -> Result<Image, ImageError> {
    let args = args::rgba(path, limits.width.min(4096), limits.height.min(4096));
    let (media, bytes) = one_frame(launcher, ffmpeg, args, limits.time)?;
    match media {
        Media::Video { width, height }
            if u64::from(width) * u64::from(height) * 4 == bytes.len() as u64 =>
        {
            Ok(Image {
                width,
                height,
                rgba: bytes,
            })
        }
        _ => Err(invalid()),
    }
}

/// Decodes a still picture to the program's size.
pub(super) fn decode_still(
    launcher: &Launcher,
    ffmpeg: &Path,
    path: &Path,
    size: Size,
    fit: Fit,
) -> Result<Still, ImageError> {
    let args = args::still(path, size, fit);
    let (_, data) = one_frame(launcher, ffmpeg, args, ImageLimits::default().time)?;
    if data.len() == size.yuv420_bytes() {
        Ok(Still { size, data })
    } else {
        Err(invalid())
    }
}

const fn invalid() -> ImageError {
    ImageError::Decode {
        cause: Cause::InvalidData,
        lines: Vec::new(),
    }
}

fn one_frame(
    launcher: &Launcher,
    ffmpeg: &Path,
    args: Vec<OsString>,
    time: Duration,
) -> Result<(Media, Vec<u8>), ImageError> {
    let mut process = launcher.launch(Launch::new(ffmpeg).args(args).stdout(Stdout::Pipe))?;
    let Some(out) = process.take_stdout() else {
        return Err(invalid());
    };
    let process = Arc::new(process);
    let slow = Arc::new(AtomicBool::new(false));
    watch(process.clone(), slow.clone(), time);
    let read = read_frame(BufReader::new(out));
    // The reader has let go of the pipe: FFmpeg ends by itself, or by the signal.
    process.kill();
    match read {
        Ok(Some((head, bytes))) => Ok((head, bytes)),
        _ if slow.load(Ordering::Acquire) => Err(ImageError::Slow),
        _ => {
            let exit = process.wait_timeout(Duration::from_secs(1));
            let cause = match exit.map_or(Cause::Unknown, |e| e.cause) {
                Cause::Unknown | Cause::Killed => Cause::InvalidData,
                known => known,
            };
            Err(ImageError::Decode {
                cause,
                lines: process.lines(),
            })
        }
    }
}

/// Kills a decoder that takes too long. The thread ends when the decoder does.
fn watch(process: Arc<Process>, slow: Arc<AtomicBool>, time: Duration) {
    let watch = move || {
        if process.wait_timeout(time).is_none() {
            slow.store(true, Ordering::Release);
            process.kill();
        }
    };
    let thread = std::thread::Builder::new().name("image-timer".to_owned());
    // Without a timer a picture can take as long as it likes; it still cannot hang the program.
    let _no_thread = thread.spawn(watch);
}

fn read_frame(
    from: BufReader<std::process::ChildStdout>,
) -> Result<Option<(Media, Vec<u8>)>, NutError> {
    let mut reader = Reader::open(from)?;
    while let Some(head) = reader.next_frame()? {
        let media = media(&reader, &head);
        if let Media::Video { .. } = media {
            let mut bytes = vec![0; head.bytes];
            reader.payload(&head, &mut bytes)?;
            return Ok(Some((media, bytes)));
        }
        reader.skip(&head)?;
    }
    Ok(None)
}

fn media(reader: &Reader<BufReader<std::process::ChildStdout>>, head: &FrameHead) -> Media {
    let stream = reader.streams().get(head.stream);
    stream.map_or(Media::Other, |s| s.media)
}

/// Whether a file is a still picture, by its first bytes (PNG, JPEG, WebP, BMP, TIFF).
pub(super) fn is_image(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::with_capacity(16);
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    file.take(16).read_to_end(&mut head)?;
    let webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    let starts: [&[u8]; 5] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"BM",
        b"II*\0",
        b"MM\0*",
    ];
    Ok(webp || starts.iter().any(|s| head.starts_with(s)))
}
