//! The stand-in for Studio as a person uses it: started, paired with, asked from another terminal to send
//! commands as they should be and as they should not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, AgentOptions, Child, Http, free_port, root, until};
use integration::report;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn tool(arguments: &[&str], log: &Path) -> Child {
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    let binary = root().join("target/release/studio-sandbox");
    Child::start(&binary, &arguments, log)
}

#[test]
fn it_sends_commands_well_and_badly_and_shows_what_comes_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let sandbox = tool(&["--http", &port], &folder.path().join("sandbox"));
    let http = Http::new(port.parse().unwrap());
    let answers = || http.try_call("GET", "/", None).is_some();
    assert!(until(LONG, answers), "{}", sandbox.log());
    let how = http.get("/").ok();
    let token = http.post("/token", json!({})).ok();
    let data = tempfile::tempdir().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (studio, ca, token) = (
        text(&how["studio"]),
        text(&how["authority"]),
        text(&token["token"]),
    );
    let (code, said) = Agent::command(
        &["pair", "--studio", &studio, "--ca", &ca, &token],
        data.path(),
    );
    assert_eq!(code, Some(0), "{said}");
    let agent = Agent::with(AgentOptions {
        data: Some(data.path().to_owned()),
        ..AgentOptions::default()
    });
    let online = until(LONG, || {
        agent.api().get("/api/link").ok()["state"] == "online"
    });
    assert!(online, "{}", agent.log());

    let send = |how: &str| {
        let began = Instant::now();
        let log = folder.path().join(how);
        let mut child = tool(
            &["send", "HEALTH_REQUEST", "{}", "--as", how, "--at", &port],
            &log,
        );
        let code = child.ended_within(LONG).and_then(|end| end.code());
        report(&format!("{how}, ms"), began.elapsed().as_millis());
        (code, child.log())
    };
    for how in ["good", "twice", "reordered", "delayed"] {
        let (code, said) = send(how);
        assert_eq!(code, Some(0), "{how}: {said}");
        assert!(said.contains(r#""status":"completed""#), "{how}: {said}");
    }
    let (code, said) = send("expired");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(r#""EXPIRED""#), "{said}");
    for how in ["dropped", "forged", "other"] {
        let (code, said) = send(how);
        assert_eq!(code, Some(1), "{how}: {said}");
        assert!(said.contains("nothing was answered"), "{how}: {said}");
    }
    // Four as they should be, and one that was sent before its elder.
    let link = || agent.api().get("/api/link").ok();
    let counted = until(LONG, || {
        let link = link();
        link["refused"]["KEY_UNKNOWN"] == 1 && link["carried_out"] == 5
    });
    assert!(counted, "{}", link());

    let (code, said) = send("sideways");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("reordered") && said.contains("usage"),
        "{said}"
    );
    let (code, said) = {
        let mut child = tool(
            &["send", "HEALTH_REQUEST", "--at", "1"],
            &folder.path().join("nobody"),
        );
        (
            child.ended_within(LONG).and_then(|end| end.code()),
            child.log(),
        )
    };
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--http 1"), "{said}");
}
