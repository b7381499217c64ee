//! FFmpeg, MediaMTX and the mixer thread: everything that runs beside the agent or on its own clock.
//!
//! Owns child processes, the pipes to and from them, the frames in between, and the program clock.
//! Never decides what is on air (a [`model::Director`] does), never stores anything, knows no wire
//! format of ours. Uses `model`, `runtime` and `mixer`.

pub mod filler;
pub mod input;
pub mod mediamtx;
pub mod nut;
pub mod process;
pub mod program;
mod publish;
pub mod relay;
pub mod tools;
pub mod trial;
