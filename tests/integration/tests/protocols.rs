//! Destinations over RTMPS, SRT and WHIP: picture and sound arrive, secrets stay secret, and what is
//! wrong is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, AgentOptions, Camera, MediaServer, Packets, ServerOptions, Stillness, cue, free_port,
    judge, ps_of_everything, record, timeline, until,
};
use integration::{excused, longest_step_ms, report, slack, slow};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const KEY: &str = "k3y-of-the-stream-4711";
const PASSPHRASE: &str = "passphrase&of#the=stream";
const LIMIT: Duration = Duration::from_secs(20);
/// A destination is back within this after its server answers.
const BACK: Duration = Duration::from_secs(10);
/// So long a server hangs: a media server that hangs, and a destination that stalls, are found sooner.
const HANGS: Duration = Duration::from_secs(12);
/// From one look at the agent to the next.
const LOOK: Duration = Duration::from_millis(200);

fn fields(object: Value) -> serde_json::Map<String, Value> {
    serde_json::from_value(object).unwrap()
}

fn settings(more: Value) -> ServerOptions {
    ServerOptions {
        more: fields(more),
        ..ServerOptions::default()
    }
}

fn on_air(environment: Vec<(String, String)>) -> (Agent, Camera) {
    let agent = Agent::with(AgentOptions {
        environment,
        ..AgentOptions::default()
    });
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let cues = vec![cue("a", "1", 0.0, 3600.0, 0.0)];
    agent.preview(&timeline("show", 3600.0, cues, Vec::new()));
    (agent, camera)
}

fn add(agent: &Agent, id: &str, url: &str, key: &str, more: Value) {
    let mut body = json!({ "id": id, "name": id, "platform": "custom_rtmp", "rtmp_url": url, "stream_key": key });
    body.as_object_mut().unwrap().extend(fields(more));
    let _ = agent.api().post("/api/destinations", body).ok();
}

/// Waits until a destination takes the program, and looks at what its server has of it.
#[track_caller]
fn arrives(agent: &Agent, id: &str, server: &MediaServer, path: &str) {
    let began = Instant::now();
    let active = until(LIMIT, || agent.destination(id)["state"] == "active");
    assert!(
        active,
        "{}\n{}\n{}",
        agent.destination(id),
        agent.log(),
        server.log()
    );
    assert!(server.wait_ready(path, LIMIT), "{}", server.log());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("arrived.nut");
    // A group of pictures more: what comes before the first key frame is not kept.
    record(&server.rtsp(path), 6.0, &file);
    let seen = judge(&file);
    let read = seen
        .frames
        .iter()
        .filter(|frame| frame.code.is_some())
        .count();
    report(
        &format!(
            "{id}: active after {:.1} s; in 6 s",
            began.elapsed().as_secs_f64() - 6.0
        ),
        format!(
            "{} frames, {read} of the camera, {:.1} s of sound, {} beeps",
            seen.frames.len(),
            seen.sound_seconds,
            seen.beeps.len()
        ),
    );
    assert!(read > 60, "the picture does not arrive");
    assert_eq!(seen.black(), 0);
    assert!(
        seen.sound_seconds > 2.0 && !seen.beeps.is_empty(),
        "the sound does not arrive"
    );
}

/// Waits until a destination is told to be wrong in these words, and that it does not hurt others.
#[track_caller]
fn is_told(agent: &Agent, id: &str, words: &str) {
    let mut last = Value::Null;
    let seen = until(LIMIT, || {
        last = agent.destination(id);
        last["last_error"]
            .as_str()
            .is_some_and(|text| text.contains(words))
    });
    assert!(seen, "{last}\n{}", agent.log());
    assert!(
        last["remediation"]
            .as_str()
            .is_some_and(|text| text.len() > 20),
        "{last}"
    );
    assert_ne!(last["state"], "active");
    report(&format!("{id} is told"), &last["last_error"]);
}

/// None of the secrets is in the process table, the log or an answer.
#[track_caller]
fn nowhere(agent: &Agent, secrets: &[&str]) {
    let answers: String = ["/api/destinations", "/api/preview/status", "/metrics"]
        .iter()
        .map(|path| agent.api().get(path).text)
        .collect();
    for (what, text) in [
        ("ps", ps_of_everything()),
        ("the log", agent.log()),
        ("answers", answers),
    ] {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is in {what}");
        }
    }
}

#[track_caller]
fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let end = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output();
    let end = end.expect("openssl is installed by make setup-test");
    assert!(
        end.status.success(),
        "{}",
        String::from_utf8_lossy(&end.stderr)
    );
    String::from_utf8_lossy(&end.stdout).into_owned()
}

