//! The kinds of things that are stored, and the keys under which they are.
//!
//! All kinds share one key space of the database, so that a write that touches several of them (an
//! entity, its secret, its parts) is one atomic batch.

/// Longest accepted id in bytes.
const ID_LIMIT: usize = 128;

/// A kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Tree {
    Alerts,
    Assets,
    /// Who did what.
    Audit,
    Cameras,
    /// Signed commands that are remembered.
    Commands,
    Destinations,
    Events,
    Executions,
    /// Single values of the cloud link.
    Link,
    /// Messages to the cloud that wait for their receipt.
    Outbox,
    Overlays,
    Presets,
    Schedules,
    Settings,
    /// Single values of the agent's own, such as what is wanted to run.
    State,
    Streams,
    Timelines,
}

impl Tree {
    /// Its name in keys; never changed once released.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Assets => "assets",
            Self::Audit => "audit",
            Self::Cameras => "cameras",
            Self::Commands => "commands",
            Self::Destinations => "destinations",
            Self::Events => "events",
            Self::Executions => "executions",
            Self::Link => "link",
            Self::Outbox => "outbox",
            Self::Overlays => "overlays",
            Self::Presets => "presets",
            Self::Schedules => "schedules",
            Self::Settings => "settings",
            Self::State => "state",
            Self::Streams => "streams",
            Self::Timelines => "timelines",
        }
    }
}

/// Kinds that tell what was done up to this moment. They are in no copy: with an old one of them
/// things would be taken for not done that were. (An old audit would do no harm, but it is long.)
const OF_THE_MOMENT: [Tree; 4] = [Tree::Audit, Tree::Commands, Tree::Link, Tree::Outbox];

/// Whether a key belongs into a copy of the database.
pub(crate) fn is_copied(key: &[u8]) -> bool {
    let of = |tree: Tree| {
        let (row, part) = (rows(tree), format!("{PARTS}{}/", tree.as_str()));
        key.starts_with(row.as_bytes()) || key.starts_with(part.as_bytes())
    };
    !OF_THE_MOMENT.into_iter().any(of)
}

/// Where the schema's version is kept.
pub(crate) const SCHEMA_KEY: &[u8] = b"meta/schema";

/// Begins the key of every sealed secret.
pub(crate) const SECRETS: &str = "secret/";

/// Begins the key of every part of a large document.
pub(crate) const PARTS: &str = "part/";

/// Whether an id can stand in a key.
pub(crate) fn id_is_valid(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_LIMIT && !id.chars().any(|c| c == '/' || c.is_control())
}

pub(crate) fn rows(tree: Tree) -> String {
    format!("row/{}/", tree.as_str())
}

pub(crate) fn row(tree: Tree, id: &str) -> String {
    format!("row/{}/{id}", tree.as_str())
}

pub(crate) fn secret(tree: Tree, id: &str) -> String {
    format!("{SECRETS}{}/{id}", tree.as_str())
}

pub(crate) fn counter(tree: Tree) -> String {
    format!("next/{}", tree.as_str())
}

/// The parts of one version of one document: `part/<tree>/<id>/<generation>/`.
pub(crate) fn parts(tree: Tree, id: &str, generation: u64) -> String {
    format!("{PARTS}{}/{id}/{generation:016x}/", tree.as_str())
}
