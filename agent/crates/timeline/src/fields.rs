//! Reads the fields of one JSON object and writes down every fault with its place.
//!
//! Owns [`Issue`] and the pointers into the document as it was sent. Knows no timeline; `parse` and
//! `action` say which fields there are.

use model::{AssetPath, IdError};
use protocol::Code;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// Most faults, and most warnings, that are listed; the rest is only counted.
const ISSUE_LIMIT: usize = 100;

/// Longest piece of a document that is repeated in a message, in characters.
const QUOTE_LIMIT: usize = 60;

/// A place in a document and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// JSON pointer (RFC 6901) into the document as it was sent.
    pub pointer: String,
    /// What is wrong, for the operator.
    pub message: String,
    /// Which of the closed list: the document itself (`TIMELINE_INVALID`) or something it names.
    pub code: Code,
}

/// Faults and warnings as they are found.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) errors: Vec<Issue>,
    pub(crate) warnings: Vec<Issue>,
    dropped: usize,
}

impl Notes {
    pub(crate) fn error(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.refuse(Code::TimelineInvalid, pointer, message);
    }

    pub(crate) fn refuse(
        &mut self,
        code: Code,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) {
        let issue = Issue {
            pointer: pointer.into(),
            message: message.into(),
            code,
        };
        push(&mut self.errors, issue, &mut self.dropped);
    }

    pub(crate) fn warn(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        let issue = Issue {
            pointer: pointer.into(),
            message: message.into(),
            code: Code::TimelineInvalid,
        };
        push(&mut self.warnings, issue, &mut 0);
    }

    /// The faults, with a last line that says how many are not listed.
    pub(crate) fn into_errors(mut self) -> Vec<Issue> {
        if self.dropped > 0 {
            self.errors.push(Issue {
                pointer: String::new(),
                message: format!("and {} more", self.dropped),
                code: Code::TimelineInvalid,
            });
        }
        self.errors
    }
}

fn push(list: &mut Vec<Issue>, issue: Issue, dropped: &mut usize) {
    if list.len() < ISSUE_LIMIT {
        list.push(issue);
    } else {
        *dropped += 1;
    }
}

/// All faults in one sentence for the operator.
pub(crate) fn summary(issues: &[Issue]) -> String {
    match issues {
        [] => "the timeline has no fault".to_owned(),
        [only] => format!("{} (at {:?})", only.message, only.pointer),
        [first, rest @ ..] => {
            let (message, place, more) = (&first.message, &first.pointer, rest.len());
            format!("{message} (at {place:?}), and {more} more")
        }
    }
}

