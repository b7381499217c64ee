//! The sandbox by hand: prints how to pair, takes commands from standard input or over HTTP, shows what
//! comes back.
//!
//! Devices reach it by WebSocket; with `--mqtt PORT` it starts a mosquitto on that port too, which they
//! try first. `send` and `follow` ask a sandbox that runs already.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for people at a terminal"
)]

use sandbox::control::{self, ask};
use sandbox::{Studio, Way};
use serde_json::{Value, json};
use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How it is called.
fn usage() -> String {
    format!(
        "\
usage: studio-sandbox [--mqtt PORT] [--http PORT]
           a Studio: prints how to pair, takes commands from standard input, and over HTTP
       studio-sandbox send TYPE [JSON] [--as HOW] [--at PORT]
           has one that runs (--http) sign a command and send it; shows what comes of it. HOW is one of
           {}
       studio-sandbox sign TYPE [JSON] [--nonce NONCE] [--at PORT]
           has one that runs sign a command, and prints the envelope; it is sent nowhere
       studio-sandbox follow [--at PORT]
           shows what devices tell, until it is ended",
        control::ways_to_send()
    )
}

const HELP: &str = "\
token [SERIAL]        a pairing token
devices               who is paired, and whether it is connected
send TYPE JSON        signs a command for the first device and sends it
again                 sends the last command once more, as it was
forge TYPE JSON       the same, signed by a key that is in no keyset
expired TYPE JSON     the same, over before it is sent
other TYPE JSON       the same, for another device
rotate                gives the first device a new key and certificate
cut                   closes the WebSocket
quit                  ends";

/// Without an end for so long, nobody waits for a command's any more.
const LONG: Duration = Duration::from_secs(60);

/// A refusal that is not answered is not waited for longer.
const SILENT: Duration = Duration::from_secs(3);

/// Takes `--name VALUE` out of the arguments.
fn option(arguments: &mut Vec<String>, name: &str) -> Result<Option<String>, String> {
    let Some(place) = arguments.iter().position(|one| one == name) else {
        return Ok(None);
    };
    if place + 1 >= arguments.len() {
        return Err(format!("{name} wants a value"));
    }
    let value = arguments.remove(place + 1);
    arguments.remove(place);
    Ok(Some(value))
}

fn port(arguments: &mut Vec<String>, name: &str) -> Result<Option<u16>, String> {
    let text = option(arguments, name)?;
    let port = text.map(|text| text.parse().map_err(|_error| format!("{text} is no port")));
    port.transpose()
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|one| one == "--help" || one == "-h") {
        println!("{}", usage());
        return ExitCode::SUCCESS;
    }
    match run(&mut arguments) {
        Ok(code) => code,
        Err(text) => {
            println!("{text}\n{}", usage());
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &mut Vec<String>) -> Result<ExitCode, String> {
    let at = port(arguments, "--at")?.unwrap_or(control::PORT);
    let how = option(arguments, "--as")?.unwrap_or_else(|| "good".to_owned());
    let nonce = option(arguments, "--nonce")?;
    let (mqtt, http) = (port(arguments, "--mqtt")?, port(arguments, "--http")?);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => {
            serve(mqtt, http);
            Ok(ExitCode::SUCCESS)
        }
        ["follow"] => follow(at, 0, |_one| false, None).map(|_never| ExitCode::SUCCESS),
        ["sign", kind] => sign(at, kind, "{}", nonce.as_deref()),
        ["sign", kind, payload] => sign(at, kind, payload, nonce.as_deref()),
        ["send", kind] => send(at, kind, "{}", &how),
        ["send", kind, payload] => send(at, kind, payload, &how),
        _ => Err(format!("nothing is known of {words:?}")),
    }
}

/// Shows what is heard until it is `over`, or nothing more came for so long. Says whether it was over.
fn follow(
    at: u16,
    mut from: usize,
    over: impl Fn(&Value) -> bool,
    patience: Option<Duration>,
) -> Result<bool, String> {
    let began = std::time::Instant::now();
    loop {
        let heard = ask(at, "GET", &format!("/heard?from={from}"), &Value::Null)?;
        for one in heard.as_array().into_iter().flatten() {
            from += 1;
            let text = |name: &str| one[name].as_str().unwrap_or("").to_owned();
            show(&text("kind"), &text("correlation_id"), &one["payload"]);
            if over(one) {
                return Ok(true);
            }
        }
        if patience.is_some_and(|patience| began.elapsed() >= patience) {
            return Ok(false);
        }
    }
}

