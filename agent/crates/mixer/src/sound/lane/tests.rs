//! A simulated source, heard through a lane, and a detector of clicks.

use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

const FRAME: usize = 1600;
const FRAME_NS: i64 = 100_000_000 / 3;
const MS: i64 = 1_000_000;

/// A tone that goes up and down (100 Hz to 1.9 kHz in 10 s) over a low one, by sample: places near to
/// each other do not sound the same.
fn chirp(n: i64) -> [i16; 2] {
    static TONE: LazyLock<Vec<i16>> = LazyLock::new(|| (0..480_000).map(tone).collect());
    let level = TONE[n.rem_euclid(480_000) as usize];
    [level, -level]
}

fn tone(n: i32) -> i16 {
    use std::f64::consts::TAU;
    let t = f64::from(n) / 48_000.0;
    let high = (TAU * 1000.0 * t + 9000.0 * (TAU * t / 10.0).sin()).sin();
    (high * 12_000.0 + (TAU * 130.0 * t).sin() * 4_000.0) as i16
}

/// No two samples of the tone are farther apart than this, of 1.0.
const OWN_STEP: f32 = 0.1;
/// What ramps of 5 ms add to it.
const RAMP_STEP: f32 = 2.0 / 240.0;

/// A source and the program that listens to it, one program frame (of 30) at a time.
struct Session {
    lane: Lane,
    /// Next sample of the source, and what its PTS is more than its time.
    next: i64,
    pts_shift: i64,
    round: i64,
    /// Frames rendered, and what is asked for less than their time.
    frames: i64,
    lag: i64,
    heard: Vec<[f32; 2]>,
}

impl Session {
    fn new() -> Self {
        Self {
            lane: Lane::new(),
            next: 0,
            pts_shift: 0,
            round: 1,
            frames: 0,
            lag: 50 * MS,
            heard: Vec::new(),
        }
    }

    fn push(&mut self, samples: i64) {
        let chunk: Vec<i16> = (self.next..self.next + samples).flat_map(chirp).collect();
        let pts = self.next * 62_500 / 3 + self.pts_shift;
        self.lane
            .push(pts.div_euclid(self.round) * self.round, &chunk);
        self.next += samples;
    }

    fn render(&mut self) {
        let mut out = vec![9.0; FRAME * 2];
        self.lane
            .render(self.frames * FRAME_NS - self.lag, &mut out);
        self.heard.extend(out.as_chunks::<2>().0);
        self.frames += 1;
    }

    /// Both go on for so many frames, the source in chunks of 1024.
    fn run(&mut self, frames: i64) -> &mut Self {
        for _ in 0..frames {
            while self.next < self.frames * FRAME as i64 {
                self.push(1024);
            }
            self.render();
        }
        self
    }

    fn worst_step(&self) -> f32 {
        let steps = self.heard.windows(2).map(|w| (w[1][0] - w[0][0]).abs());
        steps.fold(0.0, f32::max)
    }

    fn assert_clean(&self) {
        assert!(
            self.worst_step() < OWN_STEP + RAMP_STEP,
            "a click of {}",
            self.worst_step()
        );
    }

    /// By how many samples what was heard last is after what was to be heard; it must be the source
    /// to within 5 %.
    fn error(&self) -> i64 {
        let end = self.heard.len();
        let due = (end as i64 - 800) - self.lag * 48 / MS;
        let heard = &self.heard[end - 800..];
        let distance = |shift: &i64| {
            let differences = (0_i64..).zip(heard).map(|(n, pair)| {
                let source = f64::from(chirp(due + shift + n)[0]) / 32768.0;
                (f64::from(pair[0]) - source).powi(2)
            });
            differences.sum::<f64>()
        };
        let best = (-80..=80_i64)
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .unwrap();
        assert!(distance(&best) / 800.0 < 0.005, "it is not the source");
        best
    }

    /// How many samples are silence (the tone has hardly two zeros in a row).
    fn silent(&self) -> usize {
        let two = [[0.0; 2]; 2];
        self.heard.windows(2).filter(|pairs| **pairs == two).count()
    }
}

