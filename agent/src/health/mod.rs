//! How the agent is: what is wrong, why, and what the operator can do about it.
//!
//! Owns the rules ([`rules`](self::rules::rules), pure), what follows from what ([`ledger`], pure), and
//! the unit that looks at the show, the media server and the machine, and the figures of the last day. Never acts on what it finds:
//! `alerts` tells people, the show recovers by itself. Neighbours: `show`, `telemetry::system`, `alerts`.

mod finding;
mod history;
mod ledger;
mod rules;
mod seen;
mod trend;
mod watcher;

pub use finding::{Finding, Key, Report, Status, Subject, SubjectKind};
pub use history::{History, POINTS, Row};
pub use seen::{
    CameraSeen, CredentialsSeen, DestinationSeen, MediaSeen, ProgramSeen, Seen, StandIn, StreamSeen,
};
pub use watcher::{Health, Watcher};
