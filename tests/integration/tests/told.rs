//! Studio is told without asking: events of the show in their order, figures of the device, and both of a
//! time without connection after it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, AgentOptions, Camera, cue, free_port, timeline, until};
use integration::{promptly, report};
use protocol::Kind;
use sandbox::{Heard, Sent, Studio};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// More than anything here takes on a slow machine.
const LONG: Duration = Duration::from_secs(30);

struct Stage {
    studio: Studio,
    agent: Agent,
    device: String,
    _data: tempfile::TempDir,
}

fn stage() -> Stage {
    let studio = Studio::start();
    studio.ask_metrics_every(5);
    let data = tempfile::tempdir().unwrap();
    let authority = studio.authority();
    let authority = authority.to_str().unwrap();
    let token = studio.token(None);
    let arguments = ["pair", "--studio", &studio.url(), "--ca", authority, &token];
    let (code, said) = Agent::command(&arguments, data.path());
    assert_eq!(code, Some(0), "{said}");
    let agent = Agent::with(AgentOptions {
        data: Some(data.path().to_owned()),
        ..AgentOptions::default()
    });
    let device = studio.devices().remove(0);
    let online = studio.wait_online(&device, LONG);
    assert!(online, "{}\n{:?}", agent.log(), studio.faults());
    Stage {
        studio,
        agent,
        device,
        _data: data,
    }
}

fn is(heard: &Heard, name: &str, field: &str, value: &str) -> bool {
    heard.kind == Kind::Event
        && heard.payload["event_type"] == name
        && (field.is_empty() || heard.payload["context"][field] == value)
}

impl Stage {
    fn done(&self, kind: &str, payload: &Value) -> Sent {
        let sent = self.studio.send(&self.device, kind, payload);
        let acks = self.studio.wait_end(&sent.id, LONG);
        let last = acks.last().map(|ack| ack.status);
        let completed = Some(protocol::AckStatus::Completed);
        assert_eq!(last, completed, "{kind}: {acks:?}\n{}", self.agent.log());
        sent
    }

    /// Waits for an event with this in its context.
    #[track_caller]
    fn event(&self, from: usize, name: &str, field: &str, value: &str) -> Heard {
        let heard = self
            .studio
            .wait_heard(from, LONG, |heard| is(heard, name, field, value));
        heard.unwrap_or_else(|| {
            let heard = self.studio.heard_from(0);
            panic!("no {name} {value}: {heard:#?}\n{}", self.agent.log())
        })
    }

    fn place(&self) -> usize {
        self.studio.heard_from(0).len()
    }

    fn link(&self) -> Value {
        self.agent.api().get("/api/link").ok()
    }

    fn audit(&self) -> Vec<Value> {
        let list = self.agent.api().get("/api/audit?limit=1000").ok();
        list["entries"].as_array().unwrap().clone()
    }

    /// Rows of the audit with this correlation id, the oldest first.
    fn rows(&self, correlation_id: &str) -> Vec<(String, String)> {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("").to_owned();
        let rows = self.audit().into_iter().rev();
        rows.filter(|row| row["correlation_id"] == correlation_id)
            .map(|row| (text(&row, "origin"), text(&row, "outcome")))
            .collect()
    }
}

fn millis(metrics: &Heard) -> u64 {
    let at = metrics.payload["measured_at"].as_str().unwrap();
    protocol::Timestamp::parse(at).unwrap().millis()
}

