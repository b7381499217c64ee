//! Reads a timeline document in any accepted shape.
//!
//! Owns the shapes: the wrapper `{"timeline": …}`, tracks as a list or as `{video, overlays}`, field
//! names of earlier appliances, and every limit of size and range. Lists all faults at once. Whether
//! the cues make sense together is `validate`'s business.

use crate::action::{Action, Cue, TransitionType};
use crate::document::{Fallback, FallbackPicture, Timeline, Track, TrackKind};
use crate::fields::{Fields, Issue, Notes, id_of, quote, step, summary};
use model::{CameraId, CueId, DestinationId, FrameRate, Size, TimelineId, TrackId};
use protocol::{Code, HasCode};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Longest timeline and latest cue, in seconds: one day.
pub const DURATION_LIMIT: f64 = 86_400.0;

const SHORTEST: f64 = 0.001;
const BYTE_LIMIT: usize = 1 << 20;
const TRACK_LIMIT: usize = 64;
const CUE_LIMIT: usize = 4096;
const DESTINATION_LIMIT: usize = 64;
/// What a fade lasts when nothing is said, in seconds.
const DEFAULT_TRANSITION: f64 = 1.0;

/// Why a document is no timeline.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    /// Not JSON at all, or nested too deeply.
    #[error("the timeline is not well-formed JSON")]
    Malformed(#[source] serde_json::Error),
    /// More bytes than a timeline may have.
    #[error("a timeline has at most {BYTE_LIMIT} bytes, this one has {0}")]
    TooLarge(usize),
    /// Faults, each with its place; never empty.
    #[error("{}", summary(.0))]
    Invalid(Vec<Issue>),
}

impl HasCode for TimelineError {
    fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::Malformed,
            Self::TooLarge(_) => Code::TooLarge,
            Self::Invalid(_) => Code::TimelineInvalid,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Malformed(_) | Self::TooLarge(_) => None,
            Self::Invalid(issues) => issues.first().map(|issue| issue.pointer.clone()),
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::Malformed(error) => Some(json!({ "reason": error.to_string() })),
            Self::TooLarge(_) => None,
            Self::Invalid(issues) => Some(json!({ "errors": issues })),
        }
    }
}

/// Reads a timeline from the bytes of a JSON document.
///
/// # Errors
/// [`TimelineError`] with every fault and its JSON pointer.
pub fn parse(bytes: &[u8]) -> Result<Timeline, TimelineError> {
    if bytes.len() > BYTE_LIMIT {
        return Err(TimelineError::TooLarge(bytes.len()));
    }
    parse_value(&serde_json::from_slice(bytes).map_err(TimelineError::Malformed)?)
}

/// Reads a timeline from a JSON value.
///
/// # Errors
/// [`TimelineError::Invalid`] with every fault and its JSON pointer.
pub fn parse_value(document: &Value) -> Result<Timeline, TimelineError> {
    let mut notes = Notes::default();
    let (root, at) = match document.get("timeline") {
        Some(inner) => (inner, "/timeline".to_owned()),
        None => (document, String::new()),
    };
    let read = Fields::of(root, at, &mut notes).and_then(|fields| timeline(fields, &mut notes));
    match read {
        Some(mut timeline) if notes.errors.is_empty() => {
            timeline.notes = std::mem::take(&mut notes.warnings);
            Ok(timeline)
        }
        _ => Err(TimelineError::Invalid(notes.into_errors())),
    }
}

fn missing(fields: &mut Fields<'_>, notes: &mut Notes, name: &'static str) {
    if fields.get(&[name]).is_none() {
        notes.error(fields.place(name), format!("{name} is missing"));
    }
}

