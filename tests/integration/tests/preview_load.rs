//! Previews that are started and stopped again and again under requests leave nothing behind; many may
//! watch at once without the program noticing, and the one that is too many is told so.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::chaos::{Role, Sample};
use harness::{
    Agent, AgentOptions, Camera, HlsSeen, HlsViewers, Http, Packets, Stillness, WhepViewers, cue,
    percentile, timeline, until,
};
use integration::{excused, long, longest_step_ms, report, slack, slow};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const FRAME_MS: f64 = 1000.0 / 30.0;
/// What is no growth: a connection that has not closed yet, a thread pool or a buffer that got its size.
const SPARE_FDS: usize = 12;
const SPARE_THREADS: u64 = 8;
const SPARE_KIB: u64 = 24 * 1024;
/// How long ends may take until they count.
const SETTLE: Duration = Duration::from_secs(20);

fn agent_with_a_show(environment: &[(&str, &str)]) -> (Agent, Camera) {
    let named = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let agent = Agent::with(AgentOptions {
        environment: environment.iter().map(named).collect(),
        ..AgentOptions::default()
    });
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let cues = vec![cue("a", "1", 0.0, 600.0, 0.0)];
    agent.preview(&timeline("show", 600.0, cues, Vec::new()));
    (agent, camera)
}

fn start(agent: &Agent) -> f64 {
    let began = Instant::now();
    let body = json!({ "timeline_id": "show" });
    let _ = agent.api().post("/api/preview/start", body).ok();
    let up = until(Duration::from_secs(20), || {
        let status = agent.status();
        let metrics = &status["metrics"];
        metrics["encoded"].as_u64() > Some(5) && metrics["publishing"] == true
    });
    assert!(up, "{}\n{}", agent.status(), agent.log());
    began.elapsed().as_secs_f64()
}

/// By role: processes, files, threads, resident KiB.
type Held = BTreeMap<Role, (usize, usize, u64, u64)>;

fn held(agent: &Agent) -> Held {
    let sample = Sample::of(agent.id());
    let roles = sample.processes.iter().map(|one| one.role);
    let of = |role| {
        let (count, fds, threads, rss, _) = sample.of_role(role);
        (role, (count, fds, threads, rss))
    };
    roles.map(of).collect()
}

/// What is held now beyond what was held before, and so much memory.
fn growth(before: &Held, now: &Held, spare_kib: u64) -> Vec<String> {
    let roles = before.keys().chain(now.keys());
    let of = |held: &Held, role: &Role| held.get(role).copied().unwrap_or_default();
    let grown = |role: &Role| {
        let (was, is) = (of(before, role), of(now, role));
        let more = is.0 != was.0
            || is.1 > was.1 + SPARE_FDS
            || is.2 > was.2 + SPARE_THREADS
            || is.3 > was.3 + spare_kib;
        more.then(|| format!("{role}: {was:?}, then {is:?}"))
    };
    roles.filter_map(grown).collect()
}

fn nothing_left(agent: &Agent, before: &Held, spare_kib: u64) {
    let mut now = held(agent);
    let same = until(SETTLE, || {
        now = held(agent);
        growth(before, &now, spare_kib).is_empty()
    });
    for (role, was) in before {
        let is = now.get(role).copied().unwrap_or_default();
        report(
            &format!("{role}: processes, files, threads, KiB"),
            format!("{was:?} before, {is:?} after"),
        );
    }
    assert!(same, "{:?}", growth(before, &now, spare_kib));
}

