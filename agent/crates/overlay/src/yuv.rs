//! From premultiplied RGBA to premultiplied BT.709 limited 4:2:0.
//!
//! Owns the arithmetic; sums in 16.16 fixed point, rounded to nearest. Source of the factors: ITU-R
//! BT.709-6 §3 (Kr 0.2126, Kb 0.0722), quantised to 219 (luma) and 224 (chroma) steps.

use model::{Raster, Size, Still};

use crate::page::Drawn;

/// 219/255 of Kr, Kg, Kb in 1/65536; together exactly 219/255.
const LUMA: [i32; 3] = [11_966, 40_254, 4_064];
/// 224/255 of the factors of Cb in 1/65536; together 0.
const CB: [i32; 3] = [-6_596, -22_189, 28_785];
/// As [`CB`] for Cr.
const CR: [i32; 3] = [28_785, -26_146, -2_639];

fn dot(factors: [i32; 3], [r, g, b]: [i32; 3]) -> i32 {
    factors[0] * r + factors[1] * g + factors[2] * b
}

/// Luma above black of a premultiplied pixel, 0..=219.
fn luma(rgb: [i32; 3]) -> u8 {
    ((dot(LUMA, rgb) + 0x8000) >> 16) as u8
}

/// Chroma around 128 of the sum of four premultiplied pixels, 16..=240.
fn chroma(factors: [i32; 3], sum: [i32; 3]) -> u8 {
    (128 + ((dot(factors, sum) + 0x2_0000) >> 18)) as u8
}

/// Converts what was drawn; every value is multiplied by `opacity`, 0.0..=1.0.
pub(crate) fn raster(drawn: &Drawn, opacity: f32) -> Raster {
    let (width, height) = (drawn.pixels.width(), drawn.pixels.height());
    let faded;
    let data = if opacity < 1.0 {
        let share = (opacity * 65_536.0).round() as u32;
        let fade = |v: &u8| ((u32::from(*v) * share + 0x8000) >> 16) as u8;
        faded = drawn.pixels.data().iter().map(fade).collect::<Vec<u8>>();
        &faded
    } else {
        drawn.pixels.data()
    };
    let luma_bytes = width as usize * height as usize;
    let mut out = Raster {
        x: drawn.x,
        y: drawn.y,
        width,
        height,
        luma: vec![0; luma_bytes],
        u: vec![0; luma_bytes / 4],
        v: vec![0; luma_bytes / 4],
        alpha: vec![0; luma_bytes],
        alpha_chroma: vec![0; luma_bytes / 4],
    };
    for ((pixel, luma_out), alpha_out) in
        data.chunks_exact(4).zip(&mut out.luma).zip(&mut out.alpha)
    {
        *luma_out = luma([pixel[0].into(), pixel[1].into(), pixel[2].into()]);
        *alpha_out = pixel[3];
    }
    let width = width as usize;
    let rows = data.chunks_exact(width * 8);
    let chroma_rows = (out.u.chunks_exact_mut(width / 2))
        .zip(out.v.chunks_exact_mut(width / 2))
        .zip(out.alpha_chroma.chunks_exact_mut(width / 2));
    for (two_rows, ((u, v), alpha)) in rows.zip(chroma_rows) {
        let (upper, lower) = two_rows.split_at(width * 4);
        let four = upper.chunks_exact(8).zip(lower.chunks_exact(8));
        for ((a, b), ((u, v), alpha)) in four.zip(u.iter_mut().zip(v).zip(alpha)) {
            let sum = |i: usize| {
                i32::from(a[i]) + i32::from(a[i + 4]) + i32::from(b[i]) + i32::from(b[i + 4])
            };
            let rgb = [sum(0), sum(1), sum(2)];
            *u = chroma(CB, rgb);
            *v = chroma(CR, rgb);
            *alpha = ((sum(3) + 2) / 4) as u8;
        }
    }
    out
}

/// Converts a picture without transparency that covers the whole program.
pub(crate) fn still(drawn: &Drawn, size: Size) -> Still {
    let Raster { mut luma, u, v, .. } = raster(drawn, 1.0);
    for value in &mut luma {
        *value += 16;
    }
    luma.extend_from_slice(&u);
    luma.extend_from_slice(&v);
    Still { size, data: luma }
}

/// The 8-bit triple Y, U, V of a colour given as R, G, B in 0.0..=1.0; a little below 0 is allowed.
pub(crate) fn triple([r, g, b]: [f32; 3]) -> [u8; 3] {
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let steps = |v: f32| v.round().clamp(1.0, 254.0) as u8;
    [
        steps(16.0 + 219.0 * y),
        steps(128.0 + 224.0 * (b - y) / 1.8556),
        steps(128.0 + 224.0 * (r - y) / 1.5748),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::tiny_skia::{Color, Pixmap};

    fn filled(r: u8, g: u8, b: u8, a: u8) -> Drawn {
        let mut pixels = Pixmap::new(4, 2).unwrap();
        pixels.fill(Color::from_rgba8(r, g, b, a));
        Drawn { x: 0, y: 0, pixels }
    }

    #[test]
    fn the_primaries_are_those_of_bt_709() {
        for (rgb, yuv) in [
            ((255, 255, 255), (235, 128, 128)),
            ((0, 0, 0), (16, 128, 128)),
            ((255, 0, 0), (63, 102, 240)),
            ((0, 255, 0), (173, 42, 26)),
            ((0, 0, 255), (32, 240, 118)),
        ] {
            let still = still(
                &filled(rgb.0, rgb.1, rgb.2, 255),
                Size::new(16, 16).unwrap(),
            );
            let got = (still.data[0], still.data[8], still.data[10]);
            assert_eq!(got, yuv, "{rgb:?}");
            let whole = [rgb.0, rgb.1, rgb.2].map(|v: u8| f32::from(v) / 255.0);
            assert_eq!(triple(whole), [yuv.0, yuv.1, yuv.2], "{rgb:?}");
        }
    }

    #[test]
    fn half_opacity_halves_every_plane() {
        let raster = raster(&filled(255, 255, 255, 255), 0.5);
        assert_eq!((raster.alpha[0], raster.alpha_chroma[0]), (128, 128));
        assert_eq!((raster.luma[0], raster.u[0], raster.v[0]), (110, 128, 128));
    }

    #[test]
    fn what_is_transparent_has_no_colour() {
        let raster = raster(&filled(200, 10, 90, 0), 1.0);
        assert!(raster.alpha.iter().chain(&raster.luma).all(|v| *v == 0));
        assert!(raster.u.iter().chain(&raster.v).all(|v| *v == 128));
    }
}
