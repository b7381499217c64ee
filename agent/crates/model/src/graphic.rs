//! Graphics over the program, as they are asked for.

use crate::AssetPath;
use serde::{Deserialize, Deserializer, Serialize};

/// An RGB colour with opacity, written `#RRGGBB`, `#RRGGBBAA`, `#RGB` or a basic name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Red, 0..=255.
    pub r: u8,
    /// Green, 0..=255.
    pub g: u8,
    /// Blue, 0..=255.
    pub b: u8,
    /// Opacity, 0..=255.
    pub a: u8,
}

impl Colour {
    /// White.
    pub const WHITE: Self = Self {
        r: 255,
        g: 255,
        b: 255,
        a: 255,
    };
    /// Black.
    pub const BLACK: Self = Self {
        r: 0,
        g: 0,
        b: 0,
        a: 255,
    };

    /// Reads a colour; `None` when the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rgb = |r, g, b| Some(Self { r, g, b, a: 255 });
        match text.trim().to_ascii_lowercase().as_str() {
            "white" => return Some(Self::WHITE),
            "black" => return Some(Self::BLACK),
            "red" => return rgb(255, 0, 0),
            "green" => return rgb(0, 128, 0),
            "blue" => return rgb(0, 0, 255),
            "yellow" => return rgb(255, 255, 0),
            "gray" | "grey" => return rgb(128, 128, 128),
            "transparent" => {
                return Some(Self {
                    a: 0,
                    ..Self::BLACK
                });
            }
            _ => {}
        }
        let hex = text.trim().strip_prefix('#')?;
        if !hex.is_ascii() {
            return None;
        }
        let wide: String = match hex.len() {
            3 | 4 => hex.chars().flat_map(|c| [c, c]).collect(),
            6 | 8 => hex.to_owned(),
            _ => return None,
        };
        let value = u32::from_str_radix(&wide, 16).ok()?;
        let [r, g, b, a] = if wide.len() == 8 {
            value
        } else {
            (value << 8) | 0xff
        }
        .to_be_bytes();
        Some(Self { r, g, b, a })
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { r, g, b, a } = self;
        write!(f, "#{r:02x}{g:02x}{b:02x}{a:02x}")
    }
}

impl Serialize for Colour {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("{text:?} is no colour; write it like #1E90FF"))
        })
    }
}

/// What kind of graphic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphicKind {
    /// A name strap: a bar with text.
    LowerThird,
    /// A picture in a corner.
    Logo,
    /// Plain text.
    Text,
    /// A picture.
    Image,
    /// Text with `{{tokens}}`.
    DynamicText,
}

/// Named places inside the safe area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Position {
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
    Center,
}

/// A graphic as it is asked for. Lengths are shares of the program's size where they are decimals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graphic {
    /// What kind.
    #[serde(rename = "type")]
    pub kind: GraphicKind,
    /// The text of text kinds, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The picture of picture kinds, or the template of a lower third.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<AssetPath>,
    /// A named place; `x` and `y` win over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Left edge, 0.0..=1.0 of the program's width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<f64>,
    /// Top edge, 0.0..=1.0 of the program's height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<f64>,
    /// Width of a picture, 0.0..=1.0 of the program's width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// Height of a picture, 0.0..=1.0 of the program's height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<f64>,
    /// Enlarges the whole, 0.05..=20.
    #[serde(default = "one")]
    pub scale: f64,
    /// 0.0..=1.0.
    #[serde(default = "one")]
    pub opacity: f64,
    /// Text height in pixels of a 1080-line program, 8..=400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font_size: Option<f64>,
    /// Colour of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Colour>,
    /// Colour behind the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Colour>,
    /// Values for `{{tokens}}` in the text.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub tokens: std::collections::BTreeMap<String, String>,
}

const fn one() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_every_common_form() {
        for (text, want) in [
            ("#1E90FF", (0x1e, 0x90, 0xff, 255)),
            ("#fff", (255, 255, 255, 255)),
            ("#00000080", (0, 0, 0, 128)),
            ("White", (255, 255, 255, 255)),
        ] {
            let c = Colour::parse(text).unwrap();
            assert_eq!((c.r, c.g, c.b, c.a), want, "{text}");
        }
        for bad in ["", "#", "#12", "#12345", "nope", "#ééé"] {
            assert_eq!(Colour::parse(bad), None, "{bad}");
        }
    }
}
