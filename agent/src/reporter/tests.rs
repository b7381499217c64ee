//! What is told of a show that a test makes up, and under which id.

use super::alerts::Known;
use super::picture::{Picture, Stage};
use super::*;
use crate::alerts::{Alert, AlertState, Board};
use crate::modules::command::{ExecutionCommand, Origin};
use crate::show::{
    DestinationState, DestinationStatus, Inbox, Mode, OnAirRung, OnAirStatus, QualityStep,
    ShowStatus, ShownTimeline,
};
use model::{AlertId, DestinationId, TimelineId};
use protocol::Condition;
use serde_json::json;

fn running() -> ShowStatus {
    ShowStatus {
        mode: Mode::Preview,
        timeline: Some(ShownTimeline {
            id: TimelineId::parse("show").unwrap(),
            name: "Show".to_owned(),
            duration_s: 60.0,
            total_cues: 1,
            started_at: "2026-11-21T10:00:00.000Z".to_owned(),
        }),
        ..ShowStatus::default()
    }
}

fn words(events: &[Event]) -> Vec<(EventType, String)> {
    let told = |event: &Event| {
        let of = ["state", "mode", "by", "reason", "camera"];
        let word = of.iter().find_map(|name| event.context.get(*name));
        let word = word.and_then(Value::as_str).unwrap_or("").to_owned();
        (event.event_type, word)
    };
    events.iter().map(told).collect()
}

fn stages(before: &ShowStatus, now: &ShowStatus) -> Vec<(EventType, String)> {
    words(&Stage::of(now).since(&Stage::of(before)))
}

fn pictures(before: &ShowStatus, now: &ShowStatus) -> Vec<Event> {
    Picture::of(now).since(&Picture::of(before))
}

#[test]
fn what_runs_is_told_when_it_changes_and_not_when_it_does_not() {
    use EventType::{GoLive, PreviewState, TimelineState};
    let (idle, preview) = (ShowStatus::default(), running());
    let told = |event, word: &str| (event, word.to_owned());
    assert_eq!(
        stages(&idle, &preview),
        [
            told(TimelineState, "running"),
            told(PreviewState, "preview")
        ]
    );
    let paused = ShowStatus {
        paused: true,
        ..preview.clone()
    };
    assert_eq!(stages(&preview, &paused), [told(TimelineState, "paused")]);
    assert_eq!(stages(&paused, &preview), [told(TimelineState, "running")]);
    let live = ShowStatus {
        mode: Mode::Live,
        ..preview.clone()
    };
    assert_eq!(
        stages(&preview, &live),
        [told(PreviewState, "live"), told(GoLive, "")]
    );
    assert_eq!(
        stages(&live, &idle),
        [told(TimelineState, "stopped"), told(PreviewState, "idle")]
    );
    assert!(stages(&live, &live).is_empty() && stages(&idle, &idle).is_empty());
}

fn destination(state: DestinationState, retries: u32) -> DestinationStatus {
    DestinationStatus {
        id: DestinationId::parse("1").unwrap(),
        name: "Main".to_owned(),
        state,
        kbps: 0,
        bytes: 0,
        retries,
        last_error: Some("the connection was refused".to_owned()),
        remediation: None,
        address: crate::show::DestinationAddress::Primary,
        slow: false,
        needs_attention: false,
    }
}

#[test]
fn each_state_of_a_destination_is_told_once_with_its_severity() {
    let states = [
        (
            DestinationState::Connecting,
            EventType::DestinationState,
            Severity::Info,
        ),
        (
            DestinationState::Active,
            EventType::DestinationState,
            Severity::Info,
        ),
        (
            DestinationState::Retrying,
            EventType::DestinationRetry,
            Severity::Warning,
        ),
        (
            DestinationState::Failed,
            EventType::DestinationFailed,
            Severity::Error,
        ),
    ];
    let mut before = running();
    for (retries, (state, event_type, severity)) in (0..).zip(states) {
        let mut now = before.clone();
        now.destinations = vec![destination(state, retries)];
        let told = pictures(&before, &now);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(
            (told[0].event_type, told[0].severity),
            (event_type, severity)
        );
        assert_eq!(
            told[0].context.contains_key("cause"),
            severity != Severity::Info
        );
        // Only what it took has changed.
        let mut later = now.clone();
        later.destinations[0].bytes = 1_000;
        assert!(pictures(&now, &later).is_empty());
        before = now;
    }
    let told = pictures(&before, &ShowStatus::default());
    assert_eq!(
        words(&told),
        [(EventType::DestinationState, "idle".to_owned())]
    );
}

#[test]
fn a_stand_in_for_a_camera_and_its_return_are_told() {
    let on_air = |rung, shown: &str| OnAirStatus {
        wanted: "camera 1".to_owned(),
        wanted_camera_id: None,
        shown: shown.to_owned(),
        shown_camera_id: None,
        rung,
        since: String::new(),
        cause: None,
        forced: false,
        test_pattern: false,
        overloaded: false,
    };
    let show = |rung, shown| ShowStatus {
        on_air: Some(on_air(rung, shown)),
        ..running()
    };
    let well = show(OnAirRung::Wanted, "camera 1");
    let backup = show(OnAirRung::Backup, "camera 2");
    let pattern = show(OnAirRung::Pattern, "pattern technical_difficulties");
    let types = |before, now| words(&pictures(before, now));
    let told = |event, word: &str| vec![(event, word.to_owned())];
    assert_eq!(
        types(&well, &backup),
        told(EventType::CameraFailover, "backup")
    );
    assert_eq!(
        types(&backup, &pattern),
        told(EventType::CameraFailover, "pattern")
    );
    assert_eq!(
        types(&pattern, &well),
        told(EventType::CameraRestored, "camera 1")
    );
}

