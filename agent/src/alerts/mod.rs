//! Alerts: what the operator is told, when it began and ended, and who else is told.
//!
//! Owns the records (kept in the store, bounded), their acknowledgement, and the webhook that carries
//! them to a server outside. One root of trouble is one alert; what follows from it stands in it. Never
//! looks at the show itself: it takes `health`'s reports.

mod book;
mod error;
mod keeper;
mod record;
mod webhook;

pub use error::AlertError;
pub use keeper::{Alerts, Board, Keeper, KeeperParts};
pub use record::{Alert, AlertState, ClearedBy};
pub use webhook::{
    DeliveryError, OwnPorts, Reach, TargetError, WebhookDraft, WebhookTest, WebhookView,
};
