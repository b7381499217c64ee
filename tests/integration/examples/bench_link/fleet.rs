//! Many devices at one mosquitto that is restarted: how they come back, beside as many clients that try again
//! each second, as such clients do.
//!
//! All devices live in this process: the real link of each, with its TLS, its session at the broker and its
//! waits, behind which there is nothing.

use crate::table::{figure, ms, row, say, spread};
use crate::{Pace, device};
use harness::chaos::cpu_s;
use harness::{free_port, percentile, processes_below};
use link::Identity;
use runtime::CancellationToken;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sandbox::{Studio, Way};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Who is not back by then is counted as missing.
const LIMIT: Duration = Duration::from_secs(120);

/// Devices that pair at the same time.
const PAIRING: usize = 8;

/// Files that everything but the devices needs.
const SPARE: u64 = 500;

/// How long they are connected before the broker goes.
const SETTLE: Duration = Duration::from_secs(3);

/// A share of the time in which many come at once.
const MOMENT_MS: f64 = 100.0;

/// Raises the limit of open files to what the system allows; gives it.
fn raise_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _unchanged = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Those who have come since `since`, with the milliseconds that each took; all of them or until the limit.
fn back(came: &Receiver<(usize, Instant)>, since: Instant, count: usize) -> Vec<f64> {
    let mut first: BTreeMap<usize, f64> = BTreeMap::new();
    while first.len() < count {
        let left = (since + LIMIT).saturating_duration_since(Instant::now());
        let Ok((number, at)) = came.recv_timeout(left) else {
            break;
        };
        if let Some(took) = at.checked_duration_since(since) {
            first.entry(number).or_insert_with(|| ms(took));
        }
    }
    first.into_values().collect()
}

/// Most that came within one moment.
fn crowd(times: &[f64]) -> usize {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let within = |from: &f64| {
        let rest = sorted.iter().filter(|at| *at >= from);
        rest.take_while(|at| **at <= from + MOMENT_MS).count()
    };
    sorted.iter().map(within).max().unwrap_or(0)
}

/// Connections that the broker has seen.
fn connections(studio: &Studio) -> usize {
    let log = studio.broker_log();
    log.lines()
        .filter(|line| line.contains("New connection from"))
        .count()
}

fn broker_cpu() -> f64 {
    let below = processes_below(std::process::id());
    let broker = below.iter().find(|(_, line)| line.contains("mosquitto"));
    broker.and_then(|(id, _)| cpu_s(*id)).unwrap_or(0.0)
}

/// Restarts the broker after it was away for so long, and says how they came back.
fn restart(
    who: &str,
    studio: &Studio,
    came: &Receiver<(usize, Instant)>,
    (count, away): (usize, Duration),
) -> Value {
    std::thread::sleep(SETTLE);
    while came.try_recv().is_ok() {}
    let seen = connections(studio);
    studio.kill_broker();
    std::thread::sleep(away);
    let since = Instant::now();
    studio.start_broker();
    let times = back(came, since, count);
    let (opened, spent) = (connections(studio).saturating_sub(seen), broker_cpu());
    let seconds = |share| percentile(&times, share) / 1000.0;
    let crowd = crowd(&times);
    row(
        &format!("{who}, broker away for {} s: back", away.as_secs()),
        &format!(
            "p50 {:.2}, p90 {:.2}, p99 {:.2}, last {:.2} s, {} of {count}",
            seconds(0.5),
            seconds(0.9),
            seconds(0.99),
            seconds(1.0),
            times.len()
        ),
    );
    row(
        "  most within 100 ms; connections at the broker; its processor time",
        &format!("{crowd}; {opened}; {spent:.2} s"),
    );
    json!({
        "away_s": away.as_secs(), "back_ms": spread(&times), "of": count, "most_in_100_ms": crowd,
        "connections": opened, "broker_cpu_s": figure(spent),
    })
}

/// New devices, each paired over HTTPS as any is.
fn pair_all(runtime: &Runtime, studio: &Studio, count: usize) -> Vec<Identity> {
    let url = studio.url();
    let ca_pem = std::fs::read_to_string(studio.authority()).unwrap();
    let mut identities = Vec::with_capacity(count);
    while identities.len() < count {
        let at_once = PAIRING.min(count - identities.len());
        let tasks: Vec<_> = (0..at_once)
            .map(|_| {
                let (url, ca_pem, token) = (url.clone(), ca_pem.clone(), studio.token(None));
                runtime.spawn(async move { device::paired(&url, &token, &ca_pem).await })
            })
            .collect();
        for task in tasks {
            identities.push(runtime.block_on(task).unwrap());
        }
    }
    identities
}

/// Both kinds, one after the other, at the same broker.
pub(crate) fn fleet(pace: Pace) -> Value {
    let files = raise_files();
    // Each may have a connection and a knock open, and the broker as many.
    let most = usize::try_from(files.saturating_sub(SPARE) / 2).unwrap_or(usize::MAX);
    let count = pace.devices.min(most);
    if count < pace.devices {
        say(&format!(
            "  only {count}: no more than {files} files may be open"
        ));
    }
    let port = free_port();
    let studio = Studio::with(&[Way::Broker(port)]);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let devices = pair_all(&runtime, &studio, count);
    let paired = began.elapsed();
    row(
        "devices paired, one after the other by eights",
        &format!("{count} in {paired:.1?}"),
    );
    let (sender, came) = mpsc::channel();
    let stop = CancellationToken::new();
    let since = Instant::now();
    for (number, identity) in devices.into_iter().enumerate() {
        runtime.spawn(device::run(number, identity, sender.clone(), stop.clone()));
    }
    let first = back(&came, since, count);
    let last = percentile(&first, 1.0) / 1000.0;
    row(
        "all started at once: connected",
        &format!("{} of {count}, last after {last:.2} s", first.len()),
    );
    let aways = || pace.away.iter().map(|away| Duration::from_secs(*away));
    let ours: Vec<Value> = aways()
        .map(|away| restart("devices", &studio, &came, (count, away)))
        .collect();
    stop.cancel();
    runtime.shutdown_timeout(Duration::from_secs(2));
    let names: Vec<String> = (1..=count).map(|number| format!("bare-{number}")).collect();
    let clients = studio.bare(&names, port, 64);
    let here = back(clients.came(), Instant::now(), count);
    if here.len() < count {
        row("bare clients that are connected", &here.len().to_string());
    }
    let theirs: Vec<Value> = aways()
        .map(|away| restart("bare clients", &studio, clients.came(), (count, away)))
        .collect();
    json!({
        "devices": count, "paired_s": figure(paired.as_secs_f64()), "files": files,
        "started_at_once_ms": spread(&first), "ours": ours, "bare": theirs,
    })
}
