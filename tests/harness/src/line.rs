//! A TCP line to a server with a bandwidth, that can be unplugged.
//!
//! Owns the listener and both ends of every connection. Unlike a stalled link, an unplugged line has
//! nobody who listens: a connect to it is refused.

use crate::place::free_port;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Bytes that are passed on at once: small, so that a narrow line is narrow at every moment.
const PIECE: usize = 4096;
/// Bytes that one connection takes in before it is passed on.
const HELD: u32 = 32 * 1024;

#[derive(Debug, Default)]
struct Shared {
    /// Bytes a second that pass; 0 is all of them.
    width: AtomicU64,
    unplugged: AtomicBool,
    ends: Mutex<Vec<TcpStream>>,
}

/// A line to a server on loopback, until dropped.
#[derive(Debug)]
pub struct Line {
    /// Where to connect instead of to the server.
    pub port: u16,
    server: u16,
    shared: Arc<Shared>,
}

impl Line {
    /// Starts a line to `127.0.0.1:server` as wide as loopback.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let line = Self {
            port: free_port(),
            server,
            shared: Arc::default(),
        };
        line.listen();
        line
    }

    fn listen(&self) {
        let listener = small(self.port);
        let (shared, server) = (Arc::clone(&self.shared), self.server);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // The last connect only wakes this thread, so that the listener goes.
                if shared.unplugged.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(far) = TcpStream::connect(("127.0.0.1", server)) {
                    join(&near, &far, &shared);
                }
            }
        });
    }

    /// Lets only so many bytes a second through.
    pub fn narrow(&self, bytes_per_second: u64) {
        self.shared.width.store(bytes_per_second, Ordering::SeqCst);
    }

    /// Lets everything through again, as fast as it can.
    pub fn widen(&self) {
        self.narrow(0);
    }

    /// Ends every connection; nobody listens any more.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail.
    pub fn unplug(&self) {
        self.shared.unplugged.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for end in self.shared.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
        let gone = crate::child::until(Duration::from_secs(2), || {
            TcpStream::connect(("127.0.0.1", self.port)).is_err()
        });
        assert!(gone, "the line still listens");
    }

    /// Listens again where it did.
    pub fn plug(&self) {
        self.shared.unplugged.store(false, Ordering::SeqCst);
        self.listen();
    }
}

/// A listener whose connections hold little, so that a narrow line is felt at once: an ordinary one
/// takes in half a minute of a stream first.
fn small(port: u16) -> TcpListener {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_recv_buffer_size(HELD).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    let listener = socket.listen(64).unwrap().into_std().unwrap();
    listener.set_nonblocking(false).unwrap();
    listener
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.unplugged.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for end in self.shared.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn join(near: &TcpStream, far: &TcpStream, shared: &Arc<Shared>) {
    let ends = [near.try_clone().unwrap(), far.try_clone().unwrap()];
    shared.ends.lock().unwrap().extend(ends);
    for (from, to) in [(near, far), (far, near)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let mut bytes = vec![0; PIECE];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                if to.write_all(&bytes[..count]).is_err() {
                    break;
                }
                let width = shared.width.load(Ordering::SeqCst);
                if let Some(pause) = (count as u64 * 1_000_000).checked_div(width) {
                    std::thread::sleep(Duration::from_micros(pause));
                }
            }
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
}
