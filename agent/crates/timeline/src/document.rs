//! A timeline as a document: the normalised form, and how it is written.
//!
//! Owns the shape that is stored and answered (contract §8, tracks as a list, ids as text). Reading is
//! `parse`'s, judging is `validate`'s.

use crate::action::{Action, Cue, number};
use crate::fields::Issue;
use crate::parse::parse_value;
use model::{
    AssetPath, CameraId, CueId, DestinationId, FrameRate, Pattern, Size, Source, TimelineId,
    TrackId,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// A timeline. Times are seconds.
///
/// Serialises to one shape whatever it was read from; fields that this version does not know are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Its id; `None` until it is stored.
    pub id: Option<TimelineId>,
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// A note, at most 500 characters.
    pub description: Option<String>,
    /// How long it is, above 0 and at most a day.
    pub duration: f64,
    /// The rate it was made for. It plays at the program's rate: its times are seconds.
    pub fps: FrameRate,
    /// The size it was made for.
    pub resolution: Size,
    /// Starts again at its end.
    pub looping: bool,
    /// Switched off timelines are not offered.
    pub is_active: bool,
    /// Counts the changes of the stored document.
    pub revision: u64,
    /// Where it is meant to be sent.
    pub destination_ids: Vec<DestinationId>,
    /// What is shown when a source is missing.
    pub fallback: Fallback,
    /// The tracks, in the order of the document.
    pub tracks: Vec<Track>,
    /// RFC 3339 UTC.
    pub created_at: Option<String>,
    /// RFC 3339 UTC.
    pub modified_at: Option<String>,
    /// What this version does not use, as it was sent.
    pub extra: Map<String, Value>,
    /// Warnings of the reading.
    pub(crate) notes: Vec<Issue>,
    /// Where it stands in what was sent.
    pub(crate) at: String,
}

/// What is shown when a source is missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fallback {
    /// A picture; the shipped "technical difficulties" where there is none.
    pub picture: Option<FallbackPicture>,
    /// A camera that stands in.
    pub backup_camera_id: Option<CameraId>,
    /// What this version does not use, as it was sent.
    pub extra: Map<String, Value>,
    /// Where it stands in what was sent.
    pub(crate) at: String,
}

/// A picture for gaps and lost sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FallbackPicture {
    /// A shipped picture, named by its file name in whatever folder
    /// (`/assets/technical_difficulties.png`).
    Pattern(Pattern),
    /// A file below the assets folder.
    Asset(AssetPath),
}

impl Fallback {
    /// The picture as a source.
    #[must_use]
    pub fn source(&self) -> Source {
        match &self.picture {
            None => Source::Pattern(Pattern::default()),
            Some(FallbackPicture::Pattern(pattern)) => Source::Pattern(*pattern),
            Some(FallbackPicture::Asset(asset)) => Source::Media {
                asset: asset.clone(),
                looping: true,
                fit: model::Fit::default(),
            },
        }
    }
}

impl FallbackPicture {
    /// Reads a shipped picture's name, with or without folder and ending, or an asset's path.
    pub(crate) fn parse(text: &str) -> Result<Self, model::IdError> {
        let asset = AssetPath::parse(text)?;
        let file = asset.as_str().rsplit('/').next().unwrap_or_default();
        let stem = file.split('.').next().unwrap_or_default();
        let shipped = Pattern::ALL.into_iter().find(|p| p.name() == stem);
        Ok(shipped.map_or(Self::Asset(asset), Self::Pattern))
    }

    fn written(&self) -> String {
        match self {
            Self::Pattern(pattern) => format!("/assets/{}.png", pattern.name()),
            Self::Asset(asset) => format!("/assets/{}", asset.as_str()),
        }
    }
}

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// Sources, one at a time.
    Video,
    /// Graphics over the video.
    Overlay,
    /// Kept, not played by this version.
    Audio,
    /// Kept, not carried out by this version.
    Control,
}

/// A track: cues one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Its id, unique in the timeline.
    pub id: TrackId,
    /// What it carries.
    pub kind: TrackKind,
    /// What people call it.
    pub name: Option<String>,
    /// Order of overlay tracks: 1 is at the bottom, higher is on top.
    pub layer: i32,
    /// Switched off tracks are kept and not played.
    pub is_enabled: bool,
    /// Its cues, in the order of the document.
    pub cues: Vec<Cue>,
    /// What this version does not use, as it was sent.
    pub extra: Map<String, Value>,
    /// Where it stands in what was sent.
    pub(crate) at: String,
}