/// An authority, a certificate of it and one that vouches for itself, all for 127.0.0.1.
fn certificates(folder: &Path) {
    let run = |words: &str, name: &str| {
        let mut arguments: Vec<&str> = words.split(' ').collect();
        arguments.extend(["-subj", name]);
        openssl(folder, &arguments);
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let me = "/CN=127.0.0.1";
    let alone = format!("req -x509 -days 2 {key}");
    run(
        &format!("{alone} -keyout ca.key -out ca.crt"),
        "/CN=An authority",
    );
    let names = "-addext subjectAltName=IP:127.0.0.1";
    run(&format!("{alone} {names} -keyout own.key -out own.crt"), me);
    run(&format!("req {key} -keyout leaf.key -out leaf.csr"), me);
    std::fs::write(folder.join("leaf.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let sign = "x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext \
                -out leaf.crt";
    openssl(folder, &sign.split(' ').collect::<Vec<_>>());
}

#[test]
fn rtmps_is_taken_from_an_authority_or_by_its_fingerprint_and_from_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let server = |name: &str| {
        let port = free_port();
        let server = MediaServer::with(&settings(json!({
            "rtmpEncryption": "optional", "rtmpsAddress": format!("127.0.0.1:{port}"),
            "rtmpServerCert": path(&format!("{name}.crt")), "rtmpServerKey": path(&format!("{name}.key")),
        })));
        (server, format!("rtmps://127.0.0.1:{port}/live"))
    };
    let (vouched, vouched_url) = server("leaf");
    let (own, own_url) = server("own");
    // The authority of the test stands for the public ones.
    let authority = vec![("SSL_CERT_FILE".to_owned(), path("ca.crt"))];
    let (agent, _camera) = on_air(authority);
    let said = openssl(
        folder.path(),
        &[
            "x509",
            "-in",
            "own.crt",
            "-noout",
            "-fingerprint",
            "-sha256",
        ],
    );
    let sum = said.trim().split_once('=').unwrap().1.to_owned();
    add(&agent, "authority", &vouched_url, KEY, json!({}));
    add(
        &agent,
        "unknown",
        &own_url,
        "other-key-0815-of-it",
        json!({}),
    );
    add(
        &agent,
        "pinned",
        &own_url,
        KEY,
        json!({ "tls_fingerprint": sum }),
    );
    add(
        &agent,
        "wrong-pin",
        &vouched_url,
        "third-key-0816-of-it",
        json!({ "tls_fingerprint": sum }),
    );
    agent.go_live(&["authority", "unknown", "pinned", "wrong-pin"]);
    arrives(&agent, "authority", &vouched, &format!("live/{KEY}"));
    arrives(&agent, "pinned", &own, &format!("live/{KEY}"));
    is_told(&agent, "unknown", "certificate is not trusted");
    is_told(&agent, "wrong-pin", "certificate is not trusted");
    assert_eq!(
        own.rtmp_publishers().len() + vouched.rtmp_publishers().len(),
        0,
        "not by plain RTMP"
    );
    nowhere(
        &agent,
        &[KEY, "other-key-0815-of-it", "third-key-0816-of-it"],
    );
}

#[test]
fn srt_carries_the_stream_id_and_the_passphrase_and_a_wrong_one_is_told() {
    let port = free_port();
    let id = format!("publish:live/{KEY}");
    let options = settings(json!({
        "srt": true, "srtAddress": format!("127.0.0.1:{port}"),
        "paths": { format!("live/{KEY}"): { "srtPublishPassphrase": PASSPHRASE } },
    }));
    let server = MediaServer::with(&options);
    let (agent, _camera) = on_air(Vec::new());
    let url = format!("srt://127.0.0.1:{port}?latency=120");
    add(
        &agent,
        "right",
        &url,
        &format!("{id}?passphrase={PASSPHRASE}"),
        json!({}),
    );
    agent.go_live(&["right"]);
    arrives(&agent, "right", &server, &format!("live/{KEY}"));
    add(
        &agent,
        "wrong",
        &url,
        &format!("{id}?passphrase=not-the-passphrase"),
        json!({}),
    );
    add(
        &agent,
        "nobody",
        &format!("srt://127.0.0.1:{}", free_port()),
        "id-of-nobody",
        json!({}),
    );
    choose(&agent, &["right", "wrong", "nobody"]);
    is_told(&agent, "wrong", "does not accept the stream key");
    is_told(&agent, "nobody", "does not answer");
    assert_eq!(agent.destination("right")["state"], "active");
    nowhere(
        &agent,
        &[KEY, PASSPHRASE, "not-the-passphrase", "id-of-nobody"],
    );

    // There is no connection to be refused: it is found again by SRT's own handshake.
    drop(server);
    let tried = |told: &Value| told["retries"].as_u64().is_some_and(|tries| tries >= 2);
    assert!(until(2 * LIMIT, || tried(&agent.destination("right"))));
    let server = MediaServer::with(&options);
    let back = Instant::now();
    let path = format!("live/{KEY}");
    let flows = until(slow() * BACK, || {
        agent.destination("right")["state"] == "active" && server.bytes(&path) > 100_000
    });
    report(
        "SRT back after it answers, s",
        format!("{:.2}", back.elapsed().as_secs_f64()),
    );
    assert!(
        flows && back.elapsed() <= slow() * BACK,
        "{}\n{}",
        agent.destination("right"),
        agent.log()
    );
}

#[test]
fn whip_carries_picture_and_opus_with_a_token_and_a_wrong_token_is_told() {
    let (port, media) = (free_port(), free_port());
    let everybody =
        json!({ "user": "any", "permissions": [{ "action": "read" }, { "action": "api" }] });
    let known = json!({ "user": "venue", "pass": KEY, "permissions": [{ "action": "publish" }] });
    let server = MediaServer::with(&settings(json!({
        "webrtc": true, "webrtcAddress": format!("127.0.0.1:{port}"),
        "webrtcLocalUDPAddress": format!("127.0.0.1:{media}"), "webrtcIPsFromInterfaces": false,
        "webrtcAdditionalHosts": ["127.0.0.1"], "authInternalUsers": [everybody, known],
    })));
    let (agent, _camera) = on_air(Vec::new());
    let at = |path: &str| format!("whip://127.0.0.1:{port}/{path}/whip");
    add(
        &agent,
        "right",
        &at("right"),
        &format!("venue:{KEY}"),
        json!({}),
    );
    agent.go_live(&["right"]);
    arrives(&agent, "right", &server, "right");
    let tracks = server.path("right")["tracks"].clone();
    assert_eq!(tracks, json!(["H264", "Opus"]));
    add(
        &agent,
        "wrong",
        &at("wrong"),
        "venue:not-the-token",
        json!({}),
    );
    choose(&agent, &["right", "wrong"]);
    is_told(&agent, "wrong", "does not accept the stream key");
    assert_eq!(agent.destination("right")["state"], "active");
    nowhere(&agent, &[KEY, "not-the-token"]);

    // Taken away while its server says nothing: the media server itself is kept waiting.
    let steady = MediaServer::start();
    add(&agent, "steady", &steady.rtmp("live"), "steady", json!({}));
    choose(&agent, &["right", "steady"]);
    assert!(until(LIMIT, || agent.destination("steady")["state"] == "active"));
    let stillness = Stillness::watch();
    let reader = Packets::of(&steady.rtmp("live/steady"));
    reader.wait(LIMIT);
    let before = agent.media_server();
    assert!(before.is_some());
    server.signal("STOP");
    let began = Instant::now();
    choose(&agent, &["steady"]);
    report(
        "taking away a WHIP server that hangs, s",
        format!("{:.1}", began.elapsed().as_secs_f64()),
    );
    // The media server is kept waiting, sends on all the same, and nobody takes it or the other for
    // lost: not for as long as one that is silent for any other reason would last.
    let mut looks = 0;
    while began.elapsed() < HANGS {
        let (healthy, steady) = (
            agent.status()["server_healthy"].clone(),
            agent.destination("steady"),
        );
        assert!(
            healthy == true && steady["state"] == "active",
            "after {:.1} s: {healthy} {steady}\n{}",
            began.elapsed().as_secs_f64(),
            agent.log()
        );
        looks += 1;
        std::thread::sleep(LOOK);
    }
    report("looks at the other, all well", looks);
    let alerts = agent.api().get("/api/alerts").ok().to_string();
    assert!(!alerts.contains("MEDIA_SERVER_DOWN"), "{alerts}");
    server.signal("CONT");
    let seen = reader.end();
    let (missing, gap) = (seen.missing(1000.0 / 30.0), seen.longest_gap_ms());
    report(
        "frames at the other meanwhile",
        format!(
            "{}, {missing} missing, gap {gap:.0} ms",
            seen.times_ms.len()
        ),
    );
    let allowed = excused(&stillness);
    assert!(missing <= (slack() + allowed.missing) as usize);
    assert!(gap <= longest_step_ms() + allowed.step_ms());
    assert_eq!(
        agent.media_server(),
        before,
        "the media server was started again"
    );
}

fn choose(agent: &Agent, ids: &[&str]) {
    let all = json!({ "destination_ids": ids });
    let _ = agent.api().put("/api/preview/destinations", all).ok();
}

#[test]
fn what_is_not_supported_is_refused_when_it_is_added() {
    let agent = Agent::start();
    for (field, more, words) in [
        (
            "/rtmp_url",
            json!({ "rtmp_url": "rtsp://host/app" }),
            "begins with rtmp, rtmps, srt, whip or whips",
        ),
        (
            "/rtmp_url",
            json!({ "rtmp_url": "srt://host:9000?mode=listener" }),
            "only streamid, passphrase, latency",
        ),
        (
            "/rtmp_url",
            json!({ "rtmp_url": "srt://host:9000?passphrase=short" }),
            "10 to 79",
        ),
        (
            "/tls_fingerprint",
            json!({ "rtmp_url": "rtmp://host/app", "tls_fingerprint": "ab".repeat(32) }),
            "supported for custom rtmps and whips",
        ),
        (
            "/backup_url",
            json!({ "rtmp_url": "rtmp://host/app", "backup_url": "srt://host:9000" }),
            "another protocol",
        ),
    ] {
        let mut body = json!({ "name": "n", "platform": "custom_rtmp", "stream_key": "k" });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().cloned().unwrap());
        let reply = agent.api().post("/api/destinations", body);
        assert_eq!(
            reply.refusal(),
            (422, "DESTINATION_INVALID".to_owned()),
            "{}",
            reply.text
        );
        assert_eq!(reply.json["error"]["field"], field);
        let message = reply.json["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
}
