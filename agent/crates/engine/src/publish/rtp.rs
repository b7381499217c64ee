//! RTP packets inside an RTSP connection: RFC 3550, RFC 2326 section 10.12, RFC 6184 (H.264), RFC 3640
//! (AAC), RFC 7587 (Opus).
//!
//! Owns the bytes of one track. Pure.

use super::h264::Units;

/// Most payload of a packet: what a reader over UDP can still be given as it is.
const PAYLOAD: usize = 1400;
/// The fragment kind of RFC 6184.
const FRAGMENT: u8 = 28;

/// One track's packets.
#[derive(Debug)]
pub(super) struct Rtp {
    channel: u8,
    kind: u8,
    source: u32,
    sequence: u16,
}

impl Rtp {
    /// `channel` in the connection, `kind` as the description says, `source` at random.
    pub(super) const fn new(channel: u8, kind: u8, source: u32) -> Self {
        Self {
            channel,
            kind,
            source,
            sequence: 0,
        }
    }

    fn packet(&mut self, out: &mut Vec<u8>, time: u32, last: bool, parts: [&[u8]; 2]) {
        let length = 12 + parts.iter().map(|part| part.len()).sum::<usize>();
        // No caller gives more than a sound packet can have.
        let Ok(length) = u16::try_from(length) else {
            return;
        };
        out.extend([b'$', self.channel]);
        out.extend(length.to_be_bytes());
        out.extend([0x80, self.kind | if last { 0x80 } else { 0 }]);
        out.extend(self.sequence.to_be_bytes());
        out.extend(time.to_be_bytes());
        out.extend(self.source.to_be_bytes());
        for part in parts {
            out.extend_from_slice(part);
        }
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// A picture: each unit in a packet, or in fragments.
    pub(super) fn picture(&mut self, out: &mut Vec<u8>, time: u32, data: &[u8], units: &Units) {
        let count = units.len();
        for (index, range) in units.iter().enumerate() {
            let unit = data.get(range.clone()).unwrap_or_default();
            let last = index + 1 == count;
            let Some((head, body)) = unit.split_first() else {
                continue;
            };
            if unit.len() <= PAYLOAD {
                self.packet(out, time, last, [unit, &[]]);
                continue;
            }
            let pieces = body.chunks(PAYLOAD - 2);
            let ends = pieces.len().saturating_sub(1);
            for (place, piece) in pieces.enumerate() {
                let begin = if place == 0 { 0x80 } else { 0 };
                let end = if place == ends { 0x40 } else { 0 };
                let prefix = [head & 0xe0 | FRAGMENT, head & 0x1f | begin | end];
                self.packet(out, time, last && place == ends, [&prefix, piece]);
            }
        }
    }

    /// A frame of AAC.
    pub(super) fn aac(&mut self, out: &mut Vec<u8>, time: u32, data: &[u8]) {
        // 13 bits hold the size.
        let Some(size) = u16::try_from(data.len())
            .ok()
            .filter(|size| *size < 1 << 13)
        else {
            return;
        };
        let [high, low] = (size << 3).to_be_bytes();
        self.packet(out, time, true, [&[0, 16, high, low], data]);
    }

    /// A frame of Opus.
    pub(super) fn opus(&mut self, out: &mut Vec<u8>, time: u32, data: &[u8]) {
        self.packet(out, time, true, [data, &[]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payloads with their marker bits, headers checked.
    fn read(mut bytes: &[u8], channel: u8) -> Vec<(bool, Vec<u8>)> {
        let mut packets = Vec::new();
        while !bytes.is_empty() {
            assert_eq!(bytes[..2], [b'$', channel]);
            let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
            let packet = &bytes[4..4 + length];
            let number = u16::from_be_bytes([packet[2], packet[3]]);
            assert_eq!(usize::from(number), packets.len());
            packets.push((packet[1] & 0x80 != 0, packet[12..].to_vec()));
            bytes = &bytes[4 + length..];
        }
        packets
    }

    #[test]
    fn a_picture_is_cut_into_fragments_that_join_again() {
        let mut data = vec![0x06, 1, 2];
        data.push(0x65);
        data.extend((0..5000_u32).map(|n| (n % 251) as u8));
        let units = vec![0..3, 3..data.len()];
        let mut out = Vec::new();
        Rtp::new(0, 96, 7).picture(&mut out, 9, &data, &units);
        let packets = read(&out, 0);
        assert_eq!(packets[0], (false, data[..3].to_vec()));
        let mut joined = vec![0x65];
        for (index, (last, payload)) in packets[1..].iter().enumerate() {
            let ends = index + 2 == packets.len();
            assert_eq!(*last, ends);
            assert_eq!(payload[0], 0x60 | 28);
            assert_eq!(payload[1] & 0x1f, 5);
            assert_eq!(payload[1] & 0x80 != 0, index == 0);
            assert_eq!(payload[1] & 0x40 != 0, ends);
            joined.extend_from_slice(&payload[2..]);
        }
        assert_eq!(joined, data[3..]);
    }

    #[test]
    fn sound_says_its_size_where_its_codec_does_not() {
        let (mut out, data) = (Vec::new(), [5; 340]);
        let mut rtp = Rtp::new(2, 97, 7);
        rtp.aac(&mut out, 0, &data);
        rtp.opus(&mut out, 0, &data);
        let packets = read(&out, 2);
        assert_eq!(packets[0].1[..4], [0, 16, 0x0a, 0xa0]);
        assert_eq!(packets[0].1[4..], data);
        assert_eq!(packets[1].1, data);
    }
}
