//! Pictures that are made once and shown often.

use crate::Size;

/// A whole picture: 8-bit 4:2:0, BT.709, limited range; planes Y, U, V without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// Its size.
    pub size: Size,
    /// [`Size::yuv420_bytes`] bytes.
    pub data: Vec<u8>,
}

/// A graphic with transparency, cut to the rectangle that it covers.
///
/// Colour is premultiplied: a plane holds `alpha · (value − black) / 255` where black is 16 for luma
/// and, for chroma, `alpha · (value − 128) / 255 + 128` (so 128 is "no colour").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Left edge in program pixels, even; may be negative.
    pub x: i32,
    /// Top edge in program pixels, even; may be negative.
    pub y: i32,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Premultiplied luma above black, `width · height` bytes: `alpha · (Y − 16) / 255`, 0..=219.
    pub luma: Vec<u8>,
    /// Premultiplied U around 128, `width · height / 4` bytes.
    pub u: Vec<u8>,
    /// Premultiplied V around 128, `width · height / 4` bytes.
    pub v: Vec<u8>,
    /// Alpha of each luma sample, `width · height` bytes.
    pub alpha: Vec<u8>,
    /// Alpha of each chroma sample (mean of its four), `width · height / 4` bytes.
    pub alpha_chroma: Vec<u8>,
}
