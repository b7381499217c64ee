//! Servers and links that misbehave.
//!
//! Owns servers that answer nothing or nonsense, links that stall, break, swallow and sift, and the
//! place behind a network of its own where packets can be lost. Which of it is done when is `chaos`.

mod proxy;
mod sieve;
mod site;

pub use proxy::{Proxy, Speaks};
pub use site::Site;

use crate::place::free_port;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
