//! Destinations: kept, checked, masked.
//!
//! What makes one valid belongs to the `stream` crate; this joins it with the store. The key goes
//! straight into the sealed secrets and is answered as a mask only.

use super::cameras::follow;
use super::command::{DestinationCommand, Reply};
use super::fault::{Fault, refuse};
use super::view::{DestinationDraft, DestinationPatch, DestinationView, Done, PresetView};
use super::{Parts, streams};
use crate::show::{DestinationState, ShowStatus};
use model::{Destination, DestinationId, Secret};
use protocol::Problem;
use store::{Batch, Store, Tree};

const TREE: Tree = Tree::Destinations;

pub(super) async fn carry_out(
    parts: &Parts,
    command: DestinationCommand,
) -> Result<Reply, Problem> {
    let records = &parts.records;
    let status = parts.show.status();
    match command {
        DestinationCommand::List => {
            let all = records.read(list).await?;
            let views = all
                .iter()
                .map(|(destination, key)| view(destination, key, &status));
            Ok(Reply::Destinations(views.collect()))
        }
        DestinationCommand::Presets => Ok(Reply::Presets(presets())),
        DestinationCommand::Get(id) => {
            let (destination, key) = records.read(move |store| load(store, &id)).await?;
            Ok(Reply::Destination(view(&destination, &key, &status)))
        }
        DestinationCommand::Create(draft) => {
            let made = records
                .write(move |store, now| create(store, draft, now))
                .await;
            changed(parts, made).await
        }
        DestinationCommand::Update(id, patch) => {
            let made = records
                .write(move |store, now| update(store, &id, patch, now))
                .await;
            changed(parts, made).await
        }
        DestinationCommand::Delete(id) => {
            let on_air = status.destinations.iter().any(|one| one.id == id);
            records
                .write(move |store, _| delete(store, id, on_air))
                .await?;
            Ok(Reply::Done(Done {
                message: "The destination was removed".to_owned(),
            }))
        }
    }
}

async fn changed(
    parts: &Parts,
    made: Result<(Destination, Secret), Problem>,
) -> Result<Reply, Problem> {
    let (destination, key) = made?;
    follow(parts).await;
    Ok(Reply::Destination(view(
        &destination,
        &key,
        &parts.show.status(),
    )))
}

fn list(store: &Store) -> Result<Vec<(Destination, Secret)>, Fault> {
    let mut all = Vec::new();
    for (id, destination) in store.list::<Destination>(TREE)? {
        let key = store.secret(TREE, &id)?.unwrap_or_default();
        all.push((destination, key));
    }
    Ok(all)
}

/// A destination and its key, which is empty where it has none.
pub(super) fn load(store: &Store, id: &DestinationId) -> Result<(Destination, Secret), Fault> {
    let destination = store
        .get(TREE, id.as_str())?
        .ok_or_else(|| Fault::NoDestination(id.clone()))?;
    let key = store.secret(TREE, id.as_str())?.unwrap_or_default();
    Ok((destination, key))
}

fn create(
    store: &Store,
    draft: DestinationDraft,
    now: &str,
) -> Result<(Destination, Secret), Problem> {
    let id = new_id(store, draft.id)?;
    let asked = stream::DestinationDraft {
        name: Some(draft.name),
        platform: Some(draft.platform),
        rtmp_url: draft.rtmp_url,
        stream_key: draft.stream_key,
        backup_url: Some(draft.backup_url),
        tls_fingerprint: Some(draft.tls_fingerprint),
        description: Some(draft.description),
        is_active: draft.is_active,
        profile: Some(draft.profile),
        max_kbps: Some(draft.max_kbps),
    };
    let (destination, key) = stream::create(asked, id, now).map_err(|error| refuse(&error))?;
    keep(store, &destination, &key)?;
    Ok((destination, key))
}

fn new_id(store: &Store, asked: Option<DestinationId>) -> Result<DestinationId, Fault> {
    let Some(id) = asked else {
        return Ok(DestinationId::parse(store.next_id(TREE)?.to_string())?);
    };
    if store.get::<Destination>(TREE, id.as_str())?.is_some() {
        return Err(Fault::IdTaken(id.to_string()));
    }
    Ok(id)
}

fn update(
    store: &Store,
    id: &DestinationId,
    patch: DestinationPatch,
    now: &str,
) -> Result<(Destination, Secret), Problem> {
    let (was, old) = load(store, id)?;
    let asked = stream::DestinationDraft {
        name: patch.name,
        platform: patch.platform,
        rtmp_url: patch.rtmp_url,
        stream_key: patch.stream_key.flatten(),
        backup_url: patch.backup_url,
        tls_fingerprint: patch.tls_fingerprint,
        description: patch.description,
        is_active: patch.is_active,
        profile: patch.profile,
        max_kbps: patch.max_kbps,
    };
    let (destination, new) =
        stream::update(&was, &old, asked, now).map_err(|error| refuse(&error))?;
    let key = new.unwrap_or(old);
    keep(store, &destination, &key)?;
    Ok((destination, key))
}

fn keep(store: &Store, destination: &Destination, key: &Secret) -> Result<(), Fault> {
    let id = destination.id.as_str();
    store.commit(
        Batch::new()
            .put(TREE, id, destination)?
            .seal(TREE, id, key)?,
    )?;
    Ok(())
}

fn delete(store: &Store, id: DestinationId, on_air: bool) -> Result<(), Fault> {
    load(store, &id)?;
    let mut by = Vec::new();
    if on_air {
        by.push("the running show".to_owned());
    }
    for stream in streams::all(store)? {
        if stream.plan.destination_id == id {
            by.push(format!("stream {:?}", stream.name));
        }
    }
    if !by.is_empty() {
        return Err(Fault::DestinationInUse { id, by });
    }
    store.delete(TREE, id.as_str())?;
    Ok(())
}

/// Notes that these destinations received something now.
pub(super) fn used(store: &Store, ids: &[DestinationId], now: &str) -> Result<(), Fault> {
    let mut batch = Batch::new();
    for id in ids {
        if let Some(mut destination) = store.get::<Destination>(TREE, id.as_str())? {
            destination.last_used = Some(now.to_owned());
            batch = batch.put(TREE, id.as_str(), &destination)?;
        }
    }
    store.commit(batch)?;
    Ok(())
}

fn view(destination: &Destination, key: &Secret, status: &ShowStatus) -> DestinationView {
    let shown = stream::view(destination, key);
    let live = status
        .destinations
        .iter()
        .find(|one| one.id == destination.id);
    let destination = shown.destination;
    DestinationView {
        id: destination.id,
        name: destination.name,
        platform: destination.platform,
        rtmp_url: destination.rtmp_url,
        stream_key: shown.stream_key,
        has_key: shown.has_key,
        backup_url: destination.backup_url,
        tls_fingerprint: destination.tls_fingerprint,
        description: destination.description,
        is_active: destination.is_active,
        profile: destination.profile,
        max_kbps: destination.max_kbps,
        last_used: destination.last_used,
        created_at: destination.created_at,
        updated_at: destination.updated_at,
        status: live.map_or(DestinationState::Idle, |one| one.state),
    }
}

fn presets() -> Vec<PresetView> {
    let view = |preset: &stream::Preset| PresetView {
        platform: preset.platform,
        name: preset.name.clone(),
        rtmp_url: preset.rtmp_url.clone(),
        backup_url: preset.backup_url.clone(),
        key_required: preset.key_required,
        max_kbps: preset.max_kbps,
        keyframe_s: preset.keyframe_ms / 1000,
        help_url: preset.help_url.clone(),
    };
    stream::presets().iter().map(view).collect()
}
