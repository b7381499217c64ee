//! What is shown when.

use super::*;
use model::CameraId;

fn camera(rundown: &Rundown, source: usize) -> String {
    match &rundown.sources()[source].source {
        Source::Camera(id) => id.to_string(),
        other => format!("{other:?}"),
    }
}

fn on_program(rundown: &Rundown, position: Position) -> String {
    let look = looked(rundown, position);
    look.video.map_or("fallback".to_owned(), |now| {
        camera(rundown, now.shown.source)
    })
}

#[test]
fn the_seeds_document_plays_cue_by_cue() {
    let timeline = parse_value(&seed()).unwrap();
    let rundown = compile(&timeline, FrameRate::THIRTY);
    assert_eq!(rundown.length(), 3600 * 30);
    assert_eq!(on_program(&rundown, at(0, 0)), "1");
    assert_eq!(on_program(&rundown, at(1799, 0)), "1");
    assert_eq!(
        on_program(&rundown, at(1800, 0)).split(' ').next(),
        Some("Media")
    );
    assert_eq!(on_program(&rundown, at(65 * 30, 0)), "2");
    assert_eq!(
        on_program(&rundown, at(100_000, 0)),
        "2",
        "a gap holds the source before it"
    );
    let ids = |frame| -> Vec<String> {
        let look = looked(&rundown, at(frame, 0));
        let id = |g: &GraphicNow| rundown.graphics()[g.cue].id.to_string();
        look.graphics().iter().map(id).collect()
    };
    assert_eq!(ids(0), Vec::<String>::new());
    assert_eq!(ids(10 * 30), ["cue_o1"]);
    assert_eq!(ids(25 * 30), Vec::<String>::new());
    assert_eq!(ids(30 * 30), ["cue_o3"]);
    assert_eq!(ids(70 * 30), ["cue_o2"]);
}

#[test]
fn a_fade_begins_on_the_asked_frame_and_is_even() {
    let timeline = show(
        20.0,
        false,
        &[(0.0, 10.0, 1, "cut"), (10.0, 10.0, 2, "fade")],
    );
    let rundown = compile(&timeline, FrameRate::THIRTY);
    let blend = |frame| looked(&rundown, at(frame, 0)).video.unwrap().blend;
    assert_eq!(blend(299), None);
    let steps: Vec<u16> = (300..330).map(|n| blend(n).unwrap().progress).collect();
    assert_eq!(blend(330), None);
    assert_eq!((steps[0], steps[29]), (8, 248));
    for pair in steps.windows(2) {
        assert!((8..=9).contains(&(pair[1] - pair[0])), "{steps:?}");
    }
    let first = blend(300).unwrap();
    assert_eq!(first.kind, Transition::Mix);
    assert_eq!(first.from.map(|f| (f.cue, f.into)), Some((0, 300)));
}

#[test]
fn a_transition_takes_at_most_half_of_the_shorter_cue_beside_it() {
    let timeline = show(20.0, false, &[(0.0, 0.4, 1, "cut"), (0.4, 10.0, 2, "wipe")]);
    let rundown = compile(&timeline, FrameRate::THIRTY);
    assert_eq!(rundown.video()[1].transition, Some((Transition::Wipe, 6)));
}

#[test]
fn a_gap_at_the_start_shows_the_fallback_and_fades_from_it() {
    let timeline = show(20.0, true, &[(2.0, 10.0, 1, "fade")]);
    let rundown = compile(&timeline, FrameRate::THIRTY);
    assert_eq!(looked(&rundown, at(0, 0)).video, None);
    let blend = looked(&rundown, at(60, 0)).video.unwrap().blend.unwrap();
    assert_eq!(blend.from, None);
    assert_eq!(
        on_program(&rundown, at(0, 1)),
        "1",
        "later passes hold the last source"
    );
}

#[test]
fn the_loop_boundary_fades_from_the_last_cue_but_not_the_first_time() {
    let timeline = show(10.0, true, &[(0.0, 5.0, 1, "fade"), (5.0, 5.0, 2, "cut")]);
    let rundown = compile(&timeline, FrameRate::THIRTY);
    assert_eq!(looked(&rundown, at(0, 0)).video.unwrap().blend, None);
    let blend = looked(&rundown, at(3, 1)).video.unwrap().blend.unwrap();
    assert_eq!(blend.from.map(|f| (f.cue, f.into)), Some((1, 153)));
}

