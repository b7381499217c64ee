//! Who may import whom, among our own crates and from outside.

/// One dependency as declared: who, on whom, and whether for tests only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The crate that depends.
    pub from: String,
    /// The crate it depends on.
    pub to: String,
    /// Declared under `[dev-dependencies]`.
    pub for_tests: bool,
}

/// Our crates and which of ours each may use. A crate without a row is refused; a new entry needs a
/// decision under docs/decisions.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("model", &["protocol"]),
    ("timeline", &["model", "protocol"]),
    ("program", &["model", "protocol"]),
    ("overlay", &["model", "protocol"]),
    ("stream", &["model", "protocol"]),
    ("mixer", &["model"]),
    ("runtime", &[]),
    ("control", &["protocol"]),
    ("link", &["protocol", "control", "runtime"]),
    ("store", &["model", "protocol"]),
    ("engine", &["model", "runtime", "mixer"]),
    (
        "vistter-agent",
        &[
            "protocol", "model", "timeline", "program", "mixer", "overlay", "stream", "runtime",
            "store", "engine", "control", "link",
        ],
    ),
    ("harness", &["engine"]),
    ("sandbox", &["protocol"]),
    ("integration", &["harness", "sandbox", "protocol"]),
    ("tidy", &[]),
];

/// Crates from outside and which of ours alone may name them; nobody where the list is empty.
pub const BANS: &[(&str, &[&str])] = &[
    ("sled", &["store"]),
    ("axum", &["vistter-agent", "harness"]),
    ("tower-http", &["vistter-agent"]),
    ("utoipa", &["vistter-agent"]),
    ("rust-embed", &["vistter-agent"]),
    ("resvg", &["overlay", "harness"]),
    ("schemars", &["protocol"]),
    ("rumqttc", &["link", "sandbox"]),
    ("openssl", &[]),
    ("openssl-sys", &[]),
    ("native-tls", &[]),
    ("aws-lc-rs", &[]),
    ("aws-lc-sys", &[]),
];

/// Crates that a pure crate may not even have in reach: they do I/O, read clocks or start threads.
const NOT_PURE: &[&str] = &[
    "tokio", "reqwest", "rustix", "axum", "sled", "jiff", "rayon",
];
const PURE: &[&str] = &[
    "protocol", "model", "timeline", "program", "overlay", "stream", "mixer", "control",
];

/// Says which edges between our crates are not in [`MAY_USE`], and which crates have no row.
#[must_use]
pub fn layer_faults(ours: &[String], edges: &[Edge]) -> Vec<String> {
    let mut faults = Vec::new();
    for name in ours {
        let Some((_, allowed)) = MAY_USE.iter().find(|(row, _)| row == name) else {
            faults.push(format!("{name} has no row in the import table"));
            continue;
        };
        for edge in edges.iter().filter(|e| e.from == *name && !e.for_tests) {
            if ours.contains(&edge.to) && !allowed.contains(&edge.to.as_str()) {
                faults.push(format!("{name} may not use {}", edge.to));
            }
            if PURE.contains(&name.as_str()) && NOT_PURE.contains(&edge.to.as_str()) {
                faults.push(format!("{name} is pure and may not use {}", edge.to));
            }
        }
    }
    faults
}

/// Says which crates from outside are used by somebody who may not name them. `edges` are those of
/// our crates; `everything` is every crate in the build, however it got there.
#[must_use]
pub fn ban_faults(edges: &[Edge], everything: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for (banned, users) in BANS {
        if users.is_empty() && everything.iter().any(|name| name == banned) {
            faults.push(format!(
                "{banned} is in the build; see cargo tree -i {banned}"
            ));
        }
        for edge in edges.iter().filter(|e| e.to == *banned) {
            if !users.contains(&edge.from.as_str()) {
                faults.push(format!("{} may not use {banned}", edge.from));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str) -> Edge {
        Edge {
            from: from.into(),
            to: to.into(),
            for_tests: false,
        }
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_edge_outside_the_table_is_a_fault() {
        let ours = names(&[
            "engine", "store", "timeline", "program", "model", "mixer", "control",
        ]);
        for (from, to) in [
            ("engine", "store"),
            ("timeline", "program"),
            ("program", "mixer"),
            ("control", "store"),
        ] {
            let faults = layer_faults(&ours, &[edge(from, to)]);
            assert_eq!(faults, [format!("{from} may not use {to}")]);
        }
        assert!(layer_faults(&ours, &[edge("engine", "mixer")]).is_empty());
    }

    #[test]
    fn a_crate_without_a_row_is_a_fault() {
        assert_eq!(
            layer_faults(&names(&["helpers"]), &[]),
            ["helpers has no row in the import table"]
        );
    }

    #[test]
    fn a_pure_crate_with_a_socket_is_a_fault() {
        let faults = layer_faults(&names(&["stream"]), &[edge("stream", "tokio")]);
        assert_eq!(faults, ["stream is pure and may not use tokio"]);
    }

    #[test]
    fn a_dependency_for_tests_is_free() {
        let free = Edge {
            for_tests: true,
            ..edge("engine", "store")
        };
        assert!(layer_faults(&names(&["engine", "store"]), &[free]).is_empty());
    }

    #[test]
    fn only_its_owner_may_name_a_banned_crate() {
        assert_eq!(
            ban_faults(&[edge("engine", "sled")], &[]),
            ["engine may not use sled"]
        );
        assert!(ban_faults(&[edge("store", "sled")], &names(&["sled"])).is_empty());
    }

    #[test]
    fn a_crate_banned_for_all_is_found_wherever_it_comes_from() {
        assert_eq!(ban_faults(&[], &names(&["openssl-sys"])).len(), 1);
    }
}
