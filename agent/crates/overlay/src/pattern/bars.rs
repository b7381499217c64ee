//! Colour bars after SMPTE RP 219 (75 % bars, ramp, PLUGE), in shares of the picture.
//!
//! Drawn in Y, U, V, because the black-level steps include one below black that RGB has not.

use model::{Size, Still};
use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

use crate::yuv::triple;

/// R, G, B in 0.0..=1.0.
type Rgb = [f32; 3];

const fn grey(level: f32) -> Rgb {
    [level; 3]
}

/// What a patch shows.
#[derive(Debug, Clone, Copy)]
enum Fill {
    Flat(Rgb),
    /// From black on the left to white on the right.
    Ramp,
}
use Fill::{Flat, Ramp};

/// A band of the picture: height in twelfths, and its patches with widths in 84ths of the middle
/// part; `(side)` marks the outer eighth.
struct Band {
    twelfths: u32,
    left: Rgb,
    middle: &'static [(u32, Fill)],
    right: Rgb,
}

/// Seven bars share the middle; one of them is 12 of its 84 parts.
const BAR: u32 = 12;

const BANDS: [Band; 4] = [
    Band {
        twelfths: 7,
        left: grey(0.4),
        middle: &[
            (BAR, Flat(grey(0.75))),
            (BAR, Flat([0.75, 0.75, 0.0])),
            (BAR, Flat([0.0, 0.75, 0.75])),
            (BAR, Flat([0.0, 0.75, 0.0])),
            (BAR, Flat([0.75, 0.0, 0.75])),
            (BAR, Flat([0.75, 0.0, 0.0])),
            (BAR, Flat([0.0, 0.0, 0.75])),
        ],
        right: grey(0.4),
    },
    Band {
        twelfths: 1,
        left: [0.0, 1.0, 1.0],
        middle: &[(7 * BAR, Flat(grey(0.75)))],
        right: [0.0, 0.0, 1.0],
    },
    Band {
        twelfths: 1,
        left: [1.0, 1.0, 0.0],
        middle: &[
            (BAR, Flat(grey(0.0))),
            (5 * BAR, Ramp),
            (BAR, Flat(grey(1.0))),
        ],
        right: [1.0, 0.0, 0.0],
    },
    Band {
        twelfths: 3,
        left: grey(0.15),
        middle: &[
            (18, Flat(grey(0.0))),
            (24, Flat(grey(1.0))),
            (10, Flat(grey(0.0))),
            (4, Flat(grey(-0.02))),
            (4, Flat(grey(0.0))),
            (4, Flat(grey(0.02))),
            (4, Flat(grey(0.0))),
            (4, Flat(grey(0.04))),
            (12, Flat(grey(0.0))),
        ],
        right: grey(0.15),
    },
];

/// The nearest even pixel, so that edges stand between chroma samples.
fn even(at: f32) -> usize {
    (at / 2.0).round() as usize * 2
}

/// One row of a band: a colour for each pair of columns and whether the ramp runs there.
fn row(band: &Band, width: usize) -> Vec<Rgb> {
    let side = even(width as f32 / 8.0);
    let middle = (width - 2 * side) as f32;
    let mut out = vec![band.left; side];
    let mut parts = 0;
    for &(wide, fill) in band.middle {
        let from = out.len();
        parts += wide;
        let to = side + even(middle * parts as f32 / 84.0);
        let last = to.saturating_sub(from + 1).max(1) as f32;
        out.extend((from..to).map(|x| match fill {
            Flat(rgb) => rgb,
            Ramp => grey((x - from) as f32 / last),
        }));
    }
    out.resize(width - side, grey(0.0));
    out.resize(width, band.right);
    out
}

/// The bands with the rows they fill: `(band, first row, end)`.
fn bands(height: usize) -> impl Iterator<Item = (&'static Band, usize, usize)> {
    let mut twelfths = 0;
    BANDS.iter().map(move |band| {
        let from = even(height as f32 * twelfths as f32 / 12.0);
        twelfths += band.twelfths;
        let to = even(height as f32 * twelfths as f32 / 12.0).min(height);
        (band, from, to)
    })
}

pub(super) fn still(size: Size) -> Still {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let mut luma = Vec::with_capacity(size.yuv420_bytes());
    let mut u = Vec::with_capacity(size.chroma_bytes());
    let mut v = Vec::with_capacity(size.chroma_bytes());
    for (band, from, to) in bands(height) {
        let row: Vec<[u8; 3]> = row(band, width).into_iter().map(triple).collect();
        for _ in from..to {
            luma.extend(row.iter().map(|p| p[0]));
        }
        for _ in from / 2..to / 2 {
            u.extend(row.iter().step_by(2).map(|p| p[1]));
            v.extend(row.iter().step_by(2).map(|p| p[2]));
        }
    }
    luma.append(&mut u);
    luma.append(&mut v);
    Still { size, data: luma }
}

pub(super) fn pixels(size: Size) -> Pixmap {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let mut out = super::canvas(size);
    for (band, from, to) in bands(height) {
        let row: Vec<PremultipliedColorU8> =
            row(band, width).into_iter().filter_map(opaque).collect();
        let rows = out.pixels_mut().chunks_exact_mut(width);
        for line in rows.skip(from).take(to - from) {
            line.copy_from_slice(&row);
        }
    }
    out
}

fn opaque(rgb: Rgb) -> Option<PremultipliedColorU8> {
    let [r, g, b] = rgb.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8);
    PremultipliedColorU8::from_rgba(r, g, b, 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_band_is_whole() {
        assert_eq!(BANDS.iter().map(|b| b.twelfths).sum::<u32>(), 12);
        for band in &BANDS {
            assert_eq!(band.middle.iter().map(|p| p.0).sum::<u32>(), 84);
        }
    }

    #[test]
    fn bars_fill_every_size_exactly() {
        for (w, h) in [
            (16, 16),
            (854, 480),
            (1920, 1080),
            (1080, 1920),
            (4096, 2160),
        ] {
            let size = Size::new(w, h).unwrap();
            assert_eq!(still(size).data.len(), size.yuv420_bytes(), "{size}");
            assert_eq!(pixels(size).data().len(), size.luma_bytes() * 4);
        }
    }

    #[test]
    fn the_yellow_bar_has_the_values_of_75_percent() {
        let size = Size::HD;
        let still = still(size);
        let x = 240 + 206 + 100;
        assert_eq!(still.data[x], 168);
        let chroma = size.luma_bytes() + x / 2;
        assert_eq!(still.data[chroma], 44);
        assert_eq!(still.data[chroma + size.chroma_bytes()], 136);
    }
}
