//! The settings as they are used: typed, checked, with every default filled in.
//!
//! Owns what is a valid value. Never reads a file or the environment, and touches no disk.

use super::Fault;
use super::raw::{KEYS, Raw};
use crate::alerts::Reach;
use model::{ProfileName, Secret};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Every setting.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of everything the agent keeps.
    pub data_dir: PathBuf,
    /// Folder of pictures and videos.
    pub assets_dir: PathBuf,
    /// The page and the API.
    pub api: ApiConfig,
    /// Alerts.
    pub alerts: AlertsConfig,
    /// The connection to Studio.
    pub link: LinkConfig,
    /// The log.
    pub log: LogConfig,
    /// The preview.
    pub preview: PreviewConfig,
    /// The program.
    pub program: ProgramConfig,
    /// What is given up when something cannot keep up.
    pub degraded: DegradedConfig,
    /// FFmpeg.
    pub ffmpeg: FfmpegConfig,
    /// MediaMTX.
    pub mediamtx: MediamtxConfig,
}

/// The page and the API.
#[derive(Debug, Clone, Copy)]
pub struct ApiConfig {
    /// Where they answer: always a loopback address.
    pub listen: SocketAddr,
}

/// Alerts.
#[derive(Debug, Clone, Copy)]
pub struct AlertsConfig {
    /// How long a trouble has to be over before its alert is.
    pub clear_after: Duration,
    /// Where a webhook without https may lead.
    pub http: Reach,
}

/// The connection to Studio.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// How the device comes out of its network; straight where it is `None`.
    pub proxy: Option<link::Proxy>,
}

/// The log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// A `tracing` filter.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// For machines.
    Json,
}

/// The preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviewConfig {
    /// Previews that may be open at once.
    pub sessions: usize,
}

/// The program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramConfig {
    /// Its profile where nobody asks for another.
    pub profile: ProfileName,
    /// Percent of the processor up to which further encodes, decodes and previews are let in.
    pub processor_limit: u16,
}

/// Degraded mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DegradedConfig {
    /// What is allowed, and from when on.
    pub rules: stream::Rules,
    /// So long a notice stands in the picture at each step down; zero for none.
    pub banner: Duration,
}

/// FFmpeg.
#[derive(Debug, Clone)]
pub struct FfmpegConfig {
    /// Where it is; looked for when `None`.
    pub path: Option<PathBuf>,
}

/// Who runs MediaMTX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediamtxMode {
    /// The agent.
    Managed,
    /// Somebody else, on this machine.
    External,
}

/// MediaMTX. All ports are on loopback.
#[derive(Debug, Clone)]
pub struct MediamtxConfig {
    /// Who runs it.
    pub mode: MediamtxMode,
    /// Where it is; looked for when `None`.
    pub path: Option<PathBuf>,
    /// RTSP.
    pub rtsp_port: u16,
    /// RTMP.
    pub rtmp_port: u16,
    /// HLS.
    pub hls_port: u16,
    /// WebRTC signalling.
    pub webrtc_port: u16,
    /// WebRTC media, UDP.
    pub webrtc_udp_port: u16,
    /// Its API.
    pub api_port: u16,
    /// User name of an external one's API.
    pub api_user: Option<String>,
    /// Password of an external one's API.
    pub api_password: Secret,
}

struct Reader<'a> {
    raw: &'a Raw,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> &str {
        let default = || {
            KEYS.iter()
                .find(|k| k.name == key)
                .map_or("", |k| k.default)
        };
        self.raw.get(key).map_or_else(default, |given| &given.text)
    }

    fn fault(&mut self, key: &str, message: String) {
        let place = self
            .raw
            .get(key)
            .map_or_else(|| "default".to_owned(), |given| given.place.clone());
        self.faults.push(Fault {
            place,
            key: key.to_owned(),
            message,
        });
    }

    fn number(&mut self, key: &str, from: u64, to: u64) -> u64 {
        match self.text(key).parse::<u64>() {
            Ok(number) if (from..=to).contains(&number) => number,
            _ => {
                let message = format!("{} is not from {from} to {to}", self.text(key));
                self.fault(key, message);
                from
            }
        }
    }

    fn port(&mut self, key: &str, from: u64) -> u16 {
        u16::try_from(self.number(key, from, u64::from(u16::MAX))).unwrap_or(u16::MAX)
    }

    fn path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key);
        if text.is_empty() {
            return None;
        }
        let path = PathBuf::from(text);
        if !path.is_absolute() && text.contains('\0') {
            self.fault(key, "a path has no NUL character".to_owned());
        }
        Some(path)
    }

    fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key);
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!("{text:?} is none of {}", names.join(", "));
        self.fault(key, message);
        None
    }
}

/// Makes the settings of what was given; faults are added to `faults`, and the value is then only
/// good for finding more of them.
pub(super) fn config(raw: &Raw, faults: &mut Vec<Fault>) -> Config {
    let mut read = Reader { raw, faults };
    let data_dir = read.path("data_dir").unwrap_or_else(|| {
        read.fault("data_dir", "a folder is wanted".to_owned());
        PathBuf::new()
    });
    let assets_dir = read
        .path("assets_dir")
        .unwrap_or_else(|| data_dir.join("assets"));
    Config {
        assets_dir,
        api: ApiConfig {
            listen: listen(&mut read),
        },
        alerts: AlertsConfig {
            clear_after: Duration::from_secs(read.number("alerts.clear_after_s", 0, 600)),
            http: read
                .choice(
                    "alerts.http",
                    &[("loopback", Reach::Loopback), ("anywhere", Reach::Anywhere)],
                )
                .unwrap_or_default(),
        },
        link: LinkConfig {
            proxy: proxy(&mut read),
        },
        log: log(&mut read),
        preview: PreviewConfig {
            sessions: usize::try_from(read.number("preview.sessions", 1, 500)).unwrap_or(20),
        },
        program: ProgramConfig {
            profile: profile(&mut read),
            processor_limit: u16::try_from(read.number("program.processor_limit", 10, 1000))
                .unwrap_or(1000),
        },
        degraded: degraded(&mut read),
        ffmpeg: FfmpegConfig {
            path: read.path("ffmpeg.path"),
        },
        mediamtx: mediamtx(&mut read),
        data_dir,
    }
}

