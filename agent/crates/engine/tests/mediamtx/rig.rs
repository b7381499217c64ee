//! A kept MediaMTX with its gate, simulated cameras, and their end.

use engine::mediamtx::gate::{Policy, Publisher, Request, permit};
use engine::mediamtx::{Choice, Credentials, Health, Managed, MediaMtx, PathName, Ports, Snapshot};
use engine::process::{Launch, Launcher, Process};
use runtime::{CancellationToken, Supervisor, SystemClock, Task, spawn};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longest that anything may take; only a failing test waits so long.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Rig {
    pub(crate) server: MediaMtx,
    pub(crate) launcher: Launcher,
    pub(crate) supervisor: Supervisor,
    pub(crate) stop: CancellationToken,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) ports: Ports,
    _gate: Task<()>,
}

pub(crate) fn binary() -> PathBuf {
    let up = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    up.map(|folder| folder.join("build/mediamtx"))
        .find(|path| path.exists())
        .expect("make setup puts MediaMTX into build/")
}

pub(crate) fn name(text: &str) -> PathName {
    PathName::parse(text).unwrap()
}

impl Rig {
    /// A server where anyone here may publish to the given paths.
    pub(crate) async fn start(publish: &[&str]) -> Self {
        let rig = Self::begin(publish, Ports::free().unwrap()).await;
        rig.up().await;
        rig
    }

