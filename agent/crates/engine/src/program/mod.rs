//! The running program: a mixer thread on the program clock and the encoders that it feeds.
//!
//! Owns the clock, the mixing and the encoder children. Never decides what is shown: a
//! [`model::Director`] is asked for each frame. The mixer thread neither allocates, nor locks, nor
//! waits for anything but time; commands reach it through a lock-free queue, and what it no longer
//! needs is dropped elsewhere. An encoder that hangs or dies is replaced while the mixer runs on.

mod args;
mod encoder;
mod mixer;
mod slot;
mod stats;
mod timing;

pub use stats::{EncoderStats, ProgramStats};

use crate::input::Inlet;
use crate::process::{LaunchError, Launcher};
use crate::trial::Chosen;
use model::{Director, FrameRate, InputId, Profile, Raster, RasterId, Size, Still};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Sound codec of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC-LC at the profile's bit rate.
    Aac,
    /// Opus at 128 kb/s, for WebRTC.
    Opus,
}

/// Where an encoder publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// A path of the media server on loopback, without credentials: `rtsp://127.0.0.1:8554/program`.
    pub url: String,
    /// Its sound.
    pub audio: AudioCodec,
}

/// One encode of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderSpec {
    /// Bit rates, size and key frames. Its rate is ignored in favour of the program's.
    pub profile: Profile,
    /// What encodes, from [`crate::trial::choose`].
    pub encoder: Chosen,
    /// Where it goes; all from this one encode. At least one.
    pub outputs: Vec<Output>,
    /// Without progress for so long, the encoder is killed and replaced.
    pub stall: Duration,
}

/// The program to be started.
#[derive(Debug, Clone)]
pub struct ProgramSpec {
    /// FFmpeg's program.
    pub ffmpeg: PathBuf,
    /// Size of everything that is mixed.
    pub size: Size,
    /// The program's rate.
    pub rate: FrameRate,
    /// Shown when the planned input has no picture at all. Of the program's size.
    pub fallback: Arc<Still>,
    /// The main encode.
    pub encoder: EncoderSpec,
}

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The fallback picture has another size than the program.
    #[error("the fallback picture is {0}, the program {1}")]
    Size(Size, Size),
    /// An encoder without outputs, or more encoders than [`MAX_ENCODERS`].
    #[error("an encoder needs 1 to {MAX_OUTPUTS} outputs, a program 1 to {MAX_ENCODERS} encoders")]
    Outputs,
    /// FFmpeg could not be started.
    #[error("the encoder cannot be started")]
    Launch(#[from] LaunchError),
    /// The system has no thread to give.
    #[error("the mixer cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Most encoders of one program.
pub const MAX_ENCODERS: usize = 4;
/// Most outputs of one encoder.
pub const MAX_OUTPUTS: usize = 8;
/// Most inputs that can be attached at a time.
pub const MAX_INPUTS: usize = 64;
/// Most graphics that can be held at a time.
pub const MAX_RASTERS: usize = 256;

/// A name for one encode of a running program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EncoderId(pub(crate) u32);

/// The mixer cannot take more at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// As many as possible are there already.
    #[error("the mixer holds as many as it can")]
    Full,
    /// The mixer has not taken the commands before this one: it has ended or hangs.
    #[error("the mixer does not answer")]
    Busy,
}

/// A running program. Dropping it stops it, as [`Program::stop`] does.
#[derive(Debug)]
pub struct Program {
    launcher: Launcher,
    spec: ProgramSpec,
    line: Arc<mixer::Line>,
    held: Mutex<Held>,
    encoders: Mutex<Vec<encoder::Encoder>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// What the mixer holds or is about to, by the commands it was given.
#[derive(Debug, Default)]
struct Held {
    inputs: BTreeSet<InputId>,
    rasters: BTreeSet<RasterId>,
    next_encoder: u32,
}

impl Program {
    /// Starts the mixer and its main encoder. `inlets` are there from the first frame on.
    ///
    /// # Errors
    /// [`StartError`]. An encoder that dies is no error: it is replaced, and the statistics say so.
    pub fn start(
        launcher: &Launcher,
        spec: ProgramSpec,
        inlets: Vec<(InputId, Inlet)>,
        director: Box<dyn Director>,
    ) -> Result<Self, StartError>;

    /// Gives the mixer a source; one of the same number is replaced.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn attach(&self, id: InputId, inlet: Inlet) -> Result<(), CommandError>;

    /// Takes a source away from the mixer.
    ///
    /// # Errors
    /// [`CommandError::Busy`].
    pub fn detach(&self, id: InputId) -> Result<(), CommandError>;

    /// Gives the mixer a graphic, or replaces the one of the same number.
    pub fn put_raster(&self, id: RasterId, raster: Arc<Raster>) -> Result<(), CommandError>;

    /// Takes a graphic away from the mixer.
    pub fn drop_raster(&self, id: RasterId) -> Result<(), CommandError>;

    /// Adds an encode of another profile.
    pub fn add_encoder(&self, spec: EncoderSpec) -> Result<EncoderId, StartError>;

    /// Ends an encode that was added. The main one is number 0 and ends with the program.
    pub fn remove_encoder(&self, id: EncoderId);

    /// The frame that was planned last; `None` before the first.
    pub fn frame(&self) -> Option<u64>;

    /// When frame `n` is due, [`runtime::SystemClock`] nanoseconds.
    pub fn due_ns(&self, n: u64) -> u64;

    /// Its counters, readable at any time.
    pub fn stats(&self) -> ProgramStats;

    /// Ends the mixer and its encoders. Blocks for at most a second or so.
    pub fn stop(self);
}
