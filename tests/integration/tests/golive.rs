//! Going live is fast, leaves the timeline alone, and no destination feels another.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Http, MediaServer, Nginx, Proxy, all_active, cue, percentile, timeline, until,
};
use integration::{long, report, slow, three_cameras};
use serde_json::json;
use std::time::{Duration, Instant};

fn agent_on_air() -> (Agent, Vec<harness::Camera>) {
    let agent = Agent::start();
    let cameras = three_cameras(&agent);
    let cues = vec![
        cue("a", "1", 0.0, 30.0, 0.0),
        cue("b", "2", 30.0, 30.0, 0.0),
    ];
    agent.preview(&timeline("live", 60.0, cues, Vec::new()));
    (agent, cameras)
}

#[test]
fn four_sinks_take_their_first_bytes_within_a_second_and_a_half() {
    let (agent, _cameras) = agent_on_air();
    let servers = [
        MediaServer::start(),
        MediaServer::start(),
        MediaServer::start(),
    ];
    let nginx = Nginx::start("key-4");
    for (place, server) in servers.iter().enumerate() {
        agent.add_destination(&format!("d{}", place + 1), &server.rtmp("live"), "key");
    }
    agent.add_destination("d4", &nginx.application(), "key-4");
    let encoder = agent.encoder_pid();
    let mut took = Vec::new();
    for _ in 0..if long() { 20 } else { 5 } {
        let (before, round) = agent.position();
        let began = Instant::now();
        agent.go_live(&["d1", "d2", "d3", "d4"]);
        let all = until(Duration::from_secs(10), || {
            servers.iter().all(|server| server.bytes("live/key") > 0) && nginx.bytes("key-4") > 0
        });
        let elapsed = began.elapsed().as_secs_f64();
        let (after, round_after) = agent.position();
        assert!(all, "not all took bytes: {}", agent.status());
        let moved = after - before + 60.0 * (round_after - round) as f64;
        let drift = (moved - began.elapsed().as_secs_f64()).abs();
        // Two answers of a busy agent are not equally old.
        let old = if long() { 0.3 } else { 1.0 };
        assert!(drift < old, "the timeline jumped by {drift} s");
        took.push(elapsed);
        agent.stop_preview();
        assert!(until(Duration::from_secs(15), || {
            servers
                .iter()
                .all(|server| server.rtmp_publishers().is_empty())
        }));
        let _ = agent
            .api()
            .post("/api/preview/start", json!({ "timeline_id": "live" }))
            .ok();
        assert!(until(Duration::from_secs(15), || {
            agent.status()["metrics"]["frames"].as_u64().unwrap_or(0) > 60
        }));
    }
    report(
        "go-live to first bytes at 4 sinks, s",
        format!("{took:.2?}"),
    );
    report("p95, s", format!("{:.2}", percentile(&took, 0.95)));
    report("encoder before", format!("{encoder:?}"));
    assert!(
        percentile(&took, 0.95) <= 1.5 * f64::from(slow()),
        "{took:?}"
    );
}

#[test]
fn adding_editing_and_removing_a_destination_touches_no_other() {
    let (agent, _cameras) = agent_on_air();
    let sink = MediaServer::start();
    for key in ["one", "two", "three"] {
        agent.add_destination(key, &sink.rtmp("live"), key);
    }
    agent.go_live(&["one", "two"]);
    assert!(until(Duration::from_secs(10), || sink
        .rtmp_publishers()
        .len()
        == 2));
    let connections = || {
        let mut list = sink.rtmp_publishers();
        list.retain(|(_, path)| path == "live/two");
        list
    };
    let before = connections();
    let encoder = agent.encoder_pid();
    let set = |api: &Http, ids: &[&str]| {
        let _ = api
            .call(
                "PUT",
                "/api/preview/destinations",
                Some(&json!({ "destination_ids": ids })),
            )
            .ok();
    };
    set(agent.api(), &["one", "two", "three"]);
    assert!(until(Duration::from_secs(10), || sink
        .rtmp_publishers()
        .len()
        == 3));
    assert_eq!(connections(), before, "adding one touched another");
    let _ = agent
        .api()
        .put("/api/destinations/three", json!({ "name": "Renamed" }))
        .ok();
    set(agent.api(), &["two", "three"]);
    assert!(until(Duration::from_secs(10), || sink
        .rtmp_publishers()
        .len()
        == 2));
    assert_eq!(connections(), before, "removing one touched another");
    let bytes = sink.bytes("live/two");
    assert!(until(Duration::from_secs(5), || sink.bytes("live/two") > bytes));
    assert_eq!(agent.encoder_pid(), encoder);
}

#[test]
fn a_sink_that_refuses_the_key_does_not_hurt_the_one_that_takes_it() {
    let (agent, _cameras) = agent_on_air();
    let nginx = Nginx::start("right");
    agent.add_destination("good", &nginx.application(), "right");
    agent.add_destination("bad", &nginx.application(), "wrong");
    agent.go_live(&["good", "bad"]);
    assert!(until(Duration::from_secs(10), || nginx.bytes("right") > 100_000));
    assert!(
        until(
            Duration::from_secs(15),
            || agent.destination("good")["state"] == "active"
        ),
        "{}",
        agent.destination("good")
    );
    assert_ne!(agent.destination("bad")["state"], "active");
    assert_eq!(nginx.bytes("wrong"), 0);
}

#[test]
fn a_network_that_is_cut_while_going_live_heals_itself_and_the_other_destination_feels_nothing() {
    let (agent, _cameras) = agent_on_air();
    let (near, far) = (MediaServer::start(), MediaServer::start());
    let line = Proxy::to(far.rtmp_port);
    agent.add_destination("near", &near.rtmp("live"), "key");
    let address = format!("rtmp://127.0.0.1:{}/live", line.port);
    agent.add_destination("far", &address, "key");
    let encoder = agent.encoder_pid();
    line.stall();
    let began = Instant::now();
    agent.go_live(&["near", "far"]);
    let sends = until(Duration::from_secs(10), || near.bytes("live/key") > 100_000);
    assert!(sends, "{}", agent.status());
    let state = || agent.destination("far")["state"].clone();
    let away = state();
    assert!(away == "connecting" || away == "retrying", "{away}");
    assert_eq!(far.bytes("live/key"), 0);
    // The agent knows of it too, so that the two do not come up in one look.
    let near = || agent.destination("near")["state"] == "active";
    assert!(until(Duration::from_secs(15), near), "{}", agent.status());
    line.mend();
    let mended = Instant::now();
    let back = until(Duration::from_secs(30), || all_active(&agent.status(), 2));
    assert!(back, "{}", agent.status());
    report(
        "at both after the cut, s",
        format!("{:.1}", mended.elapsed().as_secs_f64()),
    );
    assert_eq!(agent.encoder_pid(), encoder);
    // What was wanted and not there is counted, and whose it was.
    let uptime = agent.api().get("/api/metrics/current").ok()["uptime"].clone();
    report("uptime", &uptime);
    let away = |id: &str| {
        let [wanted, there] =
            ["wanted_s", "there_s"].map(|key| uptime["destinations"][id][key].as_f64().unwrap());
        wanted - there
    };
    assert!(away("far") > away("near"), "{uptime}");
    assert!(away("far") <= began.elapsed().as_secs_f64(), "{uptime}");
}
