//! Crossfade and wipe: one picture becomes another.
//!
//! Owns the rounding of the fade and the place of the wipe's edge. Neighbour: `key`, which puts
//! graphics on the result.

use super::{planes, planes_mut};
use model::Size;

/// Why two pictures were not blended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlendError {
    /// A buffer is not one picture of the size.
    #[error("a picture of {size} is {} bytes long, not {bytes}", size.yuv420_bytes())]
    Size {
        /// The size that was asked for.
        size: Size,
        /// What a buffer held.
        bytes: usize,
    },
}

fn check(size: Size, buffers: [&[u8]; 3]) -> Result<(), BlendError> {
    let wrong = buffers.iter().find(|b| b.len() != size.yuv420_bytes());
    wrong.map_or(Ok(()), |buffer| {
        let bytes = buffer.len();
        Err(BlendError::Size { size, bytes })
    })
}

/// Crossfades `a` into `b`: `out = a + (b − a) · progress / 256`, each byte rounded to the nearest,
/// halves up.
///
/// # Shapes and units
/// `a`, `b`, `out`: one 4:2:0 picture of `size` each. `progress`: share of `b`, 0..=256; more counts
/// as 256. At 0 the result is `a`, at 256 `b`, bit for bit.
///
/// # Errors
/// [`BlendError::Size`] when a buffer has another length; `out` is then untouched.
pub fn crossfade(
    size: Size,
    a: &[u8],
    b: &[u8],
    progress: u16,
    out: &mut [u8],
) -> Result<(), BlendError> {
    check(size, [a, b, out])?;
    match progress {
        0 => out.copy_from_slice(a),
        1..256 => {
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = mix(a, b, progress);
            }
        }
        256.. => out.copy_from_slice(b),
    }
    Ok(())
}

/// One byte of the crossfade; `progress` is 0..=256. The sum is at most 255 · 256 + 128, so it fits.
const fn mix(a: u8, b: u8, progress: u16) -> u8 {
    let sum = a as u16 * (256 - progress) + b as u16 * progress + 128;
    (sum >> 8) as u8
}

/// Wipes `a` away to the right: `b` left of a vertical edge that moves from the left border at
/// `progress` 0 to the right border at 256.
///
/// # Shapes and units
/// As [`crossfade`]. The edge stands at `width · progress / 256`, rounded to an even pixel so that
/// luma and chroma are cut at one place.
///
/// # Errors
/// As [`crossfade`].
pub fn wipe(
    size: Size,
    a: &[u8],
    b: &[u8],
    progress: u16,
    out: &mut [u8],
) -> Result<(), BlendError> {
    check(size, [a, b, out])?;
    let half = size.width() as usize / 2;
    let edge = (half * usize::from(progress.min(256)) + 128) / 256;
    let (a, b, out) = (planes(size, a), planes(size, b), planes_mut(size, out));
    wipe_plane(2 * half, 2 * edge, a.0, b.0, out.0);
    wipe_plane(half, edge, a.1, b.1, out.1);
    wipe_plane(half, edge, a.2, b.2, out.2);
    Ok(())
}

fn wipe_plane(width: usize, edge: usize, a: &[u8], b: &[u8], out: &mut [u8]) {
    let rows = a.chunks_exact(width).zip(b.chunks_exact(width));
    for (out, (a, b)) in out.chunks_exact_mut(width).zip(rows) {
        let (left, right) = out.split_at_mut(edge);
        left.copy_from_slice(&b[..edge]);
        right.copy_from_slice(&a[edge..]);
    }
}

#[cfg(test)]
mod tests;
