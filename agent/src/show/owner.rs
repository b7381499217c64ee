//! The task that owns the show: it answers every question, one after the other.
//!
//! Owns the mode (idle, preview, live), the running session and the connections to destinations.
//! Nobody else changes any of them. Neighbours: `session` runs the program, `egress` a destination.

use super::admission::Claim;
use super::cameras::Cameras;
use super::degraded::Keeper;
use super::director::Order;
use super::handle::Answer;
use super::memory::Recalled;
use super::parts::Parts;
use super::resuming::Recollection;
use super::sending::Sending;
use super::session::Session;
use super::straight::Straight;
use super::{Inbox, OverlayEdit, Request, ShowError, Take, report};
use crate::outage::Outage;
use model::{CueId, DestinationId, Graphic, InputId, ProfileName, TimelineId};
use runtime::{CancellationToken, Clock};
use std::sync::Arc;
use std::time::Duration;
use stream::{Candidate, GoLiveError, Mode, Router};
use timeline::{Rundown, Timeline};

/// Between two looks at inputs, graphics and counters.
const LOOK: Duration = Duration::from_millis(100);
/// How long a take by hand waits for the camera's first picture.
const TAKE_LIMIT_NS: u64 = 6_000_000_000;
/// Longest countdown.
const COUNTDOWN_LIMIT_S: u32 = 60;

/// Something that was asked for and cannot be answered yet.
#[derive(Debug)]
enum Pending {
    /// Going live when the countdown is over.
    Live {
        due_ns: u64,
        destinations: Vec<DestinationId>,
        answer: Answer<()>,
    },
    /// Taking a camera when it delivers.
    Take {
        until_ns: u64,
        input: InputId,
        take: Take,
        answer: Answer<()>,
    },
}

/// The show's task.
#[derive(Debug)]
pub struct Owner {
    pub(super) parts: Parts,
    inbox: Inbox,
    pub(super) router: Router,
    pub(super) session: Option<Session>,
    pub(super) sending: Sending,
    pub(super) straight: Straight,
    cameras: Cameras,
    pub(super) keeper: Keeper,
    pending: Vec<Pending>,
    pub(super) past: Recollection,
    went_live: u64,
    turned_away: u64,
}

impl Owner {
    /// The owner of an idle show, or of one that is to be resumed.
    #[must_use]
    pub fn new(parts: Parts, inbox: Inbox, recalled: Option<Recalled>) -> Self {
        let degraded = parts.live.borrow().degraded;
        Self {
            past: Recollection::new(inbox.memory.clone(), recalled),
            sending: Sending::new(parts.clone()),
            straight: Straight::new(parts.clone()),
            cameras: Cameras::new(parts.clone()),
            keeper: Keeper::new(degraded),
            parts,
            inbox,
            router: Router::default(),
            session: None,
            pending: Vec::new(),
            went_live: 0,
            turned_away: 0,
        }
    }

