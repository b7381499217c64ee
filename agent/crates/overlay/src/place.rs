//! Where things stand on the program.
//!
//! Owns rectangles, the safe area and the named positions. Knows nothing of text or pixels.

use model::{Graphic, Position, Size};

/// Nothing that matters stands closer to an edge than this share of the side: EBU R 95's graphics
/// safe area for 16:9.
pub(crate) const SAFE: f32 = 0.05;

/// A rectangle in pixels of the program, or in shares where that is said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Rect {
    pub(crate) fn right(self) -> f32 {
        self.x + self.width
    }

    pub(crate) fn bottom(self) -> f32 {
        self.y + self.height
    }

    /// Smaller by `x` on the left and right, by `y` above and below; never less than 1.
    pub(crate) fn inset(self, x: f32, y: f32) -> Self {
        let width = (self.width - 2.0 * x).max(1.0);
        let height = (self.height - 2.0 * y).max(1.0);
        Self {
            x: self.x + (self.width - width) / 2.0,
            y: self.y + (self.height - height) / 2.0,
            width,
            height,
        }
    }

    /// Part of this rectangle, `share` in shares of its sides.
    pub(crate) fn part(self, share: Self) -> Self {
        Self {
            x: self.x + share.x * self.width,
            y: self.y + share.y * self.height,
            width: share.width * self.width,
            height: share.height * self.height,
        }
    }

    /// The smallest rectangle around both.
    pub(crate) fn union(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self {
            x,
            y,
            width: self.right().max(other.right()) - x,
            height: self.bottom().max(other.bottom()) - y,
        }
    }
}

/// The frame that a graphic is laid out in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Program pixels for one pixel of a 1080-line program, without the graphic's scale.
    pub(crate) unit: f32,
}

impl Frame {
    pub(crate) fn new(size: Size) -> Self {
        let (width, height) = (size.width() as f32, size.height() as f32);
        Self {
            width,
            height,
            // The shorter side, so that an upright program gets text of the same weight.
            unit: width.min(height) / 1080.0,
        }
    }

    pub(crate) fn safe(self) -> Rect {
        Rect {
            x: self.width * SAFE,
            y: self.height * SAFE,
            width: self.width * (1.0 - 2.0 * SAFE),
            height: self.height * (1.0 - 2.0 * SAFE),
        }
    }
}

/// Which way text runs from its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Middle,
    Right,
}

/// Where a graphic wants to stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    position: Position,
    x: Option<f32>,
    y: Option<f32>,
}

impl Anchor {
    /// The wish of a graphic; absurd numbers are none.
    pub(crate) fn of(graphic: &Graphic, default: Position) -> Self {
        Self {
            position: graphic.position.unwrap_or(default),
            x: share(graphic.x),
            y: share(graphic.y),
        }
    }

    pub(crate) fn align(self) -> Align {
        if self.x.is_some() {
            return Align::Left;
        }
        match self.position {
            Position::TopLeft | Position::BottomLeft => Align::Left,
            Position::Center => Align::Middle,
            Position::TopRight | Position::BottomRight => Align::Right,
        }
    }

    /// Widest that something at this place can be and still end inside the safe area.
    pub(crate) fn room(self, frame: Frame) -> f32 {
        let safe = frame.safe();
        match self.x {
            // A place near the right edge moves left rather than become a column of letters.
            Some(x) => (safe.right() - x * frame.width).max(safe.width * 0.4),
            None => safe.width,
        }
    }

    /// The place of something of this size, whole pixels. A named position keeps the safe area; `x`
    /// and `y` are obeyed to the pixel, but `keep_safe` moves what would leave the safe area back.
    pub(crate) fn place(self, frame: Frame, width: f32, height: f32, keep_safe: bool) -> Rect {
        let safe = frame.safe();
        let x = match (self.x, self.align()) {
            (Some(x), _) if keep_safe => (x * frame.width).min(safe.right() - width).max(0.0),
            (Some(x), _) => x * frame.width,
            (None, Align::Left) => safe.x,
            (None, Align::Middle) => (frame.width - width) / 2.0,
            (None, Align::Right) => safe.right() - width,
        };
        let y = match (self.y, self.position) {
            (Some(y), _) if keep_safe => (y * frame.height).min(safe.bottom() - height).max(0.0),
            (Some(y), _) => y * frame.height,
            (None, Position::TopLeft | Position::TopRight) => safe.y,
            (None, Position::Center) => (frame.height - height) / 2.0,
            (None, Position::BottomLeft | Position::BottomRight) => safe.bottom() - height,
        };
        Rect {
            x: x.round(),
            y: y.round(),
            width,
            height,
        }
    }
}

/// A share of a side, 0.0..=1.0; `None` when it is no number.
pub(crate) fn share(value: Option<f64>) -> Option<f32> {
    value
        .filter(|v| v.is_finite())
        .map(|v| v.clamp(0.0, 1.0) as f32)
}

/// A number inside a range, or the default when it is no number.
pub(crate) fn within(value: Option<f64>, low: f64, high: f64, default: f64) -> f32 {
    value
        .filter(|v| v.is_finite())
        .unwrap_or(default)
        .clamp(low, high) as f32
}
