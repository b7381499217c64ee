//! Where processes wait for somebody who calls: their TCP sockets that listen, and their UDP sockets that
//! take from anybody.
//!
//! Owns the reading of `/proc/<pid>/net`. Judges nothing.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A TCP socket that listens, and a UDP socket that is connected to nobody, as the kernel counts states.
const LISTENS: &str = "0A";
const UNCONNECTED: &str = "07";

/// The addresses of every such socket of these processes.
#[must_use]
pub fn doors(pids: &[u32]) -> BTreeSet<SocketAddr> {
    pids.iter().flat_map(|pid| of(*pid)).collect()
}

fn of(pid: u32) -> BTreeSet<SocketAddr> {
    let own: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let link = link.to_str()?;
            Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let mut found = BTreeSet::new();
    for (table, state) in [
        ("tcp", LISTENS),
        ("tcp6", LISTENS),
        ("udp", UNCONNECTED),
        ("udp6", UNCONNECTED),
    ] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        found.extend(waiting(&text, state, &own));
    }
    found
}

/// Those of a table in that state whose numbers are among `own`.
fn waiting(table: &str, state: &str, own: &BTreeSet<String>) -> Vec<SocketAddr> {
    let of_line = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_it = words.get(3) == Some(&state) && own.contains(*words.get(9)?);
        is_it.then(|| address(words.get(1)?)).flatten()
    };
    table.lines().skip(1).filter_map(of_line).collect()
}

/// An address as the kernel prints it: words of 32 bits as this machine has them in memory.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for at in (0..host.len()).step_by(8) {
        let word = u32::from_str_radix(host.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let host = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(
        host.to_canonical(),
        u16::from_str_radix(port, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn our_own_are_found_and_those_that_are_connected_are_not() {
        let listens = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = TcpListener::bind("[::1]:0").ok();
        let open = UdpSocket::bind("0.0.0.0:0").unwrap();
        let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
        connected
            .connect(
                open.local_addr()
                    .map(|at| ("127.0.0.1", at.port()))
                    .unwrap(),
            )
            .unwrap();
        let found = doors(&[std::process::id()]);
        assert!(found.contains(&listens.local_addr().unwrap()), "{found:?}");
        assert!(found.contains(&open.local_addr().unwrap()), "{found:?}");
        assert!(
            !found.contains(&connected.local_addr().unwrap()),
            "{found:?}"
        );
        if let Some(six) = six {
            assert!(found.contains(&six.local_addr().unwrap()), "{found:?}");
        }
    }
}
