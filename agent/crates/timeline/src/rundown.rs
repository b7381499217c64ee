//! A timeline in program frames, ready to be played.
//!
//! Owns the conversion of seconds to frames and everything that depends on a cue's neighbours. What is
//! due at a position is `look`'s business.

use crate::action::{Action, Cue};
use crate::document::{Timeline, Track, TrackKind};
use crate::transport::{Position, TransportError};
use model::{AudioPolicy, CameraId, CueId, FrameRate, Graphic, Source, TimelineId, Transition};
use std::collections::HashMap;

const MICROS: u128 = 1_000_000;

/// A compiled timeline. Cheap to ask, never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rundown {
    pub(crate) timeline: Option<TimelineId>,
    pub(crate) rate: FrameRate,
    /// Length of one pass in microseconds, at least one frame.
    pub(crate) length_us: u64,
    pub(crate) looping: bool,
    pub(crate) sources: Vec<SourceUse>,
    /// By start.
    pub(crate) video: Vec<VideoCue>,
    /// Bottom first.
    pub(crate) graphics: Vec<GraphicCue>,
    pub(crate) fallback: usize,
    pub(crate) backup: Option<usize>,
}

/// One input that the rundown needs.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceUse {
    /// What it shows.
    pub source: Source,
    /// What becomes of its sound, where one of its cues says so; else the camera's own setting, and
    /// for files passthrough. Each cue's own word is in [`VideoCue::audio`].
    pub audio: Option<AudioPolicy>,
    /// A film: its time 0 is due at the first frame of its cue, and it needs an input of its own for
    /// every cue. Otherwise (cameras, still pictures, patterns, colours) one input serves all cues.
    pub paced: bool,
}

/// A cue of the video track, in program frames from the start of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoCue {
    /// Its id.
    pub id: CueId,
    /// Its first frame.
    pub start: u64,
    /// The frame after its last one. The source stays on program until the next cue begins.
    pub end: u64,
    /// Index into [`Rundown::sources`].
    pub source: usize,
    /// What becomes of its sound; the camera's own setting where there is none.
    pub audio: Option<AudioPolicy>,
    /// How it is entered and over how many frames; `None` is a cut. Already clamped.
    pub transition: Option<(Transition, u64)>,
}

/// A cue of an overlay track, in program frames from the start of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphicCue {
    /// Its id.
    pub id: CueId,
    /// Its first frame.
    pub start: u64,
    /// The frame after its last one.
    pub end: u64,
    /// Its track's layer; higher is on top.
    pub z: i32,
    /// What is rendered.
    pub graphic: Graphic,
    /// Over how many frames it appears.
    pub fade_in: u64,
    /// Over how many frames it vanishes.
    pub fade_out: u64,
}

/// Compiles a timeline for a program of that rate. Never fails: what [`crate::validate`] calls a fault
/// is played in the least surprising way (the later of two overlapping cues wins, a cue beyond the end
/// never comes, only the first enabled video track is played).
#[must_use]
pub fn compile(timeline: &Timeline, rate: FrameRate) -> Rundown {
    let mut rundown = Rundown {
        timeline: timeline.id.clone(),
        rate,
        length_us: micros(timeline.duration),
        looping: timeline.looping,
        sources: Vec::new(),
        video: Vec::new(),
        graphics: Vec::new(),
        fallback: 0,
        backup: None,
    };
    let one_frame = (MICROS * u128::from(rate.den())).div_ceil(u128::from(rate.num()));
    let least = u64::try_from(one_frame).unwrap_or(u64::MAX);
    rundown.length_us = rundown.length_us.max(least);
    let mut shared = HashMap::new();
    let fallback = (timeline.fallback.source(), None);
    rundown.fallback = rundown.source(&mut shared, fallback);
    if let Some(camera) = &timeline.fallback.backup_camera_id {
        let backup = (Source::Camera(camera.clone()), None);
        rundown.backup = Some(rundown.source(&mut shared, backup));
    }
    let playing = |track: &&Track| track.is_enabled && track.kind == TrackKind::Video;
    if let Some(track) = timeline.tracks.iter().find(playing) {
        rundown.add_video(track, &mut shared);
    }
    for track in &timeline.tracks {
        if track.is_enabled && track.kind == TrackKind::Overlay {
            rundown.add_graphics(track);
        }
    }
    rundown.graphics.sort_by_key(|cue| cue.z);
    rundown
}

