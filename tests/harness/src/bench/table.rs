//! The benchmark's words: a line a cell, and JSON that is kept.

use super::{Cell, Used};
use crate::judge::percentile;
use crate::place::root;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The table's first line.
pub(super) const HEAD: &str = "cell                  ours  peer  ratio (each round)          goal  \
                               fps ours/peer  ours by process";

/// Where results are kept, a file a cell.
pub(super) fn folder() -> PathBuf {
    root().join("target/bench")
}

/// Keeps a result.
pub(super) fn keep(name: &str, value: &Value) {
    std::fs::create_dir_all(folder()).unwrap();
    let text = serde_json::to_string_pretty(value).unwrap();
    std::fs::write(folder().join(format!("{name}.json")), text).unwrap();
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    percentile(&values.collect::<Vec<_>>(), 0.5)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn side(rounds: &[Used]) -> Value {
    let mut by_role: Map<String, Value> = Map::new();
    let names: Vec<&String> = rounds
        .iter()
        .flat_map(|round| round.by_role.iter().map(|(name, _)| name))
        .collect();
    for name in names {
        let used = rounds.iter().filter_map(|round| {
            let found = round.by_role.iter().find(|(its, _)| its == name);
            found.map(|(_, used)| *used)
        });
        by_role.insert(name.clone(), json!(round(median(used))));
    }
    let memory: Map<String, Value> = rounds
        .last()
        .into_iter()
        .flat_map(|last| &last.memory)
        .map(|(name, count, rss, pss)| {
            let value =
                json!({ "processes": count, "rss_mib": round(*rss), "pss_mib": round(*pss) });
            (name.clone(), value)
        })
        .collect();
    json!({
        "cpu_s_per_10_s": round(median(rounds.iter().map(|round| round.cpu))),
        "fps": round(median(rounds.iter().map(|round| round.fps))),
        "by_process": by_role, "memory": memory,
    })
}

/// The result of a cell. Ratios are taken round by round.
pub(super) fn cell(cell: Cell, us: &[Used], them: &[Used], encoder: &str) -> Value {
    let ratios: Vec<f64> = us
        .iter()
        .zip(them)
        .map(|(ours, peer)| ours.cpu / peer.cpu.max(0.001))
        .collect();
    json!({
        "cell": cell.name, "ours": side(us), "peer": side(them), "goal": cell.goal,
        "ratio": round(percentile(&ratios, 0.5)),
        "ratios": ratios.iter().map(|ratio| round(*ratio)).collect::<Vec<_>>(),
        "encoder": encoder,
    })
}

/// A cell as a line.
pub(super) fn line(value: &Value) -> String {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let (ours, peer) = (&value["ours"], &value["peer"]);
    format!(
        "{:<20} {:>5.2} {:>5.2} {:>6.2} {:<20} {:>5.2}  {:>5.1} {:>5.1}   {}",
        value["cell"].as_str().unwrap_or_default(),
        number(&ours["cpu_s_per_10_s"]),
        number(&peer["cpu_s_per_10_s"]),
        number(&value["ratio"]),
        value["ratios"].to_string(),
        number(&value["goal"]),
        number(&ours["fps"]),
        number(&peer["fps"]),
        ours["by_process"],
    )
}