fn listen(read: &mut Reader<'_>) -> SocketAddr {
    let fallback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let address = match read.text("api.address").parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => address,
        Ok(address) => {
            let message = format!(
                "the API answers on loopback only until sign-in exists, not on {address}; \
                 use 127.0.0.1 or ::1, and reach it from elsewhere through an SSH tunnel"
            );
            read.fault("api.address", message);
            fallback
        }
        Err(_) => {
            let message = format!("{:?} is no IP address", read.text("api.address"));
            read.fault("api.address", message);
            fallback
        }
    };
    SocketAddr::new(address, read.port("api.port", 0))
}

fn proxy(read: &mut Reader<'_>) -> Option<link::Proxy> {
    let text = read.text("link.proxy");
    if text.is_empty() {
        return None;
    }
    // Nothing of the text is told: a password stands in it.
    match link::Proxy::parse(text) {
        Ok(proxy) => Some(proxy),
        Err(error) => {
            read.fault("link.proxy", error.to_string());
            None
        }
    }
}

fn log(read: &mut Reader<'_>) -> LogConfig {
    let level = read.text("log.level").to_owned();
    if level.is_empty() || level.parse::<tracing_subscriber::EnvFilter>().is_err() {
        let message = format!("{level:?} is no level (error, warn, info, debug, trace) or filter");
        read.fault("log.level", message);
    }
    let formats = [("human", LogFormat::Human), ("json", LogFormat::Json)];
    let format = read
        .choice("log.format", &formats)
        .unwrap_or(LogFormat::Human);
    LogConfig { level, format }
}

fn profile(read: &mut Reader<'_>) -> ProfileName {
    let profiles = [
        ("reliability", ProfileName::Reliability),
        ("quality", ProfileName::Quality),
        ("720p", ProfileName::P720),
        ("480p", ProfileName::P480),
        ("low_power", ProfileName::LowPower),
    ];
    read.choice("program.profile", &profiles)
        .unwrap_or_default()
}

fn degraded(read: &mut Reader<'_>) -> DegradedConfig {
    let mut on = |key| {
        read.choice(key, &[("on", true), ("off", false)])
            .unwrap_or(true)
    };
    let (cpu, network, encoder) = (
        on("degraded.high_cpu"),
        on("degraded.network"),
        on("degraded.encoder_overload"),
    );
    let cpu_high = read.number("degraded.cpu_high_percent", 50, 100);
    let cpu_low = read.number("degraded.cpu_low_percent", 10, 95);
    if cpu_low + 5 > cpu_high {
        let message = format!(
            "{cpu_low} is not at least 5 below degraded.cpu_high_percent, which is {cpu_high}"
        );
        read.fault("degraded.cpu_low_percent", message);
    }
    let percent = |value: u64| u8::try_from(value).unwrap_or(100);
    DegradedConfig {
        rules: stream::Rules {
            cpu,
            network,
            encoder,
            cpu_high: percent(cpu_high),
            cpu_low: percent(cpu_low),
            enter: Duration::from_secs(read.number("degraded.enter_s", 1, 120)),
            cpu_enter: Duration::from_secs(read.number("degraded.cpu_enter_s", 1, 600)),
            check: Duration::from_secs(read.number("degraded.check_s", 5, 600)),
        },
        banner: Duration::from_secs(read.number("degraded.banner_s", 0, 60)),
    }
}

fn mediamtx(read: &mut Reader<'_>) -> MediamtxConfig {
    let modes = [
        ("managed", MediamtxMode::Managed),
        ("external", MediamtxMode::External),
    ];
    let user = read.text("mediamtx.api_user");
    let api_user = (!user.is_empty()).then(|| user.to_owned());
    let config = MediamtxConfig {
        mode: read
            .choice("mediamtx.mode", &modes)
            .unwrap_or(MediamtxMode::Managed),
        path: read.path("mediamtx.path"),
        rtsp_port: read.port("mediamtx.rtsp_port", 1),
        rtmp_port: read.port("mediamtx.rtmp_port", 1),
        hls_port: read.port("mediamtx.hls_port", 1),
        webrtc_port: read.port("mediamtx.webrtc_port", 1),
        webrtc_udp_port: read.port("mediamtx.webrtc_udp_port", 1),
        api_port: read.port("mediamtx.api_port", 1),
        api_user,
        api_password: Secret::new(read.text("mediamtx.api_password")),
    };
    no_port_twice(read);
    config
}

fn no_port_twice(read: &mut Reader<'_>) {
    let mut seen: BTreeMap<String, &'static str> = BTreeMap::new();
    let tcp = KEYS
        .iter()
        .filter(|key| key.name.ends_with("port") && !key.name.contains("udp"));
    for key in tcp {
        let port = read.text(key.name).to_owned();
        if port == "0" {
            continue;
        }
        if let Some(other) = seen.get(&port) {
            let message = format!("port {port} is already that of {other}");
            read.fault(key.name, message);
        } else {
            seen.insert(port, key.name);
        }
    }
}