#[test]
fn steps_of_quality_are_told_once_also_when_the_oldest_are_gone() {
    let step = |lowered: bool| {
        Arc::new(QualityStep {
            at: "2026-11-21T10:00:00.000Z".to_owned(),
            reason: "high_cpu",
            event: if lowered {
                "DEGRADED_ENTER"
            } else {
                "DEGRADED_EXIT"
            },
            lowered,
            text: "The device is too busy.".to_owned(),
        })
    };
    let with = |steps: &[Arc<QualityStep>]| {
        let mut status = running();
        status.quality.steps = steps.to_vec();
        status
    };
    let (first, second, third) = (step(true), step(false), step(true));
    let told = pictures(
        &with(&[]),
        &with(&[Arc::clone(&first), Arc::clone(&second)]),
    );
    assert_eq!(
        words(&told),
        [
            (EventType::DegradedEnter, "high_cpu".to_owned()),
            (EventType::DegradedExit, "high_cpu".to_owned())
        ]
    );
    let told = pictures(
        &with(&[first, Arc::clone(&second)]),
        &with(&[second, third]),
    );
    assert_eq!(
        words(&told),
        [(EventType::DegradedEnter, "high_cpu".to_owned())]
    );
}

#[test]
fn alerts_are_told_when_raised_and_when_over_and_not_again_after_a_restart() {
    let alert = |id: &str, code, state, raised: &str, cleared: Option<&str>| Alert {
        id: AlertId::parse(id).unwrap(),
        code,
        severity: Severity::Error,
        subject: None,
        message: "m".to_owned(),
        cause: String::new(),
        remediation: String::new(),
        consequences: Vec::new(),
        state,
        raised_at: raised.to_owned(),
        cleared_at: cleared.map(str::to_owned),
        cleared_by: None,
        acknowledged_at: None,
    };
    let board = |alerts: Vec<Alert>| Board {
        alerts,
        ..Board::default()
    };
    let began = "2026-11-21T10:00:00.000Z";
    let (early, late) = ("2026-11-21T09:00:00.000Z", "2026-11-21T11:00:00.000Z");
    let offline = Condition::CameraOffline;
    let mut known = Known::default();
    let old = alert("1", offline, AlertState::Open, early, None);
    assert!(
        known.changes(&board(vec![old]), began).is_empty(),
        "told by the run before"
    );
    let over = alert("1", offline, AlertState::Cleared, early, Some(late));
    let new = alert("2", Condition::CpuHigh, AlertState::Open, late, None);
    let told = known.changes(&board(vec![new.clone(), over.clone()]), began);
    let types: Vec<EventType> = told.iter().map(|event| event.event_type).collect();
    assert_eq!(types, [EventType::CameraOnline, EventType::HealthChanged]);
    assert_eq!(told[1].severity, Severity::Error);
    assert!(
        known
            .changes(&board(vec![new, over.clone()]), began)
            .is_empty()
    );
    // The clock was set back since: what is new on the board is new.
    let stepped = alert("3", Condition::CpuHigh, AlertState::Open, early, None);
    let told = known.changes(&board(vec![stepped]), began);
    assert_eq!(
        words(&told),
        [(EventType::HealthChanged, "raised".to_owned())]
    );
    // What ended while the agent was away is told by the one that found it.
    let told = Known::default().changes(&board(vec![over]), began);
    assert_eq!(
        words(&told),
        [(EventType::CameraOnline, "cleared".to_owned())]
    );
}

fn rig() -> (Reporter, News, Inbox) {
    let (show, inbox) = Show::channel();
    let news = News::default();
    (Reporter::new(show, news.clone()), news, inbox)
}

fn cause() -> MessageId {
    MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap()
}

#[tokio::test]
async fn what_a_command_changes_is_told_under_its_id_and_what_changes_by_itself_is_not() {
    let (reporter, news, inbox) = rig();
    let pause = Command::Execution(ExecutionCommand::Pause);
    let at_work = reporter.begin(&pause);
    let paused = ShowStatus {
        paused: true,
        ..running()
    };
    inbox.status.send_replace(Arc::new(paused));
    // The watcher comes first: it leaves this to the command.
    reporter.look(None);
    at_work.end(Origin::Operator, &cause(), true, None);
    let mut told = Vec::new();
    for _ in 0..3 {
        let one = news.next().await;
        assert_eq!(one.correlation_id, Some(cause()), "{one:?}");
        assert!(one.event.context["at"].is_string());
        told.push(one.event.event_type);
    }
    let expected = [
        EventType::TimelineState,
        EventType::PreviewState,
        EventType::OperatorOverride,
    ];
    assert_eq!(told, expected);
    inbox.status.send_replace(Arc::new(ShowStatus::default()));
    reporter.look(None);
    for expected in [EventType::TimelineState, EventType::PreviewState] {
        let one = news.next().await;
        assert_eq!((one.event.event_type, one.correlation_id), (expected, None));
    }
    // Studio's own pause is no override, one that failed is nothing, and one that was given up neither.
    reporter
        .begin(&pause)
        .end(Origin::Studio, &cause(), true, None);
    reporter
        .begin(&pause)
        .end(Origin::Operator, &cause(), false, None);
    drop(reporter.begin(&pause));
    inbox.status.send_replace(Arc::new(running()));
    reporter.look(None);
    let one = news.next().await;
    assert_eq!(one.event.context["state"], json!("running"));
    assert_eq!(one.correlation_id, None);
}
