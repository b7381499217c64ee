//! The running program with the real FFmpeg and MediaMTX on free ports.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod rig;
mod running;
mod sync;
mod takeover;
