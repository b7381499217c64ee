//! The demo's world: cameras, destinations and the agent as children, and what is set up in it.
//!
//! Owns the processes, their ports and `target/demo`. Everything ends with [`Stage`].

use super::film::{self, Pencil};
use super::scene::{self, Scene};
use super::script;
use crate::agent::Agent;
use crate::child::{Child, until};
use crate::http::Http;
use crate::place::{free_port, root};
use crate::server::{MediaServer, ServerOptions};
use serde_json::{Value, json};
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Ids and names of the destinations, which are applications of one RTMP server.
pub(super) const DESTINATIONS: [(&str, &str); 2] =
    [("first", "First channel"), ("second", "Second channel")];
/// How long a camera stays away that has been killed.
const AWAY: Duration = Duration::from_secs(10);

/// The agent's ports: setting, what a user expects, whether it is UDP.
const PORTS: [(&str, u16, bool); 7] = [
    ("API__PORT", 8080, false),
    ("MEDIAMTX__RTSP_PORT", 8554, false),
    ("MEDIAMTX__RTMP_PORT", 1935, false),
    ("MEDIAMTX__HLS_PORT", 8888, false),
    ("MEDIAMTX__WEBRTC_PORT", 8889, false),
    ("MEDIAMTX__WEBRTC_UDP_PORT", 8189, true),
    ("MEDIAMTX__API_PORT", 9997, false),
];

/// Where the stand-in for Studio answers, where nobody has the port.
const STUDIO_PORT: u16 = 28_090;

/// Where everything that the demo keeps lies.
pub(super) fn folder() -> PathBuf {
    root().join("target/demo")
}

/// Where the destinations' last minute lies.
pub(super) fn recordings() -> PathBuf {
    folder().join("recordings")
}

/// One camera.
pub(super) struct Camera {
    pub(super) scene: Scene,
    sender: Child,
    gone: Option<Instant>,
}

/// All of it.
pub(super) struct Stage {
    pub(super) api: Http,
    pub(super) cameras: Vec<Camera>,
    pub(super) sink: MediaServer,
    pub(super) hls_port: u16,
    pub(super) rtsp_port: u16,
    pub(super) moved: Vec<String>,
    pub(super) agent: Child,
    pub(super) studio_port: u16,
    _studio: Child,
    site: MediaServer,
    _lock: File,
}

/// The port that is asked for, or a free one where somebody has it.
fn port(wanted: u16, udp: bool) -> u16 {
    let free = if udp {
        UdpSocket::bind(("127.0.0.1", wanted)).is_ok()
    } else {
        TcpListener::bind(("127.0.0.1", wanted)).is_ok()
    };
    if free { wanted } else { free_port() }
}

/// What stands in the way of a demo, in words for the one who wants to see it.
fn needed() -> Result<File, String> {
    for (file, what) in [
        (
            root().join("target/release/vistter-agent"),
            "the agent is not built: run `make demo`",
        ),
        (
            root().join("target/release/studio-sandbox"),
            "the stand-in for Studio is not built: run `make demo`",
        ),
        (
            root().join("build/mediamtx"),
            "MediaMTX is not there: run `make setup`",
        ),
    ] {
        if !file.exists() {
            return Err(format!("{what} ({} is missing)", file.display()));
        }
    }
    std::fs::create_dir_all(folder())
        .map_err(|error| format!("{}: {error}", folder().display()))?;
    let lock = File::create(folder().join("lock")).map_err(|error| error.to_string())?;
    lock.try_lock()
        .map_err(|_taken| "another demo runs in this checkout; end it first".to_owned())?;
    Ok(lock)
}

