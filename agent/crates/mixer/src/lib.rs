//! Pure kernels of the mixer: blend pictures, place sources on the program clock, mix sound.
//!
//! Owns the arithmetic of one program frame. It never reads a clock, does no I/O, starts no thread,
//! and no call that is made once a frame allocates. `engine` calls it from the mixer thread; what is
//! to be blended is decided elsewhere (`model::FramePlan`).
//!
//! - [`picture`]: crossfade, wipe and key on 8-bit 4:2:0 pictures.
//! - [`timing`]: one offset per source from its PTS to program time, shared by picture and sound.
//! - [`sound`]: one source's sound rendered at the asked time, and the sum of several.

pub mod picture;
pub mod sound;
pub mod timing;
