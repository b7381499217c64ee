//! Sources on their way into the program: one decoder each, restarted by itself.
//!
//! Owns decoders, the frame store of each source and its counters. Never decides what is shown and
//! never pushes back on a live source. [`open`] gives two halves: the [`Inlet`] goes to
//! [`crate::program::Program::attach`], the [`Input`] stays with whoever opened it and closes the
//! source when it is dropped.

mod args;
mod decoder;
mod frame;
mod image;
mod inlet;
mod stats;

pub use frame::FrameBuf;
pub(crate) use frame::{Arrival, PIECE, Pool, SoundPiece, Taken};
pub use image::{Image, ImageError, ImageLimits, decode_image};
pub use inlet::Inlet;
pub(crate) use inlet::{Feed, Kind};
pub(crate) use stats::Shared;
pub use stats::{InputStats, SourceState};

use crate::process::{LaunchError, Launcher};
use model::{Fit, FrameRate, Secret, Size, Still};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A source to be opened.
#[derive(Debug, Clone)]
pub struct InputSpec {
    /// FFmpeg's program.
    pub ffmpeg: PathBuf,
    /// The program's size: every picture is brought to it.
    pub size: Size,
    /// The program's rate.
    pub rate: FrameRate,
    /// What to open.
    pub source: InputSource,
}

/// What to open.
#[derive(Debug, Clone)]
pub enum InputSource {
    /// A stream of the media server on loopback, without credentials: `rtsp://127.0.0.1:8554/cam/1`.
    Live {
        /// Its address.
        url: String,
    },
    /// A camera at its own address, without the media server: `rtsp://…` or `rtmp://…`, with its password
    /// where it has one. FFmpeg is told the address through a pipe, so that it stands in no list of
    /// arguments; and nothing that it says of it is kept.
    Direct {
        /// Its address.
        address: Secret,
    },
    /// A video or a still picture (told apart by its first bytes).
    File {
        /// Where it is.
        path: PathBuf,
        /// Starts again at its end; otherwise its last picture stays.
        looping: bool,
        /// Where in the file time 0 of the shot is.
        start_at: Duration,
        /// How a picture of another shape fills the program.
        fit: Fit,
    },
    /// A picture that is already there, of the program's size.
    Still(Arc<Still>),
}

/// Why a source could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file, or it cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A still picture could not be decoded.
    #[error("the picture cannot be shown")]
    Image(#[from] ImageError),
    /// The given picture has another size than the program.
    #[error("the picture is {0}, the program {1}")]
    Size(Size, Size),
    /// The decoder could not be started.
    #[error("the decoder cannot be started")]
    Launch(#[from] LaunchError),
    /// The system has no thread to give.
    #[error("the reader cannot be started")]
    Thread(#[source] std::io::Error),
}

/// A source that is open. Dropping it ends its decoder.
#[derive(Debug)]
pub struct Input {
    shared: Arc<Shared>,
}

impl Input {
    /// Its counters, readable at any time.
    #[must_use]
    pub fn stats(&self) -> InputStats {
        self.shared.read()
    }

    /// Starts its decoder anew, for example because the stream has got a sound track since.
    pub fn restart(&self) {
        self.shared.restart.store(true, Ordering::Release);
        self.shared.wake();
    }

    /// Whether the running decoder found a sound track.
    #[must_use]
    pub fn has_sound(&self) -> bool {
        self.shared.has_sound.load(Ordering::Relaxed)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.wake();
    }
}

/// Opens a source. Blocks while a still picture is decoded; otherwise returns at once, and the
/// pictures come when they come.
///
/// # Errors
/// [`OpenError`]. A live source that does not answer, or a damaged video, is no error here: its
/// state says so and its decoder is tried again.
pub fn open(launcher: &Launcher, spec: InputSpec) -> Result<(Inlet, Input), OpenError> {
    match spec.source.clone() {
        InputSource::Still(still) => open_still(&spec, still),
        InputSource::File { path, fit, .. } => {
            let failed = |source| OpenError::File {
                path: path.clone(),
                source,
            };
            if image::is_image(&path).map_err(failed)? {
                let still = image::decode_still(launcher, &spec.ffmpeg, &path, spec.size, fit)?;
                return open_still(&spec, Arc::new(still));
            }
            decoder::start(launcher, spec)
        }
        InputSource::Live { .. } | InputSource::Direct { .. } => decoder::start(launcher, spec),
    }
}

fn open_still(spec: &InputSpec, still: Arc<Still>) -> Result<(Inlet, Input), OpenError> {
    if still.size != spec.size {
        return Err(OpenError::Size(still.size, spec.size));
    }
    let shared = Arc::new(Shared::default());
    shared.set_state(SourceState::Running);
    let data = Arc::try_unwrap(still).unwrap_or_else(|shared| (*shared).clone());
    let frame = Arc::new(FrameBuf {
        size: data.size,
        pts_ns: 0,
        arrived_ns: 0,
        data: data.data,
    });
    let inlet = Inlet::still(frame, shared.clone());
    Ok((inlet, Input { shared }))
}
