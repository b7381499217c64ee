//! Words of the wire as words of the modules, and what is not carried out yet.

use crate::modules::view::{CameraDraft, CameraPatch};
use model::{CameraId, CueId, DestinationId, Secret, StreamId, TimelineId};
use protocol::command::CameraEdit;
use protocol::{Code, Id, Name, Problem};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The refusal of what this agent does not carry out, with its place in the payload.
pub(super) fn not_yet(field: &str, what: &str) -> Problem {
    let mut problem =
        Code::FeatureDisabled.with_message(format!("this agent does not do {what} yet"));
    problem.field = Some(format!("/payload{field}"));
    problem
}

/// The refusal of a value that the modules do not take.
pub(super) fn misfit(field: &str, message: impl Into<String>) -> Problem {
    let mut problem = Code::SchemaInvalid.with_message(message);
    problem.field = Some(format!("/payload{field}"));
    problem
}

macro_rules! ids {
    ($($name:ident => $to:ident, $field:literal;)*) => {$(
        pub(super) fn $name(id: &Id) -> Result<$to, Problem> {
            $to::parse(id.as_str()).map_err(|error| misfit($field, error.to_string()))
        }
    )*};
}

ids! {
    camera => CameraId, "/camera_id";
    cue => CueId, "/overlay_id";
    destination => DestinationId, "/destination_ids";
    stream => StreamId, "/stream_id";
    timeline => TimelineId, "/timeline_id";
}

pub(super) fn destinations(ids: &[Id]) -> Result<Vec<DestinationId>, Problem> {
    ids.iter().map(destination).collect()
}

/// A name of a closed list of the modules, such as a transition.
pub(super) fn word<T: DeserializeOwned>(name: &Name, field: &str) -> Result<T, Problem> {
    serde_json::from_value(Value::String(name.to_string()))
        .map_err(|error| misfit(field, error.to_string()))
}

/// An id of the modules, for an answer: each of theirs is one of the wire.
pub(super) fn id(text: &str) -> Result<Id, Problem> {
    Id::parse(text).map_err(|_error| Code::Internal.with_message("an id has no form for the wire"))
}

/// A name of the modules, for an answer.
pub(super) fn name(text: &str) -> Name {
    let short: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
    Name::parse(short).unwrap_or_else(|_| Name::parse("?").expect("a name"))
}

/// A camera to be added.
pub(super) fn draft(id: Option<CameraId>, edit: &CameraEdit) -> Result<CameraDraft, Problem> {
    Ok(CameraDraft {
        id,
        name: edit.name.to_string(),
        protocol: match &edit.protocol {
            Some(protocol) => word(protocol, "/payload/protocol")?,
            None => CameraDraft::default().protocol,
        },
        address: edit.address.to_string(),
        port: edit.port,
        username: edit.username.as_ref().map(Name::to_string),
        password: edit
            .password
            .as_ref()
            .map(|password| Secret::new(password.expose())),
        stream_path: edit.stream_path.clone(),
        backup_camera_id: edit.backup_camera_id.as_ref().map(camera).transpose()?,
        ..CameraDraft::default()
    })
}

/// A change of a camera; what is absent stays.
pub(super) fn patch(edit: &CameraEdit) -> Result<CameraPatch, Problem> {
    let draft = draft(None, edit)?;
    Ok(CameraPatch {
        name: Some(draft.name),
        protocol: edit.protocol.as_ref().map(|_| draft.protocol),
        address: Some(draft.address),
        port: draft.port,
        username: draft.username.map(Some),
        password: draft.password.map(Some),
        stream_path: draft.stream_path,
        backup_camera_id: draft.backup_camera_id.map(Some),
        ..CameraPatch::default()
    })
}
