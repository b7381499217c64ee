//! Keying: a graphic with transparency over the program.
//!
//! Owns the *over* operator on limited-range 4:2:0, its rounding, and the clipping at the borders.
//! Neighbours: `fade`, whose result it draws on; the overlay crate, which makes rasters.

use super::planes_mut;
use model::{Raster, Size};

/// Why a graphic was not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The program buffer is not one picture of the size.
    #[error("a picture of {size} is {} bytes long, not {bytes}", size.yuv420_bytes())]
    Program {
        /// The size that was asked for.
        size: Size,
        /// What the buffer held.
        bytes: usize,
    },
    /// The raster's planes do not belong to its width and height, or those are odd.
    #[error("a raster of {width}x{height} has planes of another size, or an odd side")]
    Raster {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
}

/// Black of luma in limited range.
const BLACK: u8 = 16;
/// "No colour" of chroma.
const GREY: u8 = 128;

/// Keys `raster` over `program`, in place: `out = opacity · fill + (1 − opacity · α) · program`,
/// counted from black (luma 16, chroma 128) and limited to 0..=255. Within 0.5 of a step of exact
/// arithmetic at full opacity, within 0.51 below it.
///
/// # Shapes and units
/// `program`: one 4:2:0 picture of `size`. `opacity`: 0..=256, more counts as 256. `shift`: pixels
/// right and down from where the raster was rendered, rounded down to even numbers; what falls
/// outside the picture is not drawn, at any border, for any `i32`.
///
/// # Errors
/// [`KeyError`] when a buffer has another length; `program` is then untouched.
///
/// # Source
/// The *over* operator on premultiplied colour: Porter & Duff, "Compositing Digital Images",
/// SIGGRAPH 1984.
pub fn key(
    size: Size,
    program: &mut [u8],
    raster: &Raster,
    opacity: u16,
    shift: (i32, i32),
) -> Result<(), KeyError> {
    if program.len() != size.yuv420_bytes() {
        let bytes = program.len();
        return Err(KeyError::Program { size, bytes });
    }
    check(raster)?;
    let opacity = opacity.min(256);
    let across = overlap(raster.x, shift.0, raster.width, size.width());
    let down = overlap(raster.y, shift.1, raster.height, size.height());
    let (Some(across), Some(down), 1..) = (across, down, opacity) else {
        return Ok(());
    };
    let (luma, u, v) = planes_mut(size, program);
    let area = Area { across, down };
    let stride = (size.width() as usize, raster.width as usize);
    area.key::<BLACK, 0>(stride, luma, (&raster.luma, &raster.alpha), opacity);
    let area = area.halved();
    let stride = (stride.0 / 2, stride.1 / 2);
    area.key::<GREY, GREY>(stride, u, (&raster.u, &raster.alpha_chroma), opacity);
    area.key::<GREY, GREY>(stride, v, (&raster.v, &raster.alpha_chroma), opacity);
    Ok(())
}

fn check(raster: &Raster) -> Result<(), KeyError> {
    let (width, height) = (raster.width, raster.height);
    let luma = width as usize * height as usize;
    let even = width.is_multiple_of(2) && height.is_multiple_of(2);
    let full = [&raster.luma, &raster.alpha];
    let quarter = [&raster.u, &raster.v, &raster.alpha_chroma];
    let ok = even
        && full.iter().all(|plane| plane.len() == luma)
        && quarter.iter().all(|plane| plane.len() == luma / 4);
    ok.then_some(()).ok_or(KeyError::Raster { width, height })
}

/// Where a raster and the picture meet along one axis, in pixels, all even.
#[derive(Clone, Copy)]
struct Overlap {
    /// First pixel of the picture.
    to: usize,
    /// First pixel of the raster.
    from: usize,
    /// How many.
    length: usize,
}

