//! The bundle for support: how the agent is and what it logged, as one document without secrets.
//!
//! Owns its sections' names, its form and its limit (`bundle`), and the last look for secrets in it
//! (`redact`); both are pure. What stands in a section is asked of the modules, and where it goes is the
//! caller's.

mod bundle;
mod redact;

pub use bundle::{Bundle, bundle};
pub use redact::Redactor;

use crate::telemetry::LogTail;
use model::Secret;
use protocol::{Code, HasCode};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Longest piece of an unknown name that is repeated, in characters.
const SAID: usize = 64;

/// A part of the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Which agent on which machine, and since when.
    About,
    /// The settings that can change, as they are in force.
    Settings,
    /// What is wrong: health, alerts, notices.
    Health,
    /// What runs.
    Show,
    /// The figures of this moment.
    Metrics,
    /// The link to Studio.
    Link,
    /// Cameras, destinations, streams and timelines that are kept.
    Inventory,
    /// Who did what.
    Audit,
    /// The end of the log.
    Log,
}

impl Section {
    /// All of them, in their order in the bundle.
    pub const ALL: [Self; 9] = [
        Self::About,
        Self::Settings,
        Self::Health,
        Self::Show,
        Self::Metrics,
        Self::Link,
        Self::Inventory,
        Self::Audit,
        Self::Log,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Settings => "settings",
            Self::Health => "health",
            Self::Show => "show",
            Self::Metrics => "metrics",
            Self::Link => "link",
            Self::Inventory => "inventory",
            Self::Audit => "audit",
            Self::Log => "log",
        }
    }

    /// Those that are named, in their order in the bundle and each once; all of them where none is.
    ///
    /// # Errors
    /// [`UnknownSection`], the first of them.
    pub fn named(names: &[String]) -> Result<Vec<Self>, UnknownSection> {
        let known = |name: &String| Self::ALL.iter().any(|one| one.as_str() == name);
        if let Some(place) = names.iter().position(|name| !known(name)) {
            let name = names[place].chars().take(SAID).collect();
            return Err(UnknownSection { place, name });
        }
        let wanted = |one: &Self| names.is_empty() || names.iter().any(|name| name == one.as_str());
        Ok(Self::ALL.into_iter().filter(wanted).collect())
    }
}

/// A name that no section has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a bundle has no section {name:?}; there are {}", Section::ALL.map(Section::as_str).join(", "))]
pub struct UnknownSection {
    place: usize,
    name: String,
}

impl HasCode for UnknownSection {
    fn code(&self) -> Code {
        Code::SchemaInvalid
    }

    fn field(&self) -> Option<String> {
        Some(format!("/include/{}", self.place))
    }
}

/// What bundles are made of beside what the modules say. Cheap to clone.
#[derive(Clone)]
pub struct Diagnostics {
    log: LogTail,
    /// Secrets that are in no store: of the file and of this run.
    known: Arc<Vec<Secret>>,
    /// Held by whoever makes a bundle: two at once would take twice the memory.
    turn: Arc<Mutex<()>>,
}

impl Diagnostics {
    /// With the end of this log, and without these secrets.
    #[must_use]
    pub fn new(log: LogTail, known: Vec<Secret>) -> Self {
        Self {
            log,
            known: Arc::new(known),
            turn: Arc::default(),
        }
    }

    /// The end of the log.
    #[must_use]
    pub const fn log(&self) -> &LogTail {
        &self.log
    }

    /// The secrets that are in no store.
    #[must_use]
    pub fn known(&self) -> &[Secret] {
        &self.known
    }

    /// Waits until nobody else makes a bundle.
    pub async fn turn(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<Vec<Section>, UnknownSection> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Section::named(&names)
    }

    #[test]
    fn sections_come_in_their_order_and_once_and_all_where_none_is_named() {
        assert_eq!(named(&[]).unwrap(), Section::ALL);
        assert_eq!(
            named(&["log", "about", "log"]).unwrap(),
            [Section::About, Section::Log]
        );
    }

    #[test]
    fn an_unknown_name_is_refused_with_its_place_and_the_known_ones() {
        let long = "x".repeat(300);
        for (names, place) in [
            (vec!["passwords"], 0),
            (vec!["log", "Log"], 1),
            (vec!["about", "", "log"], 1),
            (vec!["log", "about", long.as_str()], 2),
        ] {
            let problem = named(&names).unwrap_err().problem();
            assert_eq!(problem.code, Code::SchemaInvalid);
            assert_eq!(problem.field, Some(format!("/include/{place}")));
            for section in Section::ALL {
                assert!(problem.message.contains(section.as_str()), "{problem:?}");
            }
            assert!(problem.message.len() < 250, "{problem:?}");
        }
    }
}