fn timeline(mut fields: Fields<'_>, notes: &mut Notes) -> Option<Timeline> {
    let at = fields.at().to_owned();
    let id = fields.id(notes, &["id"], TimelineId::parse);
    missing(&mut fields, notes, "name");
    let name = fields.text(notes, &["name"], 1..=100);
    let description = fields.text(notes, &["description"], 0..=500);
    missing(&mut fields, notes, "duration");
    let duration = fields.number(notes, &["duration"], SHORTEST..=DURATION_LIMIT);
    let fps = fields.number(notes, &["fps"], 1.0..=60.0).unwrap_or(30.0);
    let fps = FrameRate::from_decimal(fps).unwrap_or(FrameRate::THIRTY);
    let resolution: Option<Size> = fields.value(notes, &["resolution"]);
    let looping = fields.boolean(notes, &["loop", "looping"]);
    let is_active = fields.boolean(notes, &["is_active"]);
    let revision = fields.integer(notes, &["revision"], 0..=i64::MAX);
    let created_at = fields.text(notes, &["created_at"], 0..=64);
    let modified_at = fields.text(notes, &["modified_at", "updated_at"], 0..=64);
    let destination_ids = destinations(&mut fields, notes);
    let fallback = fallback(&mut fields, notes);
    let tracks = tracks(&mut fields, notes);
    let mut kept = Map::new();
    for name in ["broadcast", "created_by"] {
        if let Some((name, value)) = fields.get(&[name]) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    // Written again, it would be taken for the document.
    if fields.get(&["timeline"]).is_some() {
        notes.error(fields.place("timeline"), "a timeline holds no other");
    }
    let mut extra = fields.rest(notes);
    extra.append(&mut kept);
    Some(Timeline {
        id,
        name: name?,
        description,
        duration: duration?,
        fps,
        resolution: resolution.unwrap_or(Size::HD),
        looping: looping.unwrap_or(false),
        is_active: is_active.unwrap_or(true),
        revision: revision.and_then(|r| u64::try_from(r).ok()).unwrap_or(0),
        destination_ids,
        fallback,
        tracks,
        created_at,
        modified_at,
        extra,
        notes: Vec::new(),
        at,
    })
}

fn destinations(fields: &mut Fields<'_>, notes: &mut Notes) -> Vec<DestinationId> {
    let Some((name, list)) = fields.list(notes, &["destination_ids"], DESTINATION_LIMIT) else {
        return Vec::new();
    };
    let at = fields.place(name);
    let read = |(index, value): (usize, &Value)| {
        let place = step(&at, &index.to_string());
        id_of(
            value,
            "a destination's id",
            place,
            notes,
            DestinationId::parse,
        )
    };
    let mut ids: Vec<DestinationId> = list.iter().enumerate().filter_map(read).collect();
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    ids
}

fn fallback(fields: &mut Fields<'_>, notes: &mut Notes) -> Fallback {
    let none = Fallback::default();
    let Some((name, value)) = fields.get(&["fallback"]) else {
        return none;
    };
    let Some(mut inner) = Fields::of(value, fields.place(name), notes) else {
        return none;
    };
    let picture = inner.id(notes, &["test_pattern"], |text| {
        FallbackPicture::parse(&text)
    });
    Fallback {
        picture,
        backup_camera_id: inner.id(notes, &["backup_camera_id"], CameraId::parse),
        at: inner.at().to_owned(),
        extra: inner.rest(notes),
    }
}

/// A track as it was sent, its place, and the kind that the place says.
type Placed<'a> = (&'a Value, String, Option<TrackKind>);

/// One track, or a list of them.
fn spread<'a>(value: &'a Value, at: &str, kind: Option<TrackKind>, found: &mut Vec<Placed<'a>>) {
    match value {
        Value::Array(list) => {
            for (index, one) in list.iter().enumerate().take(TRACK_LIMIT + 1) {
                found.push((one, step(at, &index.to_string()), kind));
            }
        }
        one => found.push((one, at.to_owned(), kind)),
    }
}

/// The tracks of `{video, overlays, …}` or of a list, with the kind that their place says.
fn tracks(fields: &mut Fields<'_>, notes: &mut Notes) -> Vec<Track> {
    let Some((name, value)) = fields.get(&["tracks"]) else {
        notes.error(fields.place("tracks"), "tracks is missing");
        return Vec::new();
    };
    let at = fields.place(name);
    let mut found: Vec<Placed<'_>> = Vec::new();
    match value {
        Value::Array(_) => spread(value, &at, None, &mut found),
        Value::Object(_) => {
            let Some(mut groups) = Fields::of(value, at.clone(), notes) else {
                return Vec::new();
            };
            for (name, kind) in [
                ("video", TrackKind::Video),
                ("overlays", TrackKind::Overlay),
                ("overlay", TrackKind::Overlay),
                ("audio", TrackKind::Audio),
                ("control", TrackKind::Control),
            ] {
                if let Some((name, value)) = groups.get(&[name]) {
                    spread(value, &groups.place(name), Some(kind), &mut found);
                }
            }
            for key in groups.rest(&mut Notes::default()).keys() {
                let message = format!(
                    "tracks are video, overlays, audio and control, not {}",
                    quote(key)
                );
                notes.error(step(&at, key), message);
            }
        }
        _ => notes.error(
            &at,
            "tracks must be a list, or an object with video and overlays",
        ),
    }
    if found.len() > TRACK_LIMIT {
        notes.error(&at, format!("a timeline has at most {TRACK_LIMIT} tracks"));
        return Vec::new();
    }
    let mut room = CUE_LIMIT;
    let mut tracks = Vec::with_capacity(found.len());
    for (number, (value, at, kind)) in found.into_iter().enumerate() {
        let read = Fields::of(value, at, notes);
        tracks.extend(read.and_then(|fields| track(fields, notes, number, kind, &mut room)));
    }
    tracks
}

