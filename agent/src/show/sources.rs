//! The open sources of a running program: opened before they are due, closed when they have not been
//! needed for a while, opened anew when they changed.
//!
//! Owns the inputs and which cameras are looked after. What is needed is decided by `inputs`, how a
//! source is opened by `opening`, and when a missing camera is tried by `revival`.

use super::ShowError;
use super::board::Standing;
use super::cameras::{self, Address, CODECS};
use super::inputs::{Need, need, needs};
use super::opening::{
    FIRST_PICTURE, Open, first_picture, first_source, kept, open, open_source, opened,
};
use super::parts::Parts;
use super::revival::{Revival, Trouble};
use super::roster::{Roster, number_of};
use engine::input::{Inlet, Input, InputSource, InputSpec, SourceState};
use engine::mediamtx::PathName;
use engine::program::Program;
use futures_util::future::join_all;
use model::{CameraId, FrameRate, InputId, Pattern, Size, Source, Still};
use runtime::Clock;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use timeline::Rundown;
use tokio::time::timeout;

/// How long before it is due a source is opened: connecting and a long group of pictures fit in.
pub(super) const AHEAD_S: f64 = 8.0;
/// Looks without need after which an input is closed: about ten seconds.
const PATIENCE: u32 = 100;
/// After a source could not be opened, it is left alone for so many looks.
const PENALTY: u32 = 50;
/// Looks for which a decoder is hurried after its camera came back, and how far apart.
const HURRY: (u32, u32) = (30, 5);
/// Looks for which a camera's path is there before its decoder comes back to it from the camera itself.
const SETTLED: u32 = 20;
/// Without a picture for so long, a camera is looked after.
const MISSING_NS: u64 = 250_000_000;
/// A camera whose decoder was just started has so many looks for its first picture.
const FIRST: u32 = 20;
/// The number of the input that always has a picture, where the timeline's own is another.
const PATTERN: InputId = InputId(1 << 24);

/// What every input is opened with.
#[derive(Debug, Clone)]
pub(super) struct Format {
    pub(super) ffmpeg: PathBuf,
    pub(super) size: Size,
    pub(super) rate: FrameRate,
}

impl Format {
    fn spec(&self, source: InputSource) -> InputSpec {
        InputSpec {
            ffmpeg: self.ffmpeg.clone(),
            size: self.size,
            rate: self.rate,
            source,
        }
    }
}

/// The open sources.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) roster: Roster,
    /// The input that always has a picture.
    pub(super) pattern: InputId,
    format: Format,
    open: BTreeMap<InputId, Open>,
    wanted: Vec<Need>,
    revival: Revival,
}

impl Sources {
    /// Opens what a show needs where it begins. The inlets are for the mixer.
    ///
    /// # Errors
    /// [`ShowError`] when not even the pattern can be opened.
    pub(super) async fn start(
        parts: &Parts,
        rundown: &Rundown,
        format: Format,
        fallback: &Arc<Still>,
        begin: &Standing,
    ) -> Result<(Self, Vec<(InputId, Inlet)>), ShowError> {
        let mut roster = Roster::new(rundown);
        roster.follow(parts);
        let shipped = Source::Pattern(Pattern::TechnicalDifficulties);
        let own = need(rundown, rundown.fallback(), 0);
        // The timeline's own picture is the shipped one, mostly: it is opened once.
        let same = roster.source(own.source) == Some(&shipped);
        let pattern = Need {
            input: if same { own.input } else { PATTERN },
            ..own
        };
        let still = InputSource::Still(Arc::clone(fallback));
        let (inlet, input) = open(parts, format.spec(still)).await?;
        let mut inlets = vec![(pattern.input, inlet)];
        let first = opened(pattern, shipped, Some(input), None);
        let mut sources = Self {
            roster,
            pattern: pattern.input,
            format,
            open: [(pattern.input, first)].into(),
            wanted: Vec::new(),
            revival: Revival::default(),
        };
        let mut wanted: Vec<(Need, Source)> = Vec::new();
        for need in sources.need(rundown, begin) {
            let known = sources.open.contains_key(&need.input)
                || wanted.iter().any(|(one, _)| one.input == need.input);
            if let (false, Some(source)) = (known, sources.roster.source(need.source)) {
                wanted.push((need, source.clone()));
            }
        }
        let first = first_source(rundown, begin.at);
        // All at once: the start takes as long as the slowest of them, not as long as all together.
        let opening = wanted.into_iter().map(async |(need, source)| {
            if let Source::Camera(id) = &source {
                let is_first = first == Some(need.source);
                let limit = if is_first { FIRST_PICTURE } else { CODECS };
                let _late = timeout(limit, cameras::known(&parts.media, id)).await;
            }
            let found = sources.find(parts, &source).await;
            (need, source, found)
        });
        for (need, source, found) in join_all(opening).await {
            let input = found.ends.map(|(inlet, input)| {
                inlets.push((need.input, inlet));
                input
            });
            let open = opened(need, source, input, found.address);
            sources.open.insert(need.input, open);
        }
        first_picture(rundown, &sources.open, begin.at).await;
        Ok((sources, inlets))
    }