fn overlap(place: i32, shift: i32, length: u32, limit: u32) -> Option<Overlap> {
    let start = i64::from(place & !1) + i64::from(shift & !1);
    let first = start.max(0);
    let end = (start + i64::from(length)).min(i64::from(limit));
    Some(Overlap {
        to: usize::try_from(first).ok()?,
        from: usize::try_from(first - start).ok()?,
        length: usize::try_from(end - first).ok().filter(|&l| l > 0)?,
    })
}

/// The part of a plane that is drawn on.
struct Area {
    across: Overlap,
    down: Overlap,
}

impl Area {
    /// The same part of a chroma plane.
    const fn halved(&self) -> Self {
        const fn half(o: Overlap) -> Overlap {
            Overlap {
                to: o.to / 2,
                from: o.from / 2,
                length: o.length / 2,
            }
        }
        Self {
            across: half(self.across),
            down: half(self.down),
        }
    }

    /// Keys one plane; strides are those of the program and of the raster.
    fn key<const BLACK: u8, const ZERO: u8>(
        &self,
        (stride, fill_stride): (usize, usize),
        program: &mut [u8],
        (fill, alpha): (&[u8], &[u8]),
        opacity: u16,
    ) {
        let length = self.across.length;
        let rows = program.chunks_exact_mut(stride).skip(self.down.to);
        let fills = fill.chunks_exact(fill_stride).skip(self.down.from);
        let alphas = alpha.chunks_exact(fill_stride).skip(self.down.from);
        for ((row, fill), alpha) in rows.zip(fills).zip(alphas).take(self.down.length) {
            let row = &mut row[self.across.to..][..length];
            let fill = &fill[self.across.from..][..length];
            let alpha = &alpha[self.across.from..][..length];
            let bytes = row.iter_mut().zip(fill).zip(alpha);
            if opacity == 256 {
                bytes.for_each(|((p, &f), &a)| *p = whole::<BLACK, ZERO>(*p, f, a));
            } else {
                bytes.for_each(|((p, &f), &a)| *p = part::<BLACK, ZERO>(*p, f, a, opacity));
            }
        }
    }
}

/// One byte at full opacity, in 16 bits, which is what vectorises best: `BLACK` is the level that
/// alpha uncovers, `ZERO` the level of no fill. A sum up to 255² plus 128 divides by 255 exactly by
/// adding its own upper byte.
const fn whole<const BLACK: u8, const ZERO: u8>(program: u8, fill: u8, alpha: u8) -> u8 {
    let rest = 255 - alpha as u16;
    let sum = program as u16 * rest + BLACK as u16 * alpha as u16 + 128;
    let under = ((sum + (sum >> 8)) >> 8) as i16;
    byte((under + fill as i16 - ZERO as i16) as i32)
}

/// One byte at part opacity (1..=255 of 256), in 16 bits: every term is counted in 1/256 of a step,
/// and the halves of the last one are the price of products that keep only their upper 16 bits.
fn part<const BLACK: u8, const ZERO: u8>(program: u8, fill: u8, alpha: u8, opacity: u16) -> u8 {
    const ONE: u16 = 255 * 256;
    let cover = u16::from(alpha) * opacity;
    let under = upper(u16::from(program) * 257, ONE - cover) + upper(u16::from(BLACK) * 257, cover);
    let plus = u16::from(fill.saturating_sub(ZERO)) * opacity;
    let minus = u16::from(ZERO.saturating_sub(fill)) * opacity;
    let sum = under.saturating_add(plus).saturating_sub(minus);
    (sum.saturating_add(129) >> 8) as u8
}

/// The upper half of a product: `a · b / 65536`, rounded down.
const fn upper(a: u16, b: u16) -> u16 {
    ((a as u32 * b as u32) >> 16) as u16
}

const fn byte(value: i32) -> u8 {
    if value < 0 {
        0
    } else if value > 255 {
        255
    } else {
        value as u8
    }
}

#[cfg(test)]
mod tests;
