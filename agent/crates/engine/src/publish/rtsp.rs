//! One RTSP connection that publishes: RFC 2326, interleaved over TCP, without credentials.
//!
//! Owns the connection from greeting to end. The media server takes the path over at `RECORD`, so
//! everything before it is done while there is still time.

use super::rtp::Rtp;
use super::{Coded, Form, Track, sdp};
use crate::program::AudioCodec;
use model::{FrameRate, SAMPLE_RATE};
use ring::rand::{SecureRandom, SystemRandom};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// For connecting, for an answer, and for a write that cannot go on.
const LIMIT: Duration = Duration::from_secs(1);
/// Longest answer, in bytes.
const ANSWER: usize = 8192;

/// Why nothing can be published.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    /// The address is not one.
    #[error("the address cannot be used")]
    Address,
    /// No connection, or it ended.
    #[error("no connection")]
    Io(#[from] io::Error),
    /// The server says no.
    #[error("the media server refused: {0}")]
    Refused(u16),
    /// The answer is not RTSP.
    #[error("the answer cannot be read")]
    Answer,
}

/// A connection that the server has agreed to.
#[derive(Debug)]
pub(super) struct Prepared {
    stream: TcpStream,
    url: String,
    session: String,
    sequence: u32,
    audio: AudioCodec,
    pub(super) form: Arc<Form>,
}

impl Prepared {
    /// Connects and announces; nothing is on the path by that.
    pub(super) fn connect(
        url: &str,
        form: &Arc<Form>,
        audio: AudioCodec,
    ) -> Result<Self, PublishError> {
        let parsed = url::Url::parse(url).map_err(|_| PublishError::Address)?;
        let host = parsed.host_str().ok_or(PublishError::Address)?;
        let port = parsed.port().unwrap_or(554);
        let mut addresses = (host, port).to_socket_addrs()?;
        let address = addresses.next().ok_or(PublishError::Address)?;
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let mut prepared = Self {
            stream,
            url: url.to_owned(),
            session: String::new(),
            sequence: 0,
            audio,
            form: form.clone(),
        };
        let description = sdp::description(form, audio);
        prepared.ask(
            "ANNOUNCE",
            "",
            "Content-Type: application/sdp\r\n",
            &description,
        )?;
        for track in 0..2 {
            let (first, second) = (2 * track, 2 * track + 1);
            let transport = format!(
                "Transport: RTP/AVP/TCP;unicast;interleaved={first}-{second};mode=record\r\n"
            );
            prepared.ask("SETUP", &format!("/streamid={track}"), &transport, "")?;
        }
        Ok(prepared)
    }

    fn ask(
        &mut self,
        method: &str,
        place: &str,
        headers: &str,
        body: &str,
    ) -> Result<(), PublishError> {
        self.sequence += 1;
        let mut text = format!(
            "{method} {}{place} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: vistter-agent\r\n{headers}",
            self.url, self.sequence
        );
        if !self.session.is_empty() {
            text.push_str(&format!("Session: {}\r\n", self.session));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.stream.write_all(text.as_bytes())?;
        let answer = self.answer()?;
        let mut lines = answer.split("\r\n");
        let status = lines.next().and_then(|line| {
            let mut words = line.strip_prefix("RTSP/1.0 ")?.split(' ');
            words.next()?.parse::<u16>().ok()
        });
        match status.ok_or(PublishError::Answer)? {
            200 => {}
            other => return Err(PublishError::Refused(other)),
        }
        let named = lines.find_map(|line| line.strip_prefix("Session:"));
        if let Some(session) = named {
            let id = session.split(';').next().unwrap_or_default();
            self.session = id.trim().to_owned();
        }
        Ok(())
    }

    /// The head of an answer; none of ours has a body.
    fn answer(&mut self) -> Result<String, PublishError> {
        let mut bytes = Vec::with_capacity(256);
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            if bytes.len() >= ANSWER {
                return Err(PublishError::Answer);
            }
            self.stream.read_exact(&mut byte)?;
            bytes.extend(byte);
        }
        String::from_utf8(bytes).map_err(|_| PublishError::Answer)
    }

