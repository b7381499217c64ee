//! Wanted paths, deaths, hangs and secrets.

use crate::rig::{LONG, Rig, Stranger, name};
use engine::mediamtx::{
    Choice, Credentials, Forward, Health, Local, MediaMtx, PathError, PathSpec, PortUse, Ports,
    Snapshot,
};
use engine::process::Launcher;
use model::Secret;
use runtime::{CancellationToken, Supervisor, SystemClock};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn paths_come_and_go_without_touching_others() {
    let rig = Rig::start(&["program"]).await;
    let program = name("program");
    rig.server
        .put(&program, PathSpec::published())
        .await
        .unwrap();
    let _encoder = rig.publish(&rig.server.rtsp_url(&program), &[]).await;
    let before = rig
        .until("published", |now| {
            now.path(&program)
                .is_some_and(|path| path.online && path.inbound_bytes > 0)
        })
        .await;
    let tracks = &before.path(&program).unwrap().tracks;
    let codecs: Vec<&str> = tracks.iter().map(|track| track.codec.as_str()).collect();
    assert_eq!(codecs, ["H264", "MPEG-4 Audio"]);
    assert_eq!(tracks[0].video.unwrap().size, Some((320, 180)));

    let out = name("out/1");
    let to = Forward::to(Secret::new("rtmp://127.0.0.1:1/live#key-of-one"));
    let spec = PathSpec::forwarded(program.clone(), Local::Rtmp, to);
    rig.server.put(&out, spec).await.unwrap();
    rig.until("failing to forward", |now| {
        now.path(&out)
            .and_then(|path| path.forwarding.as_ref())
            .is_some_and(|forward| forward.error.is_some())
    })
    .await;
    rig.server.remove(&out).await.unwrap();
    let after = rig.until("gone", |now| now.path(&out).is_none()).await;
    let bytes = |now: &Snapshot| now.path(&program).map_or(0, |path| path.inbound_bytes);
    rig.until("still flowing", |now| bytes(now) > bytes(&after))
        .await;
    assert_eq!(after.boot, before.boot);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_back_with_all_its_paths() {
    let rig = Rig::start(&[]).await;
    for n in 0..3 {
        let spec = PathSpec::pulled(Secret::new("rtsp://127.0.0.1:1/x"));
        rig.server
            .put(&name(&format!("cam/{n}")), spec)
            .await
            .unwrap();
    }
    let boot = rig.server.refresh().await.boot;
    rig.kill_server();
    let back = rig
        .until("back", |now| now.boot > boot && now.paths.len() == 3)
        .await;
    assert_eq!(back.boot, boot + 1);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_server_is_killed_and_back() {
    let rig = Rig::start(&[]).await;
    rig.server
        .put(&name("program"), PathSpec::published())
        .await
        .unwrap();
    let boot = rig.server.refresh().await.boot;
    let hung = rig.pid();
    rig.signal("-STOP");
    let mut health = rig.server.health();
    timeout(
        LONG,
        health.wait_for(|health| matches!(health, Health::Down { .. })),
    )
    .await
    .unwrap()
    .unwrap();
    rig.until("back", |now| now.boot > boot && !now.paths.is_empty())
        .await;
    assert!(!std::path::Path::new(&format!("/proc/{hung}")).exists());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_while_the_server_is_away_is_there_when_it_comes() {
    let ports = Ports::free().unwrap();
    let held = std::net::TcpListener::bind(("127.0.0.1", ports.hls)).unwrap();
    let rig = Rig::begin(&[], ports).await;
    let mut health = rig.server.health();
    let down = timeout(
        LONG,
        health.wait_for(|health| matches!(health, Health::Down { .. })),
    )
    .await
    .unwrap()
    .unwrap()
    .clone();
    let Health::Down { reason, in_use } = down else {
        unreachable!("it was waited for")
    };
    let want = format!("port {} (HLS) is in use by another program", rig.ports.hls);
    assert_eq!(&*reason, want);
    assert_eq!(in_use.first().map(|port| port.of), Some(PortUse::Hls));
    let program = name("program");
    let told = rig.server.put(&program, PathSpec::published()).await;
    assert_eq!(told, Err(PathError::Down));
    drop(held);
    rig.until("made", |now| now.path(&program).is_some()).await;
    rig.end().await;
}

/// Somebody else's MediaMTX on our ports, open to everyone, as its own default is.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_server_on_our_ports_is_never_taken_for_ours() {
    let ports = Ports::free().unwrap();
    let stranger = Stranger::start(ports).await;
    let rig = Rig::begin(&[], ports).await;
    let mut health = rig.server.health();
    let down = |health: &Health| matches!(health, Health::Down { in_use, .. } if in_use.len() == 3);
    timeout(LONG, health.wait_for(down)).await.unwrap().unwrap();
    let program = name("program");
    let told = rig.server.put(&program, PathSpec::published()).await;
    assert_eq!(told, Err(PathError::Down));
    // It was not even spoken to: looks are asked for, and several starts are tried.
    for _ in 0..20 {
        assert!(rig.server.refresh().await.paths.is_empty());
        assert!(!rig.server.health().borrow().is_up());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(stranger.paths().await, ["lobby"]);
    drop(stranger);
    rig.up().await;
    rig.until("made", |now| now.path(&program).is_some()).await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_program_nobody_elses_server_is_used() {
    let ports = Ports::free().unwrap();
    let stranger = Stranger::start(ports).await;
    let stop = CancellationToken::new();
    let supervisor = Supervisor::new(stop.clone());
    let reason = "there is none".to_owned();
    let server = MediaMtx::start(
        &supervisor,
        &Launcher::start().unwrap(),
        Arc::new(SystemClock),
        Choice::Missing { ports, reason },
        &Credentials::fresh().unwrap(),
    )
    .unwrap();
    let told = server.put(&name("program"), PathSpec::published()).await;
    assert_eq!(told, Err(PathError::Down));
    assert!(server.refresh().await.paths.is_empty());
    assert!(matches!(
        &*server.health().borrow(),
        Health::Missing { reason } if &**reason == "there is none"
    ));
    assert_eq!(stranger.paths().await, ["lobby"]);
    stop.cancel();
    supervisor.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_publishes_where_nobody_may() {
    let rig = Rig::start(&["preview"]).await;
    for path in ["program", "preview"] {
        rig.server
            .put(&name(path), PathSpec::published())
            .await
            .unwrap();
    }
    let refused = rig
        .publish(&rig.server.rtsp_url(&name("program")), &[])
        .await;
    assert!(!timeout(LONG, refused.ended()).await.unwrap().is_success());
    let _allowed = rig
        .publish(&rig.server.rtsp_url(&name("preview")), &[])
        .await;
    rig.until("published", |now| {
        now.path(&name("preview")).is_some_and(|path| path.online)
    })
    .await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_path_says_why_without_its_secrets() {
    let rig = Rig::start(&[]).await;
    let to = Forward::to(Secret::new("gopher://h/live#key-7890"));
    let spec = PathSpec::forwarded(name("program"), Local::Rtmp, to);
    let error = rig.server.put(&name("out/1"), spec).await.unwrap_err();
    let PathError::Refused { reason, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(reason.contains("unsupported scheme"), "{reason}");
    assert!(!error.to_string().contains("key-7890"));
    // It does not keep others from being made.
    rig.server
        .put(&name("program"), PathSpec::published())
        .await
        .unwrap();
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_private_and_holds_no_secret() {
    let rig = Rig::start(&[]).await;
    let spec = PathSpec::pulled(Secret::new("rtsp://u:hidden-word@127.0.0.1:1/x"));
    rig.server.put(&name("cam/1"), spec).await.unwrap();
    let directory = rig.directory.path().join("mediamtx");
    let file = directory.join("mediamtx.yml");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&file)), (0o700, 0o600));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("hidden-word"));
    rig.until("tried", |_| {
        rig.server.source_error(&name("cam/1")).is_some()
    })
    .await;
    assert!(!rig.server.log().join("\n").contains("hidden-word"));
    rig.end().await;
}