/// Asks until it is told to stop: seconds of each answer, and those that were no success.
fn ask(agent: &Agent, caller: usize, stop: &AtomicBool) -> (Vec<f64>, Vec<String>) {
    let port = agent.api().base().rsplit(':').next().unwrap();
    let api = Http::new(port.parse().unwrap());
    let reads = [
        "/api/preview/status",
        "/api/cameras",
        "/api/status/health",
        "/api/metrics/current",
        "/api/preview/playback-position",
        "/metrics",
    ];
    let (mut took, mut refused) = (Vec::new(), Vec::new());
    let mut number = caller;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let began = Instant::now();
        let reply = if number.is_multiple_of(8) {
            let name = format!("Camera {number}");
            api.put("/api/cameras/1", json!({ "name": name }))
        } else {
            api.get(reads[number % reads.len()])
        };
        took.push(began.elapsed().as_secs_f64());
        if reply.status != 200 {
            refused.push(format!("{} {}", reply.status, reply.text));
        }
        // Ten requests a second of each.
        std::thread::sleep(Duration::from_millis(100).saturating_sub(began.elapsed()));
    }
    (took, refused)
}

#[test]
fn previews_start_and_stop_under_requests_and_leave_nothing_behind() {
    let (rounds, runs, rests) = if long() {
        (10, Duration::from_secs(18), Duration::from_secs(8))
    } else {
        (2, Duration::from_secs(1), Duration::ZERO)
    };
    let (agent, _camera) = agent_with_a_show(&[]);
    agent.stop_preview();
    let runs_on = |role: &Role| matches!(role, Role::Decoder | Role::Encoder);
    let rests_now = || !held(&agent).keys().any(runs_on);
    assert!(
        until(Duration::from_secs(20), rests_now),
        "{:?}",
        held(&agent)
    );
    let _ = until(Duration::from_secs(2), || false);
    let idle = agent.children().len();
    let before = held(&agent);
    let began = Instant::now();
    let stop = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let (agent, stop) = (&agent, &stop);
        let callers: Vec<_> = (0..4)
            .map(|caller| scope.spawn(move || ask(agent, caller, stop)))
            .collect();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut starts = Vec::new();
            let mut lost = Vec::new();
            let mut allowed = Vec::new();
            for _ in 0..rounds {
                starts.push(start(agent));
                let stillness = Stillness::watch();
                let program = Packets::of(&agent.rtsp("program"));
                program.wait(Duration::from_secs(15));
                let _ = until(runs, || false);
                let seen = program.end();
                lost.push((seen.missing(FRAME_MS), seen.longest_gap_ms()));
                allowed.push(excused(&stillness));
                agent.stop_preview();
                let ended = until(SETTLE, || agent.children().len() <= idle);
                assert!(ended, "{:?}", agent.children());
                let _ = until(rests, || false);
            }
            (starts, lost, allowed)
        }));
        stop.store(true, Ordering::Relaxed);
        let asked: Vec<_> = callers.into_iter().map(|one| one.join().unwrap()).collect();
        let (starts, lost, allowed) = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        report(
            "started and stopped",
            format!("{rounds} times in {:.0} s", began.elapsed().as_secs_f64()),
        );
        report(
            "start until frames are published, s",
            format!("{starts:.2?}"),
        );
        report(
            "program frames missing, longest step in ms",
            format!("{lost:.0?}"),
        );
        for ((missing, step), allowed) in lost.into_iter().zip(allowed) {
            assert!(missing <= (slack() + allowed.missing) as usize);
            assert!(step <= longest_step_ms() + allowed.step_ms());
        }
        asked
    });
    let took: Vec<f64> = asked.iter().flat_map(|(took, _)| took.clone()).collect();
    let refused: Vec<&String> = asked.iter().flat_map(|(_, refused)| refused).collect();
    let worst = took.iter().copied().fold(0.0, f64::max);
    report(
        "requests meanwhile; median, p99, worst in ms",
        format!(
            "{}; {:.0}, {:.0}, {:.0}",
            took.len(),
            percentile(&took, 0.5) * 1000.0,
            percentile(&took, 0.99) * 1000.0,
            worst * 1000.0
        ),
    );
    assert!(refused.is_empty(), "{refused:?}");
    // After two rounds the allocator has not settled.
    nothing_left(&agent, &before, u64::from(slow()) * SPARE_KIB);
    counted(&agent, rounds);
}

