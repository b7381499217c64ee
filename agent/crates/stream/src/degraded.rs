//! Degraded mode: what is given up when the machine, the network or the encoder cannot keep up.
//!
//! Owns three ladders (the picture, the bit rate, the graphics), when a step down is due, and when
//! one is taken back. Decides from observations that the caller makes about once a second; never
//! observes, and never carries anything out: the caller compares [`State::quality`] with what runs.
//!
//! The picture's ladder goes down by [`Reason::HighCpu`], the bit rate's by [`Reason::Network`], the
//! graphics' by [`Reason::EncoderOverload`]. An encoder that is overloaded without graphics too
//! weighs on the picture's ladder. One step is made at a time, over all ladders, and the trouble has
//! to last anew before the next.

use serde::Serialize;
use std::time::Duration;

/// One of so many frames is sent at each step of the picture: 30, 15, 10 frames a second. Less detail
/// at the same coded size would spare an encoder nothing (decision 0013).
const EVERY: [u32; 3] = [1, 2, 3];
/// Share of the bit rate at each step, percent: 20 of the whole a step, with a floor.
const BITRATE: [u8; 4] = [100, 80, 60, 50];
/// Steps of the graphics: there, or not.
const GRAPHICS: u8 = 1;
/// A step that had to be taken again so soon after it was given back, in checks, was given back too
/// early.
const RELAPSE_CHECKS: u32 = 2;
/// The longest that such a step waits for the next time, in checks.
const PATIENCE: u32 = 8;
/// An observation stands for at most this long, however late the next one comes.
const GAP: Duration = Duration::from_secs(2);

/// Why quality is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The machine's processors are busy, or the mixer came too late.
    HighCpu,
    /// No destination takes all of the program.
    #[serde(rename = "network_issues")]
    Network,
    /// The encoder does not take every frame.
    EncoderOverload,
}

impl Reason {
    /// In the order in which steps are made; given back in the other.
    pub const ALL: [Self; 3] = [Self::HighCpu, Self::Network, Self::EncoderOverload];

    /// The word for logs, labels and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HighCpu => "high_cpu",
            Self::Network => "network_issues",
            Self::EncoderOverload => "encoder_overload",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::HighCpu => 0,
            Self::Network => 1,
            Self::EncoderOverload => 2,
        }
    }

    /// The lowest step of its ladder.
    const fn floor(self) -> u8 {
        match self {
            Self::HighCpu => EVERY.len() as u8 - 1,
            Self::Network => BITRATE.len() as u8 - 1,
            Self::EncoderOverload => GRAPHICS,
        }
    }
}

/// What is allowed, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether a busy machine lowers the picture.
    pub cpu: bool,
    /// Whether a weak network lowers the bit rate.
    pub network: bool,
    /// Whether an overloaded encoder takes the graphics away.
    pub encoder: bool,
    /// From this share on the processors are too busy, percent.
    pub cpu_high: u8,
    /// Up to this share they are not, percent; below `cpu_high`.
    pub cpu_low: u8,
    /// So long trouble of the network or the encoder lasts before a step.
    pub enter: Duration,
    /// The same for a busy machine, which harms nobody yet: a peak is none.
    pub cpu_enter: Duration,
    /// So long all is well before a step is given back.
    pub check: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            cpu: true,
            network: true,
            encoder: true,
            cpu_high: 90,
            cpu_low: 75,
            enter: Duration::from_secs(5),
            cpu_enter: Duration::from_secs(20),
            check: Duration::from_secs(30),
        }
    }
}

impl Rules {
    /// So long trouble of this kind lasts before a step.
    const fn enter(&self, reason: Reason) -> Duration {
        match reason {
            Reason::HighCpu => self.cpu_enter,
            Reason::Network | Reason::EncoderOverload => self.enter,
        }
    }
}

/// What was observed since the observation before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// How busy the whole machine's processors were, percent; `None` where nobody can tell.
    pub cpu_percent: Option<u8>,
    /// The mixer repeated a frame because it came too late.
    pub late: bool,
    /// The encoder fell behind, or a frame found its queue full.
    pub overloaded: bool,
    /// Destinations that take the program, or did until their network gave way.
    pub destinations: u32,
    /// Those of them that do not take all of it.
    pub weak: u32,
}

/// What is wanted of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// One of so many frames is sent; the others are left out.
    pub every: u32,
    /// Share of the profile's bit rate, percent.
    pub bitrate_percent: u8,
    /// Whether the show's own graphics are on.
    pub graphics: bool,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Why the step was made, or which reason is gone.
    pub reason: Reason,
    /// Whether quality was given up; else it was given back.
    pub down: bool,
    /// What is wanted now.
    pub quality: Quality,
}

/// One ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ladder {
    /// Steps down, 0 is full quality.
    level: u8,
    /// How much trouble there was of late, in time: grows while there is, shrinks while there is none.
    pressure: Duration,
    /// How long all has been well.
    calm: Duration,
    /// When a step was last given back.
    rose: Option<Duration>,
    /// How many checks have to be good before a step is given back.
    patience: u32,
}

impl Ladder {
    const TOP: Self = Self {
        level: 0,
        pressure: Duration::ZERO,
        calm: Duration::ZERO,
        rose: None,
        patience: 1,
    };
}

/// How an observation speaks of one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Trouble,
    /// Neither bad enough for a step down nor good enough for one up.
    Between,
    Good,
}

/// Where all three ladders stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    ladders: [Ladder; 3],
    seen_at: Option<Duration>,
    held: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            ladders: [Ladder::TOP; 3],
            seen_at: None,
            held: false,
        }
    }
}

