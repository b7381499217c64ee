//! Places one source on the program clock: from its PTS to program time.
//!
//! Owns the offset of a source, the buffer inside it, and the decision to move it. It never reads a
//! clock: PTS and arrival times are arguments. Neighbours: `sound`, which renders at the PTS that
//! this offset asks for, and the engine's frame store, which shows the newest frame that is due.

mod arrivals;
mod cadence;

use arrivals::{Arrivals, Plateau};
use cadence::{Cadence, Grid};
use model::FrameRate;

const MS: i64 = 1_000_000;
/// A step beyond this moves picture and sound at once; a smaller one is approached.
const STEP: i64 = 40 * MS;
/// Values beyond this (30 years) are not times.
const ABSURD: i64 = 1_000_000_000 * MS;
/// For so long after a start the offset follows the least delay at once: a decoder that has probed
/// delivers what it kept in a burst.
const SETTLING: i64 = 1000 * MS;
/// The same where the frame interval is not known so soon.
const SETTLING_SLOWLY: i64 = 3000 * MS;
/// A source frame is counted as no more than this in the buffer.
const LONGEST_FRAME: i64 = 40 * MS;
/// Kept beyond one source frame, so that a small box or its network may stand still for 60 ms: that
/// costs latency, while a frame that misses its tick is seen.
const CUSHION: i64 = 30 * MS;
/// Kept between what is usually the latest arrival and the time it is needed.
const MARGIN: i64 = 2 * MS;
/// Sound that comes later than this behind its picture is not waited for.
const LATEST_SOUND: i64 = 500 * MS;
/// Frames that must agree that the PTS stepped forward.
const AGREE: u32 = 3;
/// Put on the grid, the buffer is shorter than it should be by at most this part of a cell.
const SHORT: i64 = 4;
/// The offset of the sound moves by at most 2 ms a second: 0.2 %, inaudible.
const SLEW_DIVISOR: i64 = 500;
/// The same while frames come too late for their ticks: 0.5 %, the most that is not heard.
const HURRY_DIVISOR: i64 = 200;
/// The buffer grows by a cell when it is short by more than so many sixteenths of one. A frame misses
/// its tick when it comes half a cell later than the buffer allows: on air that is anticipated but
/// narrowly, since the step itself repeats a picture; off air nobody sees it.
const GROW_ON_AIR: i64 = 7;
const GROW_OFF_AIR: i64 = 5;

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
/// from the PTS `time_of(n) − sound_offset()`. About four frames are waiting at a time; keep room
/// for five (more when [`SourceTiming::buffer`] has grown).
#[derive(Debug, Clone)]
pub struct SourceTiming {
    rate: FrameRate,
    /// Half a program frame.
    half: i64,
    cadence: Cadence,
    frames: Arrivals,
    sounds: Arrivals,
    plateau: Plateau,
    /// Frames in a row that came too early to be believed at once, and their least delay.
    early: (u32, i64),
    state: State,
    place: Option<Place>,
    /// How unevenly frames come: the usual worst delay beyond the least.
    jitter: i64,
    /// How long after a frame's least delay the sound that belongs to it has to be waited for. Sound
    /// is heard half a program frame after its picture is due, and rendered when its last sample is.
    sound_lag: i64,
    /// What `jitter` and `sound_lag` were up to one second ago, and one to two seconds ago. Growth
    /// counts only once it has lasted so long: when the PTS step, both are wrong for a while.
    calm: [(i64, i64); 2],
    calm_since: i64,
    anchors: u32,
    on_air: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing has come.
    Empty,
    /// Only sound has come; it is timed as frames would be.
    SoundOnly { since: i64, last: i64 },
    /// Frames come, since this time.
    Settling { since: i64 },
    /// Frames come; the last at this time.
    Settled { last: i64 },
}

