//! Timelines: kept and checked.
//!
//! What a document means belongs to the `timeline` crate; this joins it with the cameras, files and
//! destinations that there are. A file that is missing is a warning, because it may still be put there.

use super::Parts;
use super::command::{Reply, TimelineCommand};
use super::fault::{Fault, refuse};
use super::view::{Done, IssueView, TimelineSummary, TimelineView, ValidationView};
use crate::assets::Assets;
use model::{Camera, Destination, TimelineId};
use protocol::{Code, HasCode, Problem};
use serde_json::{Value, json};
use store::{Store, Tree};
use timeline::{Issue, Known, Timeline};

const TREE: Tree = Tree::Timelines;

/// A timeline that cannot be run, with every reason.
#[derive(Debug, thiserror::Error)]
#[error("the timeline cannot be run: {} (at {:?})", .0.first().map_or("", |i| &i.message), .0.first().map_or("", |i| &i.pointer))]
struct Invalid(Vec<Issue>);

impl HasCode for Invalid {
    fn code(&self) -> Code {
        Code::TimelineInvalid
    }

    fn field(&self) -> Option<String> {
        self.0.first().map(|issue| issue.pointer.clone())
    }

    fn details(&self) -> Option<Value> {
        Some(json!({ "errors": self.0 }))
    }
}

pub(super) async fn carry_out(parts: &Parts, command: TimelineCommand) -> Result<Reply, Problem> {
    let records = &parts.records;
    let assets = parts.assets.clone();
    match command {
        TimelineCommand::List => {
            let all = records.read(all).await?;
            Ok(Reply::Timelines(
                all.into_iter().filter_map(summary).collect(),
            ))
        }
        TimelineCommand::Get(id) => {
            let (timeline, warnings) = records
                .read(move |store| {
                    let timeline = get(store, &id)?;
                    let (errors, warnings) = check(store, &assets, &timeline)?;
                    Ok((timeline, [errors, warnings].concat()))
                })
                .await?;
            Ok(view(&timeline, warnings))
        }
        TimelineCommand::Create(document) => {
            let (timeline, warnings) = records
                .write(move |store, now| create(store, &assets, &document, now))
                .await?;
            Ok(view(&timeline, warnings))
        }
        TimelineCommand::Update(id, document) => {
            let (timeline, warnings) = records
                .write(move |store, now| update(store, &assets, &id, &document, now))
                .await?;
            Ok(view(&timeline, warnings))
        }
        TimelineCommand::Delete(id) => {
            let status = parts.show.status();
            if status
                .timeline
                .as_ref()
                .is_some_and(|running| running.id == id)
            {
                return Err(Fault::TimelineRunning(id).into());
            }
            records
                .write(move |store, _| {
                    get(store, &id)?;
                    store.delete(TREE, id.as_str())?;
                    Ok::<(), Fault>(())
                })
                .await?;
            Ok(Reply::Done(Done {
                message: "The timeline was removed".to_owned(),
            }))
        }
        TimelineCommand::Validate(document) => {
            let found = records
                .read(move |store| validate(store, &assets, &document))
                .await?;
            Ok(Reply::Validation(found))
        }
    }
}

/// Every timeline that can be read.
pub(super) fn all(store: &Store) -> Result<Vec<Timeline>, Fault> {
    let all = store.list::<Timeline>(TREE)?;
    Ok(all.into_iter().map(|(_, timeline)| timeline).collect())
}

fn get(store: &Store, id: &TimelineId) -> Result<Timeline, Fault> {
    store
        .get(TREE, id.as_str())?
        .ok_or_else(|| Fault::NoTimeline(id.clone()))
}

/// The name of a timeline.
pub(super) fn name_of(store: &Store, id: &TimelineId) -> Result<String, Fault> {
    get(store, id).map(|timeline| timeline.name)
}

/// A timeline that can be run.
pub(super) fn runnable(
    store: &Store,
    assets: &Assets,
    id: &TimelineId,
) -> Result<Timeline, Problem> {
    let timeline = get(store, id)?;
    let (errors, _) = check(store, assets, &timeline)?;
    if errors.is_empty() {
        Ok(timeline)
    } else {
        Err(refuse(&Invalid(errors)))
    }
}

fn create(
    store: &Store,
    assets: &Assets,
    document: &Value,
    now: &str,
) -> Result<(Timeline, Vec<Issue>), Problem> {
    let mut timeline = timeline::parse_value(document).map_err(|error| refuse(&error))?;
    let id = match timeline.id.take() {
        Some(id) if exists(store, &id)? => return Err(Fault::IdTaken(id.to_string()).into()),
        Some(id) => id,
        None => next_id(store)?,
    };
    timeline.id = Some(id);
    timeline.revision = 1;
    timeline.created_at = Some(now.to_owned());
    keep(store, assets, timeline, now)
}

