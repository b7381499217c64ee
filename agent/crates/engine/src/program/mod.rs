//! The running program: a mixer thread on the program clock and the encoders that it feeds.
//!
//! Owns the clock, the mixing and the encoder children. Never decides what is shown: a
//! [`model::Director`] is asked for each frame. The mixer thread neither allocates, nor locks, nor
//! waits for anything but time; commands reach it through a lock-free queue, and what it no longer
//! needs is dropped elsewhere. An encoder that hangs or dies is replaced while the mixer runs on.

pub(crate) mod args;
mod economy;
mod encoder;
mod feed;
mod mixer;
mod patience;
mod priority;
mod run;
mod slot;
mod sound;
mod splice;
mod stall;
mod stats;

pub use crate::publish::PublisherStats;
pub(crate) use stats::Times;
pub use stats::{EncoderStats, ProgramStats};

use self::encoder::Encoder;
use self::mixer::{Command, Line, Mixer};
use self::slot::Slot;
use crate::input::Inlet;
use crate::mediamtx::Door;
use crate::process::{LaunchError, Launcher};
use crate::relay::Tap;
use crate::trial::Chosen;
use model::{Director, FrameRate, InputId, Profile, Raster, RasterId, Size, Still};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
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
    /// Where the same packets can be had without the media server.
    pub tap: Tap,
    /// Whether the media server is there to be published to.
    pub door: Door,
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
    /// More inputs than [`MAX_INPUTS`].
    #[error("a program has at most {MAX_INPUTS} inputs")]
    Inputs,
    /// FFmpeg could not be started.
    #[error("the encoder cannot be started")]
    Launch(#[from] LaunchError),
    /// The system has no thread to give.
    #[error("the mixer cannot be started")]
    Thread(#[source] std::io::Error),
    /// The mixer does not answer.
    #[error("the mixer does not answer")]
    Busy,
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

impl EncoderId {
    /// The encode that a program is started with.
    pub const MAIN: Self = Self(0);
}

/// Why a bit rate is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BitrateError {
    /// There is no such encode.
    #[error("the program has no such encode")]
    Unknown,
    /// No encoder does that.
    #[error("an encoder makes 50 to 200,000 kilobits a second, not {0}")]
    OutOfRange(u32),
}

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
    line: Arc<Line>,
    held: Mutex<Held>,
    encoders: Mutex<Vec<Encoder>>,
    mixer: Option<JoinHandle<()>>,
}

