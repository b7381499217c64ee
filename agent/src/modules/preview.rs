//! The preview and going live: what is asked is checked here, then put to the show.

use super::command::{PreviewCommand, Reply};
use super::fault::{Fault, field, refuse};
use super::view::{
    GoLive, GoLiveView, NoPictureView, PlaybackView, PreviewHealthView, PreviewStart,
    PreviewStartedView, PreviewStatusView, PreviewStoppedView, SetDestinations,
};
use super::{Parts, destinations, timelines};
use crate::show::{Mode, ShowStatus};
use model::{Destination, DestinationId, FrameRate, ProfileName, TimelineId};
use protocol::{Code, HasCode, Problem};
use store::Store;
use stream::{DestinationFault, GoLiveError};
use timeline::Timeline;

const HLS: &str = "/hls/preview/index.m3u8";
const WHEP: &str = "/whep/program_rtc/whep";
const LONGEST_COUNTDOWN_S: u32 = 60;
const MOST_DESTINATIONS: usize = 32;

pub(super) async fn carry_out(parts: &Parts, command: PreviewCommand) -> Result<Reply, Problem> {
    let show = &parts.show;
    match command {
        PreviewCommand::Start(asked) => start(parts, asked).await,
        PreviewCommand::Stop => {
            let was = show.status();
            let timeline_id = show.preview_stop().await.map_err(|error| refuse(&error))?;
            let what = if was.mode == Mode::Live {
                "Live show"
            } else {
                "Preview"
            };
            let message = format!("{what} stopped");
            Ok(Reply::PreviewStopped(PreviewStoppedView {
                message,
                timeline_id,
            }))
        }
        PreviewCommand::GoLive(asked) => go_live(parts, asked).await,
        PreviewCommand::SetDestinations(asked) => set_destinations(parts, asked).await,
        PreviewCommand::Status => Ok(status(parts)),
        PreviewCommand::Health => {
            let active_streams = parts.media.streams().await.map_err(Fault::MediaServer)?;
            let total_streams = active_streams.len();
            let status = "healthy";
            Ok(Reply::PreviewHealth(PreviewHealthView {
                status,
                active_streams,
                total_streams,
            }))
        }
        PreviewCommand::Position => {
            let status = show.status();
            Ok(Reply::Playback(PlaybackView {
                is_playing: status.mode != Mode::Idle && !status.paused,
                timeline_id: status.timeline.as_ref().map(|timeline| timeline.id.clone()),
                position: status.position.clone(),
            }))
        }
    }
}

async fn start(parts: &Parts, asked: PreviewStart) -> Result<Reply, Problem> {
    let timeline_id = asked.timeline_id;
    let timeline = load(parts, timeline_id.clone()).await?;
    let timeline_name = timeline.name.clone();
    run(parts, timeline, asked.profile).await?;
    Ok(Reply::PreviewStarted(PreviewStartedView {
        message: "Preview started".to_owned(),
        timeline_id,
        timeline_name,
        hls_url: HLS,
        whep_url: WHEP,
        mode: Mode::Preview,
        no_picture: no_picture(parts),
    }))
}

/// A timeline that can be run.
pub(super) async fn load(parts: &Parts, id: TimelineId) -> Result<Timeline, Problem> {
    let assets = parts.assets.clone();
    parts
        .records
        .write(move |store, _| timelines::runnable(store, &assets, &id))
        .await
}

/// Starts the program of a timeline.
pub(super) async fn run(
    parts: &Parts,
    timeline: Timeline,
    profile: Option<ProfileName>,
) -> Result<(), Problem> {
    let status = parts.show.status();
    if let Some(running) = &status.timeline {
        let error = crate::show::ShowError::AlreadyRunning(running.name.clone());
        return Err(refuse(&error));
    }
    if let Some(outage) = parts.media.obstacle() {
        return Err(Fault::MediaServer(outage).into());
    }
    let profile = profile.unwrap_or(parts.profile());
    parts
        .show
        .preview_start(timeline, profile)
        .await
        .map_err(|error| refuse(&error))
}

async fn go_live(parts: &Parts, asked: GoLive) -> Result<Reply, Problem> {
    if asked.countdown_s > LONGEST_COUNTDOWN_S {
        let message = format!("a countdown lasts at most {LONGEST_COUNTDOWN_S} seconds");
        return Err(field("/countdown_s", message).into());
    }
    if parts.show.status().mode == Mode::Idle {
        return Err(refuse(&crate::show::ShowError::NotInPreview));
    }
    let chosen = choose(parts, asked.destination_ids).await?;
    let ids = ids(&chosen);
    parts
        .show
        .go_live(ids.clone(), asked.countdown_s)
        .await
        .map_err(|error| refuse(&error))?;
    note_use(parts, ids).await;
    gone_live(parts, &chosen)
}

async fn set_destinations(parts: &Parts, asked: SetDestinations) -> Result<Reply, Problem> {
    if parts.show.status().mode != Mode::Live {
        return Err(refuse(&crate::show::ShowError::NotRunning));
    }
    let chosen = choose(parts, asked.destination_ids).await?;
    let ids = ids(&chosen);
    parts
        .show
        .set_destinations(ids.clone())
        .await
        .map_err(|error| refuse(&error))?;
    note_use(parts, ids).await;
    gone_live(parts, &chosen)
}

