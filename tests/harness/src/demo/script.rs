//! The demo's show: two minutes of cuts, fades and wipes, with graphics, round and round.

use super::scene::Scene;
use crate::show::{overlay, timeline};
use serde_json::{Value, json};

/// Id of the timeline.
pub(super) const SHOW: &str = "demo";
/// The still picture, in the assets folder.
pub(super) const STILL: &str = "demo/welcome.png";
/// The logo, in the assets folder.
pub(super) const LOGO: &str = "overlays/logos/harbour.png";

/// What is on program from one change to the next.
enum Shot {
    Of(Scene),
    Still,
}

/// The timeline document.
pub(super) fn show() -> Value {
    use Scene::{Church, Harbour, Marina};
    let shots = [
        (0.0, Shot::Of(Harbour), "fade", 1.0),
        (14.0, Shot::Of(Marina), "fade", 1.0),
        (26.0, Shot::Of(Church), "cut", 0.0),
        (38.0, Shot::Of(Harbour), "cut", 0.0),
        (46.0, Shot::Still, "fade", 0.8),
        (53.0, Shot::Of(Marina), "wipe", 1.0),
        (64.0, Shot::Of(Church), "fade", 2.0),
        (76.0, Shot::Of(Harbour), "wipe", 1.0),
        (84.0, Shot::Of(Marina), "cut", 0.0),
        (88.0, Shot::Of(Church), "cut", 0.0),
        (92.0, Shot::Of(Harbour), "cut", 0.0),
        (102.0, Shot::Of(Church), "dissolve", 1.5),
        (112.0, Shot::Of(Marina), "wipe", 1.0),
    ];
    let ends = shots.iter().skip(1).map(|shot| shot.0).chain([LENGTH]);
    let video = shots.iter().zip(ends).enumerate().map(|(i, (shot, end))| {
        let (start, what, transition, seconds) = shot;
        let (action, mut params) = match what {
            Shot::Of(scene) => ("show_camera", json!({ "camera_id": scene.id() })),
            Shot::Still => (
                "show_media",
                json!({ "media_url": format!("/assets/{STILL}") }),
            ),
        };
        params["transition"] = json!(transition);
        params["transition_duration"] = json!(seconds);
        json!({
            "id": format!("shot-{}", i + 1), "start_time": start, "duration": end - start,
            "action": action, "params": params,
        })
    });
    let mut document = timeline(SHOW, LENGTH, video.collect(), graphics());
    document["name"] = json!("Two minutes by the water");
    document["description"] =
        json!("Three cameras, a still picture, graphics; it starts over for ever.");
    document
}

/// Length of a round in seconds.
pub(super) const LENGTH: f64 = 120.0;

fn graphics() -> Vec<Value> {
    let strap = |id: &str, start: f64, length: f64, text: &str| {
        let params = json!({
            "type": "lower_third", "text": text, "position": "bottom_left", "font_size": 46,
            "fade_in": 0.5, "fade_out": 0.5,
        });
        overlay(id, start, length, params)
    };
    vec![
        overlay(
            "logo",
            0.0,
            LENGTH,
            json!({ "type": "logo", "image_url": format!("/assets/{LOGO}"), "position": "top_right" }),
        ),
        strap(
            "strap-harbour",
            2.0,
            10.0,
            "Harbour mouth\nHigh water 18:42, wind south-west 4",
        ),
        strap(
            "strap-marina",
            16.0,
            9.0,
            "Marina\nBerths 12 to 48 open to visitors",
        ),
        strap(
            "strap-church",
            28.0,
            9.0,
            "St Mary’s church\nOrgan practice, everyone is welcome",
        ),
        overlay(
            "headline",
            39.0,
            6.0,
            json!({
                "type": "text", "text": "Regatta on Saturday", "position": "center", "font_size": 96,
                "color": "#ffffff", "fade_in": 0.8, "fade_out": 0.8,
            }),
        ),
        strap(
            "strap-ferry",
            55.0,
            8.0,
            "The ferry is on time\nNext departure 15:10",
        ),
        strap("strap-bells", 67.0, 8.0, "St Mary’s church\nBells at noon"),
        overlay(
            "note",
            78.0,
            22.0,
            json!({
                "type": "text", "text": "Change this text on the page while it is on air",
                "x": 0.05, "y": 0.84, "font_size": 44, "color": "#ffe08a",
                "background": "#000000a0", "fade_in": 0.5, "fade_out": 0.5,
            }),
        ),
        strap(
            "strap-evening",
            104.0,
            12.0,
            "Thank you for watching\nThe show starts over in a moment",
        ),
    ]
}