#[test]
fn cues_at_29_97_begin_on_the_nearest_frame() {
    let timeline = show(
        120.0,
        true,
        &[(0.0, 60.0, 1, "cut"), (60.0, 60.0, 2, "cut")],
    );
    let rundown = compile(&timeline, ntsc());
    // 60 s · 30000/1001 = 1798.2; 120 s = 3596.4, so a pass has 3596 or 3597.
    assert_eq!(rundown.video()[1].start, 1798);
    assert_eq!(rundown.length(), 3597);
    assert_eq!(on_program(&rundown, at(3596, 0)), "2");
}

#[test]
fn an_hour_of_loops_at_29_97_does_not_drift() {
    let timeline = show(7.0, true, &[(0.0, 7.0, 1, "cut")]);
    let rundown = compile(&timeline, ntsc());
    let mut transport = Transport::new();
    transport.start(&rundown, 1000, at(0, 0));
    let mut before = Position::default();
    for n in 1000..1000 + 110_000 {
        let now = transport.position(&rundown, n).unwrap();
        if now.frame == 0 && now.loops > 0 {
            let due = f64::from(u32::try_from(now.loops).unwrap()) * 7.0;
            let is = ntsc().time_of(n - 1000).as_secs_f64();
            assert!(
                (is - due).abs() <= 0.5 * 1001.0 / 30_000.0 + 1e-9,
                "{is} {due}"
            );
            assert_eq!(now.loops, before.loops + 1);
        } else if n > 1000 {
            assert_eq!((now.frame, now.loops), (before.frame + 1, before.loops));
        }
        before = now;
    }
    assert_eq!(before.loops, 524);
}

#[test]
fn a_pause_stands_still_and_going_on_misses_nothing() {
    let rundown = compile(
        &show(10.0, false, &[(0.0, 10.0, 1, "cut")]),
        FrameRate::THIRTY,
    );
    let mut transport = Transport::new();
    assert_eq!(transport.pause(5), Err(TransportError::NotRunning));
    assert_eq!(transport.resume(5), Err(TransportError::NotRunning));
    assert_eq!(
        transport.seek(&rundown, 5, 0),
        Err(TransportError::NotRunning)
    );
    transport.start(&rundown, 100, at(0, 0));
    let frame = |t: &Transport, n| t.position(&rundown, n).map(|p| p.frame);
    assert_eq!(frame(&transport, 130), Some(30));
    transport.pause(130).unwrap();
    transport.pause(200).unwrap();
    assert_eq!(
        (frame(&transport, 999), transport.playing()),
        (Some(30), Playing::Paused)
    );
    transport.seek(&rundown, 999, 45).unwrap();
    assert_eq!(frame(&transport, 1200), Some(45));
    transport.resume(1000).unwrap();
    transport.resume(1005).unwrap();
    assert_eq!(frame(&transport, 1010), Some(55));
    transport.seek(&rundown, 1010, 290).unwrap();
    assert!(transport.seek(&rundown, 1010, 300).is_err());
    assert!(!transport.position(&rundown, 1019).unwrap().ended);
    let end = transport.position(&rundown, 1020).unwrap();
    assert_eq!((end.frame, end.ended), (300, true));
    assert_eq!(transport.position(&rundown, u64::MAX), Some(end));
    transport.seek(&rundown, 2000, 0).unwrap();
    assert_eq!(frame(&transport, 2001), Some(1));
    transport.stop();
    assert_eq!(frame(&transport, 2002), None);
}

#[test]
fn a_position_in_seconds_is_checked() {
    let rundown = compile(
        &show(10.0, false, &[(0.0, 10.0, 1, "cut")]),
        FrameRate::THIRTY,
    );
    assert_eq!(rundown.frame_of(9.99), Ok(299));
    assert_eq!(rundown.frame_of(0.5), Ok(15));
    for bad in [-0.1, 10.0, f64::NAN, f64::INFINITY, 1e300] {
        assert!(rundown.frame_of(bad).is_err(), "{bad}");
    }
    assert_eq!(rundown.cue_start(&CueId::parse("v0").unwrap()), Some(0));
    assert_eq!(rundown.cue_start(&CueId::parse("v1").unwrap()), None);
}

#[test]
fn a_film_has_an_input_for_each_cue_and_a_picture_one_for_all() {
    let cue = |start: f64, url: &str| {
        json!({ "start_time": start, "duration": 5, "action": "show_media",
            "params": { "media_url": url } })
    };
    let document = json!({ "name": "n", "duration": 20, "tracks": { "video": { "cues": [
        cue(0.0, "a.mp4"), cue(5.0, "/assets/a.mp4"), cue(10.0, "a.png"), cue(15.0, "a.PNG"),
    ]}}});
    let rundown = compile(&parse_value(&document).unwrap(), FrameRate::THIRTY);
    let paced: Vec<bool> = rundown.sources().iter().map(|s| s.paced).collect();
    assert_eq!(paced, [false, true, true, false, false]);
    assert_eq!(rundown.fallback(), 0);
    assert_eq!(rundown.backup(), None);
    assert_eq!(rundown.cameras().count(), 0);
}

