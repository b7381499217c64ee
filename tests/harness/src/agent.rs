//! The agent as a child process, seen as a user sees it: its ports, its API, its process tree.

use crate::camera::{Camera, Via};
use crate::child::{Child, processes_below, until};
use crate::http::Http;
use crate::place::{free_port, root};
use crate::show::camera_body;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What is set beside the data folder and the ports.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// The program's profile.
    pub profile: String,
    /// More environment variables.
    pub environment: Vec<(String, String)>,
    /// Keep data in this folder instead of in one that goes with the value.
    pub data: Option<PathBuf>,
    /// The port of page and API; any free one where it is absent.
    pub port: Option<u16>,
    /// Keep data on a disk of so many MiB that lives as long as the process, and can be filled.
    pub disk_mib: Option<u32>,
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self {
            profile: "480p".to_owned(),
            environment: Vec::new(),
            data: None,
            port: None,
            disk_mib: None,
        }
    }
}

/// A running agent. Everything below it is killed when this value is dropped.
#[derive(Debug)]
pub struct Agent {
    /// RTSP of its MediaMTX.
    pub rtsp_port: u16,
    /// RTMP of its MediaMTX.
    pub rtmp_port: u16,
    /// Low-latency HLS of its MediaMTX.
    pub hls_port: u16,
    http: Http,
    child: Child,
    environment: Vec<(String, String)>,
    disk_mib: Option<u32>,
    data: PathBuf,
    folder: TempDir,
}

/// Where the agent is built.
fn binary() -> PathBuf {
    root().join("target/release/vistter-agent")
}

impl Agent {
    /// An agent with the 480p profile, ready.
    #[must_use]
    pub fn start() -> Self {
        Self::with(AgentOptions::default())
    }

    /// An agent on free ports, ready.
    ///
    /// # Panics
    /// When it is not ready after 30 s.
    #[must_use]
    pub fn with(options: AgentOptions) -> Self {
        let mut agent = Self::launched(options);
        agent.wait_ready();
        agent
    }

    /// An agent that lacks something: its API answers, more is not waited for.
    ///
    /// # Panics
    /// When its API does not answer after 30 s.
    #[must_use]
    pub fn lacking(environment: &[(&str, String)]) -> Self {
        let named = |(key, value): &(&str, String)| ((*key).to_owned(), value.clone());
        let mut agent = Self::launched(AgentOptions {
            environment: environment.iter().map(named).collect(),
            ..AgentOptions::default()
        });
        agent.wait_answer("/healthz");
        agent
    }

    fn launched(options: AgentOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = options.data.unwrap_or_else(|| folder.path().join("data"));
        let port = options.port.unwrap_or_else(free_port);
        let [rtsp_port, rtmp_port, hls_port] = [(); 3].map(|()| free_port());
        let mut environment: Vec<(String, String)> = vec![
            (
                "VISTTER__DATA_DIR".to_owned(),
                data.to_string_lossy().into_owned(),
            ),
            ("VISTTER__PROGRAM__PROFILE".to_owned(), options.profile),
            // Cameras, destinations and judge use the same processor, and are no work of the agent's.
            (
                "VISTTER__PROGRAM__PROCESSOR_LIMIT".to_owned(),
                "1000".to_owned(),
            ),
        ];
        // A test's own load would make the agent give up quality, and others count frames and look at
        // graphics.
        for key in ["HIGH_CPU", "NETWORK", "ENCODER_OVERLOAD"] {
            environment.push((format!("VISTTER__DEGRADED__{key}"), "off".to_owned()));
        }
        for (key, port) in [
            ("API__PORT", port),
            ("MEDIAMTX__RTSP_PORT", rtsp_port),
            ("MEDIAMTX__RTMP_PORT", rtmp_port),
            ("MEDIAMTX__HLS_PORT", hls_port),
            ("MEDIAMTX__WEBRTC_PORT", free_port()),
            ("MEDIAMTX__WEBRTC_UDP_PORT", free_port()),
            ("MEDIAMTX__API_PORT", free_port()),
        ] {
            environment.push((format!("VISTTER__{key}"), port.to_string()));
        }
        environment.extend(options.environment);
        let log = folder.path().join("log");
        let child = match options.disk_mib {
            Some(mib) => launch_on_a_disk(mib, &data, &environment, &log),
            None => launch(&environment, &log),
        };
        Self {
            rtsp_port,
            rtmp_port,
            hls_port,
            http: Http::new(port),
            child,
            environment,
            disk_mib: options.disk_mib,
            data,
            folder,
        }
    }

