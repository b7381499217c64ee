//! The name strap: a dark panel with an accent, a first line and smaller lines under it.

use model::{Colour, Graphic, Position};

use super::{ACCENT, BODY, PANEL, brightness, readable_on, text_size};
use crate::page::{Drawn, Page};
use crate::place::{Align, Anchor, Frame, Rect};
use crate::render::RenderError;
use crate::studio::{Block, Studio, Type, Weight};
use crate::text::Words;

/// First line, pixels of a 1080-line program.
const SIZE: f64 = 32.0;
/// Other lines, in shares of the first.
const SECOND: f32 = 0.72;
/// Most lines of each of the two.
const MAX_LINES: usize = 2;

/// The lines of a strap: the first line of the text, and the rest.
pub(super) struct Lines {
    pub(super) first: Block,
    pub(super) second: Option<Block>,
    gap: f32,
}

impl Lines {
    pub(super) fn set(studio: &Studio, words: &str, size: f32, room: f32) -> Self {
        let (first, rest) = words.split_once('\n').unwrap_or((words, ""));
        let first_set = Type {
            size,
            weight: Weight::Semibold,
        };
        let second_set = Type {
            size: size * SECOND,
            weight: Weight::Regular,
        };
        let rest = rest.trim();
        let second = (!rest.is_empty()).then(|| studio.wrap(rest, second_set, room, MAX_LINES));
        Self {
            first: studio.wrap(first, first_set, room, MAX_LINES),
            gap: if second.is_some() { size * 0.04 } else { 0.0 },
            second,
        }
    }

    pub(super) fn width(&self) -> f32 {
        let second = self.second.as_ref().map_or(0.0, |s| s.width);
        self.first.width.max(second)
    }

    pub(super) fn height(&self) -> f32 {
        let second = self.second.as_ref().map_or(0.0, Block::height);
        self.first.height() + self.gap + second
    }

    pub(super) fn draw(&self, page: &mut Page, x: f32, top: f32, align: Align, ink: Ink) {
        page.text(&self.first, x, top, align, ink.first);
        if let Some(second) = &self.second {
            let top = top + self.first.height() + self.gap;
            page.text(second, x, top, align, ink.second);
        }
    }
}

/// Colours of the lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    pub(super) first: Colour,
    pub(super) second: Colour,
}

pub(crate) fn draw(studio: &Studio, graphic: &Graphic, frame: Frame) -> Result<Drawn, RenderError> {
    let words = Words::of(graphic).text;
    if words.is_empty() {
        return Err(RenderError::NoText);
    }
    let size = text_size(graphic, frame, SIZE);
    let (pad_x, pad_y, bar) = (size * 0.85, size * 0.5, (size * 0.2).round().max(2.0));
    let anchor = Anchor::of(graphic, Position::BottomLeft);
    let room = anchor.room(frame).min(frame.safe().width) - 2.0 * pad_x - bar;
    let lines = Lines::set(studio, &words, size, room.max(size));
    let width = (lines.width() + 2.0 * pad_x + bar).max(size * 7.0).ceil();
    let height = (lines.height() + 2.0 * pad_y).ceil();
    let place = anchor.place(frame, width, height, true);
    let panel = graphic.background.unwrap_or(Colour { a: 232, ..PANEL });
    let ink = ink(graphic, panel);

    let mut page = Page::new();
    if panel.a > 0 {
        page.rect(place, 0.0, panel);
    }
    // The accent stands on the side that the strap grows from.
    let right = anchor.align() == Align::Right;
    let accent = Rect {
        x: if right { place.right() - bar } else { place.x },
        width: bar,
        ..place
    };
    page.rect(accent, 0.0, ACCENT);
    let (x, align) = match anchor.align() {
        Align::Left => (place.x + bar + pad_x, Align::Left),
        Align::Middle => (place.x + (bar + place.width) / 2.0, Align::Middle),
        Align::Right => (place.right() - bar - pad_x, Align::Right),
    };
    lines.draw(&mut page, x, place.y + pad_y, align, ink);
    if panel.a < 64 {
        page.set_halo(super::halo_of(ink.first, size));
    }
    Ok(page.draw(studio, frame, None)?)
}

fn ink(graphic: &Graphic, panel: Colour) -> Ink {
    let dark = brightness(panel) <= 0.5;
    let first = graphic.color.unwrap_or(readable_on(brightness(panel)));
    let second = match graphic.color {
        Some(colour) => Colour {
            a: (u16::from(colour.a) * 4 / 5) as u8,
            ..colour
        },
        None if dark => BODY,
        None => PANEL,
    };
    Ink { first, second }
}
