//! The sandbox by hand: prints how to pair, takes commands from standard input, shows what comes back.
//!
//! Devices reach it by WebSocket; with `--mqtt PORT` it starts a mosquitto on that port too, which they
//! try first.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for people at a terminal"
)]

use protocol::Kind;
use sandbox::{Studio, Way};
use serde_json::Value;
use std::io::BufRead;
use std::time::Duration;

const HELP: &str = "\
token [SERIAL]        a pairing token
devices               who is paired, and whether it is connected
send TYPE JSON        signs a command for the first device and sends it
again                 sends the last command once more, as it was
forge TYPE JSON       the same, signed by a key that is in no keyset
expired TYPE JSON     the same, over before it is sent
other TYPE JSON       the same, for another device
cut                   closes the WebSocket
quit                  ends";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ways = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => vec![Way::Socket],
        ["--mqtt", port] if port.parse::<u16>().is_ok() => {
            vec![Way::Broker(port.parse().unwrap()), Way::Socket]
        }
        _ => {
            println!("usage: studio-sandbox [--mqtt PORT]");
            return;
        }
    };
    let studio = Studio::with(&ways);
    println!("Studio at {}", studio.url());
    println!("authority {}", studio.authority().display());
    println!(
        "pair with: vistter-agent pair --studio {} --ca {} {}",
        studio.url(),
        studio.authority().display(),
        studio.token(None)
    );
    println!("{HELP}");
    std::thread::scope(|scope| {
        let shown = &studio;
        let (end, ended) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            let mut from = 0;
            loop {
                for heard in shown.heard_from(from) {
                    from += 1;
                    show(heard.kind, &heard.correlation_id, &heard.payload);
                }
                match ended.recv_timeout(Duration::from_millis(100)) {
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                    _ => return,
                }
            }
        });
        let mut last = Vec::new();
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let first = studio.devices().into_iter().next();
            match (verb, first) {
                ("quit", _) => break,
                ("token", _) => println!("{}", studio.token((!rest.is_empty()).then_some(rest))),
                ("devices", _) => {
                    for device in studio.devices() {
                        println!(
                            "{device} connected by: {}",
                            studio.way(&device).unwrap_or("-")
                        );
                    }
                }
                ("cut", Some(device)) => println!("{}", studio.cut(&device)),
                ("again", Some(device)) => println!("{}", studio.deliver(&device, &last)),
                ("send" | "forge" | "expired" | "other", Some(device)) => {
                    let (kind, json) = rest.split_once(' ').unwrap_or((rest, "{}"));
                    let Ok(payload) = serde_json::from_str::<Value>(json) else {
                        println!("that is no JSON: {json}");
                        continue;
                    };
                    let mut command = studio.command(&device, kind, &payload);
                    match verb {
                        "expired" => {
                            command["timestamp"] = "2026-01-01T00:00:00.000Z".into();
                            command["expires_at"] = "2026-01-01T00:01:00.000Z".into();
                        }
                        "other" => command["device_id"] = "somebody-else".into(),
                        _ => {}
                    }
                    last = if verb == "forge" {
                        studio.sign_as_stranger(&command)
                    } else {
                        studio.sign(&command)
                    };
                    let sent = studio.deliver(&device, &last);
                    println!("→ {kind} {} sent: {sent}", command["correlation_id"]);
                }
                (_, None) => println!("no device is paired yet"),
                _ => println!("{HELP}"),
            }
        }
        drop(end);
    });
}

fn show(kind: Kind, correlation_id: &str, payload: &Value) {
    println!("← {} {correlation_id} {payload}", kind.as_str());
}