impl Rundown {
    fn add_video(&mut self, track: &Track, shared: &mut HashMap<Source, usize>) {
        let mut cues: Vec<&Cue> = track.cues.iter().collect();
        cues.sort_by(|a, b| a.start_time.total_cmp(&b.start_time));
        let mut wanted = Vec::new();
        for cue in cues {
            let (source, audio) = match &cue.action {
                Action::ShowCamera {
                    camera_id, audio, ..
                } => (Source::Camera(camera_id.clone()), *audio),
                Action::ShowMedia { source, audio } => (source.clone(), *audio),
                Action::ShowOverlay { .. } | Action::Other { .. } => continue,
            };
            let Some((start, end)) = self.span(cue) else {
                continue;
            };
            let source = self.source(shared, (source, audio));
            wanted.push(cue.transition.picture().map(|kind| {
                let frames = self.frames(micros(cue.transition_duration));
                (kind, frames)
            }));
            self.video.push(VideoCue {
                id: cue.id.clone(),
                start,
                end,
                source,
                audio,
                transition: None,
            });
        }
        let lengths: Vec<u64> = self.video.iter().map(|cue| cue.end - cue.start).collect();
        for (index, wanted) in wanted.into_iter().enumerate() {
            let own = lengths.get(index).copied().unwrap_or(0);
            let before = match index.checked_sub(1) {
                Some(before) => lengths.get(before).copied(),
                None if self.looping => lengths.last().copied(),
                None => None,
            };
            let most = own.min(before.unwrap_or(own)) / 2;
            if let Some(cue) = self.video.get_mut(index) {
                cue.transition = wanted
                    .map(|(kind, frames)| (kind, frames.min(most)))
                    .filter(|(_, frames)| *frames > 0);
            }
        }
    }

    fn add_graphics(&mut self, track: &Track) {
        let mut cues: Vec<&Cue> = track.cues.iter().collect();
        cues.sort_by(|a, b| a.start_time.total_cmp(&b.start_time));
        for cue in cues {
            let Action::ShowOverlay {
                graphic,
                fade_in,
                fade_out,
            } = &cue.action
            else {
                continue;
            };
            let Some((start, end)) = self.span(cue) else {
                continue;
            };
            let (fade_in, fade_out) = fades(
                end - start,
                self.frames(micros(*fade_in)),
                self.frames(micros(*fade_out)),
            );
            self.graphics.push(GraphicCue {
                id: cue.id.clone(),
                start,
                end,
                z: track.layer,
                graphic: graphic.clone(),
                fade_in,
                fade_out,
            });
        }
    }

    /// The index of a source: films get one each, everything else is shared.
    fn source(
        &mut self,
        shared: &mut HashMap<Source, usize>,
        (source, audio): (Source, Option<AudioPolicy>),
    ) -> usize {
        let paced = is_film(&source);
        let next = self.sources.len();
        if !paced {
            if let Some(known) = shared.get(&source) {
                if let Some(one) = self.sources.get_mut(*known) {
                    one.audio = one.audio.or(audio);
                }
                return *known;
            }
            shared.insert(source.clone(), next);
        }
        self.sources.push(SourceUse {
            source,
            audio,
            paced,
        });
        next
    }

    /// First frame and the frame after the last; at least one frame. A cue that reaches the end of the
    /// timeline reaches the end of the longest pass. `None` when it begins too late to be shown in
    /// every pass.
    fn span(&self, cue: &Cue) -> Option<(u64, u64)> {
        let (begins, lasts) = (micros(cue.start_time), micros(cue.duration));
        let start = self.frames(begins);
        if begins >= self.length_us || start >= self.shortest() {
            return None;
        }
        let ends = begins.saturating_add(lasts);
        let end = if ends >= self.length_us {
            self.length()
        } else {
            self.frames(ends)
        };
        Some((start, end.max(start + 1)))
    }

    /// Frames in a time, rounded to the nearest.
    fn frames(&self, micros: u64) -> u64 {
        self.scaled(u128::from(micros), 1)
    }

    /// `micros · times` in frames, rounded to the nearest, in whole numbers throughout.
    fn scaled(&self, micros: u128, times: u64) -> u64 {
        let divisor = MICROS * u128::from(self.rate.den());
        let frames = micros
            .saturating_mul(u128::from(times))
            .saturating_mul(u128::from(self.rate.num()))
            .saturating_add(divisor / 2)
            / divisor;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }

    /// The first frame of pass `k`, counted from the first frame of pass 0: exact for every rate, so
    /// that a looping timeline never drifts.
    #[must_use]
    pub fn pass_start(&self, k: u64) -> u64 {
        self.scaled(u128::from(self.length_us), k)
    }

    /// Which pass, and which frame of it, is showing after `elapsed` frames.
    #[must_use]
    pub(crate) fn locate(&self, elapsed: u64) -> (u64, u64) {
        let guess = u128::from(elapsed) * MICROS * u128::from(self.rate.den())
            / (u128::from(self.length_us) * u128::from(self.rate.num()));
        let mut pass = u64::try_from(guess).unwrap_or(u64::MAX);
        // Rounding moves a boundary by half a frame at most, and a pass has at least one frame.
        while self.pass_start(pass) > elapsed {
            pass -= 1;
        }
        while self.pass_start(pass.saturating_add(1)) <= elapsed {
            pass += 1;
        }
        (pass, elapsed - self.pass_start(pass))
    }

