//! Publishes coded packets to the media server by RTSP over TCP, in sessions of our own.
//!
//! Owns one connection an output: it is made when there is something to publish, made anew when the
//! server went away, and ended when nothing comes any more. An encoder that is replaced is not seen
//! here. Never encodes, never decides what is published. Neighbours: `program` gives the packets.

pub(crate) mod h264;
mod output;
mod rtp;
mod rtsp;
mod sdp;

pub(crate) use output::Publisher;
pub use output::PublisherStats;
pub(crate) use rtsp::time_ns;

use crate::program::AudioCodec;
use std::sync::Arc;

/// What a reader has to know of an encode before its first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// H.264's sequence parameter set, without start code.
    pub(crate) sps: Vec<u8>,
    /// H.264's picture parameter set, without start code.
    pub(crate) pps: Vec<u8>,
    /// AAC's configuration, where there is AAC.
    pub(crate) aac: Vec<u8>,
}

/// Bytes of a sequence parameter set that say which pictures can be decoded with it: profile, level,
/// and the beginning of the sizes. What follows holds the bit rate too.
const SPS_HEAD: usize = 8;

impl Form {
    /// Whether what was made for `other` can be decoded by a reader who was told of this.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        let head = |form: &Self| {
            form.sps
                .get(..SPS_HEAD.min(form.sps.len()))
                .map(<[u8]>::to_vec)
        };
        self.pps == other.pps && self.aac == other.aac && head(self) == head(other)
    }
}

/// Which track a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Track {
    /// H.264.
    Picture,
    /// Sound of this codec.
    Sound(AudioCodec),
}

/// A coded packet.
#[derive(Debug)]
pub(crate) struct Coded {
    pub(crate) track: Track,
    /// Program frame, or program sample at which the sound begins.
    pub(crate) at: u64,
    /// Pictures: decoding can begin here.
    pub(crate) key: bool,
    /// When it came out of the encoder, [`runtime::SystemClock`] nanoseconds.
    pub(crate) made_ns: u64,
    pub(crate) data: Vec<u8>,
    /// Pictures: the units in `data` that are sent.
    pub(crate) units: h264::Units,
    pub(crate) form: Arc<Form>,
}