/// `at` with one more step.
pub(crate) fn step(at: &str, key: &str) -> String {
    if key.len() > 2 * QUOTE_LIMIT {
        return at.to_owned();
    }
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A text as it can stand in a message: short and without control characters.
pub(crate) fn quote(text: &str) -> String {
    let short: String = text.chars().take(QUOTE_LIMIT).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{dots}")
}

/// The fields of one object. What is read counts as known; [`Self::rest`] warns of the others. `null` is the same as absent.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    at: String,
    is_sent: bool,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// `None`, with a fault written down, when `value` is no object.
    pub(crate) fn of(value: &'a Value, at: String, notes: &mut Notes) -> Option<Self> {
        let Some(map) = value.as_object() else {
            notes.error(at, "must be an object");
            return None;
        };
        Some(Self {
            map,
            at,
            is_sent: true,
            known: Vec::new(),
        })
    }

    /// The fields of an object that was not sent: `empty`, and every fault is at the object itself.
    pub(crate) const fn absent(empty: &'a Map<String, Value>, at: String) -> Self {
        Self {
            map: empty,
            at,
            is_sent: false,
            known: Vec::new(),
        }
    }

    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// Where the field stands, or would stand. Whatever holds it is in the document.
    pub(crate) fn place(&self, name: &str) -> String {
        if self.is_sent {
            step(&self.at, name)
        } else {
            self.at.clone()
        }
    }

    /// The first of `names` that is there. It and those that are not there count as known; a second
    /// one stays for [`Self::rest`].
    pub(crate) fn get(&mut self, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
        let mut first = None;
        for name in names {
            match self.map.get(*name) {
                Some(value) if !value.is_null() => {
                    if first.is_none() {
                        first = Some((*name, value));
                        self.known.push(name);
                    }
                }
                Some(_) | None => self.known.push(name),
            }
        }
        first
    }

    /// Text of `limits` characters.
    pub(crate) fn text(
        &mut self,
        notes: &mut Notes,
        names: &[&'static str],
        limits: RangeInclusive<usize>,
    ) -> Option<String> {
        let (name, value) = self.get(names)?;
        let text = value
            .as_str()
            .filter(|text| limits.contains(&text.chars().count()));
        if text.is_none() {
            let (least, most) = (limits.start(), limits.end());
            let wanted = format!("{name} must be a text of {least} to {most} characters");
            notes.error(self.place(name), wanted);
        }
        text.map(str::to_owned)
    }

    /// A number inside `limits`.
    pub(crate) fn number(
        &mut self,
        notes: &mut Notes,
        names: &[&'static str],
        limits: RangeInclusive<f64>,
    ) -> Option<f64> {
        let (name, value) = self.get(names)?;
        let number = value.as_f64().filter(|number| limits.contains(number));
        if number.is_none() {
            let (least, most) = (limits.start(), limits.end());
            let wanted = format!("{name} must be a number from {least} to {most}");
            notes.error(self.place(name), wanted);
        }
        number
    }

    /// A whole number inside `limits`.
    pub(crate) fn integer(
        &mut self,
        notes: &mut Notes,
        names: &[&'static str],
        limits: RangeInclusive<i64>,
    ) -> Option<i64> {
        let (name, value) = self.get(names)?;
        let number = value.as_i64().filter(|number| limits.contains(number));
        if number.is_none() {
            let (least, most) = (limits.start(), limits.end());
            let wanted = format!("{name} must be a whole number from {least} to {most}");
            notes.error(self.place(name), wanted);
        }
        number
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, notes: &mut Notes, names: &[&'static str]) -> Option<bool> {
        let (name, value) = self.get(names)?;
        if !value.is_boolean() {
            notes.error(self.place(name), format!("{name} must be true or false"));
        }
        value.as_bool()
    }

    /// A list of at most `limit` entries.
    pub(crate) fn list(
        &mut self,
        notes: &mut Notes,
        names: &[&'static str],
        limit: usize,
    ) -> Option<(&'static str, &'a [Value])> {
        let (name, value) = self.get(names)?;
        match value.as_array() {
            Some(list) if list.len() <= limit => Some((name, list)),
            Some(list) => {
                let wanted = format!("{name} has {} entries, at most {limit}", list.len());
                notes.error(self.place(name), wanted);
                None
            }
            None => {
                notes.error(self.place(name), format!("{name} must be a list"));
                None
            }
        }
    }

    /// A name, given as text or as a whole number.
    pub(crate) fn id<T>(
        &mut self,
        notes: &mut Notes,
        names: &[&'static str],
        parse: fn(String) -> Result<T, IdError>,
    ) -> Option<T> {
        let (name, value) = self.get(names)?;
        let place = self.place(name);
        id_of(value, name, place, notes, parse)
    }

    /// A file below the assets folder, written `/assets/…` or as a relative path.
    pub(crate) fn asset(&mut self, notes: &mut Notes, names: &[&'static str]) -> Option<AssetPath> {
        self.id(notes, names, |text| {
            AssetPath::parse(text.strip_prefix("assets/").unwrap_or(&text))
        })
    }

    /// Anything that reads itself.
    pub(crate) fn value<T: DeserializeOwned>(
        &mut self,
        notes: &mut Notes,
        names: &[&'static str],
    ) -> Option<T> {
        let (name, value) = self.get(names)?;
        match T::deserialize(value) {
            Ok(read) => Some(read),
            Err(error) => {
                let why: String = error.to_string().chars().take(300).collect();
                notes.error(self.place(name), format!("{name}: {why}"));
                None
            }
        }
    }

    /// The fields that nobody asked for: kept as they are, with a warning each.
    pub(crate) fn rest(self, notes: &mut Notes) -> Map<String, Value> {
        let mut rest = Map::new();
        for (key, value) in self.map {
            if !self.known.contains(&key.as_str()) {
                let message = format!("{} is kept, but not used by this version", quote(key));
                notes.warn(step(&self.at, key), message);
                rest.insert(key.clone(), value.clone());
            }
        }
        rest
    }
}

pub(crate) fn id_of<T>(
    value: &Value,
    name: &str,
    place: String,
    notes: &mut Notes,
    parse: fn(String) -> Result<T, IdError>,
) -> Option<T> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => {
            notes.error(place, format!("{name} must be a text or a whole number"));
            return None;
        }
    };
    match parse(text) {
        Ok(id) => Some(id),
        Err(error) => {
            notes.error(place, format!("{name}: {error}"));
            None
        }
    }
}
