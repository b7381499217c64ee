//! Documents for the API: cameras, timelines, cues.

use crate::camera::{Camera, Via};
use serde_json::{Value, json};

/// The settings of a simulated camera.
#[must_use]
pub fn camera_body(id: &str, camera: &Camera, via: Via) -> Value {
    let (protocol, port) = match via {
        Via::Rtsp => ("rtsp", camera.port()),
        Via::Rtmp => ("rtmp", camera.rtmp_port()),
    };
    json!({
        "id": id, "name": format!("Camera {id}"), "type": "stationary", "protocol": protocol,
        "address": "127.0.0.1", "port": port, "stream_path": camera.path(),
    })
}

/// A video cue that shows a camera; a cut where `transition` is 0, else a fade of so many seconds.
#[must_use]
pub fn cue(id: &str, camera: &str, start: f64, duration: f64, transition: f64) -> Value {
    let kind = if transition > 0.0 { "fade" } else { "cut" };
    json!({
        "id": id, "start_time": start, "duration": duration, "action": "show_camera",
        "params": { "camera_id": camera, "transition": kind, "transition_duration": transition },
    })
}

/// An overlay cue.
#[must_use]
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write json!(…) in place"
)]
pub fn overlay(id: &str, start: f64, duration: f64, params: Value) -> Value {
    json!({
        "id": id, "start_time": start, "duration": duration, "action": "show_overlay",
        "params": params,
    })
}

/// A looping timeline of 30 frames a second with one track of video and one of overlays.
#[must_use]
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers build the lists in place"
)]
pub fn timeline(id: &str, duration: f64, video: Vec<Value>, overlays: Vec<Value>) -> Value {
    json!({
        "id": id, "name": format!("Show {id}"), "duration": duration, "fps": 30,
        "resolution": "1280x720", "loop": true,
        "tracks": {
            "video": { "track_id": "video", "type": "video", "cues": video },
            "overlays": [
                { "track_id": "overlays", "type": "overlay", "layer": 1, "cues": overlays },
            ],
        },
    })
}

/// Whether a status names so many destinations, and all of them take the program.
#[must_use]
pub fn all_active(status: &Value, count: usize) -> bool {
    let all = status["destinations"].as_array();
    all.is_some_and(|all| all.len() == count && all.iter().all(|one| one["state"] == "active"))
}