/// What the mixer holds or is about to, by the commands it was given.
#[derive(Debug, Default)]
struct Held {
    inputs: BTreeSet<InputId>,
    rasters: BTreeSet<RasterId>,
    encoders: u32,
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
    ) -> Result<Self, StartError> {
        if spec.fallback.size != spec.size {
            return Err(StartError::Size(spec.fallback.size, spec.size));
        }
        let line = Arc::new(Line::default());
        let mut program = Self {
            launcher: launcher.clone(),
            line: line.clone(),
            held: Mutex::default(),
            encoders: Mutex::default(),
            mixer: None,
            spec,
        };
        let mixer = Mixer::new(&program.spec, line, director);
        program.add_encoder(program.spec.encoder.clone())?;
        for (id, inlet) in inlets {
            // The queue is empty and has room for as many inputs as there may be.
            program.attach(id, inlet).map_err(|_| StartError::Inputs)?;
        }
        let thread = std::thread::Builder::new().name("mixer".to_owned());
        let thread = thread
            .spawn(move || mixer.run())
            .map_err(StartError::Thread)?;
        program.mixer = Some(thread);
        Ok(program)
    }

    /// Gives the mixer a source; one of the same number is replaced.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn attach(&self, id: InputId, inlet: Inlet) -> Result<(), CommandError> {
        let mut held = self.held();
        if held.inputs.len() >= MAX_INPUTS && !held.inputs.contains(&id) {
            return Err(CommandError::Full);
        }
        let slot = Box::new(Slot::new(id, inlet, self.spec.rate));
        self.line.send(Command::Attach(slot))?;
        held.inputs.insert(id);
        Ok(())
    }

    /// Takes a source away from the mixer. Unknown numbers are no fault.
    ///
    /// # Errors
    /// [`CommandError::Busy`].
    pub fn detach(&self, id: InputId) -> Result<(), CommandError> {
        let mut held = self.held();
        self.line.send(Command::Detach(id))?;
        held.inputs.remove(&id);
        Ok(())
    }

    /// Gives the mixer a graphic, or replaces the one of the same number.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn put_raster(&self, id: RasterId, raster: Arc<Raster>) -> Result<(), CommandError> {
        let mut held = self.held();
        if held.rasters.len() >= MAX_RASTERS && !held.rasters.contains(&id) {
            return Err(CommandError::Full);
        }
        self.line.send(Command::PutRaster(id, raster))?;
        held.rasters.insert(id);
        Ok(())
    }

    /// Takes a graphic away from the mixer. Unknown numbers are no fault.
    ///
    /// # Errors
    /// [`CommandError::Busy`].
    pub fn drop_raster(&self, id: RasterId) -> Result<(), CommandError> {
        let mut held = self.held();
        self.line.send(Command::DropRaster(id))?;
        held.rasters.remove(&id);
        Ok(())
    }

    /// Spares the encoders work: they get one of `every` frames, 1 being all of them. The others are left
    /// out, at the times that they would have had. Sizes stay what they are, and so does the frame of
    /// a cut, which is never left out.
    ///
    /// # Errors
    /// [`CommandError::Busy`].
    pub fn spare(&self, every: u32) -> Result<(), CommandError> {
        self.line.send(Command::Spare(every))
    }

    /// Adds an encode of another profile; the main one was added first and has number 0.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn add_encoder(&self, spec: EncoderSpec) -> Result<EncoderId, StartError> {
        let mut encoders = self.encoders();
        let outputs = (1..=MAX_OUTPUTS).contains(&spec.outputs.len());
        if !outputs || encoders.len() >= MAX_ENCODERS {
            return Err(StartError::Outputs);
        }
        let mut held = self.held();
        let id = EncoderId(held.encoders);
        let line = self.line.clone();
        let encoder = Encoder::start(&self.launcher, &self.spec, spec, id, line)?;
        held.encoders += 1;
        encoders.push(encoder);
        Ok(id)
    }

    /// Ends an encode that was added. The main one ends with the program. Blocks for up to a second.
    pub fn remove_encoder(&self, id: EncoderId) {
        let mut encoders = self.encoders();
        let place = encoders.iter().position(|e| e.id == id && id.0 != 0);
        let encoder = place.map(|place| encoders.remove(place));
        drop(encoders);
        drop(encoder);
    }

    /// Asks an encode for another video bit rate, in kilobits a second. Returns at once; a second run
    /// of the encoder is fed the same frames and takes over at a key frame, after two or three
    /// seconds. Size, parameter sets and connections stay what they are, no frame is lost or shown
    /// twice, and [`EncoderStats::kbps`] says when it is done. The last call counts.
    ///
    /// # Errors
    /// [`BitrateError`].
    pub fn set_bitrate(&self, id: EncoderId, kbps: u32) -> Result<(), BitrateError> {
        let encoders = self.encoders();
        let encoder = encoders.iter().find(|encoder| encoder.id == id);
        encoder.ok_or(BitrateError::Unknown)?.set_bitrate(kbps)
    }

    /// The frame that was planned last; `None` before the first.
    #[must_use]
    pub fn frame(&self) -> Option<u64> {
        self.line
            .meter
            .frames
            .load(Ordering::Acquire)
            .checked_sub(1)
    }

    /// When frame `n` is due, [`runtime::SystemClock`] nanoseconds; `None` before the mixer has begun.
    #[must_use]
    pub fn due_ns(&self, n: u64) -> Option<u64> {
        let zero = self.line.zero_ns.load(Ordering::Acquire);
        let after = u64::try_from(self.spec.rate.time_of(n).as_nanos()).ok()?;
        (zero > 0).then(|| zero.saturating_add(after))
    }

    /// Its counters, readable at any time.
    #[must_use]
    pub fn stats(&self) -> ProgramStats {
        let meter = &self.line.meter;
        ProgramStats {
            frames: meter.frames.load(Ordering::Relaxed),
            late_repeats: meter.late_repeats.load(Ordering::Relaxed),
            spared: meter.spared.load(Ordering::Relaxed),
            worst_late_us: meter.worst_late_us.load(Ordering::Relaxed),
            mix_p50_us: meter.mix.quantile(0.5),
            mix_p99_us: meter.mix.quantile(0.99),
            hand_p50_us: meter.hand.quantile(0.5),
            missing: meter.missing.load(Ordering::Relaxed),
            encoders: self.encoders().iter().map(Encoder::stats).collect(),
        }
    }

    /// Ends the mixer and its encoders. Blocks for up to a second.
    pub fn stop(self) {
        drop(self);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encoders(&self) -> MutexGuard<'_, Vec<Encoder>> {
        self.encoders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.line.stop.store(true, Ordering::Release);
        if let Some(mixer) = self.mixer.take() {
            let _panicked = mixer.join();
        }
        self.encoders().clear();
        self.line.bury();
    }
}
