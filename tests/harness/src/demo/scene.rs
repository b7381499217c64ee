//! What the demo's cameras see, as SVG: a background that stands still and shapes that move.
//!
//! Owns the three scenes, the still picture and the logo. Every motion comes back to where it began
//! after one round, so that a clip loops without a jump. Pixels and files are `film`'s business.

use std::f32::consts::TAU;
use std::fmt::Write;

/// Width of every scene in pixels.
pub(super) const WIDTH: u32 = 1280;
/// Height of every scene in pixels.
pub(super) const HEIGHT: u32 = 720;

/// What a camera looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// A harbour mouth at sunset: lighthouse, sails, gulls.
    Harbour,
    /// A marina at noon: moored boats, clouds, a ferry.
    Marina,
    /// A church from inside: coloured windows, candles, a swinging lamp.
    Church,
}

impl Scene {
    /// All, in the order of their numbers.
    pub(super) const ALL: [Self; 3] = [Self::Harbour, Self::Marina, Self::Church];

    /// Id of its camera and name of its files.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Harbour => "harbour",
            Self::Marina => "marina",
            Self::Church => "church",
        }
    }

    /// What people call it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Harbour => "Harbour mouth",
            Self::Marina => "Marina",
            Self::Church => "St Mary’s church",
        }
    }

    /// Frames a second of its camera.
    pub(super) const fn rate(self) -> u16 {
        match self {
            Self::Harbour | Self::Marina => 30,
            Self::Church => 25,
        }
    }

    /// The part that stands still.
    pub(super) fn background(self) -> String {
        document(&match self {
            Self::Harbour => harbour(),
            Self::Marina => marina(),
            Self::Church => church(),
        })
    }

    /// The part that moves, and the camera's number over it; `at` is how much of the round has
    /// passed, 0.0..1.0.
    pub(super) fn moving(self, at: f32) -> String {
        let (body, number) = match self {
            Self::Harbour => (harbour_moving(at), 1),
            Self::Marina => (marina_moving(at), 2),
            Self::Church => (church_moving(at), 3),
        };
        let label = format!(
            "<rect x='40' y='36' width='214' height='56' rx='10' fill='#0b1220' fill-opacity='.62'/>\
             <text x='58' y='76' font-size='34' font-weight='700' fill='#fff'>CAMERA {number}</text>"
        );
        document(&(body + &label))
    }
}

fn document(body: &str) -> String {
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' font-family='Inter'>{body}</svg>"
    )
}

/// A sine that comes round `times` in a round, 0.0..1.0 of which is `at`.
fn swing(at: f32, times: f32, shift: f32) -> f32 {
    ((at * times + shift) * TAU).sin()
}

/// A line of waves across the picture at `y`, moving to the right by whole waves a round.
fn waves(svg: &mut String, y: f32, height: f32, length: f32, phase: f32, paint: &str) {
    let mut path = format!("M{:.1} {y:.1}", -2.0 * length + phase * length);
    let mut x = -2.0 * length;
    while x < WIDTH as f32 + 2.0 * length {
        let _ = write!(
            path,
            "q{:.1} {:.1} {:.1} 0t{:.1} 0",
            length / 4.0,
            -height,
            length / 2.0,
            length / 2.0
        );
        x += length;
    }
    let _ = write!(svg, "<path d='{path}' fill='none' {paint}/>");
}

fn gull(svg: &mut String, x: f32, y: f32, size: f32, flap: f32, colour: &str) {
    let tip = size * (0.25 + 0.35 * flap);
    let _ = write!(
        svg,
        "<path d='M{:.1} {:.1}Q{:.1} {:.1} {x:.1} {y:.1}Q{:.1} {:.1} {:.1} {:.1}' fill='none' \
         stroke='{colour}' stroke-width='{:.1}' stroke-linecap='round'/>",
        x - size,
        y - tip,
        x - size * 0.4,
        y - size * 0.45,
        x + size * 0.4,
        y - size * 0.45,
        x + size,
        y - tip,
        size * 0.12
    );
}

