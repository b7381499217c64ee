//! Trouble is told at once, in plain words, as one alert, on the page and by webhook.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use data_encoding::HEXLOWER;
use harness::{
    Agent, AgentOptions, HookServer, Hooked, MediaServer, Nginx, all_active, cue, signal, timeline,
    until,
};
use integration::{of_the_machine, report, three_cameras};
use ring::hmac;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECRET: &str = "a secret of the test, 32 bytes!!";

/// An agent whose alerts end so many seconds after their trouble, and not after thirty.
fn agent(clear_after_s: u32) -> Agent {
    let clear = (
        "VISTTER__ALERTS__CLEAR_AFTER_S".to_owned(),
        clear_after_s.to_string(),
    );
    Agent::with(AgentOptions {
        environment: vec![clear],
        ..AgentOptions::default()
    })
}

fn alerts(agent: &Agent) -> Vec<Value> {
    let list = agent.api().get("/api/alerts").ok();
    list["alerts"].as_array().cloned().unwrap_or_default()
}

/// The alerts about the show.
fn of_the_show(agent: &Agent) -> Vec<Value> {
    let code = |alert: &Value| alert["code"].as_str().unwrap_or_default().to_owned();
    let mut all = alerts(agent);
    all.retain(|alert| !of_the_machine(&code(alert)));
    all
}

fn find(agent: &Agent, code: &str, state: &str) -> Option<Value> {
    let fits = |alert: &Value| alert["code"] == code && alert["state"] == state;
    alerts(agent).into_iter().find(fits)
}

/// Waits for an alert, and says how long that took.
fn wait(agent: &Agent, code: &str, state: &str, seconds: u64) -> (Value, Duration) {
    let began = Instant::now();
    let mut found = None;
    let there = until(Duration::from_secs(seconds), || {
        found = find(agent, code, state);
        found.is_some()
    });
    assert!(
        there,
        "no {state} {code}: {:?}\n{}",
        alerts(agent),
        agent.status()
    );
    (found.unwrap(), began.elapsed())
}

fn text<'a>(alert: &'a Value, field: &str) -> &'a str {
    alert[field].as_str().unwrap_or_default()
}

fn is_signed(hooked: &Hooked) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let mut signed = format!("{}.", hooked.header("x-vistter-timestamp")).into_bytes();
    signed.extend_from_slice(&hooked.body);
    let want = format!("v1={}", HEXLOWER.encode(hmac::sign(&key, &signed).as_ref()));
    hooked.header("x-vistter-signature") == want
}

#[test]
fn a_dead_camera_and_a_refused_key_are_told_with_what_to_do() {
    let agent = agent(3);
    let hook = HookServer::start();
    let set = json!({ "url": hook.url(), "secret": SECRET });
    let _ = agent.api().put("/api/alerts/webhook", set).ok();
    let _ = agent.api().post("/api/alerts/webhook/test", json!({})).ok();
    let mut cameras = three_cameras(&agent);
    let nginx = Nginx::start("right");
    agent.add_destination("good", &nginx.application(), "right");
    let bad = json!({
        "id": "bad", "name": "Main channel", "platform": "youtube",
        "rtmp_url": nginx.application(), "stream_key": "wrong",
    });
    let _ = agent.api().post("/api/destinations", bad).ok();
    let cues = vec![cue("a", "1", 0.0, 600.0, 0.0)];
    agent.preview(&timeline("show", 600.0, cues, Vec::new()));
    assert_eq!(of_the_show(&agent), Vec::<Value>::new());

    agent.go_live(&["good", "bad"]);
    let (rejected, took) = wait(&agent, "DESTINATION_REJECTED", "open", 40);
    report(
        "refused key told after, s",
        format!("{:.1}", took.as_secs_f64()),
    );
    assert_eq!(
        text(&rejected, "message"),
        "Main channel does not accept the stream key"
    );
    let advice = text(&rejected, "remediation");
    assert!(
        advice.contains("YouTube Live") && advice.contains("https://"),
        "{advice}"
    );
    assert_eq!(text(&rejected, "severity"), "error");

    let clip = cameras[0].clip;
    cameras[0].power_off();
    let (offline, took) = wait(&agent, "CAMERA_OFFLINE", "open", 15);
    report(
        "dead camera told after, s",
        format!("{:.1}", took.as_secs_f64()),
    );
    assert!(
        text(&offline, "message").starts_with("Camera 1 is offline"),
        "{offline}"
    );
    assert_eq!(offline["subject"]["id"], "1");
    assert!(text(&offline, "remediation").contains("cable"), "{offline}");
    let health = agent.api().get("/api/status/health").ok();
    assert_eq!(health["status"], "unhealthy", "{health}");

    cameras[0].power_on(clip);
    let (over, took) = wait(&agent, "CAMERA_OFFLINE", "cleared", 45);
    report(
        "over after its return, s",
        format!("{:.1}", took.as_secs_f64()),
    );
    assert_eq!(over["id"], offline["id"]);
    let both = [
        ("alert.raised", &rejected),
        ("alert.raised", &offline),
        ("alert.cleared", &over),
    ];
    let came = |(event, alert): &(&str, &Value)| {
        let mut got = hook.got().into_iter();
        got.any(|one| one.json["event"] == *event && one.json["alert"]["id"] == alert["id"])
    };
    assert!(
        until(Duration::from_secs(5), || both.iter().all(came)),
        "{:?}",
        hook.got()
    );
    let got = hook.got();
    assert!(got.iter().all(is_signed), "{got:?}");
    assert_eq!(got[0].header("x-vistter-event"), "test");
    let metrics = agent.api().get("/metrics");
    assert!(
        metrics.text.contains("vistter_webhook_failed_total 0"),
        "{}",
        metrics.text
    );
    assert!(!agent.log().contains(SECRET) && !agent.log().contains("/hook"));
}

#[test]
fn a_dead_media_server_is_one_alert() {
    // It stands until all that hung on it is back, also on a machine that takes its time.
    let agent = agent(10);
    let _cameras = three_cameras(&agent);
    let sink = MediaServer::start();
    for key in ["one", "two", "three"] {
        agent.add_destination(key, &sink.rtmp("live"), key);
    }
    // All three are decoded: each is due within seconds.
    let cues = (0..3)
        .map(|n| {
            cue(
                &format!("c{n}"),
                &(n + 1).to_string(),
                f64::from(n) * 2.0,
                2.0,
                0.0,
            )
        })
        .collect();
    agent.preview(&timeline("show", 6.0, cues, Vec::new()));
    agent.go_live(&["one", "two", "three"]);
    let active = || all_active(&agent.status(), 3);
    assert!(until(Duration::from_secs(20), active));
    let server = agent.media_server().expect("a media server");
    signal(server, "KILL");
    let (down, took) = wait(&agent, "MEDIA_SERVER_DOWN", "open", 20);
    report(
        "dead media server told after, s",
        format!("{:.1}", took.as_secs_f64()),
    );
    assert_eq!(text(&down, "severity"), "critical");
    assert!(
        text(&down, "message").contains("media server is down"),
        "{down}"
    );
    let (over, took) = wait(&agent, "MEDIA_SERVER_DOWN", "cleared", 40);
    report("over after that, s", format!("{:.1}", took.as_secs_f64()));
    assert!(until(Duration::from_secs(40), active), "{}", agent.status());
    report("it caused", &over["consequences"]);
    assert!(
        over["consequences"]
            .as_array()
            .is_some_and(|all| !all.is_empty()),
        "{over}"
    );
    let told = of_the_show(&agent);
    assert_eq!(told.len(), 1, "{told:#?}");
}
