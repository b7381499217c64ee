//! The NUT container, as much of it as goes between FFmpeg and us: raw pictures and raw sound with
//! their times on one pipe.
//!
//! Owns a reader for what FFmpeg's muxer writes and a writer for what its demuxer reads. Never keeps
//! a frame: payloads are read straight into the caller's buffer and written straight from it.
//!
//! Source: "NUT Open Container Format", <https://git.ffmpeg.org/nut>, and FFmpeg's `libavformat/nut*.c`
//! (version 3, and version 4 as far as streams without sync points need it).

mod bytes;
mod header;
mod reader;
mod writer;

pub use header::{Media, StreamHeader};
pub use reader::{FrameHead, NutError, Reader};
pub use writer::{Writer, WriterSpec};

/// First bytes of every file.
const FILE_ID: &[u8] = b"nut/multimedia container\0";

const MAIN: u64 = 0x4E4D_7A56_1F5F_04AD;
const STREAM: u64 = 0x4E53_1140_5BF2_F9DB;
const SYNCPOINT: u64 = 0x4E4B_E4AD_EECA_4569;
const INDEX: u64 = 0x4E58_DD67_2F23_E64E;
const INFO: u64 = 0x4E49_AB68_B596_BA78;

const FLAG_KEY: u64 = 1;
const FLAG_CODED_PTS: u64 = 8;
const FLAG_STREAM_ID: u64 = 16;
const FLAG_SIZE_MSB: u64 = 32;
const FLAG_CHECKSUM: u64 = 64;
const FLAG_RESERVED: u64 = 128;
const FLAG_SIDE_DATA: u64 = 256;
const FLAG_HEADER_IDX: u64 = 1024;
const FLAG_MATCH_TIME: u64 = 2048;
const FLAG_CODED: u64 = 4096;
const FLAG_INVALID: u64 = 8192;

#[cfg(test)]
mod tests;
