//! A lower third on a designed picture: the text stands in the part of the picture that can be seen.
//!
//! Templates come as a strap or as a whole frame with a strap in it; both work without settings,
//! because the text's place is found from the picture's own transparency.

use model::{Colour, Graphic, Position};

use super::lower_third::{Ink, Lines};
use super::{picture, readable_on, text_size};
use crate::image::Image;
use crate::page::{Drawn, Page};
use crate::place::{Align, Anchor, Frame};
use crate::render::RenderError;
use crate::studio::Studio;
use crate::text::Words;

/// Pixels of a 1080-line program.
const SIZE: f64 = 32.0;
/// Smallest text before the words are shortened instead, in program pixels.
const SMALLEST: f32 = 10.0;

pub(crate) fn draw(
    studio: &Studio,
    graphic: &Graphic,
    frame: Frame,
    template: &Image,
) -> Result<Drawn, RenderError> {
    let (width, height) = picture::sides(graphic, frame, template);
    let anchor = Anchor::of(graphic, Position::BottomLeft);
    let mut place = anchor.place(frame, width, height, false);
    if width >= frame.width && graphic.x.is_none() && graphic.y.is_none() {
        // A whole frame is laid over the whole frame.
        place.x = ((frame.width - width) / 2.0).round();
        place.y = ((frame.height - height) / 2.0).round();
    }
    let mut page = Page::new();
    let words = Words::of(graphic).text;
    if !words.is_empty() {
        let strap = place.part(template.seen);
        let inner = strap.inset(
            (strap.height * 0.28).min(strap.width * 0.1),
            strap.height * 0.1,
        );
        let mut size = text_size(graphic, frame, SIZE).min(inner.height * 0.8);
        let mut lines = Lines::set(studio, &words, size, inner.width);
        while lines.height() > inner.height && size > SMALLEST {
            size = (size * 0.9).max(SMALLEST);
            lines = Lines::set(studio, &words, size, inner.width);
        }
        let first = graphic
            .color
            .unwrap_or_else(|| readable_on(template.brightness));
        let ink = Ink {
            first,
            second: Colour {
                a: (u16::from(first.a) * 4 / 5) as u8,
                ..first
            },
        };
        let top = inner.y + (inner.height - lines.height()) / 2.0;
        lines.draw(&mut page, inner.x, top, Align::Left, ink);
    }
    Ok(page.draw(studio, frame, Some((template, place)))?)
}
