//! Plain text, with or without a box behind it.

use model::{Graphic, Position};

use super::{HEADING, brightness, halo_of, readable_on, text_size};
use crate::page::{Drawn, Page};
use crate::place::{Align, Anchor, Frame, Rect};
use crate::render::RenderError;
use crate::studio::{Studio, Type, Weight};
use crate::text::Words;

/// Pixels of a 1080-line program.
const SIZE: f64 = 24.0;

pub(crate) fn draw(studio: &Studio, graphic: &Graphic, frame: Frame) -> Result<Drawn, RenderError> {
    let words = Words::of(graphic).text;
    if words.is_empty() {
        return Err(RenderError::NoText);
    }
    let set = Type {
        size: text_size(graphic, frame, SIZE),
        weight: Weight::Semibold,
    };
    let boxed = graphic.background.filter(|b| b.a > 0);
    let (pad_x, pad_y) = match boxed {
        Some(_) => (set.size * 0.6, set.size * 0.26),
        None => (0.0, 0.0),
    };
    let anchor = Anchor::of(graphic, Position::BottomLeft);
    let room = anchor.room(frame) - 2.0 * pad_x;
    let max_lines = ((frame.safe().height - 2.0 * pad_y) / set.line_height()) as usize;
    let block = studio.wrap(&words, set, room.max(set.size), max_lines.max(1));
    let (width, height) = (block.width + 2.0 * pad_x, block.height() + 2.0 * pad_y);
    let place = anchor.place(frame, width, height, true);
    let colour = graphic
        .color
        .unwrap_or_else(|| boxed.map_or(HEADING, |b| readable_on(brightness(b))));

    let mut page = Page::new();
    if let Some(background) = boxed {
        page.rect(place, set.size * 0.25, background);
    }
    let align = anchor.align();
    page.text(
        &block,
        edge(place.inset(pad_x, pad_y), align),
        place.y + pad_y,
        align,
        colour,
    );
    if boxed.is_none() {
        page.set_halo(halo_of(colour, set.size));
    }
    Ok(page.draw(studio, frame, None)?)
}

/// Where lines of this alignment begin.
pub(super) fn edge(inner: Rect, align: Align) -> f32 {
    match align {
        Align::Left => inner.x,
        Align::Middle => inner.x + inner.width / 2.0,
        Align::Right => inner.right(),
    }
}
