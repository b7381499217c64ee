//! The page that a graphic is drawn on: shapes and text as SVG, in program pixels.
//!
//! Owns the writing of SVG and its way to pixels. Everything that is written is a number, a colour
//! of ours or escaped text; no picture, style or reference of anyone else reaches the renderer.

use std::fmt::Write;

use model::Colour;
use resvg::tiny_skia::{Pixmap, Transform};

use crate::halo::Halo;
use crate::image::Image;
use crate::place::{Align, Frame, Rect};
use crate::studio::{Block, Studio, Type};

/// Shapes and text, bottom first.
#[derive(Debug, Default)]
pub(crate) struct Page {
    svg: String,
    text: bool,
    halo: Option<Halo>,
}

/// Pixels and where their top left corner stands on the program.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) pixels: Pixmap,
}

/// Why a page gave no pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blank {
    /// It has nothing inside the program.
    Outside,
    /// It has text, and no letter of it was drawn.
    NoLetters,
    /// The renderer refused it, or there is no memory.
    Refused,
}

/// A colour as SVG paint.
fn paint(colour: Colour) -> String {
    let Colour { r, g, b, a } = colour;
    let opacity = f32::from(a) / 255.0;
    format!("fill=\"#{r:02x}{g:02x}{b:02x}\" fill-opacity=\"{opacity:.3}\"")
}

/// How text is set, as SVG attributes.
fn font(set: Type) -> String {
    let weight = set.weight.number();
    format!(
        "font-size=\"{:.2}\" font-weight=\"{weight}\" style=\"font-variation-settings:'wght' {weight}\"",
        set.size
    )
}

fn document(body: &str, width: f32, height: f32) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">{body}</svg>"
    )
}

/// A page with each word as a text of its own, named `w0`, `w1`, ….
pub(crate) fn measuring(words: &[&str], set: Type) -> String {
    let mut body = String::new();
    let font = font(set);
    for (i, word) in words.iter().enumerate() {
        let _ = write!(body, "<text id=\"w{i}\" y=\"{:.0}\" {font}>", set.size);
        crate::text::escape(word, &mut body);
        body.push_str("</text>");
    }
    document(&body, 4096.0, 4096.0)
}

impl Page {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A rectangle with round corners.
    pub(crate) fn rect(&mut self, place: Rect, radius: f32, colour: Colour) {
        let Rect {
            x,
            y,
            width,
            height,
        } = place;
        let _ = write!(
            self.svg,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" rx=\"{radius:.2}\" {}/>",
            paint(colour)
        );
    }

    /// A soft edge around everything on the page.
    pub(crate) fn set_halo(&mut self, halo: Halo) {
        self.halo = Some(halo);
    }

    /// Anything else, in SVG of the crate's own writing.
    pub(crate) fn shape(&mut self, svg: &str) {
        self.svg.push_str(svg);
    }

    /// Lines of text from `top`, at `x` by `align`.
    pub(crate) fn text(&mut self, block: &Block, x: f32, top: f32, align: Align, colour: Colour) {
        let anchor = match align {
            Align::Left => "start",
            Align::Middle => "middle",
            Align::Right => "end",
        };
        let font = font(block.set);
        for (i, line) in block.lines.iter().enumerate() {
            if line.is_empty() {
                continue;
            }
            self.text = true;
            let y = top + i as f32 * block.set.line_height() + block.set.baseline();
            let place = format!("x=\"{x:.2}\" y=\"{y:.2}\" text-anchor=\"{anchor}\" {font}");
            let _ = write!(self.svg, "<text {place} {}>", paint(colour));
            crate::text::escape(line, &mut self.svg);
            self.svg.push_str("</text>");
        }
    }

    /// Draws the page, over `picture` where there is one, cut to what is covered and to the program;
    /// edges stand on even pixels.
    pub(crate) fn draw(
        &self,
        studio: &Studio,
        frame: Frame,
        picture: Option<(&Image, Rect)>,
    ) -> Result<Drawn, Blank> {
        let tree = studio
            .parse(&document(&self.svg, frame.width, frame.height))
            .map_err(|_refused| Blank::Refused)?;
        if self.text && !has_letters(tree.root()) {
            return Err(Blank::NoLetters);
        }
        let shapes = tree.root().has_children().then(|| {
            let around = tree.root().abs_layer_bounding_box();
            let spill = self.halo.map_or(0.0, |halo| halo.reach + 1.0);
            Rect {
                x: around.x() - spill,
                y: around.y() - spill,
                width: around.width() + 2.0 * spill,
                height: around.height() + 2.0 * spill,
            }
        });
        let covered = match (shapes, picture) {
            (Some(shapes), Some((image, place))) => shapes.union(place.part(image.covered)),
            (None, Some((image, place))) => place.part(image.covered),
            (Some(shapes), None) => shapes,
            (None, None) => return Err(Blank::Outside),
        };
        let (left, right) = even(covered.x, covered.right(), frame.width);
        let (top, bottom) = even(covered.y, covered.bottom(), frame.height);
        if right <= left || bottom <= top {
            return Err(Blank::Outside);
        }
        let (width, height) = ((right - left) as u32, (bottom - top) as u32);
        let mut pixels = Pixmap::new(width, height).ok_or(Blank::Refused)?;
        if let Some((image, place)) = picture {
            image.draw(&mut pixels.as_mut(), (left as f32, top as f32), place);
        }
        let corner = Transform::from_translate(-left as f32, -top as f32);
        resvg::render(&tree, corner, &mut pixels.as_mut());
        if let Some(halo) = self.halo {
            halo.lay(&mut pixels);
        }
        Ok(Drawn {
            x: left,
            y: top,
            pixels,
        })
    }
}

/// Outwards to even pixels, inside 0..=`limit`. One pixel more for what smoothing spills.
fn even(from: f32, to: f32, limit: f32) -> (i32, i32) {
    let from = ((from - 1.0).clamp(0.0, limit) / 2.0).floor() as i32 * 2;
    let to = ((to + 1.0).clamp(0.0, limit) / 2.0).ceil() as i32 * 2;
    (from, to)
}

/// Whether any text of the page became outlines.
fn has_letters(group: &resvg::usvg::Group) -> bool {
    group.children().iter().any(|node| match node {
        resvg::usvg::Node::Text(text) => text.flattened().has_children(),
        resvg::usvg::Node::Group(group) => has_letters(group),
        _ => false,
    })
}
