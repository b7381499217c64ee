//! Everything that must survive a restart, and the only crate that knows sled.
//!
//! Owns the data folder: the database (`db/`), how far it has come (`db-mark`), the key that seals
//! secrets (`secret.key`), copies of the database (`snapshots/`), some room for a full disk (`room`) and the
//! lock that keeps a second agent out. Entities are JSON under a [`Tree`] and an id; what a document means is their owner's business. Never reads a clock (time is an
//! argument) and never opens a socket. Blocking: the agent calls it off its async threads. Uses `model`
//! and `protocol`.
//!
//! A call that returns `Ok` after [`Store::put`], [`Store::delete`], [`Store::commit`] or
//! [`Store::flush_durable`] cannot be undone by a crash or a power cut.

mod ballast;
mod batch;
mod error;
mod files;
mod open;
mod record;
mod sealed;
mod secret;
mod snapshot;
mod store;
mod sync;
mod tree;
mod upgrade;
mod writes;

pub use batch::Batch;
pub use error::{OpenError, ReadError, SecretError, WriteError};
pub use open::{Opened, Recovered};
pub use record::DOCUMENT_LIMIT;
pub use sealed::SealedFile;
pub use store::Store;
pub use tree::Tree;
pub use upgrade::SCHEMA;
