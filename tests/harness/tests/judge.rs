//! The test tools against each other, with plain FFmpeg and MediaMTX and no agent.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Camera, CameraOptions, Clip, Live, MediaServer, Nginx, Proxy, Rate, ServerOptions, Site, Sound,
    Speaks, Tap, Via, Wrong, judge, percentile, record, slow, until,
};
use std::time::Duration;

/// Every frame of a clip reads, in order, and its beeps lie on its flashes.
#[test]
fn a_clip_reads_back_as_it_was_made() {
    for (number, rate, full_range) in [
        (1, Rate(30, 1), false),
        (2, Rate(25, 1), true),
        (3, Rate(30_000, 1001), false),
        (4, Rate(50, 1), false),
        (5, Rate(60, 1), false),
    ] {
        let clip = Clip {
            rate,
            full_range,
            ..Clip::new(number)
        };
        let seen = judge(&clip.file());
        assert_eq!(seen.frames.len(), usize::from(clip.frames()), "{clip:?}");
        for (at, frame) in seen.frames.iter().enumerate() {
            let code = frame
                .code
                .unwrap_or_else(|| panic!("{clip:?} frame {at} does not read"));
            assert_eq!((code.camera, usize::from(code.frame)), (number, at));
        }
        assert!(seen.time_faults(rate.interval_ns()).is_empty(), "{clip:?}");
        assert!(
            (seen.sound_seconds - clip.seconds()).abs() < 0.001,
            "{}",
            seen.sound_seconds
        );
        assert!(
            seen.sound_steps.is_empty(),
            "{clip:?} {:?}",
            seen.sound_steps
        );
        let offsets = seen.av_offsets();
        assert!(offsets.len() >= 6, "{clip:?}: {} beeps", offsets.len());
        let worst = offsets
            .iter()
            .fold(0.0f64, |worst, offset| worst.max(offset.abs()));
        assert!(worst < 3.0, "{clip:?}: beeps are off by {offsets:?} ms");
    }
}

/// A camera loops without a seam, by RTSP and by RTMP, and is in sync when it arrives.
#[test]
fn a_camera_sends_every_frame_once_and_in_sync() {
    for via in [Via::Rtsp, Via::Rtmp] {
        let camera = Camera::with(
            Clip::new(1),
            CameraOptions {
                via,
                ..CameraOptions::default()
            },
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("camera.nut");
        // More than one round of the clip.
        record(&camera.url(), 12.0, &file);
        let seen = judge(&file);
        let slips = seen.slips(camera.clip.frames());
        let offsets = seen.av_offsets();
        println!(
            "{via:?}: {} frames, {} slips, offset median {:.1} ms, worst {:.1} ms",
            seen.frames.len(),
            slips.len(),
            percentile(&offsets, 0.5),
            offsets
                .iter()
                .fold(0.0f64, |worst, offset| worst.max(offset.abs())),
        );
        assert!(seen.frames.len() > 300, "{}", seen.frames.len());
        assert!(slips.is_empty(), "{slips:?}");
        assert!(seen.unread().is_empty(), "{:?}", seen.unread());
        assert_eq!(seen.black(), 0);
    }
}

/// The judge of a running stream sees every frame once, hears every beep, and finds a stall.
#[test]
fn a_stream_is_judged_while_it_runs() {
    let camera = Camera::start(1);
    let live = Live::on(
        &camera.url().replace(
            &format!("rtsp://127.0.0.1:{}", camera.port()),
            &format!("rtmp://127.0.0.1:{}", camera.rtmp_port()),
        ),
        camera.clip.rate.interval_ns(),
        camera.clip.frames(),
    );
    let some = until(Duration::from_secs(40), || live.counts().frames > 400);
    let counts = live.counts();
    println!("{counts:?} {:?}", live.clocks());
    assert!(some, "{counts:?}");
    let wrong = live.incidents(0);
    assert!(wrong.is_empty(), "{wrong:?}");
    let offsets = live.offsets(0, u64::MAX);
    println!("sound against picture: {offsets:?} ms");
    assert!(offsets.len() >= 8, "{offsets:?}");
    assert!(offsets.iter().all(|ms| ms.abs() < 10.0), "{offsets:?}");
    let clock = live.clocks().pop().unwrap();
    // What arrives late at both ends of the reading looks like another clock.
    assert!(
        (clock.frames as f64 - clock.due).abs() < 1.5 * f64::from(slow()),
        "{} frames, {:.2} by the clock",
        clock.frames,
        clock.due
    );
    camera.freeze();
    assert!(until(Duration::from_secs(3), || live.stale()
        > Duration::from_secs(1)));
    camera.thaw();
    assert!(until(Duration::from_secs(5), || live.stale()
        < Duration::from_millis(200)));
}

/// A camera behind a link loses its picture, its sound, its connection and its network, and gets each
/// of them back.
#[test]
fn a_link_takes_what_it_is_asked_to_and_gives_it_back() {
    let site = Site::new();
    println!("a network of its own: {}", site.is_some());
    let camera = Camera::start(1);
    let link = Proxy::across(site.as_ref(), camera.port(), Speaks::Rtsp);
    let url = format!("rtsp://{}:{}{}", link.host, link.port, camera.path());
    let live = Live::on(&url, camera.clip.rate.interval_ns(), camera.clip.frames());
    let moves = |limit| until(limit, || live.stale() < Duration::from_millis(150));
    let stands = || {
        until(Duration::from_secs(3), || {
            live.stale() > Duration::from_millis(600)
        })
    };
    let comes = || {
        let frames = live.counts().frames;
        moves(Duration::from_secs(15))
            && until(Duration::from_secs(5), || {
                live.counts().frames > frames + 30
            })
    };
    assert!(comes());
    link.take_picture();
    assert!(stands(), "no picture");
    link.mend();
    assert!(comes(), "picture again");
    link.reset();
    assert!(comes(), "after a reset");
    let ends = |wrong: Wrong| live.incidents(0).iter().any(|one| one.wrong == wrong);
    assert!(ends(Wrong::Outage), "{:?}", live.incidents(0));
    if let Some(site) = &site {
        let other = Proxy::across(Some(site), camera.port(), Speaks::Rtsp);
        site.lose(link.host);
        assert!(stands(), "off the network");
        let address = std::net::SocketAddr::from((link.host, link.port));
        let dial = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500));
        assert!(dial.is_err(), "what is off the network answers nothing");
        let address = std::net::SocketAddr::from((other.host, other.port));
        let dial = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2));
        assert!(dial.is_ok(), "its neighbour is there still");
        site.find(link.host);
        assert!(comes(), "on the network again");
    }
}

