//! No password and no stream key is in any argument list, log or answer, nor in a bundle for support.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Camera, CameraOptions, Clip, ConnectProxy, MediaServer, Via, camera_body, cue,
    free_port, ps_of_everything, timeline, until,
};
use integration::brokered::{LONG, Stage, stage_with};
use integration::report;
use protocol::{Ack, AckStatus, Code, Digest, Problem};
use sandbox::{Studio, Way};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const PASSWORD: &str = "Pa55-of@the:cam/era#%";
const KEY: &str = "k3y-of-the-stream-4711";
const PROXY: &str = "pr0xy@word-4711";

/// Of a camera that takes it in its path, which the agent does not know as a password.
const IN_PATH: &str = "An0ther-0ne";

/// Lets whoever knows it write where a bundle goes.
const SIGNATURE: &str = "s1gned-4711";

#[test]
fn passwords_and_keys_are_nowhere_to_be_seen() {
    let agent = Agent::start();
    let camera = Camera::with(
        Clip::new(1),
        CameraOptions {
            login: Some(("viewer".into(), PASSWORD.into())),
            ..CameraOptions::default()
        },
    );
    let mut body = camera_body("1", &camera, Via::Rtsp);
    body["username"] = json!("viewer");
    body["password"] = json!(PASSWORD);
    let mut answers = vec![agent.api().post("/api/cameras", body).text];
    let sink = MediaServer::start();
    let draft = json!({ "id": "sink", "name": "Sink", "platform": "custom_rtmp",
        "rtmp_url": sink.rtmp("live"), "stream_key": KEY });
    answers.push(agent.api().post("/api/destinations", draft).text);
    // One that fails, so that its error is looked at too.
    let dead = json!({ "id": "dead", "name": "Dead", "platform": "custom_rtmp",
        "rtmp_url": "rtmp://127.0.0.1:9/live", "stream_key": KEY });
    answers.push(agent.api().post("/api/destinations", dead).text);
    agent.preview(&timeline(
        "show",
        60.0,
        vec![cue("a", "1", 0.0, 60.0, 0.0)],
        Vec::new(),
    ));
    agent.go_live(&["sink", "dead"]);
    assert!(sink.wait_ready(&format!("live/{KEY}"), Duration::from_secs(10)));
    std::thread::sleep(Duration::from_secs(6));
    answers.push(agent.api().post("/api/cameras/1/test", json!({})).text);
    for path in [
        "/api/cameras",
        "/api/cameras/1",
        "/api/destinations",
        "/api/destinations/sink",
        "/api/destinations/dead",
        "/api/preview/status",
        "/api/preview/health",
        "/api/streams",
        "/api/timelines/show",
        "/api/timeline-execution/active",
        "/api/emergency/status",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/openapi.json",
        "/",
    ] {
        answers.push(agent.api().get(path).text);
    }
    let processes = ps_of_everything();
    let log = agent.log();
    for (what, text) in [
        ("ps", processes),
        ("the log", log),
        ("answers", answers.join("\n")),
    ] {
        for secret in forms() {
            assert!(!text.contains(&secret), "{secret} is in {what}");
        }
    }
}

