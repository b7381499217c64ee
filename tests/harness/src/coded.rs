//! Watches the coded pictures of an RTSP path: when each had arrived whole, and which frame it is.
//!
//! Owns a small RTSP reader and a decoder behind it. The times are those of the packets; decoding only
//! tells the barcode and may take as long as it likes.

use crate::child::dying_with_us;
use crate::code::read_code;
use crate::tap::Sighting;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

const WIDTH: usize = 160;
const HEIGHT: usize = 90;

/// A reader of a path's packets.
#[derive(Debug)]
pub struct PacketTap {
    seen: Arc<Mutex<Vec<Sighting>>>,
    stream: TcpStream,
    decoder: std::process::Child,
}

impl PacketTap {
    /// Plays an RTSP address whose picture is H.264.
    ///
    /// # Panics
    /// When it cannot be played.
    #[must_use]
    pub fn on(url: &str) -> Self {
        let mut link = Link::open(url);
        let sdp = link.ask("DESCRIBE", url, "Accept: application/sdp\r\n");
        let control = video_control(&sdp, url);
        let _ = link.ask(
            "SETUP",
            &control,
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
        );
        let _ = link.ask("PLAY", url, "Range: npt=0.000-\r\n");
        let stream = link.reader.get_ref().try_clone().unwrap();
        stream.set_read_timeout(None).unwrap();
        let mut command = dying_with_us(Path::new("ffmpeg"));
        let scale = format!("scale={WIDTH}:{HEIGHT}:flags=area,format=gray");
        command
            .args(["-hide_banner", "-loglevel", "error", "-f", "h264"])
            .args(["-i", "pipe:0", "-vf", &scale, "-fps_mode", "passthrough"])
            .args(["-f", "rawvideo", "pipe:1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut decoder = command.spawn().expect("ffmpeg is installed");
        let mut to = decoder.stdin.take().unwrap();
        let mut from = decoder.stdout.take().unwrap();
        let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let (send, receive) = mpsc::channel::<Vec<u8>>();
        let arrived = Arc::clone(&times);
        std::thread::spawn(move || {
            let mut unit = Access::new(&sdp);
            while let Some(packet) = link.packet() {
                if let Some(picture) = unit.take(&packet) {
                    arrived.lock().unwrap().push(Instant::now());
                    if send.send(picture).is_err() {
                        return;
                    }
                }
            }
        });
        std::thread::spawn(move || {
            for picture in receive {
                if to.write_all(&picture).and_then(|()| to.flush()).is_err() {
                    return;
                }
            }
        });
        let seen: Arc<Mutex<Vec<Sighting>>> = Arc::default();
        let into = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut picture = vec![0; WIDTH * HEIGHT];
            let mut number = 0;
            while from.read_exact(&mut picture).is_ok() {
                let at = times.lock().unwrap()[number];
                number += 1;
                let code = read_code(&picture, WIDTH, HEIGHT);
                let sum: usize = picture.iter().map(|value| usize::from(*value)).sum();
                let mean = u8::try_from(sum / picture.len()).unwrap_or(255);
                into.lock().unwrap().push(Sighting { code, at, mean });
            }
        });
        Self {
            seen,
            stream,
            decoder,
        }
    }

    /// Everything that has arrived and been decoded so far, in order.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail.
    #[must_use]
    pub fn seen(&self) -> Vec<Sighting> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for PacketTap {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let _ = self.decoder.kill();
        let _ = self.decoder.wait();
    }
}

/// An RTSP connection.
struct Link {
    reader: BufReader<TcpStream>,
    sequence: u32,
    session: String,
}

impl Link {
    fn open(url: &str) -> Self {
        let place = url.strip_prefix("rtsp://").expect("an RTSP address");
        let host = place.split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            reader: BufReader::with_capacity(64 * 1024, stream),
            sequence: 0,
            session: String::new(),
        }
    }

    /// Asks, and gives the body of the answer.
    fn ask(&mut self, method: &str, url: &str, headers: &str) -> String {
        self.sequence += 1;
        let session = match self.session.as_str() {
            "" => String::new(),
            id => format!("Session: {id}\r\n"),
        };
        let sequence = self.sequence;
        let text = format!("{method} {url} RTSP/1.0\r\nCSeq: {sequence}\r\n{session}{headers}\r\n");
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
        let mut status = String::new();
        self.reader.read_line(&mut status).unwrap();
        assert!(status.contains(" 200 "), "{method} {url}: {status}");
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            let line = line.trim();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "session" => {
                    self.session = value.trim().split(';').next().unwrap().to_owned();
                }
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }

    /// The next RTP packet of the picture.
    fn packet(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut head = [0; 4];
            self.reader.read_exact(&mut head).ok()?;
            let mut packet = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
            self.reader.read_exact(&mut packet).ok()?;
            if head[..2] == [b'$', 0] && packet.len() > 12 {
                return Some(packet);
            }
        }
    }
}

/// The address of the picture's track.
fn video_control(sdp: &str, url: &str) -> String {
    let video = sdp.split("m=").find(|part| part.starts_with("video"));
    let control = video
        .and_then(|part| {
            part.lines()
                .find_map(|line| line.strip_prefix("a=control:"))
        })
        .expect("a picture");
    if control.starts_with("rtsp://") {
        control.to_owned()
    } else {
        format!("{url}/{control}")
    }
}

/// Puts pictures together from packets (RFC 6184).
struct Access {
    /// Parameter sets, sent before the first picture.
    before: Vec<u8>,
    now: Vec<u8>,
    begun: bool,
    key: bool,
}

const START: [u8; 4] = [0, 0, 0, 1];

impl Access {
    fn new(sdp: &str) -> Self {
        let sets = sdp
            .split("sprop-parameter-sets=")
            .nth(1)
            .and_then(|rest| rest.split([';', '\r', '\n']).next());
        let mut before = Vec::new();
        for set in sets.unwrap_or_default().split(',') {
            before.extend(START);
            before.extend(base64(set));
        }
        Self {
            before,
            now: Vec::new(),
            begun: false,
            key: false,
        }
    }

    /// Takes a packet; gives the picture that it completes.
    fn take(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let last = packet[1] & 0x80 != 0;
        let payload = &packet[12..];
        match payload[0] & 0x1f {
            24 => {
                let mut rest = &payload[1..];
                while rest.len() > 2 {
                    let size = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                    self.unit(&rest[2..2 + size]);
                    rest = &rest[2 + size..];
                }
            }
            28 if payload[1] & 0x80 != 0 => {
                self.unit(&[payload[0] & 0xe0 | payload[1] & 0x1f]);
                self.now.extend_from_slice(&payload[2..]);
            }
            28 => self.now.extend_from_slice(&payload[2..]),
            _ => self.unit(payload),
        }
        if !last {
            return None;
        }
        let picture = std::mem::take(&mut self.now);
        self.begun |= std::mem::take(&mut self.key);
        self.begun.then(|| {
            let mut whole = std::mem::take(&mut self.before);
            whole.extend(picture);
            whole
        })
    }

    fn unit(&mut self, unit: &[u8]) {
        self.key |= unit[0] & 0x1f == 5;
        self.now.extend(START);
        self.now.extend_from_slice(unit);
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes() {
        let Some(digit) = DIGITS.iter().position(|digit| *digit == byte) else {
            continue;
        };
        bits = (bits << 6 | u32::try_from(digit).unwrap()) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}