/// The program's time on air is counted, and the media server's.
fn counted(agent: &Agent, rounds: usize) {
    let uptime = agent.api().get("/api/metrics/current").ok()["uptime"].clone();
    report("uptime", &uptime);
    let program = &uptime["program"];
    let [wanted, there] = ["wanted_s", "there_s"].map(|key| program[key].as_f64().unwrap());
    assert!(wanted >= there && there >= rounds as f64, "{uptime}");
    assert!(
        uptime["preview_server"]["percent"].as_f64() > Some(50.0),
        "{uptime}"
    );
    let text = agent.api().get("/metrics").text;
    assert!(
        text.contains("vistter_program_there_seconds_total"),
        "{text}"
    );
}

/// Processor time of everything that serves a preview, in seconds.
fn cpu(agent: &Agent) -> (f64, f64) {
    let sample = Sample::of(agent.id());
    (sample.cpu_of(Role::Agent), sample.cpu_of(Role::MediaMtx))
}

/// What a second costs of the agent and of the media server, over so long.
fn cost(agent: &Agent, over: Duration) -> (f64, f64) {
    let (began, before) = (Instant::now(), cpu(agent));
    let _ = until(over, || false);
    let (seconds, after) = (began.elapsed().as_secs_f64(), cpu(agent));
    (
        (after.0 - before.0) / seconds,
        (after.1 - before.1) / seconds,
    )
}

#[test]
fn many_watch_at_once_without_the_program_noticing_and_one_too_many_is_told_so() {
    let (sessions, seconds) = if long() { (20, 20) } else { (6, 2) };
    let limit = sessions.to_string();
    let (agent, _camera) = agent_with_a_show(&[("VISTTER__PREVIEW__SESSIONS", &limit)]);
    let over = Duration::from_secs(seconds);
    let before = held(&agent);
    let stillness = Stillness::watch();
    let program = Packets::of(&agent.rtsp("program"));
    program.wait(Duration::from_secs(15));
    let alone = cost(&agent, over.min(Duration::from_secs(10)));

    let whep = WhepViewers::of(agent.api().base(), sessions / 2);
    let all_watch = || whep.bytes().iter().all(|bytes| *bytes > 50_000);
    let began = Instant::now();
    assert!(
        until(Duration::from_secs(30), all_watch),
        "{:?}\n{}",
        whep.bytes(),
        whep.log()
    );
    report(
        "WebRTC players watch after, s",
        format!("{:.1}", began.elapsed().as_secs_f64()),
    );
    let with_whep = cost(&agent, over);
    let mut hls = HlsViewers::of(agent.api().base());
    for _ in sessions / 2..sessions {
        hls.join().unwrap();
    }
    too_many(&agent, &mut hls);
    let begun = || hls.seen().iter().all(|one| one.media_s > 0.0);
    assert!(until(Duration::from_secs(15), begun), "{:?}", hls.seen());
    let (bytes, media) = (whep.bytes(), hls.seen());
    let watched = Instant::now();
    // Who plays is judged over this time; a machine that stands still for a second is not half of it.
    let with_both = cost(&agent, over.max(Duration::from_secs(6)));
    let seconds = watched.elapsed().as_secs_f64();
    let more: Vec<u64> = std::iter::zip(whep.bytes(), bytes)
        .map(|(is, was)| is.saturating_sub(was))
        .collect();
    let now = hls.seen();
    let most = held(&agent);
    let seen = program.end();
    costs(sessions, alone, with_whep, with_both);
    report("kilobits a second of each WebRTC player", {
        let kbps = |bytes: &u64| (*bytes as f64 * 0.008 / seconds).round();
        format!("{:?}", more.iter().map(kbps).collect::<Vec<_>>())
    });
    report(
        "processes, files, threads, KiB meanwhile",
        format!("{most:?}"),
    );
    watches(seconds, &media, &now);
    assert!(more.iter().all(|bytes| *bytes > 10_000), "{more:?}");
    report(
        "program frames, missing, longest step in ms",
        format!(
            "{}, {}, {:.0}",
            seen.times_ms.len(),
            seen.missing(FRAME_MS),
            seen.longest_gap_ms()
        ),
    );
    let allowed = excused(&stillness);
    assert!(seen.missing(FRAME_MS) <= (slack() + allowed.missing) as usize);
    assert!(seen.longest_gap_ms() <= longest_step_ms() + allowed.step_ms());

    // Those that leave in order make room at once.
    drop(whep);
    let mut next = HlsViewers::of(agent.api().base());
    let in_again = until(Duration::from_secs(15), || next.join().is_ok());
    assert!(in_again, "nobody is let in after others have left");
    drop((hls, next));
    if long() {
        // Sessions of HLS are over half a minute after their last request.
        let _ = until(Duration::from_secs(40), || viewers(&agent) == 0);
        assert_eq!(viewers(&agent), 0);
        // A media server that has served twenty keeps the memory for the next ones.
        nothing_left(&agent, &before, 8 * SPARE_KIB);
    }
}