    /// Answers until `stop`, then ends the program and every connection.
    pub async fn run(mut self, stop: CancellationToken) {
        self.cameras.refresh().await;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                request = self.inbox.requests.recv() => match request {
                    Some(request) => self.carry_out(request).await,
                    None => break,
                },
                _ = look.tick() => self.look().await,
            }
            self.publish();
        }
        self.end().await;
        self.straight.stop_all().await;
        self.publish();
    }

    async fn carry_out(&mut self, request: Request) {
        match request {
            Request::PreviewStart {
                timeline,
                profile,
                answer,
            } => {
                let done = self.preview_start(*timeline, profile).await;
                self.tell(answer, done);
            }
            Request::PreviewStop { answer } => {
                let done = self.preview_stop().await;
                self.tell(answer, done);
            }
            Request::GoLive {
                destinations,
                countdown_s,
                answer,
            } => {
                self.go_live_in(destinations, countdown_s, answer).await;
            }
            Request::SetDestinations {
                destinations,
                answer,
            } => {
                let done = self.set_destinations(&destinations).await;
                self.tell(answer, done);
            }
            Request::Pause { answer } => {
                let done = self.order(Order::Pause);
                self.tell_done(answer, done).await;
            }
            Request::Resume { answer } => {
                let done = self.order(Order::Resume);
                self.tell_done(answer, done).await;
            }
            Request::Seek { seconds, answer } => {
                let done = self.seek(seconds);
                self.tell_done(answer, done).await;
            }
            Request::TestPattern { shown, answer } => {
                let done = self.order(Order::Pattern(shown));
                self.tell_done(answer, done).await;
            }
            Request::TakeCamera { take, answer } => match self.admit_take(&take) {
                Ok(()) => self.take(take, answer).await,
                Err(error) => self.tell(answer, Err(error)),
            },
            Request::EditOverlay { cue, edit, answer } => {
                let done = self.edit_overlay(&cue, *edit).await;
                self.tell(answer, done);
            }
            Request::KillAll { answer } => {
                self.give_up();
                let ended = self.end().await + self.straight.stop_all().await;
                self.tell(answer, Ok(ended));
            }
            Request::StreamStart { plan, answer } => {
                let id = plan.id.clone();
                let started = self.straight.start(plan, Claim::New).await;
                if started.is_ok() {
                    self.give_up_stream(&id);
                }
                self.tell(answer, started);
            }
            Request::Refresh { answer } => {
                self.refresh().await;
                self.tell(answer, Ok(()));
            }
            Request::StreamStop { id, answer } => {
                let waited = self.give_up_stream(&id);
                let stopped = self.straight.stop(&id).await;
                self.tell(answer, if waited { Ok(()) } else { stopped });
            }
            Request::HoldQuality { held, answer } => {
                self.keeper.hold(held);
                self.tell(answer, Ok(()));
            }
        }
    }

    /// Everything that is done ten times a second.
    async fn look(&mut self) {
        if let Some(session) = &mut self.session {
            session.keep(&self.parts).await;
            self.keeper.look(&self.parts, session, &self.sending);
        }
        self.look_back().await;
        let now = self.parts.clock.monotonic_ns();
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Live {
                    due_ns,
                    destinations,
                    answer,
                } if due_ns <= now => {
                    let done = self.go_live_if_it_fits(&destinations).await;
                    self.tell(answer, done);
                }
                Pending::Take {
                    until_ns,
                    input,
                    take,
                    answer,
                } => {
                    self.take_when_there(until_ns, input, take, answer);
                }
                waiting @ Pending::Live { .. } => self.pending.push(waiting),
            }
        }
    }

    async fn preview_start(
        &mut self,
        timeline: Timeline,
        profile: ProfileName,
    ) -> Result<(), ShowError> {
        if let Some(running) = self.router.mode().timeline() {
            return Err(ShowError::AlreadyRunning(running.to_string()));
        }
        self.parts.ffmpeg.clone().map_err(ShowError::NoFfmpeg)?;
        if let Some(outage) = Outage::in_the_way(&self.parts.media) {
            return Err(outage.into());
        }
        let id = timeline
            .id
            .clone()
            .ok_or_else(|| ShowError::Timeline("it has no id: save it first".to_owned()))?;
        let document = timeline.clone();
        let session = Session::start(&self.parts, timeline, profile, None).await?;
        // It was idle above, and nobody else changes it.
        if self.router.start_preview(id.clone()).is_err() {
            session.stop(&self.parts).await;
            return Err(ShowError::AlreadyRunning(id.to_string()));
        }
        self.keeper.begin(&self.parts, &session).await;
        self.session = Some(session);
        self.begun(document);
        tracing::info!(timeline = %id, "Preview started.");
        Ok(())
    }

    async fn preview_stop(&mut self) -> Result<TimelineId, ShowError> {
        if let Some(show) = self.give_up_show() {
            tracing::info!(timeline = %show.timeline_id, "The show is not resumed.");
            return Ok(show.timeline_id);
        }
        let id = self
            .router
            .mode()
            .timeline()
            .cloned()
            .ok_or(ShowError::NotRunning)?;
        self.end().await;
        tracing::info!(timeline = %id, "Program stopped.");
        Ok(id)
    }

    /// Ends program and destinations; gives how many processes were ended.
    async fn end(&mut self) -> u32 {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Live { answer, .. } | Pending::Take { answer, .. } => {
                    self.tell(answer, Err(ShowError::NotRunning));
                }
            }
        }
        self.sending.stop_all().await;
        let Some(session) = self.session.take() else {
            return 0;
        };
        self.keeper.end();
        let ended = report::children(&session);
        session.stop(&self.parts).await;
        // Not running is what it is to be.
        drop(self.router.stop());
        ended
    }

    async fn go_live_in(
        &mut self,
        destinations: Vec<DestinationId>,
        countdown_s: u32,
        answer: Answer<()>,
    ) {
        if countdown_s == 0 {
            let done = self.go_live_if_it_fits(&destinations).await;
            return self.tell(answer, done);
        }
        // What cannot be done now is said now, not when the countdown is over.
        let mut trial = self.router.clone();
        let checked = trial.go_live(&destinations, |id| self.sending.candidate(id));
        if let Err(error) = checked {
            return self.tell(answer, Err(refused(error)));
        }
        let wait = u64::from(countdown_s.min(COUNTDOWN_LIMIT_S)) * 1_000_000_000;
        let due_ns = self.parts.clock.monotonic_ns() + wait;
        self.pending.push(Pending::Live {
            due_ns,
            destinations,
            answer,
        });
    }

    /// Whether the machine can carry a camera that is to be put on program.
    fn admit_take(&self, take: &Take) -> Result<(), ShowError> {
        match (&self.session, self.parts.camera(&take.camera)) {
            (Some(session), Some(_)) => session.admit_guest(&self.parts, &take.camera),
            // It is refused for a better reason.
            _ => Ok(()),
        }
    }

    async fn go_live_if_it_fits(&mut self, to: &[DestinationId]) -> Result<(), ShowError> {
        if let Some(session) = &self.session {
            let admitted = self.sending.admit(session, to);
            self.turned_away += u64::from(admitted.is_err());
            admitted?;
        }
        self.go_live(to).await?;
        self.went_live += 1;
        Ok(())
    }

    /// Goes live, whatever it costs: it was live before, or there is room.
    pub(super) async fn go_live(
        &mut self,
        destinations: &[DestinationId],
    ) -> Result<(), ShowError> {
        let session = self.session.as_ref().ok_or(ShowError::NotInPreview)?;
        let sending = &self.sending;
        let look = |id: &DestinationId| -> Candidate { sending.candidate(id) };
        let wanted = self.router.go_live(destinations, look).map_err(refused)?;
        self.sending.set(session, &wanted).await;
        tracing::info!(destinations = wanted.len(), "Live.");
        Ok(())
    }

    /// Follows a change of cameras or destinations.
    async fn refresh(&mut self) {
        self.cameras.refresh().await;
        let Some(session) = &mut self.session else {
            return;
        };
        session.follow_cameras(&self.parts);
        let wanted = self.router.mode().destinations().to_vec();
        self.sending.set(session, &wanted).await;
    }

    async fn set_destinations(&mut self, destinations: &[DestinationId]) -> Result<(), ShowError> {
        let session = self.session.as_ref().ok_or(ShowError::NotRunning)?;
        let sending = &self.sending;
        if destinations.is_empty() {
            self.router
                .leave_live()
                .map_err(|_| ShowError::NotRunning)?;
        } else {
            let look = |id: &DestinationId| sending.candidate(id);
            sending.admit(session, destinations)?;
            self.router
                .change_destinations(destinations, look)
                .map_err(refused)?;
        }
        let wanted = self.router.mode().destinations().to_vec();
        self.sending.set(session, &wanted).await;
        Ok(())
    }

    fn order(&mut self, order: Order) -> Result<(), ShowError> {
        let session = self.session.as_ref().ok_or(ShowError::NotRunning)?;
        session.order(order)?;
        self.moved(order);
        Ok(())
    }

    /// Answers an order once it shows in the state that others see.
    async fn tell_done(&self, answer: Answer<()>, done: Result<(), ShowError>) {
        if let (Ok(()), Some(session)) = (&done, &self.session) {
            session.obeyed().await;
        }
        self.tell(answer, done);
    }

    fn seek(&mut self, seconds: f64) -> Result<(), ShowError> {
        let session = self.session.as_ref().ok_or(ShowError::NotRunning)?;
        let duration_s = session.timeline.duration;
        let inside = seconds.is_finite() && (0.0..duration_s).contains(&seconds);
        if !inside {
            return Err(ShowError::SeekOutOfRange {
                asked_s: seconds,
                duration_s,
            });
        }
        let last = session.rundown.length().saturating_sub(1);
        let frame = session.rate().frames_in(seconds).min(last);
        self.order(Order::Seek(frame))
    }

    pub(super) async fn take(&mut self, take: Take, answer: Answer<()>) {
        let Some(session) = &mut self.session else {
            return self.tell(answer, Err(ShowError::NotRunning));
        };
        match self.parts.camera(&take.camera) {
            None => return self.tell(answer, Err(ShowError::NoCamera(take.camera))),
            Some(camera) if !camera.is_active => {
                return self.tell(answer, Err(ShowError::CameraOffline(take.camera)));
            }
            Some(_) => {}
        }
        let input = match session.guest(&self.parts, &take.camera).await {
            Ok(input) => input,
            Err(error) => return self.tell(answer, Err(error)),
        };
        let until_ns = self.parts.clock.monotonic_ns() + TAKE_LIMIT_NS;
        self.take_when_there(until_ns, input, take, answer);
    }

    fn take_when_there(&mut self, until_ns: u64, input: InputId, take: Take, answer: Answer<()>) {
        let Some(session) = &self.session else {
            return self.tell(answer, Err(ShowError::NotRunning));
        };
        if session.sources.delivers(&self.parts, input) {
            let done = session.take(&self.parts, input, &take);
            if done.is_ok() {
                self.took(&take);
            }
            self.tell(answer, done);
        } else if self.parts.clock.monotonic_ns() >= until_ns {
            self.tell(answer, Err(ShowError::CameraOffline(take.camera)));
        } else {
            self.pending.push(Pending::Take {
                until_ns,
                input,
                take,
                answer,
            });
        }
    }

    async fn edit_overlay(&mut self, cue: &CueId, edit: OverlayEdit) -> Result<Graphic, ShowError> {
        let session = self.session.as_mut().ok_or(ShowError::NotRunning)?;
        let index =
            index_of(&session.rundown, cue).ok_or_else(|| ShowError::NoOverlay(cue.clone()))?;
        let visible = edit.visible;
        let graphic = session.gallery.edit(&session.program, index, edit).await?;
        if let Some(visible) = visible {
            session.order(Order::Show(index, visible))?;
        }
        Ok(graphic)
    }

    /// Answers, once what was done is noted and shows in the state that others see: whoever asked may
    /// look there at once, or wait for the note. They may have gone away, which is no fault.
    fn tell<T>(&self, answer: Answer<T>, result: Result<T, ShowError>) {
        self.remember(false);
        self.publish();
        drop(answer.send(result));
    }

    fn publish(&self) {
        let mut status = report::status(
            &self.parts,
            self.router.mode(),
            self.session.as_ref(),
            &self.sending,
            &self.straight,
            &self.keeper,
        );
        status.awaited = self.past.awaits();
        status.went_live = self.went_live;
        status.turned_away = self.turned_away;
        self.inbox.status.send_replace(Arc::new(status));
    }
}

fn index_of(rundown: &Rundown, cue: &CueId) -> Option<usize> {
    rundown
        .graphics()
        .iter()
        .position(|graphic| graphic.id == *cue)
}

fn refused(error: GoLiveError) -> ShowError {
    ShowError::Destinations(error)
}

/// The mode in the words of the status.
pub(super) fn mode(mode: &Mode) -> super::Mode {
    match mode {
        Mode::Idle => super::Mode::Idle,
        Mode::Preview { .. } => super::Mode::Preview,
        Mode::Live { .. } => super::Mode::Live,
    }
}

#[cfg(test)]
mod tests;
