//! Servers and links that misbehave.

use crate::place::free_port;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a server misbehaves towards whoever connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Takes the connection and never says a word.
    Silent,
    /// Answers whatever is sent with bytes that mean nothing.
    Garbage,
}

/// A server that misbehaves, on a free port, until dropped.
#[derive(Debug)]
pub struct FaultServer {
    /// Where it listens on loopback.
    pub port: u16,
    stop: Arc<AtomicBool>,
}

impl FaultServer {
    /// Starts one.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start(fault: Fault) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || misbehave(fault, stream));
            }
        });
        Self { port, stop }
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn misbehave(fault: Fault, mut stream: TcpStream) {
    let mut heard = [0u8; 4096];
    while let Ok(1..) = stream.read(&mut heard) {
        if fault == Fault::Garbage {
            let noise: Vec<u8> = (0..4096u32)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect();
            if stream.write_all(&noise).is_err() {
                return;
            }
        }
    }
}

const PASS: u8 = 0;
const STALL: u8 = 1;
const CUT: u8 = 2;

/// A TCP link to a server that can be stalled, cut and mended.
#[derive(Debug)]
pub struct Proxy {
    /// Where to connect instead of to the server.
    pub port: u16,
    mode: Arc<AtomicU8>,
    links: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Starts a link to `127.0.0.1:server`.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let mode = Arc::new(AtomicU8::new(PASS));
        let links = Arc::new(Mutex::new(Vec::new()));
        let (its_mode, its_links) = (Arc::clone(&mode), Arc::clone(&links));
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                match TcpStream::connect(("127.0.0.1", server)) {
                    Ok(far) if its_mode.load(Ordering::Relaxed) != CUT => {
                        join(&near, &far, &its_mode, &its_links);
                    }
                    _ => drop(near),
                }
            }
        });
        Self { port, mode, links }
    }

    /// Lets nothing through while every connection stays open.
    pub fn stall(&self) {
        self.mode.store(STALL, Ordering::Relaxed);
    }

    /// Ends every connection and refuses new ones.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail.
    pub fn cut(&self) {
        self.mode.store(CUT, Ordering::Relaxed);
        for link in self.links.lock().unwrap().drain(..) {
            let _ = link.shutdown(Shutdown::Both);
        }
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.mode.store(PASS, Ordering::Relaxed);
    }
}

fn join(
    near: &TcpStream,
    far: &TcpStream,
    mode: &Arc<AtomicU8>,
    links: &Arc<Mutex<Vec<TcpStream>>>,
) {
    links
        .lock()
        .unwrap()
        .extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
    for (from, to) in [(near, far), (far, near)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let mode = Arc::clone(mode);
        std::thread::spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                while mode.load(Ordering::Relaxed) == STALL {
                    std::thread::sleep(Duration::from_millis(10));
                }
                if to.write_all(&bytes[..count]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}
