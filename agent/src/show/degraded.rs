//! Degraded mode on the running program: what is observed once a second, and what follows from it.
//!
//! Owns the observing, the notices in the picture and the record of steps. Decides nothing:
//! [`stream::observe`] does, and this carries out what it wants. Neighbours: `words` says it to people.

mod words;

use super::director::Order;
use super::parts::Parts;
use super::sending::Sending;
use super::session::Session;
use super::status::{DestinationState, DestinationStatus, QualityStatus, QualityStep};
use crate::config::DegradedConfig;
use engine::program::ProgramStats;
use model::{DestinationId, RasterId};
use runtime::Clock;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use stream::{Change, Degraded, Quality, Reason, Seen, observe};

/// Between two observations.
const EVERY_NS: u64 = 1_000_000_000;
/// Steps that are remembered.
const REMEMBERED: usize = 16;
/// A look at the machine that is older than this says nothing.
const STALE_NS: u64 = 5_000_000_000;
/// The numbers of the notices' rasters begin here, far above those of a show's graphics.
const BANNERS: u32 = 1 << 24;

/// The keeper of quality: of the running program, and what the operator holds beyond it.
#[derive(Debug)]
pub(super) struct Keeper {
    config: DegradedConfig,
    state: Degraded,
    /// What the program was told last; `None` while that is not known.
    applied: Option<Quality>,
    observed_ns: u64,
    before: Counters,
    weak: BTreeSet<DestinationId>,
    steps: VecDeque<Arc<QualityStep>>,
    counts: [[u64; 2]; Reason::ALL.len()],
}

/// Counters of the program at the last observation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Counters {
    late: u64,
    /// Each running encoder's process and its dropped frames.
    drops: Vec<(u32, u64)>,
}

impl Counters {
    fn of(stats: &ProgramStats) -> Self {
        let running = stats.encoders.iter().filter(|one| one.running);
        Self {
            late: stats.late_repeats,
            drops: running.map(|one| (one.pid, one.queue_drops)).collect(),
        }
    }

    /// Whether an encoder that ran before, and still runs, left frames behind since.
    fn overloaded_since(&self, before: &Self) -> bool {
        let grew = |(pid, drops): &(u32, u64)| {
            let known = before.drops.iter().find(|(known, _)| known == pid);
            known.is_some_and(|(_, then)| drops > then)
        };
        self.drops.iter().any(grew)
    }
}

impl Keeper {
    pub(super) fn new(config: DegradedConfig) -> Self {
        Self {
            config,
            state: Degraded::default(),
            applied: None,
            observed_ns: 0,
            before: Counters::default(),
            weak: BTreeSet::new(),
            steps: VecDeque::with_capacity(REMEMBERED),
            counts: Default::default(),
        }
    }

    /// A program has been started: it has its full quality, and its notices are drawn for later.
    pub(super) async fn begin(&mut self, parts: &Parts, session: &Session) {
        self.state = Degraded::default().hold(self.state.is_held());
        self.applied = Some(self.state.quality());
        self.before = Counters::default();
        self.weak.clear();
        self.steps.clear();
        let (studio, size) = (Arc::clone(&parts.studio), session.profile.size);
        let drawing =
            move || Reason::ALL.map(|reason| studio.render(&words::banner(reason), size, None));
        let Ok(drawn) = tokio::task::spawn_blocking(drawing).await else {
            return;
        };
        for (reason, raster) in Reason::ALL.into_iter().zip(drawn) {
            let put = raster
                .map_err(|error| error.to_string())
                .and_then(|raster| {
                    let id = banner_id(reason);
                    let put = session.program.put_raster(id, Arc::new(raster));
                    put.map_err(|error| error.to_string())
                });
            if let Err(error) = put {
                tracing::warn!(reason = reason.as_str(), error, "A notice cannot be shown.");
            }
        }
    }

    /// Observes once a second and carries out what is wanted; to be called more often.
    pub(super) fn look(&mut self, parts: &Parts, session: &Session, sending: &Sending) {
        let now_ns = parts.clock.monotonic_ns();
        if now_ns.saturating_sub(self.observed_ns) >= EVERY_NS {
            self.observed_ns = now_ns;
            self.config = parts.live.borrow().degraded;
            let seen = self.see(parts, session, &sending.statuses(), now_ns);
            let now = Duration::from_nanos(now_ns);
            let (state, change) = observe(&self.config.rules, self.state, &seen, now);
            self.state = state;
            if let Some(change) = change {
                self.note(parts, session, &change);
            }
            if state.quality().bitrate_percent < 100 {
                // Encodes come and go with their destinations.
                self.applied = None;
            }
        }
        self.apply(session, sending);
    }

    /// The operator holds full quality, or lets go of it.
    pub(super) fn hold(&mut self, held: bool) {
        if held != self.state.is_held() {
            self.state = self.state.hold(held);
            tracing::info!(held, "The operator decides on full quality.");
        }
    }

    fn see(
        &mut self,
        parts: &Parts,
        session: &Session,
        destinations: &[DestinationStatus],
        now_ns: u64,
    ) -> Seen {
        let counters = Counters::of(&session.program.stats());
        let late = counters.late > self.before.late;
        let overloaded = counters.overloaded_since(&self.before);
        self.before = counters;
        let sample = parts.system.sample();
        let fresh = sample.at_ns > 0 && now_ns.saturating_sub(sample.at_ns) < STALE_NS;
        let on_air = self.weigh(
            destinations
                .iter()
                .map(|one| (&one.id, one.state, one.slow)),
        );
        Seen {
            cpu_percent: fresh.then(|| whole(sample.cpu.busy)),
            late,
            overloaded,
            destinations: on_air,
            weak: count(self.weak.len()),
        }
    }

