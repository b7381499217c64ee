//! A door in front of an RTSP server that asks for a user and a password holding any character.
//!
//! The server behind it cannot do that itself: it refuses a colon in a password.

use crate::place::free_port;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lets one user through to an RTSP server.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
}

impl Gate {
    pub(crate) fn start(server: u16, user: &str, password: &str) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let wanted = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let wanted = wanted.clone();
                std::thread::spawn(move || {
                    if let Ok(far) = TcpStream::connect(("127.0.0.1", server)) {
                        let _ = admit(&near, &far, &wanted);
                        let _ = far.shutdown(Shutdown::Both);
                    }
                    let _ = near.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port, stop }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Answers requests itself until one carries the right words, then passes everything on.
fn admit(mut near: &TcpStream, mut far: &TcpStream, wanted: &str) -> std::io::Result<()> {
    let mut heard = Vec::new();
    let mut part = [0; 4096];
    loop {
        while let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") {
            let request = String::from_utf8_lossy(&heard[..end + 4]).into_owned();
            let header = |name: &str| {
                request
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap_or("")
                    .trim()
            };
            let number = header("CSeq:");
            if header("Authorization:") == wanted {
                far.write_all(&heard)?;
                return pass(near, far);
            }
            if request.starts_with("OPTIONS") {
                let public = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER";
                write!(
                    near,
                    "RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{public}\r\n\r\n"
                )?;
            } else {
                let ask = "WWW-Authenticate: Basic realm=\"camera\"";
                write!(
                    near,
                    "RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\n{ask}\r\n\r\n"
                )?;
            }
            heard.drain(..end + 4);
        }
        let count = near.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        heard.extend_from_slice(&part[..count]);
    }
}

fn pass(near: &TcpStream, far: &TcpStream) -> std::io::Result<()> {
    let (mut to_near, mut from_far) = (near.try_clone()?, far.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_far, &mut to_near);
        let _ = to_near.shutdown(Shutdown::Both);
    });
    let (mut from_near, mut to_far) = (near.try_clone()?, far.try_clone()?);
    std::io::copy(&mut from_near, &mut to_far).map(|_| ())
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            if place <= three.len() {
                let letter = bits >> (18 - 6 * place) & 63;
                text.push(char::from(LETTERS[usize::try_from(letter).unwrap_or(0)]));
            } else {
                text.push('=');
            }
        }
    }
    text
}
