//! Every reader of the wire on anything at all: it answers or refuses, and keeps to the limits.
//!
//! Runs over the committed corpus (`tests/corpus`, `vectors`), over mutations of it and over random
//! bytes. A few seconds in all; `make fuzz` goes on by what the code covers, for as long as is asked.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "support/every_reader.rs"]
mod every_reader;
mod support;

use every_reader::read_all;
use proptest::prelude::*;
use protocol::command::CommandType;
use protocol::{Kind, SIZE_LIMIT, Semver, Timestamp, negotiate, parse};
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;
use support::*;

/// The corpus and what is inside the vectors.
fn corpus() -> &'static Vec<Vec<u8>> {
    static CORPUS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut corpus = Vec::new();
        for folder in ["tests/corpus", "vectors"] {
            let mut paths: Vec<_> = std::fs::read_dir(here.join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            paths.sort();
            for path in paths {
                let bytes = std::fs::read(path).unwrap();
                if let Ok(vector) = serde_json::from_slice::<Value>(&bytes)
                    && let Some(envelope) = vector["envelope"].as_str()
                {
                    corpus.push(envelope.as_bytes().to_vec());
                    let body = unbase64(&opened(envelope.as_bytes())["payload"]);
                    if let Ok(body) = serde_json::from_slice::<Value>(&body) {
                        corpus.push(body["payload"].to_string().into_bytes());
                    }
                    corpus.push(body);
                }
                corpus.push(bytes);
            }
        }
        corpus
    })
}

#[test]
fn the_corpus_is_read_or_refused() {
    assert!(corpus().len() > 50, "only {} samples", corpus().len());
    for sample in corpus() {
        read_all(sample);
    }
}

#[test]
fn the_largest_and_the_deepest_are_refused_quickly() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let levels = SIZE_LIMIT / (open.len() + close.len()) - 1;
        let text = format!("{}1{}", open.repeat(levels), close.repeat(levels));
        assert!(parse(text.as_bytes()).is_err());
        read_all(text.as_bytes());
    }
    read_all(&vec![b'['; SIZE_LIMIT * 2]);
    read_all(format!("\"{}", "\\u0041".repeat(40_000)).as_bytes());
    read_all(format!("{{{}\"x\":1}}", "\"k\":1,".repeat(40_000)).as_bytes());
}

/// JSON of any shape, with the words that the wire knows.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:e}")),
        "[a-z0-9:_/ -]{0,20}".prop_map(|text| format!("{text:?}")),
        Just("\"now\"".to_owned()),
        Just("\"2026-06-01T12:00:00.000Z\"".to_owned()),
    ];
    let name = prop::sample::select(vec![
        "action",
        "payload",
        "command",
        "parameters",
        "camera_id",
        "stream_id",
        "timeline_id",
        "edit",
        "tokens",
        "segments",
        "assets_manifest",
        "assets",
        "mode",
        "pan",
        "apply_after",
    ]);
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|entries| {
                let fields: Vec<String> = entries
                    .into_iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
    }

    #[test]
    fn mutations_of_the_corpus_are_read_or_refused(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..8),
    ) {
        let mut bytes = which.get(corpus()).clone();
        for (place, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        read_all(&bytes);
    }

    #[test]
    fn any_json_is_read_or_refused(text in any_json()) {
        read_all(text.as_bytes());
    }

    #[test]
    fn any_words_are_read_or_refused(text in ".{0,40}") {
        let _ = Timestamp::parse(&text);
        let _ = Kind::from_payload_type(&text);
        let _ = CommandType::from_text(&text);
        if let Ok(version) = Semver::parse(text.as_str()) {
            let _ = negotiate(&[version]);
        }
    }
}
