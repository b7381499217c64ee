//! One file a kind of graphic: what it looks like and where it stands.

pub(crate) mod lower_third;
pub(crate) mod picture;
pub(crate) mod template;
pub(crate) mod text;

use model::{Colour, Graphic};

use crate::halo::Halo;
use crate::place::{Frame, within};

/// Panels: the page's own dark blue.
pub(crate) const PANEL: Colour = rgb(0x12, 0x15, 0x21);
/// Background of slates.
pub(crate) const NIGHT: Colour = rgb(0x1c, 0x1f, 0x2b);
/// The house colour.
pub(crate) const ACCENT: Colour = rgb(0x1e, 0x90, 0xff);
/// Something is wrong.
pub(crate) const WARNING: Colour = rgb(0xff, 0xc8, 0x57);
/// First lines.
pub(crate) const HEADING: Colour = rgb(0xf4, 0xf6, 0xfb);
/// Other lines.
pub(crate) const BODY: Colour = rgb(0xb5, 0xbe, 0xd6);

const fn rgb(r: u8, g: u8, b: u8) -> Colour {
    Colour { r, g, b, a: 255 }
}

/// Text size in program pixels: the graphic's or the default, both in pixels of a 1080-line program.
fn text_size(graphic: &Graphic, frame: Frame, default: f64) -> f32 {
    let size = within(graphic.font_size, 8.0, 400.0, default);
    (size * frame.unit * scale(graphic)).clamp(6.0, frame.height * 0.5)
}

fn scale(graphic: &Graphic) -> f32 {
    within(Some(graphic.scale), 0.05, 20.0, 1.0)
}

/// How bright a colour is, 0.0..=1.0.
fn brightness(colour: Colour) -> f32 {
    (0.2126 * f32::from(colour.r) + 0.7152 * f32::from(colour.g) + 0.0722 * f32::from(colour.b))
        / 255.0
}

/// The colour of text that can be read on something this bright.
fn readable_on(brightness: f32) -> Colour {
    if brightness > 0.5 { PANEL } else { HEADING }
}

/// What sets letters of this colour and size off from any picture behind them.
fn halo_of(letters: Colour, size: f32) -> Halo {
    let colour = if brightness(letters) > 0.4 {
        Colour::BLACK
    } else {
        Colour::WHITE
    };
    Halo {
        colour: Colour { a: 200, ..colour },
        reach: (size * 0.14).clamp(2.0, 24.0),
    }
}
