//! Finding beeps in sound.

/// Samples of quiet that come before a beep: 300 ms.
const QUIET: usize = 14_400;

/// Places at which a beep begins: the first sample above a third of full swing of the loudest beep
/// after 300 ms in which there was none, moved back by the part of a sine that it takes to get there.
pub(super) fn beeps(pcm: &[i16]) -> Vec<usize> {
    let peak = pcm
        .iter()
        .map(|value| value.unsigned_abs())
        .max()
        .unwrap_or(0);
    if peak < 500 {
        return Vec::new();
    }
    let threshold = peak / 3;
    let mut found = Vec::new();
    let mut last_loud = None;
    for (at, value) in pcm.iter().enumerate() {
        if value.unsigned_abs() > threshold {
            if last_loud.is_none_or(|last| at - last > QUIET) && at > QUIET {
                // asin(1/3) of a 1 kHz period is 2.6 samples.
                found.push(at.saturating_sub(3));
            }
            last_loud = Some(at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beep_is_found_where_it_begins() {
        let mut pcm = vec![0i16; 96_000];
        for start in [20_000, 68_000] {
            for at in 0..4_800 {
                let angle = at as f64 / 48.0 * std::f64::consts::TAU;
                pcm[start + at] = (angle.sin() * 9_000.0) as i16;
            }
        }
        let found = beeps(&pcm);
        assert_eq!(found.len(), 2);
        for (found, start) in found.iter().zip([20_000, 68_000]) {
            assert!(found.abs_diff(start) <= 2, "{found} is not {start}");
        }
    }

    #[test]
    fn silence_has_no_beeps() {
        assert!(beeps(&[3; 48_000]).is_empty());
    }
}
