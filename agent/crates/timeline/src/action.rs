//! Cues: what is done, when, and how it is entered. How their parameters are read and written.
//!
//! Owns the meaning of a cue's `params`. Where the cue stands is `parse`'s business.

use crate::fields::{Fields, Notes};
use model::{
    AssetPath, AudioPolicy, CameraId, Colour, CueId, Fit, Graphic, GraphicKind, Pattern, Source,
    Transition,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Longest text of a graphic, in characters.
const TEXT_LIMIT: usize = 500;
/// Most values for tokens in one cue.
const TOKEN_LIMIT: usize = 64;

/// How a cue is entered, as documents name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionType {
    /// At once.
    #[default]
    Cut,
    /// Crossfade.
    #[serde(alias = "mix", alias = "crossfade")]
    Fade,
    /// Crossfade, by its other name.
    Dissolve,
    /// A moving edge.
    Wipe,
}

impl TransitionType {
    /// What the mixer is asked for; `None` is a cut.
    #[must_use]
    pub const fn picture(self) -> Option<Transition> {
        match self {
            Self::Cut => None,
            Self::Fade | Self::Dissolve => Some(Transition::Mix),
            Self::Wipe => Some(Transition::Wipe),
        }
    }
}

/// One timed item. Times are seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// Its id, unique in the timeline.
    pub id: CueId,
    /// Its number in the track, as the document counts. Times decide, not this.
    pub order: i64,
    /// When it begins.
    pub start_time: f64,
    /// How long it lasts, above 0.
    pub duration: f64,
    /// What is done.
    pub action: Action,
    /// How it is entered.
    pub transition: TransitionType,
    /// How long entering takes; 0 for a cut.
    pub transition_duration: f64,
    /// Parameters that this version does not use, as they were sent.
    pub params: Map<String, Value>,
    /// Other fields that this version does not use.
    pub extra: Map<String, Value>,
    /// Where it stands in what was sent.
    pub(crate) at: String,
}

/// What a cue does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Puts a camera on program.
    ShowCamera {
        /// Which.
        camera_id: CameraId,
        /// A preset to move to. Kept, not recalled by this version.
        preset_id: Option<String>,
        /// What becomes of its sound; the camera's own setting where there is none.
        audio: Option<AudioPolicy>,
    },
    /// Puts a file, a shipped picture or a colour on program.
    ShowMedia {
        /// Which.
        source: Source,
        /// What becomes of its sound.
        audio: Option<AudioPolicy>,
    },
    /// Shows a graphic. Times are seconds.
    ShowOverlay {
        /// Which.
        graphic: Graphic,
        /// How long it takes to appear.
        fade_in: f64,
        /// How long it takes to vanish.
        fade_out: f64,
    },
    /// Something for an audio or control track; its parameters are in [`Cue::params`].
    Other {
        /// Its name.
        name: String,
    },
}

