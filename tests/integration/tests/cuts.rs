//! No frame is lost, repeated or black at a cut or in a fade, and each cut is on the asked frame.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, Judged, MediaServer, Standstills, Stillness, cue, judge, record, timeline};
use integration::{excused, long, longest_step_ms, report, slack, three_cameras};
use std::time::{Duration, Instant};

const FPS: f64 = 30.0;
const INTERVAL_NS: i64 = 33_333_333;
/// Frames of a cue, and of one that begins with a fade, and of the fade.
const CUE: u32 = 20;
const FADED: u32 = 40;
const FADE: u32 = 10;
/// Frames after which the cues of a round repeat themselves.
const PATTERN: i64 = 120;
/// Frames for which a picture is held beyond a standstill.
const HELD_ON: u32 = 4;

#[test]
fn cuts_and_fades_lose_repeat_and_blacken_nothing() {
    let (cuts, fades) = if long() { (200, 50) } else { (60, 15) };
    let agent = Agent::start();
    let cameras = three_cameras(&agent);
    let sink = MediaServer::start();
    agent.add_destination("sink", &sink.rtmp("live"), "cuts");
    // One fade after every four cuts; cues of 20 frames, those with a fade of 40.
    let mut cues = Vec::new();
    let mut frame = 0u32;
    let mut starts = Vec::new();
    let per_fade = cuts / fades;
    for number in 0..cuts + fades {
        let fade = number % (per_fade + 1) == per_fade;
        let length = if fade { FADED } else { CUE };
        let at = f64::from(frame) / FPS;
        let camera = (number % 3 + 1).to_string();
        let transition = if fade { f64::from(FADE) / FPS } else { 0.0 };
        let id = format!("c{number}");
        cues.push(cue(&id, &camera, at, f64::from(length) / FPS, transition));
        starts.push((frame, fade));
        frame += length;
    }
    let seconds = f64::from(frame) / FPS;
    agent.preview(&timeline("cuts", seconds, cues, Vec::new()));
    let encoder = agent.encoder_pid();
    agent.go_live(&["sink"]);
    assert!(sink.wait_ready("live/cuts", Duration::from_secs(10)));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    let stillness = Stillness::watch();
    // A whole round and the end of the one before, wherever the recording begins.
    record(&sink.rtmp("live/cuts"), seconds + 4.0, &file);
    // The answer that came soonest says best when it was so.
    let asked = (0..3).map(|_| {
        let began = Instant::now();
        let place = agent.position().0;
        (began.elapsed(), (place, Instant::now()))
    });
    let (_, now) = asked.min_by_key(|(took, _)| *took).unwrap();
    let noted = stillness.noted();
    let seen = judge(&file);
    let round = Round {
        placed: Placed::of(&seen, &starts, frame, now),
        starts,
        length: frame,
        noted,
    };

    let length = cameras[0].clip.frames();
    let (slips, fitted): (Vec<_>, Vec<_>) =
        seen.slips(length).into_iter().partition(|slip| slip.on_air);
    let times = seen.time_faults(INTERVAL_NS);
    let found = seen.cuts();
    let clean = found.iter().filter(|cut| cut.mixed == 0).count();
    report("program frames", seen.frames.len());
    report("cuts", clean);
    report("fades", found.len() - clean);
    report("lost or repeated", format!("{slips:?}"));
    report("buffers fitted off air", fitted.len());
    let allowed = excused(&stillness);
    let status = agent.status();
    report("the mixer's account", &status["metrics"]);
    report("black", seen.black());
    report("steps in time", format!("{times:?}"));
    assert_eq!(
        agent.encoder_pid(),
        encoder,
        "the encoder was started again"
    );
    // The cuts are many: one that costs a frame fails in the short form too.
    let missed: u32 = slips.iter().map(|slip| slip.frames.unsigned_abs()).sum();
    assert!(missed <= slack() + allowed.missed, "{slips:?}");
    assert_eq!(seen.black(), 0);
    let odd = round.unexplained(&seen, &times);
    assert!(odd.is_empty(), "{odd:?}");
    let least = |all: u32, fade| (all as usize - 1).saturating_sub(round.covered(fade));
    assert!(clean >= least(cuts, false), "{clean} cuts");
    assert!(found.len() - clean >= least(fades, true), "{found:?}");
    round.on_the_asked_frames(&seen);
}

/// Frames of the program from the first to one that was recorded.
fn since_first(seen: &Judged, index: usize) -> u32 {
    let since = seen.frames[index].pts_ns - seen.frames[0].pts_ns;
    u32::try_from((since + INTERVAL_NS / 2) / INTERVAL_NS).unwrap()
}

/// The hard cuts, in frames since the first.
fn hard(seen: &Judged) -> Vec<u32> {
    let cuts = seen.cuts().into_iter().filter(|cut| cut.mixed == 0);
    cuts.map(|cut| since_first(seen, cut.at)).collect()
}

