//! All that crosses a wire, as types: envelopes, keys, messages, commands, refusals.
//!
//! Owns their forms and limits, the verification of signatures, and the rules about versions, time and
//! replay as functions of their arguments. Pure: no files, no clock, no sockets, no randomness. Everyone
//! may use it; it uses nobody. `docs/PROTOCOL.md` says the same in words.

mod chain;
pub mod command;
mod condition;
mod envelope;
mod error;
mod hello;
mod json;
mod key;
mod kind;
mod message;
mod moment;
mod problem;
mod replay;
mod report;
pub mod schema;
mod time;
mod topic;
mod trust;
pub mod verify;
mod version;
mod words;

pub use chain::{ChainError, ChainHead, ChainTail, Link};
pub use condition::{Condition, Severity};
pub use envelope::{Envelope, SIGNATURE_LIMIT, assemble, digest, kind_of, pae, seal};
pub use error::{Code, HasCode, Problem};
pub use hello::{Capabilities, ClockReport, ClockSource, DeviceState, Hello, Welcome};
pub use json::{DEPTH_LIMIT, NUMBER_LIMIT, ParseError, SIZE_LIMIT, VALUE_LIMIT, parse, shape};
pub use key::{KeyError, PublicKey, SIGNATURE_BYTES, SigningKey, SigningKeyError};
pub use kind::{KeyUse, Kind, Signer};
pub use message::{CommandMessage, LIFE_LIMIT_MS, Lane, Message};
pub use moment::{Floor, Moment, SKEW_MS, TrustedTime};
pub use replay::{LEAP, SeqVerdict, WINDOW, Window};
pub use report::{
    Ack, AckStatus, DestinationMetrics, Event, EventType, Metrics, NetworkMetrics, Progress,
    ProgressState, Receipt, ShowMetrics, StreamMetrics,
};
pub use time::{TimeError, Timestamp};
pub use topic::{Carried, Topics};
pub use trust::{
    AdoptError, KEY_LIMIT, KeyRecord, Keyset, RootKey, RootRecord, Trust, TrustRecord,
};
pub use verify::{About, Reader, Refusal, Verified, VerifyError};
pub use version::{Flags, OCL_VERSIONS, SCHEMA_VERSIONS, is_readable, negotiate};
pub use words::{
    Axis, Base64, Checksum, Cidr, DeviceId, Digest, Flag, Hidden, Id, KeyId, MessageId, Name,
    Nonce, Percent, Scale, Seconds, Semver, Share, StreamRef, TenantId, Text, Uri, WordError,
};
