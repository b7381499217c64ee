//! Exhaustive rounding against exact arithmetic, golden values, and every border.

use super::super::planes;
use super::*;
use proptest::prelude::*;

/// The operator in exact arithmetic: 2 · 255 · 256 times the value, unlimited.
fn exact(program: u8, fill: u8, alpha: u8, opacity: u16, black: u8, zero: u8) -> i64 {
    let [p, f, a, o, b, z] = [
        i64::from(program),
        i64::from(fill),
        i64::from(alpha),
        i64::from(opacity),
        i64::from(black),
        i64::from(zero),
    ];
    2 * ((p - b) * (65_280 - a * o) + b * 65_280 + (f - z) * 255 * o)
}

/// Whether a byte is within so many hundredths of a step of exact arithmetic.
fn is_within(hundredths: i64, out: u8, exact: i64) -> bool {
    let limited = exact.clamp(0, 2 * 255 * 65_280);
    let error = (i64::from(out) * 2 * 65_280 - limited).abs();
    error * 100 <= hundredths * 2 * 65_280
}

#[test]
fn full_opacity_is_within_half_a_step_for_every_program_fill_and_alpha() {
    for program in 0..=255 {
        for alpha in 0..=255 {
            for fill in 0..=255 {
                let luma = exact(program, fill, alpha, 256, BLACK, 0);
                let chroma = exact(program, fill, alpha, 256, GREY, GREY);
                let ok = is_within(50, whole::<BLACK, 0>(program, fill, alpha), luma)
                    && is_within(50, whole::<GREY, GREY>(program, fill, alpha), chroma);
                assert!(ok, "{program} {fill} {alpha}");
            }
        }
    }
}

#[test]
fn part_opacity_is_within_51_hundredths_of_a_step_for_every_program_and_alpha() {
    for opacity in [1, 2, 3, 64, 100, 127, 128, 129, 200, 254, 255] {
        for program in 0..=255 {
            for alpha in 0..=255 {
                for fill in [0, 1, 16, 100, 127, 128, 129, 219, 255] {
                    let luma = exact(program, fill, alpha, opacity, BLACK, 0);
                    let chroma = exact(program, fill, alpha, opacity, GREY, GREY);
                    let keyed = part::<BLACK, 0>(program, fill, alpha, opacity);
                    let tinted = part::<GREY, GREY>(program, fill, alpha, opacity);
                    let ok = is_within(51, keyed, luma) && is_within(51, tinted, chroma);
                    assert!(ok, "{program} {fill} {alpha} {opacity}: {keyed} {tinted}");
                }
            }
        }
    }
}

#[test]
fn no_graphic_leaves_every_byte_as_it_is_at_every_opacity() {
    for opacity in 0..=256 {
        for program in 0..=255 {
            assert_eq!(part::<BLACK, 0>(program, 0, 0, opacity), program);
            assert_eq!(part::<GREY, GREY>(program, GREY, 0, opacity), program);
            assert_eq!(whole::<BLACK, 0>(program, 0, 0), program);
            assert_eq!(whole::<GREY, GREY>(program, GREY, 0), program);
        }
    }
}

const SIZE: (u32, u32) = (32, 16);

fn size() -> Size {
    Size::new(SIZE.0, SIZE.1).unwrap()
}

/// A raster whose every byte differs from its neighbours.
fn raster(x: i32, y: i32, width: u32, height: u32) -> Raster {
    let luma = (width * height) as usize;
    let plane = |length: usize, step: usize, limit: usize| {
        (0..length)
            .map(|i| ((i * step + 5) % limit) as u8)
            .collect()
    };
    Raster {
        x,
        y,
        width,
        height,
        luma: plane(luma, 37, 120),
        alpha: plane(luma, 53, 256),
        u: plane(luma / 4, 11, 256),
        v: plane(luma / 4, 29, 256),
        alpha_chroma: plane(luma / 4, 71, 256),
    }
}

fn program() -> Vec<u8> {
    (0..size().yuv420_bytes())
        .map(|i| (i * 31 % 256) as u8)
        .collect()
}

/// Whether `out` is what one gets by asking, for each byte of the picture, which byte of the raster
/// is over it.
fn agrees(out: &[u8], before: &[u8], raster: &Raster, opacity: u16, shift: (i32, i32)) -> bool {
    let left = i64::from(raster.x) + i64::from(shift.0).div_euclid(2) * 2;
    let top = i64::from(raster.y) + i64::from(shift.1).div_euclid(2) * 2;
    let one = |planes: (&[u8], &[u8]), scale: i64, fill: &[u8], alpha: &[u8], black, zero| {
        let (width, stride) = (i64::from(raster.width) / scale, i64::from(SIZE.0) / scale);
        let height = i64::from(raster.height) / scale;
        planes
            .0
            .iter()
            .zip(planes.1)
            .enumerate()
            .all(|(i, (&out, &before))| {
                let x = i as i64 % stride - left / scale;
                let y = i as i64 / stride - top / scale;
                if (0..width).contains(&x) && (0..height).contains(&y) {
                    let at = (y * width + x) as usize;
                    let sum = exact(before, fill[at], alpha[at], opacity, black, zero);
                    is_within(51, out, sum)
                } else {
                    out == before
                }
            })
    };
    let (out, before) = (planes(size(), out), planes(size(), before));
    let chroma = &raster.alpha_chroma;
    one((out.0, before.0), 1, &raster.luma, &raster.alpha, BLACK, 0)
        && one((out.1, before.1), 2, &raster.u, chroma, GREY, GREY)
        && one((out.2, before.2), 2, &raster.v, chroma, GREY, GREY)
}

