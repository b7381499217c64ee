//! What a viewer got, counted frame by frame in memory that does not grow with the frames.
//!
//! Pure: frames, sound and times come in, figures come out. Never waits, reads or starts anything.
//! `at` is nanoseconds since the reading began, on the judge's clock; `pts` is the program's own time.

use crate::code::Code;
use crate::judge::percentile;
use std::collections::VecDeque;

/// Most incidents that are kept; more are counted.
const MAX_INCIDENTS: usize = 20_000;
/// Most offsets of sound against picture that are kept: one a second for 27 hours.
const MAX_OFFSETS: usize = 100_000;
/// A step between presentation times may be off by so much: RTMP counts milliseconds.
const SLACK_NS: i64 = 1_500_000;
/// A picture as dark as this is black.
const BLACK: f32 = 24.0;
/// A picture without a barcode that changes less than this, on average over its pixels, is a still.
const STILL: f32 = 0.6;
/// Frames whose arrival decides where the program's clock stands against ours: ten seconds.
const CLOCK_WINDOW: usize = 300;
/// A beep and a flash farther apart do not belong together.
const APART_NS: i64 = 400_000_000;

/// What can be wrong with a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wrong {
    /// The same camera frame again and again.
    Held,
    /// A still picture that is no camera's: pattern, slate.
    Still,
    /// A black picture.
    Black,
    /// Frames of a camera that were never shown.
    Lost,
    /// Program frames that are not there: a hole in the program's own times.
    Gap,
    /// Program times that go back, or come closer than a frame.
    Back,
    /// A hole in the times of the sound.
    SoundHole,
    /// Nothing to read at all: the stream ended and another began.
    Outage,
}

/// Something wrong, once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incident {
    /// What.
    pub wrong: Wrong,
    /// When it began.
    pub at_ns: u64,
    /// How long it lasted; for a gap, what is missing.
    pub ms: f64,
    /// How many frames; 0 where it is not about frames.
    pub frames: u64,
}

/// Counts over some time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Program frames that came.
    pub frames: u64,
    /// Program frames that are missing in the program's own times.
    pub missing: u64,
    /// Camera frames that were shown more than once.
    pub repeated: u64,
    /// Camera frames that were left out.
    pub lost: u64,
    /// Black frames.
    pub black: u64,
    /// Still frames that are no camera's.
    pub still: u64,
    /// Times at which the picture stood for more than 200 ms.
    pub freezes: u64,
    /// The longest of them in milliseconds.
    pub longest_freeze_ms: f64,
    /// Times that are not one frame after the one before.
    pub time_faults: u64,
    /// Holes in the sound.
    pub sound_holes: u64,
    /// Nothing to read, in milliseconds.
    pub outage_ms: f64,
}

/// A frame, as it is told to the tally.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) pts_ns: i64,
    pub(crate) at_ns: u64,
    pub(crate) code: Option<Code>,
    /// Mean luma.
    pub(crate) mean: f32,
    /// Mean change of a pixel from the frame before.
    pub(crate) change: f32,
    /// Mean luma of the flash patch.
    pub(crate) flash: f32,
}

/// How far the program's clock went against ours in one session.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Clock {
    /// Program frames that came.
    pub frames: u64,
    /// Program frames that are missing between them.
    pub missing: u64,
    /// Program frames that our clock says there should be.
    pub due: f64,
    /// Seconds read.
    pub seconds: f64,
}

#[derive(Debug, Default)]
struct Session {
    first: Option<(i64, u64)>,
    last: Option<Seen>,
    frames: u64,
    missing: u64,
    early: Option<i64>,
    recent: VecDeque<i64>,
    phases: [Option<i64>; 8],
    sound_end: Option<i64>,
    since_loud: u64,
}

/// The tally.
#[derive(Debug)]
pub(super) struct Tally {
    interval_ns: i64,
    length: i32,
    now: Session,
    clocks: Vec<Clock>,
    all: Counts,
    minutes: Vec<Counts>,
    incidents: Vec<Incident>,
    beyond: u64,
    offsets: Vec<(u64, f32)>,
    flashes: VecDeque<(i64, u64)>,
    beeps: VecDeque<i64>,
    cuts: VecDeque<i64>,
    run: Option<(Wrong, usize)>,
    fresh_at: u64,
    lost_at: u64,
}

