//! Simulated sources against a simulated program: what is shown at each tick, and where the sound is.

use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// Numbers that look random and are the same in every run.
struct Noise(u64);

impl Noise {
    /// Evenly between −`most` and `most`.
    fn within(&mut self, most: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let number = i64::try_from(self.0 >> 33).unwrap();
        number % (2 * most + 1) - most
    }
}

/// A camera as the mixer meets it.
#[derive(Debug, Clone)]
struct Source {
    fps: (i64, i64),
    /// Program time of its first frame, and the PTS of that.
    start: (i64, i64),
    /// From capture to arrival, and by how much that varies.
    delay: i64,
    jitter: i64,
    /// PTS are multiples of this.
    round: i64,
    /// How much longer its second is, in millionths.
    ppm: i64,
    /// The frames of the first so many nanoseconds arrive together at the end of them.
    burst: i64,
    seed: u64,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            fps: (30, 1),
            start: (1_234_567_890, 987_654_321_000),
            delay: 70 * MS,
            jitter: 8 * MS,
            round: 1,
            ppm: 0,
            burst: 0,
            seed: 1,
        }
    }
}

impl Source {
    /// (pts, arrival) of its frames over so many seconds.
    fn frames(&self, seconds: i64) -> Vec<(i64, i64)> {
        let mut noise = Noise(self.seed);
        let mut newest = i64::MIN;
        let frame = |n: i64| {
            let media = n * SECOND * self.fps.1 / self.fps.0;
            let pts = (self.start.1 + media).div_euclid(self.round) * self.round;
            let real = self.start.0 + media + media / 1_000_000 * self.ppm;
            let ready = real.max(self.start.0 + self.burst) + self.delay;
            newest = newest.max(ready + noise.within(self.jitter)); // never out of order
            (pts, newest)
        };
        (0..seconds * self.fps.0 / self.fps.1).map(frame).collect()
    }
}

/// What a viewer gets.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Index of the frame that was shown, for each tick since 4 s.
    shown: Vec<usize>,
    /// Picture late against its sound at each of those ticks.
    sync: Vec<i64>,
}

impl Seen {
    /// Frames that were shown again, and frames that never were.
    fn faults(&self) -> (usize, usize) {
        let steps = self.shown.windows(2).map(|pair| pair[1] - pair[0]);
        steps.fold((0, 0), |(again, never), step| match step {
            0 => (again + 1, never),
            _ => (again, never + step - 1),
        })
    }

    fn worst_sync(&self) -> i64 {
        self.sync.iter().map(|s| s.abs()).max().unwrap_or(0)
    }
}

/// Plays the frames as `SourceTiming` tells the mixer to.
fn play(timing: &mut SourceTiming, frames: &[(i64, i64)]) -> Seen {
    let rate = timing.rate;
    let mut seen = Seen::default();
    let (mut arrived, mut shown) = (0, 0);
    for n in 0.. {
        let tick = i64::try_from(rate.time_of(n).as_nanos()).unwrap();
        while let Some(&(pts, at)) = frames.get(arrived).filter(|f| f.1 <= tick) {
            timing.frame_arrived(pts, at);
            arrived += 1;
        }
        let due = |f: &usize| timing.due(frames[*f].0).is_some_and(|due| due <= tick);
        shown = (shown..arrived).rev().find(due).unwrap_or(shown);
        if arrived == frames.len() {
            return seen;
        }
        if tick >= frames[0].1 + 4 * SECOND {
            seen.shown.push(shown);
            seen.sync
                .push(tick - frames[shown].0 - timing.sound_offset().unwrap());
        }
    }
    seen
}

fn rate(num: u32, den: u32) -> FrameRate {
    FrameRate::new(num, den).unwrap()
}

const RATES: [(u32, u32); 5] = [(25, 1), (30_000, 1001), (30, 1), (50, 1), (60, 1)];

#[test]
fn a_source_at_the_programs_rate_shows_each_frame_once_for_ten_minutes() {
    for (num, den) in RATES {
        for round in [1, MS] {
            for phase in 0..4 {
                let source = Source {
                    fps: (num.into(), den.into()),
                    start: (SECOND + phase * 7_700_001, -5_000_000_123),
                    round,
                    burst: 800 * MS,
                    ..Source::default()
                };
                let mut timing = SourceTiming::new(rate(num, den));
                let seen = play(&mut timing, &source.frames(600));
                assert_eq!(seen.faults(), (0, 0), "{source:?}");
                assert!(
                    seen.worst_sync() < 2 * MS,
                    "{source:?}: {}",
                    seen.worst_sync()
                );
                assert_eq!(timing.reanchors(), 0);
                assert!(timing.buffer() <= LONGEST_FRAME + CUSHION);
            }
        }
    }
}

