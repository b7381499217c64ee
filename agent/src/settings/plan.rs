//! What a change would be: the merge patch, its checks, and what it changes. Pure.

use super::Kept;
use super::error::ChangeError;
use crate::config::{self, Document, Layers, LiveConfig};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A change of settings, as it is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[schema(example = json!({"config_patch": {"program": {"profile": "720p"}}, "base_version": 3}))]
pub struct Change {
    /// A merge patch (RFC 7396) on the document of changed settings: sections, and in them keys with a
    /// text or a whole number; `null` gives a key back to the file.
    #[schema(value_type = Object)]
    pub config_patch: Document,
    /// The version it was made for; with another one in force it is refused.
    #[serde(default)]
    pub base_version: Option<u64>,
    /// Only checks it, and says what it would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a change has changed, or would.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, ToSchema)]
#[schema(example = json!({"config_version": 4, "changed": ["/program/profile"]}))]
pub struct Changed {
    /// The version in force now.
    pub config_version: u64,
    /// JSON pointers of the settings whose value changed.
    pub changed: Vec<String>,
}

/// A change that may be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The document after it.
    pub(super) document: Document,
    /// The settings after it.
    pub(super) live: LiveConfig,
    /// JSON pointers of what changes.
    pub(super) changed: Vec<String>,
}

/// The change, checked. `running` says whether a program runs.
///
/// # Errors
/// [`ChangeError`], with every place that is wrong.
pub(super) fn plan(
    layers: &Layers,
    kept: &Kept,
    asked: &Change,
    running: bool,
) -> Result<Plan, ChangeError> {
    if asked.base_version.is_some_and(|base| base != kept.version) {
        return Err(ChangeError::Version(kept.version));
    }
    if let Some(pointer) = unchangeable(&asked.config_patch) {
        return Err(ChangeError::NotLive(pointer));
    }
    let mut document = Value::Object(kept.document.clone());
    merge(&mut document, &Value::Object(asked.config_patch.clone()));
    let Value::Object(mut document) = document else {
        return Err(ChangeError::Invalid(Vec::new()));
    };
    document.retain(|_, section| section.as_object().is_none_or(|keys| !keys.is_empty()));
    let live = layers.overlaid(&document).map_err(|faults| {
        let place = |fault: config::Fault| (pointer(&fault.key), fault.message);
        ChangeError::Invalid(faults.0.into_iter().map(place).collect())
    })?;
    let (before, after) = (layers.values(&kept.document), layers.values(&document));
    let differs = |(key, value): &(&&str, &Value)| before.get(**key) != Some(*value);
    let changed: Vec<String> = after
        .iter()
        .filter(differs)
        .map(|(key, _)| pointer(key))
        .collect();
    if running && changed.iter().any(|pointer| pointer == "/program/profile") {
        return Err(ChangeError::Running);
    }
    Ok(Plan {
        document,
        live,
        changed,
    })
}

/// The place of a key in the document.
fn pointer(key: &str) -> String {
    let escaped = key.replace('~', "~0").replace('/', "~1");
    format!("/{}", escaped.replace('.', "/"))
}

/// The first place of a patch that is a setting which counts from the next start only.
fn unchangeable(patch: &Document) -> Option<String> {
    let of_start = |name: &str| config::known(name).is_some_and(|key| !key.live);
    for (name, value) in patch {
        if of_start(name) {
            return Some(pointer(name));
        }
        for key in value.as_object().into_iter().flat_map(|keys| keys.keys()) {
            let full = format!("{name}.{key}");
            if of_start(&full) {
                return Some(pointer(&full));
            }
        }
    }
    None
}

/// `MergePatch` of RFC 7396, §2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Document::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Code, HasCode};
    use serde_json::json;

    fn document(value: Value) -> Document {
        serde_json::from_value(value).unwrap()
    }

    fn change(patch: Value) -> Change {
        Change {
            config_patch: document(patch),
            base_version: None,
            dry_run: false,
        }
    }

    fn kept(value: Value) -> Kept {
        Kept {
            version: 7,
            document: document(value),
            trial: None,
        }
    }

    #[test]
    fn merging_is_that_of_the_standard() {
        // The table of RFC 7396, appendix A.
        for (target, patch, expected) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (
                json!({"a":"b","b":"c"}),
                json!({"a":null}),
                json!({"b":"c"}),
            ),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, &patch);
            assert_eq!(merged, expected, "{target} {patch}");
        }
    }

    #[test]
    fn a_change_names_what_it_changes_and_null_gives_a_key_back() {
        let layers = Layers::default();
        let was = kept(json!({"program": {"processor_limit": 50}}));
        let asked = change(json!({"program": {"processor_limit": 60}, "log": {"level": "info"}}));
        let planned = plan(&layers, &was, &asked, true).unwrap();
        assert_eq!(planned.changed, ["/program/processor_limit"]);
        assert_eq!(planned.live.program.processor_limit, 60);
        let asked = change(json!({"program": {"processor_limit": null}}));
        let planned = plan(&layers, &was, &asked, true).unwrap();
        assert_eq!(planned.document, Document::new());
        assert_eq!(planned.live.program.processor_limit, 95);
        assert_eq!(planned.changed, ["/program/processor_limit"]);
    }

    #[test]
    fn what_may_not_be_changed_is_refused_with_its_place_and_without_its_value() {
        let layers = Layers::default();
        let was = kept(json!({"degraded": {"cpu_high_percent": 60, "cpu_low_percent": 40}}));
        for (patch, running, code, field) in [
            (
                json!({"mediamtx": {"api_password": "hunter2"}}),
                false,
                Code::FeatureDisabled,
                "/config_patch/mediamtx/api_password",
            ),
            (
                json!({"mediamtx": {"api_password": null}}),
                false,
                Code::FeatureDisabled,
                "/config_patch/mediamtx/api_password",
            ),
            (
                json!({"data_dir": "hunter2"}),
                false,
                Code::FeatureDisabled,
                "/config_patch/data_dir",
            ),
            (
                json!({"wifi": {"key": "hunter2"}}),
                false,
                Code::ConfigInvalid,
                "/config_patch/wifi",
            ),
            (
                json!({"log": "hunter2"}),
                false,
                Code::ConfigInvalid,
                "/config_patch/log",
            ),
            (
                json!({"degraded": {"cpu_high_percent": null, "cpu_low_percent": 90}}),
                false,
                Code::ConfigInvalid,
                "/config_patch/degraded/cpu_low_percent",
            ),
            (
                json!({"program": {"profile": "720p"}}),
                true,
                Code::PreviewActive,
                "/config_patch/program/profile",
            ),
        ] {
            let error = plan(&layers, &was, &change(patch.clone()), running).unwrap_err();
            let problem = error.problem();
            assert_eq!(problem.code, code, "{patch}: {problem:?}");
            assert_eq!(problem.field.as_deref(), Some(field), "{patch}");
            let told = serde_json::to_string(&problem).unwrap();
            assert!(!told.contains("hunter2"), "{told}");
        }
        let stale = Change {
            base_version: Some(6),
            ..change(json!({"log": {"level": "debug"}}))
        };
        let problem = plan(&layers, &was, &stale, false).unwrap_err().problem();
        assert_eq!(problem.code, Code::ConfigConflict);
        assert_eq!(problem.details, Some(json!({ "config_version": 7 })));
    }
}
