//! One running program: its mixer, its inputs, its graphics.
//!
//! Owns everything that lives from *start preview* to *stop*. Which inputs are open is `sources`'
//! business, where the program is sent is `owner`'s.

use super::board::{Board, Standing};
use super::director::{Order, Orders, ShowDirector, Taken};
use super::encoding::{Meter, STALL, choose, outputs};
use super::gallery::Gallery;
use super::opening::{Open, sound, still};
use super::parts::Parts;
use super::resume::{Anchor, Moment};
use super::sources::{AHEAD_S, Format, Sources};
use super::{ShowError, Take, TakeTransition, fillers, notices};
use engine::mediamtx::PathName;
use engine::program::{EncoderSpec, Program, ProgramSpec};
use engine::trial::Trial;
use model::{
    CameraId, FrameRate, InputId, Pattern, Profile, ProfileName, Shot, Source, Transition,
};
use runtime::{Clock, chain};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use timeline::{Rundown, Timeline};
use tokio::time::{sleep, timeout};

/// How long an order waits to be carried out by the mixer. That takes some frames; only a mixer that hangs
/// takes longer than this.
const OBEYED: Duration = Duration::from_secs(1);

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
    pub(super) sources: Sources,
    pub(super) started_ns: u64,
    pub(super) started_at: String,
    board: Arc<Board>,
    orders: Orders,
    /// Orders that were given so far.
    ordered: AtomicU64,
    meter: Meter,
    /// Which run of the media server was seen last.
    boot: u64,
}

impl Session {
    /// Starts a program, at its beginning or where its clock is by now. Returns once the first picture
    /// is there, or after three seconds without.
    ///
    /// # Errors
    /// [`ShowError`]; nothing is left running then.
    pub(super) async fn start(
        parts: &Parts,
        timeline: Timeline,
        profile_name: ProfileName,
        anchor: Option<&Anchor>,
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
        let format = Format {
            ffmpeg: ffmpeg.clone(),
            size,
            rate,
        };
        let place = || {
            let now = Moment::now(&parts.clock);
            anchor.map(|anchor| anchor.position(&rundown, &now))
        };
        let begin = Standing {
            at: place().unwrap_or_default(),
            ..Standing::default()
        };
        let path = PathName::program();
        let wanted_path = fillers::want(parts, &path, profile, trial.chosen);
        let opening = Sources::start(parts, &rundown, format, &fallback, &begin);
        let (opening, ()) = tokio::join!(opening, wanted_path);
        let (sources, inlets) = match opening {
            Ok(opening) => opening,
            Err(error) => {
                fillers::unwant(parts, &path).await;
                return Err(error);
            }
        };
        let (director, orders) = ShowDirector::new(
            Arc::clone(&rundown),
            sound,
            sources.pattern,
            sources.roster.standins(),
            Arc::clone(&board),
        );
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
        let held = anchor.is_some_and(|anchor| anchor.paused);
        let first = place().map(Order::Place).into_iter();
        let mut ordered = 0;
        for order in first.chain(held.then_some(Order::Pause)) {
            // There is room: nobody else has the queue yet.
            if orders.push(order).is_ok() {
                ordered += 1;
            }
        }
        let program = Program::start(&parts.launcher, spec, inlets, Box::new(director));
        let program = match program {
            Ok(program) => program,
            Err(error) => {
                tracing::error!(error = %chain(&error), "The program does not start.");
                fillers::unwant(parts, &path).await;
                return Err(ShowError::NoEncoder(error.to_string()));
            }
        };
        notices::hang(&parts.studio, &program, size).await;
        let gallery = Gallery::new(parts.easel(ffmpeg), Arc::clone(&rundown), size);
        let mut session = Self {
            timeline,
            rundown,
            profile_name,
            profile,
            trial,
            program,
            gallery,
            sources,
            started_ns: parts.clock.monotonic_ns(),
            started_at: crate::time::rfc3339(parts.clock.wall()),
            board,
            orders,
            ordered: AtomicU64::new(ordered),
            meter: Meter::default(),
            boot: parts.media.snapshots().borrow().boot,
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
            .map_err(|_| ShowError::Internal("reach the mixer"))?;
        self.ordered.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until the orders given so far are carried out, so that the next look at the show finds
    /// what they did; not longer than some frames.
    pub(super) async fn obeyed(&self) {
        let given = self.ordered.load(Ordering::Relaxed);
        let done = async {
            while self.standing().obeyed < given {
                sleep(Duration::from_millis(5)).await;
            }
        };
        // A mixer that hangs is told of elsewhere.
        let _hung = timeout(OBEYED, done).await;
    }

    /// Takes over the cameras' settings as they are now.
    pub(super) fn follow_cameras(&mut self, parts: &Parts) {
        self.sources.roster.follow(parts);
    }

    /// Opens what is due soon, closes what is not, and has graphics drawn. To be called ten times a
    /// second.
    pub(super) async fn keep(&mut self, parts: &Parts) {
        let now = self.standing();
        self.sources
            .keep(parts, &self.rundown, &self.program, &now)
            .await;
        self.keep_graphics().await;
        let snapshots = parts.media.snapshots();
        let snapshot = snapshots.borrow();
        if let Some(path) = snapshot.path(&PathName::program()) {
            self.meter.take(snapshot.at_ns, path.inbound_bytes);
        }
        if snapshot.boot != self.boot {
            self.boot = snapshot.boot;
            if let Err(error) = self.order(Order::Excuse) {
                tracing::warn!(%error, "Cameras return later than they could.");
            }
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

    /// Whether the machine can carry the decoding of a camera, where it is not decoded already.
    ///
    /// # Errors
    /// [`ShowError::Overload`].
    pub(super) fn admit_guest(&self, parts: &Parts, camera: &CameraId) -> Result<(), ShowError> {
        let source = Source::Camera(camera.clone());
        let mut open = self.sources.iter();
        if open.any(|open| open.source == source && open.input.is_some()) {
            return Ok(());
        }
        let decoders = self.sources.iter().filter_map(Open::stats);
        let pids: Vec<u32> = decoders.map(|stats| stats.decoder_pid).collect();
        parts.admission.decode(&pids)
    }

    /// Sees to it that a camera's input is open, and gives its number.
    ///
    /// # Errors
    /// [`ShowError::Internal`] when there are too many cameras.
    pub(super) async fn guest(
        &mut self,
        parts: &Parts,
        camera: &CameraId,
    ) -> Result<InputId, ShowError> {
        let guest = self.sources.guest(parts, &self.program, camera).await;
        guest.ok_or(ShowError::Internal("open one more camera"))
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
        let Self {
            program, sources, ..
        } = self;
        let ended = tokio::task::spawn_blocking(move || {
            program.stop();
            drop(sources);
        });
        if let Err(error) = ended.await {
            tracing::error!(%error, "The program did not end in order.");
        }
        fillers::unwant(parts, &PathName::program()).await;
    }
}
