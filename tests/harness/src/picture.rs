//! The moving picture of a simulated camera, drawn straight into planes.

use crate::code::{Code, STRIP};
use std::ops::Range;

/// The patch that is white in the frame in which the beep begins: `(x, y, width, height)` as shares
/// of the picture in sixteenths.
pub const FLASH: (usize, usize, usize, usize) = (6, 6, 4, 4);

/// Draws frame after frame of one camera.
pub(crate) struct Painter {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) camera: u8,
    pub(crate) full_range: bool,
}

impl Painter {
    /// Draws one frame as planar 4:2:0 into `out`.
    pub(crate) fn draw(&self, frame: u16, flash: bool, out: &mut Vec<u8>) {
        let (width, height) = (self.width, self.height);
        let (dark, light) = if self.full_range { (0, 255) } else { (16, 235) };
        out.clear();
        out.resize(
            width * height + 2 * (width.div_ceil(2) * height.div_ceil(2)),
            128,
        );
        let (luma, chroma) = out.split_at_mut(width * height);
        let cells = Code {
            camera: self.camera,
            frame,
        }
        .cells();
        let (patch_x, patch_y) = flash_patch(width, height);
        let strip = height / STRIP;
        let time = usize::from(frame);
        for (y, row) in luma.chunks_exact_mut(width).enumerate() {
            if y < strip {
                for (x, value) in row.iter_mut().enumerate() {
                    *value = if cells[x * cells.len() / width] {
                        light
                    } else {
                        dark
                    };
                }
                continue;
            }
            for (x, value) in row.iter_mut().enumerate() {
                *value = self.motion(x, y, time);
            }
            if patch_y.contains(&y) {
                row[patch_x.clone()].fill(if flash { light } else { 50 });
            }
        }
        let quarter = chroma.len() / 2;
        let (first, second) = chroma.split_at_mut(quarter);
        let (u, v) = TINTS[usize::from(self.camera) % TINTS.len()];
        let grey = width.div_ceil(2) * (strip / 2);
        first[grey..].fill(u);
        second[grey..].fill(v);
    }

    /// A pattern of its own for each camera: bars that wander across, down, or along a diagonal.
    fn motion(&self, x: usize, y: usize, time: usize) -> u8 {
        let step = self.width / 160 + 1;
        let phase = match self.camera % 4 {
            0 => x + time * step,
            1 => y + time * step,
            2 => x + y + time * step,
            _ => x + self.height + time * step - y,
        };
        let wave = phase * 4 * 64 / self.width % 128;
        let triangle = if wave < 64 { wave } else { 127 - wave };
        u8::try_from(70 + triangle * 3 / 2).unwrap_or(u8::MAX)
    }
}

/// Rows and columns of the flash patch of a picture.
pub(crate) fn flash_patch(width: usize, height: usize) -> (Range<usize>, Range<usize>) {
    let (x, y, w, h) = FLASH;
    (
        x * width / 16..(x + w) * width / 16,
        y * height / 16..(y + h) * height / 16,
    )
}

const TINTS: [(u8, u8); 8] = [
    (128, 128),
    (170, 100),
    (100, 170),
    (90, 100),
    (150, 160),
    (100, 120),
    (160, 128),
    (128, 90),
];
