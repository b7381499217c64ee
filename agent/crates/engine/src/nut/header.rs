//! Main and stream headers.

use super::bytes::Cursor;
use super::{FLAG_CODED, FLAG_CODED_PTS, FLAG_INVALID, FLAG_SIZE_MSB, FLAG_STREAM_ID, NutError};

/// Most streams of a file that is read.
pub(super) const MAX_STREAMS: u64 = 8;

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// Pictures.
    Video {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Sound.
    Audio {
        /// Samples a second.
        rate: u32,
        /// Samples at a time.
        channels: u32,
    },
    /// Anything else; its frames are skipped.
    Other,
}

/// One stream of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHeader {
    /// What it carries.
    pub media: Media,
    /// Its codec, e.g. `I420` or `PSD` and 16.
    pub fourcc: [u8; 4],
    /// Seconds a tick, as a fraction.
    pub time_base: (u32, u32),
    /// What the codec says of itself once, e.g. H.264's parameter sets; often empty.
    pub codec_data: Vec<u8>,
    pub(super) msb_pts_shift: u32,
    pub(super) last_pts: i64,
}

impl StreamHeader {
    /// A time in nanoseconds.
    #[must_use]
    pub fn nanos(&self, pts: i64) -> i64 {
        let (num, den) = self.time_base;
        let nanos = i128::from(pts) * 1_000_000_000 * i128::from(num) / i128::from(den.max(1));
        i64::try_from(nanos).unwrap_or(if pts < 0 { i64::MIN } else { i64::MAX })
    }

    /// Restores a time from its low bits, near the last one.
    pub(super) fn full_pts(&self, coded: u64) -> i64 {
        let limit = 1_i64 << self.msb_pts_shift;
        let coded = i64::try_from(coded).unwrap_or(i64::MAX);
        if coded >= limit {
            return coded - limit;
        }
        let mask = limit - 1;
        let delta = self.last_pts.wrapping_sub(mask / 2);
        (coded.wrapping_sub(delta) & mask).wrapping_add(delta)
    }
}

/// What one frame code stands for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameCode {
    pub(super) flags: u64,
    pub(super) stream: usize,
    pub(super) size_mul: u64,
    pub(super) size_lsb: u64,
    pub(super) pts_delta: i64,
    pub(super) reserved: u64,
    pub(super) header_idx: usize,
}

#[derive(Debug)]
pub(super) struct MainHeader {
    pub(super) streams: usize,
    pub(super) time_bases: Vec<(u32, u32)>,
    pub(super) codes: Vec<FrameCode>,
    /// Beginnings of frames that are not written; the first is empty.
    pub(super) elided: Vec<Vec<u8>>,
}

impl MainHeader {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NutError> {
        let mut c = Cursor(bytes);
        let version = c.v()?;
        if !(2..=4).contains(&version) {
            return Err(NutError::Version(version));
        }
        if version > 3 {
            c.v()?; // minor version
        }
        let streams = c.v()?;
        if streams == 0 || streams > MAX_STREAMS {
            return Err(NutError::Streams(streams));
        }
        c.v()?; // max_distance: only of use for seeking
        let time_bases = (0..limit(c.v()?, MAX_STREAMS)?)
            .map(|_| time_base(&mut c))
            .collect::<Result<_, _>>()?;
        let codes = codes(&mut c, streams)?;
        let mut elided = vec![Vec::new()];
        if !c.0.is_empty() {
            for _ in 0..limit(c.v()?, 127)? {
                let header = c.vb()?;
                if header.is_empty() || header.len() > 256 {
                    return Err(NutError::Header);
                }
                elided.push(header.to_vec());
            }
        }
        Ok(Self {
            streams: usize::try_from(streams).map_err(|_| NutError::Header)?,
            time_bases,
            codes,
            elided,
        })
    }

