//! Destinations on air, with the real MediaMTX on both sides and nginx-rtmp.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "../crates/engine/tests/mediamtx/rig.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod rig;

use engine::mediamtx::{PathName, PathSpec, Ports};
use engine::process::{Launch, Process};
use model::{Platform, Secret};
use rig::{LONG, Rig, name};
use std::time::Duration;
use stream::{Cause, EgressState, Ingest, IngestProtocol};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use vistter_agent::egress::{Egress, Status};

fn ingest(port: u16, key: &str) -> Ingest {
    Ingest {
        protocol: IngestProtocol::Rtmp,
        host: "127.0.0.1".to_owned(),
        port,
        dest: Secret::new(format!("rtmp://127.0.0.1:{port}/live#{key}")),
        bearer: None,
        fingerprint: None,
        platform: Platform::Custom,
        label: format!("rtmp://127.0.0.1:{port}/live"),
    }
}

fn start(rig: &Rig, id: &str, port: u16, key: &str) -> Egress {
    let path = name(&format!("out/{id}"));
    Egress::start(&rig.server, path, PathName::program(), ingest(port, key))
}

async fn until(egress: &Egress, what: &str, f: impl Fn(&Status) -> bool) -> Status {
    let mut watch = egress.watch();
    let status = timeout(LONG, watch.wait_for(|status| f(status))).await;
    status
        .unwrap_or_else(|_| panic!("never {what}: {:?}", egress.status()))
        .unwrap()
        .clone()
}

fn active(status: &Status) -> bool {
    status.state.is_active()
}

/// An agent's media server with a program on air.
async fn on_air() -> (Rig, Process) {
    let rig = Rig::start(&["program"]).await;
    let program = PathName::program();
    rig.server
        .put(&program, PathSpec::published())
        .await
        .unwrap();
    let encoder = rig.publish(&rig.server.rtsp_url(&program), &[]).await;
    rig.until("published", |now| {
        now.path(&program).is_some_and(|path| path.online)
    })
    .await;
    (rig, encoder)
}

/// A platform that takes these keys.
async fn platform(keys: &[&str], ports: Ports) -> Rig {
    let paths: Vec<String> = keys.iter().map(|key| format!("live/{key}")).collect();
    let names: Vec<&str> = paths.iter().map(String::as_str).collect();
    let rig = Rig::begin(&names, ports).await;
    rig.up().await;
    for path in names {
        rig.server
            .put(&name(path), PathSpec::published())
            .await
            .unwrap();
    }
    rig
}

/// Where set-up unpacks it.
const NGINX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../build/nginx/usr");

/// nginx-rtmp with an application that takes everything and one that takes nothing.
fn nginx(rig: &Rig, port: u16) -> Process {
    let folder = rig.directory.path().join("nginx");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "load_module {NGINX}/lib/nginx/modules/ngx_rtmp_module.so;\n\
         worker_processes 1; pid {0}/pid; error_log {0}/log;\n\
         events {{ worker_connections 64; }}\n\
         rtmp {{ access_log off; server {{ listen 127.0.0.1:{port}; application live {{ live on; }}\n\
         application closed {{ live on; deny publish all; }} }} }}\n",
        folder.display()
    );
    let conf = folder.join("nginx.conf");
    std::fs::write(&conf, text).unwrap();
    let launch = Launch::new(format!("{NGINX}/sbin/nginx"))
        .arg("-c")
        .arg(&conf)
        .args(["-g", "daemon off; user root;"]);
    rig.launcher.launch(launch).unwrap()
}

