//! Picture and sound of one source, placed and rendered together: a beep that is stamped like a frame
//! is heard when that frame is seen.

use mixer::sound::{Lane, Mixdown};
use mixer::timing::SourceTiming;
use model::FrameRate;
use std::collections::VecDeque;

const SECOND: i64 = 1_000_000_000;
const MS: i64 = 1_000_000;

/// A camera that beeps for 50 ms with a frame every second.
struct Camera {
    fps: (i64, i64),
    /// How much longer its second is, in millionths.
    ppm: i64,
    /// PTS are multiples of this.
    round: i64,
    /// Its PTS step by this at half time.
    step: i64,
}

/// For each beep: (program time at which its frame was first seen, at which it was first heard).
fn beeps(camera: &Camera, rate: FrameRate, seconds: i64) -> Vec<(i64, i64)> {
    let half_time = seconds * SECOND / 2;
    let stamp = |media: i64| {
        let pts = media + if media >= half_time { camera.step } else { 0 };
        (pts + 77 * SECOND).div_euclid(camera.round) * camera.round
    };
    let real = |media: i64| media + media / 1_000_000 * camera.ppm;
    let jitter = |n: i64| n * 7919 % 11 * MS - 5 * MS;
    let mut timing = SourceTiming::new(rate);
    let (mut lane, mut mixdown) = (Lane::new(), Mixdown::new(4096));
    let (mut frame, mut chunk) = (0, 0);
    let mut waiting = VecDeque::new();
    let (mut seen, mut heard) = (Vec::new(), Vec::new());
    let mut quiet = 0;
    for n in 0..rate.frames_in(seconds as f64) {
        let tick = rate.time_of(n).as_nanos() as i64;
        loop {
            let media = frame * SECOND * camera.fps.1 / camera.fps.0;
            let arrives = real(media) + 70 * MS + jitter(frame);
            if arrives > tick {
                break;
            }
            timing.frame_arrived(stamp(media), arrives);
            let marked = media % SECOND == 0;
            waiting.push_back((stamp(media), marked));
            frame += 1;
        }
        loop {
            let (first, end) = (chunk * 1024, (chunk + 1) * 1024);
            let arrives = real(end * 62_500 / 3) + 30 * MS + jitter(chunk);
            if arrives > tick {
                break;
            }
            let sound: Vec<i16> = (first..end)
                .flat_map(|s| {
                    [if s % 48_000 < 2400 {
                        8000 + (s % 48 * 100) as i16
                    } else {
                        0
                    }; 2]
                })
                .collect();
            timing.audio_arrived(stamp(first * 62_500 / 3), arrives);
            lane.push(stamp(first * 62_500 / 3), &sound);
            chunk += 1;
        }
        while let Some(&(pts, marked)) = waiting.front() {
            if timing.due(pts).is_none_or(|due| due > tick) {
                break;
            }
            if marked {
                seen.push(tick);
            }
            waiting.pop_front();
        }
        let samples = (rate.samples_before(n + 1) - rate.samples_before(n)) as usize;
        let mut out = vec![0.0; samples * 2];
        if let Some(offset) = timing.sound_offset() {
            lane.render(tick - offset, &mut out);
        }
        let mut program = vec![0; samples * 2];
        mixdown.begin(samples);
        mixdown.add(&out, 1.0, 1.0);
        mixdown.finish(&mut program);
        for (s, pair) in (0_i64..).zip(program.as_chunks::<2>().0) {
            if pair[0] > 4000 && quiet > 24_000 {
                heard.push(tick + s * 62_500 / 3);
            }
            quiet = if pair[0] > 4000 { 0 } else { quiet + 1 };
        }
    }
    let nearest = |&seen: &i64| {
        let heard = heard.iter().min_by_key(|&&heard| (heard - seen).abs());
        (seen, *heard.unwrap_or(&i64::MAX))
    };
    seen.iter()
        .filter(|&&seen| seen > 4 * SECOND)
        .map(nearest)
        .collect()
}

fn worst(beeps: &[(i64, i64)]) -> i64 {
    beeps
        .iter()
        .map(|(seen, heard)| (heard - seen).abs())
        .max()
        .unwrap_or(i64::MAX)
}

fn camera(num: i64, den: i64) -> Camera {
    Camera {
        fps: (num, den),
        ppm: 0,
        round: 1,
        step: 0,
    }
}

#[test]
fn at_the_programs_rate_a_beep_is_heard_within_a_millisecond_of_its_frame() {
    for fps in [25, 30, 50, 60] {
        for round in [1, MS] {
            let camera = Camera {
                round,
                ..camera(fps, 1)
            };
            let rate = FrameRate::new(fps as u32, 1).unwrap();
            let beeps = beeps(&camera, rate, 60);
            assert!(beeps.len() > 50);
            assert!(worst(&beeps) <= MS + round / 2, "{fps}: {}", worst(&beeps));
        }
    }
}

#[test]
fn at_another_rate_it_is_heard_within_half_a_program_frame() {
    for fps in [25, 50, 60] {
        let beeps = beeps(&camera(fps, 1), FrameRate::THIRTY, 60);
        assert!(worst(&beeps) <= 17 * MS + MS, "{fps}: {}", worst(&beeps));
    }
}

#[test]
fn while_the_clocks_drift_apart_it_is_heard_within_twenty_milliseconds() {
    for ppm in [-200, 200] {
        let camera = Camera {
            ppm,
            ..camera(30, 1)
        };
        let beeps = beeps(&camera, FrameRate::THIRTY, 600);
        let close = beeps
            .iter()
            .filter(|(seen, heard)| (seen - heard).abs() <= 2 * MS)
            .count();
        assert!(worst(&beeps) <= 20 * MS, "{ppm}: {}", worst(&beeps));
        assert!(close * 10 > beeps.len() * 7, "{close} of {}", beeps.len());
    }
}

#[test]
fn after_a_step_of_the_pts_it_is_heard_with_its_frame_again() {
    for step in [-10 * SECOND, -100 * MS, 100 * MS, 10 * SECOND] {
        let camera = Camera {
            step,
            ..camera(30, 1)
        };
        let beeps = beeps(&camera, FrameRate::THIRTY, 60);
        let settled: Vec<_> = beeps
            .into_iter()
            .filter(|(seen, _)| *seen > 34 * SECOND)
            .collect();
        assert!(
            settled.len() > 20 && worst(&settled) <= MS,
            "{step}: {:?}",
            settled
        );
    }
}
