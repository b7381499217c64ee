//! The mixer's half of a source.

use super::{Arrival, FrameBuf, Shared, SoundPiece};
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;

/// The mixer's half of a source; goes to [`crate::program::Program::attach`].
#[derive(Debug)]
pub struct Inlet {
    pub(crate) kind: Kind,
    pub(crate) shared: Arc<Shared>,
}

/// What kind of source it is, for the mixer.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Shows its newest picture that is due.
    Live(Feed),
    /// Shows the picture of the asked time.
    File(Feed),
    /// Always shows the same.
    Still(Arc<FrameBuf>),
}

/// Where a decoder's pictures and sound arrive.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) frames: Arc<ArrayQueue<Arrival>>,
    pub(crate) sound: rtrb::Consumer<SoundPiece>,
}

impl Inlet {
    pub(super) const fn still(frame: Arc<FrameBuf>, shared: Arc<Shared>) -> Self {
        Self {
            kind: Kind::Still(frame),
            shared,
        }
    }
}
