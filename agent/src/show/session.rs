//! One running program: its mixer, its inputs, its graphics.
//!
//! Owns everything that lives from *start preview* to *stop*. Opens inputs before they are due and
//! closes them when they have not been needed for a while. Where the program is sent is `owner`'s
//! business.

use super::board::{Board, Standing};
use super::cameras;
use super::director::{Order, Orders, ShowDirector, Taken};
use super::gallery::Gallery;
use super::inputs::{Need, needs};
use super::parts::Parts;
use super::{ShowError, Take, TakeTransition, fillers};
use ::program::{Ask, Bus};
use engine::input::{Inlet, Input, InputSource, InputSpec, SourceState};
use engine::mediamtx::PathName;
use engine::program::{AudioCodec, EncoderSpec, Output, Program, ProgramSpec};
use engine::trial::Trial;
use model::{
    AudioPolicy, CameraId, Director, FramePlan, FrameRate, InputHealth, InputId, Pattern, Profile,
    ProfileName, Shot, Size, Source, Still, Transition,
};
use runtime::Clock;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use timeline::{Rundown, Timeline};

/// How long before it is due a source is opened: connecting and a long group of pictures fit in.
const AHEAD_S: f64 = 8.0;
/// Looks without need after which an input is closed: about ten seconds.
const PATIENCE: u32 = 100;
/// After a source could not be opened, it is left alone for so many looks.
const PENALTY: u32 = 50;
/// How long the start waits for the first picture.
const FIRST_PICTURE: Duration = Duration::from_secs(3);
/// Between looks while waiting for something of an input.
const LOOK: Duration = Duration::from_millis(20);
/// An encoder without progress for so long is replaced.
pub(super) const STALL: Duration = Duration::from_secs(3);
/// Numbers of inputs for cameras that no cue names begin here.
const GUESTS: u32 = 1 << 20;
/// The number of the input that always has a picture.
const PATTERN: InputId = InputId(1 << 24);

/// An input that is open.
#[derive(Debug)]
pub(super) struct Open {
    need: Need,
    idle: u32,
    /// `None` when it could not be opened.
    input: Option<Input>,
    pub(super) source: Source,
    /// Where a camera is read.
    address: Option<String>,
}

impl Open {
    /// Its counters, where it could be opened.
    pub(super) fn stats(&self) -> Option<engine::input::InputStats> {
        self.input.as_ref().map(Input::stats)
    }
}

/// A running program.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) timeline: Timeline,
    pub(super) rundown: Arc<Rundown>,
    pub(super) profile_name: ProfileName,
    pub(super) profile: Profile,
    pub(super) trial: Trial,
    pub(super) program: Program,
    pub(super) gallery: Gallery,
    pub(super) open: BTreeMap<InputId, Open>,
    pub(super) started_ns: u64,
    pub(super) started_at: String,
    guests: BTreeMap<CameraId, InputId>,
    board: Arc<Board>,
    orders: Orders,
    ffmpeg: PathBuf,
    wanted: Vec<Need>,
    meter: Meter,
}

/// The program's bit rate, from what the media server received of it.
#[derive(Debug, Default)]
struct Meter {
    /// When the last count was made, and the count.
    last: Option<(u64, u64)>,
    kbps: u32,
}

impl Meter {
    /// Takes the count of a snapshot; those of one moment count once.
    fn take(&mut self, at_ns: u64, bytes: u64) {
        let Some((since, before)) = self.last else {
            self.last = Some((at_ns, bytes));
            return;
        };
        let ms = at_ns.saturating_sub(since) / 1_000_000;
        if ms >= 900 {
            // A new publisher counts from 0.
            let kbps = bytes.saturating_sub(before).saturating_mul(8) / ms;
            self.kbps = u32::try_from(kbps).unwrap_or(u32::MAX);
            self.last = Some((at_ns, bytes));
        }
    }
}

