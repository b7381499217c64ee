//! Reading, writing and judging documents.

use super::*;
use model::{CameraId, DestinationId, GraphicKind};
use protocol::{Code, HasCode};

fn known() -> Known {
    let camera = |n: u32| CameraId::parse(n.to_string()).unwrap();
    Known {
        cameras: (1..=9).map(camera).collect(),
        ..Known::default()
    }
}

fn faults(document: &Value) -> Vec<String> {
    match parse_value(document) {
        Ok(_) => Vec::new(),
        Err(TimelineError::Invalid(issues)) => issues.into_iter().map(|i| i.pointer).collect(),
        Err(error) => panic!("{error}"),
    }
}

fn one_cue(cue: &Value) -> Value {
    json!({ "name": "n", "duration": 10,
        "tracks": { "video": { "track_id": "v", "type": "video", "cues": [cue] } } })
}

#[test]
fn the_seeds_document_is_read_as_it_stands() {
    let timeline = parse_value(&seed()).unwrap();
    assert_eq!(timeline.name, "Daily Marina Stream");
    assert_eq!(timeline.tracks.len(), 3);
    let ids: Vec<_> = timeline
        .cameras()
        .into_iter()
        .map(|c| c.to_string())
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
    let files: Vec<_> = timeline
        .assets()
        .iter()
        .map(|a| a.as_str().to_owned())
        .collect();
    assert_eq!(files, ["transition_slide.png", "logo.png"]);
    let cue = CueId::parse("cue_v2").unwrap();
    let (track, cue) = timeline.cue(&cue).unwrap();
    assert_eq!(track.id.as_str(), "video_main");
    assert_eq!(cue.transition, TransitionType::Fade);
    assert!((cue.transition_duration - 1.0).abs() < f64::EPSILON);
    let logo = timeline.cue(&CueId::parse("cue_o2").unwrap()).unwrap().1;
    let Action::ShowOverlay { graphic, .. } = &logo.action else {
        panic!("{logo:?}");
    };
    assert_eq!(graphic.kind, GraphicKind::Logo);
    assert!((graphic.opacity - 0.8).abs() < f64::EPSILON);
    assert_eq!(
        timeline.fallback.picture,
        Some(FallbackPicture::Pattern(
            model::Pattern::TechnicalDifficulties
        ))
    );
    let mut known = known();
    known.assets = timeline.assets().into_iter().collect();
    let report = validate(&timeline, &known);
    assert_eq!(report.errors, []);
}

#[test]
fn the_normalised_form_has_one_shape_and_reads_back_as_itself() {
    let written = parse_value(&seed()).unwrap().to_value();
    assert!(written["tracks"].is_array());
    assert_eq!(written["tracks"][0]["cues"][0]["params"]["camera_id"], "1");
    assert_eq!(
        written["tracks"][0]["cues"][0]["params"]["preset_id"],
        "wide_shot"
    );
    assert_eq!(written["tracks"][0]["cues"][1]["transition_type"], "fade");
    assert_eq!(written["fallback"]["backup_camera_id"], "3");
    assert_eq!(parse_value(&written).unwrap().to_value(), written);
    let stored: Timeline = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&stored).unwrap(), written);
}

#[test]
fn the_field_names_of_earlier_appliances_are_read() {
    let timeline = parse_value(&json!({
        "name": "n", "duration": 10, "fps": 29.97, "loop": true, "destination_ids": [1, "two", 1],
        "tracks": [{ "id": 7, "track_type": "video", "track_name": "Main", "cues": [{
            "cue_order": 1, "start_time": 0, "duration": 5, "action_type": "show_camera",
            "action_params": { "camera_id": 1 }, "transition_type": "fade", "transition_duration": 0
        }]}]
    }))
    .unwrap();
    let cue = &timeline.tracks[0].cues[0];
    assert_eq!(cue.transition, TransitionType::Fade);
    assert!(
        (cue.transition_duration - 1.0).abs() < f64::EPSILON,
        "0 with a fade is the default"
    );
    assert_eq!(timeline.tracks[0].id.as_str(), "7");
    assert_eq!(timeline.fps, ntsc());
    assert_eq!(timeline.to_value()["fps"], 29.97);
    let ids: Vec<_> = timeline
        .destination_ids
        .iter()
        .map(DestinationId::as_str)
        .collect();
    assert_eq!(ids, ["1", "two"]);
}

#[test]
fn what_is_not_known_is_kept_and_warned_of() {
    let mut document = seed();
    document["timeline"]["tracks"]["video"]["cues"][0]["params"]["zoom"] = json!({ "x": [1, 2] });
    document["timeline"]["mood"] = json!("calm");
    let timeline = parse_value(&document).unwrap();
    let report = validate(&timeline, &known());
    let warned: Vec<_> = report.warnings.iter().map(|w| w.pointer.as_str()).collect();
    assert!(
        warned.contains(&"/timeline/tracks/video/cues/0/params/zoom"),
        "{warned:?}"
    );
    assert!(warned.contains(&"/timeline/mood"), "{warned:?}");
    let written = timeline.to_value();
    assert_eq!(written["mood"], "calm");
    assert_eq!(
        written["tracks"][0]["cues"][0]["params"]["zoom"],
        json!({ "x": [1, 2] })
    );
}

