//! Everything that a show may put on program, by number, and which camera stands in for which.
//!
//! Owns the numbering: the sources of the rundown come first, cameras that no cue names after them (a
//! camera's backup, or one that is put on program by hand). The director reads who stands in for whom
//! without a lock. Never opens anything.

use super::opening::sound;
use super::parts::Parts;
use ::program::Take;
use model::{AudioPolicy, CameraId, InputId, Shot, Source};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use timeline::Rundown;

/// Cameras that no cue names.
const EXTRA: usize = 1024;
/// Marks a place that is taken.
const SOME: u64 = 1 << 40;

/// What stands in for each source, written by the show's task and read by the director.
#[derive(Debug)]
pub(super) struct Standins {
    of: Box<[AtomicU64]>,
}

impl Standins {
    fn new(sources: usize) -> Self {
        Self {
            of: (0..sources).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Says who stands in for a source.
    pub(super) fn set(&self, source: usize, standin: Option<(InputId, AudioPolicy)>) {
        let number = standin.map_or(0, |(input, policy)| {
            let sound: u64 = match policy {
                AudioPolicy::Passthrough => 0,
                AudioPolicy::Silence => 1,
                AudioPolicy::Mix => 2,
            };
            SOME | (sound << 32) | u64::from(input.0)
        });
        if let Some(place) = self.of.get(source) {
            place.store(number, Ordering::Release);
        }
    }

    /// The camera that stands in for an input.
    pub(super) fn of(&self, input: InputId) -> Option<Take> {
        let place = self.of.get(source_of(input)?)?;
        let number = place.load(Ordering::Acquire);
        let input = InputId(u32::try_from(number & u64::from(u32::MAX)).ok()?);
        let audio = match (number >> 32) & 3 {
            0 => AudioPolicy::Passthrough,
            1 => AudioPolicy::Silence,
            _ => AudioPolicy::Mix,
        };
        (number & SOME != 0).then_some(Take {
            shot: Shot {
                input,
                origin: None,
            },
            audio,
            live: true,
        })
    }
}

/// The number of a source's input; that of a film's second input is the next one.
pub(super) fn number_of(source: usize) -> InputId {
    InputId(u32::try_from(source).unwrap_or(u32::MAX / 4) * 2)
}

/// The source that an input shows.
pub(super) fn source_of(input: InputId) -> Option<usize> {
    usize::try_from(input.0 / 2).ok()
}

/// The sources of one show.
#[derive(Debug)]
pub(super) struct Roster {
    sources: Vec<Source>,
    limit: usize,
    standins: Arc<Standins>,
}

impl Roster {
    pub(super) fn new(rundown: &Rundown) -> Self {
        let sources: Vec<Source> = rundown
            .sources()
            .iter()
            .map(|one| one.source.clone())
            .collect();
        let limit = sources.len() + EXTRA;
        Self {
            sources,
            limit,
            standins: Arc::new(Standins::new(limit)),
        }
    }

    /// The director's view of who stands in for whom.
    pub(super) fn standins(&self) -> Arc<Standins> {
        Arc::clone(&self.standins)
    }

    pub(super) fn source(&self, index: usize) -> Option<&Source> {
        self.sources.get(index)
    }

    /// What an input shows.
    pub(super) fn shown(&self, input: InputId) -> Option<&Source> {
        self.source(source_of(input)?)
    }

    /// The place of a camera; it gets one if it has none. `None` when there are too many.
    pub(super) fn camera(&mut self, id: &CameraId) -> Option<usize> {
        let is_it = |source: &Source| matches!(source, Source::Camera(camera) if camera == id);
        if let Some(known) = self.sources.iter().position(is_it) {
            return Some(known);
        }
        if self.sources.len() >= self.limit {
            return None;
        }
        self.sources.push(Source::Camera(id.clone()));
        Some(self.sources.len() - 1)
    }

    /// Takes over who stands in for whom from the cameras' settings as they are now.
    pub(super) fn follow(&mut self, parts: &Parts) {
        let mut index = 0;
        // Backups that are added here are looked at too: they may be on program by hand.
        while let Some(source) = self.sources.get(index) {
            let own = match source {
                Source::Camera(id) => parts.camera(id).and_then(|camera| camera.backup_camera_id),
                Source::Media { .. } | Source::Pattern(_) | Source::Colour(_) => None,
            };
            let active = |id: &CameraId| parts.camera(id).is_some_and(|camera| camera.is_active);
            let standin = own.filter(active).and_then(|id| {
                let policy = sound(parts, &Source::Camera(id.clone()));
                Some((number_of(self.camera(&id)?), policy))
            });
            self.standins.set(index, standin);
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_no_cue_names_keeps_its_number() {
        let document = br#"{"name":"r","duration":9,"tracks":[{"track_id":"v","type":"video","cues":[
            {"id":"a","start_time":0,"duration":9,"action":"show_camera","params":{"camera_id":1}}]}]}"#;
        let document = timeline::parse(document).unwrap();
        let rundown = timeline::compile(&document, model::FrameRate::THIRTY);
        let mut roster = Roster::new(&rundown);
        let camera = |text: &str| CameraId::parse(text).unwrap();
        let named = rundown.video()[0].source;
        assert_eq!(roster.camera(&camera("1")), Some(named));
        let extra = roster.camera(&camera("7")).unwrap();
        assert_eq!(extra, rundown.sources().len());
        assert_eq!(roster.camera(&camera("7")), Some(extra));
        let shown = roster.shown(number_of(extra));
        assert_eq!(shown, Some(&Source::Camera(camera("7"))));
    }

    #[test]
    fn who_stands_in_is_read_as_it_was_written() {
        let standins = Standins::new(3);
        assert_eq!(standins.of(number_of(1)), None);
        for policy in [
            AudioPolicy::Passthrough,
            AudioPolicy::Silence,
            AudioPolicy::Mix,
        ] {
            standins.set(1, Some((InputId(6), policy)));
            let take = standins.of(number_of(1)).unwrap();
            assert_eq!((take.shot.input, take.audio), (InputId(6), policy));
        }
        standins.set(1, None);
        assert_eq!(standins.of(number_of(1)), None);
        assert_eq!(standins.of(InputId(u32::MAX)), None);
    }
}
