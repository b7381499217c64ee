//! Every call in every mode.

use super::*;

fn ids(texts: &[&str]) -> Vec<DestinationId> {
    texts
        .iter()
        .map(|text| DestinationId::parse(*text).unwrap())
        .collect()
}

fn timeline() -> TimelineId {
    TimelineId::parse("t").unwrap()
}

/// `off-*` is inactive, `bad-*` unusable, `no-*` unknown, the rest ready.
fn look(id: &DestinationId) -> Candidate {
    match id.as_str().split('-').next() {
        Some("off") => Candidate::Inactive,
        Some("bad") => Candidate::Unusable,
        Some("no") => Candidate::Unknown,
        _ => Candidate::Ready,
    }
}

fn in_mode(mode: &str) -> Router {
    let mut router = Router::default();
    if mode != "idle" {
        router.start_preview(timeline()).unwrap();
    }
    if mode == "live" {
        router.go_live(&ids(&["a", "b"]), look).unwrap();
    }
    router
}

#[test]
fn every_call_in_every_mode_leads_where_the_table_says() {
    type Call = fn(&mut Router) -> Result<(), Code>;
    let calls: [(&str, Call); 5] = [
        ("start", |r| {
            r.start_preview(timeline()).map_err(|e| e.code())
        }),
        ("live", |r| {
            r.go_live(&ids(&["a"]), look)
                .map(drop)
                .map_err(|e| e.code())
        }),
        ("change", |r| {
            r.change_destinations(&ids(&["a"]), look)
                .map(drop)
                .map_err(|e| e.code())
        }),
        ("leave", |r| r.leave_live().map(drop).map_err(|e| e.code())),
        ("stop", |r| r.stop().map(drop).map_err(|e| e.code())),
    ];
    for (mode, outcomes) in [
        (
            "idle",
            [
                Ok("preview"),
                Err(Code::NotInPreview),
                Err(Code::NotInPreview),
                Err(Code::StreamNotRunning),
                Err(Code::NotInPreview),
            ],
        ),
        (
            "preview",
            [
                Err(Code::PreviewActive),
                Ok("live"),
                Err(Code::NotInPreview),
                Err(Code::StreamNotRunning),
                Ok("idle"),
            ],
        ),
        (
            "live",
            [
                Err(Code::PreviewActive),
                Err(Code::StreamAlreadyRunning),
                Ok("live"),
                Ok("preview"),
                Ok("idle"),
            ],
        ),
    ] {
        for ((name, call), outcome) in calls.iter().zip(outcomes) {
            let mut router = in_mode(mode);
            let before = router.clone();
            let is = call(&mut router);
            assert_eq!(is.err(), outcome.err(), "{name} in {mode}");
            match outcome {
                Ok(after) => assert_eq!(router.mode().name(), after, "{name} in {mode}"),
                Err(_) => assert_eq!(router, before, "{name} in {mode} changed something"),
            }
        }
    }
}

#[test]
fn going_live_is_all_or_nothing_and_names_each_fault() {
    for (chosen, error) in [
        (&[][..], Some(Code::SchemaInvalid)),
        (&["no-1"], Some(Code::DestinationNotFound)),
        (&["no-1", "off-1", "bad-1"], Some(Code::DestinationNotFound)),
        (&["a", "off-1"], Some(Code::DestinationInvalid)),
        (&["b", "a", "b"], None),
    ] {
        let mut router = in_mode("preview");
        let is = router.go_live(&ids(chosen), look);
        assert_eq!(is.as_ref().err().map(HasCode::code), error, "{chosen:?}");
        assert_eq!(
            router.mode().name(),
            if error.is_some() { "preview" } else { "live" }
        );
        if let Ok(attach) = is {
            assert_eq!(attach, ids(&["b", "a"]));
        }
    }
    let error = in_mode("preview")
        .go_live(&ids(&["a", "off-1", "no-2"]), look)
        .unwrap_err();
    assert_eq!(
        error.details().unwrap(),
        json!({"destinations": [
            {"id": "off-1", "code": "DESTINATION_INACTIVE"}, {"id": "no-2", "code": "DESTINATION_NOT_FOUND"}
        ]})
    );
    let many: Vec<_> = (0..33)
        .map(|n| DestinationId::parse(format!("d{n}")).unwrap())
        .collect();
    assert_eq!(
        in_mode("preview").go_live(&many, look).unwrap_err().code(),
        Code::StreamLimit
    );
}

#[test]
fn changing_destinations_touches_only_those_that_differ() {
    let mut router = in_mode("live");
    let (attach, detach) = router.change_destinations(&ids(&["b", "c"]), look).unwrap();
    assert_eq!((attach, detach), (ids(&["c"]), ids(&["a"])));
    assert_eq!(router.mode().destinations(), ids(&["b", "c"]));
    assert_eq!(router.mode().timeline(), Some(&timeline()));
    assert_eq!(router.leave_live().unwrap(), ids(&["b", "c"]));
    assert_eq!(router.mode().name(), "preview");
}