#[test]
fn a_clock_that_drifts_costs_only_the_frames_that_the_drift_itself_makes() {
    for ppm in [-200, 200] {
        for round in [1, MS] {
            let source = Source {
                ppm,
                round,
                ..Source::default()
            };
            let mut timing = SourceTiming::new(FrameRate::THIRTY);
            let seen = play(&mut timing, &source.frames(600));
            let (again, never) = seen.faults();
            // 600 s · 200 ppm = 120 ms = 3.6 frames.
            let (expected, other) = if ppm > 0 {
                (again, never)
            } else {
                (never, again)
            };
            assert!(
                (2..=5).contains(&expected) && other == 0,
                "{ppm} {round}: {again} {never}"
            );
            assert!(seen.worst_sync() <= 20 * MS, "{}", seen.worst_sync());
            assert_eq!(timing.reanchors(), 0);
        }
    }
}

#[test]
fn twenty_nine_ninety_seven_in_thirty_repeats_one_frame_in_a_thousand() {
    for round in [1, MS] {
        let source = Source {
            fps: (30_000, 1001),
            round,
            ..Source::default()
        };
        let seen = play(
            &mut SourceTiming::new(FrameRate::THIRTY),
            &source.frames(600),
        );
        let (again, never) = seen.faults();
        assert!((16..=19).contains(&again) && never == 0, "{again} {never}");
        assert!(seen.worst_sync() <= 20 * MS, "{}", seen.worst_sync());
    }
}

#[test]
fn twenty_five_in_thirty_repeats_every_fifth_frame_and_no_other() {
    for round in [1, MS] {
        let source = Source {
            fps: (25, 1),
            round,
            ..Source::default()
        };
        let seen = play(
            &mut SourceTiming::new(FrameRate::THIRTY),
            &source.frames(600),
        );
        let regular = |pair: &[usize]| pair[6] - pair[0] == 5;
        assert!(seen.shown.windows(7).all(regular));
        assert!(seen.worst_sync() <= 20 * MS, "{}", seen.worst_sync());
    }
}

#[test]
fn fifty_and_sixty_in_thirty_and_thirty_in_others_are_regular() {
    for (fps, program, ticks, frames) in [
        (50, 30, 3, 5),
        (60, 30, 1, 2),
        (30, 60, 2, 1),
        (30, 25, 5, 6),
        (24, 30, 5, 4),
        (10, 30, 3, 1),
    ] {
        let source = Source {
            fps: (fps, 1),
            round: MS,
            ..Source::default()
        };
        let seen = play(
            &mut SourceTiming::new(rate(program, 1)),
            &source.frames(120),
        );
        let regular = |window: &[usize]| window[ticks] - window[0] == frames;
        assert!(
            seen.shown.windows(ticks + 1).all(regular),
            "{fps} in {program}"
        );
    }
}

#[test]
fn a_step_of_the_pts_moves_picture_and_sound_together_once() {
    for step in [
        -10 * SECOND,
        -133 * MS,
        -67 * MS,
        67 * MS,
        133 * MS,
        10 * SECOND,
    ] {
        let mut frames = Source::default().frames(60);
        for frame in &mut frames[900..] {
            frame.0 += step;
        }
        let mut timing = SourceTiming::new(FrameRate::THIRTY);
        let seen = play(&mut timing, &frames);
        assert_eq!(timing.reanchors(), 1, "{step}");
        let (again, never) = seen.faults();
        assert!(again + never <= 14, "{step}: {again} {never}");
        let last = seen.sync.len() - 1;
        assert!(seen.sync[last].abs() < 2 * MS);
        // Frames settle again within a second and a half.
        let calm = Seen {
            shown: seen.shown.into_iter().skip_while(|&f| f < 945).collect(),
            sync: Vec::new(),
        };
        assert_eq!(calm.faults(), (0, 0), "{step}");
    }
}

#[test]
fn one_absurd_frame_moves_nothing() {
    for absurd in [i64::MIN, i64::MAX, 0, -SECOND, 99 * SECOND, ABSURD, -ABSURD] {
        let source = Source {
            jitter: 0,
            ..Source::default()
        };
        let mut frames = source.frames(30);
        let mut timing = SourceTiming::new(FrameRate::THIRTY);
        play(&mut timing, &frames[..450]);
        let before = (timing.offset(), timing.sound_offset());
        timing.frame_arrived(absurd, frames[450].1);
        frames.drain(..451);
        assert_eq!((timing.offset(), timing.sound_offset()), before);
        for (pts, at) in frames {
            timing.frame_arrived(pts, at);
            let moved = timing.offset().unwrap() - before.0.unwrap();
            assert!(moved.abs() < MS / 10, "{absurd}: {moved}");
        }
        assert_eq!(timing.reanchors(), 0, "{absurd}");
    }
}

