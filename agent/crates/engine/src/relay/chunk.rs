//! RTMP's chunk stream: messages cut into pieces and joined again.
//!
//! Owns both directions, with limits on what is taken. Pure.

use std::collections::BTreeMap;

/// Bytes of a message in one chunk of ours; the server is told.
pub(super) const CHUNK: usize = 4096;
/// Largest message that is read, in bytes: a publisher is told little.
const LARGEST: usize = 64 * 1024;
/// Chunk streams that a server may use at a time.
const STREAMS: usize = 16;
/// Times from here on do not fit into 24 bits.
const EXTENDED: u32 = 0x00ff_ffff;

/// Kinds of messages.
pub(super) mod kind {
    pub(in super::super) const CHUNK_SIZE: u8 = 1;
    pub(in super::super) const CONTROL: u8 = 4;
    pub(in super::super) const SOUND: u8 = 8;
    pub(in super::super) const PICTURE: u8 = 9;
    pub(in super::super) const DATA: u8 = 18;
    pub(in super::super) const COMMAND: u8 = 20;
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: u8,
    /// Which of the connection's streams it belongs to; 0 is the connection itself.
    pub(super) stream: u32,
    /// Milliseconds.
    pub(super) time: u32,
}

/// Appends a message as chunks.
pub(super) fn write(out: &mut Vec<u8>, head: Head, body: &[u8]) {
    let id = match head.kind {
        kind::SOUND => 4,
        kind::PICTURE => 6,
        kind::DATA | kind::COMMAND => 3,
        _ => 2_u8,
    };
    let extended = head.time >= EXTENDED;
    let short = if extended { EXTENDED } else { head.time };
    let length = u32::try_from(body.len()).unwrap_or(0);
    out.push(id);
    out.extend(short.to_be_bytes().get(1..).unwrap_or_default());
    out.extend(length.to_be_bytes().get(1..).unwrap_or_default());
    out.push(head.kind);
    out.extend(head.stream.to_le_bytes());
    if extended && body.is_empty() {
        out.extend(head.time.to_be_bytes());
    }
    for (index, piece) in body.chunks(CHUNK).enumerate() {
        if index > 0 {
            out.push(0xc0 | id);
        }
        if extended {
            out.extend(head.time.to_be_bytes());
        }
        out.extend(piece);
    }
}

/// The server breaks the rules, or sends more than a publisher needs to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// Its kind and its body.
pub(super) type Message = (u8, Vec<u8>);

#[derive(Debug, Default)]
struct Partial {
    kind: u8,
    length: usize,
    extended: bool,
    body: Vec<u8>,
}

/// Joins what comes.
#[derive(Debug)]
pub(super) struct Joiner {
    bytes: Vec<u8>,
    size: usize,
    streams: BTreeMap<u16, Partial>,
}

impl Default for Joiner {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            size: 128,
            streams: BTreeMap::new(),
        }
    }
}

