//! Everything that Studio can ask, by the families of the wire.
//!
//! Owns the arguments and the reply of each command and what its type says of it: what it touches,
//! whether it may be done twice. Never does anything: carrying commands out is the agent's business.

mod camera;
mod config;
mod nature;
mod overlay;
mod stream;
mod system;
mod timeline;

pub use camera::{
    Axes, CameraAction, CameraEdit, CameraEntry, CameraReply, CameraWork, Discovered, MoveMode,
    PresetEntry,
};
pub use config::{ApplyAfter, ConfigChanged, DeviceConfig, Occasion};
pub use nature::{OnConflict, Scope, Target, TargetKind};
pub use overlay::{OverlayAction, OverlayEdit, OverlayUpdate, OverlayUpdated};
pub use stream::{StreamControl, StreamReply, StreamWork};
pub use system::{
    Cancel, Cancelled, CredentialRefresh, CredentialRefreshed, CredentialRevoke,
    DiagnosticsRequest, EmergencyStop, HealthReply, HealthRequest, Nothing, RefreshStep,
    ScheduleSet, SegmentRef, SegmentSync, Stopped, UpdateInstall, Uploaded,
};
pub use timeline::{
    AssetEntry, AssetsManifest, ExecutionMode, Output, TimelineExecute, TimelineExecuted,
    TimelineLoad, TimelineLoaded,
};

use crate::HasCode;
use crate::error::Code;
use crate::json::{self, ParseError};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a type of command is called and answers.
pub trait CommandSpec: Serialize + DeserializeOwned + JsonSchema {
    /// Its name on the wire.
    const NAME: &'static str;
    /// The `result` of its ack with `completed`.
    type Reply: Serialize + DeserializeOwned + JsonSchema;

    /// Checks what the fields' own forms cannot say.
    ///
    /// # Errors
    /// [`Misfit`], with the field.
    fn check(&self) -> Result<(), Misfit> {
        Ok(())
    }
}

/// Arguments that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// JSON pointer into the payload.
    pub pointer: &'static str,
    /// What is wrong.
    pub reason: &'static str,
}

/// Why a payload is no command.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No such type.
    #[error("the type {0:?} is not known")]
    Type(String),
    /// Not the arguments of that type.
    #[error("the arguments do not fit")]
    Arguments(#[source] ParseError),
    /// Arguments that contradict each other.
    #[error("{}", .0.reason)]
    Misfit(Misfit),
}

impl HasCode for CommandError {
    fn code(&self) -> Code {
        match self {
            Self::Type(_) => Code::TypeUnknown,
            Self::Arguments(_) | Self::Misfit(_) => Code::SchemaInvalid,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Type(_) => Some("/type".to_owned()),
            Self::Arguments(ParseError::Shape { pointer, .. }) => {
                Some(format!("/payload{pointer}"))
            }
            Self::Arguments(_) => Some("/payload".to_owned()),
            Self::Misfit(misfit) => Some(format!("/payload{}", misfit.pointer)),
        }
    }
}

