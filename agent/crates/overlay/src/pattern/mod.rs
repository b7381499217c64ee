//! The shipped pictures, drawn at any size.
//!
//! Owns what stands in for a source that is not there. No files: a file would have one size.

mod bars;
mod slate;

use model::{Colour, Pattern, Size, Still};
use resvg::tiny_skia::{Color, Pixmap};

use crate::page::Drawn;
use crate::place::Frame;
use crate::studio::Studio;
use crate::yuv;

impl Studio {
    /// A shipped picture at the program's size.
    #[must_use]
    pub fn pattern(&self, pattern: Pattern, size: Size) -> Still {
        match pattern {
            Pattern::ColorBars => bars::still(size),
            slate => yuv::still(&self.slate(slate, size), size),
        }
    }

    /// A shipped picture as a PNG file, to be put into the assets folder.
    #[must_use]
    pub fn pattern_png(&self, pattern: Pattern, size: Size) -> Vec<u8> {
        let pixels = match pattern {
            Pattern::ColorBars => bars::pixels(size),
            slate => self.slate(slate, size).pixels,
        };
        // Writing to memory fails only for a picture of no size, which `Size` rules out.
        pixels.encode_png().unwrap_or_default()
    }

    /// One colour, opaque, at the program's size.
    #[must_use]
    pub fn colour(&self, colour: Colour, size: Size) -> Still {
        let share = |v: u8| f32::from(v) / 255.0;
        let [y, u, v] = yuv::triple([share(colour.r), share(colour.g), share(colour.b)]);
        let mut data = vec![y; size.luma_bytes()];
        data.resize(size.luma_bytes() + size.chroma_bytes(), u);
        data.resize(size.yuv420_bytes(), v);
        Still { size, data }
    }

    fn slate(&self, pattern: Pattern, size: Size) -> Drawn {
        let frame = Frame::new(size);
        let page = slate::page(self, pattern, frame);
        match page.draw(self, frame, None) {
            Ok(drawn) if drawn.pixels.width() == size.width() => drawn,
            // Never black, even where nothing can be drawn.
            _ => plain(size),
        }
    }
}

fn plain(size: Size) -> Drawn {
    let mut pixels = canvas(size);
    let Colour { r, g, b, .. } = crate::kind::NIGHT;
    pixels.fill(Color::from_rgba8(r, g, b, 255));
    Drawn { x: 0, y: 0, pixels }
}

fn canvas(size: Size) -> Pixmap {
    Pixmap::new(size.width(), size.height()).expect("a Size is at least 16 and at most 4096 a side")
}
