//! Asks a server whether it is there, without a stream key.
//!
//! Owns one question: a TCP connect, or SRT's first packet where the server listens on UDP. Says
//! nothing about whether the server would take a stream.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::net::SocketAddr;
use std::time::Duration;
use stream::{Ingest, Side, Target};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

/// How long a try may take, finding the address included.
const DIAL: Duration = Duration::from_secs(3);
/// Addresses of one name that are tried, all at once.
const ADDRESSES: usize = 8;

/// The one of a target's addresses that answers: `first` if it does, else the other one.
pub(super) async fn any(target: &Target, first: Side) -> Option<Side> {
    if target.backup.is_none() {
        return answers(target.at(first)).await.then_some(first);
    }
    let other = first.other();
    let (here, there) = tokio::join!(answers(target.at(first)), answers(target.at(other)));
    here.then_some(first).or_else(|| there.then_some(other))
}

/// Whether a server answers.
pub(super) async fn answers(ingest: &Ingest) -> bool {
    let host = (ingest.host.as_str(), ingest.port);
    let tcp = ingest.protocol.answers_tcp();
    let tries = async {
        let Ok(found) = lookup_host(host).await else {
            return false;
        };
        // All at once: one family of addresses may lead nowhere in this network.
        let mut tries: FuturesUnordered<_> = found
            .take(ADDRESSES)
            .map(|at| async move {
                if tcp {
                    connects(at).await
                } else {
                    greets(at).await
                }
            })
            .collect();
        while let Some(answered) = tries.next().await {
            if answered {
                return true;
            }
        }
        false
    };
    timeout(DIAL, tries).await.unwrap_or(false)
}

async fn connects(at: SocketAddr) -> bool {
    TcpStream::connect(at).await.is_ok()
}

/// SRT's handshake of the first phase ("induction"): a listener answers it with a cookie and keeps
/// nothing of it.
fn induction() -> [u8; 64] {
    let mut packet = [0; 64];
    let fields: [(usize, [u8; 4]); 7] = [
        (0, [0x80, 0, 0, 0]),                // control packet, handshake
        (16, 4_u32.to_be_bytes()),           // version
        (20, 2_u32.to_be_bytes()),           // no encryption; datagrams
        (28, 1500_u32.to_be_bytes()),        // largest packet
        (32, 8192_u32.to_be_bytes()),        // flow window
        (36, 1_u32.to_be_bytes()),           // induction
        (40, 0x5653_5452_u32.to_be_bytes()), // the asker's socket id: any but 0
    ];
    for (at, bytes) in fields {
        if let Some(place) = packet.get_mut(at..at + 4) {
            place.copy_from_slice(&bytes);
        }
    }
    packet
}

async fn greets(at: SocketAddr) -> bool {
    let own: SocketAddr = if at.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let Ok(socket) = UdpSocket::bind(own).await else {
        return false;
    };
    // Connected, so that a closed port is told by an error and nobody else can answer.
    if socket.connect(at).await.is_err() || socket.send(&induction()).await.is_err() {
        return false;
    }
    let mut answer = [0; 64];
    matches!(socket.recv(&mut answer).await, Ok(16..)) && answer.starts_with(&[0x80, 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Platform, Secret};
    use stream::IngestProtocol;
    use tokio::net::TcpListener;

    fn at(protocol: IngestProtocol, port: u16) -> Ingest {
        Ingest {
            protocol,
            host: "localhost".to_owned(),
            port,
            dest: Secret::default(),
            bearer: None,
            fingerprint: None,
            label: String::new(),
            platform: Platform::Custom,
        }
    }

    #[tokio::test]
    async fn a_port_that_listens_answers_and_the_other_address_stands_in() {
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = open.local_addr().unwrap().port();
        let shut = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = shut.local_addr().unwrap().port();
        drop(shut);
        let (yes, no) = (
            at(IngestProtocol::Rtmp, port),
            at(IngestProtocol::Rtmp, dead),
        );
        assert!(answers(&yes).await && !answers(&no).await);
        let target = |primary: &Ingest, backup: Option<&Ingest>| Target {
            primary: primary.clone(),
            backup: backup.cloned(),
        };
        for (primary, backup, first, found) in [
            (&yes, None, Side::Primary, Some(Side::Primary)),
            (&no, None, Side::Primary, None),
            (&no, Some(&yes), Side::Primary, Some(Side::Backup)),
            (&yes, Some(&yes), Side::Backup, Some(Side::Backup)),
            (&yes, Some(&no), Side::Backup, Some(Side::Primary)),
        ] {
            assert_eq!(any(&target(primary, backup), first).await, found);
        }
    }

    #[tokio::test]
    async fn an_srt_listener_is_known_by_its_answer_to_the_first_packet() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let asked = runtime::spawn(async move {
            let mut packet = [0; 1500];
            let (size, from) = server.recv_from(&mut packet).await.unwrap();
            server.send_to(&packet[..size], from).await.unwrap();
            packet[..size].to_vec()
        });
        assert!(answers(&at(IngestProtocol::Srt, port)).await);
        let packet = asked.await.unwrap();
        assert_eq!(packet.len(), 64);
        assert_eq!((packet[0], packet[39]), (0x80, 1));
        assert!(!answers(&at(IngestProtocol::Srt, port)).await, "it is gone");
    }
}
