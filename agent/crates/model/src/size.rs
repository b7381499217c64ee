//! Size of a picture.

use serde::{Deserialize, Serialize};

/// Width and height in pixels: both even, 16 to 4096.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    width: u32,
    height: u32,
}

/// Why two numbers are no program size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Outside 16..=4096.
    #[error("a picture is 16 to 4096 pixels wide and high, not {0}x{1}")]
    Range(u32, u32),
    /// 4:2:0 needs even sides.
    #[error("a picture's sides are even numbers of pixels, not {0}x{1}")]
    Odd(u32, u32),
    /// Not `WxH`.
    #[error("a picture's size is written like 1920x1080, not {0:?}")]
    Form(String),
}

impl Size {
    /// Checks and makes a size.
    ///
    /// # Errors
    /// [`SizeError`] when a side is odd or outside 16..=4096.
    pub const fn new(width: u32, height: u32) -> Result<Self, SizeError> {
        if width < 16 || width > 4096 || height < 16 || height > 4096 {
            return Err(SizeError::Range(width, height));
        }
        if !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return Err(SizeError::Odd(width, height));
        }
        Ok(Self { width, height })
    }

    /// 1920×1080.
    pub const HD: Self = Self {
        width: 1920,
        height: 1080,
    };

    /// Pixels a row.
    #[must_use]
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(self) -> u32 {
        self.height
    }

    /// Bytes of the luma plane: width × height.
    #[must_use]
    pub const fn luma_bytes(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Bytes of one chroma plane of 4:2:0.
    #[must_use]
    pub const fn chroma_bytes(self) -> usize {
        self.luma_bytes() / 4
    }

    /// Bytes of a whole 8-bit 4:2:0 picture (planes Y, U, V without padding).
    #[must_use]
    pub const fn yuv420_bytes(self) -> usize {
        self.luma_bytes() + 2 * self.chroma_bytes()
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl TryFrom<String> for Size {
    type Error = SizeError;

    fn try_from(text: String) -> Result<Self, SizeError> {
        let sides = text.split_once(['x', 'X']);
        let parsed =
            sides.and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)));
        let Some((width, height)) = parsed else {
            return Err(SizeError::Form(text));
        };
        Self::new(width, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes_and_refuses_the_absurd() {
        assert_eq!(Size::try_from("1920x1080".to_owned()), Ok(Size::HD));
        assert_eq!(Size::HD.yuv420_bytes(), 3_110_400);
        for bad in ["", "1920", "1921x1080", "20000x20000", "-2x4", "0x0", "axb"] {
            assert!(Size::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
