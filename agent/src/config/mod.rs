//! The agent's settings.
//!
//! Owns every key: its name, its default, where its value came from, and what is a valid value.
//! `raw` reads the file and the environment, `validate` makes a [`Config`] of them; both collect every
//! fault instead of stopping at the first. `layers` lays what was changed since over them. Never applies
//! a setting: `wiring` does, and `settings` while the agent runs.

mod layers;
mod raw;
mod validate;

pub use layers::{Document, Layers, Live, LiveConfig};
pub use raw::{KEYS, Key, Kind, has_section, known};
pub use validate::{
    AlertsConfig, ApiConfig, Config, DegradedConfig, FfmpegConfig, LinkConfig, LogConfig,
    LogFormat, MediamtxConfig, MediamtxMode, PreviewConfig, ProgramConfig,
};

use std::path::{Path, PathBuf};

/// Where the settings are looked for when no file is named.
pub const DEFAULT_FILE: &str = "/etc/vistter-agent/config.toml";

/// The exit code for settings that cannot be used: `EX_CONFIG` of sysexits.h.
pub const EXIT_CODE: u8 = 78;

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `/etc/vistter-agent/config.toml:12`, or the environment variable's name.
    pub place: String,
    /// Which key, `api.port`; empty where the file cannot be read as TOML.
    pub key: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.place, self.message)
        } else {
            write!(f, "{}: {}: {}", self.place, self.key, self.message)
        }
    }
}

/// The settings cannot be used; every reason at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "fault" } else { "faults" };
        write!(f, "the settings have {count} {noun}:")?;
        for fault in &self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Reads the settings: defaults, then the file, then `environment` (all of the process's variables;
/// only those that begin with `VISTTER__` are looked at). Gives what they are, and what was written.
///
/// A file that is named must be there; the default one may be missing.
///
/// # Errors
/// [`Faults`] with every unknown key, wrong type and impossible value.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, Layers), Faults> {
    let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => {
            String::new()
        }
        Err(error) => {
            return Err(Faults(vec![Fault {
                place: path.display().to_string(),
                key: String::new(),
                message: format!("the file cannot be read: {error}"),
            }]));
        }
    };
    let mut faults = Vec::new();
    let mut raw = raw::from_file(&path, &text, &mut faults);
    raw::from_environment(environment, &mut raw, &mut faults);
    let config = validate::config(&raw, &mut faults);
    if faults.is_empty() {
        Ok((config, Layers::of(raw)))
    } else {
        Err(Faults(faults))
    }
}

/// Every key as a table in Markdown, for the documentation.
#[must_use]
pub fn table() -> String {
    let mut out = String::from(
        "| key | environment variable | default | while it runs | meaning |\n|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let default = if key.default.is_empty() {
            "–".to_owned()
        } else {
            format!("`{}`", key.default)
        };
        out.push_str(&format!(
            "| `{}` | `{}` | {default} | {} | {} |\n",
            key.name,
            key.variable(),
            if key.live { "yes" } else { "–" },
            key.meaning
        ));
    }
    out
}

#[cfg(test)]
mod tests;
