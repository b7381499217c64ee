//! Decoded pictures: logos, stills and lower-third templates.
//!
//! Owns the check of their size and shape, the premultiplying and the scaling. Does not decode files;
//! the engine does that in a child process.

use protocol::{Code, HasCode};
use resvg::tiny_skia::{
    FilterQuality, IntSize, Pixmap, PixmapMut, PixmapPaint, PremultipliedColorU8, Transform,
};

use crate::place::Rect;

/// Why bytes are no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// A side of 0 or above [`Image::LIMIT`].
    #[error("a picture is 1 to {limit} pixels wide and high, this one is {width}x{height}", limit = Image::LIMIT)]
    Sides {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// Not four bytes a pixel.
    #[error("{width}x{height} RGBA needs {} bytes, got {got}", u64::from(*width) * u64::from(*height) * 4)]
    Length {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Bytes.
        got: usize,
    },
}

impl HasCode for ImageError {
    fn code(&self) -> Code {
        match self {
            Self::Sides { .. } => Code::AssetTooLarge,
            Self::Length { .. } => Code::AssetType,
        }
    }
}

/// A decoded picture with transparency.
#[derive(Clone)]
pub struct Image {
    pixels: Pixmap,
    natural: (u32, u32),
    /// The smallest rectangle around what is not quite transparent, in shares of the sides.
    pub(crate) covered: Rect,
    /// The smallest rectangle around what can be seen, in shares of the sides.
    pub(crate) seen: Rect,
    /// Mean luma of what can be seen, 0.0..=1.0.
    pub(crate) brightness: f32,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({}x{})", self.natural.0, self.natural.1)
    }
}

impl Image {
    /// Longest accepted side in pixels.
    pub const LIMIT: u32 = 8192;
    /// Longest side that is kept; larger pictures are halved, for no program is larger.
    const KEPT: u32 = 4096;

    /// Takes a decoded picture.
    ///
    /// # Shapes and units
    /// `rgba`: `height × width × 4` bytes, row-major, no row padding, R G B A, 0–255, gamma-encoded,
    /// alpha not premultiplied (what FFmpeg calls `rgba`).
    ///
    /// # Errors
    /// [`ImageError`] when a side is 0 or above [`Self::LIMIT`], or the bytes do not fit the sides.
    pub fn from_rgba(width: u32, height: u32, mut rgba: Vec<u8>) -> Result<Self, ImageError> {
        let sides = 1..=Self::LIMIT;
        let size = IntSize::from_wh(width, height)
            .filter(|_| sides.contains(&width) && sides.contains(&height))
            .ok_or(ImageError::Sides { width, height })?;
        let got = rgba.len();
        if got != width as usize * height as usize * 4 {
            return Err(ImageError::Length { width, height, got });
        }
        for pixel in rgba.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]);
            if alpha != 255 {
                for channel in &mut pixel[..3] {
                    *channel = ((u32::from(*channel) * alpha + 127) / 255) as u8;
                }
            }
        }
        let mut pixels =
            Pixmap::from_vec(rgba, size).ok_or(ImageError::Length { width, height, got })?;
        while pixels.width().max(pixels.height()) > Self::KEPT {
            pixels = halved(&pixels);
        }
        let covered = around(&pixels, 1);
        let seen = around(&pixels, SEEN);
        let brightness = brightness(&pixels);
        Ok(Self {
            pixels,
            natural: (width, height),
            covered,
            seen,
            brightness,
        })
    }

    /// Width and height in pixels, as it came in.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        self.natural
    }

    /// Width divided by height.
    pub(crate) fn aspect(&self) -> f32 {
        self.natural.0 as f32 / self.natural.1 as f32
    }

    /// Draws the whole picture into `place` of a canvas whose top left corner is `origin`.
    pub(crate) fn draw(&self, canvas: &mut PixmapMut<'_>, origin: (f32, f32), place: Rect) {
        let mut scaled;
        let mut pixels = &self.pixels;
        // Bicubic sampling reads 4×4 pixels, so anything below half size would alias.
        while pixels.width() as f32 > place.width * 2.0
            && pixels.height() as f32 > place.height * 2.0
        {
            scaled = halved(pixels);
            pixels = &scaled;
        }
        let transform = Transform::from_row(
            place.width / pixels.width() as f32,
            0.0,
            0.0,
            place.height / pixels.height() as f32,
            place.x - origin.0,
            place.y - origin.1,
        );
        let paint = PixmapPaint {
            quality: if transform.is_translate() {
                FilterQuality::Nearest
            } else {
                FilterQuality::Bicubic
            },
            ..PixmapPaint::default()
        };
        canvas.draw_pixmap(0, 0, pixels.as_ref(), &paint, transform, None);
    }
}