    /// The frames of the longest pass: a pass of 60 s at 30000/1001 has 1798 or 1799.
    #[must_use]
    pub fn length(&self) -> u64 {
        let divisor = MICROS * u128::from(self.rate.den());
        let frames = (u128::from(self.length_us) * u128::from(self.rate.num())).div_ceil(divisor);
        u64::try_from(frames).unwrap_or(u64::MAX).max(1)
    }

    /// The frames that every pass has. What does not loop has one pass only.
    fn shortest(&self) -> u64 {
        if !self.looping {
            return self.length();
        }
        let divisor = MICROS * u128::from(self.rate.den());
        let frames = u128::from(self.length_us) * u128::from(self.rate.num()) / divisor;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }

    /// The timeline it was compiled from.
    #[must_use]
    pub const fn timeline(&self) -> Option<&TimelineId> {
        self.timeline.as_ref()
    }

    /// The rate it was compiled for.
    #[must_use]
    pub const fn rate(&self) -> FrameRate {
        self.rate
    }

    /// Whether it starts again at its end.
    #[must_use]
    pub const fn looping(&self) -> bool {
        self.looping
    }

    /// Every input that it needs.
    #[must_use]
    pub fn sources(&self) -> &[SourceUse] {
        &self.sources
    }

    /// The cues of the video track, by start.
    #[must_use]
    pub fn video(&self) -> &[VideoCue] {
        &self.video
    }

    /// The cues of all overlay tracks, bottom first.
    #[must_use]
    pub fn graphics(&self) -> &[GraphicCue] {
        &self.graphics
    }

    /// Index into [`Self::sources`] of the picture for gaps and lost sources.
    #[must_use]
    pub const fn fallback(&self) -> usize {
        self.fallback
    }

    /// Index into [`Self::sources`] of the camera that stands in.
    #[must_use]
    pub const fn backup(&self) -> Option<usize> {
        self.backup
    }

    /// The cameras that it needs, each once.
    pub fn cameras(&self) -> impl Iterator<Item = &CameraId> {
        self.sources.iter().filter_map(|used| match &used.source {
            Source::Camera(camera) => Some(camera),
            Source::Media { .. } | Source::Pattern(_) | Source::Colour(_) => None,
        })
    }

    /// A position as seconds from the start of the pass.
    #[must_use]
    pub fn seconds(&self, position: Position) -> f64 {
        self.rate.time_of(position.frame).as_secs_f64()
    }

    /// The frame that is shown at that many seconds from the start of a pass.
    ///
    /// # Errors
    /// [`TransportError::OutOfRange`] when it is no number, negative, or not before the end.
    pub fn frame_of(&self, seconds: f64) -> Result<u64, TransportError> {
        let limit = self.duration();
        if !seconds.is_finite() || seconds < 0.0 || seconds >= limit {
            return Err(TransportError::OutOfRange { seconds, limit });
        }
        Ok(self.frames(micros(seconds)).min(self.length() - 1))
    }

    /// The length of a pass in seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        std::time::Duration::from_micros(self.length_us).as_secs_f64()
    }

    /// The first frame of the cue of that id, video or overlay.
    #[must_use]
    pub fn cue_start(&self, id: &CueId) -> Option<u64> {
        let video = self.video.iter().map(|cue| (&cue.id, cue.start));
        let graphics = self.graphics.iter().map(|cue| (&cue.id, cue.start));
        video
            .chain(graphics)
            .find(|(known, _)| *known == id)
            .map(|(_, start)| start)
    }
}

/// Whether a source has a time of its own. Still pictures are told by their file's ending.
fn is_film(source: &Source) -> bool {
    match source {
        Source::Media { asset, .. } => {
            let ending = asset.as_str().rsplit_once('.').map_or("", |(_, e)| e);
            let stills = ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"];
            !stills
                .iter()
                .any(|still| ending.eq_ignore_ascii_case(still))
        }
        Source::Camera(_) | Source::Pattern(_) | Source::Colour(_) => false,
    }
}

/// Both fades fit into the graphic's time, in proportion.
fn fades(length: u64, fade_in: u64, fade_out: u64) -> (u64, u64) {
    let both = fade_in.saturating_add(fade_out);
    if both <= length {
        return (fade_in, fade_out);
    }
    let share = u128::from(length) * u128::from(fade_in) / u128::from(both);
    let fade_in = u64::try_from(share).unwrap_or(0);
    (fade_in, length - fade_in)
}

/// Seconds as microseconds. Documents have decimals; everything after this is whole numbers.
pub(crate) fn micros(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates: negative is 0, absurd is the limit below"
    )]
    let whole = (seconds * 1e6).round() as u64;
    whole.min(1_000_000_000_000)
}
