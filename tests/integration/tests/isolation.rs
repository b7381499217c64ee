//! One destination's trouble is its own: the others miss no frame, and it is back soon.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Camera, Line, MediaServer, Nginx, Packets, ServerOptions, Stillness, cue, free_port,
    timeline, until,
};
use integration::{excused, long, longest_step_ms, report, slack, slow};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const KEY: &str = "key-of-the-show";
const PATH: &str = "live/key-of-the-show";
/// Time from one frame of the program to the next.
const FRAME_MS: f64 = 1000.0 / 30.0;
/// A destination is back within this after its server answers.
const BACK: Duration = Duration::from_secs(10);

fn on_air() -> (Agent, Camera) {
    let agent = Agent::start();
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let cues = vec![cue("a", "1", 0.0, 3600.0, 0.0)];
    agent.preview(&timeline("show", 3600.0, cues, Vec::new()));
    (agent, camera)
}

#[track_caller]
fn wait_told(
    agent: &Agent,
    id: &str,
    limit: Duration,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) {
    let mut last = Value::Null;
    let seen = until(limit, || {
        last = agent.destination(id);
        wanted(&last)
    });
    assert!(seen, "{id} is never {what}: {last}\n{}", agent.log());
}

fn is_active(told: &Value) -> bool {
    told["state"] == "active"
}

/// Bytes of a stream that show that it flows, and not only what was under way.
const FLOWS: u64 = 150_000;
/// Each fault lasts longer than this: less is too little to judge.
const LEAST_MS: f64 = 2000.0;
/// So long nobody may use the second address of a destination: several of the agent's looks at it.
const ALONE: Duration = Duration::from_secs(4);

