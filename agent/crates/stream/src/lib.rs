//! Where the program goes: profiles, destinations, renditions and the states of a stream.
//!
//! Owns the shipped profiles and the platforms' presets, what makes a destination valid, the address
//! that the media server is given for it, which encodes a set of destinations needs, and four state
//! machines: one destination's connection, one stream, IDLE/PREVIEW/LIVE, and degraded mode. Pure: no I/O, no clock
//! (time is an argument), no threads. Uses `model` and `protocol`; `agent` calls it and carries out the
//! effects.

mod address;
mod degraded;
mod destination;
mod egress;
mod ingest;
mod key;
mod preset;
mod profile;
mod rendition;
mod router;
mod state;

pub use address::AddressError;
pub use degraded::{Change, Quality, Reason, Rules, Seen, State as Degraded, observe};
pub use destination::{
    DestinationDraft, DestinationError, DestinationView, KEY_LIMIT, create, update, view,
};
pub use egress::{
    ACTIVE_RESET, CONNECT_LIMIT, Cause, EgressEffect, EgressEvent, EgressPlan, EgressState,
    FAILED_WAIT, MAX_TRIES, PROBE_CLOSED, PROBE_EVERY, Record, SETTLED, SIDE_TRIES, STALL_LIMIT,
    Side, UNFED_LIMIT, WEBRTC_LIMIT, classify, delay, slow_message, step,
};
pub use ingest::{Ingest, IngestError, IngestProtocol, Sound, Target, ingest, target};
pub use key::mask;
pub use preset::{Preset, preset, presets};
pub use profile::{PROFILES, PROGRAM_GOP_MS, profile, program_profile};
pub use rendition::{Note, Plan, Rendition, renditions};
pub use router::{
    Candidate, DestinationFault, GoLiveError, Mode, NotLiveError, Router, StartPreviewError,
    StopError,
};
pub use state::{StreamEvent, StreamState, stream_step};
