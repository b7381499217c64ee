//! The show's task, as far as it remembers what is wanted and brings it back.
//!
//! Owns what of the wanted state the session does not know: since when the clock runs, what was taken
//! by hand, the tries. Neighbours: `resume` has the shapes, `memory` the disk.

use super::admission::Claim;
use super::director::Order;
use super::memory::{Memory, Recalled};
use super::owner::Owner;
use super::resume::{Anchor, Edited, HandTaken, Moment, TRIES, Wanted, WantedShow};
use super::session::Session;
use super::{ShowError, StreamPlan, Take, TakeTransition};
use crate::notice::NoticeKind;
use crate::outage::Outage;
use model::{DestinationId, StreamId};
use runtime::Clock;
use std::sync::Arc;
use std::time::Duration;
use stream::Candidate;
use timeline::{Look, Timeline};
use tokio::sync::oneshot;

/// The clock's place is noted so often, for the day on which the time of day is lost too.
const ROUTINE_NS: u64 = 60_000_000_000;
/// A resumed show that ran so long was no failure.
const WELL_AFTER: Duration = Duration::from_secs(5);
/// Between two tries that did not end the agent.
const RETRY_NS: u64 = 2_000_000_000;

/// What the show's task remembers.
#[derive(Debug)]
pub(super) struct Recollection {
    memory: Memory,
    /// What ran before the agent ended, until it runs again.
    recalled: Option<Recalled>,
    /// It is being brought back: what there is of it is not what is wanted.
    resuming: bool,
    retry_ns: u64,
    anchor: Anchor,
    timeline: Option<Arc<Timeline>>,
    taken: Option<HandTaken>,
    /// An operator put the pattern on program.
    pattern: bool,
    tries: Vec<Moment>,
    resumed_ns: u64,
    routine_ns: u64,
}

impl Recollection {
    pub(super) fn new(memory: Memory, recalled: Option<Recalled>) -> Self {
        Self {
            memory,
            recalled,
            resuming: false,
            retry_ns: 0,
            anchor: Anchor::default(),
            timeline: None,
            taken: None,
            pattern: false,
            tries: Vec::new(),
            resumed_ns: 0,
            routine_ns: 0,
        }
    }

    /// Another show, or none, is wanted than the one that is to be resumed; streams are still to be.
    fn drop_show(&mut self) -> Option<WantedShow> {
        let recalled = self.recalled.as_mut()?;
        let show = recalled.wanted.show.take();
        recalled.wanted.tries.clear();
        recalled.timeline = None;
        if recalled.wanted.is_nothing() {
            self.recalled = None;
        }
        show
    }

    /// A stream that is to be resumed is not wanted any more; says whether it was.
    fn drop_stream(&mut self, id: &StreamId) -> bool {
        let Some(recalled) = &mut self.recalled else {
            return false;
        };
        let streams = &mut recalled.wanted.streams;
        let before = streams.len();
        streams.retain(|plan| plan.id != *id);
        let was = streams.len() < before;
        if recalled.wanted.is_nothing() {
            self.recalled = None;
        }
        was
    }

    /// A show is to be resumed: what is wanted is not there yet.
    fn awaits_show(&self) -> bool {
        let recalled = self.recalled.as_ref();
        recalled.is_some_and(|recalled| recalled.wanted.show.is_some())
    }

    /// Something is to be resumed, or is being resumed.
    pub(super) const fn awaits(&self) -> bool {
        self.recalled.is_some() || self.resuming
    }

    /// The streams that run, and those that are to be resumed.
    fn streams(&self, running: Vec<StreamPlan>) -> Vec<StreamPlan> {
        let mut all = running;
        let recalled = self.recalled.iter();
        for plan in recalled.flat_map(|recalled| &recalled.wanted.streams) {
            if !all.iter().any(|one| one.id == plan.id) {
                all.push(plan.clone());
            }
        }
        all
    }
}

impl Owner {
    fn moment(&self) -> Moment {
        Moment::now(&self.parts.clock)
    }

    /// A show that was asked for has begun at its beginning.
    pub(super) fn begun(&mut self, timeline: Timeline) {
        let _left_off = self.past.drop_show();
        self.past.tries.clear();
        self.past.taken = None;
        self.past.pattern = false;
        let at = self.session.as_ref().map(|session| session.standing().at);
        self.past.anchor = Anchor {
            at: self.moment(),
            frame: at.map_or(0, |at| at.frame),
            ..Anchor::default()
        };
        self.past.timeline = Some(Arc::new(timeline));
    }