/// A password with everything in it that has a meaning in an address.
#[test]
fn a_camera_with_a_password_shows_nothing_without_it() {
    let camera = Camera::with(
        Clip::new(1),
        CameraOptions {
            login: Some(("viewer".to_owned(), "p@ss:w/o#r%d".to_owned())),
            ..CameraOptions::default()
        },
    );
    let open = Tap::on(&camera.url());
    let login = camera
        .url()
        .replace("rtsp://", "rtsp://viewer:p%40ss%3Aw%2Fo%23r%25d@");
    let known = Tap::on(&login);
    assert!(
        known
            .wait(Duration::from_secs(10), |frame| frame.code.is_some())
            .is_some()
    );
    assert!(open.seen().is_empty());
}

/// Sound that comes late, stops, or is alone; a picture that changes its size.
#[test]
fn odd_cameras_send_what_they_are_made_for() {
    let clip = Clip {
        sound: Sound::Between(4.0, 8.0),
        ..Clip::new(2)
    };
    let seen = judge(&clip.file());
    assert!(
        (seen.sound_seconds - 4.0).abs() < 0.05,
        "{}",
        seen.sound_seconds
    );
    let changing = Clip {
        becomes: Some((960, 540)),
        sound: Sound::None,
        ..Clip::new(3)
    };
    let seen = judge(&changing.file());
    assert_eq!(seen.frames.len(), usize::from(changing.frames()));
    assert!(seen.unread().is_empty(), "{:?}", seen.unread());
    let alone = Camera::with(
        Clip::new(4),
        CameraOptions {
            sound_only: true,
            ..CameraOptions::default()
        },
    );
    assert!(alone.readers() == 0);
}

/// Both kinds of sink count what they get, and refuse a key that they do not know.
#[test]
fn sinks_take_the_right_key_and_count_bytes() {
    let nginx = Nginx::start("right-key");
    let server = MediaServer::with(&ServerOptions {
        only: vec!["live/right-key".to_owned()],
        ..ServerOptions::default()
    });
    let clip = Clip::new(1).file();
    let folder = tempfile::tempdir().unwrap();
    let send = |application: &str, key: &str| {
        let address = format!("{application}/{key}");
        let clip = clip.to_string_lossy().into_owned();
        let arguments = [
            "-nostdin",
            "-loglevel",
            "error",
            "-re",
            "-i",
            &clip,
            "-c",
            "copy",
            "-f",
            "flv",
            &address,
        ]
        .map(str::to_owned);
        harness::Child::start(
            std::path::Path::new("ffmpeg"),
            &arguments,
            &folder.path().join("log"),
        )
    };
    let _senders: Vec<_> = [&nginx.application(), &server.rtmp("live")]
        .into_iter()
        .flat_map(|application| {
            [
                send(application, "right-key"),
                send(application, "wrong-key"),
            ]
        })
        .collect();
    let both = until(Duration::from_secs(10), || {
        nginx.bytes("right-key") > 10_000 && server.bytes("live/right-key") > 10_000
    });
    assert!(
        both,
        "nginx {} mediamtx {}",
        nginx.bytes("right-key"),
        server.bytes("live/right-key")
    );
    assert_eq!(nginx.bytes("wrong-key") + server.bytes("live/wrong-key"), 0);
    assert_eq!(server.rtmp_publishers().len(), 1);
}