impl Stage {
    /// Brings everything up. `step` is told what comes next.
    pub(super) fn set(mut step: impl FnMut(&str) -> Result<(), String>) -> Result<Self, String> {
        let lock = needed()?;
        let pencil = Pencil::new();
        let new = Scene::ALL
            .into_iter()
            .filter(|scene| !film::place(*scene).exists())
            .count();
        step(&match new {
            0 => "pictures and sound of the cameras are there".to_owned(),
            _ => format!("drawing what {new} cameras see, once (about half a minute)"),
        })?;
        for scene in Scene::ALL {
            film::shoot(scene, &pencil);
            step("")?;
        }
        step("three cameras")?;
        let site = MediaServer::with(&ServerOptions {
            rtsp_port: Some(port(18_554, false)),
            rtmp_port: Some(port(11_935, false)),
            ..ServerOptions::default()
        });
        let cameras: Vec<Camera> = Scene::ALL
            .into_iter()
            .map(|scene| Camera {
                scene,
                sender: send(scene, &site),
                gone: None,
            })
            .collect();
        for camera in &cameras {
            if !site.wait_ready(camera.scene.id(), Duration::from_secs(10)) {
                return Err(format!(
                    "camera {} does not send: {}",
                    camera.scene.id(),
                    camera.sender.log()
                ));
            }
        }
        step("two destinations")?;
        let hls_port = port(28_888, false);
        let sink = MediaServer::with(&ServerOptions {
            rtsp_port: Some(port(28_554, false)),
            rtmp_port: Some(port(21_935, false)),
            hls_port: Some(hls_port),
            record: Some(recordings()),
            ..ServerOptions::default()
        });
        step("a stand-in for Studio")?;
        let data = folder().join("data");
        let (studio, studio_port) = studio(&data)?;
        step("the agent")?;
        pencil.png(&scene::still(), &data.join("assets").join(script::STILL));
        pencil.png(&scene::logo(), &data.join("assets").join(script::LOGO));
        let ports = PORTS.map(|(key, wanted, udp)| (key, wanted, port(wanted, udp)));
        let moved = ports
            .iter()
            .filter(|(_, wanted, got)| wanted != got)
            .map(|(key, wanted, got)| format!("port {wanted} is in use; {key} is {got} this time"))
            .collect();
        let (agent, api) = agent(&data, &ports)?;
        let stage = Self {
            api,
            cameras,
            sink,
            hls_port,
            rtsp_port: ports[1].2,
            moved,
            agent,
            studio_port,
            _studio: studio,
            site,
            _lock: lock,
        };
        step("cameras, destinations and the show")?;
        stage.fill()?;
        Ok(stage)
    }

    /// Makes or renews what the demo brings, and leaves alone what a user has added.
    fn fill(&self) -> Result<(), String> {
        for camera in &self.cameras {
            let id = camera.scene.id();
            self.put("cameras", id, &json!({
                "id": id, "name": camera.scene.title(), "type": "stationary", "protocol": "rtsp",
                "address": "127.0.0.1", "port": self.site.rtsp_port, "stream_path": format!("/{id}"),
            }))?;
        }
        for (id, name) in DESTINATIONS {
            self.put(
                "destinations",
                id,
                &json!({
                    "id": id, "name": name, "platform": "custom_rtmp",
                    "rtmp_url": self.sink.rtmp("live"), "stream_key": id,
                }),
            )?;
        }
        self.put("timelines", script::SHOW, &script::show())
    }

    fn put(&self, kind: &str, id: &str, body: &Value) -> Result<(), String> {
        let one = format!("/api/{kind}/{id}");
        let reply = match self.api.get(&one).status {
            404 => self.api.call("POST", &format!("/api/{kind}"), Some(body)),
            _ => self.api.call("PUT", &one, Some(body)),
        };
        if (200..300).contains(&reply.status) {
            return Ok(());
        }
        Err(format!(
            "the agent refuses {kind} {id}: {} {}",
            reply.status, reply.text
        ))
    }

    /// Where a destination can be watched in a browser.
    pub(super) fn watch(&self, destination: &str) -> String {
        format!("http://127.0.0.1:{}/live/{destination}/", self.hls_port)
    }

    /// Looks after the children. Answers what is to be told; an error when the show is over.
    pub(super) fn tend(&mut self) -> Result<Vec<String>, String> {
        if !self.agent.is_running() {
            return Err(format!("the agent has ended:\n{}", tail(&self.agent.log())));
        }
        let mut news = Vec::new();
        for camera in &mut self.cameras {
            if camera.sender.is_running() {
                continue;
            }
            let id = camera.scene.id();
            match camera.gone {
                None => {
                    camera.gone = Some(Instant::now());
                    news.push(format!(
                        "camera {id} is gone; it comes back in {} s",
                        AWAY.as_secs()
                    ));
                }
                Some(since) if since.elapsed() >= AWAY => {
                    camera.gone = None;
                    camera.sender = send(camera.scene, &self.site);
                    news.push(format!("camera {id} is back"));
                }
                Some(_) => {}
            }
        }
        Ok(news)
    }

