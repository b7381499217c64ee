//! What takes long to see of the link over a broker, and runs only in `make mqtt-long`: a dead link is
//! seen, the device comes back when it is healed, and what was sent meanwhile is done once and in order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Proxy, free_port, until};
use integration::brokered::{LONG, Stage, stage};
use integration::report;
use protocol::{AckStatus, Kind};
use sandbox::{Sent, Way};
use serde_json::json;
use std::time::{Duration, Instant};

/// A dead link is seen after this time.
const SEEN: Duration = Duration::from_secs(15);

/// A session of this length begins the pauses between tries anew, as of a link that breaks seldom.
const STABLE: Duration = Duration::from_secs(61);

/// The longest pause between two tries, and what a try may take.
const CAP: Duration = Duration::from_secs(60 + 10);

/// Waits until the device takes the link for dead; gives after how long.
#[track_caller]
fn dead(stage: &Stage, since: Instant) -> Duration {
    let seen = until(SEEN, || stage.link()["state"] != "online");
    assert!(seen, "{}", stage.link());
    since.elapsed()
}

/// Waits for a session after the first `sessions`; gives after how long.
#[track_caller]
fn back(stage: &Stage, sessions: u64, limit: Duration) -> Duration {
    let began = Instant::now();
    let back = until(limit, || {
        let link = stage.link();
        link["state"] == "online" && link["sessions"].as_u64() > Some(sessions)
    });
    assert!(back, "{}\n{}", stage.link(), stage.agent.log());
    began.elapsed()
}

fn send(stage: &Stage, count: usize) -> Vec<Sent> {
    let send = |_| {
        stage
            .studio
            .send(&stage.device, "HEALTH_REQUEST", &json!({}))
    };
    (0..count).map(send).collect()
}

/// Every command came to its good end, and they were begun in their order.
#[track_caller]
fn in_order(stage: &Stage, sent: &[Sent]) {
    for one in sent {
        let _acks = stage.ends_well(&one.id);
    }
    let heard = stage.studio.heard_from(0);
    let accepted: Vec<&str> = heard
        .iter()
        .filter(|heard| heard.kind == Kind::Ack)
        .filter(|heard| heard.payload["status"] == json!(AckStatus::Accepted))
        .filter(|heard| heard.payload["duplicate"] != true)
        .filter_map(|heard| heard.payload["message_id"].as_str())
        .filter(|id| sent.iter().any(|one| one.id == *id))
        .collect();
    let wanted: Vec<&str> = sent.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(accepted, wanted);
}

fn figures(what: &str, mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let (middle, most) = (times[times.len() / 2], times[times.len() - 1]);
    report(
        &format!("{what}, ms: middle and most of {}", times.len()),
        format!("{} {}", middle.as_millis(), most.as_millis()),
    );
    (middle, most)
}

#[test]
fn a_network_that_swallows_everything_is_seen_and_what_was_sent_meanwhile_is_done_in_order() {
    let port = free_port();
    let line = Proxy::to(port);
    let stage = stage(&[Way::BrokerBehind(port, line.port)]);
    stage.done();
    let (mut seen, mut healed) = (Vec::new(), Vec::new());
    for _round in 0..6 {
        std::thread::sleep(STABLE);
        let sessions = stage.count("sessions");
        let before = send(&stage, 3);
        line.stall();
        let stalled = Instant::now();
        let meanwhile = send(&stage, 5);
        seen.push(dead(&stage, stalled));
        std::thread::sleep(Duration::from_secs(20).saturating_sub(stalled.elapsed()));
        line.mend();
        healed.push(back(&stage, sessions, LONG));
        let all: Vec<Sent> = before.into_iter().chain(meanwhile).collect();
        in_order(&stage, &all);
        stage.settles();
    }
    let (_, most) = figures("a dead link is seen after", seen);
    assert!(most <= SEEN, "{most:?}");
    let (middle, most) = figures("back after 20 s", healed);
    assert!(middle <= Duration::from_secs(2), "{middle:?}");
    assert!(most <= Duration::from_secs(10), "{most:?}");

    // Shorter than it takes to see: whether by the same connection or another, nothing is lost.
    let mut done = Vec::new();
    for _round in 0..5 {
        line.stall();
        let sent = send(&stage, 5);
        std::thread::sleep(Duration::from_secs(5));
        line.mend();
        let began = Instant::now();
        in_order(&stage, &sent);
        done.push(began.elapsed());
        stage.settles();
    }
    let (_, _) = figures("all done after 5 s", done);

    // Ten minutes: the pauses between tries have grown.
    std::thread::sleep(STABLE);
    let sessions = stage.count("sessions");
    line.stall();
    let stalled = Instant::now();
    let meanwhile = send(&stage, 100);
    report("seen after, ms", dead(&stage, stalled).as_millis());
    std::thread::sleep(Duration::from_secs(600).saturating_sub(stalled.elapsed()));
    line.mend();
    let healed = back(&stage, sessions, CAP);
    report("back after 10 min, ms", healed.as_millis());
    in_order(&stage, &meanwhile);
    stage.settles();
}

#[test]
fn the_device_is_back_soon_after_its_broker() {
    let stage = stage(&[Way::Broker(free_port())]);
    stage.done();
    // One that is away for long is tried at growing pauses, of which one may have just begun.
    for (away, limit) in [
        (Duration::ZERO, Duration::from_secs(10)),
        (Duration::from_secs(10), CAP),
    ] {
        let mut times = Vec::new();
        for _round in 0..6 {
            std::thread::sleep(STABLE);
            let sessions = stage.count("sessions");
            stage.studio.kill_broker();
            let sent = send(&stage, 5);
            std::thread::sleep(away);
            stage.studio.start_broker();
            times.push(back(&stage, sessions, CAP));
            in_order(&stage, &sent);
            stage.settles();
        }
        let what = format!("back after the broker was away for {} s", away.as_secs());
        let (_, most) = figures(&what, times);
        assert!(most <= limit, "{most:?}");
    }
}
