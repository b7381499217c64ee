//! A TCP link to a server that can be stalled, cut, reset, lost, sifted and mended.
//!
//! Owns the connections and what happens to them. On loopback it can do all but lose packets: there,
//! lost is stalled. In a [`Site`] its near end has an address of its own that falls off the network.

use super::sieve::{Out, Sieve};
use super::site::Site;
use crate::place::free_port;
use rustix::net::sockopt::set_socket_linger;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PASS: u8 = 0;
const STALL: u8 = 1;
const CUT: u8 = 2;
const NO_PICTURE: u8 = 3;
const NO_SOUND: u8 = 4;

/// Bytes of a connection that are not media yet: handshake and commands.
const OPENING: usize = 8 * 1024;

/// What goes over the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speaks {
    /// Anything; nothing is looked at.
    #[default]
    Anything,
    /// RTSP with its packets on the same connection, so that a track can be taken out.
    Rtsp,
}

/// When media went from the near to the far end.
#[derive(Debug, Default)]
struct Meter {
    last: Option<Instant>,
    longest: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    mode: AtomicU8,
    links: Mutex<Vec<TcpStream>>,
    meter: Mutex<Meter>,
}

/// A TCP link to a server that can be stalled, cut and mended.
#[derive(Debug)]
pub struct Proxy {
    /// Where to connect instead of to the server.
    pub port: u16,
    /// The address of [`Self::port`].
    pub host: Ipv4Addr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a link to `127.0.0.1:server` on loopback.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn to(server: u16) -> Self {
        Self::across(None, server, Speaks::Anything)
    }

    /// Starts a link to `127.0.0.1:server` whose near end is in a site, if there is one.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn across(site: Option<&Site>, server: u16, speaks: Speaks) -> Self {
        let port = free_port();
        let host = site.map_or(Ipv4Addr::LOCALHOST, Site::address);
        let door = site.map(Site::door);
        let (listening, listens) = mpsc::channel();
        let (arrived, arrivals) = mpsc::channel();
        // A socket stays in the namespace in which it was made; everything else is out here.
        std::thread::spawn(move || {
            if let Some(door) = door {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(door.as_fd(), kind).unwrap();
            }
            let listener = TcpListener::bind((host, port)).unwrap();
            let _ = listening.send(());
            for near in listener.incoming().flatten() {
                if arrived.send(near).is_err() {
                    return;
                }
            }
        });
        listens.recv().expect("the link can listen");
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        std::thread::spawn(move || {
            for near in arrivals {
                match TcpStream::connect(("127.0.0.1", server)) {
                    Ok(far) if its.mode.load(Ordering::Relaxed) != CUT => {
                        join(&near, &far, &its, speaks);
                    }
                    _ => drop(near),
                }
            }
        });
        Self { port, host, shared }
    }

    fn set(&self, mode: u8) {
        self.shared.mode.store(mode, Ordering::Relaxed);
    }

    /// Lets nothing through while every connection stays open.
    pub fn stall(&self) {
        self.set(STALL);
    }

    /// Ends every connection and refuses new ones.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail.
    pub fn cut(&self) {
        self.set(CUT);
        for link in self.shared.links.lock().unwrap().drain(..) {
            let _ = link.shutdown(Shutdown::Both);
        }
    }

    /// Resets every connection (RST) and takes new ones.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail.
    pub fn reset(&self) {
        for link in self.shared.links.lock().unwrap().drain(..) {
            // With nothing to linger for, what ends the connection is a reset.
            let _ = set_socket_linger(&link, Some(Duration::ZERO));
            let _ = rustix::net::connect_unspec(&link);
            let _ = link.shutdown(Shutdown::Both);
        }
    }

    /// Lets the sound through and no picture; for links that speak RTSP.
    pub fn take_picture(&self) {
        self.set(NO_PICTURE);
    }

    /// Lets the picture through and no sound; for links that speak RTSP.
    pub fn take_sound(&self) {
        self.set(NO_SOUND);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.set(PASS);
    }

    /// The longest time in which no media went to the server since this was asked last.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail.
    pub fn longest_silence(&self) -> Duration {
        let mut meter = self.shared.meter.lock().unwrap();
        std::mem::take(&mut meter.longest)
    }
}

impl Shared {
    fn media(&self) {
        let mut meter = self.meter.lock().unwrap();
        let now = Instant::now();
        if let Some(last) = meter.last.replace(now) {
            meter.longest = meter.longest.max(now - last);
        }
    }
}

fn join(near: &TcpStream, far: &TcpStream, shared: &Arc<Shared>, speaks: Speaks) {
    let ends = [near.try_clone().unwrap(), far.try_clone().unwrap()];
    let mut links = shared.links.lock().unwrap();
    links.retain(|link| link.peer_addr().is_ok());
    links.extend(ends);
    drop(links);
    for (from, to, up) in [(near, far, true), (far, near, false)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let shared = Arc::clone(shared);
        let mut sieve = (speaks == Speaks::Rtsp && !up).then(Sieve::default);
        std::thread::spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            let mut passed = 0;
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                while shared.mode.load(Ordering::Relaxed) == STALL {
                    std::thread::sleep(Duration::from_millis(10));
                }
                let out = match shared.mode.load(Ordering::Relaxed) {
                    NO_PICTURE => Out::Picture,
                    NO_SOUND => Out::Sound,
                    _ => Out::Nothing,
                };
                let sent = match &mut sieve {
                    Some(sieve) => to.write_all(&sieve.sift(&bytes[..count], out)),
                    None => to.write_all(&bytes[..count]),
                };
                if sent.is_err() {
                    break;
                }
                passed += count;
                if up && passed > OPENING {
                    shared.media();
                }
            }
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
}
