//! The words that every part shares, as values.
//!
//! Owns ids, sizes, rates, sources, graphics, profiles and the plan of one program frame. Never does
//! I/O, reads no clock, knows no codec. Uses `protocol` for error codes; everyone uses it.

mod camera;
mod destination;
mod graphic;
mod id;
mod plan;
mod profile;
mod raster;
mod rate;
mod secret;
mod size;
mod source;

pub use camera::{AudioPolicy, Camera, CameraKind, CameraProtocol};
pub use destination::{Destination, Platform};
pub use graphic::{Colour, Graphic, GraphicKind, Position};
pub use id::{
    AlertId, AssetPath, CameraId, CueId, DestinationId, IdError, StreamId, TimelineId, TrackId,
};
pub use plan::{
    AudioFeed, Director, FramePlan, InputHealth, InputState, Layer, MAX_FEEDS, MAX_GRAPHICS,
    MAX_LAYERS, Picture, RasterId, Shot, Strain, Transition,
};
pub use profile::{EncoderName, H264Profile, Profile, ProfileName, RateMode, X264Preset};
pub use raster::{Raster, Still};
pub use rate::{FrameRate, RateError, SAMPLE_RATE};
pub use secret::Secret;
pub use size::{Size, SizeError};
pub use source::{Fit, InputId, Pattern, Source};
