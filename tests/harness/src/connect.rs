//! An HTTP proxy that connects whoever knows its password.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Longest head of a question in bytes.
const HEAD: usize = 8192;

/// A proxy on a free port of loopback. Ends with the test.
pub struct ConnectProxy {
    port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    authorization: String,
    tunnels: AtomicUsize,
    turned_away: AtomicUsize,
    closed: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl ConnectProxy {
    /// One that lets in this user with this password.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start(user: &str, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let pair = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
        let inner = Arc::new(Inner {
            authorization: format!("Basic {pair}"),
            tunnels: AtomicUsize::new(0),
            turned_away: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.closed.load(Ordering::Acquire) {
                    return;
                }
                let inner = Arc::clone(&shared);
                std::thread::spawn(move || inner.serve(stream));
            }
        });
        Self { port, inner }
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it made.
    #[must_use]
    pub fn tunnels(&self) -> usize {
        self.inner.tunnels.load(Ordering::Acquire)
    }

    /// How many it refused.
    #[must_use]
    pub fn turned_away(&self) -> usize {
        self.inner.turned_away.load(Ordering::Acquire)
    }

    /// Ends every connection that it made.
    pub fn cut(&self) {
        for stream in self.inner.open.lock().unwrap().drain(..) {
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.inner.closed.store(true, Ordering::Release);
        self.cut();
        // Wakes whoever waits for the next.
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD || stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).ok()
}

impl Inner {
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let head = head(&mut stream)?;
        let mut lines = head.lines();
        let target = lines.next()?.strip_prefix("CONNECT ")?.split(' ').next()?;
        let known = lines.any(|line| {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            name.eq_ignore_ascii_case("proxy-authorization") && value == self.authorization
        });
        if !known {
            self.turned_away.fetch_add(1, Ordering::AcqRel);
            let no = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
            return stream.write_all(no).ok();
        }
        let Ok(out) = TcpStream::connect(target) else {
            let no = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
            return stream.write_all(no).ok();
        };
        self.tunnels.fetch_add(1, Ordering::AcqRel);
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
        let both = [stream.try_clone().ok()?, out.try_clone().ok()?];
        self.open.lock().unwrap().extend(both);
        let (back_from, back_to) = (out.try_clone().ok()?, stream.try_clone().ok()?);
        let back = std::thread::spawn(move || pass(back_from, back_to));
        pass(stream, out);
        back.join().ok()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ended = std::io::copy(&mut from, &mut to);
    let _gone = to.shutdown(Shutdown::Both);
    let _gone = from.shutdown(Shutdown::Both);
}
