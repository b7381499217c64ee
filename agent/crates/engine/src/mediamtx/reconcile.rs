//! From wanted to real: which calls make the server's paths those that are wanted. Pure.

use super::{PathName, PathSpec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All wanted paths and how often they were changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) revision: u64,
    pub(super) paths: BTreeMap<PathName, Arc<PathSpec>>,
}

/// One call to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Add it or make it so.
    Put(PathName, Arc<PathSpec>),
    /// Take it away.
    Delete(PathName),
}

/// The calls that lead from `applied` to `wanted`. Removals come first: a stream key must not be
/// opened twice. What is forwarded comes last: it reads another path, which has to be there, or it is
/// tried again only after five seconds.
pub(super) fn changes(
    wanted: &BTreeMap<PathName, Arc<PathSpec>>,
    applied: &BTreeMap<PathName, Arc<PathSpec>>,
) -> Vec<Change> {
    let gone = applied
        .keys()
        .filter(|name| !wanted.contains_key(*name))
        .map(|name| Change::Delete(name.clone()));
    let missing = |(name, spec): &(&PathName, &Arc<PathSpec>)| applied.get(*name) != Some(*spec);
    let mut new: Vec<_> = wanted.iter().filter(missing).collect();
    new.sort_by_key(|(_, spec)| spec.forward.is_some());
    let new = new
        .into_iter()
        .map(|(name, spec)| Change::Put(name.clone(), spec.clone()));
    gone.chain(new).collect()
}

/// Names that only we give: what we find under them and do not want is left over from an earlier run.
pub(super) fn ours(name: &str) -> bool {
    matches!(
        name,
        "program" | "program_rtc" | "preview" | "preview/stream"
    ) || ["cam/", "out/", "stream/", "probe/", "program/"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Secret;
    use proptest::prelude::*;

    fn paths(keys: &BTreeMap<u8, u8>) -> BTreeMap<PathName, Arc<PathSpec>> {
        keys.iter()
            .map(|(name, spec)| {
                let address = Secret::new(format!("rtsp://h/{spec}"));
                (
                    PathName::parse(format!("cam/{name}")).unwrap(),
                    Arc::new(PathSpec::pulled(address)),
                )
            })
            .collect()
    }

    proptest! {
        #[test]
        fn the_changes_lead_to_what_is_wanted_and_touch_nothing_else(
            wanted: BTreeMap<u8, u8>, applied: BTreeMap<u8, u8>,
        ) {
            let (wanted, mut applied) = (paths(&wanted), paths(&applied));
            for change in changes(&wanted, &applied) {
                match change {
                    Change::Put(name, spec) => {
                        prop_assert_ne!(applied.get(&name), Some(&spec));
                        applied.insert(name, spec);
                    }
                    Change::Delete(name) => prop_assert!(applied.remove(&name).is_some()),
                }
            }
            prop_assert_eq!(&wanted, &applied);
            prop_assert!(changes(&wanted, &applied).is_empty());
        }
    }

    #[test]
    fn an_operators_own_paths_on_an_outside_server_are_left_alone() {
        assert!(ours("cam/1") && ours("program") && ours("program/720p"));
        assert!(!ours("lobby") && !ours("programme") && !ours("recordings/cam/1"));
    }
}