impl Action {
    /// Its name in documents.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ShowCamera { .. } => "show_camera",
            Self::ShowMedia { .. } => "show_media",
            Self::ShowOverlay { .. } => "show_overlay",
            Self::Other { name } => name,
        }
    }

    pub(crate) fn camera_of(fields: &mut Fields<'_>, notes: &mut Notes) -> Option<Self> {
        let camera_id = fields.id(notes, &["camera_id"], CameraId::parse);
        if camera_id.is_none() && fields.get(&["camera_id"]).is_none() {
            notes.error(fields.place("camera_id"), "camera_id is missing");
        }
        let preset = |text: String| {
            let fits = (1..=100).contains(&text.chars().count());
            fits.then_some(text)
                .ok_or(model::IdError::Length { len: 0, limit: 100 })
        };
        let preset_id = fields.id(notes, &["preset_id"], preset);
        if preset_id.is_some() {
            let message = "the preset is kept, but not recalled by this version";
            notes.warn(fields.place("preset_id"), message);
        }
        Some(Self::ShowCamera {
            audio: fields.value(notes, &["audio"]),
            camera_id: camera_id?,
            preset_id,
        })
    }

    pub(crate) fn media_of(fields: &mut Fields<'_>, notes: &mut Notes) -> Option<Self> {
        let before = notes.errors.len();
        let asset = fields.asset(notes, &["media_url", "asset_id"]);
        let pattern: Option<Pattern> = fields.value(notes, &["pattern"]);
        let colour: Option<Colour> = fields.value(notes, &["color"]);
        let looping = fields.boolean(notes, &["loop"]).unwrap_or(false);
        let fit: Fit = fields.value(notes, &["fit"]).unwrap_or_default();
        let audio = fields.value(notes, &["audio"]);
        if notes.errors.len() > before {
            return None;
        }
        let source = match (asset, pattern, colour) {
            (Some(asset), None, None) => Source::Media {
                asset,
                looping,
                fit,
            },
            (None, Some(pattern), None) => Source::Pattern(pattern),
            (None, None, Some(colour)) => Source::Colour(colour),
            _ => {
                let message = "name one of media_url, asset_id, pattern and color";
                notes.error(fields.place("media_url"), message);
                return None;
            }
        };
        Some(Self::ShowMedia { source, audio })
    }

    pub(crate) fn overlay_of(fields: &mut Fields<'_>, notes: &mut Notes) -> Option<Self> {
        let before = notes.errors.len();
        let text = fields.text(notes, &["text"], 0..=TEXT_LIMIT);
        let image = fields.asset(notes, &["image_url", "asset_id", "image"]);
        let kind = fields.value(notes, &["type"]).or(match (&image, &text) {
            (Some(_), _) => Some(GraphicKind::Image),
            (None, Some(_)) => Some(GraphicKind::Text),
            (None, None) => None,
        });
        let graphic = Graphic {
            kind: kind.unwrap_or(GraphicKind::Text),
            position: fields.value(notes, &["position"]),
            x: fields.number(notes, &["x"], 0.0..=1.0),
            y: fields.number(notes, &["y"], 0.0..=1.0),
            width: fields.number(notes, &["width"], 0.0..=1.0),
            height: fields.number(notes, &["height"], 0.0..=1.0),
            scale: fields.number(notes, &["scale"], 0.05..=20.0).unwrap_or(1.0),
            opacity: fields.number(notes, &["opacity"], 0.0..=1.0).unwrap_or(1.0),
            font_size: fields.number(notes, &["font_size"], 8.0..=400.0),
            color: fields.value(notes, &["color"]),
            background: fields.value(notes, &["background"]),
            tokens: fields.value(notes, &["tokens"]).unwrap_or_default(),
            text,
            image,
        };
        let fade_in = fields.number(notes, &["fade_in"], 0.0..=600.0);
        let fade_out = fields.number(notes, &["fade_out"], 0.0..=600.0);
        let tokens = &graphic.tokens;
        let long = |text: &String| text.chars().count() > TEXT_LIMIT;
        if tokens.len() > TOKEN_LIMIT || tokens.iter().any(|(k, v)| long(k) || long(v)) {
            let message =
                format!("at most {TOKEN_LIMIT} tokens of at most {TEXT_LIMIT} characters");
            notes.error(fields.place("tokens"), message);
        }
        if notes.errors.len() > before {
            return None;
        }
        let wanting = match kind {
            None => Some(("type", "type is missing")),
            Some(GraphicKind::Text | GraphicKind::DynamicText) if graphic.text.is_none() => {
                Some(("text", "text is missing"))
            }
            Some(GraphicKind::Logo | GraphicKind::Image) if graphic.image.is_none() => {
                Some(("image_url", "image_url is missing"))
            }
            Some(GraphicKind::LowerThird) if graphic.text.is_none() && graphic.image.is_none() => {
                Some(("text", "a lower third needs a text or a picture"))
            }
            Some(_) => None,
        };
        if let Some((name, message)) = wanting {
            notes.error(fields.place(name), message);
            return None;
        }
        Some(Self::ShowOverlay {
            graphic,
            fade_in: fade_in.unwrap_or(0.0),
            fade_out: fade_out.unwrap_or(0.0),
        })
    }

    fn write(&self, params: &mut Map<String, Value>) {
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                params.insert(key.to_owned(), value);
            }
        };
        match self {
            Self::ShowCamera {
                camera_id,
                preset_id,
                audio,
            } => {
                put("camera_id", json!(camera_id));
                put("preset_id", json!(preset_id));
                put("audio", json!(audio));
            }
            Self::ShowMedia { source, audio } => {
                put("audio", json!(audio));
                match source {
                    Source::Media {
                        asset,
                        looping,
                        fit,
                    } => {
                        put("media_url", url(asset));
                        put("loop", json!(looping));
                        put("fit", json!(fit));
                    }
                    Source::Pattern(pattern) => put("pattern", json!(pattern)),
                    Source::Colour(colour) => put("color", json!(colour)),
                    Source::Camera(camera) => put("camera_id", json!(camera)),
                }
            }
            Self::ShowOverlay {
                graphic,
                fade_in,
                fade_out,
            } => {
                put("type", json!(graphic.kind));
                put("text", json!(graphic.text));
                put("image_url", graphic.image.as_ref().map_or(Value::Null, url));
                put("position", json!(graphic.position));
                let lengths = [
                    ("x", graphic.x),
                    ("y", graphic.y),
                    ("width", graphic.width),
                    ("height", graphic.height),
                    ("scale", Some(graphic.scale)),
                    ("opacity", Some(graphic.opacity)),
                    ("font_size", graphic.font_size),
                    ("fade_in", Some(*fade_in)),
                    ("fade_out", Some(*fade_out)),
                ];
                for (key, length) in lengths {
                    put(key, length.map_or(Value::Null, number));
                }
                put("color", json!(graphic.color));
                put("background", json!(graphic.background));
                if !graphic.tokens.is_empty() {
                    put("tokens", json!(graphic.tokens));
                }
            }
            Self::Other { .. } => {}
        }
    }
}

impl Cue {
    /// When it ends, in seconds.
    #[must_use]
    pub fn end_time(&self) -> f64 {
        self.start_time + self.duration
    }

    pub(crate) fn to_value(&self) -> Value {
        let mut params = self.params.clone();
        self.action.write(&mut params);
        let mut map = self.extra.clone();
        for (key, value) in [
            ("id", json!(self.id)),
            ("order", json!(self.order)),
            ("start_time", number(self.start_time)),
            ("duration", number(self.duration)),
            ("action", json!(self.action.name())),
            ("params", Value::Object(params)),
            ("transition_type", json!(self.transition)),
            ("transition_duration", number(self.transition_duration)),
        ] {
            map.insert(key.to_owned(), value);
        }
        Value::Object(map)
    }
}

/// A whole number is written as one: `60`, not `60.0`.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and far below the limit of i64"
        )]
        let whole = value as i64;
        json!(whole)
    } else {
        json!(value)
    }
}

fn url(asset: &AssetPath) -> Value {
    json!(format!("/assets/{}", asset.as_str()))
}
