//! Documents end to end: what is sent, what becomes of it, what is shown.

use crate::*;
use model::{CueId, FrameRate, Source, Transition};
use serde_json::{Value, json};

mod hostile;
mod model_check;
mod playing;
mod reading;

/// Seed 004's document, as it stands there.
pub(crate) fn seed() -> Value {
    serde_json::from_str(include_str!("tests/marina.json")).unwrap()
}

/// A timeline of video cues `(start, duration, camera, transition)`.
pub(crate) fn show(duration: f64, looping: bool, cues: &[(f64, f64, u32, &str)]) -> Timeline {
    let cues: Vec<Value> = cues
        .iter()
        .enumerate()
        .map(|(index, (start, duration, camera, transition))| {
            json!({
                "id": format!("v{index}"), "start_time": start, "duration": duration,
                "action": "show_camera",
                "params": { "camera_id": camera, "transition": transition }
            })
        })
        .collect();
    parse_value(&json!({
        "name": "show", "duration": duration, "loop": looping,
        "tracks": [{ "track_id": "v", "type": "video", "cues": cues }]
    }))
    .unwrap()
}

pub(crate) fn ntsc() -> FrameRate {
    FrameRate::new(30_000, 1001).unwrap()
}

pub(crate) fn at(frame: u64, loops: u64) -> Position {
    Position {
        frame,
        loops,
        ended: false,
    }
}

pub(crate) fn looked(rundown: &Rundown, position: Position) -> Look {
    let mut look = Look::new();
    rundown.look(position, &mut look);
    look
}
