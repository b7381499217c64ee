//! Versions of the wire and feature flags: what both sides agree on before they talk.

use crate::words::{Flag, Semver};
use std::collections::BTreeMap;

/// Schema versions that this code speaks, best first.
pub const SCHEMA_VERSIONS: &[&str] = &["1.0"];

/// Versions of the overlay language that this code reads. None yet.
pub const OCL_VERSIONS: &[&str] = &[];

/// The two numbers of a version that mean something.
#[must_use]
pub(crate) fn major_minor(version: &Semver) -> (u32, u32) {
    let mut parts = version.as_str().split('.').map(|part| part.parse().ok());
    let mut next = || parts.next().flatten().unwrap_or(0);
    (next(), next())
}

/// Whether a message of this schema version can be read: the same major as one of ours. A newer minor
/// can, as long as the flags that the message names are known.
#[must_use]
pub fn is_readable(version: &Semver) -> bool {
    let (major, _) = major_minor(version);
    ours().any(|(known, _)| known == major)
}

fn ours() -> impl Iterator<Item = (u32, u32)> {
    SCHEMA_VERSIONS
        .iter()
        .filter_map(|text| Semver::parse(*text).ok())
        .map(|version| major_minor(&version))
}

/// The version that two sides speak: the highest major that both know, and of it the lower of their
/// highest minors. `None` where they share no major.
#[must_use]
pub fn negotiate(theirs: &[Semver]) -> Option<Semver> {
    let mut best: Option<(u32, u32)> = None;
    for (major, minor) in ours() {
        let highest = theirs
            .iter()
            .map(major_minor)
            .filter(|(their_major, _)| *their_major == major)
            .map(|(_, their_minor)| their_minor)
            .max();
        if let Some(their_minor) = highest {
            best = best.max(Some((major, minor.min(their_minor))));
        }
    }
    best.and_then(|(major, minor)| Semver::parse(format!("{major}.{minor}")).ok())
}

/// Feature flags as they are in force: what the build can, less what configuration and then the other
/// side switch off. Neither can switch on what the build cannot do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    on: BTreeMap<Flag, bool>,
}

impl Flags {
    /// The flags of a build, all on.
    #[must_use]
    pub fn of_build(known: impl IntoIterator<Item = Flag>) -> Self {
        Self {
            on: known.into_iter().map(|flag| (flag, true)).collect(),
        }
    }

    /// The same flags with another layer's word on them; flags that the build does not know stay unknown.
    #[must_use]
    pub fn overlaid(mut self, layer: &BTreeMap<Flag, bool>) -> Self {
        for (flag, wanted) in layer {
            if let Some(on) = self.on.get_mut(flag) {
                *on = *wanted;
            }
        }
        self
    }

    /// The first of these flags that is unknown or off.
    #[must_use]
    pub fn missing<'a>(&self, wanted: &'a [Flag]) -> Option<&'a Flag> {
        wanted
            .iter()
            .find(|flag| !self.on.get(*flag).copied().unwrap_or(false))
    }

    /// Those that are on.
    pub fn on(&self) -> impl Iterator<Item = &Flag> {
        self.on.iter().filter(|(_, on)| **on).map(|(flag, _)| flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(list: &[&str]) -> Vec<Semver> {
        list.iter()
            .map(|text| Semver::parse(*text).unwrap())
            .collect()
    }

    #[test]
    fn two_sides_speak_the_lower_minor_of_a_shared_major() {
        let agreed = |list: &[&str]| negotiate(&versions(list)).map(|v| v.to_string());
        assert_eq!(agreed(&["1.0"]), Some("1.0".into()));
        assert_eq!(agreed(&["3.0", "1.7", "2.1"]), Some("1.0".into()));
        assert_eq!(agreed(&["2.0"]), None);
        assert_eq!(agreed(&[]), None);
    }

    #[test]
    fn a_newer_minor_is_read_and_a_newer_major_is_not() {
        for (text, readable) in [
            ("1.0", true),
            ("1.9.3", true),
            ("2.0", false),
            ("0.9", false),
        ] {
            assert_eq!(
                is_readable(&Semver::parse(text).unwrap()),
                readable,
                "{text}"
            );
        }
    }

    #[test]
    fn nobody_can_switch_on_what_the_build_cannot_do() {
        let flag = |text: &str| Flag::parse(text).unwrap();
        let flags = Flags::of_build([flag("timeline.seek"), flag("preview.webrtc")]).overlaid(
            &[
                (flag("timeline.seek"), false),
                (flag("record.program"), true),
            ]
            .into(),
        );
        assert_eq!(
            flags.missing(&[flag("record.program")]),
            Some(&flag("record.program"))
        );
        assert_eq!(
            flags.missing(&[flag("preview.webrtc"), flag("timeline.seek")]),
            Some(&flag("timeline.seek"))
        );
        assert_eq!(flags.on().count(), 1);
    }
}