impl Tally {
    /// A tally of a program whose cameras run at its rate and whose clips have `length` frames.
    pub(crate) fn new(interval_ns: i64, length: u16) -> Self {
        Self {
            interval_ns,
            length: i32::from(length),
            now: Session::default(),
            clocks: Vec::new(),
            all: Counts::default(),
            minutes: Vec::new(),
            incidents: Vec::new(),
            beyond: 0,
            offsets: Vec::new(),
            flashes: VecDeque::new(),
            beeps: VecDeque::new(),
            cuts: VecDeque::new(),
            run: None,
            fresh_at: 0,
            lost_at: 0,
        }
    }

    /// A new stream begins.
    pub(crate) fn session(&mut self) {
        let clock = self.clock();
        if clock.frames > 0 {
            self.clocks.push(clock);
            self.lost_at = self.now.last.map_or(self.lost_at, |last| last.at_ns);
        }
        self.now = Session::default();
        self.flashes.clear();
        self.beeps.clear();
        self.cuts.clear();
        self.run = None;
    }

    /// A frame came.
    pub(crate) fn frame(&mut self, seen: Seen) {
        self.count(seen.at_ns, |counts| counts.frames += 1);
        self.times(&seen);
        self.picture(&seen);
        self.flash(&seen);
        self.now.last = Some(seen);
        self.pair();
    }

    fn times(&mut self, seen: &Seen) {
        let lag = i64::try_from(seen.at_ns).unwrap_or(i64::MAX) - seen.pts_ns;
        if self.now.first.is_none() {
            self.now.first = Some((seen.pts_ns, seen.at_ns));
            if self.all.frames > 1 {
                let ms = seen.at_ns.saturating_sub(self.lost_at) as f64 / 1e6;
                self.note(Wrong::Outage, self.lost_at, ms, 0);
                self.count(seen.at_ns, |counts| counts.outage_ms += ms);
            }
        }
        self.now.frames += 1;
        self.now.recent.push_back(lag);
        if self.now.recent.len() > CLOCK_WINDOW {
            self.now.recent.pop_front();
        }
        if self.now.early.is_none() && self.now.recent.len() == CLOCK_WINDOW {
            self.now.early = self.now.recent.iter().min().copied();
        }
        let Some(last) = self.now.last else { return };
        let step = seen.pts_ns - last.pts_ns;
        if (step - self.interval_ns).abs() <= SLACK_NS {
            return;
        }
        self.count(seen.at_ns, |counts| counts.time_faults += 1);
        let missing = (step + self.interval_ns / 2) / self.interval_ns - 1;
        let ms = (step - self.interval_ns) as f64 / 1e6;
        if missing > 0 {
            let missing = missing.unsigned_abs();
            self.now.missing += missing;
            self.note(Wrong::Gap, last.at_ns, ms, missing);
            self.count(seen.at_ns, |counts| counts.missing += missing);
        } else {
            let wrong = if ms < 0.0 { Wrong::Back } else { Wrong::Gap };
            self.note(wrong, last.at_ns, ms, 0);
        }
    }