/// Where the source stands in program time.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Offset of the picture: on the grid, if there is one.
    picture: i64,
    /// Offset of the sound, half a program frame not counted; the picture's, or on its way there.
    sound: i64,
    /// Whether the sound's is being moved.
    moving: bool,
    /// The grid and how many cells beyond `picture` the sound is on its way to.
    grid: Option<(Grid, i64)>,
}

impl SourceTiming {
    /// A source that has not delivered anything yet, for a program of `rate`. Make a new one when the
    /// source's decoder is started anew.
    #[must_use]
    pub fn new(rate: FrameRate) -> Self {
        let half = rate.interval().as_nanos() / 2;
        Self {
            rate,
            half: i64::try_from(half).unwrap_or(i64::MAX),
            cadence: Cadence::default(),
            frames: Arrivals::default(),
            sounds: Arrivals::default(),
            plateau: Plateau::default(),
            early: (0, 0),
            state: State::Empty,
            place: None,
            jitter: 0,
            sound_lag: 0,
            calm: [(0, 0); 2],
            calm_since: 0,
            anchors: 0,
            on_air: true,
        }
    }

    /// Tells whether anybody sees or hears the source; until told, it is taken to be so. Off air the
    /// buffer is fitted to the arrivals at once, by steps that would be seen on air.
    pub const fn set_on_air(&mut self, on_air: bool) {
        self.on_air = on_air;
    }

    /// Tells of a frame, in order of arrival. Values beyond ±30 years are not believed.
    pub fn frame_arrived(&mut self, pts_ns: i64, arrived_ns: i64) {
        if !believable(pts_ns, arrived_ns) {
            return;
        }
        if let State::Empty | State::SoundOnly { .. } = self.state {
            self.frames.clear();
            self.state = State::Settling { since: arrived_ns };
        }
        let regular = self.cadence.note(pts_ns);
        self.follow(pts_ns, arrived_ns);
        self.lock(pts_ns, regular);
    }

    /// Tells of a piece of sound whose first sample has this PTS.
    pub fn audio_arrived(&mut self, pts_ns: i64, arrived_ns: i64) {
        if !believable(pts_ns, arrived_ns) {
            return;
        }
        let delay = arrived_ns - pts_ns;
        self.sounds.note(delay, arrived_ns);
        match self.state {
            State::Empty => {
                self.state = sound_only(arrived_ns);
                self.sound_lag = MARGIN;
                self.calm = [(0, self.sound_lag); 2];
                self.settle(delay, pts_ns, arrived_ns);
            }
            State::SoundOnly { since, last } => {
                self.state = State::SoundOnly {
                    since,
                    last: arrived_ns,
                };
                if arrived_ns - since < SETTLING {
                    self.settle(delay, pts_ns, arrived_ns);
                } else {
                    self.settled(delay, pts_ns, arrived_ns, last);
                }
            }
            State::Settling { .. } => {}
            State::Settled { .. } => {
                let lag = self.sounds.most().zip(self.frames.least());
                if let Some((most, least)) = lag {
                    let lag = most - least - self.half + MARGIN;
                    self.sound_lag = if lag > LATEST_SOUND { 0 } else { lag };
                }
            }
        }
    }

    /// What is added to the PTS of a frame to get the program time at which it is due; `None` before
    /// anything has arrived.
    #[must_use]
    pub fn offset(&self) -> Option<i64> {
        Some(self.place?.picture)
    }

    /// What is added to the PTS of a sample to get the program time at which it is heard: the offset
    /// plus half a program frame, because a frame is seen, on average, half a program frame after it
    /// is due. While the two clocks drift apart it moves by at most 0.2 %, where the picture's moves by
    /// whole frames.
    #[must_use]
    pub fn sound_offset(&self) -> Option<i64> {
        Some(self.place?.sound + self.half)
    }

    /// Program time at which the frame with this PTS is due.
    #[must_use]
    pub fn due(&self, pts_ns: i64) -> Option<i64> {
        Some(self.offset()?.saturating_add(pts_ns))
    }

