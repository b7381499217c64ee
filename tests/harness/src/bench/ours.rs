//! Our side: the agent with the cameras of a cell.

use super::{Cell, Pace, Used, Work, measure};
use crate::agent::{Agent, AgentOptions};
use crate::camera::Camera;
use crate::child::until;
use crate::show::{cue, timeline};
use serde_json::{Value, json};
use std::time::Duration;

/// The agent, its cameras known to it.
pub(super) struct Ours {
    pub(super) agent: Agent,
    show: Value,
}

/// The show of a cell: the work begins with it and lasts for two minutes at least.
fn show(cell: Cell) -> Value {
    let cues: Vec<Value> = match cell.work {
        Work::Steady => vec![cue("a", "1", 0.0, 600.0, 0.0)],
        Work::Switching => (0..cell.cameras)
            .map(|place| {
                let camera = (place + 1).to_string();
                cue(
                    &format!("c{place}"),
                    &camera,
                    f64::from(place) * 4.0,
                    4.0,
                    0.0,
                )
            })
            .collect(),
        // A fade may last half of the shorter of two cues.
        Work::Crossfading => vec![
            cue("a", "1", 0.0, 120.0, 0.0),
            cue("b", "2", 120.0, 120.0, 60.0),
            cue("c", "3", 240.0, 120.0, 60.0),
        ]
        .into_iter()
        .take(usize::from(cell.cameras))
        .collect(),
    };
    let length = match cell.work {
        Work::Steady => 600.0,
        Work::Switching => 4.0 * f64::from(cell.cameras),
        Work::Crossfading => 120.0 * f64::from(cell.cameras),
    };
    timeline("bench", length, cues, Vec::new())
}

impl Ours {
    pub(super) fn new(cell: Cell, cameras: &[Camera]) -> Self {
        let agent = Agent::with(AgentOptions {
            profile: cell.profile.to_owned(),
            ..AgentOptions::default()
        });
        for (place, camera) in cameras.iter().enumerate() {
            agent.add_camera(&(place + 1).to_string(), camera);
        }
        let show = show(cell);
        let _ = agent.api().post("/api/timelines", show.clone()).ok();
        Self { agent, show }
    }

    /// Puts the show on air and goes to where the work is done.
    pub(super) fn on_air(&self) {
        let api = self.agent.api();
        let start = json!({ "timeline_id": self.show["id"] });
        let _ = api.post("/api/preview/start", start).ok();
        let runs = until(Duration::from_secs(20), || {
            let status = self.agent.status();
            let inputs = status["inputs"].as_array().cloned().unwrap_or_default();
            status["metrics"]["frames"].as_u64().unwrap_or(0) > 30
                && inputs.iter().any(|input| input["state"] == "fresh")
        });
        assert!(runs, "not on air: {}", self.agent.status());
        let fades = self.show["tracks"]["video"]["cues"][1]["params"]["transition"] == "fade";
        if fades {
            // A second before the fade, so that the second camera is there when it begins.
            let to = json!({ "position": 119.0 });
            let _ = api.post("/api/timeline-execution/seek", to).ok();
        }
    }

    pub(super) fn off_air(&self) {
        self.agent.stop_preview();
    }

    /// The arguments of the encoder that runs.
    pub(super) fn encoder_arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let there = until(Duration::from_secs(5), || {
            let id = self.agent.encoder_pid().unwrap_or(0);
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            arguments = line
                .split(|byte| *byte == 0)
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            arguments.len() > 10
        });
        assert!(there, "no encoder: {}", self.agent.status());
        // The words end with a zero each.
        arguments.pop();
        arguments
    }

    pub(super) fn measure(&self, pace: Pace) -> Used {
        let frames = || {
            self.agent.status()["metrics"]["frames"]
                .as_u64()
                .unwrap_or(0)
        };
        measure(&[self.agent.id()], pace, frames)
    }
}