impl Session {
    /// Starts a program. Returns once the first picture is there, or after three seconds without.
    ///
    /// # Errors
    /// [`ShowError`]; nothing is left running then.
    pub(super) async fn start(
        parts: &Parts,
        timeline: Timeline,
        profile_name: ProfileName,
    ) -> Result<Self, ShowError> {
        let ffmpeg = parts.ffmpeg.clone().map_err(ShowError::NoFfmpeg)?;
        let rate = timeline.fps;
        let profile = stream::program_profile(profile_name, rate);
        let size = profile.size;
        let trial = choose(parts, &ffmpeg, profile).await?;
        let rundown = Arc::new(timeline::compile(&timeline, rate));
        let fallback = still(parts, Pattern::TechnicalDifficulties, size).await?;
        let board = Arc::new(Board::default());
        let sound = rundown
            .sources()
            .iter()
            .map(|one| sound(parts, &one.source))
            .collect();
        let (director, orders) = ShowDirector::new(
            Arc::clone(&rundown),
            rate,
            sound,
            PATTERN,
            Arc::clone(&board),
        );
        let spec = |source| InputSpec {
            ffmpeg: ffmpeg.clone(),
            size,
            rate,
            source,
        };
        let pattern = InputSource::Still(Arc::clone(&fallback));
        let (pattern_inlet, pattern_input) = open(parts, spec(pattern)).await?;
        let mut open_inputs = BTreeMap::new();
        let mut inlets = vec![(PATTERN, pattern_inlet)];
        let pattern_need = Need {
            input: PATTERN,
            source: usize::MAX,
            showing: 0,
        };
        let pattern_source = Source::Pattern(Pattern::TechnicalDifficulties);
        open_inputs.insert(
            PATTERN,
            opened(pattern_need, pattern_source, Some((pattern_input, None))),
        );
        let mut wanted = Vec::new();
        needs(
            &rundown,
            &Standing::default(),
            rate.frames_in(AHEAD_S),
            &mut wanted,
        );
        for need in &wanted {
            let Some(one) = rundown.sources().get(need.source) else {
                continue;
            };
            let found = open_source(parts, &one.source, size, &spec).await;
            let input = kept(found, &one.source).map(|(inlet, input, address)| {
                inlets.push((need.input, inlet));
                (input, address)
            });
            open_inputs.insert(need.input, opened(*need, one.source.clone(), input));
        }
        let path = PathName::program();
        let wanted_path = fillers::want(parts, &path, profile, trial.chosen);
        tokio::join!(first_picture(&rundown, &open_inputs), wanted_path);
        let encoder = EncoderSpec {
            profile,
            encoder: trial.chosen,
            outputs: outputs(parts),
            stall: STALL,
        };
        let spec = ProgramSpec {
            ffmpeg: ffmpeg.clone(),
            size,
            rate,
            fallback,
            encoder,
        };
        let program = Program::start(&parts.launcher, spec, inlets, Box::new(director));
        let program = match program {
            Ok(program) => program,
            Err(error) => {
                tracing::error!(error = %chain(&error), "The program does not start.");
                fillers::unwant(parts, &path).await;
                return Err(ShowError::NoEncoder(error.to_string()));
            }
        };
        let gallery = Gallery::new(parts.easel(ffmpeg.clone()), Arc::clone(&rundown), size);
        let mut session = Self {
            timeline,
            rundown,
            profile_name,
            profile,
            trial,
            program,
            gallery,
            open: open_inputs,
            started_ns: parts.clock.monotonic_ns(),
            started_at: crate::time::rfc3339(parts.clock.wall()),
            guests: BTreeMap::new(),
            board,
            orders,
            ffmpeg,
            wanted,
            meter: Meter::default(),
        };
        session.keep_graphics().await;
        Ok(session)
    }

    /// Where it stands.
    pub(super) fn standing(&self) -> Standing {
        self.board.read()
    }

    /// The program's rate.
    pub(super) fn rate(&self) -> FrameRate {
        self.rundown.rate()
    }

    /// Gives the director an order for the next frame.
    ///
    /// # Errors
    /// [`ShowError::Internal`] when the mixer takes none.
    pub(super) fn order(&self, order: Order) -> Result<(), ShowError> {
        self.orders
            .push(order)
            .map_err(|_| ShowError::Internal("reach the mixer"))
    }

    /// Opens what is due soon, closes what is not, and has graphics drawn. To be called ten times a
    /// second.
    pub(super) async fn keep(&mut self, parts: &Parts) {
        self.keep_inputs(parts).await;
        self.keep_graphics().await;
        let snapshots = parts.media.snapshots();
        let snapshot = snapshots.borrow();
        if let Some(path) = snapshot.path(&PathName::program()) {
            self.meter.take(snapshot.at_ns, path.inbound_bytes);
        }
    }

    /// The program's bit rate over the last second or so.
    pub(super) const fn kbps(&self) -> u32 {
        self.meter.kbps
    }

    async fn keep_graphics(&mut self) {
        let now = self.standing();
        let within = self.rate().frames_in(AHEAD_S);
        self.gallery.keep(&self.program, &now, within).await;
    }