    /// Lets the agent end in order.
    pub(super) fn strike(&mut self) -> bool {
        self.agent.signal("TERM");
        self.agent
            .ended_within(Duration::from_secs(10))
            .is_some_and(|end| end.success())
    }
}

impl Camera {
    /// Process id of what sends.
    pub(super) fn sender(&self) -> u32 {
        self.sender.id()
    }
}

fn send(scene: Scene, site: &MediaServer) -> Child {
    let file = film::place(scene).to_string_lossy().into_owned();
    let arguments = [
        "-hide_banner",
        "-nostdin",
        "-loglevel",
        "error",
        "-re",
        "-stream_loop",
        "-1",
        "-i",
        &file,
        "-c",
        "copy",
        "-flvflags",
        "no_duration_filesize",
        "-f",
        "flv",
        &site.rtmp(scene.id()),
    ];
    Child::start(
        Path::new("ffmpeg"),
        &arguments.map(str::to_owned),
        &log(scene.id()),
    )
}

/// Starts a stand-in for Studio, and pairs the agent with it. Gives its port.
fn studio(data: &Path) -> Result<(Child, u16), String> {
    let port = port(STUDIO_PORT, false);
    let binary = root().join("target/release/studio-sandbox");
    let arguments = ["--http".to_owned(), port.to_string()];
    let mut child = Child::start(&binary, &arguments, &log("studio"));
    let http = Http::new(port);
    let answers = || {
        http.try_call("GET", "/", None)
            .is_some_and(|reply| reply.status == 200)
    };
    let ready = until(Duration::from_secs(10), || !child.is_running() || answers());
    if !ready || !child.is_running() {
        return Err(format!(
            "the stand-in for Studio does not get ready:\n{}",
            tail(&child.log())
        ));
    }
    let how = http.get("/").json;
    let token = http.call("POST", "/token", Some(&json!({}))).json;
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let (address, authority) = (text(&how["studio"]), text(&how["authority"]));
    let token = text(&token["token"]);
    // The one before is gone, and its keys with it.
    let _was_paired = Agent::command(&["unpair"], data);
    let arguments = ["pair", "--studio", &address, "--ca", &authority, &token];
    match Agent::command(&arguments, data) {
        (Some(0), _) => Ok((child, port)),
        (_, said) => Err(format!("the agent cannot be paired:\n{}", tail(&said))),
    }
}

/// A new, empty log.
fn log(name: &str) -> PathBuf {
    let log = folder().join(format!("{name}.log"));
    let _ = std::fs::remove_file(&log);
    log
}

fn agent(data: &Path, ports: &[(&str, u16, u16)]) -> Result<(Child, Http), String> {
    let mut environment: Vec<(String, String)> = ports
        .iter()
        .map(|(key, _, port)| (format!("VISTTER__{key}"), port.to_string()))
        .collect();
    environment.push((
        "VISTTER__DATA_DIR".to_owned(),
        data.to_string_lossy().into_owned(),
    ));
    environment.push(("VISTTER__PROGRAM__PROFILE".to_owned(), "720p".to_owned()));
    // Cameras and destinations are on this machine too; at a show they are not.
    environment.push(("VISTTER__DEGRADED__HIGH_CPU".to_owned(), "off".to_owned()));
    let binary = root().join("target/release/vistter-agent");
    let mut child = Child::start_with(&binary, &["run".to_owned()], &environment, &log("agent"));
    let api = Http::new(ports[0].2);
    let answers = || {
        api.try_call("GET", "/readyz", None)
            .is_some_and(|reply| reply.status == 200)
    };
    let ready = until(Duration::from_secs(30), || !child.is_running() || answers());
    if ready && child.is_running() {
        return Ok((child, api));
    }
    Err(format!(
        "the agent does not get ready:\n{}",
        tail(&child.log())
    ))
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
