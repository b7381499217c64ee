//! Reads what FFmpeg's muxer writes.

use super::bytes::{Cursor, crc, push7, signed};
use super::header::{MainHeader, StreamHeader};
use super::{
    FILE_ID, FLAG_CHECKSUM, FLAG_CODED, FLAG_CODED_PTS, FLAG_HEADER_IDX, FLAG_INVALID, FLAG_KEY,
    FLAG_MATCH_TIME, FLAG_RESERVED, FLAG_SIDE_DATA, FLAG_SIZE_MSB, FLAG_STREAM_ID, INDEX, INFO,
    MAIN, STREAM, SYNCPOINT,
};
use std::io::{self, BufRead, Read};

/// Longest header packet that is read, in bytes.
const MAX_PACKET: u64 = 1 << 20;
/// Largest frame that is read, in bytes: a 4096×4096 picture with alpha.
const MAX_FRAME: u64 = 4096 * 4096 * 4;

/// Why the bytes cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum NutError {
    /// The pipe failed.
    #[error("the pipe cannot be read")]
    Io(#[from] io::Error),
    /// The bytes end within something.
    #[error("the data ends too early")]
    Short,
    /// They do not begin like a NUT file.
    #[error("the data is not NUT")]
    Magic,
    /// A version that is not known.
    #[error("version {0} of NUT is not known")]
    Version(u64),
    /// No streams, or too many.
    #[error("a file has 1 to 8 streams, this one has {0}")]
    Streams(u64),
    /// A number is too long.
    #[error("a number is too long")]
    Number,
    /// A header contradicts itself.
    #[error("a header is damaged")]
    Header,
    /// A checksum is wrong.
    #[error("a checksum is wrong")]
    Checksum,
    /// Where a frame or a packet should begin, there is something else.
    #[error("a frame is damaged")]
    Frame,
    /// A frame is larger than allowed.
    #[error("a frame of {0} bytes is too large")]
    Large(u64),
}

/// What stands before a frame's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// Which stream, an index into [`Reader::streams`].
    pub stream: usize,
    /// Presentation time in the stream's ticks.
    pub pts: i64,
    /// Presentation time in nanoseconds.
    pub pts_ns: i64,
    /// Bytes of the frame.
    pub bytes: usize,
    /// Whether decoding can begin here.
    pub key: bool,
    elided: usize,
}