fn viewers(agent: &Agent) -> u64 {
    let health = agent.api().get("/api/preview/health").ok();
    let paths = health["active_streams"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let shown = |name: &str| matches!(name, "preview" | "program_rtc");
    let watched = paths
        .iter()
        .filter(|path| path["name"].as_str().is_some_and(shown));
    watched
        .map(|path| path["num_readers"].as_u64().unwrap())
        .sum()
}

/// With as many as there may be, one more is refused in either way, with what to do.
fn too_many(agent: &Agent, hls: &mut HlsViewers) {
    let (status, text) = hls.join().unwrap_err();
    assert_eq!(status, 503, "{text}");
    let offer = agent.api().post("/whep/program_rtc/whep", json!({}));
    for refusal in [
        offer.refusal().1,
        offer.json["error"]["code"].to_string(),
        text,
    ] {
        assert!(refusal.contains("BUSY"), "{refusal}");
    }
    report("one more is told", &offer.json["detail"]);
}

fn costs(sessions: usize, alone: (f64, f64), with_whep: (f64, f64), with_both: (f64, f64)) {
    let percent = |share: f64| format!("{:.2}", share * 100.0);
    let of = |what: &str, (agent, server): (f64, f64)| {
        let (agent, server) = (percent(agent), percent(server));
        report(what, format!("agent {agent}, media server {server}"));
    };
    of("percent of a core without anybody", alone);
    of("with WebRTC players", with_whep);
    of("with all", with_both);
    let each = |from: (f64, f64), to: (f64, f64)| {
        percent((to.0 + to.1 - from.0 - from.1) / (sessions / 2) as f64)
    };
    report(
        "percent of a core for each WebRTC player",
        each(alone, with_whep),
    );
    report(
        "percent of a core for each HLS player",
        each(with_whep, with_both),
    );
}

/// Each player of HLS got the picture as it was made.
fn watches(seconds: f64, before: &[HlsSeen], now: &[HlsSeen]) {
    let got: Vec<f64> = std::iter::zip(now, before)
        .map(|(now, before)| now.media_s - before.media_s)
        .collect();
    let waits: Vec<f64> = now.iter().map(|one| one.longest_wait_s).collect();
    let faults: Vec<&String> = now.iter().flat_map(|one| &one.faults).collect();
    report(
        &format!("seconds of picture for each HLS player in {seconds:.1}"),
        format!("{got:.1?}"),
    );
    report("longest wait for a part, s", format!("{waits:.2?}"));
    assert!(faults.is_empty(), "{faults:?}");
    // One part, and half the time on a machine that is shared.
    let least = if long() { seconds - 0.5 } else { seconds * 0.5 };
    assert!(got.iter().all(|media| *media >= least), "{got:?}");
}