#[test]
fn in_sync_every_sample_passes_untouched_after_the_first_ramp() {
    for round in [1, MS] {
        let mut session = Session::new();
        session.round = round;
        session.run(1800);
        let first = session
            .heard
            .iter()
            .position(|pair| pair[0] != 0.0)
            .unwrap();
        let begin = 48 * 50;
        assert!((begin..begin + 60).contains(&first), "{first}");
        for (n, pair) in (0_i64..).zip(&session.heard).skip(first + RAMP) {
            let source = chirp(n - begin as i64).map(|s| f32::from(s) / 32768.0);
            assert_eq!(*pair, source, "{n}");
        }
        session.assert_clean();
    }
}

#[test]
fn frames_of_changing_length_and_chunks_of_any_pass_untouched() {
    for chunk in [1, 7, 960, 1024, 4800] {
        let rate = model::FrameRate::new(30_000, 1001).unwrap();
        let mut session = Session::new();
        for n in 0..300_u64 {
            let samples = rate.samples_before(n + 1) - rate.samples_before(n);
            while session.next < rate.samples_before(n + 1) as i64 {
                session.push(chunk);
            }
            let mut out = vec![0.0; samples as usize * 2];
            session
                .lane
                .render(rate.time_of(n).as_nanos() as i64 - 150 * MS, &mut out);
            session.heard.extend(out.as_chunks::<2>().0);
        }
        for (n, pair) in (0_i64..).zip(&session.heard).skip(7200 + RAMP + 1) {
            assert_eq!(
                pair[0],
                f32::from(chirp(n - 7200)[0]) / 32768.0,
                "{chunk} {n}"
            );
        }
    }
}

#[test]
fn drift_is_followed_within_a_millisecond_and_a_half_without_a_click() {
    for ppm in [-2000, -200, 200, 2000] {
        let mut session = Session::new();
        session.lag = 120 * MS;
        session.run(30);
        for _ in 0..900 {
            session.lag += FRAME_NS / 1000 * ppm / 1000;
            session.run(1);
        }
        session.assert_clean();
        assert!(session.error().abs() <= 72, "{ppm}: {}", session.error());
        assert!(session.silent() < 48 * 125, "{}", session.silent());
    }
}

#[test]
fn a_small_deviation_is_played_away_and_then_passes_untouched_again() {
    for step in [-35 * MS, -5 * MS, 5 * MS, 35 * MS] {
        let mut session = Session::new();
        session.lag = 80 * MS;
        session.run(30);
        session.pts_shift += step;
        session.run(400);
        session.assert_clean();
        session.lag += step; // what is to be heard now
        assert!(session.error().abs() <= 1, "{step}: {}", session.error());
        let end = session.heard.len();
        let whole = |pair: &[f32; 2]| (pair[0] * 32768.0).fract() == 0.0;
        assert!(session.heard[end - 1600..].iter().all(whole));
        assert!(session.silent() < 4000);
    }
}

#[test]
fn a_large_deviation_is_dropped_or_filled_with_ramps_at_once() {
    for step in [-400 * MS, -60 * MS, -20 * MS, 20 * MS, 60 * MS, 400 * MS] {
        let mut session = Session::new();
        session.lag = 450 * MS;
        session.run(60);
        session.lag += step;
        let before = session.silent();
        session.run(30);
        session.assert_clean();
        assert_eq!(session.error(), 0, "{step}");
        let filled = session.silent() - before;
        let expected = (step.max(0) * 48 / MS) as usize;
        assert!(filled.abs_diff(expected) <= 2 * RAMP, "{step}: {filled}");
    }
}

#[test]
fn a_gap_in_the_sound_is_silence_and_what_follows_is_in_sync() {
    for gap in [100, 300, 3000] {
        let mut session = Session::new();
        session.run(60);
        let before = session.silent();
        for _ in 0..gap * 30 / 1000 {
            session.render(); // nothing comes
        }
        session.next = session.frames * FRAME as i64 - 1600;
        session.run(60);
        session.assert_clean();
        assert_eq!(session.error(), 0, "{gap}");
        let silent = (session.silent() - before) as i64;
        assert!((silent - gap * 48).abs() < 4800, "{gap}: {silent}");
    }
}