    /// Notes which destinations do not take all of the program; gives how many there are to be judged.
    /// One that was weak and is lost for a moment is still weak; one that was not, or that is given up,
    /// has another trouble.
    fn weigh<'a>(
        &mut self,
        destinations: impl Iterator<Item = (&'a DestinationId, DestinationState, bool)>,
    ) -> u32 {
        let mut judged = 0;
        let mut weak = BTreeSet::new();
        for (id, state, slow) in destinations {
            let is_weak = match state {
                DestinationState::Active => slow,
                DestinationState::Connecting | DestinationState::Retrying => self.weak.contains(id),
                DestinationState::Idle | DestinationState::Failed => false,
            };
            if is_weak || state == DestinationState::Active {
                judged += 1;
            }
            if is_weak {
                weak.insert(id.clone());
            }
        }
        for id in weak.difference(&self.weak) {
            tracing::warn!(destination = %id, "A destination does not take all of the program.");
        }
        self.weak = weak;
        judged
    }

    fn note(&mut self, parts: &Parts, session: &Session, change: &Change) {
        let text = words::step(change, session.rate());
        if let Some(count) = self.counts.get_mut(index(change.reason)) {
            count[usize::from(!change.down)] += 1;
        }
        if change.down {
            tracing::warn!(reason = change.reason.as_str(), "{text}");
            self.announce(session, change.reason);
        } else {
            tracing::info!(reason = change.reason.as_str(), "{text}");
        }
        if self.steps.len() >= REMEMBERED {
            self.steps.pop_front();
        }
        self.steps.push_back(Arc::new(QualityStep {
            at: crate::time::rfc3339(parts.clock.wall()),
            reason: change.reason.as_str(),
            event: if change.down {
                "DEGRADED_ENTER"
            } else {
                "DEGRADED_EXIT"
            },
            lowered: change.down,
            text,
        }));
    }

    fn announce(&self, session: &Session, reason: Reason) {
        let frames = session.rate().frames_in(self.config.banner.as_secs_f64());
        if frames > 0
            && let Err(error) = session.order(Order::Banner(banner_id(reason), frames))
        {
            tracing::warn!(%error, "A notice is not shown.");
        }
    }

    /// Brings the program to what is wanted. What fails is tried again at the next look.
    fn apply(&mut self, session: &Session, sending: &Sending) {
        let wanted = self.state.quality();
        if self.applied == Some(wanted) {
            return;
        }
        let spared = session.program.spare(wanted.every).is_ok();
        let shown = session.order(Order::Graphics(wanted.graphics)).is_ok();
        sending.set_bitrate(session, wanted.bitrate_percent);
        self.applied = (spared && shown).then_some(wanted);
    }

    /// How many steps were made since the agent's start: by reason, down and up.
    fn counted(&self) -> Vec<(&'static str, u64, u64)> {
        let counted = Reason::ALL.into_iter().zip(self.counts);
        counted
            .map(|(reason, [down, up])| (reason.as_str(), down, up))
            .collect()
    }

    /// How it is, for everyone; `session` is the running program.
    pub(super) fn status(
        &self,
        session: Option<&Session>,
        destinations: &[DestinationStatus],
    ) -> QualityStatus {
        let named = |reasons: Vec<Reason>| reasons.into_iter().map(Reason::as_str).collect();
        let weak: Vec<String> = destinations
            .iter()
            .filter(|one| self.weak.contains(&one.id))
            .map(|one| one.name.clone())
            .collect();
        let held = self.state.is_held();
        let mut status = QualityStatus {
            held,
            message: words::held(held).to_owned(),
            counted: self.counted(),
            ..QualityStatus::default()
        };
        let Some(session) = session else {
            return status;
        };
        let quality = self.state.quality();
        let reasons: Vec<Reason> = self.state.reasons().collect();
        let troubles: Vec<Reason> = self.state.troubles(&self.config.rules).collect();
        let rate = session.rate();
        status.degraded = !reasons.is_empty();
        status.message = words::message(&self.state, &troubles, &weak, rate);
        status.fps = words::fps(rate, quality.every);
        status.bitrate_percent = quality.bitrate_percent;
        status.graphics = quality.graphics;
        status.reasons = named(reasons);
        status.troubles = named(troubles);
        status.levels = Reason::ALL.map(|reason| (reason.as_str(), self.state.level(reason)));
        status.weak_destinations = weak;
        status.steps = self.steps.iter().cloned().collect();
        status
    }

    /// The program has ended; what the operator holds stays.
    pub(super) fn end(&mut self) {
        self.state = Degraded::default().hold(self.state.is_held());
        self.applied = None;
        self.weak.clear();
        self.steps.clear();
    }
}

fn banner_id(reason: Reason) -> RasterId {
    RasterId(BANNERS.saturating_add(count(index(reason))))
}

fn index(reason: Reason) -> usize {
    let place = Reason::ALL.into_iter().position(|one| one == reason);
    place.unwrap_or(0)
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 0 to 100; the cast saturates"
)]
fn whole(percent: f32) -> u8 {
    percent.round().min(100.0) as u8
}

#[cfg(test)]
mod tests;