    /// Somebody wants nothing at all to run of what ran before.
    pub(super) fn give_up(&mut self) {
        self.past.recalled = None;
    }

    /// Somebody does not want the show that is to be resumed; gives it, where there is one.
    pub(super) fn give_up_show(&mut self) -> Option<WantedShow> {
        self.past.drop_show()
    }

    /// Somebody does not want a stream that is to be resumed; says whether there is one.
    pub(super) fn give_up_stream(&mut self, id: &StreamId) -> bool {
        self.past.drop_stream(id)
    }

    /// The clock was held, let go or moved by this order.
    pub(super) fn moved(&mut self, order: Order) {
        let Some(session) = &self.session else { return };
        let at = session.standing().at;
        let now = Anchor {
            at: self.moment(),
            frame: at.frame,
            loops: at.loops,
            paused: self.past.anchor.paused,
        };
        self.past.anchor = match order {
            Order::Pause => Anchor {
                paused: true,
                ..now
            },
            Order::Resume => Anchor {
                paused: false,
                ..now
            },
            Order::Seek(frame) => {
                self.past.taken = None;
                Anchor { frame, ..now }
            }
            Order::Pattern(shown) => {
                self.past.pattern = shown;
                return;
            }
            Order::Show(..)
            | Order::Take(_)
            | Order::Place(_)
            | Order::Excuse
            | Order::Graphics(_)
            | Order::Banner(..) => return,
        };
    }

    /// An operator put a camera on program.
    pub(super) fn took(&mut self, take: &Take) {
        let Some(session) = &self.session else { return };
        let now = session.standing();
        self.past.taken = Some(HandTaken {
            camera: take.camera.clone(),
            cue: now.cue,
            loops: now.at.loops,
        });
    }

    /// Notes what is wanted now, where it is another than before. Does not wait for the disk.
    pub(super) fn remember(&self, routine: bool) {
        if self.past.awaits_show() || self.past.resuming {
            // What was wanted is not there yet.
            return;
        }
        let show = self
            .session
            .as_ref()
            .and_then(|session| self.wanted(session));
        let timeline = self.past.timeline.as_ref().filter(|_| show.is_some());
        let wanted = Wanted {
            show,
            streams: self.past.streams(self.straight.plans()),
            tries: self.past.tries.clone(),
        };
        self.past.memory.note(wanted, timeline, routine);
    }

    fn wanted(&self, session: &Session) -> Option<WantedShow> {
        let edited = |(index, graphic, hidden): (usize, Option<_>, bool)| {
            let cue = session.rundown.graphics().get(index)?.id.clone();
            Some(Edited {
                cue,
                graphic,
                hidden,
            })
        };
        Some(WantedShow {
            timeline_id: session.timeline.id.clone()?,
            name: session.timeline.name.clone(),
            revision: session.timeline.revision,
            profile: session.profile_name,
            started_at: session.started_at.clone(),
            anchor: self.past.anchor.clone(),
            destinations: self.router.mode().destinations().to_vec(),
            taken: self.past.taken.clone(),
            pattern: self.past.pattern,
            overlays: session
                .gallery
                .edits()
                .into_iter()
                .filter_map(edited)
                .collect(),
        })
    }

    /// What is to be done ten times a second: resume, see that it goes well, note the clock's place.
    pub(super) async fn look_back(&mut self) {
        let now_ns = self.parts.clock.monotonic_ns();
        if self.past.recalled.is_some() {
            // A media server that is away for a moment is waited for.
            let down = Outage::in_the_way(&self.parts.media).is_some();
            if !down && now_ns >= self.past.retry_ns {
                self.resume().await;
            }
            return;
        }
        if !self.past.tries.is_empty() && self.runs_well(now_ns) {
            self.past.tries.clear();
            self.remember(false);
        }
        let due = now_ns.saturating_sub(self.past.routine_ns) >= ROUTINE_NS;
        if let (true, Some(session)) = (due, &self.session) {
            let standing = session.standing();
            self.past.routine_ns = now_ns;
            self.past.anchor = Anchor {
                at: self.moment(),
                frame: standing.at.frame,
                loops: standing.at.loops,
                paused: standing.paused,
            };
            self.remember(true);
        }
    }