/// Reads a NUT file from front to back.
///
/// Call [`Reader::next_frame`], then [`Reader::payload`] or [`Reader::skip`], in turn.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    main: MainHeader,
    streams: Vec<StreamHeader>,
    /// A sync point that has been seen but not read.
    startcode: Option<u64>,
    packet: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the headers.
    ///
    /// # Errors
    /// [`NutError`].
    pub fn open(mut from: R) -> Result<Self, NutError> {
        let mut id = [0; FILE_ID.len()];
        from.read_exact(&mut id).map_err(short)?;
        if id != FILE_ID {
            return Err(NutError::Magic);
        }
        let mut packet = Vec::new();
        if startcode(&mut from)? != MAIN {
            return Err(NutError::Magic);
        }
        read_packet(&mut from, MAIN, &mut packet)?;
        let main = MainHeader::read(&packet)?;
        let mut streams = vec![None; main.streams];
        while streams.iter().any(Option::is_none) {
            let code = startcode(&mut from)?;
            read_packet(&mut from, code, &mut packet)?;
            if code == STREAM {
                let (id, header) = main.stream(&packet)?;
                if let Some(place) = streams.get_mut(id) {
                    *place = Some(header);
                }
            }
        }
        Ok(Self {
            from,
            main,
            streams: streams.into_iter().flatten().collect(),
            startcode: None,
            packet,
        })
    }

    /// The streams, in their order.
    #[must_use]
    pub fn streams(&self) -> &[StreamHeader] {
        &self.streams
    }

    /// Finds the next frame; `None` at the end of the data.
    ///
    /// # Errors
    /// [`NutError`]; nothing more can be read after one.
    pub fn next_frame(&mut self) -> Result<Option<FrameHead>, NutError> {
        loop {
            let code = match self.startcode.take() {
                Some(code) => code,
                None => {
                    let mut first = [0; 1];
                    if self.from.read(&mut first)? == 0 {
                        return Ok(None);
                    }
                    let [first] = first;
                    if first != b'N' {
                        return self.frame(first).map(Some);
                    }
                    let mut rest = [0; 8];
                    let (head, tail) = rest.split_at_mut(1);
                    head.copy_from_slice(b"N");
                    self.from.read_exact(tail).map_err(short)?;
                    u64::from_be_bytes(rest)
                }
            };
            read_packet(&mut self.from, code, &mut self.packet)?;
            match code {
                SYNCPOINT => self.syncpoint()?,
                MAIN | STREAM | INFO | INDEX => {}
                _ => return Err(NutError::Frame),
            }
        }
    }

    /// A sync point says what time it is on every stream.
    fn syncpoint(&mut self) -> Result<(), NutError> {
        let value = Cursor(&self.packet).v()?;
        let bases = self.main.time_bases.len().max(1) as u64;
        let index = usize::try_from(value % bases).unwrap_or(0);
        let base = *self.main.time_bases.get(index).ok_or(NutError::Header)?;
        let ticks = i128::from(value / bases);
        for stream in &mut self.streams {
            let (num, den) = stream.time_base;
            let ticks = ticks * i128::from(base.0) * i128::from(den)
                / (i128::from(base.1) * i128::from(num));
            stream.last_pts = i64::try_from(ticks).map_err(|_| NutError::Frame)?;
        }
        Ok(())
    }

    fn frame(&mut self, first: u8) -> Result<FrameHead, NutError> {
        // The bytes of the head are checked against its own checksum, where it has one.
        let mut head = Head {
            from: &mut self.from,
            seen: &mut self.packet,
        };
        head.seen.clear();
        head.seen.push(first);
        let code = *self
            .main
            .codes
            .get(usize::from(first))
            .ok_or(NutError::Frame)?;
        let mut flags = code.flags;
        if flags & FLAG_INVALID != 0 {
            return Err(NutError::Frame);
        }
        if flags & FLAG_CODED != 0 {
            flags ^= head.v()?;
        }
        let mut id = code.stream;
        if flags & FLAG_STREAM_ID != 0 {
            id = usize::try_from(head.v()?).map_err(|_| NutError::Frame)?;
        }
        let stream = self.streams.get_mut(id).ok_or(NutError::Frame)?;
        let pts = if flags & FLAG_CODED_PTS != 0 {
            stream.full_pts(head.v()?)
        } else {
            stream.last_pts.saturating_add(code.pts_delta)
        };
        let mut size = code.size_lsb;
        if flags & FLAG_SIZE_MSB != 0 {
            let more = head.v()?.checked_mul(code.size_mul);
            size = more
                .and_then(|m| size.checked_add(m))
                .ok_or(NutError::Number)?;
        }
        if flags & FLAG_MATCH_TIME != 0 {
            signed(head.v()?);
        }
        let mut elided = code.header_idx;
        if flags & FLAG_HEADER_IDX != 0 {
            elided = usize::try_from(head.v()?).map_err(|_| NutError::Frame)?;
        }
        let mut reserved = code.reserved;
        if flags & FLAG_RESERVED != 0 {
            reserved = head.v()?;
        }
        if reserved > 64 || flags & FLAG_SIDE_DATA != 0 {
            return Err(NutError::Frame);
        }
        for _ in 0..reserved {
            head.v()?;
        }
        if size > MAX_FRAME {
            return Err(NutError::Large(size));
        }
        if size > 4096 {
            elided = 0;
        }
        let missing = self.main.elided.get(elided).ok_or(NutError::Frame)?.len() as u64;
        if size < missing {
            return Err(NutError::Frame);
        }
        if flags & FLAG_CHECKSUM != 0 {
            let wanted = crc(head.seen);
            let mut sum = [0; 4];
            head.from.read_exact(&mut sum).map_err(short)?;
            if u32::from_be_bytes(sum) != wanted {
                return Err(NutError::Checksum);
            }
        }
        stream.last_pts = pts;
        Ok(FrameHead {
            stream: id,
            pts,
            pts_ns: stream.nanos(pts),
            bytes: usize::try_from(size).map_err(|_| NutError::Frame)?,
            key: flags & FLAG_KEY != 0,
            elided,
        })
    }

    /// Reads the bytes of the frame that was found last into `out`, which has to be
    /// [`FrameHead::bytes`] long.
    ///
    /// # Errors
    /// [`NutError::Short`] when the data ends, or `out` has another length.
    pub fn payload(&mut self, head: &FrameHead, out: &mut [u8]) -> Result<(), NutError> {
        let elided = self.main.elided.get(head.elided).ok_or(NutError::Frame)?;
        if out.len() != head.bytes {
            return Err(NutError::Short);
        }
        let (first, rest) = out
            .split_at_mut_checked(elided.len())
            .ok_or(NutError::Frame)?;
        first.copy_from_slice(elided);
        self.from.read_exact(rest).map_err(short)
    }

    /// Passes over the bytes of the frame that was found last.
    ///
    /// # Errors
    /// [`NutError::Short`] when the data ends.
    pub fn skip(&mut self, head: &FrameHead) -> Result<(), NutError> {
        let elided = self.main.elided.get(head.elided).map_or(0, Vec::len);
        let bytes = head.bytes.saturating_sub(elided) as u64;
        let passed = io::copy(&mut self.from.by_ref().take(bytes), &mut io::sink())?;
        (passed == bytes).then_some(()).ok_or(NutError::Short)
    }
}

