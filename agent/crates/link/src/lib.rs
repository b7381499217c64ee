//! The connection to Studio: pairing, TLS with pins, WebSocket or MQTT, and the task that drives dispatch.
//!
//! Owns every socket to the cloud (all of them outbound, uploads among them), the session's claims,
//! reconnection, and the one task that owns `control::Core` and carries its effects out. What a command
//! does to the show is given to it as [`Hands`], where rows are kept as [`Keeper`]: it knows neither the
//! domain nor the store.

mod channel;
mod claims;
mod connection;
mod delivery;
mod driver;
mod identity;
mod knock;
mod mqtt;
mod news;
mod pair;
mod posts;
mod proof;
mod proxy;
mod ring;
mod seams;
mod session;
mod status;
#[cfg(test)]
#[path = "../../../../protocol/tests/support/mod.rs"]
mod studio;
mod tls;
mod upload;
mod ways;

pub use channel::ConnectError;
pub use connection::{Face, Parts, Setup, SetupError, run};
pub use identity::{Identity, IdentityError, Pairing, Transport};
pub use news::{News, Told};
pub use pair::{PairError, PairRequest, pair};
pub use posts::{PostError, PostNonce, Posts};
pub use proof::{ProofError, prove};
pub use proxy::{Proxy, ProxyError};
pub use seams::{About, Hands, KeepError, Keeper, Work};
pub use status::{LinkState, LinkStatus};
pub use tls::{TlsError, Validity};
pub use upload::{UploadError, UploadTarget, upload};