#[test]
fn a_stall_and_its_burst_move_nothing_and_the_newest_is_shown() {
    for stall in [60 * MS, 300 * MS, 2 * SECOND, 20 * SECOND] {
        let mut frames = Source::default().frames(60);
        let (from, to) = (frames[600].1, frames[600].1 + stall);
        for frame in &mut frames {
            if (from..to).contains(&frame.1) {
                frame.1 = to;
            }
        }
        let mut timing = SourceTiming::new(FrameRate::THIRTY);
        let seen = play(&mut timing, &frames);
        assert_eq!(timing.reanchors(), 0, "{stall}");
        assert!(seen.worst_sync() < 2 * MS + stall);
        assert!(seen.sync[seen.sync.len() - 1].abs() < 2 * MS);
        let (again, never) = seen.faults();
        assert_eq!(again, never);
    }
}

#[test]
fn a_machine_that_stands_still_for_a_moment_repeats_no_picture() {
    for phase in 0..33 {
        let source = Source {
            start: (1_000_000_000 + phase * MS, 5 * SECOND),
            jitter: 4 * MS,
            ..Source::default()
        };
        let mut frames = source.frames(30);
        // Whatever would have come in these 60 ms comes at their end.
        let began = frames[600].1 - 30 * MS;
        for (_, at) in &mut frames {
            if (began..began + 60 * MS).contains(at) {
                *at = began + 60 * MS;
            }
        }
        let mut timing = SourceTiming::new(FrameRate::THIRTY);
        assert_eq!(play(&mut timing, &frames).faults(), (0, 0), "{phase}");
    }
}

#[test]
fn a_gap_in_the_frames_moves_nothing() {
    let mut frames = Source::default().frames(60);
    frames.drain(600..1000);
    let mut timing = SourceTiming::new(FrameRate::THIRTY);
    let seen = play(&mut timing, &frames);
    let (again, never) = seen.faults();
    assert_eq!((again, never, timing.reanchors()), (400, 0, 0));
}

#[test]
fn frames_that_come_unevenly_get_a_longer_buffer_and_are_shown_once() {
    let source = Source {
        jitter: 40 * MS,
        ..Source::default()
    };
    let frames = source.frames(120);
    let mut timing = SourceTiming::new(FrameRate::THIRTY);
    let seen = play(&mut timing, &frames);
    assert!(
        (65 * MS..90 * MS).contains(&timing.buffer()),
        "{}",
        timing.buffer()
    );
    let calm = Seen {
        shown: seen.shown.into_iter().skip(900).collect(),
        sync: Vec::new(),
    };
    let (again, never) = calm.faults();
    assert!(again + never <= 4, "{again} {never}");
}

/// Frames whose delay varies by `calm` for half a minute and by `wild` for a minute after it.
fn wilder(calm: i64, wild: i64) -> Vec<(i64, i64)> {
    let source = |jitter| Source {
        jitter,
        delay: 100 * MS,
        ..Source::default()
    };
    let mut frames = source(calm).frames(90);
    frames.truncate(900);
    frames.extend(source(wild).frames(90).drain(900..));
    let mut newest = 0;
    for frame in &mut frames {
        newest = frame.1.max(newest);
        frame.1 = newest;
    }
    frames
}

#[test]
fn a_buffer_that_is_narrowly_too_short_grows_within_seconds_on_air() {
    // Where the latest frames miss their ticks while a buffer that grew at 5/8 of a frame stayed as it was.
    for wild in [33 * MS, 34 * MS, 35 * MS].map(|wild| wild + CUSHION / 2) {
        let mut timing = SourceTiming::new(FrameRate::THIRTY);
        let seen = play(&mut timing, &wilder(4 * MS, wild));
        let calm = Seen {
            shown: seen.shown.into_iter().skip_while(|&f| f < 1350).collect(),
            sync: Vec::new(),
        };
        assert_eq!(calm.faults(), (0, 0), "{wild}");
        assert_eq!(timing.reanchors(), 0, "{wild}");
    }
}

