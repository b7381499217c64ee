//! Whether a timeline makes sense: its cues among each other, and what it names.
//!
//! Owns the list of faults and warnings with their places. What cannot even be read is refused by
//! `parse`; nothing here changes a timeline.

use crate::action::{Action, Cue};
use crate::document::{FallbackPicture, Timeline, Track, TrackKind};
use crate::fields::{Issue, Notes, quote, step, summary};
use crate::rundown::micros;
use model::{AssetPath, CameraId, DestinationId, MAX_GRAPHICS};
use protocol::{Code, HasCode};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// Times closer than this are the same, in seconds: documents add up decimals.
const CLOSE: f64 = 0.001;

/// What exists outside the document.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The cameras there are.
    pub cameras: HashSet<CameraId>,
    /// Of the files in [`Timeline::assets`], those that are there.
    pub assets: HashSet<AssetPath>,
    /// The destinations there are.
    pub destinations: HashSet<DestinationId>,
}

/// What is wrong with a timeline, in the order of the document's parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, thiserror::Error)]
#[error("{}", summary(.errors))]
pub struct Report {
    /// Faults: it cannot be played as it is meant.
    pub errors: Vec<Issue>,
    /// What is played otherwise than it is written, or not at all.
    pub warnings: Vec<Issue>,
}

impl Report {
    /// Whether there is no fault.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// Whether the document is sound in itself: faults are only things that it names and that are not
    /// there (yet).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.errors
            .iter()
            .all(|issue| issue.code != Code::TimelineInvalid)
    }

    /// The warnings of a timeline without fault; else the report itself, as an error.
    ///
    /// # Errors
    /// The report, when it has a fault.
    pub fn into_result(self) -> Result<Vec<Issue>, Self> {
        if self.is_valid() {
            Ok(self.warnings)
        } else {
            Err(self)
        }
    }
}

impl HasCode for Report {
    /// The one code that all faults share, else `TIMELINE_INVALID`.
    fn code(&self) -> Code {
        let code = self
            .errors
            .first()
            .map_or(Code::TimelineInvalid, |first| first.code);
        if self.errors.iter().all(|issue| issue.code == code) {
            code
        } else {
            Code::TimelineInvalid
        }
    }

    fn field(&self) -> Option<String> {
        self.errors.first().map(|issue| issue.pointer.clone())
    }

    fn details(&self) -> Option<Value> {
        Some(json!({ "errors": self.errors, "warnings": self.warnings }))
    }
}

/// Judges a timeline that could be read.
#[must_use]
pub fn validate(timeline: &Timeline, known: &Known) -> Report {
    let mut notes = Notes::default();
    notes.warnings.clone_from(&timeline.notes);
    ids(timeline, &mut notes);
    video_tracks(timeline, &mut notes);
    for track in timeline.tracks.iter().filter(|track| track.is_enabled) {
        match track.kind {
            TrackKind::Video => {
                sequence(timeline, track, &mut notes);
                transitions(timeline, track, &mut notes);
            }
            TrackKind::Overlay => {
                sequence(timeline, track, &mut notes);
                graphics(track, &mut notes);
            }
            TrackKind::Audio | TrackKind::Control => {}
        }
    }
    crowd(timeline, &mut notes);
    references(timeline, known, &mut notes);
    let warnings = std::mem::take(&mut notes.warnings);
    Report {
        errors: notes.into_errors(),
        warnings,
    }
}

fn ids(timeline: &Timeline, notes: &mut Notes) {
    let mut tracks = HashMap::new();
    let mut cues = HashMap::new();
    for track in &timeline.tracks {
        if let Some(first) = tracks.insert(&track.id, &track.at) {
            let message = format!(
                "track id {} stands at {first} already",
                quote(track.id.as_str())
            );
            notes.error(step(&track.at, "track_id"), message);
        }
    }
    for (_, cue) in timeline.cues() {
        if let Some(first) = cues.insert(&cue.id, &cue.at) {
            let message = format!(
                "cue id {} stands at {first} already",
                quote(cue.id.as_str())
            );
            notes.error(step(&cue.at, "id"), message);
        }
    }
}

fn video_tracks(timeline: &Timeline, notes: &mut Notes) {
    let playing = |track: &&Track| track.is_enabled && track.kind == TrackKind::Video;
    let mut playing = timeline.tracks.iter().filter(playing);
    match playing.next() {
        None => {
            let message = "there is no video track: the fallback picture is shown throughout";
            notes.warn(step(&timeline.at, "tracks"), message);
        }
        Some(track) if track.cues.is_empty() => {
            let message = "the video track is empty: the fallback picture is shown throughout";
            notes.warn(&track.at, message);
        }
        Some(track) => {
            let starts = track.cues.iter().map(|cue| cue.start_time);
            if starts.fold(f64::INFINITY, f64::min) > CLOSE {
                let message = "no cue begins at 0: the fallback picture is shown first";
                notes.warn(&track.at, message);
            }
        }
    }
    for second in playing {
        let message = "a second video track is enabled; only one can be";
        notes.error(step(&second.at, "is_enabled"), message);
    }
}

fn by_start(track: &Track) -> Vec<&Cue> {
    let mut cues: Vec<&Cue> = track.cues.iter().collect();
    cues.sort_by(|a, b| a.start_time.total_cmp(&b.start_time));
    cues
}

