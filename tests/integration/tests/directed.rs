//! Studio directs a show by signed commands, over each way to it, and the program's picture shows it; each
//! command can be followed through log, audit, answers and events.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Camera, MediaServer, Tap, cue, free_port, overlay, timeline, until};
use integration::brokered::{LONG, stage};
use integration::{of_the_machine, report};
use protocol::{AckStatus, Code};
use sandbox::Way;
use serde_json::{Value, json};

fn camera_edit(camera: &Camera, name: &str) -> Value {
    json!({
        "name": name, "address": "127.0.0.1", "port": camera.port(), "protocol": "rtsp",
        "stream_path": camera.path(),
    })
}

fn directed(way: Way) {
    let stage = stage(&[way]);
    let hello = stage.studio.hello(&stage.device).unwrap();
    assert_eq!(hello["serial"], stage.link()["serial"]);
    let commands = &hello["capabilities"]["commands"];
    assert_eq!(commands.as_array().unwrap().len(), 12, "{commands}");

    let cameras: Vec<Camera> = (1..=2).map(Camera::start).collect();
    for (number, camera) in (1..).zip(&cameras) {
        let payload = json!({
            "camera_id": number.to_string(), "action": "create",
            "payload": camera_edit(camera, &format!("Camera {number}")),
        });
        let reply = stage.directs("CAMERA_ACTION", &payload);
        assert_eq!(reply["camera_id"], number.to_string());
    }
    let text = json!({ "type": "text", "text": "before", "x": 0.1, "y": 0.8, "font_size": 60 });
    let show = timeline(
        "show",
        600.0,
        vec![cue("a", "1", 0.0, 600.0, 0.0)],
        vec![overlay("title", 0.0, 600.0, text)],
    );
    let load = json!({
        "timeline_id": "show", "segments": [show], "assets_manifest": { "assets": [] },
    });
    assert_eq!(stage.directs("TIMELINE_LOAD", &load)["revision"], 1);
    assert_eq!(stage.directs("TIMELINE_LOAD", &load)["revision"], 2);
    let execute = |mode: &str| json!({ "timeline_id": "show", "execution_mode": mode });
    let played = stage.directs("TIMELINE_EXECUTE", &execute("play"));
    assert_eq!(played["status"], "running");
    assert_eq!(stage.agent.status()["mode"], "preview");

    let program = stage.agent.rtsp("program");
    let published = until(LONG, || {
        let metrics = stage.agent.status()["metrics"].clone();
        metrics["frames"].as_u64() > Some(30) && metrics["publishing"] == true
    });
    assert!(published, "{}\n{}", stage.agent.status(), stage.agent.log());
    let tap = Tap::on(&program);
    let shows = |camera: u8| {
        let seen = tap.wait(LONG, |frame| {
            frame.code.is_some_and(|code| code.camera == camera)
        });
        assert!(
            seen.is_some(),
            "camera {camera} is not seen among {} pictures of the program: {}\n{}",
            tap.seen().len(),
            stage.agent.status(),
            stage.agent.log()
        );
    };
    shows(1);
    // No cue has it, so it is pulled and not decoded: it has to be there before it can be asked for.
    let pulled = || {
        let health = stage.agent.api().get("/api/preview/health").ok();
        let paths = health["active_streams"].as_array().cloned();
        let mut paths = paths.unwrap_or_default().into_iter();
        paths.any(|path| path["name"] == "cam/2" && path["ready"] == true)
    };
    assert!(until(LONG, pulled), "{}", stage.agent.log());
    let switch = json!({ "camera_id": "2", "action": "to_program", "payload": {} });
    let _ = stage.directs("CAMERA_ACTION", &switch);
    shows(2);

    let edit = json!({ "overlay_id": "title", "edit": { "text": "after" } });
    assert_eq!(stage.directs("OVERLAY_UPDATE", &edit)["visible"], true);
    let on_air = stage.agent.api().get("/api/overlays").ok();
    assert_eq!(on_air[0]["graphic"]["text"], "after", "{on_air}");

    assert_eq!(
        stage.directs("TIMELINE_EXECUTE", &execute("pause"))["status"],
        "paused"
    );
    assert_eq!(stage.agent.status()["paused"], true);
    assert_eq!(
        stage.directs("TIMELINE_EXECUTE", &execute("resume"))["status"],
        "running"
    );
    // It is as well as its own page says. How busy the machine is is its own affair.
    let mut both = (Value::Null, Value::Null);
    let agree = until(LONG, || {
        let told = stage.directs("HEALTH_REQUEST", &json!({}));
        both = (told, stage.agent.api().get("/api/status/health").ok());
        both.0["status"] == both.1["status"]
    });
    assert!(agree, "{both:?}");
    let listed = |list: &str| both.1[list].as_array().cloned().unwrap_or_default();
    for found in [listed("warnings"), listed("errors")].concat() {
        let code = found["code"].as_str().unwrap_or_default();
        assert!(of_the_machine(code), "{found}");
    }

    // It goes live to a server, which gets the picture of the camera that was switched to.
    let site = MediaServer::start();
    stage
        .agent
        .add_destination("site", &site.rtmp("live"), "key");
    let stream = |command: &str, parameters: Value| json!({ "stream_id": "program", "command": command, "parameters": parameters });
    let live = stream("go_live", json!({ "destination_ids": ["site"] }));
    let live = stage.directs("STREAM_CONTROL", &live);
    assert_eq!(live["destination_ids"], json!(["site"]), "{live}");
    assert!(
        site.wait_ready("live/key", LONG),
        "{}",
        stage.agent.status()
    );
    let viewer = Tap::on(&site.rtsp("live/key"));
    let seen = viewer.wait(LONG, |frame| {
        frame.code.is_some_and(|code| code.camera == 2)
    });
    assert!(
        seen.is_some(),
        "{}\n{}",
        stage.agent.status(),
        stage.agent.log()
    );
    let stopped = stage.directs("STREAM_CONTROL", &stream("stop", json!({})));
    assert_eq!(
        (&stopped["status"], &stopped["destination_ids"]),
        (&json!("idle"), &json!([]))
    );
    assert!(until(LONG, || site.rtmp_publishers().is_empty()));

    // Another play of Studio's takes the program from the first.
    let again = stage.directs("TIMELINE_EXECUTE", &execute("play"));
    assert_eq!(again["status"], "running");
    assert_eq!(
        stage.directs("TIMELINE_EXECUTE", &execute("stop"))["status"],
        "stopped"
    );
    assert_eq!(stage.agent.status()["mode"], "idle");
    let stopped = stage.directs(
        "EMERGENCY_STOP",
        &json!({ "scope": "all", "reason": "test" }),
    );
    assert_eq!(stopped["destination_ids"], json!([]));

    // What the show refuses is a failure with its code, never a success.
    let fails = |kind: &str, payload: &Value, code: Code| {
        let sent = stage.studio.send(&stage.device, kind, payload);
        let acks = stage.studio.wait_end(&sent.id, LONG);
        let last = acks.last().unwrap();
        assert_eq!(last.status, AckStatus::Failed, "{kind} {payload}: {acks:?}");
        assert_eq!(last.error.as_ref().unwrap().code, code, "{acks:?}");
        report(&format!("{kind} {payload}"), code.as_str());
    };
    fails("OVERLAY_UPDATE", &edit, Code::TimelineNotRunning);
    let unknown = json!({ "timeline_id": "none", "execution_mode": "play" });
    fails("TIMELINE_EXECUTE", &unknown, Code::TimelineNotFound);
    fails(
        "TIMELINE_EXECUTE",
        &execute("skip"),
        Code::TimelineNotRunning,
    );
    let record = json!({ "stream_id": "*", "command": "record_start", "parameters": {} });
    fails("STREAM_CONTROL", &record, Code::FeatureDisabled);
    let ptz = json!({ "camera_id": "1", "action": "ptz_stop", "payload": {} });
    fails("CAMERA_ACTION", &ptz, Code::FeatureDisabled);
    stage.settles();
}

#[test]
fn studio_directs_a_show_by_signed_commands_over_a_websocket() {
    directed(Way::Socket);
}

#[test]
fn studio_directs_a_show_by_signed_commands_over_a_broker() {
    directed(Way::Broker(free_port()));
}