impl Timeline {
    /// The cue of that id, with its track.
    #[must_use]
    pub fn cue(&self, id: &CueId) -> Option<(&Track, &Cue)> {
        self.cues().find(|(_, cue)| cue.id == *id)
    }

    /// Every cue with its track, in the order of the document.
    pub fn cues(&self) -> impl Iterator<Item = (&Track, &Cue)> {
        self.tracks
            .iter()
            .flat_map(|track| track.cues.iter().map(move |cue| (track, cue)))
    }

    /// The cameras it names, each once, the backup camera among them.
    #[must_use]
    pub fn cameras(&self) -> Vec<CameraId> {
        let mut all: Vec<_> = self
            .cues()
            .filter_map(|(_, cue)| cue.action.camera())
            .collect();
        all.extend(self.fallback.backup_camera_id.as_ref());
        distinct(all)
    }

    /// The files it names, each once, the fallback picture among them.
    #[must_use]
    pub fn assets(&self) -> Vec<AssetPath> {
        let mut all: Vec<_> = self
            .cues()
            .filter_map(|(_, cue)| cue.action.asset())
            .collect();
        if let Some(FallbackPicture::Asset(asset)) = &self.fallback.picture {
            all.push(asset);
        }
        distinct(all)
    }

    /// The document in its one normalised shape.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut map = self.extra.clone();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                map.insert(key.to_owned(), value);
            }
        };
        put("id", json!(self.id));
        put("name", json!(self.name));
        put("description", json!(self.description));
        put("duration", number(self.duration));
        put("fps", number((self.fps.as_f64() * 1000.0).round() / 1000.0));
        put("resolution", json!(self.resolution));
        put("loop", json!(self.looping));
        put("is_active", json!(self.is_active));
        put("revision", json!(self.revision));
        put("destination_ids", json!(self.destination_ids));
        let picture = self.fallback.picture.as_ref();
        let mut fallback = self.fallback.extra.clone();
        if let Some(picture) = picture {
            fallback.insert("test_pattern".to_owned(), json!(picture.written()));
        }
        if let Some(camera) = &self.fallback.backup_camera_id {
            fallback.insert("backup_camera_id".to_owned(), json!(camera));
        }
        if !fallback.is_empty() {
            put("fallback", Value::Object(fallback));
        }
        put("created_at", json!(self.created_at));
        put("modified_at", json!(self.modified_at));
        put("tracks", self.tracks.iter().map(Track::to_value).collect());
        Value::Object(map)
    }
}

impl Track {
    fn to_value(&self) -> Value {
        let mut map = self.extra.clone();
        map.insert("track_id".to_owned(), json!(self.id));
        map.insert("type".to_owned(), json!(self.kind));
        if let Some(name) = &self.name {
            map.insert("name".to_owned(), json!(name));
        }
        map.insert("layer".to_owned(), json!(self.layer));
        map.insert("is_enabled".to_owned(), json!(self.is_enabled));
        let cues = self.cues.iter().map(Cue::to_value).collect();
        map.insert("cues".to_owned(), cues);
        Value::Object(map)
    }
}

impl Action {
    /// The camera it names.
    #[must_use]
    pub const fn camera(&self) -> Option<&CameraId> {
        match self {
            Self::ShowCamera { camera_id, .. } => Some(camera_id),
            Self::ShowMedia { .. } | Self::ShowOverlay { .. } | Self::Other { .. } => None,
        }
    }

    /// The file it names.
    #[must_use]
    pub const fn asset(&self) -> Option<&AssetPath> {
        match self {
            Self::ShowMedia {
                source: Source::Media { asset, .. },
                ..
            } => Some(asset),
            Self::ShowOverlay { graphic, .. } => graphic.image.as_ref(),
            Self::ShowCamera { .. } | Self::ShowMedia { .. } | Self::Other { .. } => None,
        }
    }
}

fn distinct<T: Clone + Eq + std::hash::Hash>(all: Vec<&T>) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    all.into_iter()
        .filter(|one| seen.insert(*one))
        .cloned()
        .collect()
}

impl Serialize for Timeline {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Timeline {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parse_value(&Value::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}
