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
const BLACK: i32 = 16;
/// "No colour" of chroma.
const GREY: i32 = 128;

/// Keys `raster` over `program`, in place: `out = opacity · fill + (1 − opacity · α) · program`,
/// counted from black (luma 16, chroma 128), rounded to the nearest and limited to 0..=255.
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
    area.key(stride, luma, &raster.luma, &raster.alpha, opacity, BLACK, 0);
    let area = area.halved();
    let stride = (stride.0 / 2, stride.1 / 2);
    let alpha = &raster.alpha_chroma;
    area.key(stride, u, &raster.u, alpha, opacity, GREY, GREY);
    area.key(stride, v, &raster.v, alpha, opacity, GREY, GREY);
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

    /// Keys one plane; `black` is the level that alpha uncovers, `zero` the level of no fill.
    #[expect(clippy::too_many_arguments, reason = "one plane's kernel")]
    fn key(
        &self,
        (stride, fill_stride): (usize, usize),
        program: &mut [u8],
        fill: &[u8],
        alpha: &[u8],
        opacity: u16,
        black: i32,
        zero: i32,
    ) {
        for row in 0..self.down.length {
            let to = (self.down.to + row) * stride + self.across.to;
            let from = (self.down.from + row) * fill_stride + self.across.from;
            let program = &mut program[to..to + self.across.length];
            let fill = &fill[from..from + self.across.length];
            let alpha = &alpha[from..from + self.across.length];
            for ((program, &fill), &alpha) in program.iter_mut().zip(fill).zip(alpha) {
                *program = over(*program, fill, alpha, opacity, black, zero);
            }
        }
    }
}

/// One byte, exact: all terms over 255 · 256.
fn over(program: u8, fill: u8, alpha: u8, opacity: u16, black: i32, zero: i32) -> u8 {
    const ONE: i32 = 255 * 256;
    let cover = i32::from(alpha) * i32::from(opacity);
    let fill = (i32::from(fill) - zero) * 255 * i32::from(opacity);
    let sum = i32::from(program) * (ONE - cover) + black * cover + fill;
    u8::try_from(((sum + ONE / 2).div_euclid(ONE)).clamp(0, 255)).unwrap_or(0)
}
