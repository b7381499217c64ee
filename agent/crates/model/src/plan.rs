//! The plan of one program frame: what the mixer is told, thirty times a second.
//!
//! Everything here is `Copy` and of fixed size, so that planning a frame never allocates.

use crate::InputId;

/// Most graphics of a timeline on one frame.
pub const MAX_GRAPHICS: usize = 16;
/// Most layers on one frame: a timeline's graphics, and the agent's own notices over them.
pub const MAX_LAYERS: usize = MAX_GRAPHICS + 4;
/// Most sounds in one frame.
pub const MAX_FEEDS: usize = 4;

/// A rendered graphic that the mixer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RasterId(pub u32);

/// One input as a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shot {
    /// Which input.
    pub input: InputId,
    /// For files: the program frame at which the file's time 0 is due. `None` for live inputs, which
    /// show their newest picture.
    pub origin: Option<i64>,
}

/// How one picture becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Crossfade.
    Mix,
    /// A vertical edge that moves from left to right.
    Wipe,
}

/// The picture under the graphics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// One input.
    One(Shot),
    /// Two inputs during a transition.
    Two {
        /// What is being left.
        from: Shot,
        /// What is being entered.
        to: Shot,
        /// How.
        kind: Transition,
        /// Share of `to`, 0..=256.
        progress: u16,
    },
}

/// A graphic on the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Which rendered graphic; skipped while the mixer does not hold it.
    pub raster: RasterId,
    /// 0 (not there) to 256 (as rendered).
    pub opacity: u16,
    /// Moves the graphic from where it was rendered, in pixels (even numbers).
    pub shift: (i32, i32),
}

/// A sound in the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioFeed {
    /// Which input.
    pub input: InputId,
    /// As in [`Shot::origin`].
    pub origin: Option<i64>,
    /// Linear gain at the end of this frame, 0.0..=1.0; the mixer ramps to it from the gain of the
    /// frame before.
    pub gain: f32,
}

/// What one program frame is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FramePlan {
    /// The picture under the graphics.
    pub picture: Picture,
    layers: [Layer; MAX_LAYERS],
    layer_count: usize,
    feeds: [AudioFeed; MAX_FEEDS],
    feed_count: usize,
}

impl FramePlan {
    /// A plan with only a picture.
    #[must_use]
    pub const fn new(picture: Picture) -> Self {
        let layer = Layer {
            raster: RasterId(0),
            opacity: 0,
            shift: (0, 0),
        };
        let feed = AudioFeed {
            input: InputId(0),
            origin: None,
            gain: 0.0,
        };
        Self {
            picture,
            layers: [layer; MAX_LAYERS],
            layer_count: 0,
            feeds: [feed; MAX_FEEDS],
            feed_count: 0,
        }
    }

    /// Puts a graphic on top of those already there. Returns false when there is no room.
    pub fn push_layer(&mut self, layer: Layer) -> bool {
        let Some(place) = self.layers.get_mut(self.layer_count) else {
            return false;
        };
        *place = layer;
        self.layer_count += 1;
        true
    }

    /// Adds a sound; a second feed of the same input raises its gain to the larger of the two.
    /// Returns false when there is no room.
    pub fn push_feed(&mut self, feed: AudioFeed) -> bool {
        let known = self.feeds.iter_mut().take(self.feed_count);
        if let Some(same) = { known }.find(|f| f.input == feed.input && f.origin == feed.origin) {
            same.gain = same.gain.max(feed.gain);
            return true;
        }
        let Some(place) = self.feeds.get_mut(self.feed_count) else {
            return false;
        };
        *place = feed;
        self.feed_count += 1;
        true
    }

    /// The graphics, bottom first.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        self.layers.get(..self.layer_count).unwrap_or(&[])
    }

    /// The sounds.
    #[must_use]
    pub fn feeds(&self) -> &[AudioFeed] {
        self.feeds.get(..self.feed_count).unwrap_or(&[])
    }
}

/// How an input is doing, as the mixer sees it at this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputState {
    /// No such input, or it has not delivered a picture yet.
    Absent,
    /// A picture newer than the hold time.
    Fresh,
    /// Older than a frame or two, but within the hold time; its last picture stands.
    Held,
    /// No new picture for longer than the hold time; its last picture can still be shown.
    Lost,
}

/// How the machine keeps up, as the mixer sees it at this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strain {
    /// How late the planning of this frame began, microseconds.
    pub late_us: u32,
    /// An encoder does not take frames as fast as they come: its queue is full.
    pub encoder_full: bool,
    /// Live inputs that have delivered a picture at some time.
    pub live: u16,
    /// How many of those are [`InputState::Lost`].
    pub lost: u16,
}

/// What the director may ask of the mixer's inputs while it plans.
pub trait InputHealth {
    /// The state of an input at this frame.
    fn state(&self, input: InputId) -> InputState;

    /// How the machine keeps up.
    fn strain(&self) -> Strain;
}

/// Decides what each program frame is made of. Called on the mixer's thread, so it neither blocks
/// nor allocates.
pub trait Director: Send {
    /// The plan of program frame `n`. Frames are asked for in order, each once.
    fn plan(&mut self, n: u64, inputs: &dyn InputHealth) -> FramePlan;
}