    /// Every open input.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// The open input of a number.
    pub(super) fn input(&self, id: InputId) -> Option<&Open> {
        self.open.get(&id)
    }

    /// Why a camera gives no picture, in words; `None` while it does.
    pub(super) fn trouble(&self, id: &CameraId) -> Option<String> {
        self.revival.trouble(id).map(Trouble::describe)
    }

    /// What is needed now and soon.
    fn need(&mut self, rundown: &Rundown, now: &Standing) -> Vec<Need> {
        let mut wanted = std::mem::take(&mut self.wanted);
        let within = rundown.rate().frames_in(AHEAD_S);
        let standins = self.roster.standins();
        needs(rundown, &standins, now, within, &mut wanted);
        wanted
    }

    /// Opens what is needed soon and closes what is not. To be called ten times a second.
    pub(super) async fn keep(
        &mut self,
        parts: &Parts,
        rundown: &Rundown,
        program: &Program,
        now: &Standing,
    ) {
        let wanted = self.need(rundown, now);
        for need in &wanted {
            if self.is_open(parts, need) {
                continue;
            }
            if let Some(source) = self.roster.source(need.source).cloned() {
                self.open_anew(parts, program, *need, source).await;
            }
        }
        self.open_guests(parts, program, &wanted).await;
        let spared =
            |id: &InputId| *id == self.pattern || wanted.iter().any(|need| need.input == *id);
        for (id, open) in &mut self.open {
            open.looks = open.looks.saturating_add(1);
            open.idle = if spared(id) && open.input.is_some() {
                0
            } else {
                open.idle.saturating_add(1)
            };
        }
        let old = self.open.iter();
        let old = old.filter(|(id, open)| open.idle > PATIENCE && !spared(id));
        for id in old.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.close(program, id);
        }
        self.wanted = wanted;
        self.revive(parts);
        self.late_sound(parts, now);
        self.follow_paths(parts, program, now).await;
    }

    /// Opens cameras that were asked for by hand before it was known what they send.
    async fn open_guests(&mut self, parts: &Parts, program: &Program, wanted: &[Need]) {
        let late = self.open.values().filter(|open| {
            let known = matches!(&open.source, Source::Camera(id)
                if cameras::address(parts, id).is_some());
            let needed = wanted.iter().any(|need| need.input == open.need.input);
            open.input.is_none() && !needed && open.idle < PENALTY && known
        });
        let late: Vec<(Need, Source)> = late.map(|open| (open.need, open.source.clone())).collect();
        for (need, source) in late {
            self.open_anew(parts, program, need, source).await;
            // One try: what is known and cannot be opened would be tried on every look.
            if let Some(open) = self.open.get_mut(&need.input)
                && open.input.is_none()
            {
                open.idle = PENALTY;
            }
        }
    }

    /// Whether a need is met, or cannot be met now.
    fn is_open(&self, parts: &Parts, need: &Need) -> bool {
        if need.input == self.pattern {
            return true;
        }
        let known = self.open.get(&need.input);
        let Some(open) = known.filter(|open| open.need == *need) else {
            return false;
        };
        if open.input.is_some() {
            return true;
        }
        let address = match &open.source {
            Source::Camera(id) => cameras::address(parts, id),
            Source::Media { .. } | Source::Pattern(_) | Source::Colour(_) => None,
        };
        rests(open, address.as_ref())
    }

    /// Looks after the cameras that are wanted and give no picture.
    fn revive(&mut self, parts: &Parts) {
        let now_ns = parts.clock.monotonic_ns();
        let mut missing: Vec<CameraId> = Vec::new();
        for need in &self.wanted {
            let Some(open) = self.open.get(&need.input) else {
                continue;
            };
            let Source::Camera(id) = &open.source else {
                continue;
            };
            if is_missing(open, now_ns) && !missing.contains(id) {
                missing.push(id.clone());
            }
        }
        for id in self.revival.keep(parts, &missing) {
            let source = Source::Camera(id);
            for open in self.open.values_mut().filter(|open| open.source == source) {
                open.online = None;
            }
        }
    }

    /// A camera that got a sound track after its decoder was started is opened again, when that is
    /// not seen.
    fn late_sound(&self, parts: &Parts, now: &Standing) {
        let snapshots = parts.media.snapshots();
        let snapshot = snapshots.borrow();
        for (id, open) in &self.open {
            let (Source::Camera(camera), Some(input)) = (&open.source, &open.input) else {
                continue;
            };
            let stats = input.stats();
            let settled = stats.state == SourceState::Running && stats.frames_in > 60;
            if !settled || input.has_sound() || now.on_air == Some(id.0) {
                continue;
            }
            let path = snapshot.path(&PathName::camera(camera));
            let sounds =
                path.is_some_and(|path| path.tracks.iter().any(|track| track.video.is_none()));
            if sounds && stats.restarts == 0 {
                tracing::info!(%camera, "The camera has sound now; its decoder is started again.");
                input.restart();
            }
        }
    }

    /// Follows the cameras' paths: a decoder that waits is hurried when its camera came back, and one
    /// whose camera's codecs became others is opened anew.
    async fn follow_paths(&mut self, parts: &Parts, program: &Program, now: &Standing) {
        let mut moved = Vec::new();
        for open in self.open.values_mut() {
            let (Source::Camera(id), Some(input)) = (&open.source, &open.input) else {
                continue;
            };
            let Some(address) = cameras::address(parts, id) else {
                open.online = None;
                continue;
            };
            let looks = open.online.map_or(0, |looks| looks + 1);
            open.online = Some(looks);
            let other = open.address.as_ref() != Some(&address);
            // The media server is back: a camera is connected once. Not while it would be seen.
            let back = other && matches!(open.address, Some(Address::Direct(_)));
            let seen = now.on_air == Some(open.need.input.0);
            if back && !seen && looks >= SETTLED {
                moved.push((open.need, open.source.clone()));
                continue;
            }
            if input.stats().state != SourceState::Waiting {
                continue;
            }
            if other {
                moved.push((open.need, open.source.clone()));
            } else if looks < HURRY.0 && looks % HURRY.1 == 0 {
                input.restart();
            }
        }
        for (need, source) in moved {
            self.open_anew(parts, program, need, source).await;
        }
    }

    async fn open_anew(&mut self, parts: &Parts, program: &Program, need: Need, source: Source) {
        let found = self.find(parts, &source).await;
        let input = found.ends.and_then(|(inlet, input)| {
            let attached = program.attach(need.input, inlet);
            let attached = attached.inspect_err(
                |error| tracing::warn!(%error, ?source, "A source does not reach the mixer."),
            );
            attached.is_ok().then_some(input)
        });
        let open = opened(need, source, input, found.address);
        self.open.insert(need.input, open);
    }

    /// Opens what a source shows, as far as that can be done now.
    async fn find(&self, parts: &Parts, source: &Source) -> Found {
        let mut tried = None;
        if let Source::Camera(id) = source {
            tried = cameras::address(parts, id);
            if tried.is_none() {
                // Nothing can be read before it is known what it sends, and nobody is kept waiting.
                return Found::default();
            }
        }
        let spec = |source| self.format.spec(source);
        let found = open_source(parts, source, self.format.size, &spec).await;
        match kept(found, source) {
            Some((inlet, input, address)) => Found {
                ends: Some((inlet, input)),
                address,
            },
            None => Found {
                ends: None,
                address: tried,
            },
        }
    }

    fn close(&mut self, program: &Program, id: InputId) {
        if self
            .open
            .remove(&id)
            .is_some_and(|open| open.input.is_some())
            && let Err(error) = program.detach(id)
        {
            tracing::debug!(%error, "An input stays with the mixer.");
        }
    }

    /// Sees to it that a camera's input is open, and gives its number. `None` when there are too many.
    pub(super) async fn guest(
        &mut self,
        parts: &Parts,
        program: &Program,
        camera: &CameraId,
    ) -> Option<InputId> {
        let place = self.roster.camera(camera)?;
        // It may be put on program: its own backup has to be known.
        self.roster.follow(parts);
        let id = number_of(place);
        let open = self.open.get_mut(&id);
        if let Some(open) = open.filter(|open| open.input.is_some()) {
            open.idle = 0;
        } else {
            let need = Need {
                input: id,
                source: place,
                showing: 0,
            };
            let source = Source::Camera(camera.clone());
            self.open_anew(parts, program, need, source).await;
        }
        Some(id)
    }

    /// Whether an input has delivered a picture within the last half second.
    pub(super) fn delivers(&self, parts: &Parts, id: InputId) -> bool {
        let stats = self.open.get(&id).and_then(Open::stats);
        let now = parts.clock.monotonic_ns();
        stats.is_some_and(|stats| {
            let last = u64::try_from(stats.last_frame_ns).unwrap_or(0);
            stats.frames_in > 0 && now.saturating_sub(last) < 500_000_000
        })
    }
}

/// What became of opening a source.
#[derive(Default)]
struct Found {
    /// For the mixer and for here; `None` where it could not be opened.
    ends: Option<(Inlet, Input)>,
    /// Where a camera was tried to be read.
    address: Option<Address>,
}

/// Whether a source that could not be opened is left alone for now. A camera is tried at once when it
/// becomes known what it sends, which gives it an `address`.
fn rests(open: &Open, address: Option<&Address>) -> bool {
    let just_tried = open.idle < PENALTY;
    match &open.source {
        Source::Camera(_) => address.is_none() || (just_tried && open.address.as_ref() == address),
        Source::Media { .. } | Source::Pattern(_) | Source::Colour(_) => just_tried,
    }
}

fn is_missing(open: &Open, now_ns: u64) -> bool {
    let Some(stats) = open.stats() else {
        return true;
    };
    let last = u64::try_from(stats.last_frame_ns).unwrap_or(0);
    if stats.frames_in == 0 {
        open.looks > FIRST
    } else {
        now_ns.saturating_sub(last) > MISSING_NS
    }
}

#[cfg(test)]
mod tests;
