//! What became of the cameras' frames: runs, cuts, losses and repeats.

use super::Judged;

/// A change from one camera to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Index of the first frame in which the new camera reads.
    pub at: usize,
    /// The camera before.
    pub from: u8,
    /// The camera after.
    pub to: u8,
    /// Frames in between in which neither reads: 0 at a cut, most of the length at a fade.
    pub mixed: usize,
}

/// Frames of one camera that came out other than one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slip {
    /// Index of the frame at which it shows.
    pub at: usize,
    /// Which camera.
    pub camera: u8,
    /// Frames missing (positive) or repeated (negative).
    pub frames: i32,
    /// Whether it happened in the program: between two frames of the camera with no other camera's
    /// in between. If not, the camera's buffer was fitted while nobody saw it, or while it faded in.
    pub on_air: bool,
}

impl Judged {
    /// Every change of camera.
    #[must_use]
    pub fn cuts(&self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut last: Option<(usize, u8)> = None;
        for (at, frame) in self.frames.iter().enumerate() {
            let Some(code) = frame.code else { continue };
            if let Some((before, camera)) = last
                && camera != code.camera
            {
                cuts.push(Cut {
                    at,
                    from: camera,
                    to: code.camera,
                    mixed: at - before - 1,
                });
            }
            last = Some((at, code.camera));
        }
        cuts
    }

    /// Frames lost and repeated, for cameras at the program's rate whose clip has `length` frames.
    ///
    /// Each camera's frames advance with the program's, on air or not, so that its frame number
    /// minus the program's is constant: a step in that difference is a loss or a repeat. One that
    /// shows at a camera's return is no frame of the program's and is told as off air. The first frame
    /// counts from the second on, since the recording may begin anywhere.
    #[must_use]
    pub fn slips(&self, length: u16) -> Vec<Slip> {
        let length = i32::from(length);
        let mut phases: [Option<i32>; 8] = [None; 8];
        let mut slips = Vec::new();
        let mut last = None;
        for (at, frame) in self.frames.iter().enumerate() {
            let Some(code) = frame.code else { continue };
            let on_air = last.replace(code.camera) == Some(code.camera);
            let place = i32::try_from(at).unwrap_or(i32::MAX);
            let phase = (i32::from(code.frame) - place).rem_euclid(length);
            let known = &mut phases[usize::from(code.camera)];
            if let Some(before) = known.replace(phase)
                && before != phase
            {
                let step = (phase - before).rem_euclid(length);
                slips.push(Slip {
                    at,
                    camera: code.camera,
                    frames: if step > length / 2 {
                        step - length
                    } else {
                        step
                    },
                    on_air,
                });
            }
        }
        slips
    }

    /// Frames that were lost or repeated from the program frame `from` on: in those before it, a reader's
    /// clock may be set by a step.
    #[must_use]
    pub fn missed(&self, length: u16, from: usize) -> u32 {
        let slips = self.slips(length);
        let missed = slips.iter().filter(|slip| slip.at >= from);
        missed.map(|slip| slip.frames.unsigned_abs()).sum()
    }

    /// Frames without a readable barcode, as `(index of the first, how many)`.
    #[must_use]
    pub fn unread(&self) -> Vec<(usize, usize)> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (at, frame) in self.frames.iter().enumerate() {
            if frame.code.is_some() {
                continue;
            }
            match runs.last_mut() {
                Some((from, count)) if *from + *count == at => *count += 1,
                _ => runs.push((at, 1)),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::judge::Frame;

    fn played(codes: &[(u8, u16)]) -> Judged {
        let frame = |(camera, frame): &(u8, u16)| Frame {
            pts_ns: 0,
            code: (*camera < 8).then_some(Code {
                camera: *camera,
                frame: *frame,
            }),
            mean: 100.0,
            flash: 0.0,
            regions: Vec::new(),
        };
        Judged {
            frames: codes.iter().map(frame).collect(),
            ..Judged::default()
        }
    }

    #[test]
    fn a_clean_cut_there_and_back_has_no_slips() {
        let seen = played(&[(1, 5), (1, 6), (2, 239), (2, 0), (1, 9), (1, 10)]);
        assert!(seen.slips(240).is_empty());
        let places: Vec<usize> = seen.cuts().iter().map(|cut| cut.at).collect();
        assert_eq!(places, [2, 4]);
    }

    #[test]
    fn a_repeat_and_a_loss_are_told_apart() {
        let seen = played(&[(1, 5), (1, 5), (1, 6), (1, 8)]);
        let steps: Vec<i32> = seen.slips(240).iter().map(|slip| slip.frames).collect();
        assert_eq!(steps, [-1, 1]);
    }

    #[test]
    fn a_buffer_that_is_fitted_off_air_is_no_repeat_of_the_programs() {
        let seen = played(&[(1, 5), (1, 6), (2, 9), (1, 7), (1, 8), (9, 0), (1, 9)]);
        let told: Vec<(i32, bool)> = seen
            .slips(240)
            .iter()
            .map(|slip| (slip.frames, slip.on_air))
            .collect();
        assert_eq!(told, [(-1, false), (-1, true)]);
    }

    #[test]
    fn frames_in_a_fade_are_mixed_and_not_lost() {
        let seen = played(&[(1, 5), (9, 0), (9, 0), (2, 30), (2, 31)]);
        assert!(seen.slips(240).is_empty());
        assert_eq!(seen.cuts()[0].mixed, 2);
        assert_eq!(seen.unread(), [(1, 2)]);
    }
}