    /// Takes the path over. `waker` is woken when the server ends the connection.
    pub(super) fn record(
        mut self,
        rate: FrameRate,
        waker: Thread,
    ) -> Result<Session, PublishError> {
        self.ask("RECORD", "", "Range: npt=0.000-\r\n", "")?;
        let gone = Arc::new(AtomicBool::new(false));
        let (mut back, told) = (self.stream.try_clone()?, gone.clone());
        // Both ends of a connection share their limits: from here on nothing is waited for.
        back.set_read_timeout(None)?;
        let listener = std::thread::Builder::new()
            .name("publish-end".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || {
                let mut bytes = [0; 2048];
                while matches!(back.read(&mut bytes), Ok(1..)) {}
                told.store(true, Ordering::Release);
                waker.unpark();
            })?;
        let mut sources = [0; 8];
        // Without random numbers the two tracks still differ.
        let _random = SystemRandom::new().fill(&mut sources);
        let source = |bytes: [u8; 4], place: u32| u32::from_be_bytes(bytes) ^ place;
        let [a, b, c, d, e, f, g, h] = sources;
        Ok(Session {
            stream: self.stream,
            form: self.form,
            audio: self.audio,
            rate,
            gone,
            listener: Some(listener),
            picture: Rtp::new(0, sdp::PICTURE, source([a, b, c, d], 0)),
            sound: Rtp::new(2, sdp::SOUND, source([e, f, g, h], 1)),
            out: Vec::with_capacity(64 * 1024),
        })
    }
}

/// A connection that is on the path.
#[derive(Debug)]
pub(super) struct Session {
    stream: TcpStream,
    pub(super) form: Arc<Form>,
    audio: AudioCodec,
    rate: FrameRate,
    gone: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
    picture: Rtp,
    sound: Rtp,
    out: Vec<u8>,
}

impl Session {
    /// Whether the server has ended it.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Sends a packet. Its time is the program's, whichever encoder it comes from.
    pub(super) fn send(&mut self, coded: &Coded) -> io::Result<()> {
        self.out.clear();
        match coded.track {
            Track::Picture => {
                let time = ticks(coded.at, self.rate);
                let (data, units) = (&coded.data, &coded.units);
                self.picture.picture(&mut self.out, time, data, units);
            }
            Track::Sound(codec) if codec == self.audio => {
                let time = low(coded.at.into());
                match codec {
                    AudioCodec::Aac => self.sound.aac(&mut self.out, time, &coded.data),
                    AudioCodec::Opus => self.sound.opus(&mut self.out, time, &coded.data),
                }
            }
            Track::Sound(_) => {}
        }
        self.stream.write_all(&self.out)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _gone = self.stream.shutdown(Shutdown::Both);
        if let Some(listener) = self.listener.take() {
            let _panicked = listener.join();
        }
    }
}

/// The time of program frame `n` in H.264's 90 kHz.
fn ticks(n: u64, rate: FrameRate) -> u32 {
    let ticks = u128::from(n) * 90_000 * u128::from(rate.den());
    low(ticks / u128::from(rate.num()))
}

/// RTP's times run over.
fn low(ticks: u128) -> u32 {
    u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or(0)
}

/// Program time of a packet in nanoseconds.
pub(crate) fn time_ns(coded: &Coded, rate: FrameRate) -> u64 {
    let ns = match coded.track {
        Track::Picture => rate.time_of(coded.at).as_nanos(),
        Track::Sound(_) => u128::from(coded.at) * 1_000_000_000 / u128::from(SAMPLE_RATE),
    };
    u64::try_from(ns).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_follow_the_rate_and_run_over() {
        let ntsc = FrameRate::new(30_000, 1001).unwrap();
        assert_eq!(ticks(30_000, ntsc), 90_090_000);
        assert_eq!(ticks(1, FrameRate::THIRTY), 3000);
        assert_eq!(ticks(1 << 40, FrameRate::THIRTY), 0);
    }
}
