//! The world that chaos happens in: three cameras and a sink that may fail, a sink that may not, a
//! show on air, and a judge that reads what the second sink gets.
//!
//! Owns the processes and carries faults out and back. Knows how to ask whether all is well; what is
//! made of the answers is `run`'s.

use super::resources::{Role, Sample, cmdline};
use super::trouble::Trouble;
use crate::agent::{Agent, AgentOptions};
use crate::camera::{Camera, CameraOptions};
use crate::child::{processes_below, signal, until};
use crate::clip::Clip;
use crate::fault::{Proxy, Site, Speaks};
use crate::judge::Live;
use crate::place::free_port;
use crate::server::{MediaServer, ServerOptions};
use crate::show::{cue, timeline};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Frame interval of program and cameras.
const INTERVAL_NS: i64 = 33_333_333;
/// The agent's disk.
const DISK_MIB: u32 = 48;
/// Sinks that take the program: one that may fail and one that may not.
const SINKS: usize = 2;
/// The key of both sinks.
const KEY: &str = "chaos";

/// A camera and the link over which the agent reaches it.
#[derive(Debug)]
struct Rig {
    camera: Camera,
    link: Proxy,
    clip: Clip,
}

/// The sink that may fail.
#[derive(Debug)]
struct Sink {
    server: Option<MediaServer>,
    rtmp_port: u16,
    link: Proxy,
}

/// All of it.
#[derive(Debug)]
pub struct World {
    /// The agent.
    pub agent: Agent,
    /// What the steady sink gets, as it is judged.
    pub live: Live,
    rigs: Vec<Rig>,
    sick: Sink,
    steady: MediaServer,
    site: Option<Site>,
    stopped: Option<u32>,
    fill: Option<PathBuf>,
}

impl World {
    /// Brings everything on air and waits until it is well.
    ///
    /// # Panics
    /// When it does not get there.
    #[must_use]
    pub fn start() -> Self {
        let site = Site::new();
        let rigs: Vec<Rig> = (1..=3u8)
            .map(|number| {
                let clip = Clip::new(number);
                let camera = Camera::with(clip, CameraOptions::default());
                let link = Proxy::across(site.as_ref(), camera.port(), Speaks::Rtsp);
                Rig { camera, link, clip }
            })
            .collect();
        let steady = MediaServer::start();
        let rtmp_port = free_port();
        let sick = Sink {
            server: Some(sink(rtmp_port)),
            link: Proxy::across(site.as_ref(), rtmp_port, Speaks::Anything),
            rtmp_port,
        };
        let agent = Agent::with(AgentOptions {
            disk_mib: Some(DISK_MIB),
            ..AgentOptions::default()
        });
        for (place, rig) in rigs.iter().enumerate() {
            let id = (place + 1).to_string();
            let body = json!({
                "id": id, "name": format!("Camera {id}"), "type": "stationary",
                "protocol": "rtsp", "address": rig.link.host.to_string(),
                "port": rig.link.port, "stream_path": rig.camera.path(),
            });
            let _ = agent.api().post("/api/cameras", body).ok();
        }
        let through = format!("rtmp://{}:{}/live", sick.link.host, sick.link.port);
        agent.add_destination("steady", &steady.rtmp("live"), KEY);
        agent.add_destination("sick", &through, KEY);
        let cues = vec![
            cue("a", "1", 0.0, 4.0, 0.0),
            cue("b", "2", 4.0, 4.0, 0.0),
            cue("c", "3", 8.0, 4.0, 0.5),
        ];
        agent.preview(&timeline("chaos", 12.0, cues, Vec::new()));
        agent.go_live(&["steady", "sick"]);
        let path = format!("live/{KEY}");
        assert!(
            steady.wait_ready(&path, Duration::from_secs(10)),
            "nothing comes: {}",
            agent.status()
        );
        let live = Live::on(&steady.rtmp(&path), INTERVAL_NS, rigs[0].clip.frames());
        let world = Self {
            agent,
            live,
            rigs,
            sick,
            steady,
            site,
            stopped: None,
            fill: None,
        };
        let mut what = Vec::new();
        let well = until(Duration::from_secs(20), || {
            what = world.ailing();
            what.is_empty()
        });
        assert!(
            well,
            "it does not get well: {what:?}\n{}",
            world.agent.log()
        );
        world
    }