    async fn keep_inputs(&mut self, parts: &Parts) {
        let now = self.standing();
        let mut wanted = std::mem::take(&mut self.wanted);
        needs(
            &self.rundown,
            &now,
            self.rate().frames_in(AHEAD_S),
            &mut wanted,
        );
        for need in &wanted {
            let known = self
                .open
                .get_mut(&need.input)
                .filter(|open| open.need == *need);
            if let Some(open) = known {
                // One that failed counts down to being tried again.
                open.idle = if open.input.is_some() {
                    0
                } else {
                    open.idle + 1
                };
                if open.input.is_some() || open.idle < PENALTY {
                    continue;
                }
            }
            if let Some(one) = self.rundown.sources().get(need.source) {
                self.open_input(parts, *need, one.source.clone()).await;
            }
        }
        let guests: Vec<InputId> = self.guests.values().copied().collect();
        let on_air = now.on_air.map(InputId);
        let spared = |id: &InputId| {
            *id == PATTERN || Some(*id) == on_air || wanted.iter().any(|need| need.input == *id)
        };
        for (id, open) in &mut self.open {
            open.idle = if spared(id) && open.input.is_some() {
                0
            } else {
                open.idle + 1
            };
        }
        let old: Vec<InputId> = self
            .open
            .iter()
            .filter(|(id, open)| open.idle > PATIENCE && !spared(id))
            .map(|(id, _)| *id)
            .collect();
        for id in old {
            self.close(id);
            if guests.contains(&id) {
                self.guests.retain(|_, guest| *guest != id);
            }
        }
        self.wanted = wanted;
        self.late_sound(parts, &now);
        self.follow_codecs(parts).await;
    }

    /// A camera that got a sound track after its decoder was started is opened again, when that is
    /// not seen.
    fn late_sound(&self, parts: &Parts, now: &Standing) {
        let snapshots = parts.media.snapshots();
        let snapshot = snapshots.borrow();
        for (id, open) in &self.open {
            let (Source::Camera(camera), Some(input)) = (&open.source, &open.input) else {
                continue;
            };
            let stats = input.stats();
            let settled = stats.state == SourceState::Running && stats.frames_in > 60;
            if !settled || input.has_sound() || now.on_air == Some(id.0) {
                continue;
            }
            let path = snapshot.path(&PathName::camera(camera));
            let sounds =
                path.is_some_and(|path| path.tracks.iter().any(|track| track.video.is_none()));
            if sounds && stats.restarts == 0 {
                tracing::info!(%camera, "The camera has sound now; its decoder is started again.");
                input.restart();
            }
        }
    }

    /// A camera whose codecs became others than those it was opened for is opened anew.
    async fn follow_codecs(&mut self, parts: &Parts) {
        let moved = self.open.values().filter_map(|open| {
            let (Source::Camera(id), Some(address)) = (&open.source, &open.address) else {
                return None;
            };
            let lost = open.stats()?.state == SourceState::Waiting;
            (lost && cameras::address(&parts.media, id) != *address)
                .then(|| (open.need, open.source.clone()))
        });
        for (need, source) in moved.collect::<Vec<_>>() {
            self.open_input(parts, need, source).await;
        }
    }

    async fn open_input(&mut self, parts: &Parts, need: Need, source: Source) {
        let spec = |found| self.spec(found);
        let found = open_source(parts, &source, self.profile.size, &spec).await;
        let input = kept(found, &source).and_then(|(inlet, input, address)| {
            let attached = self.program.attach(need.input, inlet);
            let attached = attached.inspect_err(
                |error| tracing::warn!(%error, ?source, "A source does not reach the mixer."),
            );
            attached.is_ok().then_some((input, address))
        });
        self.open.insert(need.input, opened(need, source, input));
    }

    fn spec(&self, source: InputSource) -> InputSpec {
        InputSpec {
            ffmpeg: self.ffmpeg.clone(),
            size: self.profile.size,
            rate: self.rate(),
            source,
        }
    }

    fn close(&mut self, id: InputId) {
        if self
            .open
            .remove(&id)
            .is_some_and(|open| open.input.is_some())
            && let Err(error) = self.program.detach(id)
        {
            tracing::debug!(%error, "An input stays with the mixer.");
        }
    }

    /// Sees to it that a camera's input is open, and gives its number.
    pub(super) async fn guest(&mut self, parts: &Parts, camera: &CameraId) -> InputId {
        let source = Source::Camera(camera.clone());
        let known = self
            .open
            .iter_mut()
            .find(|(_, open)| open.source == source && open.input.is_some());
        if let Some((id, open)) = known {
            open.idle = 0;
            return *id;
        }
        let next = GUESTS + u32::try_from(self.guests.len()).unwrap_or(0);
        let id = *self.guests.entry(camera.clone()).or_insert(InputId(next));
        let need = Need {
            input: id,
            source: usize::MAX,
            showing: 0,
        };
        self.open_input(parts, need, source).await;
        id
    }