#[test]
fn white_over_black_at_each_opacity_gives_the_golden_values() {
    let size = Size::new(16, 16).unwrap();
    let white = Raster {
        x: 0,
        y: 0,
        width: 16,
        height: 16,
        luma: vec![219; 256],
        u: vec![128; 64],
        v: vec![128; 64],
        alpha: vec![255; 256],
        alpha_chroma: vec![255; 64],
    };
    for (opacity, luma, chroma) in [
        (0, 16, 90),
        (1, 17, 90),
        (64, 71, 99),    // 99.5 exactly
        (128, 125, 109), // 125.5 exactly
        (192, 180, 118), // 118.5 exactly
        (255, 234, 128),
        (256, 235, 128),
        (300, 235, 128),
    ] {
        let mut program = vec![16; size.yuv420_bytes()];
        program[size.luma_bytes()..].fill(90);
        key(size, &mut program, &white, opacity, (0, 0)).unwrap();
        let (y, u, v) = planes_mut(size, &mut program);
        assert!(y.iter().all(|&b| b == luma), "{opacity}: {}", y[0]);
        assert!(
            u.iter().chain(v.iter()).all(|&b| b == chroma),
            "{opacity}: {}",
            u[0]
        );
    }
}

#[test]
fn a_raster_is_clipped_at_each_border_and_corner() {
    let before = program();
    for (width, height) in [(8, 4), (2, 2), (32, 16), (40, 30)] {
        for x in (-44..=44).step_by(2) {
            for y in (-34..=24).step_by(2) {
                let raster = raster(x, y, width, height);
                let mut out = before.clone();
                key(size(), &mut out, &raster, 200, (0, 0)).unwrap();
                assert!(agrees(&out, &before, &raster, 200, (0, 0)), "{x} {y}");
            }
        }
    }
}

#[test]
fn a_shift_moves_and_an_odd_one_is_rounded_down_to_even() {
    let before = program();
    let at = |x, y, shift| {
        let mut out = before.clone();
        key(size(), &mut out, &raster(x, y, 8, 4), 256, shift).unwrap();
        out
    };
    assert_eq!(at(4, 2, (6, -2)), at(10, 0, (0, 0)));
    assert_eq!(at(4, 2, (7, 3)), at(10, 4, (0, 0)));
    assert_eq!(at(4, 2, (-3, -1)), at(0, 0, (0, 0)));
    assert_eq!(at(-6, -2, (4, 0)), at(-2, -2, (0, 0)));
}

#[test]
fn a_raster_outside_or_at_no_opacity_changes_nothing() {
    let before = program();
    let far = [i32::MIN, i32::MIN + 2, -32, 32, i32::MAX - 1, i32::MAX];
    for x in far {
        for shift in far {
            for (at, by) in [((x, 0), (0, 0)), ((0, x), (0, 0)), ((x, 0), (shift, shift))] {
                let mut out = before.clone();
                let raster = raster(at.0, at.1, 32, 16);
                key(size(), &mut out, &raster, 256, by).unwrap();
                assert!(agrees(&out, &before, &raster, 256, by), "{at:?} {by:?}");
            }
        }
    }
    let mut out = before.clone();
    key(size(), &mut out, &raster(0, 0, 32, 16), 0, (0, 0)).unwrap();
    assert_eq!(out, before);
}

#[test]
fn planes_that_do_not_fit_are_refused_and_nothing_is_written() {
    let before = program();
    let good = raster(0, 0, 8, 4);
    let mut short = good.clone();
    short.alpha_chroma.pop();
    let mut odd = good.clone();
    odd.height = 3;
    let mut huge = good.clone();
    (huge.width, huge.height) = (u32::MAX - 1, u32::MAX - 1);
    let mut empty = good.clone();
    (empty.width, empty.height) = (0, 4);
    for bad in [short, odd, huge, empty] {
        let mut out = before.clone();
        let refused = Err(KeyError::Raster {
            width: bad.width,
            height: bad.height,
        });
        assert_eq!(key(size(), &mut out, &bad, 256, (0, 0)), refused);
        assert_eq!(out, before);
    }
    let refused = key(size(), &mut before.clone()[1..], &good, 256, (0, 0));
    let bytes = before.len() - 1;
    assert_eq!(
        refused,
        Err(KeyError::Program {
            size: size(),
            bytes
        })
    );
}

#[test]
fn an_empty_raster_is_drawn_as_nothing() {
    let mut out = program();
    key(size(), &mut out, &raster(0, 0, 0, 0), 256, (0, 0)).unwrap();
    assert_eq!(out, program());
}

proptest! {
    #[test]
    fn any_place_shift_and_opacity_agrees_with_exact_arithmetic(
        x in -40..40_i32, y in -40..40_i32, width in 1..20_u32, height in 1..20_u32,
        opacity in 0..=256_u16, shift in (-50..50_i32, -50..50_i32),
    ) {
        let (before, raster) = (program(), raster(x & !1, y & !1, 2 * width, 2 * height));
        let mut out = before.clone();
        key(size(), &mut out, &raster, opacity, shift).unwrap();
        prop_assert!(agrees(&out, &before, &raster, opacity, shift));
    }
}
