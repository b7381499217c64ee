//! Writes what FFmpeg's demuxer reads.

use super::bytes::{crc, put_s, put_v, put_vb};
use super::header::WRITTEN;
use super::{FILE_ID, FLAG_CHECKSUM, FLAG_CODED, FLAG_KEY, INFO, MAIN, STREAM, SYNCPOINT};
use model::{FrameRate, SAMPLE_RATE, Size};
use std::io::{self, Write};

/// What is going to be written: one picture track in 4:2:0 and one sound track in 16-bit stereo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterSpec {
    /// Size of every picture.
    pub size: Size,
    /// A picture's time is counted in frames of this rate.
    pub rate: FrameRate,
}

/// Main flag: there are no sync points after the first.
const FLAG_PIPE: u64 = 2;

const VIDEO: u64 = 0;
const AUDIO: u64 = 1;
/// The stream is a pipe: sync points may be missing, however large the frames are.
const PIPE: u64 = 2;
/// Low bits of a time that may stand alone; the writer always writes times in full.
const SHIFT: u32 = 7;

/// Writes a NUT file from front to back. It writes no sync point but the first, so that a reader's
/// memory does not grow over a long show.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    size: Size,
    head: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the headers.
    ///
    /// # Errors
    /// When the pipe fails.
    pub fn open(mut to: W, spec: WriterSpec) -> io::Result<Self> {
        let mut out = FILE_ID.to_vec();
        packet(&mut out, MAIN, &main_header(spec));
        packet(&mut out, STREAM, &video_header(spec));
        packet(&mut out, STREAM, &audio_header());
        packet(&mut out, INFO, &rate_info(spec));
        let mut sync = Vec::new();
        put_v(&mut sync, 0); // time 0 in time base 0
        put_v(&mut sync, 0); // no sync point before
        packet(&mut out, SYNCPOINT, &sync);
        to.write_all(&out)?;
        to.flush()?;
        Ok(Self {
            to,
            size: spec.size,
            head: Vec::with_capacity(64),
        })
    }

    /// Writes a picture: frame number `n`, [`Size::yuv420_bytes`] bytes.
    ///
    /// # Errors
    /// When the pipe fails, or the picture has another length.
    pub fn picture(&mut self, n: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() != self.size.yuv420_bytes() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.frame(VIDEO, n, bytes)
    }

    /// Writes sound that begins at sample `at`: interleaved stereo.
    ///
    /// # Errors
    /// When the pipe fails.
    pub fn sound(&mut self, at: u64, samples: &[i16], scratch: &mut Vec<u8>) -> io::Result<()> {
        scratch.clear();
        scratch.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        self.frame(AUDIO, at, scratch)
    }

    fn frame(&mut self, stream: u64, pts: u64, bytes: &[u8]) -> io::Result<()> {
        let head = &mut self.head;
        head.clear();
        head.push(0); // the one frame code, whose flags are all coded
        put_v(head, FLAG_KEY | FLAG_CHECKSUM | WRITTEN ^ FLAG_CODED);
        put_v(head, stream);
        put_v(head, pts + (1 << SHIFT));
        put_v(head, bytes.len() as u64);
        let sum = crc(head);
        head.extend_from_slice(&sum.to_be_bytes());
        self.to.write_all(head)?;
        self.to.write_all(bytes)?;
        self.to.flush()
    }
}

fn packet(out: &mut Vec<u8>, code: u64, body: &[u8]) {
    let begin = out.len();
    out.extend_from_slice(&code.to_be_bytes());
    let length = body.len() as u64 + 4;
    put_v(out, length);
    if length > 4096 {
        let sum = crc(out.get(begin..).unwrap_or_default());
        out.extend_from_slice(&sum.to_be_bytes());
    }
    out.extend_from_slice(body);
    out.extend_from_slice(&crc(body).to_be_bytes());
}

fn main_header(spec: WriterSpec) -> Vec<u8> {
    let mut h = Vec::new();
    put_v(&mut h, 4); // version: the first that has flags
    put_v(&mut h, 1); // minor version
    put_v(&mut h, 2); // streams
    put_v(&mut h, 65_536); // max_distance; larger frames carry a checksum
    put_v(&mut h, 2); // time bases
    put_v(&mut h, spec.rate.den().into());
    put_v(&mut h, spec.rate.num().into());
    put_v(&mut h, 1);
    put_v(&mut h, SAMPLE_RATE.into());
    // One run of all 255 codes (the 256th is 'N'): everything is coded with the frame.
    put_v(&mut h, FLAG_CODED);
    put_v(&mut h, 6); // fields that follow
    put_s(&mut h, 0); // pts delta
    put_v(&mut h, 1); // size multiplier
    put_v(&mut h, 0); // stream
    put_v(&mut h, 0); // size
    put_v(&mut h, 0); // reserved
    put_v(&mut h, 255); // count
    put_v(&mut h, 0); // elided headers
    put_v(&mut h, FLAG_PIPE);
    put_v(&mut h, PIPE);
    h
}

fn video_header(spec: WriterSpec) -> Vec<u8> {
    let mut h = Vec::new();
    put_v(&mut h, VIDEO);
    put_v(&mut h, 0); // class: video
    put_vb(&mut h, b"I420");
    put_v(&mut h, 0); // time base
    put_v(&mut h, SHIFT.into());
    put_v(&mut h, 1 << 14); // max_pts_distance; further ones carry a checksum
    put_v(&mut h, 0); // decode delay
    put_v(&mut h, 0); // flags
    put_vb(&mut h, b""); // codec data
    put_v(&mut h, spec.size.width().into());
    put_v(&mut h, spec.size.height().into());
    put_v(&mut h, 1); // square pixels
    put_v(&mut h, 1);
    put_v(&mut h, 0); // colour space: told to the encoder as options
    h
}

fn audio_header() -> Vec<u8> {
    let mut h = Vec::new();
    put_v(&mut h, AUDIO);
    put_v(&mut h, 1); // class: audio
    put_vb(&mut h, b"PSD\x10"); // signed 16 bit, little endian
    put_v(&mut h, 1); // time base
    put_v(&mut h, SHIFT.into());
    put_v(&mut h, 1 << 14);
    put_v(&mut h, 0);
    put_v(&mut h, 0);
    put_vb(&mut h, b"");
    put_v(&mut h, SAMPLE_RATE.into());
    put_v(&mut h, 1);
    put_v(&mut h, 2);
    h
}

/// Tells the frame rate, which the demuxer could otherwise only guess.
fn rate_info(spec: WriterSpec) -> Vec<u8> {
    let mut h = Vec::new();
    put_v(&mut h, VIDEO + 1);
    put_s(&mut h, 0); // chapter
    put_v(&mut h, 0);
    put_v(&mut h, 0);
    put_v(&mut h, 1); // one value
    put_vb(&mut h, b"r_frame_rate");
    put_s(&mut h, -1); // a text
    put_vb(
        &mut h,
        format!("{}/{}", spec.rate.num(), spec.rate.den()).as_bytes(),
    );
    h
}
