//! What a user of the crate may rely on: places, limits and that nothing is drawn silently blank.

#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use model::{Colour, Graphic, GraphicKind, Pattern, Position, Raster, Size};
use overlay::{Image, RenderError, Studio};

const SIZES: [(u32, u32); 5] = [
    (1920, 1080),
    (1280, 720),
    (854, 480),
    (640, 360),
    (1080, 1920),
];

fn graphic(kind: GraphicKind, text: &str) -> Graphic {
    let kind = serde_json::to_value(kind).unwrap();
    serde_json::from_value(serde_json::json!({ "type": kind, "text": text })).unwrap()
}

fn square(side: u32) -> Image {
    Image::from_rgba(side, side, vec![255; (side * side * 4) as usize]).unwrap()
}

fn studio() -> Studio {
    Studio::new().unwrap()
}

fn check_shape(raster: &Raster, size: Size) {
    let area = (raster.width * raster.height) as usize;
    assert_eq!(raster.luma.len(), area);
    assert_eq!(raster.alpha.len(), area);
    for plane in [&raster.u, &raster.v, &raster.alpha_chroma] {
        assert_eq!(plane.len(), area / 4);
    }
    let sides = [raster.width, raster.height];
    assert!(sides.iter().all(|s| *s > 0 && s.is_multiple_of(2)));
    assert!(raster.x >= 0 && raster.x % 2 == 0 && raster.y >= 0 && raster.y % 2 == 0);
    assert!(raster.x as u32 + raster.width <= size.width());
    assert!(raster.y as u32 + raster.height <= size.height());
    assert!(raster.alpha.iter().any(|a| *a > 0));
    for (luma, alpha) in raster.luma.iter().zip(&raster.alpha) {
        let most = (u32::from(*alpha) * 219 + 127) / 255;
        assert!(u32::from(*luma) <= most, "luma {luma} at alpha {alpha}");
    }
}

#[test]
fn every_kind_at_every_named_place_is_whole_and_inside_the_safe_area() {
    let studio = studio();
    let image = square(200);
    for (w, h) in SIZES {
        let size = Size::new(w, h).unwrap();
        for kind in [
            GraphicKind::LowerThird,
            GraphicKind::Text,
            GraphicKind::DynamicText,
            GraphicKind::Logo,
        ] {
            for position in [
                Position::TopLeft,
                Position::TopRight,
                Position::BottomLeft,
                Position::BottomRight,
                Position::Center,
            ] {
                let mut graphic = graphic(kind, "Marina Cam - Wharfside");
                graphic.position = Some(position);
                let picture = (kind == GraphicKind::Logo).then_some(&image);
                let raster = studio.render(&graphic, size, picture).unwrap();
                check_shape(&raster, size);
                // A soft edge may reach 8 pixels out of the safe area, nothing else does.
                let (x, y) = ((w / 20) as i32 - 8, (h / 20) as i32 - 8);
                assert!(
                    raster.x >= x && raster.y >= y,
                    "{kind:?} {position:?} {size}"
                );
                assert!(raster.x + raster.width as i32 <= w as i32 - x);
                assert!(raster.y + raster.height as i32 <= h as i32 - y);
            }
        }
    }
}

#[test]
fn without_words_there_is_an_error_and_not_an_empty_picture() {
    let studio = studio();
    for text in ["", "  \n ", "{{nobody}}", "\u{7}\u{202e}"] {
        for kind in [GraphicKind::Text, GraphicKind::LowerThird] {
            assert_eq!(
                studio.render(&graphic(kind, text), Size::HD, None),
                Err(RenderError::NoText),
                "{text:?}"
            );
        }
    }
    assert_eq!(
        studio.render(&graphic(GraphicKind::Logo, ""), Size::HD, None),
        Err(RenderError::NoImage)
    );
}

#[test]
fn letters_that_the_font_has_not_are_drawn_as_boxes() {
    let raster = studio()
        .render(&graphic(GraphicKind::Text, "漢字"), Size::HD, None)
        .unwrap();
    check_shape(&raster, Size::HD);
}

#[test]
fn markup_in_a_text_is_text() {
    let studio = studio();
    let plain = studio
        .render(&graphic(GraphicKind::LowerThird, "abc"), Size::HD, None)
        .unwrap();
    let text = "</text><rect width='1920' height='1080' fill='red'/><image href='/etc/passwd'/>";
    let marked = studio
        .render(&graphic(GraphicKind::LowerThird, text), Size::HD, None)
        .unwrap();
    check_shape(&marked, Size::HD);
    assert!(marked.width > plain.width && marked.height < 200);
}

#[test]
fn opacity_is_exact_in_the_middle_of_a_picture() {
    let studio = studio();
    let image = square(200);
    for (opacity, want) in [(1.0, 255), (0.8, 204), (0.5, 128), (0.25, 64)] {
        let mut graphic = graphic(GraphicKind::Logo, "");
        graphic.opacity = opacity;
        let raster = studio.render(&graphic, Size::HD, Some(&image)).unwrap();
        let middle = (raster.height / 2 * raster.width + raster.width / 2) as usize;
        assert_eq!(raster.alpha[middle], want, "at {opacity}");
    }
}

