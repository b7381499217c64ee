//! The running show, seen from outside: a handle to ask with, and a picture of how it is.
//!
//! Owns the questions anyone may ask of the show and the shape of its state. The show itself is one
//! task that answers the questions in order; nobody else holds its state. Asked by `modules`,
//! watched by `local_api` and `telemetry`.

mod admission;
mod board;
mod cameras;
mod degraded;
mod director;
mod encoding;
mod error;
mod fillers;
mod gallery;
mod handle;
mod inputs;
mod knock;
mod memory;
mod notices;
mod opening;
mod owner;
mod parts;
mod report;
mod resume;
mod resuming;
mod revival;
mod roster;
mod sending;
mod session;
mod solo;
mod sources;
mod status;
mod straight;

pub use admission::Admission;
pub use error::ShowError;
pub use fillers::Fillers;
pub use handle::{Answer, Inbox, OverlayEdit, Request, Show, StreamPlan, Take, TakeTransition};
pub use memory::{Memory, Recalled, recall};
pub use owner::Owner;
pub use parts::{Encoders, Parts};
pub use resume::Moment;
pub use status::{
    ActiveOverlay, DestinationAddress, DestinationState, DestinationStatus, EncoderStatus,
    InputStatus, Mode, OnAirRung, OnAirStatus, Position, ProgramStatus, QualityStatus, QualityStep,
    ShowStatus, ShownTimeline, StreamState, StreamStatus,
};
