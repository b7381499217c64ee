//! A link to a camera's RTSP server that fails the way networks and cameras do.

use crate::place::free_port;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

const PASS: u8 = 0;
const BLACKHOLE: u8 = 1;
const SOUND_ONLY: u8 = 2;

/// A TCP link to an RTSP server, until dropped. It knows the packets that are interleaved with the
/// conversation, so that it can leave those of the picture out.
#[derive(Debug)]
pub struct CameraLink {
    /// Where to connect instead of to the camera.
    pub port: u16,
    mode: Arc<AtomicU8>,
    stop: Arc<AtomicBool>,
}

impl CameraLink {
    /// Starts a link to `127.0.0.1:camera`.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn to(camera: u16) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let mode = Arc::new(AtomicU8::new(PASS));
        let stop = Arc::new(AtomicBool::new(false));
        let (its_mode, its_stop) = (Arc::clone(&mode), Arc::clone(&stop));
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if its_stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(far) = TcpStream::connect(("127.0.0.1", camera)) {
                    join(near, far, &its_mode);
                }
            }
        });
        Self { port, mode, stop }
    }

    /// Lets nothing through, either way, while every connection stays open and new ones are taken.
    pub fn blackhole(&self) {
        self.mode.store(BLACKHOLE, Ordering::Relaxed);
    }

    /// Lets everything through but the picture.
    pub fn sound_only(&self) {
        self.mode.store(SOUND_ONLY, Ordering::Relaxed);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.mode.store(PASS, Ordering::Relaxed);
    }
}

impl Drop for CameraLink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.mend();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn join(near: TcpStream, far: TcpStream, mode: &Arc<AtomicU8>) {
    let (to_far, to_near) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    let (up, down) = (Arc::clone(mode), Arc::clone(mode));
    std::thread::spawn(move || {
        ask(&near, &to_far, &up);
        let _ = to_far.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        answer(far, &to_near, &down);
        let _ = to_near.shutdown(Shutdown::Both);
    });
}

fn wait_out(mode: &AtomicU8) {
    while mode.load(Ordering::Relaxed) == BLACKHOLE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the reader says, as it comes.
fn ask(mut from: &TcpStream, mut to: &TcpStream, mode: &AtomicU8) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        wait_out(mode);
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

/// What the camera says: lines of text, and packets between them (RFC 2326, section 10.12). The first
/// stream of a description is its picture, on channels 0 and 1.
fn answer(from: TcpStream, mut to: &TcpStream, mode: &AtomicU8) {
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let mut piece = Vec::new();
    while let Ok([first, ..]) = from.fill_buf() {
        let packet = *first == b'$';
        piece.clear();
        if packet {
            piece.resize(4, 0);
            if from.read_exact(&mut piece).is_err() {
                return;
            }
            let length = usize::from(u16::from_be_bytes([piece[2], piece[3]]));
            piece.resize(4 + length, 0);
            if from.read_exact(&mut piece[4..]).is_err() {
                return;
            }
        } else if !matches!(from.read_until(b'\n', &mut piece), Ok(1..)) {
            return;
        }
        wait_out(mode);
        let left_out = packet && piece[1] < 2 && mode.load(Ordering::Relaxed) == SOUND_ONLY;
        if !left_out && to.write_all(&piece).is_err() {
            return;
        }
    }
}