    fn picture(&mut self, seen: &Seen) {
        let before = self.now.last.and_then(|last| last.code);
        let wrong = match seen.code {
            _ if seen.mean < BLACK => Some(Wrong::Black),
            Some(code) if before == Some(code) => Some(Wrong::Held),
            None if seen.change < STILL && self.now.last.is_some() => Some(Wrong::Still),
            _ => None,
        };
        match wrong {
            Some(Wrong::Black) => self.count(seen.at_ns, |counts| counts.black += 1),
            Some(Wrong::Held) => self.count(seen.at_ns, |counts| counts.repeated += 1),
            Some(Wrong::Still) => self.count(seen.at_ns, |counts| counts.still += 1),
            _ => {}
        }
        self.extend(wrong, seen);
        if seen.code.is_some() && wrong.is_none() {
            self.fresh_at = seen.at_ns;
        }
        // A frame that is shown again says nothing of where the camera is by now.
        let Some(code) = seen.code.filter(|_| wrong.is_none()) else {
            return;
        };
        if before.is_none_or(|before| before.camera != code.camera) {
            self.cuts.push_back(seen.pts_ns);
            if self.cuts.len() > 64 {
                self.cuts.pop_front();
            }
        }
        let since = seen.pts_ns - self.now.first.map_or(seen.pts_ns, |(pts, _)| pts);
        let place = (since + self.interval_ns / 2) / self.interval_ns;
        let phase = (i64::from(code.frame) - place).rem_euclid(i64::from(self.length));
        let known = &mut self.now.phases[usize::from(code.camera)];
        if let Some(was) = known.replace(phase)
            && was != phase
        {
            let length = i64::from(self.length);
            let step = (phase - was).rem_euclid(length);
            if step <= length / 2 {
                let lost = step.unsigned_abs();
                let ms = (step * self.interval_ns) as f64 / 1e6;
                self.note(Wrong::Lost, seen.at_ns, ms, lost);
                self.count(seen.at_ns, |counts| counts.lost += lost);
            }
        }
    }

    /// Begins, goes on with or ends a run of frames with the same thing wrong.
    fn extend(&mut self, wrong: Option<Wrong>, seen: &Seen) {
        let Some(wrong) = wrong else {
            self.run = None;
            return;
        };
        let since = self.now.last.map_or(seen.at_ns, |last| last.at_ns);
        let place = match self.run {
            Some((which, place)) if which == wrong => place,
            _ => {
                self.note(wrong, since, 0.0, 0);
                self.run = Some((wrong, self.incidents.len() - 1));
                self.incidents.len() - 1
            }
        };
        let interval = self.interval_ns as f64 / 1e6;
        let incident = &mut self.incidents[place];
        incident.frames += 1;
        incident.ms = (incident.frames + 1) as f64 * interval;
        let (ms, frames) = (incident.ms, incident.frames);
        if wrong == Wrong::Held && ms > 200.0 {
            let first = (frames as f64) * interval <= 200.0;
            self.count(seen.at_ns, |counts| {
                counts.freezes += u64::from(first);
                counts.longest_freeze_ms = counts.longest_freeze_ms.max(ms);
            });
        }
    }

    fn flash(&mut self, seen: &Seen) {
        let dark = self.now.last.is_some_and(|last| last.flash < 140.0);
        if dark && seen.flash >= 180.0 && seen.code.is_some() {
            self.flashes.push_back((seen.pts_ns, seen.at_ns));
        }
    }

    /// Sound came: mono at 48 kHz, from `pts_ns` on.
    pub(crate) fn sound(&mut self, pts_ns: i64, at_ns: u64, samples: &[i16]) {
        let length = i64::try_from(samples.len()).unwrap_or(0) * 1_000_000_000 / 48_000;
        if let Some(end) = self.now.sound_end
            && (pts_ns - end).abs() > SLACK_NS
        {
            self.note(Wrong::SoundHole, at_ns, (pts_ns - end) as f64 / 1e6, 0);
            self.count(at_ns, |counts| counts.sound_holes += 1);
        }
        self.now.sound_end = Some(pts_ns + length);
        for (place, sample) in samples.iter().enumerate() {
            // A third of the beep's swing, after 300 ms without.
            if sample.unsigned_abs() > 4_000 {
                if self.now.since_loud > 14_400 {
                    let place = i64::try_from(place).unwrap_or(0) - 3;
                    self.beeps
                        .push_back(pts_ns + place * 1_000_000_000 / 48_000);
                }
                self.now.since_loud = 0;
            }
            self.now.since_loud += 1;
        }
        self.pair();
    }

