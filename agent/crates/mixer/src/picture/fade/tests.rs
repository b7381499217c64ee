//! Every pair of bytes, and the place of the wipe's edge.

use super::*;

/// A picture that holds all 65,536 pairs of bytes with its partner, in luma and (some) in chroma.
fn pairs() -> (Size, Vec<u8>, Vec<u8>) {
    let size = Size::new(256, 256).unwrap();
    let a = (0..size.yuv420_bytes()).map(|i| (i % 256) as u8).collect();
    let b = (0..size.yuv420_bytes()).map(|i| (i / 256) as u8).collect();
    (size, a, b)
}

#[test]
fn every_pair_of_bytes_is_crossfaded_to_the_nearest_at_every_progress() {
    let (size, a, b) = pairs();
    let mut out = vec![0; size.yuv420_bytes()];
    for progress in 0..=256_u16 {
        crossfade(size, &a, &b, progress, &mut out).unwrap();
        for ((&a, &b), &out) in a.iter().zip(&b).zip(&out) {
            let p = i32::from(progress);
            let exact = i32::from(a) * (256 - p) + i32::from(b) * p; // in 1/256
            let error = 256 * i32::from(out) - exact;
            assert!((-127..=128).contains(&error), "{a} {b} {progress}: {out}");
        }
    }
}

#[test]
fn the_ends_of_a_crossfade_and_of_a_wipe_are_the_pictures_themselves() {
    let (size, a, b) = pairs();
    for blend in [crossfade, wipe] {
        let mut out = vec![0; size.yuv420_bytes()];
        for (progress, same) in [(0, &a), (256, &b), (257, &b), (u16::MAX, &b)] {
            blend(size, &a, &b, progress, &mut out).unwrap();
            assert_eq!(&out, same, "{progress}");
        }
    }
}

#[test]
fn a_wipe_cuts_all_planes_at_one_even_place_and_moves_only_to_the_right() {
    let size = Size::new(98, 16).unwrap();
    let (a, b) = (
        vec![10; size.yuv420_bytes()],
        vec![200; size.yuv420_bytes()],
    );
    let mut out = vec![0; size.yuv420_bytes()];
    let mut before = 0;
    for progress in 0..=256_u16 {
        wipe(size, &a, &b, progress, &mut out).unwrap();
        let (luma, u, v) = planes(size, &out);
        let edge = luma[..98].iter().filter(|&&byte| byte == 200).count();
        assert!(luma.chunks(98).all(|row| *row == luma[..98]));
        assert!(luma[..edge].iter().all(|&byte| byte == 200));
        assert!(luma[edge..98].iter().all(|&byte| byte == 10));
        for plane in [u, v] {
            let chroma = plane
                .chunks(49)
                .map(|r| r.iter().filter(|&&c| c == 200).count());
            assert!(chroma.eq([edge / 2; 8]));
        }
        assert_eq!(edge % 2, 0);
        assert!(edge >= before && edge.abs_diff(98 * usize::from(progress) / 256) <= 1);
        before = edge;
    }
    assert_eq!(before, 98);
}

#[test]
fn a_buffer_of_another_length_is_refused_and_nothing_is_written() {
    let size = Size::new(16, 16).unwrap();
    let good = vec![1; size.yuv420_bytes()];
    let bad = vec![1; size.yuv420_bytes() - 1];
    for blend in [crossfade, wipe] {
        let mut out = vec![7; size.yuv420_bytes()];
        let refused = Err(BlendError::Size { size, bytes: 383 });
        assert_eq!(blend(size, &bad, &good, 9, &mut out), refused);
        assert_eq!(blend(size, &good, &bad, 9, &mut out), refused);
        assert_eq!(blend(size, &good, &good, 9, &mut out[..383]), refused);
        assert!(out.iter().all(|&byte| byte == 7));
    }
}