impl State {
    /// What is wanted of the program.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let [picture, bitrate, graphics] = self.ladders.map(|one| usize::from(one.level));
        Quality {
            every: EVERY.get(picture).copied().unwrap_or(1),
            bitrate_percent: BITRATE.get(bitrate).copied().unwrap_or(100),
            graphics: graphics == 0,
        }
    }

    /// Why quality is given up at the moment; nothing while all of it is there.
    pub fn reasons(&self) -> impl Iterator<Item = Reason> + '_ {
        Reason::ALL
            .into_iter()
            .filter(|reason| self.ladder(*reason).level > 0)
    }

    /// Which trouble has lasted long enough for a step. While the operator holds full quality, or at
    /// the lowest step, none follows.
    pub fn troubles<'a>(&'a self, rules: &'a Rules) -> impl Iterator<Item = Reason> + 'a {
        Reason::ALL
            .into_iter()
            .filter(|reason| self.ladder(*reason).pressure >= rules.enter(*reason))
    }

    /// How many steps down a reason has led.
    #[must_use]
    pub fn level(&self, reason: Reason) -> u8 {
        self.ladder(reason).level
    }

    /// Whether the operator holds full quality, whatever happens.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// The operator holds full quality (`true`), which is there at once, or lets go of it.
    #[must_use]
    pub fn hold(self, held: bool) -> Self {
        Self {
            held,
            ..Self::default()
        }
    }

    fn ladder(&self, reason: Reason) -> &Ladder {
        &self.ladders[reason.index()]
    }
}

/// The next state by an observation made at `now`, and the step that was made, if any. `now` never
/// runs backwards.
#[must_use]
pub fn observe(rules: &Rules, state: State, seen: &Seen, now: Duration) -> (State, Option<Change>) {
    let passed = state
        .seen_at
        .map_or(Duration::ZERO, |before| now.saturating_sub(before).min(GAP));
    let mut next = state;
    next.seen_at = Some(now);
    for reason in Reason::ALL {
        let verdict = verdict(rules, &state, seen, reason);
        let ladder = &mut next.ladders[reason.index()];
        match verdict {
            Verdict::Trouble => {
                ladder.pressure = (ladder.pressure + passed).min(rules.enter(reason));
                ladder.calm = Duration::ZERO;
            }
            Verdict::Between => ladder.pressure = ladder.pressure.saturating_sub(passed),
            Verdict::Good => {
                ladder.pressure = ladder.pressure.saturating_sub(passed);
                ladder.calm += passed;
            }
        }
    }
    if next.held {
        return (next, None);
    }
    let change = down(rules, &mut next, now).or_else(|| up(rules, &mut next, now));
    (next, change)
}

fn verdict(rules: &Rules, state: &State, seen: &Seen, reason: Reason) -> Verdict {
    let on = match reason {
        Reason::HighCpu => rules.cpu,
        Reason::Network => rules.network,
        Reason::EncoderOverload => rules.encoder,
    };
    if !on {
        return Verdict::Good;
    }
    match reason {
        Reason::HighCpu => {
            // What is left to be done for an encoder that is overloaded without graphics too.
            let last_resort = seen.overloaded && (!state.quality().graphics || !rules.encoder);
            let busy = seen.cpu_percent.is_some_and(|cpu| cpu >= rules.cpu_high);
            let idle = seen.cpu_percent.is_some_and(|cpu| cpu <= rules.cpu_low);
            // On an idle machine something else made the mixer late: fewer frames would not help.
            if busy || (seen.late && !idle) || last_resort {
                Verdict::Trouble
            } else if (idle || seen.cpu_percent.is_none()) && !seen.overloaded {
                Verdict::Good
            } else {
                Verdict::Between
            }
        }
        // One weak destination is its own trouble: the others are not to be punished for it.
        Reason::Network if seen.destinations > 0 && seen.weak >= seen.destinations => {
            Verdict::Trouble
        }
        Reason::Network => Verdict::Good,
        Reason::EncoderOverload if seen.overloaded => Verdict::Trouble,
        Reason::EncoderOverload => Verdict::Good,
    }
}

fn down(rules: &Rules, state: &mut State, now: Duration) -> Option<Change> {
    let due = |reason: &Reason| {
        let ladder = state.ladder(*reason);
        ladder.pressure >= rules.enter(*reason) && ladder.level < reason.floor()
    };
    let reason = Reason::ALL.into_iter().find(due)?;
    let ladder = &mut state.ladders[reason.index()];
    ladder.level += 1;
    let relapsed = |rose: Duration| now.saturating_sub(rose) <= rules.check * RELAPSE_CHECKS;
    ladder.patience = if ladder.rose.is_some_and(relapsed) {
        (ladder.patience * 2).min(PATIENCE)
    } else if ladder.level == 1 {
        1
    } else {
        ladder.patience
    };
    settle(state);
    Some(Change {
        reason,
        down: true,
        quality: state.quality(),
    })
}

fn up(rules: &Rules, state: &mut State, now: Duration) -> Option<Change> {
    let due = |reason: &Reason| {
        let ladder = state.ladder(*reason);
        ladder.level > 0 && ladder.calm >= rules.check * ladder.patience
    };
    let reason = Reason::ALL.into_iter().rev().find(due)?;
    let ladder = &mut state.ladders[reason.index()];
    ladder.level -= 1;
    ladder.rose = Some(now);
    settle(state);
    Some(Change {
        reason,
        down: false,
        quality: state.quality(),
    })
}

/// After a step everything is looked at anew: what was observed before it says nothing about now.
fn settle(state: &mut State) {
    for ladder in &mut state.ladders {
        ladder.pressure = Duration::ZERO;
        ladder.calm = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests;
