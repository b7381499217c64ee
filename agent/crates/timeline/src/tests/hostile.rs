//! Documents that nobody should send: refused or played, never a panic.

use super::*;
use proptest::prelude::*;
use serde_json::Map;

const KEYS: [&str; 32] = [
    "timeline",
    "id",
    "name",
    "duration",
    "fps",
    "resolution",
    "loop",
    "tracks",
    "video",
    "overlays",
    "type",
    "track_id",
    "cues",
    "start_time",
    "action",
    "params",
    "camera_id",
    "media_url",
    "text",
    "image_url",
    "opacity",
    "fade_in",
    "fade_out",
    "transition",
    "transition_duration",
    "fallback",
    "test_pattern",
    "destination_ids",
    "layer",
    "tokens",
    "is_enabled",
    "a/b~c",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        (0_i32..100).prop_map(Value::from),
        (0.0_f64..100.0).prop_map(|f| json!(f)),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "show_camera",
            "show_media",
            "show_overlay",
            "video",
            "overlay",
            "control",
            "fade",
            "wipe",
            "cut",
            "text",
            "logo",
            "/assets/a.png",
            "a.mp4",
            "color_bars",
            "#fff",
            "../x",
            "bottom_left",
            "cover",
            "mix",
            "1280x720",
            "0x0",
            "\u{0}\u{202e}",
            "NaN",
        ])
        .prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS.to_vec()), inner), 0..6).prop_map(
                |fields| {
                    let named = fields.into_iter().map(|(k, v)| (k.to_owned(), v));
                    Value::Object(named.collect::<Map<_, _>>())
                }
            ),
        ]
    })
}

/// Every place in a document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                places(inner, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                places(inner, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Whatever can be read can be judged, written, read again and played.
fn survives(document: &Value) {
    let timeline = match parse_value(document) {
        Ok(timeline) => timeline,
        Err(TimelineError::Invalid(issues)) => {
            assert!(!issues.is_empty(), "a refusal without a reason");
            for issue in issues {
                let there = document.pointer(&issue.pointer).is_some();
                let parent = issue
                    .pointer
                    .rsplit_once('/')
                    .map_or("", |(parent, _)| parent);
                assert!(there || document.pointer(parent).is_some(), "{issue:?}");
            }
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let report = validate(&timeline, &Known::default());
    assert!(report.errors.len() + report.warnings.len() <= 201);
    let written = timeline.to_value();
    let again = parse_value(&written).unwrap();
    assert_eq!(again.to_value(), written);
    for rate in [FrameRate::THIRTY, ntsc()] {
        let rundown = compile(&timeline, rate);
        let mut transport = Transport::new();
        transport.start(&rundown, 3, at(0, 0));
        for n in [0, 3, 50, 1000, 1 << 40, u64::MAX] {
            let position = transport.position(&rundown, n).unwrap();
            looked(&rundown, position);
            rundown.upcoming(position, n, |_| ());
            looked(&rundown, at(n, n));
            rundown.upcoming(at(n, n), 100, |_| ());
        }
    }
}

proptest! {
    #[test]
    fn any_tree_is_refused_or_played(document in tree()) {
        survives(&document);
    }

    #[test]
    fn the_seeds_document_with_anything_anywhere_is_refused_or_played(
        changes in prop::collection::vec((any::<prop::sample::Index>(), tree()), 1..4)
    ) {
        let mut document = seed();
        for (place, value) in changes {
            let mut all = Vec::new();
            places(&document, "", &mut all);
            let place = place.get(&all);
            if let Some(there) = document.pointer_mut(place) {
                *there = value;
            }
        }
        survives(&document);
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }
}

#[test]
fn the_largest_document_plays() {
    let cue = |index: usize| {
        json!({ "start_time": index, "duration": 1, "action": "show_overlay",
            "params": { "text": "x" } })
    };
    let cues: Vec<Value> = (0..4096).map(cue).collect();
    let document =
        json!({ "name": "n", "duration": 86_400, "tracks": { "overlays": [{ "cues": cues }] }});
    let timeline = parse_value(&document).unwrap();
    assert!(validate(&timeline, &Known::default()).is_valid());
    let rundown = compile(&timeline, FrameRate::THIRTY);
    let seen: usize = (0..10_000)
        .map(|n| looked(&rundown, at(n * 12, 0)).graphics().len())
        .sum();
    assert_eq!(seen, 10_000);
}
