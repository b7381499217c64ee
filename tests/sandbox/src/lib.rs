//! A small stand-in for Studio, for tests and by hand.
//!
//! Owns the other side of the link: an authority for certificates, root, command and session keys, a
//! pairing endpoint, a WebSocket server that demands client certificates and session claims, a mosquitto
//! that demands certificates and lets each device at its own topics only, and everything it could sign, honest or not. It verifies what devices say, follows their chains and sends
//! receipts, and keeps what they upload. All of it is made anew at each start. Uses `protocol` for the forms of messages; never
//! looks inside the agent.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clocks and tasks are its own"
)]

mod authority;
mod bare;
mod broker;
pub mod control;
mod desk;
mod keys;
mod mqtt;
mod pairing;
mod raw;
mod server;
mod uploads;

pub use authority::Shows;
pub use bare::Bare;
pub use desk::{Heard, Sent, Studio, Way};
pub use mqtt::Intruder;
pub use raw::Raw;