/// The head of a frame while it is read.
struct Head<'a, R> {
    from: &'a mut R,
    seen: &'a mut Vec<u8>,
}

impl<R: Read> Head<'_, R> {
    fn v(&mut self) -> Result<u64, NutError> {
        let mut value = 0;
        loop {
            let mut byte = [0; 1];
            self.from.read_exact(&mut byte).map_err(short)?;
            let [byte] = byte;
            self.seen.push(byte);
            value = push7(value, byte)?;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
    }
}

fn short(error: io::Error) -> NutError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        NutError::Short
    } else {
        NutError::Io(error)
    }
}

fn startcode(from: &mut impl Read) -> Result<u64, NutError> {
    let mut code = [0; 8];
    from.read_exact(&mut code).map_err(short)?;
    Ok(u64::from_be_bytes(code))
}

/// Reads the packet after a start code into `out`, without its checksum.
fn read_packet(from: &mut impl Read, code: u64, out: &mut Vec<u8>) -> Result<(), NutError> {
    if !matches!(code, MAIN | STREAM | SYNCPOINT | INDEX | INFO) {
        return Err(NutError::Frame);
    }
    let mut head = Vec::with_capacity(24);
    head.extend_from_slice(&code.to_be_bytes());
    let length = Head {
        from,
        seen: &mut head,
    }
    .v()?;
    if !(4..=MAX_PACKET).contains(&length) {
        return Err(NutError::Header);
    }
    let mut sum = [0; 4];
    if length > 4096 {
        from.read_exact(&mut sum).map_err(short)?;
        if u32::from_be_bytes(sum) != crc(&head) {
            return Err(NutError::Checksum);
        }
    }
    out.clear();
    let body = length - 4;
    if from.by_ref().take(body).read_to_end(out)? as u64 != body {
        return Err(NutError::Short);
    }
    from.read_exact(&mut sum).map_err(short)?;
    if u32::from_be_bytes(sum) != crc(out) {
        return Err(NutError::Checksum);
    }
    Ok(())
}