    /// How long a frame that came without delay waits until it is due, by plan: one source frame and
    /// 30 ms, or more when its frames come unevenly or its sound comes late. For reports.
    #[must_use]
    pub fn buffer(&self) -> i64 {
        let program = self.half * 2;
        let frame = self
            .cadence
            .interval()
            .unwrap_or(program)
            .min(LONGEST_FRAME)
            + CUSHION;
        let (jitter, sound_lag) = self.calm[1];
        let jitter = jitter.min(self.jitter) + MARGIN;
        frame.max(jitter).max(sound_lag.min(self.sound_lag))
    }

    /// How often the offset jumped by more than 40 ms after the source had settled: PTS that stepped,
    /// or a delay that changed.
    #[must_use]
    pub fn reanchors(&self) -> u32 {
        self.anchors
    }

    /// Takes a frame's delay into account.
    fn follow(&mut self, pts: i64, arrived: i64) {
        let delay = arrived - pts;
        match self.state {
            State::Empty | State::SoundOnly { .. } => {}
            State::Settling { since } => {
                self.settle(delay, pts, arrived);
                let long = arrived - since;
                let known = self.cadence.interval().is_some() && long >= SETTLING;
                if known || long >= SETTLING_SLOWLY {
                    self.put(pts);
                    self.sounds.clear();
                    self.state = State::Settled { last: arrived };
                }
            }
            State::Settled { last } => {
                self.state = State::Settled { last: arrived };
                self.settled(delay, pts, arrived, last);
            }
        }
    }

    /// The first second: the offset is where the least delay says.
    fn settle(&mut self, delay: i64, pts: i64, arrived: i64) {
        if self
            .frames
            .least()
            .is_some_and(|least| delay < least - 10 * MS)
        {
            self.frames.clear(); // what came before was the burst
        }
        self.frames.note(delay, arrived);
        let cell = self
            .place
            .and_then(|p| p.grid)
            .map_or(0, |(grid, _)| grid.cell());
        let near = self.place.zip(self.target());
        if near.is_none_or(|(place, target)| (place.sound - target).abs() > cell / 4 * 3 + 5 * MS) {
            self.put(pts);
        }
    }

    /// Later: steps of the PTS move everything at once, the rest is approached.
    fn settled(&mut self, delay: i64, pts: i64, arrived: i64, last: i64) {
        let least = self.frames.least().unwrap_or(delay);
        if delay < least - STEP {
            let (count, earliest) = self.early;
            let earliest = if count == 0 {
                delay
            } else {
                earliest.min(delay)
            };
            self.early = (count + 1, earliest);
            if count + 1 >= AGREE {
                self.anchor(earliest, pts, arrived);
            }
            return;
        }
        self.early = (0, 0);
        self.frames.note(delay, arrived);
        if let Some(most) = self.frames.most() {
            self.jitter = most - self.frames.least().unwrap_or(most);
        }
        if arrived - self.calm_since >= SETTLING {
            self.calm = [(self.jitter, self.sound_lag), self.calm[0]];
            self.calm_since = arrived;
        }
        let limit = least + self.buffer().max(STEP);
        if let Some(now) = self.plateau.note(delay, arrived, limit) {
            self.anchor(now, pts, arrived);
        } else {
            self.steer(pts, (arrived - last).clamp(0, 200 * MS));
        }
    }

    /// Starts over from a new least delay.
    fn anchor(&mut self, least: i64, pts: i64, arrived: i64) {
        self.early = (0, 0);
        self.plateau = Plateau::default();
        self.frames.clear();
        self.sounds.clear();
        self.frames.note(least, arrived);
        (self.jitter, self.sound_lag) = self.calm[1];
        self.calm[0] = self.calm[1];
        self.put(pts);
        self.anchors = self.anchors.saturating_add(1);
        self.state = match self.state {
            State::SoundOnly { .. } => sound_only(arrived),
            _ => State::Settling { since: arrived },
        };
    }

