//! What was changed while the agent ran, laid over what the file and the environment give.
//!
//! Owns the form of that document: sections with keys, texts and whole numbers, only keys that can be
//! changed while the agent runs. Keeps nothing and applies nothing.

use super::raw::{self, Given, KEYS, Kind, Raw};
use super::validate::{self, Config};
use super::{DegradedConfig, Fault, Faults, ProgramConfig};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Longest text of a setting, in bytes.
const TEXT: usize = 1024;

/// What stands where a value was not given by the file or the environment.
const PLACE: &str = "settings";

/// Changed settings: sections, and in them keys with a text or a whole number.
pub type Document = Map<String, Value>;

/// The settings that can change while the agent runs, as they are in force.
pub type Live = watch::Receiver<Arc<LiveConfig>>;

/// The settings that can change while the agent runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConfig {
    /// How long a trouble has to be over before its alert is.
    pub clear_after: Duration,
    /// A `tracing` filter.
    pub log_level: String,
    /// The program.
    pub program: ProgramConfig,
    /// What is given up when something cannot keep up.
    pub degraded: DegradedConfig,
}

impl Config {
    /// Those of the settings that can change while the agent runs.
    #[must_use]
    pub fn live(&self) -> LiveConfig {
        LiveConfig {
            clear_after: self.alerts.clear_after,
            log_level: self.log.level.clone(),
            program: self.program,
            degraded: self.degraded,
        }
    }
}

/// What the file and the environment give. By default nothing.
#[derive(Clone, Default)]
pub struct Layers {
    raw: Raw,
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // One of the values is a password.
        f.debug_struct("Layers").finish_non_exhaustive()
    }
}

impl Layers {
    pub(super) const fn of(raw: Raw) -> Self {
        Self { raw }
    }

    /// The settings with a document laid over them.
    ///
    /// # Errors
    /// [`Faults`] with every key that is unknown or cannot be changed, and every impossible value.
    pub fn overlaid(&self, document: &Document) -> Result<LiveConfig, Faults> {
        let mut faults = Vec::new();
        let raw = self.laid(document, &mut faults);
        let config = validate::config(&raw, &mut faults);
        if faults.is_empty() {
            Ok(config.live())
        } else {
            Err(Faults(faults))
        }
    }

    /// What each key that can be changed is under a document that [`Layers::overlaid`] takes.
    #[must_use]
    pub fn values(&self, document: &Document) -> BTreeMap<&'static str, Value> {
        let raw = self.laid(document, &mut Vec::new());
        let live = KEYS.iter().filter(|key| key.live);
        live.map(|key| {
            let given = raw.get(key.name);
            let text = given.map_or(key.default, |given| given.text.as_str());
            let number = text
                .parse::<u64>()
                .ok()
                .filter(|_| key.kind == Kind::Number);
            let value = number.map_or_else(|| Value::from(text), Value::from);
            (key.name, value)
        })
        .collect()
    }

    fn laid(&self, document: &Document, faults: &mut Vec<Fault>) -> Raw {
        let mut raw = self.raw.clone();
        for (section, value) in document {
            match value {
                Value::Object(keys) if raw::has_section(section) => {
                    for (key, value) in keys {
                        lay(&format!("{section}.{key}"), value, &mut raw, faults);
                    }
                }
                other => lay(section, other, &mut raw, faults),
            }
        }
        raw
    }
}

fn lay(name: &str, value: &Value, raw: &mut Raw, faults: &mut Vec<Fault>) {
    let mut fault = |message: String| {
        faults.push(Fault {
            place: PLACE.to_owned(),
            key: name.to_owned(),
            message,
        });
    };
    let Some(key) = raw::known(name) else {
        fault(if raw::has_section(name) {
            "this is a section; its keys stand in an object".to_owned()
        } else {
            raw::unknown(name)
        });
        return;
    };
    if !key.live {
        fault("it counts from the next start; change the file or the environment".to_owned());
        return;
    }
    let text = match (key.kind, value) {
        (Kind::Text, Value::String(text)) if text.len() <= TEXT => text.clone(),
        (Kind::Text, Value::String(_)) => {
            fault(format!("a text has at most {TEXT} bytes"));
            return;
        }
        (Kind::Number, value) if value.is_u64() => value.to_string(),
        (Kind::Text, _) => {
            fault("a text is wanted".to_owned());
            return;
        }
        (Kind::Number, _) => {
            fault("a whole number is wanted".to_owned());
            return;
        }
    };
    let place = PLACE.to_owned();
    raw.insert(key.name, Given { text, place });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(value: Value) -> Document {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_document_wins_over_the_file_and_only_for_what_can_change() {
        let (_, layers) = super::super::load(
            Some(std::path::Path::new("/dev/null")),
            [
                ("VISTTER__PROGRAM__PROFILE".to_owned(), "480p".to_owned()),
                (
                    "VISTTER__MEDIAMTX__API_PASSWORD".to_owned(),
                    "word".to_owned(),
                ),
            ],
        )
        .unwrap();
        let laid = document(json!({"program": {"processor_limit": 50}}));
        let live = layers.overlaid(&laid).unwrap();
        assert_eq!(live.program.processor_limit, 50);
        assert_eq!(live.program.profile, model::ProfileName::P480);
        let values = layers.values(&laid);
        assert_eq!(values["program.processor_limit"], 50);
        assert_eq!(values["program.profile"], "480p");
        assert!(!values.contains_key("mediamtx.api_password"));
        assert!(!format!("{layers:?} {values:?}").contains("word"));
    }

    #[test]
    fn every_fault_of_a_document_is_named() {
        let bad = document(json!({
            "colour": "red", "data_dir": "/x", "api": {"port": 1}, "program": 5,
            "log": {"level": 3, "levl": "info"}, "alerts": {"clear_after_s": "30"},
            "degraded": {"enter_s": 0, "network": "maybe", "check_s": 1.5}
        }));
        let Faults(faults) = Layers::default().overlaid(&bad).unwrap_err();
        let mut keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        keys.sort_unstable();
        let wanted = [
            "alerts.clear_after_s",
            "api.port",
            "colour",
            "data_dir",
            "degraded.check_s",
            "degraded.enter_s",
            "degraded.network",
            "log.level",
            "log.levl",
            "program",
        ];
        assert_eq!(keys, wanted, "{faults:#?}");
    }

    #[test]
    fn no_key_that_holds_a_secret_or_says_who_may_reach_the_device_can_be_changed_from_afar() {
        for key in KEYS.iter().filter(|key| key.live) {
            let name = key.name;
            for part in [
                "password", "user", "port", "address", "path", "_dir", "http",
            ] {
                assert!(!name.contains(part), "{name}");
            }
        }
    }
}
