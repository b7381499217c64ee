//! The program bus: from what is asked for to what one frame is made of.

use crate::ask::{Ask, Entering, Take};
use crate::ladder::{Candidates, Ladder, Rung, Times};
use crate::overload::{Overload, Patient};
use crate::sound::{Voice, equal_power};
use model::{AudioPolicy, FramePlan, FrameRate, InputHealth, InputId, InputState, Picture, Shot};

/// What is on air, for status and events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnAir {
    /// What the show asks for.
    pub asked: InputId,
    /// What is shown, or being entered.
    pub shown: InputId,
    /// Why that one.
    pub rung: Rung,
    /// The program frame at which it was taken.
    pub since: u64,
}

/// Decides what is on air, frame by frame.
///
/// Keeps the picture of the last good source while another has not arrived (1 s at most), steps down
/// at once when a source is lost (its backup, the show's, fallback picture, pattern, last picture) and
/// returns when it has been healthy for 2 s and the last switch is 10 s ago. A cut or transition that
/// the show asks for is always taken at once. When every live source is lost at a moment at which this
/// machine itself was late, their last pictures stand for up to 2 s. Of fixed size: planning never
/// allocates.
#[derive(Debug, Clone, Copy)]
pub struct Bus {
    times: Times,
    pattern: Take,
    forced: Option<Take>,
    current: Option<Current>,
    overload: Overload,
    /// Up to this frame a loss is our own fault.
    excused: u64,
}

/// What has been asked for since some frame.
#[derive(Debug, Clone, Copy)]
struct Current {
    asked: InputId,
    ladder: Ladder,
    bed: Option<Take>,
    /// What was asked for before it, and what was on program then.
    left: Option<(InputId, Voice)>,
    /// The progress of its transition at the last frame of waiting for it.
    late: u16,
    /// What was on program at the last frame.
    aired: Voice,
}

impl Bus {
    /// A bus with nothing on it. `pattern` is an input that always has a picture.
    #[must_use]
    pub fn new(rate: FrameRate, pattern: InputId) -> Self {
        Self {
            times: Times::at(rate),
            pattern: Take {
                shot: Shot {
                    input: pattern,
                    origin: None,
                },
                audio: AudioPolicy::Silence,
                live: false,
            },
            forced: None,
            current: None,
            overload: Overload::new(rate),
            excused: 0,
        }
    }

    /// What brings the sources in has been started again, from outside them: up to ten seconds from
    /// frame `n` on, one that was lost by that returns once it has been healthy for 1 s, however short
    /// ago the last switch is.
    pub const fn excuse(&mut self, n: u64) {
        self.excused = n.saturating_add(self.times.excuse());
    }

    /// Puts the pattern on program by a cut, until [`Self::release`].
    pub const fn force_pattern(&mut self) {
        self.forced = Some(self.pattern);
    }

    /// Puts a source on program by a cut, whatever the show asks for, until [`Self::release`].
    pub const fn force(&mut self, take: Take) {
        self.forced = Some(take);
    }

    /// Goes back, by a cut, to what the show asks for.
    pub const fn release(&mut self) {
        self.forced = None;
    }

    /// What is forced.
    #[must_use]
    pub const fn forced(&self) -> Option<Take> {
        self.forced
    }

    /// Whether the sources' absence at the last planned frame is this machine's own fault.
    #[must_use]
    pub const fn is_overloaded(&self) -> bool {
        self.overload.blames_us()
    }

    /// What was on air at the last planned frame.
    #[must_use]
    pub fn on_air(&self) -> Option<OnAir> {
        self.current.map(|current| OnAir {
            asked: current.asked,
            shown: current.aired.take.shot.input,
            rung: current.ladder.rung(),
            since: current.ladder.switched(),
        })
    }

