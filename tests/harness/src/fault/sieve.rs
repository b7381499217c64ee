//! Takes the picture or the sound out of an RTSP connection and leaves everything else as it is.
//!
//! Works on what a server sends: packets in frames of their own (`$`, channel, length) between
//! answers in text. A track has two channels, in the order in which the tracks were asked for, and
//! simulated cameras announce the picture first. Knows nothing of sockets.

/// What is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Out {
    Nothing,
    Picture,
    Sound,
}

/// Longest answer in text that is waited for; what is longer is passed on unread.
const MAX_ANSWER: usize = 1 << 20;

/// One direction of one connection.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    pending: Vec<u8>,
}

impl Sieve {
    /// Takes what came and answers what is to be passed on.
    pub(super) fn sift(&mut self, bytes: &[u8], out: Out) -> Vec<u8> {
        self.pending.extend_from_slice(bytes);
        let mut passed = Vec::with_capacity(self.pending.len());
        let mut at = 0;
        while let Some(length) = whole(&self.pending[at..]) {
            let unit = &self.pending[at..at + length];
            let track = (unit[0] == b'$').then(|| unit[1] / 2);
            let dropped = match out {
                Out::Nothing => false,
                Out::Picture => track == Some(0),
                Out::Sound => track == Some(1),
            };
            if !dropped {
                passed.extend_from_slice(unit);
            }
            at += length;
        }
        self.pending.drain(..at);
        if self.pending.len() > MAX_ANSWER {
            passed.append(&mut self.pending);
        }
        passed
    }
}

/// Length of the packet or the answer at the beginning, where all of it is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let length = if *bytes.first()? == b'$' {
        4 + usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))
    } else {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let body = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|digits| digits.trim().parse::<usize>().ok())
            .unwrap_or(0);
        head + body.min(MAX_ANSWER)
    };
    (bytes.len() >= length).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(channel: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[b'$', channel], &length[..], body].concat()
    }

    #[test]
    fn the_picture_is_taken_out_wherever_the_bytes_are_cut() {
        let answer = b"RTSP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n$$$$".to_vec();
        let stream = [
            answer.clone(),
            packet(0, b"picture"),
            packet(2, b"sound"),
            packet(1, b"report"),
            packet(2, b"more"),
        ]
        .concat();
        let wanted = [answer, packet(2, b"sound"), packet(2, b"more")].concat();
        for cut in 0..stream.len() {
            let mut sieve = Sieve::default();
            let mut passed = sieve.sift(&stream[..cut], Out::Picture);
            passed.extend(sieve.sift(&stream[cut..], Out::Picture));
            assert_eq!(passed, wanted, "cut at {cut}");
        }
    }

    #[test]
    fn nothing_is_taken_out_that_is_not_asked_for() {
        let stream = [packet(0, b"picture"), packet(2, b"sound")].concat();
        assert_eq!(Sieve::default().sift(&stream, Out::Nothing), stream);
        assert_eq!(
            Sieve::default().sift(&stream, Out::Sound),
            packet(0, b"picture")
        );
    }
}