fn harbour() -> String {
    let mut svg = String::from(
        "<defs><linearGradient id='s' x2='0' y2='1'><stop offset='0' stop-color='#2b3f7a'/>\
         <stop offset='.55' stop-color='#c8688a'/><stop offset='1' stop-color='#ffb46b'/></linearGradient>\
         <linearGradient id='w' x2='0' y2='1'><stop offset='0' stop-color='#d9866f'/>\
         <stop offset='.35' stop-color='#5b5a8c'/><stop offset='1' stop-color='#1d2b55'/></linearGradient>\
         <radialGradient id='g'><stop offset='0' stop-color='#fff3c4'/>\
         <stop offset='.3' stop-color='#ffd98a' stop-opacity='.8'/>\
         <stop offset='1' stop-color='#ffb46b' stop-opacity='0'/></radialGradient></defs>\
         <rect width='1280' height='430' fill='url(#s)'/>\
         <circle cx='880' cy='392' r='250' fill='url(#g)'/><circle cx='880' cy='392' r='52' fill='#fff1c9'/>\
         <path d='M520 430q120-70 230-40t220-26 310 66v10H520z' fill='#6d4a73'/>\
         <path d='M0 430q160-60 330-22t300 22z' fill='#553f6d'/>\
         <rect y='430' width='1280' height='290' fill='url(#w)'/>",
    );
    svg.push_str(
        "<path d='M0 470q60-52 150-54t170 44q60 30 96 66l-40 24H0z' fill='#2a2341'/>\
         <path d='M178 420l14-214h56l14 214z' fill='#f3ece2'/>\
         <path d='M187 290l3-42h60l3 42zM181 376l3-42h72l3 42z' fill='#c6403d'/>\
         <rect x='180' y='196' width='80' height='12' rx='3' fill='#2a2341'/>\
         <rect x='196' y='160' width='48' height='38' fill='#fff3c4'/>\
         <path d='M186 162q34-44 68 0z' fill='#c6403d'/>\
         <path d='M1280 640H1010l-24 80h294z' fill='#241d38'/>\
         <path d='M1010 640h270v14h-274z' fill='#3a3055'/>",
    );
    svg
}

fn sail_boat(svg: &mut String, x: f32, y: f32, size: f32, tilt: f32, sail: &str) {
    let _ = write!(
        svg,
        "<g transform='translate({x:.1} {y:.1}) scale({size:.2}) rotate({tilt:.2})'>\
         <path d='M-70 0h150q-14 30-44 34h-70q-28-4-36-34z' fill='#3b2233'/>\
         <path d='M-70 0h150l-4 9h-142z' fill='#e9d8c4'/><path d='M4 0v-168' stroke='#2b1a28' stroke-width='5'/>\
         <path d='M-4-10v-150q-58 84-62 150z' fill='{sail}'/><path d='M12-8v-128q62 70 58 128z' fill='#fff' fill-opacity='.92'/></g>"
    );
}

