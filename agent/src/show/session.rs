//! One running program: its mixer, its inputs, its graphics.
//!
//! Owns everything that lives from *start preview* to *stop*. Opens inputs before they are due and
//! closes them when they have not been needed for a while. Where the program is sent is `owner`'s
//! business.

use super::board::{Board, Standing};
use super::cameras;
use super::director::{Order, Orders, ShowDirector, Taken};
use super::encoding::{Meter, STALL, choose, outputs};
use super::gallery::Gallery;
use super::inputs::{Need, needs};
use super::opening::{Open, chain, first_picture, kept, open, open_source, opened, sound, still};
use super::parts::Parts;
use super::{ShowError, Take, TakeTransition, fillers};
use engine::input::{InputSource, InputSpec, SourceState};
use engine::mediamtx::PathName;
use engine::program::{EncoderSpec, Program, ProgramSpec};
use engine::trial::Trial;
use model::{
    CameraId, FrameRate, InputId, Pattern, Profile, ProfileName, Shot, Source, Transition,
};
use runtime::Clock;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use timeline::{Rundown, Timeline};

/// How long before it is due a source is opened: connecting and a long group of pictures fit in.
const AHEAD_S: f64 = 8.0;
/// Looks without need after which an input is closed: about ten seconds.
const PATIENCE: u32 = 100;
/// After a source could not be opened, it is left alone for so many looks.
const PENALTY: u32 = 50;
/// Numbers of inputs for cameras that no cue names begin here.
const GUESTS: u32 = 1 << 20;
/// The number of the input that always has a picture.
const PATTERN: InputId = InputId(1 << 24);

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
