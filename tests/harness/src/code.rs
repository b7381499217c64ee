//! The barcode in the top strip of every frame of a simulated camera.
//!
//! Twenty cells side by side over the whole width, one ninth of the height: white, black, camera
//! (3 bits), frame (10 bits), check (3 bits), black, white; most significant bit first, white is 1.
//! Cells are large enough to survive scaling and two lossy encodes. A picture that is a mix of two
//! reads as the one that makes up at least about three quarters of it, and as nothing in between.

/// Cells across the picture.
pub(crate) const CELLS: usize = 20;
/// The strip's share of the height: one in so many.
pub(crate) const STRIP: usize = 9;

/// What a barcode says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code {
    /// Which camera, 0..=7.
    pub camera: u8,
    /// Which frame of its clip, 0..=1023.
    pub frame: u16,
}

impl Code {
    /// The cells, true for white.
    pub(crate) fn cells(self) -> [bool; CELLS] {
        let bits =
            u32::from(self.camera & 7) << 13 | u32::from(self.frame & 1023) << 3 | self.check();
        let mut cells = [false; CELLS];
        cells[0] = true;
        cells[CELLS - 1] = true;
        for (place, cell) in cells[2..CELLS - 2].iter_mut().enumerate() {
            *cell = bits >> (15 - place) & 1 == 1;
        }
        cells
    }

    fn check(self) -> u32 {
        let frame = u32::from(self.frame);
        (u32::from(self.camera) ^ frame ^ frame >> 3 ^ frame >> 6 ^ frame >> 9 ^ 0b101) & 7
    }
}

/// Reads the barcode of a gray picture of `width` × `height` bytes, or nothing where a cell is
/// neither light nor dark or the check does not agree.
#[must_use]
pub fn read_code(gray: &[u8], width: usize, height: usize) -> Option<Code> {
    let strip = height / STRIP;
    let mut bits = 0u32;
    for cell in 0..CELLS {
        // The middle half of the cell, so that blur at its edges does not count.
        let from = (cell * 4 + 1) * width / (CELLS * 4);
        let to = (cell * 4 + 3) * width / (CELLS * 4);
        let mut sum = 0u32;
        let mut count = 0u32;
        for row in strip / 4..strip * 3 / 4 {
            for value in gray.get(row * width + from..row * width + to)? {
                sum += u32::from(*value);
                count += 1;
            }
        }
        let bit = match sum / count.max(1) {
            0..=88 => 0,
            168..=255 => 1,
            _ => return None,
        };
        bits = bits << 1 | bit;
    }
    let framed = bits >> 18 == 0b10 && bits & 0b11 == 0b01;
    let bits = bits >> 2 & 0xffff;
    let code = Code {
        camera: u8::try_from(bits >> 13).ok()?,
        frame: u16::try_from(bits >> 3 & 1023).ok()?,
    };
    (framed && bits & 7 == code.check()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(code: Code, light: u8, dark: u8) -> Vec<u8> {
        let cells = code.cells();
        (0..320 * 180)
            .map(|at| if cells[at % 320 / 16] { light } else { dark })
            .collect()
    }

    #[test]
    fn every_code_reads_as_itself() {
        for camera in 0..8 {
            for frame in 0..1024 {
                let code = Code { camera, frame };
                assert_eq!(read_code(&paint(code, 235, 16), 320, 180), Some(code));
            }
        }
    }

    #[test]
    fn a_washed_out_or_flipped_cell_reads_as_nothing() {
        let code = Code {
            camera: 3,
            frame: 77,
        };
        assert_eq!(read_code(&paint(code, 140, 110), 320, 180), None);
        let mut wrong = paint(code, 235, 16);
        for row in 0..20 {
            for at in 5 * 16..6 * 16 {
                wrong[row * 320 + at] = 251 - wrong[row * 320 + at];
            }
        }
        assert_eq!(read_code(&wrong, 320, 180), None);
    }
}