fn harbour_moving(at: f32) -> String {
    let mut svg = String::new();
    // The light turns four times a round: it is narrow from the side and wide towards the camera.
    let angle = at * 4.0 * TAU;
    let (reach, towards) = (angle.cos() * 900.0, angle.sin());
    let strength = 0.22 + 0.18 * towards.max(0.0);
    let spread = 26.0 + 60.0 * towards.abs();
    let _ = write!(
        svg,
        "<path d='M220 179L{:.0} {:.0}V{:.0}z' fill='#fff6d0' fill-opacity='{strength:.2}'/>\
         <circle cx='220' cy='179' r='{:.1}' fill='#fffbe6' fill-opacity='{:.2}'/>",
        220.0 + reach,
        179.0 - spread,
        179.0 + spread,
        20.0 + 34.0 * towards.max(0.0),
        0.35 + 0.6 * towards.max(0.0)
    );
    for i in 0..9_u8 {
        let row = f32::from(i);
        let width = 26.0 + row * 16.0 + 16.0 * swing(at, 8.0, row * 0.37);
        let _ = write!(
            svg,
            "<rect x='{:.1}' y='{:.1}' width='{:.1}' height='{:.1}' rx='3' fill='#ffe2a6' fill-opacity='{:.2}'/>",
            880.0 - width + 9.0 * swing(at, 5.0, row * 0.61),
            442.0 + row * 22.0,
            width * 2.0,
            3.0 + row * 0.8,
            0.7 - row * 0.055
        );
    }
    for i in 0..5_u8 {
        let row = f32::from(i);
        let paint = format!(
            "stroke='#fff' stroke-opacity='.16' stroke-width='{:.1}'",
            2.0 + row * 0.7
        );
        let phase = at * (2.0 + row);
        waves(
            &mut svg,
            470.0 + row * 50.0,
            4.0 + row * 2.6,
            90.0 + row * 46.0,
            phase.fract(),
            &paint,
        );
    }
    let x = at * 1680.0 - 200.0;
    sail_boat(
        &mut svg,
        x,
        560.0 + 6.0 * swing(at, 6.0, 0.0),
        1.25,
        3.0 * swing(at, 4.0, 0.2),
        "#e4572e",
    );
    let back = (1.0 - (at + 0.55).fract()) * 1500.0 - 110.0;
    sail_boat(
        &mut svg,
        back,
        462.0 + 3.0 * swing(at, 7.0, 0.4),
        0.5,
        2.5 * swing(at, 5.0, 0.1),
        "#f6d365",
    );
    for (i, (x, y)) in [(620.0, 150.0), (700.0, 118.0), (560.0, 205.0)]
        .into_iter()
        .enumerate()
    {
        let shift = i as f32 * 0.29;
        gull(
            &mut svg,
            x + 120.0 * swing(at, 1.0, shift),
            y + 22.0 * swing(at, 2.0, shift),
            26.0,
            swing(at, 20.0, shift),
            "#2a2341",
        );
    }
    svg
}

fn marina() -> String {
    let mut svg = String::from(
        "<defs><linearGradient id='s' x2='0' y2='1'><stop offset='0' stop-color='#3d93d6'/>\
         <stop offset='1' stop-color='#d3eefb'/></linearGradient>\
         <linearGradient id='w' x2='0' y2='1'><stop offset='0' stop-color='#4fb7b5'/>\
         <stop offset='1' stop-color='#11646f'/></linearGradient></defs>\
         <rect width='1280' height='330' fill='url(#s)'/>\
         <path d='M0 330v-60q140-60 300-30t330-40 330 50 320-20v100z' fill='#7fae7a'/>\
         <path d='M0 330v-24q220-40 500-10t780-6v40z' fill='#5d9466'/>",
    );
    for i in 0..9_u16 {
        let x = 330 + i * 84;
        let roof = ["#c6553d", "#a8452f", "#d07a4a"][usize::from(i % 3)];
        let wall = ["#fbf3e4", "#f1dfc4", "#e8eef2"][usize::from(i % 3)];
        let height = 46 + (i * 29) % 34;
        let top = 322 - height;
        let _ = write!(
            svg,
            "<rect x='{x}' y='{top}' width='62' height='{height}' fill='{wall}'/>\
             <path d='M{} {top}h78l-39-28z' fill='{roof}'/>\
             <path d='M{} {}h12v16h-12zm26 0h12v16h-12z' fill='#5f7f94'/>",
            x - 8,
            x + 12,
            top + 14
        );
    }
    svg.push_str("<rect y='322' width='1280' height='398' fill='url(#w)'/>");
    svg
}

fn cloud(svg: &mut String, x: f32, y: f32, size: f32) {
    let _ = write!(
        svg,
        "<g transform='translate({x:.1} {y:.1}) scale({size:.2})' fill='#fff' fill-opacity='.85'>\
         <ellipse rx='90' ry='26'/><circle cx='-34' cy='-18' r='32'/><circle cx='22' cy='-26' r='42'/>\
         <circle cx='62' cy='-8' r='26'/></g>"
    );
}

