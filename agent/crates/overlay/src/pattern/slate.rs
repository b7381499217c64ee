//! "Technical difficulties" and "Please stand by".

use model::{Colour, Pattern};

use crate::kind::{ACCENT, BODY, HEADING, NIGHT, PANEL, WARNING};
use crate::page::Page;
use crate::place::{Align, Frame, Rect};
use crate::studio::{Studio, Type, Weight};

/// Colours of the small bars in the sign, after the test picture.
const BARS: [Colour; 7] = [
    rgb(0xbf, 0xc5, 0xd6),
    rgb(0xe6, 0xc3, 0x4a),
    rgb(0x3f, 0xb8, 0xc9),
    rgb(0x3f, 0xb9, 0x72),
    rgb(0xb2, 0x57, 0xc4),
    rgb(0xe0, 0x4f, 0x66),
    rgb(0x3a, 0x6f, 0xe0),
];

const fn rgb(r: u8, g: u8, b: u8) -> Colour {
    Colour { r, g, b, a: 255 }
}

/// The slate as a page. All lengths are pixels of a 1080-line program times the frame's unit.
pub(super) fn page(studio: &Studio, pattern: Pattern, frame: Frame) -> Page {
    let u = frame.unit;
    let mut page = Page::new();
    let whole = Rect {
        x: -2.0,
        y: -2.0,
        width: frame.width + 4.0,
        height: frame.height + 4.0,
    };
    page.rect(whole, 0.0, NIGHT);

    let (title, line, tone) = match pattern {
        Pattern::PleaseStandBy => (
            "Please stand by",
            "We will be with you in a moment.",
            ACCENT,
        ),
        Pattern::TechnicalDifficulties | Pattern::ColorBars => (
            "Technical difficulties",
            "We are working on it and will be right back.",
            WARNING,
        ),
    };
    let room = frame.safe().width;
    let title = studio.wrap(title, set(96.0 * u, Weight::Semibold), room, 3);
    let line = studio.wrap(line, set(40.0 * u, Weight::Regular), room, 3);
    let (sign, rule) = (180.0 * u, 6.0 * u);
    let gaps = [56.0 * u, 24.0 * u, 30.0 * u];
    let height = sign + gaps.iter().sum::<f32>() + title.height() + rule + line.height();
    let middle = frame.width / 2.0;
    let mut top = (frame.height - height) / 2.0;

    let place = Rect {
        x: middle - sign / 2.0,
        y: top,
        width: sign,
        height: sign,
    };
    match pattern {
        Pattern::PleaseStandBy => waiting(&mut page, place, tone),
        Pattern::TechnicalDifficulties | Pattern::ColorBars => fault(&mut page, place, tone),
    }
    top += sign + gaps[0];
    page.text(&title, middle, top, Align::Middle, HEADING);
    top += title.height() + gaps[1];
    let under = Rect {
        x: middle - 60.0 * u,
        y: top,
        width: 120.0 * u,
        height: rule,
    };
    page.rect(under, rule / 2.0, tone);
    top += rule + gaps[2];
    page.text(&line, middle, top, Align::Middle, BODY);
    page
}

fn set(size: f32, weight: Weight) -> Type {
    Type {
        size: size.max(4.0),
        weight,
    }
}

/// A screen with the test picture on it, and a warning at its corner.
fn fault(page: &mut Page, place: Rect, tone: Colour) {
    let u = place.width / 180.0;
    let screen = Rect {
        x: place.x - 20.0 * u,
        y: place.y + 10.0 * u,
        width: 220.0 * u,
        height: 140.0 * u,
    };
    let mut frame = |rect: Rect, radius: f32, colour| page.rect(rect, radius * u, colour);
    frame(screen, 16.0, BODY);
    frame(screen.inset(7.0 * u, 7.0 * u), 10.0, PANEL);
    let picture = screen.inset(17.0 * u, 17.0 * u);
    let bar = picture.width / BARS.len() as f32;
    for (i, colour) in BARS.into_iter().enumerate() {
        let rect = Rect {
            x: picture.x + i as f32 * bar,
            width: bar + 0.4 * u,
            ..picture
        };
        frame(rect, 0.0, colour);
    }
    let foot = |x: f32, y: f32, width: f32, height: f32| Rect {
        x: place.x + x * u,
        y: place.y + y * u,
        width: width * u,
        height: height * u,
    };
    frame(foot(80.0, 150.0, 20.0, 16.0), 0.0, BODY);
    frame(foot(45.0, 164.0, 90.0, 8.0), 4.0, BODY);
    // The warning: a triangle with a mark, set off by a rim of the background.
    let (x, y) = (place.x + 190.0 * u, place.y + 112.0 * u);
    let triangle = |reach: f32, colour: Colour| {
        let Colour { r, g, b, .. } = colour;
        let (top, side, base) = (y - 38.0 * u, 42.0 * u, y + 32.0 * u);
        format!(
            "<path d=\"M{x:.2} {top:.2} L{:.2} {base:.2} L{:.2} {base:.2} Z\" fill=\"#{r:02x}{g:02x}{b:02x}\" stroke=\"#{r:02x}{g:02x}{b:02x}\" stroke-width=\"{:.2}\" stroke-linejoin=\"round\"/>",
            x + side,
            x - side,
            reach * u
        )
    };
    page.shape(&triangle(34.0, NIGHT));
    page.shape(&triangle(12.0, tone));
    let mark = |y: f32, height: f32| Rect {
        x: x - 5.0 * u,
        y,
        width: 10.0 * u,
        height: height * u,
    };
    page.rect(mark(y - 18.0 * u, 28.0), 5.0 * u, NIGHT);
    page.rect(mark(y + 16.0 * u, 10.0), 5.0 * u, NIGHT);
}

/// A clock.
fn waiting(page: &mut Page, place: Rect, tone: Colour) {
    let (x, y) = (place.x + place.width / 2.0, place.y + place.height / 2.0);
    let u = place.width / 180.0;
    let hex = |c: Colour| format!("#{:02x}{:02x}{:02x}", c.r, c.g, c.b);
    let radius = 80.0 * u;
    page.shape(&format!(
        "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius:.2}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>",
        hex(PANEL),
        hex(BODY),
        7.0 * u
    ));
    let quarter = 80.0 * u;
    page.shape(&format!(
        "<path d=\"M{x:.2} {:.2} A{quarter:.2} {quarter:.2} 0 0 1 {:.2} {y:.2}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:.2}\" stroke-linecap=\"round\"/>",
        y - quarter,
        x + quarter,
        hex(tone),
        9.0 * u
    ));
    page.shape(&format!(
        "<path d=\"M{x:.2} {:.2} L{x:.2} {y:.2} L{:.2} {y:.2}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:.2}\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/>",
        y - 48.0 * u,
        x + 34.0 * u,
        hex(HEADING),
        9.0 * u
    ));
}