    /// Runs the agent to its end with these variables and nothing else of ours: for settings that it
    /// refuses. Answers `(exit code, what it printed)`.
    ///
    /// # Panics
    /// When it does not end in 20 s.
    #[must_use]
    pub fn refuse(environment: &[(String, String)]) -> (Option<i32>, String) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut child = launch(environment, &log);
        let end = child.ended_within(Duration::from_secs(20));
        let said = child.log();
        let end = end.unwrap_or_else(|| panic!("it runs with settings that are wrong: {said}"));
        (end.code(), said)
    }

    /// Runs the agent's binary to its end with these arguments, its data in `data`. Answers
    /// `(exit code, what it printed)`.
    ///
    /// # Panics
    /// When it does not end in 40 s.
    #[must_use]
    pub fn command(arguments: &[&str], data: &Path) -> (Option<i32>, String) {
        Self::command_with(arguments, data, &[])
    }

    /// The same with more environment variables.
    ///
    /// # Panics
    /// When it does not end in 40 s.
    #[must_use]
    pub fn command_with(
        arguments: &[&str],
        data: &Path,
        environment: &[(&str, String)],
    ) -> (Option<i32>, String) {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let named = (
            "VISTTER__DATA_DIR".to_owned(),
            data.to_string_lossy().into_owned(),
        );
        let more = environment.iter();
        let more = more.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let environment: Vec<(String, String)> = more.chain([named]).collect();
        let log = folder.path().join("log");
        let mut child = Child::start_with(&binary(), &arguments, &environment, &log);
        let end = child.ended_within(Duration::from_secs(40));
        let said = child.log();
        let end = end.unwrap_or_else(|| panic!("{arguments:?} does not end: {said}"));
        (end.code(), said)
    }

    fn wait_ready(&mut self) {
        self.wait_answer("/readyz");
    }

    fn wait_answer(&mut self, path: &str) {
        let ready = until(Duration::from_secs(30), || {
            !self.child.is_running()
                || self
                    .http
                    .try_call("GET", path, None)
                    .is_some_and(|reply| reply.status == 200)
        });
        let running = self.child.is_running();
        assert!(
            ready && running,
            "the agent is not ready: {}",
            self.child.log()
        );
    }

    /// Its API.
    #[must_use]
    pub const fn api(&self) -> &Http {
        &self.http
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

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its data folder as it is seen from outside, whatever disk it is on.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        let inside = self.data.strip_prefix("/").unwrap_or(&self.data);
        Path::new(&format!("/proc/{}/root", self.child.id())).join(inside)
    }

    /// The folder that `/assets/…` stands for.
    #[must_use]
    pub fn assets(&self) -> PathBuf {
        self.data.join("assets")
    }

    /// RTSP address of one of its paths.
    #[must_use]
    pub fn rtsp(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{path}", self.rtsp_port)
    }

    /// Its children and theirs.
    #[must_use]
    pub fn children(&self) -> Vec<(u32, String)> {
        processes_below(self.child.id())
    }

    /// Kills it as the kernel would, leaving it no time to do anything.
    pub fn kill(&mut self) {
        self.child.signal("KILL");
        let _ = self.child.ended_within(Duration::from_secs(5));
    }

    /// Asks it to stop and waits for its end. `None` when it takes longer than the limit.
    pub fn stop(&mut self, limit: Duration) -> Option<Duration> {
        let began = Instant::now();
        self.child.signal("TERM");
        self.child.ended_within(limit).map(|_| began.elapsed())
    }

    /// Starts it again with the same settings and data, and waits until it is ready.
    ///
    /// # Panics
    /// When its data were on a disk of its own, or when it does not get ready.
    pub fn start_again(&mut self) {
        assert!(self.disk_mib.is_none(), "its disk went with it");
        self.child = launch(&self.environment, &self.folder.path().join("log"));
        self.wait_ready();
    }

    /// Starts it again with the same settings and data, without waiting for anything.
    pub fn launch_again(&mut self) {
        self.child = launch(&self.environment, &self.folder.path().join("log"));
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        self.child.signal(name);
    }

    /// `GET /api/preview/status`, where anybody answers.
    #[must_use]
    pub fn try_status(&self) -> Option<Value> {
        let reply = self.http.try_call("GET", "/api/preview/status", None)?;
        (reply.status == 200).then_some(reply.json)
    }

    /// Adds a camera under an id.
    #[track_caller]
    pub fn add_camera(&self, id: &str, camera: &Camera) {
        let _ = self
            .http
            .post("/api/cameras", camera_body(id, camera, Via::Rtsp))
            .ok();
    }

    /// Adds an RTMP destination under an id.
    #[track_caller]
    pub fn add_destination(&self, id: &str, url: &str, key: &str) {
        let body = json!({
            "id": id, "name": format!("Sink {id}"), "platform": "custom_rtmp",
            "rtmp_url": url, "stream_key": key,
        });
        let _ = self.http.post("/api/destinations", body).ok();
    }

    /// Saves a timeline and starts its preview; waits until the program is on air with fresh inputs.
    ///
    /// # Panics
    /// When no program frames come for 20 s.
    #[track_caller]
    pub fn preview(&self, timeline: &Value) {
        let saved = self.http.post("/api/timelines", timeline.clone()).ok();
        let id = saved["id"]
            .as_str()
            .or(timeline["id"].as_str())
            .unwrap_or_default()
            .to_owned();
        let _ = self
            .http
            .post("/api/preview/start", json!({ "timeline_id": id }))
            .ok();
        let mut last = Value::Null;
        let on_air = until(Duration::from_secs(20), || {
            last = self.status();
            let inputs = last["inputs"].as_array().cloned().unwrap_or_default();
            last["metrics"]["frames"].as_u64().unwrap_or(0) > 30
                && last["metrics"]["publishing"] == true
                && inputs
                    .iter()
                    .filter(|input| !input["camera_id"].is_null())
                    .any(|input| input["state"] == "fresh")
        });
        assert!(
            on_air,
            "the program does not come on air: {last}\n{}",
            self.log()
        );
    }

    /// Stops the preview.
    pub fn stop_preview(&self) {
        let _ = self.http.post("/api/preview/stop", json!({})).ok();
    }

    /// Goes live.
    #[track_caller]
    pub fn go_live(&self, destinations: &[&str]) {
        let body = json!({ "destination_ids": destinations });
        let _ = self.http.post("/api/preview/go-live", body).ok();
    }

    /// `GET /api/preview/status`.
    #[must_use]
    pub fn status(&self) -> Value {
        self.http.get("/api/preview/status").ok()
    }

    /// How it says that a destination does; null where it does not know it.
    #[must_use]
    pub fn destination(&self, id: &str) -> Value {
        let status = self.status();
        let all = status["destinations"].as_array();
        let found = all.and_then(|all| all.iter().find(|one| one["id"] == id));
        found.cloned().unwrap_or_default()
    }

    /// The process id of its media server.
    #[must_use]
    pub fn media_server(&self) -> Option<u32> {
        let children = self.children();
        let found = children.iter().find(|(_, line)| line.contains("mediamtx"));
        found.map(|(id, _)| *id)
    }

    /// The encoder's process id.
    #[must_use]
    pub fn encoder_pid(&self) -> Option<u64> {
        self.status()["metrics"]["encoder_pid"].as_u64()
    }

    /// Where the timeline is: `(seconds in the round, rounds complete)`.
    #[must_use]
    pub fn position(&self) -> (f64, u64) {
        let answer = self.http.get("/api/preview/playback-position").ok();
        let position = &answer["position"];
        (
            position["current_time"].as_f64().unwrap_or(-1.0),
            position["loop_count"].as_u64().unwrap_or(0),
        )
    }
}

fn launch(environment: &[(String, String)], log: &Path) -> Child {
    let binary = binary();
    assert!(
        binary.exists(),
        "build it first: cargo build --release -p vistter-agent"
    );
    Child::start_with(&binary, &["run".to_owned()], environment, log)
}

/// As [`launch`], with the data on a small disk in memory that only the agent and its children have.
fn launch_on_a_disk(mib: u32, data: &Path, environment: &[(String, String)], log: &Path) -> Child {
    std::fs::create_dir_all(data).unwrap();
    let script = "mount -t tmpfs -o size=$1m none \"$2\" && exec \"$3\" run";
    // Without rights of its own a user gets them in a namespace of its own.
    let kind = if rustix::process::geteuid().is_root() {
        "-m"
    } else {
        "-rm"
    };
    let arguments = [
        kind.to_owned(),
        "sh".to_owned(),
        "-c".to_owned(),
        script.to_owned(),
        "sh".to_owned(),
        mib.to_string(),
        data.to_string_lossy().into_owned(),
        binary().to_string_lossy().into_owned(),
    ];
    Child::start_with(Path::new("unshare"), &arguments, environment, log)
}