/// A boat at its mooring: `lean` in degrees, `lift` in pixels.
fn moored(svg: &mut String, x: f32, y: f32, hull: &str, lean: f32, lift: f32, flag: f32) {
    let y = y + lift;
    let _ = write!(
        svg,
        "<g transform='translate({x:.1} {y:.1}) rotate({lean:.2})'>\
         <path d='M0-10v-300' stroke='#e8edf0' stroke-width='7'/><path d='M0-96h96' stroke='#e8edf0' stroke-width='6'/>\
         <path d='M4-104q46-22 92 2v10H4z' fill='#1f4e79'/><path d='M0-306L-92-14M0-306L112-14' stroke='#dfe7ea' stroke-width='2'/>\
         <path d='M2-308q20 {flag:.1} 44 {:.1}v26q-24 {:.1}-44 {:.1}z' fill='#f2c14e'/>\
         <path d='M-44-14q6-34 40-38h44q26 6 34 38z' fill='#fff'/><path d='M-26-24l8-18h24v18zm38 0v-18h20l10 18z' fill='#31566b'/>\
         <path d='M-104-16h226q-18 56-50 62h-124q-40-8-52-62z' fill='{hull}'/><path d='M-104-16h226l-4 14h-219z' fill='#fff'/></g>",
        flag * 0.4,
        -flag * 0.4,
        -flag * 0.4
    );
}

fn marina_moving(at: f32) -> String {
    let mut svg = String::new();
    for (i, (y, size)) in [(90.0, 1.1), (150.0, 0.7), (64.0, 0.8)]
        .into_iter()
        .enumerate()
    {
        let x = (at + i as f32 * 0.37).fract() * 1680.0 - 200.0;
        cloud(&mut svg, x, y, size);
    }
    let ferry = 1500.0 - at * 1800.0;
    let _ = write!(
        svg,
        "<g transform='translate({ferry:.1} {:.1})'><path d='M-130 0h260l-22 34h-206z' fill='#c8352e'/>\
         <path d='M-130 0h260l-5 9h-250z' fill='#fff'/><path d='M-96 0v-34h176v34zM-62-34v-26h104v26z' fill='#fff'/>\
         <path d='M-84-24h150v12H-84zM-52-52h84v10h-84z' fill='#3f6e8c'/><path d='M-8-60v-30h26v30z' fill='#1d3557'/></g>",
        332.0 + 2.0 * swing(at, 8.0, 0.0)
    );
    for i in 0..6_u8 {
        let row = f32::from(i);
        let paint = format!(
            "stroke='#e9fffb' stroke-opacity='.3' stroke-width='{:.1}'",
            2.0 + row * 0.6
        );
        waves(
            &mut svg,
            384.0 + row * 58.0,
            4.0 + row * 2.0,
            120.0 + row * 40.0,
            (at * (3.0 + row)).fract(),
            &paint,
        );
    }
    let hulls = ["#17324d", "#9c2f2f", "#2c6e49", "#3b3561", "#7a4e2d"];
    for (i, hull) in hulls.into_iter().enumerate() {
        let shift = i as f32 * 0.23;
        moored(
            &mut svg,
            130.0 + i as f32 * 262.0,
            566.0 + (i % 2) as f32 * 16.0,
            hull,
            3.2 * swing(at, 5.0, shift),
            8.0 * swing(at, 5.0, shift + 0.2),
            14.0 * swing(at, 16.0, shift),
        );
    }
    svg.push_str(
        "<path d='M0 648h1280v72H0z' fill='#8a6a4a'/><path d='M0 648h1280v10H0z' fill='#b48c62'/>",
    );
    for i in 0..16_u16 {
        let _ = write!(
            svg,
            "<path d='M{} 658v62' stroke='#6b5037' stroke-width='4'/>",
            i * 84 + 20
        );
    }
    for i in 0..3_u8 {
        let shift = f32::from(i) * 0.31;
        gull(
            &mut svg,
            640.0 + 420.0 * swing(at, 1.0, shift),
            190.0 + 46.0 * swing(at, 2.0, shift),
            30.0,
            swing(at, 18.0, shift),
            "#fdfdfd",
        );
    }
    svg
}