fn ids(chosen: &[Destination]) -> Vec<DestinationId> {
    chosen.iter().map(|one| one.id.clone()).collect()
}

fn gone_live(parts: &Parts, chosen: &[Destination]) -> Result<Reply, Problem> {
    let status = parts.show.status();
    let Some(timeline) = &status.timeline else {
        return Err(refuse(&crate::show::ShowError::NotRunning));
    };
    let noun = if chosen.len() == 1 {
        "destination"
    } else {
        "destinations"
    };
    Ok(Reply::GoneLive(GoLiveView {
        message: format!("Live to {} {noun}", chosen.len()),
        timeline_id: timeline.id.clone(),
        destinations: chosen.iter().map(|one| one.name.clone()).collect(),
        mode: Mode::Live,
        warning: warning(&status, parts.profile(), chosen),
    }))
}

/// What the destinations' limits change, one sentence each.
fn warning(status: &ShowStatus, default: ProfileName, chosen: &[Destination]) -> Option<String> {
    let name = status
        .encoder
        .as_ref()
        .map_or(default, |encoder| encoder.profile);
    let program = stream::program_profile(name, FrameRate::THIRTY);
    let notes = stream::renditions(&program, chosen).notes;
    let sentences: Vec<String> = notes.into_iter().map(|note| note.message).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// The destinations that are meant, each once and all usable.
pub(super) async fn choose(
    parts: &Parts,
    asked: Vec<DestinationId>,
) -> Result<Vec<Destination>, Problem> {
    if asked.is_empty() {
        let message = "choose at least one destination".to_owned();
        return Err(Fault::Malformed {
            field: "/destination_ids",
            message,
        }
        .into());
    }
    if asked.len() > MOST_DESTINATIONS {
        return Err(refuse(&GoLiveError::TooMany(asked.len())));
    }
    let (ready, faults) = parts.records.read(move |store| judge(store, asked)).await?;
    match (ready.is_empty(), faults.is_empty()) {
        (_, true) => Ok(ready),
        (true, false) => Err(refuse(&GoLiveError::NoneValid(faults))),
        (false, false) => Err(refuse(&GoLiveError::SomeInvalid(faults))),
    }
}

fn judge(
    store: &Store,
    asked: Vec<DestinationId>,
) -> Result<(Vec<Destination>, Vec<DestinationFault>), Fault> {
    let mut ready: Vec<Destination> = Vec::new();
    let mut faults = Vec::new();
    for id in asked {
        if ready.iter().any(|one| one.id == id) {
            continue;
        }
        let fault = match destinations::load(store, &id) {
            Ok((one, _)) if !one.is_active => Code::DestinationInactive,
            Ok((one, key)) if stream::ingest(&one, &key).is_err() => Code::DestinationInvalid,
            Ok((one, _)) => {
                ready.push(one);
                continue;
            }
            Err(Fault::NoDestination(_)) => Code::DestinationNotFound,
            Err(error) => return Err(error),
        };
        faults.push(DestinationFault { id, code: fault });
    }
    Ok((ready, faults))
}

/// Notes that these destinations received something now. They do, so a store that fails is no refusal.
pub(super) async fn note_use(parts: &Parts, ids: Vec<DestinationId>) {
    let work = move |store: &Store, now: &str| destinations::used(store, &ids, now);
    if let Err(error) = parts.records.write::<(), Fault, _>(work).await {
        tracing::warn!(%error, "The last use of a destination was not kept.");
    }
}

/// Why the preview has no picture although a program may run, and what to do.
fn no_picture(parts: &Parts) -> Option<NoPictureView> {
    let outage = parts.media.outage()?;
    let code = outage.code();
    Some(NoPictureView {
        code: code.as_str(),
        message: format!("There is no preview: {outage}. RTMP destinations are still sent to."),
        remediation: outage.remediation().into_owned(),
    })
    .filter(|_| parts.media.obstacle().is_none())
}

fn status(parts: &Parts) -> Reply {
    let server_healthy = parts.media.outage().is_none();
    let status = parts.show.status();
    let is_active = status.mode != Mode::Idle;
    Reply::PreviewStatus(Box::new(PreviewStatusView {
        is_active,
        mode: status.mode,
        timeline_id: status.timeline.as_ref().map(|timeline| timeline.id.clone()),
        timeline_name: status
            .timeline
            .as_ref()
            .map(|timeline| timeline.name.clone()),
        hls_url: is_active.then_some(HLS),
        whep_url: is_active.then_some(WHEP),
        server_healthy,
        no_picture: no_picture(parts),
        paused: status.paused,
        position: status.position.clone(),
        destinations: status.destinations.clone(),
        metrics: status.program.clone(),
        encoder: status.encoder.clone(),
        on_air: status.on_air.clone(),
        quality: status.quality.clone(),
        inputs: status.inputs.clone(),
        notices: status.notices.clone(),
    }))
}
