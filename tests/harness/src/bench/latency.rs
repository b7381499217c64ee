//! Camera packet to program packet, ours and the peer's, read by the same decoder at both ends.

use super::peer::Peer;
use super::{Cell, Work, cameras, cell, ours::Ours, spread};
use crate::chaos::say;
use crate::tap::Tap;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// Frames that a reader's own burst makes worthless.
const BURST: usize = 150;

fn between(camera: &str, program: &str) -> Vec<f64> {
    let (near, far) = (Tap::on(camera), Tap::on(program));
    let read = far.wait(Duration::from_secs(15), |frame| frame.code.is_some());
    assert!(read.is_some(), "nothing is read from {program}");
    std::thread::sleep(Duration::from_secs(12));
    let mut left = HashMap::new();
    for frame in near.seen() {
        if let Some(code) = frame.code {
            left.entry(code).or_insert_with(Vec::new).push(frame.at);
        }
    }
    far.seen()
        .iter()
        .skip(BURST)
        .filter_map(|frame| {
            let sent = left.get(&frame.code?)?;
            let last = sent.iter().rev().find(|at| **at <= frame.at)?;
            Some((frame.at - *last).as_secs_f64() * 1000.0)
        })
        .filter(|ms| *ms < 4000.0)
        .collect()
}

/// Measures both.
pub(super) fn run() -> Value {
    let what: Cell = cell("latency", false, 1, Work::Steady, 1.0);
    let cameras = cameras(what);
    let ours = Ours::new(what, &cameras);
    ours.on_air();
    let arguments = ours.encoder_arguments();
    let us = between(&cameras[0].url(), &ours.agent.rtsp("program"));
    ours.off_air();
    let peer = Peer::start(what, &cameras, &arguments);
    let them = between(&cameras[0].url(), &peer.server.rtsp("program"));
    let value = json!({ "what": "camera packet to program packet, ms, 720p30",
        "ours": spread(&us), "peer": spread(&them) });
    say(&format!(
        "latency: ours {}, peer {}",
        value["ours"], value["peer"]
    ));
    value
}
