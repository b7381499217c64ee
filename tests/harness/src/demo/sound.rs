//! What the demo's cameras hear: surf and a foghorn, bells of a marina, an organ.

use super::film::SECONDS;
use super::scene::Scene;
use std::f64::consts::TAU;

/// Samples a second.
pub(super) const SAMPLES: usize = 48_000;

/// Changes with what [`round`] gives, so that clips are made again.
pub(super) const fn version(_scene: Scene) -> u8 {
    1
}

/// One round of a scene's sound. Its end goes over into its beginning.
pub(super) fn round(scene: Scene) -> Vec<i16> {
    let mut sound = vec![0.0; usize::from(SECONDS) * SAMPLES];
    match scene {
        Scene::Harbour => harbour(&mut sound),
        Scene::Marina => marina(&mut sound),
        Scene::Church => church(&mut sound),
    }
    sound
        .iter()
        .map(|level| (level.clamp(-0.9, 0.9) * 32_767.0) as i16)
        .collect()
}

/// Seconds of a sample.
fn seconds(at: usize) -> f64 {
    at as f64 / SAMPLES as f64
}

/// Adds a tone from `start` on, shaped by `envelope(seconds since then)`; what is over the end comes
/// at the beginning.
fn tone(sound: &mut [f64], start: f64, length: f64, pitch: f64, envelope: impl Fn(f64) -> f64) {
    let first = (start * SAMPLES as f64) as usize;
    let whole = sound.len();
    for i in 0..(length * SAMPLES as f64) as usize {
        let t = seconds(i);
        sound[(first + i) % whole] += (t * pitch * TAU).sin() * envelope(t);
    }
}

/// Up over `rise`, steady, down over `fall`.
fn hold(t: f64, length: f64, rise: f64, fall: f64) -> f64 {
    (t / rise).min((length - t) / fall).clamp(0.0, 1.0)
}

/// Noise of which only the low part is left; the same each round.
fn surf(sound: &mut [f64], level: f64) {
    let whole = sound.len();
    let mut low = 0.0;
    for i in 0..whole * 2 {
        let at = i % whole;
        let mut hash = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let noise = (hash >> 40) as f64 / f64::from(1 << 23) - 1.0;
        low += (noise - low) * 0.06;
        if i >= whole {
            // A wave every four seconds.
            let wave = 0.45 + 0.55 * (seconds(at) * TAU / 4.0).sin().max(0.0).powi(2);
            sound[at] += low * level * wave;
        }
    }
}

fn harbour(sound: &mut [f64]) {
    surf(sound, 0.8);
    for start in [2.0, 10.0] {
        for (pitch, level) in [(92.5, 0.2), (138.75, 0.12), (185.0, 0.08), (277.5, 0.04)] {
            tone(sound, start, 2.4, pitch, |t| level * hold(t, 2.4, 0.3, 0.6));
        }
    }
}

fn marina(sound: &mut [f64]) {
    surf(sound, 0.12);
    let tune = [659.3, 784.0, 880.0, 1174.7, 987.8, 784.0, 880.0, 659.3];
    for (i, pitch) in tune.iter().cycle().take(32).enumerate() {
        let start = i as f64 * 0.5;
        tone(sound, start, 1.4, *pitch, |t| 0.16 * (-t * 4.0).exp());
        tone(sound, start, 0.6, pitch * 2.76, |t| 0.05 * (-t * 9.0).exp());
    }
}

fn church(sound: &mut [f64]) {
    let chords = [
        [130.8, 261.6, 329.6, 392.0],
        [98.0, 246.9, 293.7, 392.0],
        [110.0, 261.6, 329.6, 440.0],
        [87.3, 261.6, 349.2, 440.0],
    ];
    for (i, chord) in chords.iter().enumerate() {
        for pitch in chord {
            for (partial, level) in [(1.0, 0.06), (2.0, 0.03), (4.0, 0.012)] {
                let envelope = |t: f64| level * hold(t, 4.3, 0.15, 0.4);
                tone(sound, i as f64 * 4.0, 4.3, pitch * partial, envelope);
            }
        }
    }
}