/// Half the size, each pixel the mean of four. A side of 1 stays 1.
fn halved(from: &Pixmap) -> Pixmap {
    let (width, height) = (from.width(), from.height());
    let (w, h) = ((width / 2).max(1), (height / 2).max(1));
    let Some(mut to) = Pixmap::new(w, h) else {
        return from.clone();
    };
    let source = from.pixels();
    let at = |x: u32, y: u32| {
        source[y.min(height - 1) as usize * width as usize + x.min(width - 1) as usize]
    };
    for (i, pixel) in to.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (i as u32 % w * 2, i as u32 / w * 2);
        let four = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
        let mean = |channel: fn(PremultipliedColorU8) -> u8| {
            ((four.iter().map(|p| u32::from(channel(*p))).sum::<u32>() + 2) / 4) as u8
        };
        let alpha = mean(|p| p.alpha());
        // Each colour is at most its alpha in the four, so it is in the mean too.
        if let Some(value) = PremultipliedColorU8::from_rgba(
            mean(|p| p.red()).min(alpha),
            mean(|p| p.green()).min(alpha),
            mean(|p| p.blue()).min(alpha),
            alpha,
        ) {
            *pixel = value;
        }
    }
    to
}

/// Alpha from which a pixel is part of a template's shape and not of its shadow.
const SEEN: u8 = 64;

/// The smallest rectangle around the pixels of at least this alpha, in shares of the sides; all of
/// the picture where there are none.
fn around(pixels: &Pixmap, alpha: u8) -> Rect {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
    for (y, row) in pixels.data().chunks_exact(width * 4).enumerate() {
        let holds = |pixel: &[u8]| pixel[3] >= alpha;
        let Some(first) = row.chunks_exact(4).position(holds) else {
            continue;
        };
        let last = row.chunks_exact(4).rposition(holds).unwrap_or(first);
        left = left.min(first);
        right = right.max(last + 1);
        top = top.min(y);
        bottom = y + 1;
    }
    if bottom == 0 {
        (left, right, top, bottom) = (0, width, 0, height);
    }
    let (w, h) = (width as f32, height as f32);
    Rect {
        x: left as f32 / w,
        y: top as f32 / h,
        width: (right - left) as f32 / w,
        height: (bottom - top) as f32 / h,
    }
}

/// Mean luma of what can be seen, 0.0..=1.0.
fn brightness(pixels: &Pixmap) -> f32 {
    let (mut luma, mut weight) = (0_u64, 0_u64);
    for pixel in pixels.pixels().iter().filter(|p| p.alpha() >= SEEN) {
        luma += 2126 * u64::from(pixel.red())
            + 7152 * u64::from(pixel.green())
            + 722 * u64::from(pixel.blue());
        weight += u64::from(pixel.alpha());
    }
    (luma as f64 / (weight.max(1) as f64 * 10_000.0)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_sides_and_short_buffers_are_refused() {
        assert!(matches!(
            Image::from_rgba(20_000, 20_000, Vec::new()),
            Err(ImageError::Sides { .. })
        ));
        assert!(matches!(
            Image::from_rgba(0, 4, Vec::new()),
            Err(ImageError::Sides { .. })
        ));
        assert!(matches!(
            Image::from_rgba(2, 2, vec![0; 15]),
            Err(ImageError::Length { .. })
        ));
    }

    #[test]
    fn what_can_be_seen_of_a_full_frame_template_is_found() {
        let (w, h) = (16_u32, 8_u32);
        let mut rgba = vec![0; (w * h * 4) as usize];
        for y in 4..6 {
            for x in 2..10 {
                let i = ((y * w + x) * 4) as usize;
                rgba[i..i + 4].copy_from_slice(&[255, 255, 255, 255]);
            }
        }
        let image = Image::from_rgba(w, h, rgba).unwrap();
        assert_eq!(
            image.seen,
            Rect {
                x: 0.125,
                y: 0.5,
                width: 0.5,
                height: 0.25
            }
        );
        assert!((image.brightness - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_long_thin_picture_is_kept_small_and_whole() {
        let image = Image::from_rgba(8192, 1, vec![255; 8192 * 4]).unwrap();
        assert_eq!((image.pixels.width(), image.pixels.height()), (4096, 1));
        assert_eq!(image.size(), (8192, 1));
    }
}
