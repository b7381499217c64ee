//! What the show asks for at one frame.

use model::{AudioPolicy, Shot, Transition};

/// A source as it is put on program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// The input, and for a film when its time 0 is due.
    pub shot: Shot,
    /// What becomes of its sound.
    pub audio: AudioPolicy,
    /// It delivers pictures all the time, so that their absence is a fault. False for films (whose
    /// last picture stays), still pictures, patterns and colours.
    pub live: bool,
}

/// How [`Ask::to`] is being entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entering {
    /// What is left; `None` is the fallback picture.
    pub from: Option<Take>,
    /// How.
    pub kind: Transition,
    /// Share of what is entered, 1..=255.
    pub progress: u16,
}

/// What the show asks for at one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// What is to be on program.
    pub to: Take,
    /// How it is being entered; `None` after a cut, and when the transition is over.
    pub entering: Option<Entering>,
    /// What stands in for it when it is lost, where it delivers: its own backup, then the show's.
    pub backups: [Option<Take>; 2],
    /// The show's own picture for lost sources.
    pub fallback: Option<Take>,
    /// The show stands still: films are silent.
    pub paused: bool,
}

impl Ask {
    /// Asks for one source and nothing else.
    #[must_use]
    pub const fn only(to: Take) -> Self {
        Self {
            to,
            entering: None,
            backups: [None; 2],
            fallback: None,
            paused: false,
        }
    }
}
