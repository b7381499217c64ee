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
