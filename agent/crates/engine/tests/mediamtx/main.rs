//! The media server with the real MediaMTX and FFmpeg on free ports.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod cameras;
mod paths;
mod rig;