async fn listening(port: u16) {
    let there = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, there).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn four_destinations_get_bytes_in_time_and_ending_one_leaves_the_others() {
    let (rig, _encoder) = on_air().await;
    let sink = platform(&["one-key", "two-key", "three-key"], Ports::free().unwrap()).await;
    let port = Ports::free().unwrap().rtmp;
    let _nginx = nginx(&rig, port);
    listening(port).await;
    let began = Instant::now();
    let mut all: Vec<Egress> = ["one", "two", "three"]
        .iter()
        .map(|id| start(&rig, id, sink.ports.rtmp, &format!("{id}-key")))
        .collect();
    all.push(start(&rig, "four", port, "anything%2F%23"));
    for egress in &all {
        until(egress, "active", active).await;
    }
    println!("4 destinations active after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(10));
    let two = name("live/two-key");
    let seen = sink
        .until("there", |now| {
            now.path(&two).is_some_and(|path| path.online)
        })
        .await;
    all.remove(0).stop().await;
    sink.until("one gone", |now| {
        !now.path(&name("live/one-key")).unwrap().online
    })
    .await;
    let bytes = seen.path(&two).unwrap().inbound_bytes;
    let later = sink
        .until("more", |now| {
            now.path(&two).unwrap().inbound_bytes > bytes + 10_000
        })
        .await;
    assert!(
        later.path(&two).unwrap().online,
        "its connection was touched"
    );
    for egress in &all {
        let status = until(egress, "measured", |now| now.kbps > 0).await;
        assert!(
            active(&status) && status.retries == 0 && status.bytes > 10_000,
            "{status:?}"
        );
    }
    let said = format!("{:?} {:?} {}", all, rig.server, rig.server.log().join("\n"));
    for key in ["two-key", "three-key", "anything"] {
        assert!(!said.contains(key), "{key} in {said}");
    }
    for egress in all {
        egress.stop().await;
    }
    rig.until("off air", |now| now.paths.len() == 1).await;
    rig.end().await;
    sink.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_was_away_is_back_soon_after_it_answers_and_others_notice_nothing() {
    let (rig, _encoder) = on_air().await;
    let ports = Ports::free().unwrap();
    let steady = platform(&["steady"], Ports::free().unwrap()).await;
    let lost = platform(&["lost"], ports).await;
    let other = start(&rig, "a", steady.ports.rtmp, "steady");
    let egress = start(&rig, "b", ports.rtmp, "lost");
    until(&other, "active", active).await;
    until(&egress, "active", active).await;
    let (since, bytes) = (other.status().state, other.status().bytes);
    lost.end().await;
    let status = until(&egress, "refused", |now| {
        now.state.cause() == Some(Cause::Unreachable) && now.retries >= 2
    })
    .await;
    assert_eq!(
        status.last_error.as_deref(),
        Some("The destination's server does not answer.")
    );
    let back = platform(&["lost"], ports).await;
    let answers = Instant::now();
    until(&egress, "active again", active).await;
    println!("active {:?} after it answers", answers.elapsed());
    assert!(answers.elapsed() < Duration::from_secs(10));
    let EgressState::Active { since, .. } = since else {
        panic!("{since:?}")
    };
    let now = until(&other, "grown", |now| now.bytes > bytes).await;
    assert!(matches!(now.state, EgressState::Active { since: same, .. } if same == since));
    egress.stop().await;
    drop(other);
    rig.until("off air", |now| now.paths.len() == 1).await;
    rig.end().await;
    back.end().await;
    steady.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_taken_is_named_and_not_shown() {
    let (rig, _encoder) = on_air().await;
    let sink = platform(&["right"], Ports::free().unwrap()).await;
    let port = Ports::free().unwrap().rtmp;
    let _nginx = nginx(&rig, port);
    let wrong = start(&rig, "a", sink.ports.rtmp, "wrong-word");
    let mut closed = ingest(port, "wrong-word");
    closed.dest = Secret::new(format!("rtmp://127.0.0.1:{port}/closed#wrong-word"));
    let closed = Egress::start(&rig.server, name("out/b"), PathName::program(), closed);
    for egress in [&wrong, &closed] {
        // Known as long as no attempt is good, also while the next one is made.
        let status = until(egress, "refused", |now| now.retries >= 1).await;
        assert_eq!(status.state.cause(), Some(Cause::Rejected), "{status:?}");
        let again = until(egress, "tried again", |now| {
            matches!(now.state, EgressState::Connecting { .. }) && now.retries >= 1
        });
        assert!(again.await.last_error.is_some());
        assert!(!rig.server.log().join("\n").contains("wrong-word"));
        assert!(!format!("{status:?}").contains("wrong-word"));
    }
    wrong.stop().await;
    closed.stop().await;
    rig.end().await;
    sink.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_waits_for_an_encoder_that_is_being_started() {
    let rig = Rig::start(&["program"]).await;
    let program = PathName::program();
    rig.server
        .put(&program, PathSpec::published())
        .await
        .unwrap();
    let sink = platform(&["key"], Ports::free().unwrap()).await;
    let egress = start(&rig, "a", sink.ports.rtmp, "key");
    let began = Instant::now();
    let status = until(&egress, "told", |now| now.last_error.is_some()).await;
    assert!(
        status
            .last_error
            .unwrap()
            .starts_with("There is nothing to send")
    );
    let _encoder = rig.publish(&rig.server.rtsp_url(&program), &[]).await;
    let status = until(&egress, "active", active).await;
    println!("active {:?} after the start", began.elapsed());
    assert_eq!(status.retries, 0);
    egress.stop().await;
    rig.end().await;
    sink.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_server_that_cannot_come_back_is_not_told_as_on_air() {
    let (rig, _encoder) = on_air().await;
    let platform = platform(&["key"], Ports::free().unwrap()).await;
    let egress = start(&rig, "only", platform.ports.rtmp, "key");
    until(&egress, "active", active).await;
    // A file stands where its configuration would be written.
    let folder = rig.directory.path().join("mediamtx");
    let pid = rig.pid();
    std::fs::rename(&folder, rig.directory.path().join("away")).unwrap();
    std::fs::write(&folder, "").unwrap();
    let kill = Launch::new("kill").args(["-KILL", &pid.to_string()]);
    let kill = rig.launcher.launch(kill).unwrap();
    assert!(kill.wait_timeout(LONG).unwrap().is_success());
    let status = until(&egress, "told as away", |status| !active(status)).await;
    assert_eq!(status.kbps, 0);
    egress.stop().await;
    rig.stop.cancel();
    timeout(LONG, rig.supervisor.ended()).await.unwrap();
    platform.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_media_server_sends_again_by_itself() {
    let (rig, encoder) = on_air().await;
    let sink = platform(&["key"], Ports::free().unwrap()).await;
    let egress = start(&rig, "a", sink.ports.rtmp, "key");
    until(&egress, "active", active).await;
    let before = egress.status().bytes;
    let boot = rig.server.refresh().await.boot;
    rig.kill_server();
    rig.until("back", |now| now.boot > boot).await;
    drop(encoder);
    let _encoder = rig
        .publish(&rig.server.rtsp_url(&PathName::program()), &[])
        .await;
    until(&egress, "sending", |now| {
        active(now) && now.bytes > before + 20_000
    })
    .await;
    egress.stop().await;
    rig.end().await;
    sink.end().await;
}