/// A pointed window of coloured panes, `x` its middle.
fn window(svg: &mut String, x: f32, top: f32, width: f32, height: f32, colours: [&str; 4]) {
    let half = width / 2.0;
    let rows = 6_u8;
    let _ = write!(
        svg,
        "<clipPath id='c{x:.0}'><path d='M{:.0} {:.0}V{:.0}Q{:.0} {top:.0} {x:.0} {top:.0}T{:.0} {:.0}V{:.0}z'/></clipPath>\
         <g clip-path='url(#c{x:.0})'><rect x='{:.0}' y='{top:.0}' width='{width:.0}' height='{height:.0}' fill='#fff2c8'/>",
        x - half,
        top + height,
        top + half,
        x - half,
        x + half,
        top + half,
        top + height,
        x - half
    );
    for row in 0..rows {
        for column in 0..3_u8 {
            let colour = colours[usize::from((row * 2 + column * 3) % 4)];
            let (step, cell) = (height / f32::from(rows), width / 3.0);
            let (left, up) = (
                x - half + f32::from(column) * cell,
                top + f32::from(row) * step,
            );
            let _ = write!(
                svg,
                "<path d='M{left:.1} {:.1}l{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}z' fill='{colour}' fill-opacity='.86'/>",
                up + step / 2.0,
                cell / 2.0,
                -step / 2.0,
                cell / 2.0,
                step / 2.0,
                -cell / 2.0,
                step / 2.0
            );
        }
    }
    let _ = write!(
        svg,
        "</g><path d='M{:.0} {:.0}V{:.0}Q{:.0} {top:.0} {x:.0} {top:.0}T{:.0} {:.0}V{:.0}z' fill='none' stroke='#4a3f39' stroke-width='10'/>",
        x - half,
        top + height,
        top + half,
        x - half,
        x + half,
        top + half,
        top + height
    );
}

fn church() -> String {
    let mut svg = String::from(
        "<defs><linearGradient id='s' x2='0' y2='1'><stop offset='0' stop-color='#a58a72'/>\
         <stop offset='1' stop-color='#cdb394'/></linearGradient></defs>\
         <rect width='1280' height='720' fill='url(#s)'/>\
         <path d='M0 0h1280v40Q1000 60 960 200V560H320V200Q280 60 0 40z' fill='#b79c80'/>\
         <path d='M320 560V220Q420 30 640 24q220 6 320 196v340' fill='none' stroke='#8b725d' stroke-width='22'/>\
         <path d='M0 560h1280v160H0z' fill='#8a6f58'/><path d='M470 560h340l150 160H320z' fill='#a83a3a'/>",
    );
    for x in [66, 244, 1036, 1214] {
        let _ = write!(
            svg,
            "<path d='M{} 60h44v520h-44z' fill='#d9c3a6'/><path d='M{} 60h10v520h-10z' fill='#a88c70'/>\
             <path d='M{} 44h64v20h-64zM{} 576h64v20h-64z' fill='#8b725d'/>",
            x - 22,
            x + 12,
            x - 32,
            x - 32
        );
    }
    window(
        &mut svg,
        640.0,
        70.0,
        190.0,
        330.0,
        ["#2a66c8", "#c8323c", "#e9b949", "#2f9e6e"],
    );
    window(
        &mut svg,
        455.0,
        140.0,
        96.0,
        260.0,
        ["#7a3fb0", "#2a66c8", "#e9b949", "#d9643a"],
    );
    window(
        &mut svg,
        825.0,
        140.0,
        96.0,
        260.0,
        ["#d9643a", "#2f9e6e", "#2a66c8", "#e9b949"],
    );
    window(
        &mut svg,
        155.0,
        150.0,
        80.0,
        250.0,
        ["#2f9e6e", "#e9b949", "#c8323c", "#2a66c8"],
    );
    window(
        &mut svg,
        1125.0,
        150.0,
        80.0,
        250.0,
        ["#c8323c", "#7a3fb0", "#e9b949", "#2f9e6e"],
    );
    svg.push_str(
        "<path d='M500 470h280v92H500z' fill='#f4ece0'/><path d='M484 456h312v20H484z' fill='#7c5a3d'/>\
         <path d='M632 396h16v62h-16zM612 412h56v14h-56z' fill='#d9a441'/>",
    );
    for row in 0..3_u16 {
        let y = 596 + row * 44;
        let edge = 380 - row * 56;
        let _ = write!(
            svg,
            "<path d='M0 {y}h{edge}v36H0zM{} {y}H1280v36H{}z' fill='#5c4330'/>\
             <path d='M0 {y}h{edge}v9H0zM{} {y}H1280v9H{}z' fill='#7f5f45'/>",
            1280 - edge,
            1280 - edge,
            1280 - edge,
            1280 - edge
        );
    }
    svg
}

