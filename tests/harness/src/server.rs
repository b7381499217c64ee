//! A MediaMTX of our own: the place that cameras publish to, or an RTMP sink.

use crate::child::{Child, until};
use crate::http::Http;
use crate::place::{build_folder, free_port};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// How the server differs from one that takes everything from everyone.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Only these paths (`app/key`) may be published to; empty means all.
    pub only: Vec<String>,
    /// Fixed RTMP port, for a server that comes back where it was.
    pub rtmp_port: Option<u16>,
    /// Fixed RTSP port.
    pub rtsp_port: Option<u16>,
    /// Shows what it gets to browsers on this port.
    pub hls_port: Option<u16>,
    /// Keeps the last minute of what it gets in this folder.
    pub record: Option<PathBuf>,
    /// More of its settings, which win: `{"srt": true}`.
    pub more: serde_json::Map<String, Value>,
}

/// A running MediaMTX on free loopback ports.
#[derive(Debug)]
pub struct MediaServer {
    /// RTSP over TCP.
    pub rtsp_port: u16,
    /// RTMP.
    pub rtmp_port: u16,
    /// Its API.
    pub api_port: u16,
    api: Http,
    child: Child,
    _folder: TempDir,
}

impl MediaServer {
    /// Starts one that takes everything.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&ServerOptions::default())
    }

    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up in 10 s.
    #[must_use]
    pub fn with(options: &ServerOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api_port = free_port();
        let rtsp_port = options.rtsp_port.unwrap_or_else(free_port);
        let rtmp_port = options.rtmp_port.unwrap_or_else(free_port);
        let here = |port: u16| format!("127.0.0.1:{port}");
        let mut paths = serde_json::Map::new();
        for path in &options.only {
            paths.insert(path.clone(), json!({}));
        }
        if options.only.is_empty() {
            paths.insert("all_others".to_owned(), json!({}));
        }
        let hls_address = here(options.hls_port.unwrap_or_default());
        let mut of_every_path = json!({});
        if let Some(folder) = &options.record {
            of_every_path = json!({
                "record": true, "recordFormat": "fmp4", "recordPartDuration": "1s",
                "recordPath": folder.join("%path/%Y-%m-%d_%H-%M-%S-%f"),
                "recordSegmentDuration": "10s", "recordDeleteAfter": "60s",
            });
        }
        let all = ["publish", "read", "api"].map(|action| json!({ "action": action }));
        // Every JSON document is a YAML document too.
        let mut config = json!({
            "logLevel": "info", "writeQueueSize": 1024,
            "api": true, "apiAddress": here(api_port),
            "rtsp": true, "rtspAddress": here(rtsp_port), "rtspTransports": ["tcp"],
            "rtmp": true, "rtmpAddress": here(rtmp_port),
            "hls": options.hls_port.is_some(), "hlsAddress": hls_address, "hlsAlwaysRemux": false,
            "pathDefaults": of_every_path, "webrtc": false, "srt": false, "moq": false,
            "authInternalUsers": [{ "user": "any", "permissions": all }], "paths": paths,
        });
        if let Some(config) = config.as_object_mut() {
            config.extend(options.more.clone());
        }
        let file = folder.path().join("mediamtx.yml");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut child = Child::start(
            &build_folder().join("mediamtx"),
            &[file.to_string_lossy().into_owned()],
            &folder.path().join("log"),
        );
        let api = Http::new(api_port);
        let up = until(Duration::from_secs(10), || {
            !child.is_running() || api.try_call("GET", "/v3/paths/list", None).is_some()
        });
        assert!(
            up && child.is_running(),
            "MediaMTX does not come up: {}",
            child.log()
        );
        Self {
            rtsp_port,
            rtmp_port,
            api_port,
            api,
            child,
            _folder: folder,
        }
    }

    /// The RTSP address of a path.
    #[must_use]
    pub fn rtsp(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{path}", self.rtsp_port)
    }

    /// The RTMP address of a path.
    #[must_use]
    pub fn rtmp(&self, path: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{path}", self.rtmp_port)
    }

    /// What the server knows of a path; null where there is none.
    #[must_use]
    pub fn path(&self, name: &str) -> Value {
        let list = self.api.get("/v3/paths/list?itemsPerPage=1000").ok();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items
            .into_iter()
            .find(|item| item["name"] == name)
            .unwrap_or(Value::Null)
    }

    /// Names of the paths that are configured.
    #[must_use]
    pub fn configured(&self) -> Vec<String> {
        let list = self.api.get("/v3/config/paths/list").ok();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
        items.iter().map(name).collect()
    }

    /// Bytes received on a path.
    #[must_use]
    pub fn bytes(&self, name: &str) -> u64 {
        let path = self.path(name);
        ["inboundBytes", "bytesReceived"]
            .iter()
            .find_map(|field| path[*field].as_u64())
            .unwrap_or(0)
    }

    /// Whether somebody publishes on a path now.
    #[must_use]
    pub fn is_ready(&self, name: &str) -> bool {
        let path = self.path(name);
        path["ready"] == true || path["online"] == true
    }

    /// Waits until somebody publishes on a path.
    #[must_use]
    pub fn wait_ready(&self, name: &str, limit: Duration) -> bool {
        until(limit, || self.is_ready(name))
    }

    /// Ids of the RTMP connections that publish, with their paths.
    #[must_use]
    pub fn rtmp_publishers(&self) -> Vec<(String, String)> {
        let list = self.api.get("/v3/rtmpconns/list?itemsPerPage=1000").ok();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        items
            .iter()
            .filter(|item| item["state"] == "publish")
            .map(|item| (text(&item["id"]), text(&item["path"])))
            .collect()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// Ends it in order; it is killed where that takes longer than the limit.
    pub(crate) fn end(&mut self, limit: Duration) {
        self.child.signal("INT");
        let _ = self.child.ended_within(limit);
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        self.child.signal(name);
    }
}
