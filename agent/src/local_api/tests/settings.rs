//! Settings over the local API: the same change, checks and answers as Studio's.

use super::Stage;
use serde_json::{Value, json};

async fn change(stage: &Stage, body: Value) -> super::stage::Back {
    let headers = [("content-type", "application/json")];
    let path = "/api/settings";
    stage.send("PATCH", path, &headers, body.to_string()).await
}

#[tokio::test]
async fn settings_are_looked_at_and_changed() {
    let stage = Stage::new();
    let before = stage.send("GET", "/api/settings", &[], "").await.json();
    assert_eq!(before["config_version"], 0, "{before}");
    assert_eq!(before["settings"]["program.profile"], "reliability");
    let patch = json!({"config_patch": {"program": {"profile": "720p"}}, "base_version": 0});
    let mut dry = patch.clone();
    dry["dry_run"] = json!(true);
    let told = change(&stage, dry).await.json();
    let expected = json!({"config_version": 0, "changed": ["/program/profile"]});
    assert_eq!(told, expected);
    assert_eq!(
        change(&stage, patch.clone()).await.json()["config_version"],
        1
    );
    let after = stage.send("GET", "/api/settings", &[], "").await.json();
    assert_eq!(after["settings"]["program.profile"], "720p", "{after}");
    assert_eq!(after["stage"], "committed");
    let profiles = stage.send("GET", "/api/profiles", &[], "").await.json();
    let chosen = |one: &&Value| one["is_default"] == true;
    let chosen: Vec<&Value> = profiles.as_array().unwrap().iter().filter(chosen).collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0]["name"], "720p");
    for (body, status, code, field) in [
        (patch, 409, "CONFIG_CONFLICT", "/base_version"),
        (
            json!({"config_patch": {"degraded": {"enter_s": 0}}}),
            422,
            "CONFIG_INVALID",
            "/config_patch/degraded/enter_s",
        ),
        (
            json!({"config_patch": {"api": {"port": 1}}}),
            501,
            "FEATURE_DISABLED",
            "/config_patch/api/port",
        ),
        (json!({}), 422, "SCHEMA_INVALID", "/config_patch"),
    ] {
        let refusal = change(&stage, body).await.refusal();
        let wanted = (status, code.to_owned(), field.to_owned());
        assert_eq!(refusal, wanted);
    }
}