    /// Where the offset should be, but for the grid.
    fn target(&self) -> Option<i64> {
        Some(self.frames.least()? + self.buffer())
    }

    /// Puts picture and sound where they should be, on the grid if there is one.
    fn put(&mut self, pts: i64) {
        let Some(target) = self.target() else { return };
        let grid = self.cadence.grid(self.rate);
        // Where the grid lies between two points, rather a longer buffer than a shorter one.
        let offset = grid.map_or(target, |grid| {
            let short = grid.off(pts + target);
            let cell = grid.cell();
            target - short + if short > cell / SHORT { cell } else { 0 }
        });
        self.place = Some(Place {
            picture: offset,
            sound: offset,
            moving: false,
            grid: grid.map(|grid| (grid, 0)),
        });
    }

    /// Moves the sound's offset towards where it should be; `passed` is the time since the last frame.
    fn steer(&mut self, pts: i64, passed: i64) {
        let Some((target, mut place)) = self.target().zip(self.place) else {
            return;
        };
        let mut goal = target;
        let mut ease = 5 * MS;
        let mut divisor = SLEW_DIVISOR;
        if let Some((grid, cells)) = place.grid.as_mut() {
            let cell = grid.cell();
            let off = target - (place.picture + *cells * cell);
            let grow = if self.on_air {
                GROW_ON_AIR
            } else {
                GROW_OFF_AIR
            };
            // Wide apart, so that a picture on program moves only when it has to.
            if off > cell / 16 * grow || off < -(cell + cell / 8) {
                if !self.on_air {
                    self.put(pts);
                    return;
                }
                *cells -= (cell / SHORT - off).div_euclid(cell);
            }
            if *cells > 0 {
                divisor = HURRY_DIVISOR;
            }
            if grid.steady {
                goal = place.picture + *cells * cell;
                ease = MS / 5;
            }
        }
        let off = goal - place.sound;
        if off > STEP {
            self.put(pts);
            self.anchors = self.anchors.saturating_add(1);
            return;
        }
        place.moving = off.abs() > if place.moving { MS / 20 } else { ease };
        if place.moving {
            let most = passed / divisor;
            place.sound += off.clamp(-most, most);
        }
        self.place = Some(place);
    }

    /// Keeps the picture's offset on the grid, at the point of it that is nearest to the sound's. Only
    /// frames that came `regular`ly say where the grid is.
    fn lock(&mut self, pts: i64, regular: bool) {
        let grid = self.cadence.grid(self.rate);
        let Some(place) = self.place.as_mut() else {
            return;
        };
        let Some(grid) = grid else {
            place.grid = None;
            place.picture = place.sound;
            return;
        };
        let off = grid.off(pts.saturating_add(place.picture));
        let cell = grid.cell();
        match place.grid.as_mut() {
            Some((known, _)) if known.same(grid) => {
                // Slowly, so that jitter of the PTS is averaged out; a source that slides along the
                // grid by 0.1 % is then held within 1.1 ms of it.
                *known = grid;
                place.picture -= if regular { off / 32 } else { 0 };
            }
            _ => {
                place.grid = Some((grid, 0));
                place.picture -= off;
            }
        }
        let apart = place.picture - place.sound;
        if apart.abs() > cell / 2 + cell / 32 {
            let cells = (apart + apart.signum() * cell / 2) / cell;
            place.picture -= cells * cell;
            if let Some((_, goal)) = place.grid.as_mut() {
                *goal += cells;
            }
        }
    }
}

const fn sound_only(since: i64) -> State {
    State::SoundOnly { since, last: since }
}

fn believable(pts: i64, arrived: i64) -> bool {
    let times = -ABSURD..=ABSURD;
    times.contains(&pts) && times.contains(&arrived)
}

#[cfg(test)]
mod tests;
