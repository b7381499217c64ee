//! Where a running show stands: program frames to positions.
//!
//! Owns start, pause, seek and stop as a pure state machine. The caller counts the program's frames;
//! nothing here reads a clock, so nothing here can drift.

use crate::rundown::Rundown;
use protocol::{Code, HasCode};

/// A place in a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Frames since the start of the pass.
    pub frame: u64,
    /// Passes that are complete.
    pub loops: u64,
    /// The end of a timeline that does not loop has been reached; `frame` stays there.
    pub ended: bool,
}

/// What a transport is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playing {
    /// Nothing.
    Stopped,
    /// Moving with the program.
    Running,
    /// Standing still.
    Paused,
}

/// Why a transport does not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TransportError {
    /// Nothing is running.
    #[error("no timeline is running")]
    NotRunning,
    /// Outside the timeline. Both numbers are seconds.
    #[error("{seconds} s is outside the timeline, which is {limit} s long")]
    OutOfRange {
        /// What was asked for.
        seconds: f64,
        /// The length of the timeline.
        limit: f64,
    },
}

impl HasCode for TransportError {
    fn code(&self) -> Code {
        match self {
            Self::NotRunning => Code::TimelineNotRunning,
            Self::OutOfRange { .. } => Code::SeekOutOfRange,
        }
    }
}

/// Turns program frames into positions of one rundown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transport {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Stopped,
    /// At program frame `since`, `elapsed` frames had been played.
    Running {
        since: u64,
        elapsed: u64,
    },
    Paused {
        elapsed: u64,
    },
}

impl Transport {
    /// A transport that is stopped.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Stopped,
        }
    }

    /// What it is doing.
    #[must_use]
    pub const fn playing(&self) -> Playing {
        match self.state {
            State::Stopped => Playing::Stopped,
            State::Running { .. } => Playing::Running,
            State::Paused { .. } => Playing::Paused,
        }
    }

    /// Plays from `position` on, which is showing at program frame `n`. Also starts again what runs.
    pub fn start(&mut self, rundown: &Rundown, n: u64, position: Position) {
        let elapsed = elapsed(rundown, position);
        self.state = State::Running { since: n, elapsed };
    }

    /// Stands still at what program frame `n` shows. Again is the same as once.
    ///
    /// # Errors
    /// [`TransportError::NotRunning`] when stopped.
    pub fn pause(&mut self, n: u64) -> Result<(), TransportError> {
        let elapsed = self.elapsed(n).ok_or(TransportError::NotRunning)?;
        self.state = State::Paused { elapsed };
        Ok(())
    }

    /// Goes on at program frame `n` with what the pause shows. Does nothing when it runs already.
    ///
    /// # Errors
    /// [`TransportError::NotRunning`] when stopped.
    pub const fn resume(&mut self, n: u64) -> Result<(), TransportError> {
        match self.state {
            State::Stopped => return Err(TransportError::NotRunning),
            State::Running { .. } => {}
            State::Paused { elapsed } => self.state = State::Running { since: n, elapsed },
        }
        Ok(())
    }

    /// Goes to `frame` of the pass that is showing at program frame `n`; runs on, or stays paused,
    /// from there. The count of passes is kept.
    ///
    /// # Errors
    /// [`TransportError`] when stopped, or when the frame is outside the timeline.
    pub fn seek(&mut self, rundown: &Rundown, n: u64, frame: u64) -> Result<(), TransportError> {
        let now = self
            .position(rundown, n)
            .ok_or(TransportError::NotRunning)?;
        if frame >= rundown.length() {
            return Err(TransportError::OutOfRange {
                seconds: rundown.rate().time_of(frame).as_secs_f64(),
                limit: rundown.duration(),
            });
        }
        let frame = frame.min(rundown.pass_length(now.loops) - 1);
        let ended = false;
        let elapsed = elapsed(
            rundown,
            Position {
                frame,
                ended,
                ..now
            },
        );
        self.state = match self.state {
            State::Running { .. } => State::Running { since: n, elapsed },
            State::Paused { .. } | State::Stopped => State::Paused { elapsed },
        };
        Ok(())
    }

    /// Forgets the position.
    pub const fn stop(&mut self) {
        self.state = State::Stopped;
    }

    /// What program frame `n` shows; `None` when stopped. A frame before the start shows the start.
    #[must_use]
    pub fn position(&self, rundown: &Rundown, n: u64) -> Option<Position> {
        let elapsed = self.elapsed(n)?;
        if !rundown.looping() && elapsed >= rundown.length() {
            return Some(Position {
                frame: rundown.length(),
                loops: 0,
                ended: true,
            });
        }
        if !rundown.looping() {
            return Some(Position {
                frame: elapsed,
                loops: 0,
                ended: false,
            });
        }
        let (loops, frame) = rundown.locate(elapsed);
        Some(Position {
            frame,
            loops,
            ended: false,
        })
    }

    fn elapsed(&self, n: u64) -> Option<u64> {
        match self.state {
            State::Stopped => None,
            State::Running { since, elapsed } => Some(
                elapsed
                    .saturating_add(n.saturating_sub(since))
                    .min(ELAPSED_LIMIT),
            ),
            State::Paused { elapsed } => Some(elapsed),
        }
    }
}

/// Nine million years of frames; keeps the arithmetic of passes inside 128 bits.
const ELAPSED_LIMIT: u64 = 1 << 54;

fn elapsed(rundown: &Rundown, position: Position) -> u64 {
    let passes = if rundown.looping() { position.loops } else { 0 };
    let before = rundown.pass_start(passes);
    before.saturating_add(position.frame).min(ELAPSED_LIMIT)
}