#[test]
fn a_picture_stands_where_it_is_asked_to() {
    let mut graphic = graphic(GraphicKind::Image, "");
    (graphic.x, graphic.y) = (Some(0.25), Some(0.5));
    (graphic.width, graphic.height) = (Some(0.125), Some(0.25));
    let raster = studio()
        .render(&graphic, Size::HD, Some(&square(64)))
        .unwrap();
    let row = (raster.height / 2 * raster.width) as usize;
    let line = &raster.alpha[row..row + raster.width as usize];
    let first = line.iter().position(|a| *a > 127).unwrap() as i32;
    let last = line.iter().rposition(|a| *a > 127).unwrap() as i32;
    assert_eq!(raster.x + first, 480);
    assert_eq!(raster.x + last, 480 + 240 - 1);
}

#[test]
fn a_picture_off_the_program_is_an_error_and_one_at_its_edge_is_cut() {
    let mut graphic = graphic(GraphicKind::Image, "");
    (graphic.x, graphic.y) = (Some(0.95), Some(0.95));
    graphic.width = Some(0.5);
    let studio = studio();
    let raster = studio
        .render(&graphic, Size::HD, Some(&square(64)))
        .unwrap();
    check_shape(&raster, Size::HD);
    assert!(raster.width <= 100);
}

#[test]
fn absurd_numbers_are_brought_into_range() {
    let studio = studio();
    for number in [f64::NAN, f64::INFINITY, -1e300, 1e300, 0.0] {
        for kind in [
            GraphicKind::Text,
            GraphicKind::LowerThird,
            GraphicKind::Image,
        ] {
            let mut graphic = graphic(kind, "Harbour");
            graphic.scale = number;
            graphic.opacity = number;
            graphic.font_size = Some(number);
            (graphic.x, graphic.y) = (Some(number), Some(number));
            (graphic.width, graphic.height) = (Some(number), Some(number));
            let image = square(8);
            match studio.render(&graphic, Size::HD, Some(&image)) {
                Ok(raster) => assert!(raster.x as u32 + raster.width <= 1920),
                Err(why) => assert_eq!(why, RenderError::Outside),
            }
        }
    }
}

#[test]
fn five_hundred_large_letters_stay_inside() {
    let mut graphic = graphic(GraphicKind::Text, &"harbour ".repeat(400));
    graphic.font_size = Some(150.0);
    let raster = studio().render(&graphic, Size::HD, None).unwrap();
    check_shape(&raster, Size::HD);
}

#[test]
fn a_whole_frame_template_is_cut_to_its_strap_and_takes_the_words() {
    let (w, h) = (1920_u32, 1080_u32);
    let mut rgba = vec![0; (w * h * 4) as usize];
    for y in 860..980 {
        for x in 80..1000 {
            let i = ((y * w + x) * 4) as usize;
            rgba[i..i + 4].copy_from_slice(&[18, 60, 90, 255]);
        }
    }
    let template = Image::from_rgba(w, h, rgba).unwrap();
    let studio = studio();
    let draw = |text| {
        studio
            .render(
                &graphic(GraphicKind::LowerThird, text),
                Size::HD,
                Some(&template),
            )
            .unwrap()
    };
    let (empty, words) = (draw(""), draw("Ada Lovelace\nHarbour master"));
    assert!(words.width < 940 && words.height < 140);
    assert_eq!(
        (empty.x, empty.y, empty.width),
        (words.x, words.y, words.width)
    );
    let brightest = |r: &Raster| r.luma.iter().copied().max().unwrap_or(0);
    assert!(brightest(&words) > 190 && brightest(&empty) < 80);
}

#[test]
fn patterns_fill_every_size_and_none_is_black() {
    let studio = studio();
    for (w, h) in SIZES.into_iter().chain([(16, 16), (4096, 16)]) {
        let size = Size::new(w, h).unwrap();
        for pattern in Pattern::ALL {
            let still = studio.pattern(pattern, size);
            assert_eq!(still.data.len(), size.yuv420_bytes(), "{pattern:?} {size}");
            let luma = &still.data[..size.luma_bytes()];
            let mean = luma.iter().map(|v| u64::from(*v)).sum::<u64>() / luma.len() as u64;
            assert!(mean > 32, "{pattern:?} {size}: mean luma {mean}");
        }
    }
    let png = studio.pattern_png(Pattern::ColorBars, Size::HD);
    assert!(png.starts_with(b"\x89PNG"));
    let grey = studio.colour(Colour::parse("#808080").unwrap(), Size::HD);
    assert_eq!((grey.data[0], grey.data[Size::HD.luma_bytes()]), (126, 128));
}
