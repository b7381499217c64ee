//! What an agent needs while nothing is to be done: no camera, no show, nobody at the page.

use crate::Pace;
use crate::table::{figure, row};
use harness::chaos::{Role, Sample};
use harness::{Agent, until};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long it is measured.
const MEASURE: Duration = Duration::from_secs(10);

/// The goal, MiB.
const GOAL: f64 = 15.0;

/// The trial of encoders at its start is over when there was none for so long.
const TRIED: Duration = Duration::from_secs(3);

fn read(id: u32, what: &str) -> String {
    std::fs::read_to_string(format!("/proc/{id}/{what}")).unwrap_or_default()
}

fn kib(line: &str, name: &str) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// Memory of a process by its share, MiB.
pub(crate) fn memory(id: u32) -> f64 {
    let rollup = read(id, "smaps_rollup");
    let pss = rollup.lines().find_map(|line| kib(line, "Pss:"));
    pss.unwrap_or(0.0) / 1024.0
}

/// What a mapping is, from the line that names it.
fn part(head: &str) -> &'static str {
    let mut words = head.split_ascii_whitespace();
    let start = words.next().and_then(|range| range.split('-').next());
    let start = start.and_then(|text| u64::from_str_radix(text, 16).ok());
    match words.nth(4) {
        Some(path) if path.ends_with("/vistter-agent") => "program",
        Some("[heap]") => "heap",
        Some(path) if path.starts_with('/') => "libraries",
        Some(_) => "other",
        // The C library's heaps for further threads begin at multiples of 64 MiB.
        None if start.is_some_and(|start| start.is_multiple_of(64 << 20)) => "heaps of threads",
        None => "stacks and large pieces",
    }
}

/// The same by what it is. Of the program's file, what was changed after it was loaded stands apart.
fn parts(id: u32) -> BTreeMap<&'static str, f64> {
    let mut found: BTreeMap<&'static str, f64> = BTreeMap::new();
    let mut now = "other";
    for line in read(id, "smaps").lines() {
        let is_head = line
            .split(' ')
            .next()
            .is_some_and(|word| word.contains('-'));
        if is_head {
            now = part(line);
        } else if let Some(pss) = kib(line, "Pss:") {
            *found.entry(now).or_default() += pss / 1024.0;
        } else if let (Some(changed), "program") = (kib(line, "Anonymous:"), now) {
            *found.entry("program").or_default() -= changed / 1024.0;
            *found.entry("program, relocated").or_default() += changed / 1024.0;
        }
    }
    found
}

/// Memory and processor time of an agent that has nothing to do, its children beside it.
pub(crate) fn of(agent: &Agent, pace: Pace) -> Value {
    let mut busy = Instant::now();
    let _tried = until(Duration::from_secs(120), || {
        let children = agent.children();
        if children.iter().any(|(_, line)| line.contains("ffmpeg")) {
            busy = Instant::now();
        }
        busy.elapsed() > TRIED
    });
    std::thread::sleep(pace.settle);
    let before = Sample::of(agent.id());
    let began = Instant::now();
    std::thread::sleep(MEASURE);
    let after = Sample::of(agent.id());
    let seconds = began.elapsed().as_secs_f64();
    let mut value = Map::new();
    for role in [Role::Agent, Role::MediaMtx, Role::Other] {
        let (count, _, threads, rss, pss) = after.of_role(role);
        if count == 0 {
            continue;
        }
        let cpu = (after.cpu_of(role) - before.cpu_of(role)) * 100.0 / seconds;
        let (pss, rss) = (pss as f64 / 1024.0, rss as f64 / 1024.0);
        row(
            &format!("idle, {role}: PSS, RSS, threads, percent of a core"),
            &format!("{pss:.1} MiB, {rss:.1} MiB, {threads}, {cpu:.2} %"),
        );
        let of_it = json!({ "processes": count, "pss_mib": figure(pss), "rss_mib": figure(rss),
            "threads": threads, "cpu_percent": figure(cpu) });
        value.insert(role.to_string(), of_it);
    }
    let mut parts: Vec<(&str, f64)> = parts(agent.id()).into_iter().collect();
    parts.sort_by(|one, other| other.1.total_cmp(&one.1));
    let words = parts.iter().map(|(what, mib)| format!("{what} {mib:.1}"));
    row("  of it, MiB", &words.collect::<Vec<_>>().join(", "));
    row("  goal", &format!("{GOAL:.0} MiB"));
    let parts = parts.into_iter();
    let parts: Map<String, Value> = parts
        .map(|(what, mib)| (what.to_owned(), figure(mib)))
        .collect();
    value.insert("parts_mib".to_owned(), parts.into());
    value.into()
}

/// An agent that is not paired.
pub(crate) fn unpaired(pace: Pace) -> Value {
    of(&Agent::start(), pace)
}