    fn runs_well(&self, now_ns: u64) -> bool {
        let long_enough =
            u128::from(now_ns.saturating_sub(self.past.resumed_ns)) >= WELL_AFTER.as_nanos();
        let wanted = self.session.as_ref().map_or(0, |session| {
            session.rate().frames_in(WELL_AFTER.as_secs_f64() / 2.0)
        });
        let played = self
            .session
            .as_ref()
            .and_then(|session| session.program.frame())
            .unwrap_or(0);
        long_enough && played >= wanted
    }

    async fn resume(&mut self) {
        let Some(recalled) = self.past.recalled.take() else {
            return;
        };
        self.past.resuming = true;
        self.bring_all_back(recalled).await;
        self.past.resuming = false;
        self.remember(false);
    }

    /// Brings back what ran. What cannot be brought back is told and left out.
    async fn bring_all_back(&mut self, recalled: Recalled) {
        let Recalled {
            mut wanted,
            timeline,
        } = recalled;
        let began_ns = self.parts.clock.monotonic_ns();
        if let Some(show) = &wanted.show {
            match self.bring_back(show, timeline.clone()).await {
                Ok(()) => {}
                // The media server went away meanwhile, which is no fault of the show.
                Err(ShowError::MediaServerDown(_)) => return self.later(wanted, timeline),
                Err(error) if wanted.tries.len() >= TRIES => {
                    let message = format!("{} is left off: {error}.", wanted.name());
                    let notices = &self.parts.notices;
                    notices.raise(NoticeKind::ShowNotResumed, message);
                    wanted.show = None;
                }
                Err(error) => {
                    tracing::warn!(%error, "The show cannot be resumed yet.");
                    wanted.tries.push(self.moment());
                    return self.later(wanted, timeline);
                }
            }
        }
        for plan in wanted.streams.drain(..) {
            let id = plan.id.clone();
            if let Err(error) = self.straight.start(plan, Claim::Resumed).await {
                let message = format!("Stream {id} is left off: {error}.");
                self.parts
                    .notices
                    .raise(NoticeKind::ShowIncomplete, message);
            }
        }
        self.past.tries = wanted.tries;
        self.past.resumed_ns = self.parts.clock.monotonic_ns();
        self.past.routine_ns = self.past.resumed_ns;
        tracing::info!(
            took_ms = (self.past.resumed_ns - began_ns) / 1_000_000,
            "Resumed."
        );
    }

    fn later(&mut self, wanted: Wanted, timeline: Option<Timeline>) {
        self.past.retry_ns = self.parts.clock.monotonic_ns() + RETRY_NS;
        self.past.recalled = Some(Recalled { wanted, timeline });
    }

    async fn bring_back(
        &mut self,
        show: &WantedShow,
        timeline: Option<Timeline>,
    ) -> Result<(), ShowError> {
        let timeline = timeline
            .ok_or_else(|| ShowError::Timeline("its document cannot be read".to_owned()))?;
        let anchor = &show.anchor;
        let mut session =
            Session::start(&self.parts, timeline.clone(), show.profile, Some(anchor)).await?;
        self.keeper.begin(&self.parts, &session).await;
        session.started_at.clone_from(&show.started_at);
        let dressed = dress(&mut session, show).and_then(|()| {
            // It is idle, and nobody else changes it.
            let started = self.router.start_preview(show.timeline_id.clone());
            started.map_err(|_| ShowError::AlreadyRunning(show.name.clone()))
        });
        if let Err(error) = dressed {
            session.stop(&self.parts).await;
            return Err(error);
        }
        self.past.pattern = show.pattern;
        let gone = anchor.at.gap(&self.moment());
        let position = anchor.position(&session.rundown, &self.moment());
        let mut look = Look::new();
        session.rundown.look(position, &mut look);
        let cue = look.video.map(|video| video.shown.cue);
        let seconds = session.rate().time_of(position.frame).as_secs_f64();
        self.session = Some(session);
        self.past.anchor = anchor.clone();
        self.past.timeline = Some(Arc::new(timeline));
        self.go_on_air(show).await;
        let still = |taken: &&HandTaken| (taken.cue, taken.loops) == (cue, position.loops);
        if let Some(taken) = show.taken.as_ref().filter(still) {
            let take = Take {
                camera: taken.camera.clone(),
                transition: TakeTransition::Cut,
                seconds: 0.0,
            };
            // Nobody waits for the answer: without a picture the timeline has the program.
            let (answer, _) = oneshot::channel();
            self.take(take, answer).await;
        }
        let away = gone.map_or_else(String::new, |gone| {
            format!(" after {:.0} s", gone.as_secs_f64())
        });
        let message = format!(
            "The show “{}” goes on at {seconds:.1} s{away}: the agent had ended while it ran.",
            show.name
        );
        self.parts.notices.raise(NoticeKind::ShowResumed, message);
        Ok(())
    }