/// Readers of the destinations that are well; what they saw is judged at the end of a fault.
struct Others {
    readers: Vec<(&'static str, Packets)>,
    stillness: Stillness,
}

impl Others {
    fn of(all: &[(&'static str, String)], sick: &str) -> Self {
        let stillness = Stillness::watch();
        let well = all.iter().filter(|(id, _)| *id != sick);
        let readers: Vec<_> = well.map(|(id, url)| (*id, Packets::of(url))).collect();
        for (_, reader) in &readers {
            reader.wait(Duration::from_secs(15));
        }
        Self { readers, stillness }
    }

    fn judge(self, what: &str) {
        let ended = self
            .readers
            .into_iter()
            .map(|(id, reader)| (id, reader.end()));
        let ended: Vec<_> = ended.collect();
        let allowed = excused(&self.stillness);
        let most = (slack() + allowed.missing) as usize;
        let mut figures = Vec::new();
        for (id, seen) in ended {
            let (missing, gap) = (seen.missing(FRAME_MS), seen.longest_gap_ms());
            figures.push(format!(
                "{id}: {} frames, {missing} missing, gap {gap:.0} ms",
                seen.times_ms.len()
            ));
            assert!(
                seen.span_ms() >= LEAST_MS && seen.times_ms.len() > 60,
                "{what}: {id} saw too little to judge: {figures:?}"
            );
            assert!(missing <= most, "{what}: {figures:?}");
            assert!(
                gap <= longest_step_ms() + allowed.step_ms(),
                "{what}: {figures:?}"
            );
        }
        assert_eq!(figures.len(), 4, "{what}: {figures:?}");
        report(&format!("{what}: the other four"), figures.join("; "));
    }
}

/// Cuts of these lengths, in seconds.
fn cuts() -> &'static [u64] {
    if long() { &[5, 30, 120] } else { &[5] }
}

/// The same for faults that are much like another one: in the long form only.
fn more_cuts() -> &'static [u64] {
    if long() { cuts() } else { &[] }
}

#[test]
fn four_miss_nothing_while_the_fifth_is_killed_stopped_starved_or_refused() {
    let (agent, _camera) = on_air();
    let port = free_port();
    let options = ServerOptions {
        rtmp_port: Some(port),
        only: vec![PATH.to_owned()],
        ..ServerOptions::default()
    };
    let steady = [MediaServer::start(), MediaServer::start()];
    let nginx = [Nginx::start(KEY), Nginx::start(KEY)];
    let mut fifth = MediaServer::with(&options);
    let line = Line::to(steady[1].rtmp_port);
    agent.add_destination("one", &steady[0].rtmp("live"), KEY);
    agent.add_destination("two", &format!("rtmp://127.0.0.1:{}/live", line.port), KEY);
    agent.add_destination("three", &nginx[0].application(), KEY);
    agent.add_destination("four", &nginx[1].application(), KEY);
    agent.add_destination("five", &format!("rtmp://127.0.0.1:{port}/live"), KEY);
    let all = ["one", "two", "three", "four", "five"];
    agent.go_live(&all);
    for id in all {
        wait_told(&agent, id, Duration::from_secs(15), "active", is_active);
    }
    let urls = [
        ("one", steady[0].rtmp(PATH)),
        ("two", steady[1].rtmp(PATH)),
        ("three", format!("{}/{KEY}", nginx[0].application())),
        ("four", format!("{}/{KEY}", nginx[1].application())),
        ("five", fifth.rtmp(PATH)),
    ];
    let encoder = agent.encoder_pid();

    for seconds in cuts() {
        let others = Others::of(&urls, "five");
        drop(fifth);
        std::thread::sleep(Duration::from_secs(*seconds));
        fifth = MediaServer::with(&options);
        let back = Instant::now();
        flows(&agent, "five", || fifth.bytes(PATH));
        told_back(&format!("killed for {seconds} s"), back.elapsed());
        others.judge(&format!("killed for {seconds} s"));
    }
    for seconds in cuts() {
        let others = Others::of(&urls, "four");
        nginx[1].signal("STOP");
        std::thread::sleep(Duration::from_secs(*seconds));
        report(
            &format!("stopped for {seconds} s, told as"),
            &agent.destination("four")["state"],
        );
        nginx[1].signal("CONT");
        let back = Instant::now();
        flows(&agent, "four", || nginx[1].bytes(KEY));
        told_back(&format!("nginx stopped for {seconds} s"), back.elapsed());
        others.judge(&format!("nginx stopped for {seconds} s"));
    }
    for seconds in more_cuts() {
        let others = Others::of(&urls, "one");
        steady[0].signal("STOP");
        std::thread::sleep(Duration::from_secs(*seconds));
        report(
            &format!("stopped for {seconds} s, told as"),
            &agent.destination("one")["state"],
        );
        steady[0].signal("CONT");
        let back = Instant::now();
        flows(&agent, "one", || steady[0].bytes(PATH));
        told_back(&format!("MediaMTX stopped for {seconds} s"), back.elapsed());
        others.judge(&format!("MediaMTX stopped for {seconds} s"));
    }
    for seconds in more_cuts() {
        let others = Others::of(&urls, "two");
        line.unplug();
        std::thread::sleep(Duration::from_secs(*seconds));
        line.plug();
        let back = Instant::now();
        flows(&agent, "two", || steady[1].bytes(PATH));
        told_back(&format!("unplugged for {seconds} s"), back.elapsed());
        others.judge(&format!("unplugged for {seconds} s"));
    }

    let others = Others::of(&urls, "two");
    line.narrow(40_000);
    wait_told(&agent, "two", Duration::from_secs(60), "slow", |told| {
        told["slow"] == true || told["state"] != "active"
    });
    report(
        "starved, told as",
        agent.destination("two")["last_error"].to_string(),
    );
    line.widen();
    let back = Instant::now();
    wait_told(&agent, "two", slow() * BACK, "well again", |told| {
        told["state"] == "active" && told["slow"] == false
    });
    flows(&agent, "two", || steady[1].bytes(PATH));
    told_back("starved to 40 kB/s", back.elapsed());
    others.judge("starved to 40 kB/s");

    let others = Others::of(&urls, "five");
    rekey(&agent, "five", "a-key-that-is-not-known");
    wait_told(&agent, "five", slow() * BACK, "refused", |told| {
        told["needs_attention"] == true
    });
    let refused = agent.destination("five");
    assert_eq!(
        refused["last_error"],
        "The destination's server does not accept the stream key."
    );
    assert!(
        refused["remediation"]
            .as_str()
            .is_some_and(|text| text.contains("Check the stream key"))
    );
    rekey(&agent, "five", KEY);
    let back = Instant::now();
    flows(&agent, "five", || fifth.bytes(PATH));
    told_back("its key refused", back.elapsed());
    others.judge("its key refused");

    assert_eq!(agent.encoder_pid(), encoder, "the encoder was touched");
}

/// Waits until the destination is told active and its server gets more than what was under way.
#[track_caller]
fn flows(agent: &Agent, id: &str, bytes: impl Fn() -> u64) {
    wait_told(agent, id, 2 * BACK, "active", is_active);
    let mut before = bytes();
    let grown = until(2 * BACK, || {
        // A server that has lost its publisher counts anew, and one that hangs counts nothing.
        let now = bytes();
        before = before.min(now);
        now > before + FLOWS
    });
    assert!(
        grown,
        "nothing flows to {id}: {}\n{}",
        agent.destination(id),
        agent.log()
    );
    assert!(
        is_active(&agent.destination(id)),
        "{id} is lost again: {}",
        agent.destination(id)
    );
}

#[track_caller]
fn told_back(what: &str, after: Duration) {
    report(
        &format!("{what}: back after it answers, s"),
        format!("{:.2}", after.as_secs_f64()),
    );
    assert!(after <= slow() * BACK, "{what}: back only after {after:?}");
}

fn rekey(agent: &Agent, id: &str, key: &str) {
    let body = json!({ "stream_key": key });
    let _ = agent
        .api()
        .put(&format!("/api/destinations/{id}"), body)
        .ok();
}

#[test]
fn the_backup_address_stands_in_and_the_key_is_never_in_use_twice() {
    let (agent, _camera) = on_air();
    let (first, second) = (free_port(), free_port());
    let at = |port: u16| ServerOptions {
        rtmp_port: Some(port),
        ..ServerOptions::default()
    };
    let mut primary = Some(MediaServer::with(&at(first)));
    let mut backup = Some(MediaServer::with(&at(second)));
    let body = json!({
        "id": "two-homes", "name": "Two homes", "platform": "custom_rtmp",
        "rtmp_url": format!("rtmp://127.0.0.1:{first}/live"), "stream_key": KEY,
        "backup_url": format!("rtmp://127.0.0.1:{second}/live"),
    });
    let _ = agent.api().post("/api/destinations", body).ok();
    agent.go_live(&["two-homes"]);
    let uses = |address: &str, limit: Duration| {
        wait_told(&agent, "two-homes", limit, address, |told| {
            told["state"] == "active" && told["address"] == address
        });
    };
    let publishes = |server: &Option<MediaServer>| {
        server
            .as_ref()
            .is_some_and(|server| !server.rtmp_publishers().is_empty())
    };
    // The show flows to one address for a while, and nobody ever publishes to the other.
    let alone = |one: &Option<MediaServer>, other: &Option<MediaServer>| {
        let (began, bytes) = (Instant::now(), one.as_ref().unwrap().bytes(PATH));
        let flowed = until(4 * ALONE, || {
            assert!(!publishes(other), "the key is in use twice");
            began.elapsed() >= ALONE && one.as_ref().unwrap().bytes(PATH) > bytes + FLOWS
        });
        assert!(flowed, "{}\n{}", agent.status(), agent.log());
    };
    uses("primary", Duration::from_secs(15));
    alone(&primary, &backup);

    drop(primary.take());
    let lost = Instant::now();
    uses("backup", slow() * BACK);
    report(
        "to the backup address after the loss, s",
        format!("{:.2}", lost.elapsed().as_secs_f64()),
    );

    primary = Some(MediaServer::with(&at(first)));
    alone(&backup, &primary);

    drop(backup.take());
    let lost = Instant::now();
    uses("primary", slow() * BACK);
    report(
        "back to the primary address after the loss, s",
        format!("{:.2}", lost.elapsed().as_secs_f64()),
    );
    assert!(publishes(&primary));
}
