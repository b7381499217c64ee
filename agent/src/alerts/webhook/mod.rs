//! The webhook: a server outside that is told of alerts.
//!
//! Owns its address and secret (both sealed), the signature, the rules of where it may lead, and the
//! queue with its retries. Never follows a redirect, never reads an answer's body, never waits on the
//! keeper's time.

mod queue;
mod send;
mod target;
#[cfg(test)]
mod tests;
mod view;

pub(super) use queue::Queue;
pub use send::DeliveryError;
pub(super) use send::{Delivery, Event, Sender};
pub use target::{OwnPorts, Reach, TargetError};
pub(super) use view::{Hook, apply};
pub use view::{WebhookDraft, WebhookTest, WebhookView};