macro_rules! commands {
    ($( $(#[$doc:meta])* $name:ident = $text:literal => $reply:ty; )*) => {
        /// The types of commands; also the scopes that a key may have.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum CommandType { $( $(#[$doc])* #[serde(rename = $text)] $name, )* }

        impl CommandType {
            /// Every type.
            pub const ALL: &[Self] = &[ $( Self::$name, )* ];

            /// Its name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }

            /// The type with this name, where there is one.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $( $text => Some(Self::$name), )* _ => None }
            }

            /// Schemas of its arguments and of its reply.
            pub fn schemas(self, generator: &mut SchemaGenerator) -> (Schema, Schema) {
                match self { $(
                    Self::$name => (
                        generator.subschema_for::<$name>(),
                        generator.subschema_for::<$reply>(),
                    ),
                )* }
            }

            /// Whether a value is a reply of this type.
            #[must_use]
            pub fn is_reply(self, value: &Value) -> bool {
                match self { $( Self::$name => json::shape::<$reply>(value).is_ok(), )* }
            }
        }

        /// A command with its arguments.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Command { $( $(#[$doc])* $name($name), )* }

        impl Command {
            /// Reads a payload as the arguments of a type.
            ///
            /// # Errors
            /// [`CommandError`].
            pub fn read(kind: &str, payload: &Value) -> Result<Self, CommandError> {
                match CommandType::from_text(kind) {
                    $( Some(CommandType::$name) => {
                        let arguments: $name = json::shape(payload).map_err(CommandError::Arguments)?;
                        arguments.check().map_err(CommandError::Misfit)?;
                        Ok(Self::$name(arguments))
                    } )*
                    None => Err(CommandError::Type(kind.chars().take(64).collect())),
                }
            }

            /// Its type.
            #[must_use]
            pub const fn command_type(&self) -> CommandType {
                match self { $( Self::$name(_) => CommandType::$name, )* }
            }
        }

        $( impl CommandSpecName for $name { const TEXT: &'static str = $text; } )*
    };
}

/// The name as the table of commands has it; each [`CommandSpec`] takes it from here.
trait CommandSpecName {
    const TEXT: &'static str;
}

commands! {
    /// Changes settings.
    DeviceConfig = "DEVICE_CONFIG" => ConfigChanged;
    /// Finds, changes, moves and shows cameras.
    CameraAction = "CAMERA_ACTION" => CameraReply;
    /// Gives the device a timeline and what it needs.
    TimelineLoad = "TIMELINE_LOAD" => TimelineLoaded;
    /// Plays, pauses, moves or stops a timeline.
    TimelineExecute = "TIMELINE_EXECUTE" => TimelineExecuted;
    /// Loads, shows, changes or hides graphics.
    OverlayUpdate = "OVERLAY_UPDATE" => OverlayUpdated;
    /// Starts, stops and tunes what is sent.
    StreamControl = "STREAM_CONTROL" => StreamReply;
    /// Asks how the device is.
    HealthRequest = "HEALTH_REQUEST" => HealthReply;
    /// Gives the device a new key and certificate.
    CredentialRefresh = "CREDENTIAL_REFRESH" => CredentialRefreshed;
    /// Takes the device's credentials away.
    CredentialRevoke = "CREDENTIAL_REVOKE" => Nothing;
    /// Stops at once; overtakes everything.
    EmergencyStop = "EMERGENCY_STOP" => Stopped;
    /// Asks for a bundle of logs and figures.
    DiagnosticsRequest = "DIAGNOSTICS_REQUEST" => Uploaded;
    /// Takes a command back.
    Cancel = "CANCEL" => Cancelled;
    /// Installs another version of the agent.
    UpdateInstall = "UPDATE_INSTALL" => Nothing;
    /// Replaces the schedule.
    ScheduleSet = "SCHEDULE_SET" => Nothing;
    /// Says which packages the device should have.
    SegmentSync = "SEGMENT_SYNC" => Nothing;
}

macro_rules! specs {
    ($( $name:ident => $reply:ty $(, $check:path)?; )*) => {$(
        impl CommandSpec for $name {
            const NAME: &'static str = <Self as CommandSpecName>::TEXT;
            type Reply = $reply;
            $( fn check(&self) -> Result<(), Misfit> { $check(self) } )?
        }
    )*};
}

specs! {
    DeviceConfig => ConfigChanged, config::check;
    CameraAction => CameraReply, camera::check;
    TimelineLoad => TimelineLoaded, timeline::check_load;
    TimelineExecute => TimelineExecuted, timeline::check_execute;
    OverlayUpdate => OverlayUpdated, overlay::check;
    StreamControl => StreamReply, stream::check;
    HealthRequest => HealthReply;
    CredentialRefresh => CredentialRefreshed, system::check_refresh;
    CredentialRevoke => Nothing;
    EmergencyStop => Stopped;
    DiagnosticsRequest => Uploaded;
    Cancel => Cancelled;
    UpdateInstall => Nothing;
    ScheduleSet => Nothing;
    SegmentSync => Nothing;
}

/// Reads `{<name>, <arguments>?, …}` as an enum that is tagged by both; absent arguments are none.
fn tagged<T: DeserializeOwned, E: serde::de::Error>(
    tag: &str,
    name: &str,
    content: &str,
    arguments: Option<Value>,
) -> Result<T, E> {
    let arguments = arguments.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let both = serde_json::json!({ tag: name, content: arguments });
    T::deserialize(both).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_type_is_found_by_its_name() {
        for kind in CommandType::ALL {
            assert_eq!(CommandType::from_text(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
        }
        assert_eq!(CommandType::from_text("device_config"), None);
    }

    #[test]
    fn unknown_fields_of_arguments_are_let_pass_and_unknown_words_are_not() {
        let execute = |mode: &str| {
            let payload = json!({"timeline_id": 7, "execution_mode": mode, "later": {"x": 1}});
            Command::read("TIMELINE_EXECUTE", &payload)
        };
        assert!(execute("play").is_ok());
        let error = execute("rewind").unwrap_err();
        assert_eq!(error.code(), Code::SchemaInvalid);
        assert_eq!(error.field().as_deref(), Some("/payload/execution_mode"));
        let error = Command::read("DANCE", &json!({})).unwrap_err();
        assert_eq!(error.code(), Code::TypeUnknown);
    }

    #[test]
    fn absent_arguments_of_an_action_are_none() {
        let list = Command::read("CAMERA_ACTION", &json!({"action": "list"})).unwrap();
        let Command::CameraAction(action) = list else {
            unreachable!("asked for a camera action");
        };
        assert_eq!(action.work, CameraWork::List {});
        assert!(
            Command::read(
                "STREAM_CONTROL",
                &json!({"stream_id": "*", "command": "kill_all"})
            )
            .is_ok()
        );
    }

    #[test]
    fn contradictions_name_their_field() {
        for (kind, payload, field) in [
            (
                "OVERLAY_UPDATE",
                json!({"overlay_id": "a", "ocl_package_uri": "https://x/y"}),
                "/payload/checksum",
            ),
            ("OVERLAY_UPDATE", json!({"overlay_id": "a"}), "/payload"),
            (
                "TIMELINE_EXECUTE",
                json!({"timeline_id": "a", "execution_mode": "seek"}),
                "/payload/position_s",
            ),
            (
                "TIMELINE_LOAD",
                json!({"timeline_id": "a", "segments": [], "assets_manifest": {"assets": []}}),
                "/payload/segments",
            ),
            (
                "CAMERA_ACTION",
                json!({"action": "delete"}),
                "/payload/camera_id",
            ),
            (
                "CAMERA_ACTION",
                json!({"action": "ptz_move", "camera_id": "a", "payload": {"mode": "absolute"}}),
                "/payload/payload",
            ),
            (
                "STREAM_CONTROL",
                json!({"stream_id": "*", "command": "go_live", "parameters": {"destination_ids": []}}),
                "/payload/parameters/destination_ids",
            ),
        ] {
            let error = Command::read(kind, &payload).unwrap_err();
            assert_eq!(error.code(), Code::SchemaInvalid, "{kind} {payload}");
            assert_eq!(error.field().as_deref(), Some(field), "{kind} {payload}");
        }
    }
}
