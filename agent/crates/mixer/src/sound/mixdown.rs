//! The sum of the sounds of one program frame.

/// Adds up the sounds of one program frame and rounds them to 16 bits.
///
/// Use: [`Mixdown::begin`], [`Mixdown::add`] for each sound, [`Mixdown::finish`].
#[derive(Debug, Default)]
pub struct Mixdown {
    sum: Vec<f32>,
}

/// A change of gain by more than this in one frame is a cut.
const CUT: f32 = 0.5;
/// Length of the ramp at a cut: 10 ms.
const RAMP: usize = 480;

impl Mixdown {
    /// Room for frames of up to `samples` (a sample is a pair).
    #[must_use]
    pub fn new(samples: usize) -> Self {
        Self {
            sum: Vec::with_capacity(samples * 2),
        }
    }

    /// Starts a frame of `samples` pairs of silence. Allocates only when that is more than there is
    /// room for.
    pub fn begin(&mut self, samples: usize) {
        self.sum.clear();
        self.sum.resize(samples * 2, 0.0);
    }

    /// Adds one sound, interleaved stereo, with a gain that moves in a straight line from `gain_from`
    /// at the start of the frame to `gain_to` at its end; a step of more than half (a cut) is done
    /// within 10 ms. A sound shorter than the frame is followed by silence, a longer one is cut off.
    pub fn add(&mut self, sound: &[f32], gain_from: f32, gain_to: f32) {
        let samples = self.sum.len() / 2;
        let cut = (gain_to - gain_from).abs() > CUT;
        let ramp = if cut { samples.min(RAMP) } else { samples };
        let step = (gain_to - gain_from) / ramp as f32;
        let (ramped, level) = self.sum.split_at_mut(ramp * 2);
        let pairs = ramped.chunks_exact_mut(2).zip(sound.chunks_exact(2));
        for (n, (sum, pair)) in pairs.enumerate() {
            let gain = gain_from + step * (n + 1) as f32;
            sum[0] += pair[0] * gain;
            sum[1] += pair[1] * gain;
        }
        for (sum, sample) in level.iter_mut().zip(sound.iter().skip(ramp * 2)) {
            *sum += sample * gain_to;
        }
    }

    /// Rounds the sum to 16 bits, saturating, into `out`: interleaved stereo. What `out` has beyond
    /// the frame becomes silence.
    pub fn finish(&self, out: &mut [i16]) {
        let (frame, rest) = out.split_at_mut(self.sum.len().min(out.len()));
        for (out, sum) in frame.iter_mut().zip(&self.sum) {
            *out = (sum * 32768.0).round_ties_even() as i16; // the cast saturates
        }
        rest.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(sounds: &[(&[f32], f32, f32)], samples: usize) -> Vec<i16> {
        let mut mixdown = Mixdown::new(samples);
        mixdown.begin(samples);
        for (sound, from, to) in sounds {
            mixdown.add(sound, *from, *to);
        }
        let mut out = vec![77; samples * 2];
        mixdown.finish(&mut out);
        out
    }

    #[test]
    fn every_16_bit_value_passes_untouched_at_full_gain() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let sound: Vec<f32> = all.iter().map(|&s| f32::from(s) / 32768.0).collect();
        assert_eq!(mix(&[(&sound, 1.0, 1.0)], all.len() / 2), all);
    }

    #[test]
    fn sums_saturate_instead_of_wrapping_and_nonsense_is_silence() {
        let sound = [0.9, -0.9, f32::NAN, f32::INFINITY];
        let out = mix(&[(&sound, 1.0, 1.0), (&sound, 1.0, 1.0)], 2);
        assert_eq!(out, [i16::MAX, i16::MIN, 0, i16::MAX]);
    }

    #[test]
    fn a_fade_is_a_straight_line_over_the_frame_and_the_next_goes_on_from_it() {
        let sound = vec![0.5; 3200];
        let out = mix(&[(&sound, 0.2, 0.4)], 1600);
        assert_eq!((out[0], out[1600], out[3199]), (3279, 4917, 6554));
        assert!(out.windows(2).all(|w| (0..=3).contains(&(w[1] - w[0]))));
    }

    #[test]
    fn a_cut_is_over_within_ten_milliseconds() {
        let sound = vec![0.5; 3200];
        let out = mix(&[(&sound, 1.0, 0.0)], 1600);
        assert!(out[0] > 16_000 && out[958] == 0);
        assert!(out[960..].iter().all(|&s| s == 0));
        let out = mix(&[(&sound, 0.0, 1.0)], 1600);
        assert!(out[0] < 100 && out[960..].iter().all(|&s| s == 16_384));
    }

    #[test]
    fn a_sound_or_an_output_of_another_length_is_met_with_silence() {
        let out = mix(&[(&[0.5; 4], 1.0, 1.0), (&[0.0; 100], 1.0, 1.0)], 4);
        assert_eq!(out, [16_384, 16_384, 16_384, 16_384, 0, 0, 0, 0]);
        assert!(mix(&[(&[0.5; 4], 0.0, 1.0)], 0).is_empty());
        let mut mixdown = Mixdown::default();
        mixdown.begin(1);
        mixdown.add(&[0.5, 0.5], 1.0, 1.0);
        let mut out = [77; 4];
        mixdown.finish(&mut out);
        assert_eq!(out, [16_384, 16_384, 0, 0]);
        mixdown.finish(&mut out[..1]);
    }
}
