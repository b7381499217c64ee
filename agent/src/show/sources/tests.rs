//! The start with cameras that are not there, and when a source is tried again. No process is started.

use super::*;
use crate::show::parts::bare::parts;
use runtime::{CancellationToken, Supervisor};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn the_start_waits_for_all_cameras_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::new(CancellationToken::new());
    let parts = parts(&supervisor, &folder);
    let cue = |n: u32| {
        serde_json::json!({"id": format!("c{n}"), "start_time": n, "duration": 1,
            "action": "show_camera", "params": {"camera_id": n}})
    };
    let document = serde_json::json!({"name": "s", "duration": 6, "tracks": [
        {"track_id": "v", "type": "video", "cues": (0..6).map(cue).collect::<Vec<_>>()}]});
    let timeline = timeline::parse_value(&document).unwrap();
    let rundown = timeline::compile(&timeline, FrameRate::THIRTY);
    let size = Size::new(640, 360).unwrap();
    let format = Format {
        ffmpeg: PathBuf::from("ffmpeg"),
        size,
        rate: FrameRate::THIRTY,
    };
    let fallback = parts.studio.pattern(Pattern::TechnicalDifficulties, size);
    let fallback = Arc::new(fallback);
    let began = Instant::now();
    let begin = Standing::default();
    let started = Sources::start(&parts, &rundown, format, &fallback, &begin).await;
    let (sources, _inlets) = started.unwrap();
    let took = began.elapsed();
    assert_eq!(
        sources.iter().filter(|open| open.input.is_none()).count(),
        6
    );
    let slowest = FIRST_PICTURE + Duration::from_millis(100);
    assert!((FIRST_PICTURE..slowest).contains(&took), "{took:?}");
}

#[test]
fn a_source_that_could_not_be_opened_is_tried_now_and_then_and_a_camera_at_once_when_it_moved() {
    let need = Need {
        input: InputId(2),
        source: 1,
        showing: 0,
    };
    let camera = Source::Camera(CameraId::parse("1").unwrap());
    let at = |address: &str| Address::Local(address.to_owned());
    let tried = |source: &Source, address: Option<&str>, idle: u32| Open {
        idle,
        ..opened(need, source.clone(), None, address.map(at))
    };
    let pattern = Source::Pattern(Pattern::ColorBars);
    for (case, open, address, rests_now) in [
        ("unknown", tried(&camera, None, 0), None, true),
        ("known now", tried(&camera, None, 0), Some("a"), false),
        ("just tried", tried(&camera, Some("a"), 0), Some("a"), true),
        ("moved", tried(&camera, Some("a"), 0), Some("b"), false),
        (
            "long ago",
            tried(&camera, Some("a"), PENALTY),
            Some("a"),
            false,
        ),
        ("gone", tried(&camera, Some("a"), PENALTY), None, true),
        ("a picture", tried(&pattern, None, 0), None, true),
        ("later", tried(&pattern, None, PENALTY), None, false),
    ] {
        assert_eq!(rests(&open, address.map(at).as_ref()), rests_now, "{case}");
    }
}
