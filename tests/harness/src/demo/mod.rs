//! The demo: three simulated cameras, two destinations and a two-minute show around a real agent.
//!
//! Owns what is said to the one who started it, and the order of things. A panic anywhere below ends
//! in one line and takes every child along; so does a signal. Neighbours: `stage` holds the processes,
//! `inspect` checks them.

mod figures;
mod film;
mod inspect;
mod scene;
mod script;
mod sound;
mod stage;

use serde_json::Value;
use stage::{DESTINATIONS, Stage};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// How many signals to end have come.
static SIGNALS: AtomicU8 = AtomicU8::new(0);

/// Exit code of a program that was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Writes a line. A reader that went away is no reason to fail.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// Whether somebody wants an end.
fn over() -> bool {
    SIGNALS.load(Ordering::Relaxed) > 0
}

/// Waits, but not longer than until somebody wants an end.
fn wait(time: Duration) {
    crate::child::until(time, over);
}

/// Counts signals. The first is obeyed at the next step; the second at once, and the kernel ends the
/// children.
fn listen_for_signals() {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt()).unwrap();
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            let mut hangup = signal(SignalKind::hangup()).unwrap();
            loop {
                let _ = tokio::select! {
                    got = interrupt.recv() => got,
                    got = terminate.recv() => got,
                    got = hangup.recv() => got,
                };
                if SIGNALS.fetch_add(1, Ordering::Relaxed) > 0 {
                    std::process::exit(i32::from(INTERRUPTED));
                }
            }
        });
    });
}

/// Runs the demo until it is ended, or checks it for a minute where the first argument is `--check`.
#[must_use]
pub fn run() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(_) => {
            say("usage: vistter-demo [--check]");
            return ExitCode::from(2);
        }
    };
    listen_for_signals();
    std::panic::set_hook(Box::new(|_told_below| {}));
    let outcome = catch_unwind(AssertUnwindSafe(|| play(check)));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(text.unwrap_or("it broke").to_owned())
    });
    match outcome {
        _ if over() => {
            say("demo: ended, nothing is left running");
            ExitCode::from(if check { INTERRUPTED } else { 0 })
        }
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            say(&format!("demo: {text}"));
            ExitCode::FAILURE
        }
    }
}

fn play(check: bool) -> Result<(), String> {
    let began = Instant::now();
    let mut number = 0;
    let mut stage = Stage::set(|text| {
        if over() {
            return Err("ended".to_owned());
        }
        if !text.is_empty() {
            number += 1;
            say(&format!("demo: {number}/6 {text}"));
        }
        Ok(())
    })?;
    for line in &stage.moved {
        say(&format!("demo: {line}"));
    }
    say(&format!(
        "demo: ready after {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    let outcome = if check {
        inspect::inspect(&mut stage)
    } else {
        invite(&stage);
        watch(&mut stage)
    };
    say("demo: ending");
    let orderly = stage.strike();
    drop(stage);
    outcome?;
    if orderly || over() {
        Ok(())
    } else {
        Err("the agent did not end in order; see target/demo/agent.log".to_owned())
    }
}

/// Says where everything is.
fn invite(stage: &Stage) {
    let page = stage.api.base();
    let mut lines = vec![
        String::new(),
        format!("  page            {page}   press Start preview, then Go live"),
        format!("  API             {page}/api/openapi.json"),
        format!(
            "  program         rtsp://127.0.0.1:{}/program",
            stage.rtsp_port
        ),
    ];
    for (id, name) in DESTINATIONS {
        lines.push(format!("  {name:<16}{}   once it is live", stage.watch(id)));
    }
    lines.push("                  their last minute is in target/demo/recordings".to_owned());
    let (id, process) = stage
        .cameras
        .first()
        .map(|camera| (camera.scene.id(), camera.sender()))
        .unwrap_or_default();
    lines.push(format!(
        "  lose a camera   kill {process}   ({id}; it comes back after 10 s)"
    ));
    let at = format!(" --at {}", stage.studio_port);
    let (cameras, sandbox) = (stage.cameras.last(), "target/release/studio-sandbox");
    let other = cameras.map(|camera| camera.scene.id()).unwrap_or_default();
    lines.push(format!(
        "  as Studio       {sandbox} send{at} CAMERA_ACTION '{{\"action\":\"to_program\",\"camera_id\":\"{other}\",\"payload\":{{}}}}'"
    ));
    lines.push(format!(
        "                  {sandbox} follow{at}   what the agent tells"
    ));
    lines.push("  log             target/demo/agent.log".to_owned());
    lines.push("  end             Ctrl-C".to_owned());
    lines.push(String::new());
    say(&lines.join("\n"));
}

/// Looks after the show and tells what changes, until somebody wants an end.
fn watch(stage: &mut Stage) -> Result<(), String> {
    let mut last = String::new();
    while !over() {
        for line in stage.tend()? {
            say(&format!("demo: {line}"));
        }
        let reply = stage.api.try_call("GET", "/api/preview/status", None);
        let now = reply.map(|reply| state(&reply.json)).unwrap_or_default();
        if !now.is_empty() && now != last {
            say(&format!("demo: {now}"));
            last = now;
        }
        wait(Duration::from_secs(1));
    }
    Ok(())
}

/// What the program is doing, in a line.
fn state(status: &Value) -> String {
    let destinations = status["destinations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let each: Vec<String> = destinations
        .iter()
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap_or("?").to_owned();
            format!("{} {}", text("name"), text("state"))
        })
        .collect();
    let mode = status["mode"].as_str().unwrap_or_default();
    if each.is_empty() {
        mode.to_owned()
    } else {
        format!("{mode}: {}", each.join(", "))
    }
}