    /// Whether an input has delivered a picture within the last half second.
    pub(super) fn delivers(&self, parts: &Parts, id: InputId) -> bool {
        let stats = self.open.get(&id).and_then(Open::stats);
        let now = parts.clock.monotonic_ns();
        stats.is_some_and(|stats| {
            let last = u64::try_from(stats.last_frame_ns).unwrap_or(0);
            stats.frames_in > 0 && now.saturating_sub(last) < 500_000_000
        })
    }

    /// Puts a camera on program until the next video cue.
    ///
    /// # Errors
    /// [`ShowError::Internal`] when the mixer takes no order.
    pub(super) fn take(&self, parts: &Parts, id: InputId, take: &Take) -> Result<(), ShowError> {
        let kind = match take.transition {
            TakeTransition::Cut => None,
            TakeTransition::Fade => Some(Transition::Mix),
            TakeTransition::Wipe => Some(Transition::Wipe),
        };
        let frames = self.rate().frames_in(take.seconds);
        let source = Source::Camera(take.camera.clone());
        self.order(Order::Take(Taken {
            take: ::program::Take {
                shot: Shot {
                    input: id,
                    origin: None,
                },
                audio: sound(parts, &source),
                live: true,
            },
            transition: kind
                .map(|kind| (kind, frames))
                .filter(|(_, frames)| *frames > 0),
        }))
    }

    /// Ends the program. Its children are gone when this returns.
    pub(super) async fn stop(self, parts: &Parts) {
        let Self { program, open, .. } = self;
        let ended = tokio::task::spawn_blocking(move || {
            program.stop();
            drop(open);
        });
        if let Err(error) = ended.await {
            tracing::error!(%error, "The program did not end in order.");
        }
        fillers::unwant(parts, &PathName::program()).await;
    }
}

fn opened(need: Need, source: Source, input: Option<(Input, Option<String>)>) -> Open {
    let (input, address) = input.map_or((None, None), |(input, address)| (Some(input), address));
    Open {
        need,
        idle: 0,
        input,
        source,
        address,
    }
}

/// The paths that the main encode is published to.
fn outputs(parts: &Parts) -> Vec<Output> {
    let to = |path: PathName, audio| Output {
        url: parts.media.rtsp_url(&path),
        audio,
    };
    vec![
        to(PathName::program(), AudioCodec::Aac),
        to(PathName::program_rtc(), AudioCodec::Opus),
        to(PathName::preview(), AudioCodec::Aac),
        to(PathName::preview_stream(), AudioCodec::Aac),
    ]
}

pub(super) async fn choose(
    parts: &Parts,
    ffmpeg: &std::path::Path,
    profile: Profile,
) -> Result<Trial, ShowError> {
    let (encoders, launcher, ffmpeg) = (
        parts.encoders.clone(),
        parts.launcher.clone(),
        ffmpeg.to_owned(),
    );
    let trial = tokio::task::spawn_blocking(move || encoders.choose(&launcher, &ffmpeg, &profile));
    let trial = trial
        .await
        .map_err(|_| ShowError::Internal("try the encoders"))?;
    trial.map_err(|error| ShowError::NoEncoder(error.to_string()))
}

/// The policy for a source's sound where its cue says nothing.
fn sound(parts: &Parts, source: &Source) -> AudioPolicy {
    match source {
        Source::Camera(id) => parts
            .camera(id)
            .map(|camera| camera.audio)
            .unwrap_or_default(),
        Source::Media { .. } => AudioPolicy::Passthrough,
        Source::Pattern(_) | Source::Colour(_) => AudioPolicy::Silence,
    }
}

/// Where the engine finds what a source shows.
async fn source_of(parts: &Parts, source: &Source, size: Size) -> Result<InputSource, ShowError> {
    Ok(match source {
        Source::Camera(id) => InputSource::Live {
            url: cameras::settled_address(&parts.media, id).await,
        },
        Source::Media {
            asset,
            looping,
            fit,
        } => {
            let missing = |_| ShowError::AssetMissing(asset.as_str().to_owned());
            InputSource::File {
                path: parts.assets.resolve(asset).map_err(missing)?,
                looping: *looping,
                start_at: Duration::ZERO,
                fit: *fit,
            }
        }
        Source::Pattern(pattern) => InputSource::Still(still(parts, *pattern, size).await?),
        Source::Colour(colour) => InputSource::Still(Arc::new(parts.studio.colour(*colour, size))),
    })
}