#[test]
fn every_fault_is_named_with_its_place() {
    let good = json!({ "start_time": 0, "duration": 5, "action": "show_camera",
        "params": { "camera_id": 1 } });
    let with = |key: &str, value: Value| {
        let mut cue = good.clone();
        cue[key] = value;
        one_cue(&cue)
    };
    let param = |key: &str, value: Value| with("params", json!({ "camera_id": 1, key: value }));
    let without_params =
        one_cue(&json!({ "start_time": 0, "duration": 5, "action": "show_camera" }));
    let cue = "/tracks/video/cues/0";
    for (document, place) in [
        (with("start_time", json!(-1)), format!("{cue}/start_time")),
        (with("start_time", json!("10")), format!("{cue}/start_time")),
        (
            with("start_time", json!(1e300)),
            format!("{cue}/start_time"),
        ),
        (with("start_time", Value::Null), format!("{cue}/start_time")),
        (with("duration", json!(0)), format!("{cue}/duration")),
        (with("duration", json!(86_401)), format!("{cue}/duration")),
        (with("action", json!("explode")), format!("{cue}/action")),
        (
            with("action", json!("show_overlay")),
            format!("{cue}/action"),
        ),
        (with("action", json!(5)), format!("{cue}/action")),
        (with("params", json!([])), format!("{cue}/params")),
        (with("params", json!({})), format!("{cue}/params/camera_id")),
        (with("params", Value::Null), format!("{cue}/params")),
        (without_params, format!("{cue}/params")),
        (
            param("camera_id", json!("../x")),
            format!("{cue}/params/camera_id"),
        ),
        (
            param("camera_id", json!(1.5)),
            format!("{cue}/params/camera_id"),
        ),
        (
            param("transition", json!("slide")),
            format!("{cue}/params/transition"),
        ),
        (
            param("transition_duration", json!(-1)),
            format!("{cue}/params/transition_duration"),
        ),
        (param("audio", json!("loud")), format!("{cue}/params/audio")),
        (with("id", json!("a b")), format!("{cue}/id")),
        (json!([]), String::new()),
        (json!({ "timeline": 5 }), "/timeline".to_owned()),
        (json!({ "name": "n", "duration": 1 }), "/tracks".to_owned()),
        (
            json!({ "timeline": { "name": "n", "duration": 1, "tracks": [], "timeline": 5 } }),
            "/timeline/timeline".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": 1, "tracks": 5 }),
            "/tracks".to_owned(),
        ),
        (
            json!({ "name": "", "duration": 1, "tracks": [] }),
            "/name".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": -1, "tracks": [] }),
            "/duration".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": 1, "fps": 0, "tracks": [] }),
            "/fps".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": 1, "resolution": "5", "tracks": [] }),
            "/resolution".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": 1, "loop": "yes", "tracks": [] }),
            "/loop".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": 1, "tracks": [{}] }),
            "/tracks/0/type".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": 1, "tracks": { "video": { "type": "overlay" } } }),
            "/tracks/video/type".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": 1, "tracks": [], "fallback": { "test_pattern": "../x" } }),
            "/fallback/test_pattern".to_owned(),
        ),
        (
            json!({ "name": "n", "duration": 1, "tracks": [], "destination_ids": ["ok", "A B"] }),
            "/destination_ids/1".to_owned(),
        ),
    ] {
        assert_eq!(faults(&document), [place], "{document}");
    }
}

#[test]
fn an_overlays_fault_is_named_with_its_place() {
    let document = |params: &Value| {
        json!({ "name": "n", "duration": 1, "tracks": { "overlays": [{ "cues": [
            { "start_time": 0, "duration": 1, "action": "show_overlay", "params": params }]}]}})
    };
    let long = "x".repeat(501);
    for (params, field) in [
        (json!({ "type": "text", "text": long }), "text"),
        (json!({ "type": "text" }), "text"),
        (json!({ "type": "logo" }), "image_url"),
        (json!({}), "type"),
        (json!({ "type": "banner", "text": "x" }), "type"),
        (json!({ "text": "x", "opacity": 2 }), "opacity"),
        (json!({ "text": "x", "x": -0.1 }), "x"),
        (json!({ "text": "x", "scale": 0 }), "scale"),
        (json!({ "text": "x", "font_size": 9999 }), "font_size"),
        (json!({ "text": "x", "color": "nope" }), "color"),
        (json!({ "text": "x", "position": "middle" }), "position"),
        (json!({ "text": "x", "fade_in": -1 }), "fade_in"),
        (
            json!({ "type": "image", "image_url": "/etc/passwd" }),
            "image_url",
        ),
        (
            json!({ "type": "image", "image_url": "https://x/y.png" }),
            "image_url",
        ),
        (json!({ "text": "x", "tokens": { "a": 5 } }), "tokens"),
    ] {
        let place = format!("/tracks/overlays/0/cues/0/params/{field}");
        assert_eq!(faults(&document(&params)), [place], "{params}");
    }
}

