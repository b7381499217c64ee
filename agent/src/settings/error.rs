//! Why settings were not changed. The old ones are in force then.

use protocol::{Code, HasCode};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It was made for another version than the one that is named here.
    #[error("the change was made for another version than {0}, which is in force")]
    Version(u64),
    /// The setting at this place counts from the next start.
    #[error("this setting cannot be changed while the agent runs, nor from afar")]
    NotLive(String),
    /// Places with what is wrong there.
    #[error("{}", .0.first().map_or("the patch is no document of settings", |(_, why)| why))]
    Invalid(Vec<(String, String)>),
    /// A program has the profile that would be changed.
    #[error("a program runs, and its profile stays until it ends")]
    Running,
    /// The change could not be put on record.
    #[error("the change could not be kept: {0}")]
    Unkept(#[from] store::WriteError),
    /// The new settings could not be applied, or did not stand the probe.
    #[error("the new settings did not stand their trial and the old ones are in force: {0}")]
    Failed(String),
    /// The task that changes settings is gone.
    #[error("the agent stops")]
    Gone,
}

impl HasCode for ChangeError {
    fn code(&self) -> Code {
        match self {
            Self::Version(_) => Code::ConfigConflict,
            Self::NotLive(_) => Code::FeatureDisabled,
            Self::Invalid(_) => Code::ConfigInvalid,
            Self::Running => Code::PreviewActive,
            Self::Unkept(error) => error.code(),
            Self::Failed(_) => Code::ConfigApplyFailed,
            Self::Gone => Code::Interrupted,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Version(_) => Some("/base_version".to_owned()),
            Self::NotLive(pointer) => Some(format!("/config_patch{pointer}")),
            Self::Invalid(places) => {
                let first = places.first().map_or("", |(pointer, _)| pointer);
                Some(format!("/config_patch{first}"))
            }
            Self::Running => Some("/config_patch/program/profile".to_owned()),
            Self::Unkept(_) | Self::Failed(_) | Self::Gone => None,
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::Version(version) => Some(json!({ "config_version": version })),
            Self::Invalid(places) => {
                let error = |(pointer, message): &(String, String)| json!({ "pointer": pointer, "message": message });
                let errors: Vec<Value> = places.iter().map(error).collect();
                Some(json!({ "errors": errors }))
            }
            _ => None,
        }
    }

    fn remediation(&self) -> Cow<'static, str> {
        match self {
            Self::NotLive(_) => Cow::Borrowed(
                "Change it in the settings file or the environment on the device; it counts from the next start.",
            ),
            Self::Running => {
                Cow::Borrowed("Stop the program first, or apply the change when idle.")
            }
            _ => Cow::Borrowed(self.code().remediation()),
        }
    }
}
