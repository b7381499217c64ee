//! The soft edge around letters that have no panel behind them.
//!
//! Owns the blur. Works on pixels, because stroking outlines costs twenty times as much.

use model::Colour;
use resvg::tiny_skia::Pixmap;

/// A soft edge of one colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Halo {
    pub(crate) colour: Colour,
    /// Pixels from the letters to where it ends.
    pub(crate) reach: f32,
}

impl Halo {
    /// Blur radius of each of the two passes.
    fn radius(self) -> usize {
        (self.reach / 2.0).round().max(1.0) as usize
    }

    /// Lays the halo under what is drawn. `pixels` must have [`Self::reach`] free on each side that
    /// is not the program's edge.
    pub(crate) fn lay(self, pixels: &mut Pixmap) {
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        let mut shade: Vec<u8> = pixels.data().chunks_exact(4).map(|p| p[3]).collect();
        let radius = self.radius();
        for _ in 0..2 {
            blur_rows(&mut shade, width, radius);
            blur_columns(&mut shade, width, height, radius);
        }
        let Colour { r, g, b, a } = self.colour;
        for (pixel, shade) in pixels.data_mut().chunks_exact_mut(4).zip(shade) {
            // Denser than the blur alone, so that thin letters keep a rim that can be seen.
            let dense = (u32::from(shade) * 7 / 4).min(255) * u32::from(a) / 255;
            let under = (255 - u32::from(pixel[3])) * dense / 255;
            for (channel, colour) in pixel.iter_mut().zip([r, g, b, 255]) {
                *channel += (under * u32::from(colour) / 255) as u8;
            }
        }
    }
}

/// A running mean over `2 · radius + 1` pixels of each row; outside is nothing.
fn blur_rows(plane: &mut [u8], width: usize, radius: usize) {
    let span = 2 * radius as u32 + 1;
    let mut before = vec![0_u8; width];
    for row in plane.chunks_exact_mut(width) {
        before.copy_from_slice(row);
        let mut sum: u32 = before.iter().take(radius).map(|v| u32::from(*v)).sum();
        for (x, value) in row.iter_mut().enumerate() {
            sum += before.get(x + radius).map_or(0, |v| u32::from(*v));
            *value = (sum / span) as u8;
            if x >= radius {
                sum -= u32::from(before[x - radius]);
            }
        }
    }
}

/// As [`blur_rows`] for columns, row by row so that memory is read in order.
fn blur_columns(plane: &mut [u8], width: usize, height: usize, radius: usize) {
    let span = 2 * radius as u32 + 1;
    let before = plane.to_vec();
    let row = |y: usize| before.get(y * width..(y + 1) * width).unwrap_or(&[]);
    let mut sums = vec![0_u32; width];
    for y in 0..radius.min(height) {
        for (sum, value) in sums.iter_mut().zip(row(y)) {
            *sum += u32::from(*value);
        }
    }
    for (y, out) in plane.chunks_exact_mut(width).enumerate() {
        for (sum, value) in sums.iter_mut().zip(row(y + radius)) {
            *sum += u32::from(*value);
        }
        for (value, sum) in out.iter_mut().zip(&sums) {
            *value = (*sum / span) as u8;
        }
        if y >= radius {
            for (sum, value) in sums.iter_mut().zip(row(y - radius)) {
                *sum -= u32::from(*value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_plane_stays_flat_inside_and_falls_at_its_edges() {
        let mut plane = vec![200; 20 * 20];
        blur_rows(&mut plane, 20, 3);
        blur_columns(&mut plane, 20, 20, 3);
        assert_eq!(plane[10 * 20 + 10], 200);
        assert!(plane[0] < 100);
    }

    #[test]
    fn rows_and_columns_blur_alike_even_with_a_radius_above_the_side() {
        for radius in [1, 2, 9, 40] {
            let mut rows = vec![0; 9 * 9];
            rows[4 * 9 + 4] = 255;
            let mut columns = rows.clone();
            blur_rows(&mut rows, 9, radius);
            blur_columns(&mut columns, 9, 9, radius);
            let turned: Vec<u8> = (0..81).map(|i| columns[i % 9 * 9 + i / 9]).collect();
            assert_eq!(rows, turned);
        }
    }

    #[test]
    fn the_letters_themselves_do_not_change() {
        let mut pixels = Pixmap::new(9, 9).unwrap();
        pixels.data_mut()[(4 * 9 + 4) * 4..][..4].copy_from_slice(&[255; 4]);
        let halo = Halo {
            colour: Colour::BLACK,
            reach: 4.0,
        };
        halo.lay(&mut pixels);
        assert_eq!(pixels.data()[(4 * 9 + 4) * 4..][..4], [255; 4]);
        let beside = &pixels.data()[(4 * 9 + 5) * 4..][..4];
        assert!(beside[3] > 0 && beside[0] == 0, "{beside:?}");
    }
}