#[test]
fn off_air_the_buffer_is_fitted_before_the_source_is_seen() {
    let frames = wilder(4 * MS, CUSHION / 2 + 28 * MS);
    let mut timing = SourceTiming::new(FrameRate::THIRTY);
    timing.set_on_air(false);
    // Four seconds after its frames began to come unevenly it is put on air.
    let (before, after) = frames.split_at(900 + 120);
    let _unseen = play(&mut timing, before);
    timing.set_on_air(true);
    let offset = timing.offset();
    for &(pts, at) in after {
        timing.frame_arrived(pts, at);
        let due = timing.due(pts).unwrap();
        assert!(at <= due + timing.half, "late by {} ms", (at - due) / MS);
    }
    let moved = timing.offset().unwrap() - offset.unwrap();
    assert!(moved.abs() < MS, "{moved}");
}

#[test]
fn sound_that_comes_late_delays_the_picture_with_it() {
    let source = Source::default();
    let frames = source.frames(30);
    let mut timing = SourceTiming::new(FrameRate::THIRTY);
    for &(pts, at) in &frames {
        timing.frame_arrived(pts, at);
        timing.audio_arrived(pts, at + 200 * MS);
    }
    let (pts, at) = frames[frames.len() - 1];
    let heard = pts + timing.sound_offset().unwrap();
    // Rendered one program frame ahead at most.
    assert!(heard - 33 * MS >= at + 200 * MS - 9 * MS);
    assert!(timing.buffer() < 260 * MS);
    assert!(timing.reanchors() <= 1);
}

#[test]
fn sound_without_a_picture_is_timed_and_a_picture_that_comes_later_takes_over() {
    let mut timing = SourceTiming::new(FrameRate::THIRTY);
    let chunk = |n: i64| {
        (
            n * 1024 * SECOND / 48_000,
            5 * SECOND + n * 1024 * SECOND / 48_000,
        )
    };
    for n in 0..500 {
        let (pts, at) = chunk(n);
        timing.audio_arrived(pts, at);
        let heard = pts + timing.sound_offset().unwrap();
        assert!(
            (at + 33 * MS..at + 120 * MS).contains(&heard),
            "{}",
            heard - at
        );
    }
    for n in 500..1000 {
        let (pts, at) = chunk(n);
        timing.audio_arrived(pts, at);
        timing.frame_arrived(pts, at + 300 * MS);
    }
    let (pts, at) = chunk(999);
    assert!(timing.due(pts).unwrap() >= at + 300 * MS);
    assert_eq!(timing.reanchors(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_phase_delay_and_rate_shows_each_frame_once(
        which in 0..RATES.len(), start in 0..SECOND, pts in -SECOND..SECOND, delay in 0..300 * MS,
        jitter in 0..8 * MS, rounded: bool, burst in 0..900 * MS, seed: u64,
    ) {
        let (num, den) = RATES[which];
        let round = if rounded { MS } else { 1 };
        let start = (start, pts);
        let fps = (num.into(), den.into());
        let source = Source { fps, start, delay, jitter, round, ppm: 0, burst, seed };
        let mut timing = SourceTiming::new(rate(num, den));
        let seen = play(&mut timing, &source.frames(60));
        prop_assert_eq!(seen.faults(), (0, 0));
        prop_assert!(seen.worst_sync() < 2 * MS);
        prop_assert_eq!(timing.reanchors(), 0);
    }

    #[test]
    fn any_rate_in_any_program_keeps_picture_and_sound_together(
        fps in 5..=60_i64, program in 0..RATES.len(), ppm in -200..=200_i64, seed: u64,
    ) {
        let source = Source { fps: (fps, 1), ppm, seed, jitter: 5 * MS, ..Source::default() };
        let (num, den) = RATES[program];
        let mut timing = SourceTiming::new(rate(num, den));
        let seen = play(&mut timing, &source.frames(60));
        // A frame stands for its own interval or the program's, the longer.
        let frame = (SECOND / fps).max(2 * timing.half);
        prop_assert!(seen.worst_sync() <= frame + 5 * MS, "{}", seen.worst_sync());
        prop_assert_eq!(timing.reanchors(), 0);
    }

    #[test]
    fn nothing_that_arrives_makes_it_panic(
        events in prop::collection::vec((any::<bool>(), any::<i64>(), any::<i64>(), 0..70_u32), 0..300),
    ) {
        let mut timing = SourceTiming::new(FrameRate::THIRTY);
        for (sound, pts, at, small) in events {
            let (pts, at) = (pts >> small.min(63), at >> small.min(63));
            if sound {
                timing.audio_arrived(pts, at);
            } else {
                timing.frame_arrived(pts, at);
            }
            let _ = (timing.due(pts), timing.sound_offset(), timing.buffer());
        }
    }
}
