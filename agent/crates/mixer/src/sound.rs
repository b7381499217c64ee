//! Sound: one source at the asked time, and the sum of several. 48 kHz, stereo, interleaved
//! (left, right).
//!
//! Owns resampling, ramps and saturation. Never decides who is heard. Neighbours: `timing`, whose
//! offset says which PTS is wanted; `model::AudioFeed`, which says how loud.

mod lane;
mod mixdown;

pub use lane::Lane;
pub use mixdown::Mixdown;