    /// Picture and sounds of program frame `n`, without graphics. Frames come in order.
    pub fn plan(&mut self, n: u64, ask: &Ask, inputs: &dyn InputHealth) -> FramePlan {
        let overloaded = self.overload.step(n, inputs.strain());
        let inputs: &dyn InputHealth = &Patient { inputs, overloaded };
        let (to, entering) = match self.forced {
            Some(forced) => (forced, None),
            None => (ask.to, ask.entering),
        };
        let mut current = self.follow(n, to);
        let other = |take: &Take| take.shot.input != to.shot.input;
        let [own_backup, show_backup] = ask.backups.map(|backup| backup.filter(other));
        let outgoing = current
            .left
            .map(|(_, voice)| voice)
            .filter(|voice| has_picture(&voice.take, inputs));
        let rung = current.ladder.step(
            n,
            &Candidates {
                healthy: [
                    delivers(&to, inputs),
                    own_backup.is_some_and(|b| delivers(&b, inputs)),
                    show_backup.is_some_and(|b| delivers(&b, inputs)),
                    ask.fallback.is_some_and(|f| delivers(&f, inputs)),
                    delivers(&self.pattern, inputs),
                ],
                lost: to.live && inputs.state(to.shot.input) == InputState::Lost,
                outgoing: outgoing.is_some(),
                excused: n < self.excused,
            },
        );
        let bed = current.bed;
        let own = |take| Voice { take, bed };
        let main = match rung {
            Rung::Waiting => outgoing.unwrap_or(own(self.pattern)),
            Rung::Asked => own(to),
            Rung::Backup => own(own_backup.unwrap_or(self.pattern)),
            Rung::ShowBackup => own(show_backup.unwrap_or(self.pattern)),
            Rung::Fallback => own(ask.fallback.unwrap_or(self.pattern)),
            Rung::Pattern => own(self.pattern),
            Rung::LastPicture => own(self.last_picture(&current, to, ask, inputs)),
        };
        let progress = entering.map_or(0, |entering| entering.progress);
        let plan = if rung == Rung::Waiting {
            current.late = progress;
            alone(&main, ask.paused)
        } else {
            let entered = entering.and_then(|entering| {
                let from = self.leaving(&current, &entering, ask, inputs)?;
                let differs = from.take.shot.input != main.take.shot.input;
                differs.then_some((entering, from))
            });
            match entered {
                None => alone(&main, ask.paused),
                Some((entering, from)) => {
                    let progress = since_late(entering.progress, current.late);
                    let entering = Entering {
                        progress,
                        ..entering
                    };
                    blended(&main, &from, &entering, ask.paused)
                }
            }
        };
        current.aired = main;
        self.current = Some(current);
        plan
    }

    /// The state for what is asked for; a new one when it is not what was asked for before.
    fn follow(&self, n: u64, to: Take) -> Current {
        match self.current {
            Some(current) if current.asked == to.shot.input => current,
            before => {
                let aired = before.map(|before| before.aired);
                let voice = Voice::after(aired, to);
                Current {
                    asked: to.shot.input,
                    ladder: Ladder::new(self.times, n),
                    bed: voice.bed,
                    left: before.map(|before| (before.asked, before.aired)),
                    late: 0,
                    aired: aired.unwrap_or(voice),
                }
            }
        }
    }

    /// What a transition leaves: what the show says, but its stand-in where that was on air.
    fn leaving(
        &self,
        current: &Current,
        entering: &Entering,
        ask: &Ask,
        inputs: &dyn InputHealth,
    ) -> Option<Voice> {
        let from = entering.from.or(ask.fallback).unwrap_or(self.pattern);
        let voice = match current.left {
            Some((asked, aired)) if asked == from.shot.input => {
                let stood_in = aired.take.shot.input != from.shot.input;
                let take = if stood_in { aired.take } else { from };
                let bed = aired.bed;
                Voice { take, bed }
            }
            _ => Voice {
                take: from,
                bed: None,
            },
        };
        has_picture(&voice.take, inputs).then_some(voice)
    }

    /// The last picture that there is, when nothing delivers.
    fn last_picture(
        &self,
        current: &Current,
        to: Take,
        ask: &Ask,
        inputs: &dyn InputHealth,
    ) -> Take {
        let aired = Some(current.aired.take);
        let left = current.left.map(|(_, voice)| voice.take);
        let [own, show] = ask.backups;
        [Some(to), aired, left, own, show, ask.fallback]
            .into_iter()
            .flatten()
            .find(|take| has_picture(take, inputs))
            .unwrap_or(self.pattern)
    }
}

/// Whether a source can be put on program.
fn delivers(take: &Take, inputs: &dyn InputHealth) -> bool {
    match inputs.state(take.shot.input) {
        InputState::Fresh | InputState::Held => true,
        InputState::Lost => !take.live,
        InputState::Absent => false,
    }
}

/// Whether there is any picture of it.
fn has_picture(take: &Take, inputs: &dyn InputHealth) -> bool {
    inputs.state(take.shot.input) != InputState::Absent
}

/// The progress of a transition whose source came late: it begins when the source is there, and ends
/// when it should.
fn since_late(progress: u16, late: u16) -> u16 {
    let (progress, late) = (progress.min(256), late.min(255));
    if late == 0 || progress < late {
        return progress;
    }
    let share = u32::from(progress - late) * 256 / u32::from(256 - late);
    u16::try_from(share).unwrap_or(256).max(1)
}

fn alone(main: &Voice, paused: bool) -> FramePlan {
    let mut plan = FramePlan::new(Picture::One(main.take.shot));
    main.add_to(&mut plan, 1.0, paused);
    plan
}

fn blended(main: &Voice, from: &Voice, entering: &Entering, paused: bool) -> FramePlan {
    let mut plan = FramePlan::new(Picture::Two {
        from: from.take.shot,
        to: main.take.shot,
        kind: entering.kind,
        progress: entering.progress,
    });
    let (leaving, entered) = equal_power(entering.progress);
    let own = Voice { bed: None, ..*main };
    own.add_to(&mut plan, entered, paused);
    // What it lies over was heard before it, and stays as loud as it is.
    main.add_bed_to(&mut plan, 1.0, paused);
    from.add_to(&mut plan, leaving, paused);
    plan
}
