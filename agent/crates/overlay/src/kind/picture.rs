//! Logos and pictures.

use model::{Graphic, GraphicKind, Position};

use super::scale;
use crate::image::Image;
use crate::page::{Drawn, Page};
use crate::place::{Anchor, Frame, share};
use crate::render::RenderError;
use crate::studio::Studio;

/// A logo without a size fits into this share of the program.
const LOGO: (f32, f32) = (0.16, 0.12);

pub(crate) fn draw(
    studio: &Studio,
    graphic: &Graphic,
    frame: Frame,
    image: &Image,
) -> Result<Drawn, RenderError> {
    let default = match graphic.kind {
        GraphicKind::Logo => Position::TopRight,
        _ => Position::Center,
    };
    let (width, height) = sides(graphic, frame, image);
    let place = Anchor::of(graphic, default).place(frame, width, height, false);
    Ok(Page::new().draw(studio, frame, Some((image, place)))?)
}

/// Width and height on the program, in whole pixels: as asked for; with one side given the other
/// follows the picture's shape; with none a logo fits its corner, and anything else keeps its pixels
/// of a 1080-line program, but at most the program's.
pub(super) fn sides(graphic: &Graphic, frame: Frame, image: &Image) -> (f32, f32) {
    let aspect = image.aspect();
    let (natural_w, natural_h) = (image.size().0 as f32, image.size().1 as f32);
    let wanted = (
        share(graphic.width).filter(|w| *w > 0.0),
        share(graphic.height).filter(|h| *h > 0.0),
    );
    let (width, height) = match wanted {
        (Some(w), Some(h)) => (w * frame.width, h * frame.height),
        (Some(w), None) => (w * frame.width, w * frame.width / aspect),
        (None, Some(h)) => (h * frame.height * aspect, h * frame.height),
        (None, None) => {
            let fit =
                |w: f32, h: f32| (w * frame.width / natural_w).min(h * frame.height / natural_h);
            let factor = match graphic.kind {
                GraphicKind::Logo => fit(LOGO.0, LOGO.1),
                _ => frame.unit.min(fit(1.0, 1.0)),
            };
            (natural_w * factor, natural_h * factor)
        }
    };
    let scale = scale(graphic);
    let side = |pixels: f32| (pixels * scale).round().clamp(1.0, 16_384.0);
    (side(width), side(height))
}
