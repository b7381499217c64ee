//! Studio changes settings of a running agent: tried, and in force for good only when the agent does well.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::until;
use integration::brokered::{LONG, Stage, stage, stage_with};
use integration::report;
use protocol::{Ack, AckStatus, Code, Timestamp};
use sandbox::Way;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Instant, SystemTime};

fn change(patch: &Value) -> Value {
    json!({ "config_patch": patch, "apply_after": "now" })
}

fn send(stage: &Stage, change: &Value) -> String {
    let sent = stage.studio.send(&stage.device, "DEVICE_CONFIG", change);
    sent.id
}

/// The last word on a command; it was accepted before.
#[track_caller]
fn end(stage: &Stage, id: &str) -> Ack {
    let acks = stage.studio.wait_end(id, LONG);
    let told = || format!("{acks:?}\n{}", stage.agent.log());
    assert!(acks.len() >= 2, "{}", told());
    assert_eq!(acks[0].status, AckStatus::Accepted, "{}", told());
    acks.last().unwrap().clone()
}

#[track_caller]
fn done(stage: &Stage, change: &Value) -> Value {
    let began = Instant::now();
    let ack = end(stage, &send(stage, change));
    assert_eq!(ack.status, AckStatus::Completed, "{change}: {ack:?}");
    report(&format!("{change}, ms"), began.elapsed().as_millis());
    ack.result.unwrap()
}

#[track_caller]
fn fails(stage: &Stage, change: &Value, code: Code, field: Option<&str>) -> Ack {
    let ack = end(stage, &send(stage, change));
    assert_eq!(ack.status, AckStatus::Failed, "{change}: {ack:?}");
    let error = ack.error.as_ref().unwrap();
    assert_eq!(error.code, code, "{change}: {error:?}");
    assert_eq!(error.field.as_deref(), field, "{change}: {error:?}");
    report(&change.to_string(), code.as_str());
    ack
}

fn settings(stage: &Stage) -> Value {
    stage.agent.api().get("/api/settings").ok()
}

/// The profile that the running agent goes by.
fn profile(stage: &Stage) -> String {
    let all = stage.agent.api().get("/api/profiles").ok();
    let mut all = all.as_array().unwrap().iter();
    let chosen = all.find(|one| one["is_default"] == true).unwrap();
    chosen["name"].as_str().unwrap().to_owned()
}

fn in_millis(ahead: u64) -> Value {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = u64::try_from(since.unwrap().as_millis()).unwrap();
    serde_json::to_value(Timestamp::from_millis(now + ahead)).unwrap()
}

#[test]
fn settings_are_changed_in_the_running_agent_and_stay_after_a_kill() {
    let mut stage = stage(&[Way::Socket]);
    let limit = |limit: u64| json!({ "program": { "processor_limit": limit } });
    let mut dry = change(&limit(500));
    dry["dry_run"] = json!(true);
    let told = done(&stage, &dry);
    let expected = json!({
        "config_version": 0, "changed": ["/program/processor_limit"], "restart_required": false,
    });
    assert_eq!(told, expected);
    assert_eq!(
        settings(&stage)["settings"]["program.processor_limit"],
        1000
    );
    let mut based = change(&limit(500));
    based["base_version"] = json!(0);
    assert_eq!(done(&stage, &based)["config_version"], 1);
    assert_eq!(settings(&stage)["settings"]["program.processor_limit"], 500);
    let stale = fails(
        &stage,
        &based,
        Code::ConfigConflict,
        Some("/payload/base_version"),
    );
    assert_eq!(
        stale.error.unwrap().details,
        Some(json!({ "config_version": 1 }))
    );

    // The log is another from the next line on.
    assert!(!stage.agent.log().contains("DEBUG"));
    let level = |level: Value| json!({ "log": { "level": level } });
    let _ = done(&stage, &change(&level(json!("debug"))));
    let debug = until(LONG, || stage.agent.log().contains("DEBUG"));
    assert!(debug, "{}", stage.agent.log());
    let told = done(&stage, &change(&level(Value::Null)));
    assert_eq!(told["changed"], json!(["/log/level"]));

    // What it is not for, and never a word of what was sent.
    let secret = json!({ "mediamtx": { "api_password": "hunter2" } });
    let field = "/payload/config_patch/mediamtx/api_password";
    let _ = fails(&stage, &change(&secret), Code::FeatureDisabled, Some(field));
    let unknown = json!({ "wifi": { "password": "hunter2" } });
    let field = "/payload/config_patch/wifi";
    let _ = fails(&stage, &change(&unknown), Code::ConfigInvalid, Some(field));
    let wrong = json!({ "degraded": { "cpu_high_percent": 101 } });
    let field = "/payload/config_patch/degraded/cpu_high_percent";
    let _ = fails(&stage, &change(&wrong), Code::ConfigInvalid, Some(field));
    let mut reboot = change(&limit(600));
    reboot["apply_after"] = json!("reboot");
    let field = Some("/payload/apply_after");
    let _ = fails(&stage, &reboot, Code::FeatureDisabled, field);
    let heard = format!("{:?}", stage.studio.heard_from(0));
    for (what, text) in [("answers", heard), ("log", stage.agent.log())] {
        assert!(!text.contains("hunter2"), "a secret in the {what}");
    }

    // At a time, and holding nobody up until then.
    let began = Instant::now();
    let mut later = change(&limit(700));
    later["apply_after"] = in_millis(3_000);
    let later = send(&stage, &later);
    let at_once = done(&stage, &change(&limit(800)));
    let before = stage.studio.answers(&later).len();
    let in_time = began.elapsed().as_millis() < 2_500;
    if in_time {
        assert_eq!(before, 1, "done before its time");
    }
    let told = end(&stage, &later).result.unwrap();
    assert!(began.elapsed().as_millis() >= 2_900, "done before its time");
    let version = |told: &Value| told["config_version"].as_u64().unwrap();
    // On a machine that stood still for that long both may have been due, in either order.
    assert!(version(&told) == version(&at_once) + 1 || !in_time);

    // When no show runs.
    stage.show_bars();
    assert_eq!(stage.agent.status()["mode"], "preview");
    let to = json!({ "program": { "profile": "low_power" } });
    let field = Some("/payload/config_patch/program/profile");
    let _ = fails(&stage, &change(&to), Code::PreviewActive, field);
    let mut idle = change(&to);
    idle["apply_after"] = json!("idle");
    let idle = send(&stage, &idle);
    stage.done();
    assert_eq!(profile(&stage), "480p");
    stage.agent.stop_preview();
    let told = end(&stage, &idle);
    assert_eq!(told.status, AckStatus::Completed, "{told:?}");
    assert_eq!(profile(&stage), "low_power");
    let before = settings(&stage);

    stage.agent.kill();
    stage.agent.start_again();
    let after = settings(&stage);
    assert_eq!(after["config_version"], before["config_version"]);
    assert_eq!(after["settings"], before["settings"]);
    assert_eq!(profile(&stage), "low_power");
    stage.comes_by("wss");
    let back = json!({ "program": null });
    let _ = done(&stage, &change(&back));
    assert_eq!(profile(&stage), "480p");
    assert_eq!(stage.studio.faults(), Vec::<String>::new());
}

