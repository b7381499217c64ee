//! What is said about quality: in the picture, in the status, in the log.
//!
//! Owns the wording only.

use model::{Colour, FrameRate, Graphic, GraphicKind, Position};
use stream::{Change, Degraded, Reason};

/// What stands in the picture when a step is made; viewers read it too.
const fn notice(reason: Reason) -> &'static str {
    match reason {
        Reason::HighCpu => "Reduced quality: device busy",
        Reason::Network => "Reduced quality: weak network",
        Reason::EncoderOverload => "Reduced quality: graphics off",
    }
}

/// Behind the notice: the page's own dark blue, nearly closed.
const PANEL: Colour = Colour {
    r: 0x12,
    g: 0x15,
    b: 0x21,
    a: 0xe6,
};
/// Its words: the page's colour of a warning.
const WARNING: Colour = Colour {
    r: 0xff,
    g: 0xc8,
    b: 0x57,
    a: 0xff,
};

/// The notice as a graphic, at the upper left.
pub(super) fn banner(reason: Reason) -> Graphic {
    Graphic {
        kind: GraphicKind::Text,
        text: Some(notice(reason).to_owned()),
        image: None,
        position: Some(Position::TopLeft),
        x: None,
        y: None,
        width: None,
        height: None,
        scale: 1.0,
        opacity: 1.0,
        font_size: Some(36.0),
        color: Some(WARNING),
        background: Some(PANEL),
        tokens: std::collections::BTreeMap::new(),
    }
}

/// Frames a second when one of `every` is sent, to the hundredth.
pub(super) fn fps(rate: FrameRate, every: u32) -> f64 {
    let exact = f64::from(rate.num()) / f64::from(rate.den()) / f64::from(every.max(1));
    (exact * 100.0).round() / 100.0
}

/// One step, one sentence.
pub(super) fn step(change: &Change, rate: FrameRate) -> String {
    let quality = &change.quality;
    let now = match change.reason {
        Reason::HighCpu => {
            let fps = fps(rate, quality.every);
            format!("{fps} frames a second are sent")
        }
        Reason::Network => format!("{} % of the bit rate are sent", quality.bitrate_percent),
        Reason::EncoderOverload if quality.graphics => "the graphics are shown".to_owned(),
        Reason::EncoderOverload => "no graphics are shown".to_owned(),
    };
    let why = match (change.reason, change.down) {
        (Reason::HighCpu, true) => "The device is too busy",
        (Reason::HighCpu, false) => "The device is no longer too busy",
        (Reason::Network, true) => "No destination takes all of the program",
        (Reason::Network, false) => "The destinations take all that is sent",
        (Reason::EncoderOverload, true) => "The encoder does not take every frame",
        (Reason::EncoderOverload, false) => "The encoder takes every frame",
    };
    format!("{why}: {now}.")
}

/// Whether the operator holds full quality, before anything else is to be said.
pub(super) const fn held(held: bool) -> &'static str {
    if held {
        "Full quality is held by the operator."
    } else {
        "Full quality."
    }
}

/// The state in sentences: what is given up and why, what is wrong and what to do.
pub(super) fn message(
    state: &Degraded,
    troubles: &[Reason],
    weak: &[String],
    rate: FrameRate,
) -> String {
    let quality = state.quality();
    let mut said: Vec<String> = Vec::new();
    if state.is_held() {
        said.push(held(true).to_owned());
        for reason in troubles {
            said.push(endured(*reason).to_owned());
        }
    } else if state.reasons().next().is_none() {
        said.push(held(false).to_owned());
    }
    for reason in state.reasons() {
        said.push(match reason {
            Reason::HighCpu => format!(
                "Only {} frames a second are sent, because the device is too busy: end other \
                 programs on it, or choose a smaller profile for the next show.",
                fps(rate, quality.every)
            ),
            Reason::Network => format!(
                "Only {} % of the bit rate are sent, because no destination takes more: look at the \
                 connection to the internet.",
                quality.bitrate_percent
            ),
            Reason::EncoderOverload => "The show's graphics are off, because the encoder does not \
                 take every frame: choose a smaller profile for the next show."
                .to_owned(),
        });
    }
    if !state.reasons().any(|reason| reason == Reason::Network) && !weak.is_empty() {
        said.push(format!(
            "{} does not take all of the program; nothing is lowered for it.",
            weak.join(", ")
        ));
    }
    said.join(" ")
}

/// What the operator endures by holding full quality.
const fn endured(reason: Reason) -> &'static str {
    match reason {
        Reason::HighCpu => {
            "The device is too busy: frames may be lost. Let go of full quality to send fewer frames."
        }
        Reason::Network => {
            "No destination takes all of the program: pictures are lost on the way. Let go of full \
             quality to send a lower bit rate."
        }
        Reason::EncoderOverload => {
            "The encoder does not take every frame. Let go of full quality to leave graphics out."
        }
    }
}