#[test]
fn studio_is_told_of_the_show_and_the_device_also_of_the_time_without_connection() {
    let stage = stage();
    let camera = Camera::start(1);
    stage.agent.add_camera("1", &camera);
    let show = timeline("show", 600.0, vec![cue("a", "1", 0.0, 600.0, 0.0)], vec![]);
    let load =
        json!({ "timeline_id": "show", "segments": [show], "assets_manifest": { "assets": [] } });
    let _ = stage.done("TIMELINE_LOAD", &load);

    // One id leads from the signed command through log, audit, ack and event.
    let play = json!({ "timeline_id": "show", "execution_mode": "play" });
    let played = stage.done("TIMELINE_EXECUTE", &play);
    let id = played.correlation_id.as_str();
    let began = stage.event(0, "TIMELINE_STATE", "state", "running");
    assert_eq!(began.correlation_id, id);
    assert_eq!(
        stage
            .event(0, "PREVIEW_STATE", "mode", "preview")
            .correlation_id,
        id
    );
    let acks = stage.studio.heard_from(0);
    let acks = acks
        .iter()
        .filter(|heard| heard.kind == Kind::Ack && heard.correlation_id == id);
    assert_eq!(acks.count(), 2);
    let row = |origin: &str, outcome: &str| (origin.to_owned(), outcome.to_owned());
    assert_eq!(
        stage.rows(id),
        [row("studio", "accepted"), row("studio", "completed")]
    );
    assert!(until(LONG, || stage.agent.log().contains(id)));

    // What an operator does by hand is told, and leads to the audit too.
    let api = stage.agent.api();
    let _ = api.post("/api/timeline-execution/pause", json!({})).ok();
    let held = stage.event(0, "OPERATOR_OVERRIDE", "kind", "execution.pause");
    let paused = stage.event(0, "TIMELINE_STATE", "state", "paused");
    assert_eq!(held.correlation_id, paused.correlation_id);
    let written = until(LONG, || {
        stage.rows(&held.correlation_id) == [row("operator", "completed")]
    });
    assert!(written, "{:#?}", stage.audit());
    let audit = stage.audit();
    let by_hand = audit
        .iter()
        .find(|row| row["correlation_id"] == held.correlation_id.as_str());
    let begun = by_hand.unwrap()["began_at"].as_str().unwrap();
    for heard in [&held, &paused] {
        let took = promptly("what an operator did", begun, heard);
        report("from an operator's hand to Studio, ms", took);
    }

    // Figures come by themselves, those of the program among them.
    let of_program = |heard: &Heard| {
        heard.kind == Kind::Metrics
            && heard.payload["stream_bitrate"][0]["stream_id"] == "program"
            && heard.payload["stream_bitrate"][0]["framerate_actual"].as_f64() > Some(1.0)
    };
    let figures = stage.studio.wait_heard(0, LONG, of_program);
    let figures = figures.unwrap_or_else(|| panic!("no figures: {:?}", stage.studio.heard_from(0)));
    assert!(figures.payload["health"].is_string() && figures.payload["cpu"].is_number());
    let shows = &figures.payload["shows"];
    assert!(shows["preview_s"].as_f64() > Some(0.0), "{shows}");
    assert_eq!(shows["live_succeeded"], 0, "{shows}");
    let measured = figures.payload["measured_at"].as_str().unwrap();
    report(
        "from a measurement to Studio, ms",
        promptly("figures", measured, &figures),
    );

    // Without a connection the show goes on, and all of it is told later.
    let sessions = stage.link()["sessions"].clone();
    stage.studio.refuse_connections(true);
    assert!(stage.studio.cut(&stage.device));
    assert!(stage.studio.wait_offline(&stage.device, LONG));
    let from = stage.place();
    for verb in ["resume", "pause"].iter().cycle().take(40) {
        let before = stage.link()["outbox"].as_u64();
        let _ = api
            .post(&format!("/api/timeline-execution/{verb}"), json!({}))
            .ok();
        // What the timeline does, and that it was an operator.
        let told = until(LONG, || {
            stage.link()["outbox"].as_u64() >= before.map(|n| n + 2)
        });
        assert!(told, "{}", stage.link());
    }
    let destination = json!({"id": "gone", "name": "Gone", "platform": "custom",
        "rtmp_url": format!("rtmp://127.0.0.1:{}/live", free_port()), "stream_key": "key-key-key-key"});
    let _ = api.post("/api/destinations", destination).ok();
    let live = json!({ "destination_ids": ["gone"] });
    let _ = api.post("/api/preview/go-live", live).ok();
    let kept = until(LONG, || {
        let link = stage.link();
        link["outbox"].as_u64() > Some(80) && link["figures_waiting"].as_u64() > Some(0)
    });
    assert!(kept, "{}\n{}", stage.link(), stage.agent.log());
    assert_eq!(stage.place(), from, "something came over no connection");
    stage.studio.refuse_connections(false);
    let back = Instant::now();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let back_ms = u64::try_from(since.unwrap().as_millis()).unwrap();
    assert!(
        stage
            .studio
            .wait_online(&stage.device, Duration::from_secs(90))
    );
    let welcomed = until(LONG, || stage.link()["sessions"] != sessions);
    assert!(welcomed, "{}", stage.link());
    // A command is done while the backlog is being told.
    let asked = Instant::now();
    let _ = stage.done("HEALTH_REQUEST", &json!({}));
    report(
        "back, then a command to its end, ms",
        asked.elapsed().as_millis(),
    );
    // It answers at once that it is not there: that it was being connected may be no news by then.
    let _ = stage.event(from, "DESTINATION_RETRY", "destination_id", "gone");
    let told = until(LONG, || {
        stage.link()["outbox"] == 0 && stage.link()["figures_waiting"] == 0
    });
    assert!(told, "{}", stage.link());
    report("all of it told after, ms", back.elapsed().as_millis());
    let heard = stage.studio.heard_from(from);
    let of = |state: &str| {
        let is = |heard: &&Heard| is(heard, "TIMELINE_STATE", "state", state);
        heard.iter().filter(is).count()
    };
    assert_eq!((of("running"), of("paused")), (20, 20));
    let events = heard.iter().filter(|heard| heard.kind == Kind::Event);
    let times: Vec<&str> = events
        .map(|heard| heard.payload["context"]["at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "not in their order: {times:?}");
    report("events of the cut, in order", times.len());
    let of_the_cut = |heard: &Heard| heard.kind == Kind::Metrics && millis(heard) < back_ms;
    let figures = stage.studio.wait_heard(from, LONG, of_the_cut);
    assert!(figures.is_some(), "no figures of the cut");

    // A camera that is lost: what stands in for it at once, and the alert.
    let _ = api.post("/api/timeline-execution/resume", json!({})).ok();
    let from = stage.place();
    drop(camera);
    let lost = stage.event(from, "CAMERA_FAILOVER", "camera", "camera 1");
    assert_eq!(lost.payload["severity"], "warning");
    let offline = stage.event(from, "CAMERA_OFFLINE", "state", "raised");
    assert_eq!(offline.payload["context"]["subject"]["id"], "1");

    // An emergency stop of Studio's ends it all under its own id.
    let stop = stage.done(
        "EMERGENCY_STOP",
        &json!({ "scope": "all", "reason": "test" }),
    );
    let stopped = stage.event(from, "TIMELINE_STATE", "state", "stopped");
    assert_eq!(stopped.correlation_id, stop.correlation_id);
    let emergency = stage.event(from, "EMERGENCY", "by", "studio");
    assert_eq!(emergency.correlation_id, stop.correlation_id);
    let secrets = format!("{:?}{:?}", stage.studio.heard_from(0), stage.audit());
    assert!(!secrets.contains("key-key-key-key"));
    assert_eq!(stage.studio.faults(), Vec::<String>::new());
}
