//! The tally against programs whose faults are known.

use super::tally::{Seen, Tally, Wrong};
use crate::code::Code;

const INTERVAL: i64 = 33_333_333;

struct Play {
    tally: Tally,
    pts: i64,
}

impl Play {
    fn new() -> Self {
        Self {
            tally: Tally::new(INTERVAL, 240),
            pts: 0,
        }
    }

    fn show(&mut self, code: Option<(u8, u16)>, mean: f32, change: f32) {
        let first = code.is_some_and(|(_, frame)| frame % 30 == 0);
        self.tally.frame(Seen {
            pts_ns: self.pts,
            at_ns: u64::try_from(self.pts + 50_000_000).unwrap(),
            code: code.map(|(camera, frame)| Code { camera, frame }),
            mean,
            change,
            flash: if first { 235.0 } else { 50.0 },
        });
        self.pts += INTERVAL;
    }

    fn camera(&mut self, camera: u8, frames: std::ops::Range<u16>) {
        for frame in frames {
            self.show(Some((camera, frame % 240)), 110.0, 3.0);
        }
    }

    fn wrongs(&self) -> Vec<(Wrong, u64)> {
        let all = self.tally.incidents(0);
        all.iter().map(|one| (one.wrong, one.frames)).collect()
    }
}

#[test]
fn a_clean_program_has_nothing_wrong_and_keeps_time() {
    let mut play = Play::new();
    play.camera(1, 0..400);
    assert!(play.wrongs().is_empty(), "{:?}", play.wrongs());
    let clock = play.tally.clock();
    assert_eq!(clock.frames, 400);
    assert!((clock.due - 400.0).abs() < 0.01, "{clock:?}");
    assert_eq!(play.tally.minutes().len(), 1);
}

#[test]
fn a_held_picture_is_a_freeze_and_its_length_is_known() {
    let mut play = Play::new();
    play.camera(1, 0..10);
    for _ in 0..9 {
        play.show(Some((1, 9)), 110.0, 0.0);
    }
    play.camera(1, 19..30);
    assert_eq!(play.wrongs(), [(Wrong::Held, 9)]);
    let counts = play.tally.counts();
    assert_eq!((counts.repeated, counts.freezes, counts.lost), (9, 1, 0));
    assert!((counts.longest_freeze_ms - 333.3).abs() < 0.1);
}

#[test]
fn frames_left_out_at_a_cut_are_seen_when_the_camera_is_back() {
    let mut play = Play::new();
    play.camera(1, 0..10);
    play.camera(2, 50..60);
    play.camera(1, 22..30);
    assert_eq!(play.wrongs(), [(Wrong::Lost, 2)]);
}

#[test]
fn a_pattern_and_black_and_a_fade_are_three_things() {
    let mut play = Play::new();
    play.camera(1, 0..5);
    for _ in 0..4 {
        play.show(None, 120.0, 3.0);
    }
    for _ in 0..5 {
        play.show(None, 120.0, 0.1);
    }
    for _ in 0..3 {
        play.show(None, 16.0, 0.0);
    }
    assert_eq!(play.wrongs(), [(Wrong::Still, 5), (Wrong::Black, 3)]);
}

#[test]
fn missing_program_frames_are_a_gap_and_not_the_cameras_loss() {
    let mut play = Play::new();
    play.camera(1, 0..10);
    play.pts += 3 * INTERVAL;
    play.camera(1, 13..20);
    assert_eq!(play.wrongs(), [(Wrong::Gap, 3)]);
    assert_eq!(play.tally.counts().missing, 3);
    play.pts -= INTERVAL;
    play.camera(1, 19..20);
    assert_eq!(play.wrongs()[1].0, Wrong::Back);
}

#[test]
fn a_program_that_runs_slow_has_fewer_frames_than_the_clock_says() {
    let mut play = Play::new();
    for frame in 0..900u16 {
        let code = Some(Code {
            camera: 1,
            frame: frame % 240,
        });
        // A thousandth slow by our clock, in step by its own.
        let at = play.pts + play.pts / 1000 + 50_000_000;
        play.tally.frame(Seen {
            pts_ns: play.pts,
            at_ns: u64::try_from(at).unwrap(),
            code,
            mean: 110.0,
            change: 3.0,
            flash: 50.0,
        });
        play.pts += INTERVAL;
    }
    let clock = play.tally.clock();
    assert!((clock.due - 900.6).abs() < 0.05, "{clock:?}");
}

#[test]
fn sound_that_comes_late_is_measured_and_holes_are_found() {
    let mut play = Play::new();
    let beep = |from: usize| -> Vec<i16> {
        let tone = |at: usize| {
            let into = at.checked_sub(from).filter(|into| *into < 4_800);
            let angle = into.unwrap_or(0) as f64 / 48.0 * std::f64::consts::TAU;
            (angle.sin() * 12_000.0) as i16
        };
        (0..48_000).map(tone).collect()
    };
    play.camera(1, 1..121);
    for second in 0..4i64 {
        // The flash of frame 30 n stands 29 frames after the beginning.
        let from = 29 * 1600 + 480;
        play.tally.sound(second * 1_000_000_000, 0, &beep(from));
    }
    let offsets = play.tally.offsets(0, u64::MAX);
    assert!(offsets.len() >= 2, "{offsets:?}");
    assert!(
        offsets.iter().all(|ms| (ms - 10.0).abs() < 0.3),
        "{offsets:?}"
    );
    play.tally.sound(4_050_000_000, 0, &[0; 480]);
    assert_eq!(play.wrongs(), [(Wrong::SoundHole, 0)]);
}

#[test]
fn a_stream_that_ends_and_begins_again_is_an_outage() {
    let mut play = Play::new();
    play.camera(1, 0..30);
    play.tally.session();
    play.pts += 1_000_000_000;
    play.camera(1, 100..110);
    let all = play.tally.incidents(0);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].wrong, Wrong::Outage);
    assert!((all[0].ms - 1033.0).abs() < 1.0, "{all:?}");
    assert_eq!(play.tally.clocks().len(), 2);
}