/// The secrets as they are, and as they stand in an address.
fn forms() -> Vec<String> {
    let encoded = encoded(PASSWORD);
    vec![
        PASSWORD.to_owned(),
        encoded.clone(),
        encoded.to_lowercase(),
        KEY.to_owned(),
    ]
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A paired agent behind a proxy, with secrets where they belong and pasted where they do not.
fn furnished(proxy: &ConnectProxy) -> Stage {
    let (word, port) = (encoded(PROXY), proxy.port());
    let address = format!("http://venue:{word}@127.0.0.1:{port}");
    let stage = stage_with(&[Way::Socket], &[("VISTTER__LINK__PROXY", address)]);
    let camera = json!({ "id": "1", "name": format!("Pier {PASSWORD}"), "address": "127.0.0.1",
        "port": 9, "username": "viewer", "password": PASSWORD,
        "stream_path": format!("/cam?user=viewer&password={IN_PATH}") });
    let _ = stage.agent.api().post("/api/cameras", camera).ok();
    let draft = json!({ "id": "main", "name": "Main", "platform": "custom_rtmp",
        "rtmp_url": "rtmp://127.0.0.1:9/live", "stream_key": KEY,
        "description": format!("{KEY} by {PROXY}") });
    let _ = stage.agent.api().post("/api/destinations", draft).ok();
    stage.show_bars();
    let runs = until(LONG, || {
        let figures = stage.agent.api().get("/api/metrics/current").ok();
        figures["streams"][0]["name"] == "program"
    });
    assert!(runs, "{}", stage.agent.log());
    stage
}

#[track_caller]
fn holds_no_secret(what: &str, text: &str) {
    let word = encoded(PROXY);
    let more = [PROXY, word.as_str(), IN_PATH, SIGNATURE, "PRIVATE KEY"];
    for secret in forms().iter().map(String::as_str).chain(more) {
        assert!(!text.contains(secret), "{secret} is in {what}");
    }
}

/// What nobody pasted into a name is not in the log itself either.
#[track_caller]
fn is_not_logged(stage: &Stage) {
    let log = stage.agent.log();
    for secret in [PROXY, encoded(PROXY).as_str(), SIGNATURE] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

fn send(stage: &Stage, payload: &Value) -> String {
    stage
        .studio
        .send(&stage.device, "DIAGNOSTICS_REQUEST", payload)
        .id
}

/// The end of a bundle that was not sent.
#[track_caller]
fn refused(stage: &Stage, payload: &Value) -> (AckStatus, Problem) {
    let acks = stage.studio.wait_end(&send(stage, payload), LONG);
    let end: Ack = acks.last().expect("nothing was answered").clone();
    let problem = end.error.unwrap_or_else(|| panic!("{payload} is taken"));
    report(
        &payload.to_string(),
        format!("{} {}", problem.code.as_str(), problem.message),
    );
    assert!(!problem.message.contains(SIGNATURE), "{problem:?}");
    (end.status, problem)
}

#[test]
fn a_bundle_for_support_arrives_whole_through_the_proxy_and_holds_no_secret() {
    let proxy = ConnectProxy::start("venue", PROXY);
    let stage = furnished(&proxy);
    let to = |name: &str| format!("{}?signature={SIGNATURE}", stage.studio.upload_url(name));
    let (tunnels, began) = (proxy.tunnels(), Instant::now());
    let acks = stage.ends_well(&send(&stage, &json!({ "upload_url": to("all") })));
    report("a bundle, ms", began.elapsed().as_millis());
    assert_eq!(proxy.tunnels(), tunnels + 1, "by another way");
    let told = acks.last().unwrap().result.clone().unwrap();
    let document = stage.studio.uploaded("all").unwrap();
    report("its bytes", document.len());
    assert_eq!(told["bytes"], document.len());
    assert_eq!(
        told["checksum"],
        format!("sha256:{}", Digest::of(&document))
    );

    let text = String::from_utf8(document).unwrap();
    holds_no_secret("the bundle", &text);
    is_not_logged(&stage);
    let saved = stage.agent.api().get("/api/diagnostics");
    holds_no_secret("the file", &saved.text);
    for bundle in [serde_json::from_str(&text).unwrap(), saved.ok()] {
        let bundle: Value = bundle;
        assert_eq!(bundle["about"]["serial"], stage.link()["serial"], "{text}");
        assert_eq!(bundle["about"]["device_id"], stage.device.as_str());
        assert_eq!(bundle["settings"]["config_version"], 0);
        assert!(bundle["health"]["report"]["status"].is_string(), "{text}");
        assert_eq!(bundle["show"]["mode"], "preview");
        assert_eq!(bundle["metrics"]["streams"][0]["name"], "program");
        assert_eq!(bundle["link"]["state"], "online");
        let kept = &bundle["inventory"];
        assert_eq!(kept["cameras"][0]["name"], "Pier [removed]", "{kept}");
        let path = "/cam?user=viewer&password=[removed]";
        assert_eq!(kept["cameras"][0]["stream_path"], path, "{kept}");
        let description = &kept["destinations"][0]["description"];
        assert_eq!(description, "[removed] by [removed]", "{kept}");
        assert_eq!(kept["timelines"][0]["name"], "Show bars", "{kept}");
        assert!(!bundle["audit"]["entries"].as_array().unwrap().is_empty());
        let lines = bundle["log"]["lines"].as_array().unwrap();
        let ready = |line: &Value| line.as_str().unwrap().contains("Ready for the operator.");
        assert!(lines.iter().any(ready), "{text}");
    }

    let some = json!({ "upload_url": to("some"), "include": ["log", "about"] });
    let _acks = stage.ends_well(&send(&stage, &some));
    let some = stage.studio.uploaded("some").unwrap();
    let some: Value = serde_json::from_slice(&some).unwrap();
    let names: Vec<&String> = some.as_object().unwrap().keys().collect();
    assert_eq!(names, ["about", "log"]);
    stage.settles();
}

#[test]
fn a_bundle_goes_nowhere_but_to_a_trusted_server_that_wants_it() {
    let proxy = ConnectProxy::start("venue", PROXY);
    let stage = furnished(&proxy);
    let stranger = Studio::start();
    let good = stage.studio.upload_url("bundle");
    let place = Some("/payload/upload_url");
    for (url, status, code, field) in [
        (
            good.replace("https:", "http:"),
            AckStatus::Rejected,
            Code::SchemaInvalid,
            place,
        ),
        (
            "/assets/bundle".to_owned(),
            AckStatus::Failed,
            Code::SchemaInvalid,
            place,
        ),
        (
            good.replace("//", "//me:word@"),
            AckStatus::Failed,
            Code::SchemaInvalid,
            place,
        ),
        (
            stranger.upload_url("bundle"),
            AckStatus::Failed,
            Code::StudioUntrusted,
            None,
        ),
        (
            format!("https://localhost:{}/bundle", free_port()),
            AckStatus::Failed,
            Code::StudioUnreachable,
            None,
        ),
    ] {
        let (ended, problem) = refused(&stage, &json!({ "upload_url": url }));
        assert_eq!((ended, problem.code), (status, code), "{url}: {problem:?}");
        assert_eq!(problem.field.as_deref(), field, "{url}: {problem:?}");
        assert!(problem.remediation.ends_with('.'), "{url}: {problem:?}");
    }
    let unknown = json!({ "upload_url": good, "include": ["log", "passwords"] });
    let (ended, problem) = refused(&stage, &unknown);
    assert_eq!(
        (ended, problem.code),
        (AckStatus::Failed, Code::SchemaInvalid)
    );
    assert_eq!(problem.field.as_deref(), Some("/payload/include/1"));
    assert!(problem.message.contains("inventory"), "{problem:?}");
    assert_eq!(
        (stage.studio.upload_tries(), stranger.upload_tries()),
        (0, 0)
    );

    for (tries, status, retryable) in [(1, 500, true), (2, 307, false), (3, 403, false)] {
        stage.studio.answer_uploads(Some(status));
        let signed = format!("{good}?signature={SIGNATURE}");
        let (ended, problem) = refused(&stage, &json!({ "upload_url": signed }));
        assert_eq!(
            (ended, problem.code),
            (AckStatus::Failed, Code::StudioRefused)
        );
        assert_eq!(problem.retryable, retryable, "{problem:?}");
        assert!(problem.message.contains(&status.to_string()), "{problem:?}");
        // Another one would be of a redirection that was followed.
        assert_eq!(stage.studio.upload_tries(), tries);
    }
    assert_eq!(stage.studio.uploaded("bundle"), None);
    stage.studio.answer_uploads(None);
    let _acks = stage.ends_well(&send(&stage, &json!({ "upload_url": good })));
    is_not_logged(&stage);
    stage.settles();
}

#[test]
fn a_bundle_on_its_way_can_be_taken_back_and_is_the_only_one() {
    let proxy = ConnectProxy::start("venue", PROXY);
    let stage = furnished(&proxy);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = json!({ "upload_url": format!("https://127.0.0.1:{port}/bundle") });
    let under_way = send(&stage, &url);
    let mut held = None;
    let came = until(LONG, || {
        held = held.take().or_else(|| silent.accept().ok());
        held.is_some()
    });
    assert!(came, "{}", stage.agent.log());
    let (ended, problem) = refused(&stage, &url);
    assert_eq!((ended, problem.code), (AckStatus::Failed, Code::Busy));
    let cancel = json!({ "message_id": under_way });
    let cancel = stage.studio.send(&stage.device, "CANCEL", &cancel);
    let acks = stage.ends_well(&cancel.id);
    assert_eq!(acks.last().unwrap().result, Some(json!({ "found": true })));
    let acks = stage.studio.wait_end(&under_way, LONG);
    assert_eq!(
        acks.last().unwrap().status,
        AckStatus::Cancelled,
        "{acks:?}"
    );
    drop(held);
    let good = json!({ "upload_url": stage.studio.upload_url("bundle") });
    let _acks = stage.ends_well(&send(&stage, &good));
    stage.settles();
}
