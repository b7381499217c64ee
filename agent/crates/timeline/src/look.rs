//! What is due at a position.
//!
//! [`Rundown::look`] is a pure function of the position and never allocates, so that playing, seeking,
//! looping and resuming are the same code.

use crate::rundown::{GraphicCue, Rundown};
use crate::transport::Position;
use model::{MAX_GRAPHICS, Transition};

/// A video cue that is showing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Index into [`Rundown::video`].
    pub cue: usize,
    /// Index into [`Rundown::sources`].
    pub source: usize,
    /// Frames since the cue's first one. Goes on growing while the source is held over a gap. A film's
    /// time 0 was due `into` frames ago.
    pub into: u64,
}

/// A transition that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blend {
    /// What is left; `None` is the fallback picture, which fills a gap at the start.
    pub from: Option<Shown>,
    /// How.
    pub kind: Transition,
    /// Share of what is entered, 1..=255.
    pub progress: u16,
}

/// The picture that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoNow {
    /// What is shown, or being entered.
    pub shown: Shown,
    /// How it is being entered.
    pub blend: Option<Blend>,
}

/// A graphic that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GraphicNow {
    /// Index into [`Rundown::graphics`].
    pub cue: usize,
    /// Its layer; higher is on top.
    pub z: i32,
    /// Its fades, 1..=256; the graphic's own opacity is not in it.
    pub opacity: u16,
}

/// What is due at a position. Made once and filled again for each frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// The picture; `None` is the fallback picture.
    pub video: Option<VideoNow>,
    graphics: [GraphicNow; MAX_GRAPHICS],
    count: usize,
}

/// A source that is wanted now or soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upcoming {
    /// Index into [`Rundown::video`].
    pub cue: usize,
    /// Index into [`Rundown::sources`].
    pub source: usize,
    /// In how many frames it is due; 0 is now.
    pub due_in: u64,
    /// How many frames of the cue have passed when it is due; above 0 only for what is showing now.
    pub into: u64,
}

impl Look {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The graphics, bottom first.
    #[must_use]
    pub fn graphics(&self) -> &[GraphicNow] {
        self.graphics.get(..self.count).unwrap_or(&[])
    }
}

impl Rundown {
    /// Fills `look` with what is due at a position. Of more than [`MAX_GRAPHICS`] graphics the topmost
    /// are taken.
    pub fn look(&self, at: Position, look: &mut Look) {
        look.video = self.video_at(at);
        look.count = 0;
        let due = self.graphics.iter().enumerate().rev();
        let due = due.filter(|(_, cue)| cue.start <= at.frame && at.frame < cue.end);
        for ((cue, graphic), place) in due.zip(look.graphics.iter_mut()) {
            *place = GraphicNow {
                cue,
                z: graphic.z,
                opacity: opacity(graphic, at.frame),
            };
            look.count += 1;
        }
        if let Some(found) = look.graphics.get_mut(..look.count) {
            found.reverse();
        }
    }

    /// Tells of every source that is due now or within the next `within` frames, each cue at most
    /// once, over the end of a looping timeline too. What a running transition leaves comes first.
    pub fn upcoming(&self, at: Position, within: u64, mut tell: impl FnMut(Upcoming)) {
        let now = self.video_at(at);
        let mut showing = [None, None];
        if let Some(now) = now {
            showing = [now.blend.and_then(|blend| blend.from), Some(now.shown)];
        }
        for shown in showing.into_iter().flatten() {
            tell(Upcoming {
                cue: shown.cue,
                source: shown.source,
                due_in: 0,
                into: shown.into,
            });
        }
        let current = now.map(|now| now.shown.cue);
        let later = self.video.partition_point(|cue| cue.start <= at.frame);
        let wrapped = if self.looping && !at.ended { later } else { 0 };
        let pass = self.pass_length(at.loops);
        let rest = self.video.iter().enumerate().skip(later);
        let next = self.video.iter().enumerate().take(wrapped);
        let rest = rest.map(|found| (found, 0));
        for ((cue, video), offset) in rest.chain(next.map(|found| (found, pass))) {
            let due_in = (video.start + offset).saturating_sub(at.frame);
            if due_in > within {
                break;
            }
            // A cue that shows now comes again only as a film that starts anew, by its own input.
            if due_in > 0 && current != Some(cue) {
                tell(Upcoming {
                    cue,
                    source: video.source,
                    due_in,
                    into: 0,
                });
            }
        }
    }

    /// The frames of pass `k`.
    pub(crate) fn pass_length(&self, k: u64) -> u64 {
        self.pass_start(k.saturating_add(1))
            .saturating_sub(self.pass_start(k))
            .max(1)
    }

    fn video_at(&self, at: Position) -> Option<VideoNow> {
        let next = self.video.partition_point(|cue| cue.start <= at.frame);
        let Some(current) = next.checked_sub(1) else {
            // A gap at the start: the last pass's last source stays, or there is none yet.
            let shown = self.of_last_pass(at)?;
            return Some(VideoNow { shown, blend: None });
        };
        let cue = self.video.get(current)?;
        let shown = Shown {
            cue: current,
            source: cue.source,
            into: at.frame - cue.start,
        };
        let blend = cue.transition.and_then(|(kind, frames)| {
            let from = match current.checked_sub(1) {
                Some(before) => Some(self.shown(before, at.frame)?),
                None => self.of_last_pass(at),
            };
            // Nothing was on program before the first frame, and a source does not blend into itself.
            let nothing = from.is_none() && cue.start == 0;
            let itself = from.is_some_and(|from| from.source == cue.source);
            if shown.into >= frames || nothing || itself {
                return None;
            }
            let progress = share(shown.into, frames).min(255);
            Some(Blend {
                from,
                kind,
                progress,
            })
        });
        Some(VideoNow { shown, blend })
    }

    fn shown(&self, cue: usize, frame: u64) -> Option<Shown> {
        let video = self.video.get(cue)?;
        Some(Shown {
            cue,
            source: video.source,
            into: frame.saturating_sub(video.start),
        })
    }

    /// The last cue, as it goes on from the pass before.
    fn of_last_pass(&self, at: Position) -> Option<Shown> {
        let before = at.loops.checked_sub(1)?;
        let last = self.video.len().checked_sub(1)?;
        self.shown(last, at.frame.saturating_add(self.pass_length(before)))
    }
}

/// `step + 1` of `steps + 1`, 1..=256: neither end of a fade is spent on nothing.
fn share(step: u64, steps: u64) -> u16 {
    let (step, steps) = (u128::from(step) + 1, u128::from(steps) + 1);
    let share = (step * 256 + steps / 2) / steps;
    u16::try_from(share).unwrap_or(256).clamp(1, 256)
}

fn opacity(cue: &GraphicCue, frame: u64) -> u16 {
    let appearing = share(frame - cue.start, cue.fade_in);
    let vanishing = share(cue.end - 1 - frame, cue.fade_out);
    appearing.min(vanishing)
}