/// Where what was recorded lies in the timeline's round, and on the machine's clock.
struct Placed {
    /// The round's frame that is the first one recorded.
    shift: u32,
    /// How many there are after the first.
    last: u32,
    /// When the last one was made.
    last_at: Instant,
}

impl Placed {
    /// One shift fits the cuts; the timeline stood at `place` seconds at a moment after the recording.
    fn of(seen: &Judged, starts: &[(u32, bool)], round: u32, (place, now): (f64, Instant)) -> Self {
        let found = hard(seen);
        let fits = |shift: &u32| {
            let asked = |at: &&u32| starts.contains(&((**at + shift) % round, false));
            found.iter().filter(asked).count()
        };
        let last = since_first(seen, seen.frames.len() - 1);
        // The round repeats its pattern, so that several shifts fit. What is under way at the end is a
        // few frames, and the answer may be a frame early.
        let under_way = |shift: u32| {
            let after = (place * FPS).round() as i64 + 1 - i64::from(last + shift);
            after.rem_euclid(i64::from(round))
        };
        let best = (0..round).map(|shift| fits(&shift)).max().unwrap();
        let fitting = (0..round).filter(|shift| fits(shift) == best);
        let shift = fitting.min_by_key(|shift| under_way(*shift)).unwrap();
        let after = (under_way(shift) - 1).max(0);
        report("frames under way at the end", after);
        assert!(after < PATTERN, "the recording's place is not known");
        let after = Duration::from_secs_f64(after as f64 / FPS);
        Self {
            shift,
            last,
            last_at: now.checked_sub(after).unwrap(),
        }
    }

    /// When a frame was made.
    fn made(&self, frame: u32) -> Instant {
        let before = Duration::from_secs_f64(f64::from(self.last.saturating_sub(frame)) / FPS);
        self.last_at.checked_sub(before).unwrap()
    }
}

/// The timeline's round as it was recorded.
struct Round {
    placed: Placed,
    /// Where its cuts and fades begin.
    starts: Vec<(u32, bool)>,
    /// Its frames.
    length: u32,
    noted: Standstills,
}

impl Round {
    /// Whether a standstill explains what is odd from one frame to another.
    fn explains(&self, from: u32, to: u32) -> bool {
        let noted = &self.noted;
        let noted = noted.around(self.placed.made(from), self.placed.made(to));
        harness::excused(&noted).any()
    }

    fn asked(&self, frame: u32, fade: bool) -> bool {
        let place = (frame + self.placed.shift) % self.length;
        self.starts.contains(&(place, fade))
    }

    /// Cuts or fades that a standstill may have covered: all of the fade, or all that one cue shows.
    fn covered(&self, fade: bool) -> usize {
        let length = if fade { FADE } else { CUE };
        let covers = |at: u32| {
            let (from, to) = (self.placed.made(at), self.placed.made(at + length));
            let allowed = harness::excused(&self.noted.around(from, to));
            allowed.any() && allowed.missing + HELD_ON >= length
        };
        let covered = |at: &u32| self.asked(*at, fade) && covers(*at);
        (0..=self.placed.last).filter(covered).count()
    }

    /// Steps in time that no standstill explains: it leaves out whole frames, and no more than it lasted.
    fn unexplained(&self, seen: &Judged, times: &[(usize, i64)]) -> Vec<(usize, i64)> {
        let allowed = harness::excused(&self.noted);
        let mut left = i64::from(allowed.missing);
        let longest = ((longest_step_ms() + allowed.step_ms()) * 1e6) as i64;
        let odd = |(index, step): &(usize, i64)| {
            let ends = (since_first(seen, index - 1), since_first(seen, *index));
            let missing = (step + INTERVAL_NS / 2) / INTERVAL_NS - 1;
            let explained =
                missing > 0 && missing <= left && *step <= longest && self.explains(ends.0, ends.1);
            left -= if explained { missing } else { 0 };
            !explained
        };
        times.iter().copied().filter(odd).collect()
    }

    /// The hard cuts lie where the timeline has them: one shift fits all of them. What falls into a
    /// standstill is seen after it.
    fn on_the_asked_frames(&self, seen: &Judged) {
        let found = hard(seen);
        let off = found.iter().filter(|at| !self.asked(**at, false));
        let off: Vec<u32> = off.copied().collect();
        report(
            "cuts on the asked frame",
            format!("{} of {}", found.len() - off.len(), found.len()),
        );
        let explained = |at: &u32| self.explains(*at, *at);
        let (late, odd): (Vec<u32>, Vec<u32>) = off.into_iter().partition(explained);
        report("shown after a standstill", format!("{late:?}"));
        assert!(odd.is_empty(), "{odd:?} of {found:?}");
    }
}
