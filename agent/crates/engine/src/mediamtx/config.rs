//! MediaMTX's configuration, generated: everything on loopback, everything not needed switched off.
//!
//! Owns field names and addresses. Paths are never in the file: they carry passwords and stream keys,
//! so they are given through the API and stay in memory.

use data_encoding::HEXLOWER;
use model::Secret;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// The ports of one MediaMTX, all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// RTSP over TCP.
    pub rtsp: u16,
    /// RTMP.
    pub rtmp: u16,
    /// HLS over HTTP.
    pub hls: u16,
    /// WHEP and WHIP over HTTP.
    pub webrtc: u16,
    /// WebRTC's media, UDP and TCP.
    pub webrtc_media: u16,
    /// The control API.
    pub api: u16,
}

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in `Ports`")]
pub enum PortUse {
    Rtsp,
    Rtmp,
    Hls,
    WebRtc,
    WebRtcMedia,
    Api,
}

impl std::fmt::Display for PortUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rtsp => "RTSP",
            Self::Rtmp => "RTMP",
            Self::Hls => "HLS",
            Self::WebRtc => "WebRTC",
            Self::WebRtcMedia => "WebRTC media",
            Self::Api => "control API",
        })
    }
}

/// A port that another program uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortInUse {
    /// What we want it for.
    pub of: PortUse,
    /// Its number on 127.0.0.1.
    pub port: u16,
}

impl std::fmt::Display for PortInUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "port {} ({})", self.port, self.of)
    }
}

impl Default for Ports {
    /// The usual ones: 8554, 1935, 8888, 8889, 8189, 9997.
    fn default() -> Self {
        Self {
            rtsp: 8554,
            rtmp: 1935,
            hls: 8888,
            webrtc: 8889,
            webrtc_media: 8189,
            api: 9997,
        }
    }
}

impl Ports {
    /// Six ports that are free now, for tests and demos beside another MediaMTX. They lie below the
    /// range from which systems pick ports for outgoing connections, and one process is given none
    /// twice: nothing else takes them before the server does.
    ///
    /// # Errors
    /// When the machine has none left.
    pub fn free() -> std::io::Result<Self> {
        Ok(Self {
            rtsp: free_port()?,
            rtmp: free_port()?,
            hls: free_port()?,
            webrtc: free_port()?,
            api: free_port()?,
            webrtc_media: free_port()?,
        })
    }

    /// Each with its use.
    #[must_use]
    pub const fn named(&self) -> [(PortUse, u16); 6] {
        [
            (PortUse::Rtsp, self.rtsp),
            (PortUse::Rtmp, self.rtmp),
            (PortUse::Hls, self.hls),
            (PortUse::WebRtc, self.webrtc),
            (PortUse::WebRtcMedia, self.webrtc_media),
            (PortUse::Api, self.api),
        ]
    }

    /// All that somebody else is using.
    pub(super) fn taken(&self) -> Vec<PortInUse> {
        let free = |of: PortUse, port: u16| {
            let at = (Ipv4Addr::LOCALHOST, port);
            nobody_listens(port) && (of != PortUse::WebRtcMedia || UdpSocket::bind(at).is_ok())
        };
        self.named()
            .into_iter()
            .filter(|(of, port)| !free(*of, *port))
            .map(|(of, port)| PortInUse { of, port })
            .collect()
    }
}

/// The first port that [`free_port`] may give.
const FIRST: u16 = 10_000;
/// How many it chooses from.
const RANGE: u16 = 10_000;

/// A port that is free over UDP and over TCP. Processes begin at different places.
fn free_port() -> std::io::Result<u16> {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 1000).unwrap_or(0) * 10;
    for _ in 0..RANGE {
        let step = GIVEN.fetch_add(1, Ordering::Relaxed) % RANGE;
        let port = FIRST + (begin + step) % RANGE;
        let at = (Ipv4Addr::LOCALHOST, port);
        if nobody_listens(port) && UdpSocket::bind(at).is_ok() {
            return Ok(port);
        }
    }
    Err(std::io::ErrorKind::AddrNotAvailable.into())
}

/// Whether a server could listen there. Asked without listening: a child that is just being started
/// has our sockets for a moment, and one that listens would keep the next away.
fn nobody_listens(port: u16) -> bool {
    let flags = SocketFlags::CLOEXEC;
    socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .and_then(|socket| {
            sockopt::set_socket_reuseaddr(&socket, true)?;
            bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
        })
        .is_ok()
}

/// Where a MediaMTX answers, ours or somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// RTSP, e.g. `127.0.0.1:8554`.
    pub rtsp: SocketAddr,
    /// RTMP.
    pub rtmp: SocketAddr,
    /// HLS.
    pub hls: SocketAddr,
    /// WHEP and WHIP.
    pub webrtc: SocketAddr,
    /// The control API.
    pub api: SocketAddr,
}

impl From<Ports> for Addresses {
    fn from(ports: Ports) -> Self {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            rtsp: at(ports.rtsp),
            rtmp: at(ports.rtmp),
            hls: at(ports.hls),
            webrtc: at(ports.webrtc),
            api: at(ports.api),
        }
    }
}