/// An FFmpeg that works, ends at once or hangs, as the file `mode` beside it says.
fn ffmpeg(folder: &Path) -> String {
    let path = folder.join("ffmpeg");
    let script = "#!/bin/sh\ncase \"$(cat \"${0%/*}/mode\")\" in\n\
        fail) exit 1;;\nhang) exec sleep 60;;\nesac\nexec ffmpeg \"$@\"\n";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn settings_that_the_machine_does_not_stand_are_taken_back_also_across_a_kill() {
    let tools = tempfile::tempdir().unwrap();
    let mode = |mode: &str| std::fs::write(tools.path().join("mode"), mode).unwrap();
    mode("work");
    let environment = [("VISTTER__FFMPEG__PATH", ffmpeg(tools.path()))];
    let mut stage = stage_with(&[Way::Socket], &environment);
    let chosen = until(LONG, || stage.agent.log().contains("Encoder chosen"));
    assert!(chosen, "{}", stage.agent.log());

    mode("fail");
    let to = json!({ "program": { "profile": "low_power" }, "degraded": { "enter_s": 9 } });
    let _ = fails(&stage, &change(&to), Code::ConfigApplyFailed, None);
    let now = settings(&stage);
    assert_eq!(now["config_version"], 0, "{now}");
    assert_eq!(now["stage"], "rolled_back", "{now}");
    assert_eq!(now["settings"]["degraded.enter_s"], 5, "{now}");
    assert_eq!(profile(&stage), "480p");

    // The trial never ends: the agent goes by the new settings, and is killed before they are committed.
    mode("hang");
    let hanging = send(&stage, &change(&to));
    let applied = until(LONG, || {
        settings(&stage)["stage"] == "applied" && profile(&stage) == "low_power"
    });
    assert!(applied, "{}\n{}", settings(&stage), stage.agent.log());
    stage.agent.kill();
    mode("work");
    stage.agent.start_again();
    assert_eq!(profile(&stage), "480p");
    let now = settings(&stage);
    assert_eq!(now["config_version"], 0, "{now}");
    assert_eq!(now["settings"]["degraded.enter_s"], 5, "{now}");
    assert!(stage.agent.log().contains("was not committed"));
    let told = end(&stage, &hanging);
    assert_eq!(told.error.unwrap().code, Code::Interrupted);
    report("killed in its trial", "the old settings, INTERRUPTED");

    let told = done(&stage, &change(&to));
    assert_eq!(told["config_version"], 1);
    assert_eq!(profile(&stage), "low_power");
    assert_eq!(stage.studio.faults(), Vec::<String>::new());
}