fn next_id(store: &Store) -> Result<TimelineId, Fault> {
    Ok(TimelineId::parse(
        store.next_id(TREE).map_err(Fault::from)?.to_string(),
    )?)
}

fn exists(store: &Store, id: &TimelineId) -> Result<bool, Fault> {
    Ok(store.get::<Value>(TREE, id.as_str())?.is_some())
}

fn update(
    store: &Store,
    assets: &Assets,
    id: &TimelineId,
    document: &Value,
    now: &str,
) -> Result<(Timeline, Vec<Issue>), Problem> {
    let was = get(store, id)?;
    let mut timeline = timeline::parse_value(document).map_err(|error| refuse(&error))?;
    timeline.id = was.id;
    timeline.revision = was.revision.saturating_add(1);
    timeline.created_at = was.created_at;
    keep(store, assets, timeline, now)
}

fn keep(
    store: &Store,
    assets: &Assets,
    mut timeline: Timeline,
    now: &str,
) -> Result<(Timeline, Vec<Issue>), Problem> {
    let (errors, warnings) = check(store, assets, &timeline)?;
    if !errors.is_empty() {
        return Err(refuse(&Invalid(errors)));
    }
    timeline.modified_at = Some(now.to_owned());
    let id = timeline
        .id
        .clone()
        .map_or_else(String::new, |id| id.to_string());
    store.put(TREE, &id, &timeline).map_err(Fault::from)?;
    Ok((timeline, warnings))
}

/// What stops the timeline from running, and what does not: missing files are shown as the fallback
/// picture, a missing stand-in or destination is not needed to run.
fn check(
    store: &Store,
    assets: &Assets,
    timeline: &Timeline,
) -> Result<(Vec<Issue>, Vec<Issue>), Fault> {
    let cameras = store.list::<Camera>(Tree::Cameras)?;
    let destinations = store.list::<Destination>(Tree::Destinations)?;
    let known = Known {
        cameras: cameras.into_iter().map(|(_, camera)| camera.id).collect(),
        destinations: destinations.into_iter().map(|(_, one)| one.id).collect(),
        assets: timeline
            .assets()
            .into_iter()
            .filter(|asset| assets.resolve(asset).is_ok())
            .collect(),
    };
    let report = timeline::validate(timeline, &known);
    let (errors, mut warnings): (Vec<_>, Vec<_>) = report.errors.into_iter().partition(stops);
    warnings.extend(report.warnings);
    Ok((errors, warnings))
}

fn stops(issue: &Issue) -> bool {
    match issue.code {
        Code::AssetMissing | Code::DestinationNotFound => false,
        Code::CameraNotFound => !issue.pointer.contains("/fallback"),
        _ => true,
    }
}

fn validate(store: &Store, assets: &Assets, document: &Value) -> Result<ValidationView, Fault> {
    let (errors, warnings) = match timeline::parse_value(document) {
        Ok(timeline) => check(store, assets, &timeline)?,
        Err(timeline::TimelineError::Invalid(errors)) => (errors, Vec::new()),
        Err(error) => {
            let message = error.to_string();
            let issue = Issue {
                pointer: String::new(),
                message,
                code: error.code(),
            };
            (vec![issue], Vec::new())
        }
    };
    Ok(ValidationView {
        valid: errors.is_empty(),
        errors: issues(errors),
        warnings: issues(warnings),
    })
}

fn issues(from: Vec<Issue>) -> Vec<IssueView> {
    from.into_iter()
        .map(
            |Issue {
                 pointer, message, ..
             }| IssueView { pointer, message },
        )
        .collect()
}

fn summary(timeline: Timeline) -> Option<TimelineSummary> {
    let cues = timeline.cues().count();
    Some(TimelineSummary {
        id: timeline.id?,
        name: timeline.name,
        duration: timeline.duration,
        looping: timeline.looping,
        cues,
        revision: timeline.revision,
        created_at: timeline.created_at.unwrap_or_default(),
        modified_at: timeline.modified_at.unwrap_or_default(),
    })
}

fn view(timeline: &Timeline, warnings: Vec<Issue>) -> Reply {
    let mut document = match timeline.to_value() {
        Value::Object(document) => document,
        _ => serde_json::Map::new(),
    };
    for name in ["revision", "created_at", "modified_at", "warnings"] {
        document.remove(name);
    }
    Reply::Timeline(Box::new(TimelineView {
        document,
        revision: timeline.revision,
        created_at: timeline.created_at.clone().unwrap_or_default(),
        modified_at: timeline.modified_at.clone().unwrap_or_default(),
        warnings: issues(warnings),
    }))
}