    pub(super) fn stream(&self, bytes: &[u8]) -> Result<(usize, StreamHeader), NutError> {
        let mut c = Cursor(bytes);
        let id = usize::try_from(c.v()?).map_err(|_| NutError::Header)?;
        if id >= self.streams {
            return Err(NutError::Header);
        }
        let class = c.v()?;
        let mut fourcc = [0; 4];
        for (to, from) in fourcc.iter_mut().zip(c.vb()?) {
            *to = *from;
        }
        let base = usize::try_from(c.v()?).map_err(|_| NutError::Header)?;
        let time_base = *self.time_bases.get(base).ok_or(NutError::Header)?;
        let msb_pts_shift = u32::try_from(limit(c.v()?, 16)?).map_err(|_| NutError::Header)?;
        c.v()?; // max_pts_distance
        c.v()?; // decode_delay
        c.v()?; // flags
        let codec_data = c.vb()?.to_vec();
        let narrow = |v: u64| u32::try_from(v).map_err(|_| NutError::Header);
        let media = match class {
            0 => Media::Video {
                width: narrow(c.v()?)?,
                height: narrow(c.v()?)?,
            },
            1 => {
                let (num, den) = (narrow(c.v()?)?, narrow(c.v()?)?);
                Media::Audio {
                    rate: num.checked_div(den).ok_or(NutError::Header)?,
                    channels: narrow(c.v()?)?,
                }
            }
            _ => Media::Other,
        };
        let header = StreamHeader {
            media,
            fourcc,
            time_base,
            codec_data,
            msb_pts_shift,
            last_pts: 0,
        };
        Ok((id, header))
    }
}

fn limit(value: u64, most: u64) -> Result<u64, NutError> {
    (value <= most).then_some(value).ok_or(NutError::Header)
}

fn time_base(c: &mut Cursor<'_>) -> Result<(u32, u32), NutError> {
    let (num, den) = (c.v()?, c.v()?);
    match (u32::try_from(num), u32::try_from(den)) {
        (Ok(num @ 1..), Ok(den @ 1..)) => Ok((num, den)),
        _ => Err(NutError::Header),
    }
}

/// The table of 256 frame codes, run-length coded.
fn codes(c: &mut Cursor<'_>, streams: u64) -> Result<Vec<FrameCode>, NutError> {
    let mut codes = Vec::with_capacity(256);
    let (mut pts, mut mul, mut stream, mut head) = (0, 1, 0, 0);
    while codes.len() < 256 {
        let flags = c.v()?;
        let fields = c.v()?;
        if fields > 64 {
            return Err(NutError::Header);
        }
        if fields > 0 {
            pts = c.s()?;
        }
        if fields > 1 {
            mul = c.v()?;
        }
        if fields > 2 {
            stream = c.v()?;
        }
        let size = if fields > 3 { c.v()? } else { 0 };
        let reserved = if fields > 4 { c.v()? } else { 0 };
        let count = if fields > 5 {
            c.v()?
        } else {
            mul.checked_sub(size).ok_or(NutError::Header)?
        };
        if fields > 6 {
            c.s()?; // match time delta
        }
        if fields > 7 {
            head = c.v()?;
        }
        for _ in 8..fields {
            c.v()?;
        }
        let room = 256 - codes.len() as u64;
        if count == 0 || count > room || stream >= streams || size > 1 << 20 || mul > 1 << 20 {
            return Err(NutError::Header);
        }
        let mut step = 0;
        while step < count && codes.len() < 256 {
            if codes.len() == usize::from(b'N') {
                codes.push(FrameCode {
                    flags: FLAG_INVALID,
                    ..FrameCode::default()
                });
                continue;
            }
            codes.push(FrameCode {
                flags,
                stream: usize::try_from(stream).map_err(|_| NutError::Header)?,
                size_mul: mul,
                size_lsb: size + step,
                pts_delta: pts,
                reserved,
                header_idx: usize::try_from(head).map_err(|_| NutError::Header)?,
            });
            step += 1;
        }
    }
    Ok(codes)
}

/// Flags that the writer codes with each frame.
pub(super) const WRITTEN: u64 = FLAG_CODED | FLAG_STREAM_ID | FLAG_CODED_PTS | FLAG_SIZE_MSB;
