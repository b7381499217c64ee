//! How late a track's packets come: the least and the usual worst delay of the last ten seconds.
//!
//! Owns the window. Never decides anything; `SourceTiming` does.

/// One slot lasts half a second.
const SLOT_NS: i64 = 500_000_000;
/// The window is so many slots.
const SLOTS: usize = 20;

/// The delays (arrival − PTS, in nanoseconds) of one track.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals {
    slots: [Slot; SLOTS],
    used: usize,
    newest: usize,
    newest_began: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    least: i64,
    most: i64,
}

impl Arrivals {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    /// Adds one arrival. Slots are counted only while something arrives, so a gap does not empty the
    /// window.
    pub(super) fn note(&mut self, delay: i64, arrived: i64) {
        let slot = Slot {
            least: delay,
            most: delay,
        };
        if self.used == 0 {
            (self.used, self.newest, self.newest_began) = (1, 0, arrived);
            self.slots[0] = slot;
        } else if arrived - self.newest_began >= SLOT_NS {
            self.newest = (self.newest + 1) % SLOTS;
            self.used = (self.used + 1).min(SLOTS);
            self.newest_began = arrived;
            self.slots[self.newest] = slot;
        } else {
            let now = &mut self.slots[self.newest];
            now.least = now.least.min(delay);
            now.most = now.most.max(delay);
        }
    }

    /// The least delay in the window.
    pub(super) fn least(&self) -> Option<i64> {
        self.slots[..self.used].iter().map(|slot| slot.least).min()
    }

    /// The delay that is exceeded in at most two slots: a single late packet does not count, one in
    /// every two seconds (key frames) does. `None` until there are three slots.
    pub(super) fn most(&self) -> Option<i64> {
        let mut top = [i64::MIN; 3];
        for slot in &self.slots[..self.used] {
            let mut most = slot.most;
            for place in &mut top {
                if most > *place {
                    std::mem::swap(place, &mut most);
                }
            }
        }
        (self.used >= 3).then_some(top[2])
    }
}

/// Watches for delays that have become longer and stay so: the PTS went back, or the way became
/// longer. A stall that is being caught up does not count, since there the delay shrinks.
#[derive(Debug, Clone, Default)]
pub(super) struct Plateau {
    began: i64,
    count: u32,
    least: i64,
    before: Option<i64>,
}

/// Two looks of at least this length must agree.
const LOOK_NS: i64 = 200_000_000;
/// And hold at least this many frames.
const LOOK_FRAMES: u32 = 3;
/// From one look to the next the delay may shrink by this much.
const SHRINK_NS: i64 = 20_000_000;

impl Plateau {
    /// Adds a frame. Gives the new least delay when all delays of two looks were above `limit`.
    pub(super) fn note(&mut self, delay: i64, arrived: i64, limit: i64) -> Option<i64> {
        if self.count == 0 {
            (self.began, self.least) = (arrived, delay);
        }
        self.count += 1;
        self.least = self.least.min(delay);
        if self.count < LOOK_FRAMES || arrived - self.began < LOOK_NS {
            return None;
        }
        let least = self.least;
        let before = self.before.replace(least);
        self.count = 0;
        let before = before.filter(|&b| b > limit && least > limit && least >= b - SHRINK_NS)?;
        *self = Self::default();
        Some(before.min(least))
    }
}