#[test]
fn overlays_fade_in_and_out_inside_their_time() {
    let document = json!({ "name": "n", "duration": 20, "tracks": { "overlays": [
        { "layer": 5, "cues": [{ "id": "top", "start_time": 1, "duration": 1, "action": "show_overlay",
            "params": { "text": "a", "fade_in": 0.2, "fade_out": 0.3 }}]},
        { "layer": 1, "cues": [{ "id": "bottom", "start_time": 1, "duration": 1,
            "action": "show_overlay", "params": { "text": "b", "fade_in": 4, "fade_out": 1 }}]},
        { "layer": 9, "is_enabled": false, "cues": [{ "start_time": 1, "duration": 1,
            "action": "show_overlay", "params": { "text": "c" }}]},
    ]}});
    let rundown = compile(&parse_value(&document).unwrap(), FrameRate::THIRTY);
    let opacity = |frame, index: usize| {
        looked(&rundown, at(frame, 0))
            .graphics()
            .get(index)
            .map(|g| g.opacity)
    };
    assert_eq!(looked(&rundown, at(30, 0)).graphics().len(), 2);
    assert_eq!(rundown.graphics()[0].id.as_str(), "bottom");
    assert_eq!(
        (
            rundown.graphics()[0].fade_in,
            rundown.graphics()[0].fade_out
        ),
        (24, 6)
    );
    assert_eq!(opacity(29, 1), None);
    assert_eq!(opacity(30, 1), Some(37));
    assert_eq!(opacity(36, 1), Some(256));
    assert_eq!(opacity(50, 1), Some(256));
    assert_eq!(opacity(59, 1), Some(26));
    assert_eq!(opacity(60, 1), None);
}

#[test]
fn of_too_many_graphics_the_topmost_are_shown() {
    let track = |layer: i32| {
        json!({ "layer": layer, "cues": [{ "start_time": 0, "duration": 1,
            "action": "show_overlay", "params": { "text": "x" }}]})
    };
    let tracks: Vec<Value> = (1..=20).map(track).collect();
    let document = json!({ "name": "n", "duration": 1, "tracks": { "overlays": tracks } });
    let timeline = parse_value(&document).unwrap();
    let look = looked(&compile(&timeline, FrameRate::THIRTY), at(0, 0));
    let z: Vec<i32> = look.graphics().iter().map(|g| g.z).collect();
    assert_eq!(z, (5..=20).collect::<Vec<_>>());
    let warned = validate(&timeline, &Known::default()).warnings;
    assert!(
        warned.iter().any(|w| w.message.contains("16 graphics")),
        "{warned:?}"
    );
}

#[test]
fn what_comes_soon_is_told_over_the_end_of_the_loop() {
    let timeline = show(
        30.0,
        true,
        &[
            (0.0, 10.0, 1, "cut"),
            (10.0, 10.0, 2, "cut"),
            (20.0, 10.0, 3, "fade"),
        ],
    );
    let rundown = compile(&timeline, FrameRate::THIRTY);
    let soon = |frame, within| {
        let mut all = Vec::new();
        rundown.upcoming(at(frame, 0), within, |u| {
            all.push((camera(&rundown, u.source), u.due_in));
        });
        all
    };
    let list = |all: &[(&str, u64)]| -> Vec<(String, u64)> {
        all.iter().map(|(c, n)| ((*c).to_owned(), *n)).collect()
    };
    assert_eq!(soon(0, 0), list(&[("1", 0)]));
    assert_eq!(soon(250, 60), list(&[("1", 0), ("2", 50)]));
    assert_eq!(soon(605, 60), list(&[("2", 0), ("3", 0)]));
    assert_eq!(soon(890, 400), list(&[("3", 0), ("1", 10), ("2", 310)]));
    let ids: Vec<CameraId> = rundown.cameras().cloned().collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_graphic_that_lasts_to_the_end_is_there_on_the_last_frame_of_every_pass() {
    let document = json!({ "name": "n", "duration": 120, "loop": true, "tracks": { "overlays": [
        { "cues": [{ "start_time": 0, "duration": 120, "action": "show_overlay",
            "params": { "text": "x" } }] }]}});
    let rundown = compile(&parse_value(&document).unwrap(), ntsc());
    let mut transport = Transport::new();
    transport.start(&rundown, 0, at(0, 0));
    for n in 0..20_000 {
        let position = transport.position(&rundown, n).unwrap();
        assert_eq!(
            looked(&rundown, position).graphics().len(),
            1,
            "{position:?}"
        );
    }
}
