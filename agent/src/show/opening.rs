//! Sources as they are opened: where the engine finds what a source shows, and what is kept of it.
//!
//! Owns the way from a [`Source`] to an input of the engine. When one is opened and closed is
//! `session`'s business.

use super::ShowError;
use super::cameras::{self, Address};
use super::inputs::Need;
use super::parts::Parts;
use engine::input::{Inlet, Input, InputSource, InputSpec, SourceState};
use model::{AudioPolicy, InputId, Pattern, Size, Source, Still};
use runtime::chain;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use timeline::{Position, Rundown};

/// How long the start waits for the first picture.
pub(super) const FIRST_PICTURE: Duration = Duration::from_secs(3);
/// Between looks while waiting for something of an input.
const LOOK: Duration = Duration::from_millis(20);

/// An input that is open.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) need: Need,
    /// Looks since it was needed; while it could not be opened, since that was tried.
    pub(super) idle: u32,
    /// `None` when it could not be opened.
    pub(super) input: Option<Input>,
    pub(super) source: Source,
    /// Where a camera is read, or was tried to be.
    pub(super) address: Option<Address>,
    /// Looks since it was opened.
    pub(super) looks: u32,
    /// Looks since the camera's path was seen to be back; `None` while it is away.
    pub(super) online: Option<u32>,
}

impl Open {
    /// Its counters, where it could be opened.
    pub(super) fn stats(&self) -> Option<engine::input::InputStats> {
        self.input.as_ref().map(Input::stats)
    }
}

pub(super) fn opened(
    need: Need,
    source: Source,
    input: Option<Input>,
    address: Option<Address>,
) -> Open {
    Open {
        need,
        idle: 0,
        input,
        source,
        address,
        looks: 0,
        online: None,
    }
}

/// The policy for a source's sound where its cue says nothing.
pub(super) fn sound(parts: &Parts, source: &Source) -> AudioPolicy {
    match source {
        Source::Camera(id) => parts
            .camera(id)
            .map(|camera| camera.audio)
            .unwrap_or_default(),
        Source::Media { .. } => AudioPolicy::Passthrough,
        Source::Pattern(_) | Source::Colour(_) => AudioPolicy::Silence,
    }
}

/// Where the engine finds what a source shows.
pub(super) async fn source_of(
    parts: &Parts,
    source: &Source,
    size: Size,
) -> Result<InputSource, ShowError> {
    Ok(match source {
        Source::Camera(id) => match cameras::settled_address(parts, id).await {
            Address::Local(url) => InputSource::Live { url },
            Address::Direct(address) => InputSource::Direct { address },
        },
        Source::Media {
            asset,
            looping,
            fit,
        } => {
            let missing = |_| ShowError::AssetMissing(asset.as_str().to_owned());
            InputSource::File {
                path: parts.assets.find(asset).await.map_err(missing)?.path,
                looping: *looping,
                start_at: Duration::ZERO,
                fit: *fit,
            }
        }
        Source::Pattern(pattern) => InputSource::Still(still(parts, *pattern, size).await?),
        Source::Colour(colour) => InputSource::Still(Arc::new(parts.studio.colour(*colour, size))),
    })
}

pub(super) async fn still(
    parts: &Parts,
    pattern: Pattern,
    size: Size,
) -> Result<Arc<Still>, ShowError> {
    let studio = Arc::clone(&parts.studio);
    let drawn = tokio::task::spawn_blocking(move || studio.pattern(pattern, size)).await;
    drawn
        .map(Arc::new)
        .map_err(|_| ShowError::Internal("draw a pattern"))
}

/// Opens what a source shows; for a camera it tells where it is read.
pub(super) async fn open_source(
    parts: &Parts,
    source: &Source,
    size: Size,
    spec: &impl Fn(InputSource) -> InputSpec,
) -> Result<(Inlet, Input, Option<Address>), ShowError> {
    let found = source_of(parts, source, size).await?;
    let address = match &found {
        InputSource::Live { url } => Some(Address::Local(url.clone())),
        InputSource::Direct { address } => Some(Address::Direct(address.clone())),
        InputSource::File { .. } | InputSource::Still(_) => None,
    };
    let (inlet, input) = open(parts, spec(found)).await?;
    Ok((inlet, input, address))
}

pub(super) async fn open(parts: &Parts, spec: InputSpec) -> Result<(Inlet, Input), ShowError> {
    let launcher = parts.launcher.clone();
    let opened = tokio::task::spawn_blocking(move || engine::input::open(&launcher, spec)).await;
    let opened = opened.map_err(|_| ShowError::Internal("open a source"))?;
    opened.map_err(|error| {
        tracing::debug!(error = %chain(&error), "A source cannot be opened.");
        ShowError::Overlay(chain(&error))
    })
}

/// Logs a source that cannot be opened: the show goes on without it.
pub(super) fn kept<T>(opened: Result<T, ShowError>, source: &Source) -> Option<T> {
    opened
        .inspect_err(|error| tracing::warn!(%error, ?source, "A source cannot be shown."))
        .ok()
}

/// What is to be on program at a place.
pub(super) fn first_source(rundown: &Rundown, at: Position) -> Option<usize> {
    let mut cues = rundown.video().iter();
    let first = cues.find(|cue| (cue.start..cue.end).contains(&at.frame));
    first.map(|cue| cue.source)
}

/// Waits until the source of the cue that is due at a place delivers, at most [`FIRST_PICTURE`].
pub(super) async fn first_picture(rundown: &Rundown, open: &BTreeMap<InputId, Open>, at: Position) {
    let first = first_source(rundown, at);
    let input = open.values().find(|open| Some(open.need.source) == first);
    let Some(input) = input.and_then(|open| open.input.as_ref()) else {
        return;
    };
    let there = async {
        loop {
            if !matches!(
                input.stats().state,
                SourceState::Connecting | SourceState::Waiting
            ) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    // Without a picture the show begins all the same, with the pattern.
    let _late = tokio::time::timeout(FIRST_PICTURE, there).await;
}