    /// How links are broken here.
    #[must_use]
    pub fn network(&self) -> &'static str {
        if self.site.is_some() {
            "a network namespace: what is off the network answers nothing"
        } else {
            "links on loopback: no namespace is allowed here, what is off the network stalls"
        }
    }

    /// What is not well: nothing where all cameras that are wanted send, the encoder runs, both sinks
    /// take the program, and the judge sees a camera moving.
    #[must_use]
    pub fn ailing(&self) -> Vec<String> {
        let Some(reply) = self
            .agent
            .api()
            .try_call("GET", "/api/preview/status", None)
        else {
            return vec!["the API does not answer".to_owned()];
        };
        let status = reply.json;
        let mut ailing = Vec::new();
        if status["mode"] != "live" {
            ailing.push(format!("mode {}", status["mode"]));
        }
        let list = |name: &str| status[name].as_array().cloned().unwrap_or_default();
        let (mut cameras, sinks) = (list("inputs"), list("destinations"));
        cameras.retain(|input| !input["camera_id"].is_null());
        if cameras.is_empty() {
            ailing.push("no camera is open".to_owned());
        }
        if sinks.len() != SINKS {
            ailing.push(format!("{} sinks", sinks.len()));
        }
        for input in cameras.iter().filter(|one| one["state"] != "fresh") {
            ailing.push(format!("camera {} {}", input["camera_id"], input["state"]));
        }
        for one in sinks.iter().filter(|one| one["state"] != "active") {
            ailing.push(format!("sink {} {}", one["id"], one["state"]));
        }
        let encoder = status["metrics"]["encoder_pid"].as_u64();
        let runs = encoder.is_some_and(|id| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let state = stat
                .rsplit_once(") ")
                .and_then(|(_, rest)| rest.chars().next());
            state.is_some_and(|state| !matches!(state, 'Z' | 'T'))
        });
        if !runs {
            ailing.push("no encoder".to_owned());
        }
        let stale = self.live.stale();
        if stale > Duration::from_millis(700) {
            ailing.push(format!("no camera moves for {:.1} s", stale.as_secs_f64()));
        }
        ailing
    }

    /// What the agent and its children use.
    #[must_use]
    pub fn sample(&self) -> Sample {
        Sample::of(self.agent.id())
    }

    /// The encoder on air, or the agent's child with this role that has lived longest: its lowest
    /// process id.
    fn child(&self, role: Role) -> Option<u32> {
        if role == Role::Encoder {
            let on_air = self.agent.encoder_pid();
            return on_air.and_then(|id| u32::try_from(id).ok());
        }
        let all = processes_below(self.agent.id());
        let its = all.iter().filter(|(_, line)| Role::of(line) == role);
        its.map(|(id, _)| *id).min()
    }

    /// Does it. What was done is undone by [`Self::undo`] with the same value.
    ///
    /// # Errors
    /// When there is nothing to do it to.
    ///
    /// # Panics
    /// When it cannot be done: the test's own world is broken then.
    pub fn inflict(&mut self, trouble: Trouble) -> Result<(), String> {
        match trouble {
            Trouble::CameraOff(n) => self.rigs[n].camera.power_off(),
            Trouble::CameraHangs(n) => self.rigs[n].camera.freeze(),
            Trouble::CameraStalls(n) => self.rigs[n].link.stall(),
            Trouble::CameraReset(n) => self.rigs[n].link.reset(),
            Trouble::CameraBlind(n) => self.rigs[n].link.take_picture(),
            Trouble::CameraMute(n) => self.rigs[n].link.take_sound(),
            Trouble::CameraLost(n) => lose(self.site.as_ref(), &self.rigs[n].link),
            Trouble::CameraResized(n) => {
                let rig = &mut self.rigs[n];
                rig.camera.power_off();
                rig.camera.power_on(Clip {
                    width: 960,
                    height: 540,
                    ..rig.clip
                });
            }
            Trouble::CameraDrifts(n, ppm) => self.rigs[n].camera.drift(ppm),
            Trouble::SinkOff => drop(self.sick.server.take()),
            Trouble::SinkHangs => self.signal_sink("STOP"),
            Trouble::SinkStalls => self.sick.link.stall(),
            Trouble::SinkReset => self.sick.link.reset(),
            Trouble::SinkLost => lose(self.site.as_ref(), &self.sick.link),
            Trouble::ChildKilled(role) | Trouble::ChildStops(role) => {
                let id = self
                    .child(role)
                    .ok_or_else(|| format!("the agent has no {role}"))?;
                if matches!(trouble, Trouble::ChildKilled(_)) {
                    signal(id, "KILL");
                } else {
                    signal(id, "STOP");
                    self.stopped = Some(id);
                }
            }
            Trouble::DiskFull => {
                let file = self.agent.disk().join("fill");
                let mut into = std::fs::File::create(&file).unwrap();
                let block = vec![0u8; 64 * 1024];
                while into.write_all(&block).is_ok() {}
                self.fill = Some(file);
            }
        }
        Ok(())
    }

    /// Undoes it. Where nothing has to be undone, nothing is done.
    pub fn undo(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::CameraOff(n) | Trouble::CameraResized(n) => {
                let rig = &mut self.rigs[n];
                rig.camera.power_off();
                rig.camera.power_on(rig.clip);
            }
            Trouble::CameraHangs(n) => self.rigs[n].camera.thaw(),
            Trouble::CameraStalls(n) | Trouble::CameraBlind(n) | Trouble::CameraMute(n) => {
                self.rigs[n].link.mend();
            }
            Trouble::CameraLost(n) => find(self.site.as_ref(), &self.rigs[n].link),
            Trouble::CameraDrifts(n, _) => self.rigs[n].camera.drift(0),
            Trouble::SinkOff => self.sick.server = Some(sink(self.sick.rtmp_port)),
            Trouble::SinkHangs => self.signal_sink("CONT"),
            Trouble::SinkStalls => self.sick.link.mend(),
            Trouble::SinkLost => find(self.site.as_ref(), &self.sick.link),
            Trouble::ChildStops(role) => {
                // Only if it is the same process still, and not another with its number.
                if let Some(id) = self.stopped.take()
                    && Role::of(&cmdline(id)) == role
                {
                    signal(id, "CONT");
                }
            }
            Trouble::DiskFull => {
                if let Some(file) = self.fill.take() {
                    let _ = std::fs::remove_file(file);
                }
            }
            Trouble::CameraReset(_) | Trouble::SinkReset | Trouble::ChildKilled(_) => {}
        }
    }

    fn signal_sink(&self, name: &str) {
        if let Some(server) = &self.sick.server {
            server.signal(name);
        }
    }

    /// Connections that publish to the sink that may not fail: the same ones all the time where
    /// nothing touches the agent's media server.
    #[must_use]
    pub fn steady_connections(&self) -> Vec<(String, String)> {
        self.steady.rtmp_publishers()
    }
}

fn sink(rtmp_port: u16) -> MediaServer {
    MediaServer::with(&ServerOptions {
        rtmp_port: Some(rtmp_port),
        ..ServerOptions::default()
    })
}

fn lose(site: Option<&Site>, link: &Proxy) {
    match site {
        Some(site) => site.lose(link.host),
        None => link.stall(),
    }
}

fn find(site: Option<&Site>, link: &Proxy) {
    match site {
        Some(site) => site.find(link.host),
        None => link.mend(),
    }
}