fn json_of(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("that is no JSON: {error}"))
}

fn sign(at: u16, kind: &str, payload: &str, nonce: Option<&str>) -> Result<ExitCode, String> {
    let asked = json!({ "type": kind, "payload": json_of(payload)?, "nonce": nonce });
    println!("{}", ask(at, "POST", "/sign", &asked)?);
    Ok(ExitCode::SUCCESS)
}

fn send(at: u16, kind: &str, payload: &str, how: &str) -> Result<ExitCode, String> {
    let payload = json_of(payload)?;
    let asked = json!({ "type": kind, "payload": payload, "as": how });
    let sent = ask(at, "POST", "/send", &asked)?;
    let id = sent["message_id"].clone();
    println!("→ {kind} {}", sent["correlation_id"].as_str().unwrap_or(""));
    let status = std::cell::RefCell::new(String::new());
    let over = |one: &Value| {
        let ack = &one["payload"];
        let word = ack["status"].as_str().unwrap_or("");
        let ended = one["kind"] == "ack"
            && ack["message_id"] == id
            && !matches!(word, "accepted" | "deferred");
        if ended {
            word.clone_into(&mut status.borrow_mut());
        }
        ended
    };
    let from = sent["from"].as_u64().unwrap_or(0);
    let answered = control::HOW.contains(&(how, true));
    let patience = if answered { LONG } else { SILENT };
    let from = usize::try_from(from).unwrap_or(0);
    if !follow(at, from, over, Some(patience))? {
        println!("nothing was answered");
    }
    let done = status.borrow().as_str() == "completed";
    Ok(if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn serve(mqtt: Option<u16>, http: Option<u16>) {
    let broker = mqtt.map(Way::Broker);
    let ways: Vec<Way> = broker.into_iter().chain([Way::Socket]).collect();
    let studio = Arc::new(Studio::with(&ways));
    let [address, authority, token] = studio.invitation();
    println!("Studio at {address}");
    println!("authority {authority}");
    println!("uploads to {}NAME", studio.upload_url(""));
    println!("pair with: vistter-agent pair --studio {address} --ca {authority} {token}");
    if let Some(port) = http {
        println!("HTTP at http://127.0.0.1:{}", studio.serve_control(port));
    }
    println!("{HELP}");
    let shown = Arc::clone(&studio);
    std::thread::spawn(move || {
        let mut from = 0;
        loop {
            let _something = shown.wait_heard(from, Duration::from_secs(3600), |_any| true);
            for heard in shown.heard_from(from) {
                from += 1;
                show(heard.kind.as_str(), &heard.correlation_id, &heard.payload);
            }
        }
    });
    let mut last = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if line.trim() == "quit" {
            return;
        }
        obey(&studio, &line, &mut last);
    }
    // Nobody types, but somebody may ask.
    while http.is_some() {
        std::thread::park();
    }
}

fn obey(studio: &Arc<Studio>, line: &str, last: &mut Vec<u8>) {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let first = studio.present();
    match (verb, first) {
        ("token", _) => println!("{}", studio.token((!rest.is_empty()).then_some(rest))),
        ("devices", _) => {
            for device in studio.devices() {
                println!(
                    "{device} connected by: {}",
                    studio.way(&device).unwrap_or("-")
                );
            }
        }
        ("rotate", Some(device)) => {
            let told = studio.rotate(&device, Duration::from_secs(30));
            println!("{:?}", told.map(|ack| (ack.status, ack.error)));
        }
        ("cut", Some(device)) => println!("{}", studio.cut(&device)),
        ("again", Some(device)) => println!("{}", studio.deliver(&device, last)),
        ("send" | "forge" | "expired" | "other", Some(device)) => {
            let (kind, json) = rest.split_once(' ').unwrap_or((rest, "{}"));
            let Ok(payload) = serde_json::from_str::<Value>(json) else {
                println!("that is no JSON: {json}");
                return;
            };
            let how = match verb {
                "send" => "good",
                "forge" => "forged",
                other => other,
            };
            match studio.send_as(&device, kind, &payload, how) {
                Ok((_, correlation, envelope)) => {
                    *last = envelope;
                    println!("→ {kind} {correlation}");
                }
                Err(text) => println!("{text}"),
            }
        }
        (_, None) => println!("no device is paired yet"),
        _ => println!("{HELP}"),
    }
}

fn show(kind: &str, correlation_id: &str, payload: &Value) {
    println!("← {kind} {correlation_id} {payload}");
}