#[test]
fn a_lost_packet_is_no_click_and_sync_comes_back() {
    let mut session = Session::new();
    session.lag = 100 * MS;
    session.run(60);
    session.next += 1024;
    session.run(400);
    session.assert_clean();
    assert!(session.error().abs() <= 1, "{}", session.error());
}

#[test]
fn a_step_of_the_pts_that_the_offset_follows_is_not_heard() {
    for step in [-10_000 * MS, -133 * MS, 700 * MS, 10_000 * MS] {
        let mut session = Session::new();
        session.run(60);
        let before = session.silent();
        session.pts_shift += step;
        session.run(10);
        session.lag -= step; // the offset has followed
        session.run(300);
        session.assert_clean();
        assert!(
            session.silent() < before + 10,
            "{step}: {}",
            session.silent()
        );
        session.lag += step;
        assert!(session.error().abs() <= 50, "{step}: {}", session.error());
    }
}

#[test]
fn a_step_of_the_pts_that_nothing_follows_is_silence() {
    let mut session = Session::new();
    session.run(60);
    session.pts_shift += 10_000 * MS;
    session.run(60);
    session.assert_clean();
    assert_eq!(session.heard[session.heard.len() - 1], [0.0; 2]);
}

#[test]
fn without_sound_it_is_silent_and_sound_that_is_not_listened_to_is_forgotten() {
    let mut session = Session::new();
    for _ in 0..10 {
        session.render();
    }
    assert_eq!(session.silent(), session.heard.len() - 1);
    session.push(48_000 * 60);
    for _ in 0..200 {
        session.push(1024);
    }
    session.frames = session.next / FRAME as i64;
    let before = session.silent();
    session.render();
    assert_eq!(session.silent(), before + 1); // the ramp begins at nothing
    assert_eq!(
        (session.lane.ring.end() - session.lane.ring.oldest()) as usize,
        ring::CAPACITY
    );
}

#[test]
fn sound_between_samples_is_right_to_a_thousandth_up_to_ten_kilohertz() {
    let sinc = Sinc::new();
    for hertz in [50.0, 440.0, 1000.0, 5000.0, 10_000.0] {
        let wave = |n: f64| (std::f64::consts::TAU * hertz * n / 48_000.0).sin();
        let chunk: Vec<i16> = (0..256)
            .flat_map(|n| [(wave(n.into()) * 32_000.0) as i16; 2])
            .collect();
        let mut ring = Ring::new();
        ring.restart(0);
        ring.push(0, &chunk);
        for n in 0..1000 {
            let at = 20.0 + f64::from(n) * 0.2;
            let [left, right] = sinc.at(&ring, at as u64, at.fract());
            let error = (f64::from(left) - wave(at) * 32_000.0 / 32_768.0).abs();
            assert!(
                error < 0.001 && left == right,
                "{hertz} Hz at {at}: {error}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nothing_makes_it_panic_or_overshoot(
        calls in prop::collection::vec(
            (any::<bool>(), any::<i64>(), 0..64_u32, 0..6000_usize, any::<i16>()), 0..200),
    ) {
        let mut lane = Lane::new();
        let mut out = vec![0.0; 6001];
        for (push, pts, small, length, level) in calls {
            let pts = pts >> small;
            if push {
                lane.push(pts, &vec![level; length]);
            } else {
                lane.render(pts, &mut out[..length]);
                prop_assert!(out.iter().all(|s| s.abs() < 2.5));
            }
        }
    }

    #[test]
    fn jitter_of_the_pts_and_of_the_arrival_makes_no_click_and_no_gap(
        seed: u64, pts_jitter in 0..10 * MS, drift in -200..=200_i64,
    ) {
        let mut session = Session::new();
        session.lag = 90 * MS;
        let (mut number, mut came) = (seed, true);
        for _ in 0..300 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            session.pts_shift = (number >> 33) as i64 % (pts_jitter + 1);
            session.lag += FRAME_NS * drift / 1_000_000;
            came = number >> 62 != 0 || !came;
            if came {
                session.run(1);
            } else {
                session.render(); // the chunk comes with the next
            }
        }
        session.assert_clean();
        prop_assert!(session.silent() < 48 * 105, "{}", session.silent());
    }
}