fn church_moving(at: f32) -> String {
    let mut svg = String::new();
    let rays = [
        ("#ffd37a", 455.0, 0.0),
        ("#8ab8ff", 640.0, 0.33),
        ("#ff9d8a", 825.0, 0.66),
    ];
    for (colour, x, shift) in rays {
        let opacity = 0.2 + 0.11 * swing(at, 2.0, shift);
        let lean = 150.0 + 60.0 * swing(at, 1.0, shift);
        let _ = write!(
            svg,
            "<path d='M{:.0} 180h80l{lean:.1} 540h-250z' fill='{colour}' fill-opacity='{opacity:.3}'/>",
            x - 40.0
        );
    }
    for i in 0..6_u8 {
        let x = 520.0 + f32::from(i) * 48.0;
        let flicker = swing(at, 23.0, f32::from(i) * 0.37);
        let high = 24.0 + 6.0 * flicker;
        let _ = write!(
            svg,
            "<rect x='{:.1}' y='420' width='10' height='38' fill='#fffaf0'/>\
             <circle cx='{x:.1}' cy='408' r='{:.1}' fill='#ffdf8a' fill-opacity='.28'/>\
             <path d='M{x:.1} {:.1}q9 13 0 24q-9-11 0-24z' fill='#ffb52e'/>",
            x - 5.0,
            26.0 + 5.0 * flicker,
            420.0 - high
        );
    }
    let lean = 24.0 * swing(at, 4.0, 0.0);
    let _ = write!(
        svg,
        "<g transform='rotate({lean:.2} 640 -40)'><path d='M640-40v330' stroke='#6b5134' stroke-width='5'/>\
         <circle cx='640' cy='322' r='66' fill='#ffe9a8' fill-opacity='.4'/>\
         <path d='M606 300h68l-12 48h-44zM618 290h44v12h-44z' fill='#d9a441'/><path d='M622 308h36l-7 32h-22z' fill='#fff3c0'/></g>"
    );
    for i in 0..40_u16 {
        let seed = f32::from(i) * 0.618_034;
        let x = 330.0 + seed.fract() * 640.0 + 14.0 * swing(at, 2.0, seed);
        let y = 660.0 - (seed * 3.7 + at * 2.0).fract() * 520.0;
        let _ = write!(
            svg,
            "<circle cx='{x:.1}' cy='{y:.1}' r='2' fill='#fff8dc' fill-opacity='.55'/>"
        );
    }
    svg
}

/// A still picture for between the cameras.
pub(super) fn still() -> String {
    document(
        "<defs><linearGradient id='s' x2='1' y2='1'><stop offset='0' stop-color='#0f766e'/>\
         <stop offset='1' stop-color='#1e3a8a'/></linearGradient></defs>\
         <rect width='1280' height='720' fill='url(#s)'/>\
         <g fill='none' stroke='#fff' stroke-opacity='.14' stroke-width='26'><circle cx='1080' cy='140' r='120'/>\
         <circle cx='1080' cy='140' r='210'/><circle cx='1080' cy='140' r='300'/></g>\
         <text x='110' y='330' font-size='92' font-weight='700' fill='#fff'>Welcome aboard</text>\
         <text x='114' y='404' font-size='38' fill='#d1fae5'>Harbour tours leave at 10, 12 and 3 from the north pier</text>\
         <rect x='114' y='446' width='160' height='8' rx='4' fill='#fbbf24'/>",
    )
}

/// A logo on a clear ground.
pub(super) fn logo() -> String {
    "<svg xmlns='http://www.w3.org/2000/svg' width='420' height='140' font-family='Inter'>\
     <rect width='420' height='140' rx='26' fill='#0b1220' fill-opacity='.72'/>\
     <path d='M38 100q22-18 44 0t44 0' fill='none' stroke='#38bdf8' stroke-width='9' stroke-linecap='round'/>\
     <path d='M82 84V28l38 48zM74 84V44L46 76z' fill='#fff'/>\
     <text x='146' y='70' font-size='44' font-weight='700' fill='#fff'>Harbour</text>\
     <text x='147' y='112' font-size='34' fill='#7dd3fc'>live every day</text></svg>"
        .to_owned()
}
