//! Cameras that are sent straight to a destination: kept here, run by the show.

use super::command::{Reply, StreamCommand};
use super::fault::{Fault, field, name, refuse};
use super::view::{Done, StreamDraft, StreamPatch, StreamView};
use super::{Parts, cameras, destinations, preview};
use crate::show::{ShowStatus, StreamPlan, StreamState};
use model::StreamId;
use protocol::Problem;
use serde::{Deserialize, Serialize};
use store::{Store, Tree};

const TREE: Tree = Tree::Streams;

/// A stream as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) plan: StreamPlan,
}

pub(super) async fn carry_out(parts: &Parts, command: StreamCommand) -> Result<Reply, Problem> {
    let records = &parts.records;
    match command {
        StreamCommand::List => {
            let all = records.read(all).await?;
            let status = parts.show.status();
            Ok(Reply::Streams(
                all.iter().map(|one| view(one, &status)).collect(),
            ))
        }
        StreamCommand::Get(id) => {
            let kept = records.read(move |store| get(store, &id)).await?;
            Ok(answer(parts, &kept))
        }
        StreamCommand::Create(draft) => {
            let profile = draft.profile.unwrap_or(parts.profile());
            let work = move |store: &Store, _: &str| create(store, draft, profile);
            let kept = records.write::<_, Fault, _>(work).await?;
            Ok(answer(parts, &kept))
        }
        StreamCommand::Update(id, patch) => {
            stopped(parts, &id)?;
            let work = move |store: &Store, _: &str| update(store, &id, patch);
            let kept = records.write::<_, Fault, _>(work).await?;
            Ok(answer(parts, &kept))
        }
        StreamCommand::Delete(id) => {
            stopped(parts, &id)?;
            let work = move |store: &Store, _: &str| {
                get(store, &id)?;
                store.delete(TREE, id.as_str())?;
                Ok(())
            };
            records.write::<(), Fault, _>(work).await?;
            Ok(Reply::Done(Done {
                message: "The stream was removed".to_owned(),
            }))
        }
        StreamCommand::Start(id) => start(parts, id).await,
        StreamCommand::Stop(id) => {
            let wanted = id.clone();
            let kept = records.read(move |store| get(store, &wanted)).await?;
            parts
                .show
                .stream_stop(id)
                .await
                .map_err(|error| refuse(&error))?;
            Ok(answer(parts, &kept))
        }
    }
}

/// Every stream.
pub(super) fn all(store: &Store) -> Result<Vec<Kept>, Fault> {
    let all = store.list::<Kept>(TREE)?;
    Ok(all.into_iter().map(|(_, kept)| kept).collect())
}

fn get(store: &Store, id: &StreamId) -> Result<Kept, Fault> {
    store
        .get(TREE, id.as_str())?
        .ok_or_else(|| Fault::NoStream(id.clone()))
}

fn create(store: &Store, draft: StreamDraft, profile: model::ProfileName) -> Result<Kept, Fault> {
    let id = match draft.id {
        Some(id) if store.get::<Kept>(TREE, id.as_str())?.is_some() => {
            return Err(Fault::IdTaken(id.to_string()));
        }
        Some(id) => id,
        None => StreamId::parse(store.next_id(TREE)?.to_string())?,
    };
    let camera = cameras::get(store, &draft.camera_id)?;
    let kept = Kept {
        name: name(&draft.name.unwrap_or(camera.name))?,
        plan: StreamPlan {
            id,
            camera_id: draft.camera_id,
            destination_id: draft.destination_id,
            profile,
        },
    };
    keep(store, kept)
}

fn update(store: &Store, id: &StreamId, patch: StreamPatch) -> Result<Kept, Fault> {
    let was = get(store, id)?;
    let kept = Kept {
        name: name(&patch.name.unwrap_or(was.name))?,
        plan: StreamPlan {
            id: was.plan.id,
            camera_id: patch.camera_id.unwrap_or(was.plan.camera_id),
            destination_id: patch.destination_id.unwrap_or(was.plan.destination_id),
            profile: patch.profile.unwrap_or(was.plan.profile),
        },
    };
    keep(store, kept)
}

fn keep(store: &Store, kept: Kept) -> Result<Kept, Fault> {
    cameras::get(store, &kept.plan.camera_id)?;
    destinations::load(store, &kept.plan.destination_id)?;
    store.put(TREE, kept.plan.id.as_str(), &kept)?;
    Ok(kept)
}

fn stopped(parts: &Parts, id: &StreamId) -> Result<(), Fault> {
    let status = parts.show.status();
    let runs = |one: &crate::show::StreamStatus| one.id == *id && one.state != StreamState::Stopped;
    if status.streams.iter().any(runs) {
        Err(Fault::StreamRunning(id.clone()))
    } else {
        Ok(())
    }
}

async fn start(parts: &Parts, id: StreamId) -> Result<Reply, Problem> {
    let (kept, camera_on, destination) = parts
        .records
        .read(move |store| {
            let kept = get(store, &id)?;
            let camera = cameras::get(store, &kept.plan.camera_id)?;
            let (destination, _) = destinations::load(store, &kept.plan.destination_id)?;
            Ok((kept, camera.is_active, destination))
        })
        .await?;
    if !destination.is_active {
        return Err(Fault::DestinationInactive(destination.id).into());
    }
    if !camera_on {
        return Err(field("/camera_id", "the stream's camera is switched off").into());
    }
    parts
        .show
        .stream_start(kept.plan.clone())
        .await
        .map_err(|error| refuse(&error))?;
    preview::note_use(parts, vec![destination.id]).await;
    Ok(answer(parts, &kept))
}

fn answer(parts: &Parts, kept: &Kept) -> Reply {
    Reply::Stream(view(kept, &parts.show.status()))
}

fn view(kept: &Kept, status: &ShowStatus) -> StreamView {
    let Kept { name, plan } = kept.clone();
    let seen = status.streams.iter().find(|one| one.id == plan.id);
    StreamView {
        id: plan.id,
        name,
        camera_id: plan.camera_id,
        destination_id: plan.destination_id,
        profile: plan.profile,
        status: seen.map_or(StreamState::Stopped, |one| one.state),
        how: seen.and_then(|one| one.how.clone()),
        kbps: seen.map_or(0, |one| one.kbps),
        bytes: seen.map_or(0, |one| one.bytes),
        uptime_s: seen.map_or(0, |one| one.uptime_s),
        restarts: seen.map_or(0, |one| one.restarts),
        last_error: seen.and_then(|one| one.last_error.clone()),
    }
}