#[test]
fn cues_that_do_not_fit_together_are_named() {
    let mut document = seed();
    document["timeline"]["duration"] = json!(75);
    let cues = &mut document["timeline"]["tracks"]["video"]["cues"];
    cues[1]["start_time"] = json!(50);
    cues[1]["duration"] = json!(1);
    cues[2]["id"] = json!("cue_v1");
    cues[2]["params"]["camera_id"] = json!(77);
    let timeline = parse_value(&document).unwrap();
    let report = validate(&timeline, &known());
    let places = |issues: &[Issue]| issues.iter().map(|i| i.pointer.clone()).collect::<Vec<_>>();
    assert_eq!(
        places(&report.errors),
        [
            "/timeline/tracks/video/cues/2/id",
            "/timeline/tracks/video/cues/1/start_time",
            "/timeline/tracks/video/cues/1/params",
            "/timeline/tracks/video/cues/2/params/camera_id",
            "/timeline/tracks/overlays/0/cues/1/params",
        ]
    );
    let warned = places(&report.warnings);
    for place in [
        "/timeline/tracks/video/cues/1/transition_duration",
        "/timeline/tracks/video/cues/2/duration",
        "/timeline/tracks/overlays/0/cues/1/duration",
    ] {
        assert!(warned.contains(&place.to_owned()), "{place}: {warned:?}");
    }
    assert!(!report.is_sound());
    assert_eq!(
        report.into_result().unwrap_err().code(),
        Code::TimelineInvalid
    );
}

#[test]
fn a_document_that_only_names_what_is_missing_is_sound() {
    let timeline = show(10.0, false, &[(0.0, 10.0, 42, "cut")]);
    let report = validate(&timeline, &known());
    assert!(report.is_sound() && !report.is_valid());
    assert_eq!(report.code(), Code::CameraNotFound);
}

#[test]
fn a_cue_in_a_frame_that_not_every_pass_has_is_told_of() {
    // 300.9 frames: a pass has 301, and now and then 300.
    let told = |start: f64| {
        let timeline = show(
            10.03,
            true,
            &[(0.0, 9.9, 1, "cut"), (start, 0.04, 1, "cut")],
        );
        let report = validate(&timeline, &known());
        let never = |issue: &&Issue| issue.message.contains("never shown");
        let warned = report.warnings.iter().filter(never).count();
        (warned, compile(&timeline, FrameRate::THIRTY).video().len())
    };
    assert_eq!(told(9.99), (1, 1));
    assert_eq!(told(9.96), (0, 2));
}

#[test]
fn only_one_video_track_plays() {
    let track = json!({ "type": "video", "cues": [] });
    let off = json!({ "type": "video", "is_enabled": false, "cues": [] });
    let document = json!({ "name": "n", "duration": 1, "tracks": [track, off, track] });
    let report = validate(&parse_value(&document).unwrap(), &known());
    let places: Vec<_> = report.errors.iter().map(|i| i.pointer.as_str()).collect();
    assert_eq!(places, ["/tracks/2/is_enabled"]);
}

#[test]
fn hostile_sizes_are_refused() {
    assert!(matches!(
        parse(&vec![b' '; 2 << 20]),
        Err(TimelineError::TooLarge(_))
    ));
    assert!(matches!(
        parse(&[b'['; 100_000]),
        Err(TimelineError::Malformed(_))
    ));
    assert!(matches!(
        parse(b"{\"duration\": 1e999}"),
        Err(TimelineError::Malformed(_))
    ));
    let tracks = vec![json!({ "type": "overlay" }); 65];
    assert_eq!(
        faults(&json!({ "name": "n", "duration": 1, "tracks": tracks })),
        ["/tracks"]
    );
    let track = json!({ "type": "control", "cues": vec![json!({}); 2049] });
    let document = json!({ "name": "n", "duration": 1, "tracks": [track, track] });
    let places = faults(&document);
    assert!(places.len() <= 101, "{}", places.len());
    let cues = vec![json!({ "start_time": 0, "duration": 1, "action": "x" }); 2049];
    let track = json!({ "type": "control", "cues": cues });
    let document = json!({ "name": "n", "duration": 1, "tracks": [track, track] });
    assert_eq!(faults(&document), ["/tracks/1/cues"]);
}