fn track(
    mut fields: Fields<'_>,
    notes: &mut Notes,
    number: usize,
    placed: Option<TrackKind>,
    room: &mut usize,
) -> Option<Track> {
    let at = fields.at().to_owned();
    let id = fields.id(notes, &["track_id", "id"], TrackId::parse);
    let id = id.or_else(|| TrackId::parse(format!("track_{}", number + 1)).ok());
    let said: Option<TrackKind> = fields.value(notes, &["type", "track_type"]);
    let kind = said.or(placed).unwrap_or_else(|| {
        notes.error(fields.place("type"), "type is missing");
        TrackKind::Control
    });
    if placed.is_some_and(|placed| placed != kind) {
        let message = "the track's type contradicts the place where it stands";
        notes.error(fields.place("type"), message);
    }
    let name = fields.text(notes, &["name", "track_name"], 0..=100);
    let layer = fields.integer(notes, &["layer"], -1000..=1000).unwrap_or(1);
    let is_enabled = fields.boolean(notes, &["is_enabled", "enabled"]);
    let mut cues = Vec::new();
    if let Some((name, list)) = fields.list(notes, &["cues"], CUE_LIMIT) {
        if list.len() > *room {
            let message = format!("a timeline has at most {CUE_LIMIT} cues");
            notes.error(fields.place(name), message);
            return None;
        }
        *room -= list.len();
        let at = fields.place(name);
        for (index, value) in list.iter().enumerate() {
            let read = Fields::of(value, step(&at, &index.to_string()), notes);
            cues.extend(read.and_then(|fields| cue(fields, notes, kind, (number, index))));
        }
    }
    Some(Track {
        id: id?,
        kind,
        name,
        layer: i32::try_from(layer).unwrap_or(1),
        is_enabled: is_enabled.unwrap_or(true),
        cues,
        extra: fields.rest(notes),
        at,
    })
}

fn cue(
    mut fields: Fields<'_>,
    notes: &mut Notes,
    kind: TrackKind,
    (track, index): (usize, usize),
) -> Option<Cue> {
    let at = fields.at().to_owned();
    let id = fields.id(notes, &["id", "cue_id"], CueId::parse);
    let id = id.or_else(|| CueId::parse(format!("cue_{}_{}", track + 1, index + 1)).ok());
    let order = fields.integer(notes, &["order", "cue_order"], i64::MIN..=i64::MAX);
    missing(&mut fields, notes, "start_time");
    let start_time = fields.number(notes, &["start_time"], 0.0..=DURATION_LIMIT);
    missing(&mut fields, notes, "duration");
    let duration = fields.number(notes, &["duration"], SHORTEST..=DURATION_LIMIT);
    let name = fields.text(notes, &["action", "action_type"], 1..=64);
    let nothing = Map::new();
    let mut params = match fields.get(&["params", "action_params"]) {
        Some((name, value)) => Fields::of(value, fields.place(name), notes)?,
        None => Fields::absent(&nothing, fields.place("params")),
    };
    let (transition, transition_duration) = entry(&mut fields, &mut params, notes);
    let Some(name) = name else {
        missing(&mut fields, notes, "action");
        return None;
    };
    let (action, params) = match (kind, name.as_str()) {
        (TrackKind::Video, "show_camera") => {
            (Action::camera_of(&mut params, notes)?, params.rest(notes))
        }
        (TrackKind::Video, "show_media") => {
            (Action::media_of(&mut params, notes)?, params.rest(notes))
        }
        (TrackKind::Overlay, "show_overlay") => {
            (Action::overlay_of(&mut params, notes)?, params.rest(notes))
        }
        (TrackKind::Video, _) => {
            let message = format!(
                "a video track takes show_camera and show_media, not {}",
                quote(&name)
            );
            notes.error(fields.place("action"), message);
            return None;
        }
        (TrackKind::Overlay, _) => {
            let message = format!("an overlay track takes show_overlay, not {}", quote(&name));
            notes.error(fields.place("action"), message);
            return None;
        }
        (TrackKind::Audio | TrackKind::Control, _) => {
            let message = format!("{} is kept, but not used by this version", quote(&name));
            notes.warn(&at, message);
            (Action::Other { name }, params.rest(&mut Notes::default()))
        }
    };
    Some(Cue {
        id: id?,
        order: order.unwrap_or_else(|| i64::try_from(index).unwrap_or(0)),
        start_time: start_time?,
        duration: duration?,
        action,
        transition,
        transition_duration,
        params,
        extra: fields.rest(notes),
        at,
    })
}

/// How the cue is entered: what its parameters say, else what the cue itself says, else a cut.
fn entry(
    cue: &mut Fields<'_>,
    params: &mut Fields<'_>,
    notes: &mut Notes,
) -> (TransitionType, f64) {
    let outer: Option<TransitionType> = cue.value(notes, &["transition_type", "transition"]);
    let inner: Option<TransitionType> = params.value(notes, &["transition"]);
    let other: Option<TransitionType> = params.value(notes, &["transition_type"]);
    let kind = inner.or(other).or(outer).unwrap_or_default();
    let limits = 0.0..=DURATION_LIMIT;
    let outer = cue.number(notes, &["transition_duration"], limits.clone());
    let inner = params.number(notes, &["transition_duration"], limits);
    let said = inner.or(outer).filter(|seconds| *seconds > 0.0);
    match kind {
        TransitionType::Cut => (kind, 0.0),
        TransitionType::Fade | TransitionType::Dissolve | TransitionType::Wipe => {
            (kind, said.unwrap_or(DEFAULT_TRANSITION))
        }
    }
}
