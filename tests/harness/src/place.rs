//! Where things are: the checkout, what set-up has built, scratch space, free ports.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

/// The checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the sources are where they were built")
}

/// What set-up has built: `mediamtx`, `nginx`.
#[must_use]
pub fn build_folder() -> PathBuf {
    root().join("build")
}

/// A folder under `target/tmp` that outlives the run, for things that are costly to make.
#[must_use]
pub fn tmp(name: &str) -> PathBuf {
    let folder = root().join("target/tmp").join(name);
    std::fs::create_dir_all(&folder).expect("target/ can be written");
    folder
}

/// A TCP port on loopback that nobody listens on, below the range from which the system picks ports
/// for outgoing connections. No port is handed out twice by one process.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 1000).unwrap_or(0) * 10;
    loop {
        let port = first.saturating_add(NEXT.fetch_add(1, Ordering::Relaxed) % 2_700);
        let free = TcpListener::bind(("127.0.0.1", port)).is_ok()
            && std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok();
        if free {
            return port;
        }
    }
}