    /// Pairs flashes with beeps once both tracks are half a second past them.
    fn pair(&mut self) {
        let (Some(picture), Some(sound)) = (self.now.last, self.now.sound_end) else {
            return;
        };
        let ready = picture.pts_ns.min(sound) - 500_000_000;
        while let Some((flash, at_ns)) = self.flashes.front().copied() {
            if flash > ready {
                break;
            }
            self.flashes.pop_front();
            let near_a_cut = self.cuts.iter().any(|cut| (cut - flash).abs() < APART_NS);
            let gap = self
                .beeps
                .iter()
                .map(|beep| beep - flash)
                .min_by_key(|gap| gap.abs())
                .filter(|gap| gap.abs() < APART_NS);
            if let Some(gap) = gap.filter(|_| !near_a_cut && self.offsets.len() < MAX_OFFSETS) {
                self.offsets.push((at_ns, gap as f32 / 1e6));
            }
        }
        while self
            .beeps
            .front()
            .is_some_and(|beep| *beep < ready - 1_000_000_000)
        {
            self.beeps.pop_front();
        }
    }

    fn note(&mut self, wrong: Wrong, at_ns: u64, ms: f64, frames: u64) {
        if self.incidents.len() >= MAX_INCIDENTS {
            self.beyond += 1;
            // The last place is taken over, so that what goes on can still be counted.
            self.incidents.pop();
        }
        self.incidents.push(Incident {
            wrong,
            at_ns,
            ms,
            frames,
        });
    }

    fn count(&mut self, at_ns: u64, change: impl Fn(&mut Counts)) {
        let minute = usize::try_from(at_ns / 60_000_000_000).unwrap_or(0);
        if self.minutes.len() <= minute && minute < 100_000 {
            self.minutes.resize(minute + 1, Counts::default());
        }
        change(&mut self.all);
        if let Some(counts) = self.minutes.get_mut(minute) {
            change(counts);
        }
    }

    /// Forgets which frame each camera is at: a camera that was away may come back at any.
    pub(crate) fn excuse(&mut self) {
        self.now.phases = [None; 8];
    }

    /// Everything so far.
    pub(crate) fn counts(&self) -> Counts {
        self.all
    }

    /// The same by the minute.
    pub(crate) fn minutes(&self) -> Vec<Counts> {
        self.minutes.clone()
    }

    /// Incidents from a place in the list on, and how many there are.
    pub(crate) fn incidents(&self, from: usize) -> Vec<Incident> {
        self.incidents.get(from..).unwrap_or_default().to_vec()
    }

    /// How many incidents there are, and how many more were only counted.
    pub(crate) fn incident_count(&self) -> (usize, u64) {
        (self.incidents.len(), self.beyond)
    }

    /// Offsets of sound against picture between two times, in milliseconds; positive is late sound.
    pub(crate) fn offsets(&self, from_ns: u64, to_ns: u64) -> Vec<f64> {
        self.offsets
            .iter()
            .filter(|(at, _)| (from_ns..to_ns).contains(at))
            .map(|(_, ms)| f64::from(*ms))
            .collect()
    }

    /// When the last frame came that shows a camera moving.
    pub(crate) fn fresh_at(&self) -> u64 {
        self.fresh_at
    }

    /// The program's clock against ours in the session that runs.
    pub(crate) fn clock(&self) -> Clock {
        let (Some((pts, _)), Some(last)) = (self.now.first, self.now.last) else {
            return Clock::default();
        };
        let late = self.now.recent.iter().min().copied();
        let drift = match (self.now.early, late) {
            (Some(early), Some(late)) => late - early,
            _ => 0,
        };
        let span = (last.pts_ns - pts + drift) as f64;
        Clock {
            frames: self.now.frames,
            missing: self.now.missing,
            due: span / self.interval_ns as f64 + 1.0,
            seconds: span / 1e9,
        }
    }

    /// The clocks of all sessions.
    pub(crate) fn clocks(&self) -> Vec<Clock> {
        let mut all = self.clocks.clone();
        all.push(self.clock());
        all
    }
}

/// The 95th percentile and the worst of offsets, signs left away.
#[must_use]
pub fn spread(offsets: &[f64]) -> (f64, f64) {
    let sizes: Vec<f64> = offsets.iter().map(|offset| offset.abs()).collect();
    (percentile(&sizes, 0.95), percentile(&sizes, 1.0))
}