/// Who may use MediaMTX's control API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Secret,
}

/// The random source of the machine failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the machine has no randomness to give")]
pub struct NoRandomness;

impl Credentials {
    /// Fresh ones, good for this run of the agent: 32 random bytes.
    ///
    /// # Errors
    /// When the system's random source fails.
    pub fn fresh() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; 32];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| NoRandomness)?;
        Ok(Self {
            user: "agent".to_owned(),
            password: Secret::new(HEXLOWER.encode(&bytes)),
        })
    }
}

/// The configuration as JSON, which MediaMTX reads as the YAML that it is. `gate` is the agent's
/// address that answers who may publish and read.
///
/// HLS has seven segments (the least that low latency allows), each as long as the program's two
/// seconds from key frame to key frame, in parts of 200 ms. MoQ is off: it would listen on every
/// interface and write keys into the working directory.
pub(super) fn document(ports: &Ports, gate: &str) -> Value {
    let at = |port: u16| format!("127.0.0.1:{port}");
    let fields = [
        ("logLevel", json!("info")),
        ("logDestinations", json!(["stdout"])),
        ("readTimeout", json!("10s")),
        ("writeTimeout", json!("10s")),
        ("writeQueueSize", json!(1024)),
        ("authMethod", json!("http")),
        ("authHTTPAddress", json!(gate)),
        ("authHTTPExclude", json!([])),
        ("api", json!(true)),
        ("apiAddress", json!(at(ports.api))),
        ("apiAllowOrigins", json!([])),
        ("metrics", json!(false)),
        ("pprof", json!(false)),
        ("playback", json!(false)),
        ("rtsp", json!(true)),
        ("rtspTransports", json!(["tcp"])),
        ("rtspEncryption", json!("no")),
        ("rtspAddress", json!(at(ports.rtsp))),
        ("rtmp", json!(true)),
        ("rtmpEncryption", json!("no")),
        ("rtmpAddress", json!(at(ports.rtmp))),
        ("hls", json!(true)),
        ("hlsAddress", json!(at(ports.hls))),
        ("hlsAllowOrigins", json!([])),
        ("hlsAlwaysRemux", json!(false)),
        ("hlsVariant", json!("lowLatency")),
        ("hlsSegmentCount", json!(7)),
        ("hlsSegmentDuration", json!("2s")),
        ("hlsPartDuration", json!("200ms")),
        ("hlsSegmentMaxSize", json!("50M")),
        ("hlsMuxerCloseAfter", json!("60s")),
        ("webrtc", json!(true)),
        ("webrtcAddress", json!(at(ports.webrtc))),
        ("webrtcAllowOrigins", json!([])),
        ("webrtcLocalUDPAddress", json!(at(ports.webrtc_media))),
        ("webrtcLocalTCPAddress", json!(at(ports.webrtc_media))),
        ("webrtcIPsFromInterfaces", json!(false)),
        ("webrtcAdditionalHosts", json!(["127.0.0.1"])),
        ("webrtcICEServers2", json!([])),
        ("srt", json!(false)),
        ("moq", json!(false)),
        ("paths", json!({})),
    ];
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn every_address_is_on_loopback() {
        let document = document(&Ports::default(), "http://127.0.0.1:1/gate");
        let fields = document.as_object().unwrap();
        let mut addresses = 0;
        for (name, value) in fields {
            if name.ends_with("Address") {
                addresses += 1;
                let value = value.as_str().unwrap();
                assert!(value.contains("127.0.0.1:"), "{name} = {value}");
            }
        }
        assert_eq!(addresses, 8);
        for off in ["moq", "srt", "metrics", "pprof", "playback"] {
            assert_eq!(fields[off], false, "{off}");
        }
    }

    #[test]
    fn free_ports_are_free_and_all_different() {
        let ports = Ports::free().unwrap();
        let mut all: Vec<u16> = ports.named().iter().map(|(_, port)| *port).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6);
        assert_eq!(ports.taken(), []);
        let given = FIRST..FIRST + RANGE;
        assert!(all.iter().all(|port| given.contains(port)), "{all:?}");
        let more = Ports::free().unwrap();
        assert!(more.named().iter().all(|(_, port)| !all.contains(port)));
        let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.hls)).unwrap();
        let _media = UdpSocket::bind((Ipv4Addr::LOCALHOST, ports.webrtc_media)).unwrap();
        let taken: Vec<PortUse> = ports.taken().iter().map(|taken| taken.of).collect();
        assert_eq!(taken, [PortUse::Hls, PortUse::WebRtcMedia]);
    }

    #[test]
    fn credentials_are_long_and_never_the_same() {
        let (a, b) = (Credentials::fresh().unwrap(), Credentials::fresh().unwrap());
        assert_eq!(a.password.expose().len(), 64);
        assert_ne!(a, b);
        assert!(!format!("{a:?}").contains(a.password.expose()));
    }
}