    pub(crate) async fn begin(publish: &[&str], ports: Ports) -> Self {
        let credentials = Credentials::fresh().unwrap();
        let policy = Policy {
            api: credentials.clone(),
            publish: publish
                .iter()
                .map(|path| (name(path), Publisher::Local))
                .collect(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = format!("http://{}/gate", listener.local_addr().unwrap());
        let gatekeeper = spawn(serve_gate(listener, Arc::new(policy)));
        let stop = CancellationToken::new();
        let supervisor = Supervisor::new(stop.clone());
        let launcher = Launcher::start().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let managed = Managed {
            binary: binary(),
            directory: directory.path().join("mediamtx"),
            ports,
            gate,
        };
        let server = MediaMtx::start(
            &supervisor,
            &launcher,
            Arc::new(SystemClock),
            Choice::Managed(managed),
            &credentials,
        )
        .unwrap();
        Self {
            server,
            launcher,
            supervisor,
            stop,
            directory,
            ports,
            _gate: gatekeeper,
        }
    }

    pub(crate) async fn up(&self) {
        let mut health = self.server.health();
        timeout(LONG, health.wait_for(Health::is_up))
            .await
            .unwrap_or_else(|_| panic!("the server never answered: {:?}", self.server.log()))
            .unwrap();
    }

    /// Waits for a snapshot of a kind.
    pub(crate) async fn until(&self, what: &str, f: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let wait = async {
            loop {
                let snapshot = self.server.refresh().await;
                if f(&snapshot) {
                    return snapshot;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, wait)
            .await
            .unwrap_or_else(|_| panic!("never {what}: {:#?}", self.server.log()))
    }

    pub(crate) fn ffmpeg(&self, args: &[&str]) -> Process {
        let all = ["-nostdin", "-hide_banner", "-loglevel", "error"];
        self.launcher
            .launch(Launch::new("ffmpeg").args(all).args(args))
            .unwrap()
    }

    /// A small moving picture with a tone, H.264 and AAC, a key frame each second.
    pub(crate) async fn clip(&self) -> PathBuf {
        let path = self.directory.path().join("clip.mp4");
        if !path.exists() {
            let file = path.to_str().unwrap();
            let video = "testsrc2=size=320x180:rate=30:duration=4";
            let audio = "sine=frequency=440:sample_rate=48000:duration=4";
            let maker = self.ffmpeg(&[
                "-f",
                "lavfi",
                "-i",
                video,
                "-f",
                "lavfi",
                "-i",
                audio,
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                "-g",
                "60",
                "-bf",
                "0",
                "-c:a",
                "aac",
                "-ac",
                "2",
                "-shortest",
                file,
            ]);
            assert!(maker.ended().await.is_success(), "{:?}", maker.lines());
        }
        path
    }

    /// Publishes the clip, looping, in real time, without encoding.
    pub(crate) async fn publish(&self, address: &str, extra: &[&str]) -> Process {
        let clip = self.clip().await;
        let format: &[&str] = if address.starts_with("rtmp") {
            &["-f", "flv"]
        } else {
            &["-f", "rtsp", "-rtsp_transport", "tcp"]
        };
        let mut args = vec!["-re", "-stream_loop", "-1", "-i", clip.to_str().unwrap()];
        args.extend(["-c", "copy"]);
        args.extend(extra);
        args.extend(format);
        args.push(address);
        self.ffmpeg(&args)
    }

    /// The server's process, found by its command line.
    pub(crate) fn pid(&self) -> u32 {
        let file = self.directory.path().to_string_lossy().into_owned();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let of_ours = processes.filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            (line.contains("build/mediamtx") && line.contains(&file)).then_some(pid)
        });
        let all: Vec<u32> = of_ours.collect();
        assert_eq!(all.len(), 1, "one server");
        all[0]
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = Launch::new("kill").args([signal, &self.pid().to_string()]);
        let kill = self.launcher.launch(kill).unwrap();
        assert!(kill.wait_timeout(LONG).unwrap().is_success());
    }

    pub(crate) fn kill_server(&self) {
        self.signal("-KILL");
    }

    pub(crate) async fn end(self) {
        let publishers = self.launcher.running() - 1;
        self.stop.cancel();
        timeout(LONG, self.supervisor.ended()).await.unwrap();
        let left = self.launcher.running();
        assert!(left <= publishers, "the server outlived its end");
    }
}

/// A MediaMTX of somebody else's, that lets anyone in.
pub(crate) struct Stranger {
    api: u16,
    _process: Process,
    _launcher: Launcher,
    _directory: tempfile::TempDir,
}

impl Stranger {
    /// One on the ports for RTSP, RTMP and the API, with a path of its own.
    pub(crate) async fn start(ports: Ports) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("stranger.yml");
        let config = serde_json::json!({
            "api": true, "apiAddress": format!(":{}", ports.api),
            "rtspAddress": format!(":{}", ports.rtsp), "rtspTransports": ["tcp"],
            "rtmpAddress": format!(":{}", ports.rtmp),
            "hls": false, "webrtc": false, "srt": false, "moq": false,
            "paths": { "lobby": {} },
        });
        std::fs::write(&file, config.to_string()).unwrap();
        let launch = Launch::new(binary()).arg(&file);
        let launcher = Launcher::start().unwrap();
        let process = launcher.launch(launch).unwrap();
        let stranger = Self {
            api: ports.api,
            _process: process,
            _launcher: launcher,
            _directory: directory,
        };
        let up = async {
            while stranger.ask().await.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, up).await.expect("the stranger answers");
        stranger
    }

    /// The paths that are configured in it.
    pub(crate) async fn paths(&self) -> Vec<String> {
        let page = self.ask().await.expect("the stranger answers");
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|path| path["name"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn ask(&self) -> Option<serde_json::Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.api)).await.ok()?;
        let request = "GET /v3/config/paths/list HTTP/1.0\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        serde_json::from_str(answer.split("\r\n\r\n").nth(1)?).ok()
    }
}

async fn serve_gate(listener: TcpListener, policy: Arc<Policy>) {
    while let Ok((stream, _)) = listener.accept().await {
        let policy = policy.clone();
        // Each answer is one connection; the task ends with it.
        tokio::task::spawn_blocking(move || {
            let handle = tokio::runtime::Handle::current();
            handle.block_on(answer(stream, &policy));
        });
    }
}

async fn answer(mut stream: TcpStream, policy: &Policy) -> Option<()> {
    let mut data = Vec::new();
    let (start, length) = loop {
        stream.read_buf(&mut data).await.ok().filter(|n| *n > 0)?;
        let text = String::from_utf8_lossy(&data).to_ascii_lowercase();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text.split("content-length: ").nth(1)?;
            let length: usize = length.split("\r\n").next()?.parse().ok()?;
            if data.len() >= end + 4 + length {
                break (end + 4, length);
            }
        }
    };
    let request: Request = serde_json::from_slice(data.get(start..start + length)?).ok()?;
    let status = if permit(&request, policy) {
        "204 No Content"
    } else {
        "401 Unauthorized"
    };
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.ok()
}