async fn still(parts: &Parts, pattern: Pattern, size: Size) -> Result<Arc<Still>, ShowError> {
    let studio = Arc::clone(&parts.studio);
    let drawn = tokio::task::spawn_blocking(move || studio.pattern(pattern, size)).await;
    drawn
        .map(Arc::new)
        .map_err(|_| ShowError::Internal("draw a pattern"))
}

/// Opens what a source shows; for a camera it tells where it is read.
async fn open_source(
    parts: &Parts,
    source: &Source,
    size: Size,
    spec: &impl Fn(InputSource) -> InputSpec,
) -> Result<(Inlet, Input, Option<String>), ShowError> {
    let found = source_of(parts, source, size).await?;
    let address = match &found {
        InputSource::Live { url } => Some(url.clone()),
        InputSource::File { .. } | InputSource::Still(_) => None,
    };
    let (inlet, input) = open(parts, spec(found)).await?;
    Ok((inlet, input, address))
}

async fn open(parts: &Parts, spec: InputSpec) -> Result<(Inlet, Input), ShowError> {
    let launcher = parts.launcher.clone();
    let opened = tokio::task::spawn_blocking(move || engine::input::open(&launcher, spec)).await;
    let opened = opened.map_err(|_| ShowError::Internal("open a source"))?;
    opened.map_err(|error| {
        tracing::debug!(error = %chain(&error), "A source cannot be opened.");
        ShowError::Overlay(chain(&error))
    })
}

/// Logs a source that cannot be opened: the show goes on without it.
fn kept<T>(opened: Result<T, ShowError>, source: &Source) -> Option<T> {
    opened
        .inspect_err(|error| tracing::warn!(%error, ?source, "A source cannot be shown."))
        .ok()
}

/// Waits until the first cue's source delivers, at most [`FIRST_PICTURE`].
async fn first_picture(rundown: &Rundown, open: &BTreeMap<InputId, Open>) {
    let first = rundown
        .video()
        .first()
        .filter(|cue| cue.start == 0)
        .map(|cue| cue.source);
    let input = open.values().find(|open| Some(open.need.source) == first);
    let Some(input) = input.and_then(|open| open.input.as_ref()) else {
        return;
    };
    let there = async {
        loop {
            if !matches!(
                input.stats().state,
                SourceState::Connecting | SourceState::Waiting
            ) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    // Without a picture the show begins all the same, with the pattern.
    let _late = tokio::time::timeout(FIRST_PICTURE, there).await;
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A program of one camera alone, published to `path` with AAC.
///
/// # Errors
/// [`ShowError`]; nothing is left running then.
pub(super) async fn one_camera(
    parts: &Parts,
    camera: &CameraId,
    trial: &Trial,
    profile: Profile,
    path: &PathName,
) -> Result<(Program, Input), ShowError> {
    let ffmpeg = parts.ffmpeg.clone().map_err(ShowError::NoFfmpeg)?;
    let (size, rate) = (profile.size, profile.rate);
    let fallback = still(parts, Pattern::TechnicalDifficulties, size).await?;
    let spec = |source| InputSpec {
        ffmpeg: ffmpeg.clone(),
        size,
        rate,
        source,
    };
    let source = Source::Camera(camera.clone());
    let live = source_of(parts, &source, size).await?;
    let (inlet, input) = open(parts, spec(live)).await?;
    let (pattern, _shown_for_ever) =
        open(parts, spec(InputSource::Still(Arc::clone(&fallback)))).await?;
    let ask = Ask::only(::program::Take {
        shot: Shot {
            input: InputId(0),
            origin: None,
        },
        audio: sound(parts, &source),
        live: true,
    });
    let director = OneSource {
        bus: Bus::new(rate, PATTERN),
        ask,
    };
    let encoder = EncoderSpec {
        profile,
        encoder: trial.chosen,
        outputs: vec![Output {
            url: parts.media.rtsp_url(path),
            audio: AudioCodec::Aac,
        }],
        stall: STALL,
    };
    let spec = ProgramSpec {
        ffmpeg,
        size,
        rate,
        fallback,
        encoder,
    };
    let inlets = vec![(InputId(0), inlet), (PATTERN, pattern)];
    let program = Program::start(&parts.launcher, spec, inlets, Box::new(director));
    let program = program.map_err(|error| ShowError::NoEncoder(chain(&error)))?;
    Ok((program, input))
}

/// Directs a program of one source.
struct OneSource {
    bus: Bus,
    ask: Ask,
}

impl Director for OneSource {
    fn plan(&mut self, n: u64, inputs: &dyn InputHealth) -> FramePlan {
        self.bus.plan(n, &self.ask, inputs)
    }
}