    /// Goes live to the destinations that are still there.
    async fn go_on_air(&mut self, show: &WantedShow) {
        let candidate = |id: &DestinationId| self.sending.candidate(id);
        let (ready, gone): (Vec<_>, Vec<_>) = show
            .destinations
            .iter()
            .cloned()
            .partition(|id| candidate(id) == Candidate::Ready);
        let mut lost: Vec<String> = gone.iter().map(ToString::to_string).collect();
        if !ready.is_empty()
            && let Err(error) = self.go_live(&ready).await
        {
            tracing::error!(%error, "The show does not go live again.");
            lost.extend(ready.iter().map(ToString::to_string));
        }
        if !lost.is_empty() {
            let message = format!(
                "The show “{}” was resumed without {}.",
                show.name,
                lost.join(", ")
            );
            self.parts
                .notices
                .raise(NoticeKind::ShowIncomplete, message);
        }
    }
}

/// Puts on what an operator had changed by hand.
fn dress(session: &mut Session, show: &WantedShow) -> Result<(), ShowError> {
    for edit in &show.overlays {
        let graphics = session.rundown.graphics();
        if let Some(index) = graphics.iter().position(|graphic| graphic.id == edit.cue) {
            let graphic = edit.graphic.clone();
            session.gallery.restore(index, graphic, edit.hidden);
            session.order(Order::Show(index, !edit.hidden))?;
        }
    }
    if show.pattern {
        session.order(Order::Pattern(true))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ProfileName, TimelineId};

    fn plan(id: &str) -> StreamPlan {
        let plan = serde_json::json!({"id": id, "camera_id": "1", "destination_id": "1",
            "profile": "reliability"});
        serde_json::from_value(plan).unwrap()
    }

    fn show() -> WantedShow {
        WantedShow {
            timeline_id: TimelineId::parse("7").unwrap(),
            name: "Harbour".to_owned(),
            revision: 1,
            profile: ProfileName::Reliability,
            started_at: String::new(),
            anchor: Anchor::default(),
            destinations: Vec::new(),
            taken: None,
            pattern: false,
            overlays: Vec::new(),
        }
    }

    fn past(show: Option<WantedShow>, streams: &[&str]) -> Recollection {
        let wanted = Wanted {
            show,
            streams: streams.iter().map(|id| plan(id)).collect(),
            tries: Vec::new(),
        };
        let recalled = Recalled {
            wanted,
            timeline: None,
        };
        Recollection::new(Memory::default(), Some(recalled))
    }

    fn names(plans: &[StreamPlan]) -> Vec<&str> {
        plans.iter().map(|plan| plan.id.as_str()).collect()
    }

    #[test]
    fn who_wants_another_show_or_none_has_not_given_up_the_streams() {
        let mut past = past(Some(show()), &["a", "b"]);
        assert!(past.awaits_show());
        assert_eq!(past.drop_show().unwrap().name, "Harbour");
        assert!(!past.awaits_show() && past.recalled.is_some());
        // One was started by hand meanwhile.
        let all = past.streams(vec![plan("b"), plan("c")]);
        assert_eq!(names(&all), ["b", "c", "a"]);
        assert!(past.drop_show().is_none() && past.recalled.is_some());
    }

    #[test]
    fn a_stream_that_is_taken_back_before_it_was_resumed_is_not_resumed() {
        let mut past = past(None, &["a", "b"]);
        let id = |text| StreamId::parse(text).unwrap();
        assert!(past.drop_stream(&id("a")) && !past.drop_stream(&id("a")));
        assert_eq!(names(&past.streams(Vec::new())), ["b"]);
        assert!(past.drop_stream(&id("b")));
        assert!(past.recalled.is_none(), "there is nothing to resume");
    }

    #[test]
    fn without_streams_nothing_is_left_of_a_show_that_is_not_wanted() {
        let mut past = past(Some(show()), &[]);
        assert!(past.drop_show().is_some());
        assert!(past.recalled.is_none());
    }
}