/// Overlaps, and cues that reach beyond the end or are too short to be seen.
fn sequence(timeline: &Timeline, track: &Track, notes: &mut Notes) {
    let cues = by_start(track);
    let mut latest: Option<&Cue> = None;
    for cue in cues {
        let place = step(&cue.at, "start_time");
        if let Some(before) = latest.filter(|b| b.end_time() > cue.start_time + CLOSE) {
            let message = format!(
                "the cue begins at {} s, before cue {} ends at {} s",
                cue.start_time,
                quote(before.id.as_str()),
                before.end_time()
            );
            match track.kind {
                TrackKind::Video => notes.error(&place, message),
                TrackKind::Overlay | TrackKind::Audio | TrackKind::Control => {
                    notes.warn(&place, message);
                }
            }
        }
        if latest.is_none_or(|before| before.end_time() < cue.end_time()) {
            latest = Some(cue);
        }
        let fps = timeline.fps.as_f64();
        let (begins, passes) = (
            (cue.start_time * fps + CLOSE).round(),
            (timeline.duration * fps + CLOSE).floor(),
        );
        if cue.start_time >= timeline.duration {
            let message = format!(
                "the cue begins after the timeline's end at {} s and is never shown",
                timeline.duration
            );
            notes.warn(&place, message);
        } else if timeline.looping && begins >= passes {
            let message =
                "the cue begins so late that not every pass has a frame for it, and is never shown";
            notes.warn(&place, message);
        } else if cue.end_time() > timeline.duration + CLOSE {
            let message = format!(
                "the cue ends at {} s, after the timeline's end at {} s, and is cut short",
                cue.end_time(),
                timeline.duration
            );
            notes.warn(step(&cue.at, "duration"), message);
        }
        if cue.duration * timeline.fps.as_f64() < 1.0 - CLOSE {
            let message = "the cue is shorter than a frame";
            notes.warn(step(&cue.at, "duration"), message);
        }
    }
}

fn transitions(timeline: &Timeline, track: &Track, notes: &mut Notes) {
    let cues = by_start(track);
    let mut before = cues.last().copied().filter(|_| timeline.looping);
    for cue in cues {
        let lengths = cue
            .duration
            .min(before.map_or(cue.duration, |b| b.duration));
        let most = lengths / 2.0;
        let picture = cue.transition.picture();
        if picture.is_some() && micros(cue.transition_duration) > micros(most) {
            let message = format!(
                "a transition takes at most half of the shorter cue beside it: {most} s here"
            );
            notes.warn(step(&cue.at, "transition_duration"), message);
        }
        before = Some(cue);
    }
}

fn graphics(track: &Track, notes: &mut Notes) {
    for cue in &track.cues {
        let Action::ShowOverlay {
            graphic,
            fade_in,
            fade_out,
        } = &cue.action
        else {
            continue;
        };
        if fade_in + fade_out > cue.duration + CLOSE {
            let message = "the fades are longer than the cue and are shortened in proportion";
            notes.warn(step(&cue.at, "params"), message);
        }
        let blank = graphic
            .text
            .as_ref()
            .is_none_or(|text| text.trim().is_empty());
        if blank && graphic.image.is_none() {
            let message = "the text is empty: nothing is shown";
            notes.warn(step(&step(&cue.at, "params"), "text"), message);
        }
    }
}

/// More graphics at once than the mixer takes.
fn crowd(timeline: &Timeline, notes: &mut Notes) {
    let mut changes = Vec::new();
    for (track, cue) in timeline.cues() {
        if track.is_enabled && track.kind == TrackKind::Overlay {
            changes.push((micros(cue.start_time), 1_i32, cue));
            changes.push((micros(cue.end_time()), -1, cue));
        }
    }
    changes.sort_by_key(|(time, change, _)| (*time, *change));
    let most = i32::try_from(MAX_GRAPHICS).unwrap_or(i32::MAX);
    let mut count = 0;
    for (_, change, cue) in changes {
        count += change;
        if count > most {
            let message = format!(
                "more than {MAX_GRAPHICS} graphics at once: only the topmost {MAX_GRAPHICS} are shown"
            );
            notes.warn(step(&cue.at, "start_time"), message);
            return;
        }
    }
}

fn references(timeline: &Timeline, known: &Known, notes: &mut Notes) {
    let no_camera = |camera: &CameraId| format!("there is no camera {camera}");
    for (_, cue) in timeline.cues() {
        let params = step(&cue.at, "params");
        if let Some(camera) = cue.action.camera()
            && !known.cameras.contains(camera)
        {
            let place = step(&params, "camera_id");
            notes.refuse(Code::CameraNotFound, place, no_camera(camera));
        }
        if let Some(asset) = cue.action.asset()
            && !known.assets.contains(asset)
        {
            let message = format!("{} is not in the assets folder", quote(asset.as_str()));
            notes.refuse(Code::AssetMissing, params, message);
        }
    }
    let fallback = &timeline.fallback;
    if let Some(camera) = &fallback.backup_camera_id
        && !known.cameras.contains(camera)
    {
        let place = step(&fallback.at, "backup_camera_id");
        notes.refuse(Code::CameraNotFound, place, no_camera(camera));
    }
    if let Some(FallbackPicture::Asset(asset)) = &fallback.picture
        && !known.assets.contains(asset)
    {
        let message = format!(
            "{} is not in the assets folder; the shipped picture is shown instead",
            quote(asset.as_str())
        );
        notes.warn(step(&fallback.at, "test_pattern"), message);
    }
    for (index, destination) in timeline.destination_ids.iter().enumerate() {
        if !known.destinations.contains(destination) {
            let list = step(&timeline.at, "destination_ids");
            let message = format!("there is no destination {destination}");
            let place = step(&list, &index.to_string());
            notes.refuse(Code::DestinationNotFound, place, message);
        }
    }
}