impl Joiner {
    /// Takes what came.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next whole message.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Broken> {
        loop {
            let Some(used) = self.chunk()? else {
                return Ok(None);
            };
            self.bytes.drain(..used.0);
            let Some((kind, body)) = used.1 else { continue };
            if kind == kind::CHUNK_SIZE {
                let size: [u8; 4] = body.as_slice().try_into().map_err(|_| Broken)?;
                let size = usize::try_from(u32::from_be_bytes(size)).map_err(|_| Broken)?;
                if size == 0 || size > 0x7fff_ffff {
                    return Err(Broken);
                }
                self.size = size;
                continue;
            }
            return Ok(Some((kind, body)));
        }
    }

    /// One chunk, if it is there as a whole: how long it is, and the message that it ends.
    fn chunk(&mut self) -> Result<Option<(usize, Option<Message>)>, Broken> {
        let Some(first) = self.bytes.first().copied() else {
            return Ok(None);
        };
        let more = match first & 0x3f {
            0 => 1,
            1 => 2,
            _ => 0,
        };
        let Some(numbers) = self.bytes.get(1..1 + more) else {
            return Ok(None);
        };
        let id = match numbers {
            [] => u16::from(first & 0x3f),
            [low] => 64 + u16::from(*low),
            [low, high] => 64_u16
                .saturating_add(u16::from(*low))
                .saturating_add(u16::from(*high) << 8),
            _ => return Err(Broken),
        };
        let form = first >> 6;
        let head = match form {
            0 => 11,
            1 => 7,
            2 => 3,
            _ => 0,
        };
        let mut at = 1 + more;
        let Some(fields) = self.bytes.get(at..at + head) else {
            return Ok(None);
        };
        at += head;
        if !self.streams.contains_key(&id) && (form != 0 || self.streams.len() >= STREAMS) {
            return Err(Broken);
        }
        let known = self.streams.get(&id);
        let extended = match fields {
            [a, b, c, ..] => [*a, *b, *c] == [0xff; 3],
            _ => known.is_some_and(|known| known.extended),
        };
        let (kind, length) = match fields {
            [_, _, _, a, b, c, kind, ..] => {
                let length = [*a, *b, *c]
                    .iter()
                    .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
                (*kind, length)
            }
            _ => known.map_or((0, 0), |known| (known.kind, known.length)),
        };
        if length > LARGEST {
            return Err(Broken);
        }
        if extended {
            at += 4;
        }
        let begun = known.map_or(0, |known| known.body.len());
        let piece = length.saturating_sub(begun).min(self.size);
        let Some(body) = self.bytes.get(at..at + piece) else {
            return Ok(None);
        };
        let stream = self.streams.entry(id).or_default();
        (stream.kind, stream.length, stream.extended) = (kind, length, extended);
        stream.body.extend(body);
        let whole = stream.body.len() >= length;
        let message = whole.then(|| (kind, std::mem::take(&mut stream.body)));
        Ok(Some((at + piece, message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(joiner: &mut Joiner) -> Vec<(u8, Vec<u8>)> {
        std::iter::from_fn(|| joiner.next().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn what_is_cut_is_joined_again_however_it_arrives(
            sizes in proptest::collection::vec(0..20_000_usize, 1..6),
            step in 1..5000_usize,
            time in prop_oneof![0..5000_u32, EXTENDED - 2..EXTENDED + 2],
        ) {
            let mut bytes = Vec::new();
            let mut sent = Vec::new();
            let size = u32::try_from(CHUNK).unwrap().to_be_bytes();
            write(&mut bytes, Head { kind: kind::CHUNK_SIZE, stream: 0, time: 0 }, &size);
            for (n, size) in sizes.into_iter().enumerate() {
                let kind = if n % 2 == 0 { kind::PICTURE } else { kind::SOUND };
                let body: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
                write(&mut bytes, Head { kind, stream: 1, time }, &body);
                sent.push((kind, body));
            }
            let mut joiner = Joiner::default();
            let mut got = Vec::new();
            for piece in bytes.chunks(step) {
                joiner.take(piece);
                got.extend(joined(&mut joiner));
            }
            prop_assert_eq!(got, sent);
        }

        #[test]
        fn whatever_comes_is_taken_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut joiner = Joiner::default();
            joiner.take(&bytes);
            while let Ok(Some(_)) = joiner.next() {}
        }
    }

    #[test]
    fn a_message_that_is_too_large_ends_the_connection() {
        let mut joiner = Joiner::default();
        joiner.take(&[3, 0, 0, 0, 0xff, 0, 0, 20, 0, 0, 0, 0]);
        assert_eq!(joiner.next(), Err(Broken));
        // So does one that goes on where nothing began.
        let mut joiner = Joiner::default();
        joiner.take(&[0xc3, 1, 2, 3]);
        assert_eq!(joiner.next(), Err(Broken));
    }
}
