//! The show's plan on a clock: what a timeline document says, and what is due at a position.
//!
//! Owns the document ([`parse`], [`validate`]), its compiled form ([`compile`], [`Rundown`]) and the
//! position of a running show ([`Transport`]). Never does I/O, reads no clock, knows no input of the
//! mixer and no file on the disk. Uses `model` for shared words and `protocol` for error codes; the
//! agent joins it with `program` and `overlay`.

mod action;
mod document;
mod fields;
mod look;
mod parse;
mod rundown;
mod transport;
mod validate;

pub use action::{Action, Cue, TransitionType};
pub use document::{Fallback, FallbackPicture, Timeline, Track, TrackKind};
pub use fields::Issue;
pub use look::{Blend, GraphicNow, Look, Shown, Upcoming, VideoNow};
pub use parse::{DURATION_LIMIT, TimelineError, parse, parse_value};
pub use rundown::{GraphicCue, Rundown, SourceUse, VideoCue, compile};
pub use transport::{Playing, Position, Transport, TransportError};
pub use validate::{Known, Report, validate};

#[cfg(test)]
mod tests;
