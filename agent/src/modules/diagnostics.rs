//! The bundle for support: asked of every module as an operator would, and cleaned of secrets.
//!
//! What cannot be told of one section is told in its place; without the secrets to look for there is no
//! bundle.

use super::command::{
    AlertCommand, CameraCommand, DestinationCommand, HealthCommand, PreviewCommand, Reply,
    SettingsCommand, StreamCommand, TimelineCommand,
};
use super::fault::{Fault, refuse};
use super::view::{AlertQuery, AuditQuery, LinkView};
use super::{
    Parts, alerts, audit, cameras, destinations, health, preview, settings, streams, timelines,
};
use crate::diagnostics::{Redactor, Section, bundle};
use crate::time::rfc3339;
use model::Secret;
use protocol::Problem;
use runtime::{Boot, SystemClock};
use serde::Serialize;
use serde_json::{Value, json};
use store::{SealedFile, Store};

/// Rows of the audit in a bundle.
const ROWS: usize = 500;

/// Most bytes that are read of a file of the system.
const SHORT: u64 = 4 * 1024;

pub(super) async fn carry_out(parts: &Parts, include: &[String]) -> Result<Reply, Problem> {
    let chosen = Section::named(include).map_err(|error| refuse(&error))?;
    let turn = parts.diagnostics.turn().await;
    let mut sections = Vec::new();
    for section in chosen {
        let value = filled(parts, section).await.unwrap_or_else(
            |problem| json!({ "error": { "code": problem.code, "message": problem.message } }),
        );
        sections.push((section, value));
    }
    // Read after what they are looked for in: one that was set meanwhile is among them.
    let mut secrets = parts.records.read(secrets).await?;
    secrets.extend_from_slice(parts.diagnostics.known());
    let device = parts.link.serial.clone();
    let device = device.or_else(|| parts.link.device.borrow().clone());
    let at = rfc3339(parts.clock.wall());
    let made = tokio::task::spawn_blocking(move || {
        // Whoever asked may be gone by now.
        let _turn = turn;
        let device = device.as_deref().unwrap_or("device");
        bundle(sections, &Redactor::new(secrets), (device, &at))
    });
    let made = made.await.map_err(|_| Fault::Thread)?;
    Ok(Reply::Diagnostics(Box::new(made)))
}

/// Every secret that is kept: passwords, keys, the webhook, the device's own keys.
fn secrets(store: &Store) -> Result<Vec<Secret>, Fault> {
    let mut secrets = store.secrets()?;
    // Keys that cannot be read are in nobody's hands.
    if let Ok(Some(text)) = store.read_sealed(SealedFile::Identity)
        && let Ok(identity) = serde_json::from_str::<::link::Identity>(text.expose())
    {
        let keys = identity.private_keys();
        secrets.extend(keys.into_iter().map(Secret::new));
    }
    Ok(secrets)
}

async fn filled(parts: &Parts, section: Section) -> Result<Value, Problem> {
    let show = || parts.show.status();
    Ok(match section {
        Section::About => about(parts).await?,
        Section::Settings => told(settings::carry_out(parts, SettingsCommand::Get).await?)?,
        Section::Health => json!({
            "report": told(health::carry_out(parts, HealthCommand::Report)?)?,
            "alerts": told(alerts::carry_out(parts, AlertCommand::List(AlertQuery::default())).await?)?,
            "notices": told(&show().notices)?,
        }),
        Section::Show => told(preview::carry_out(parts, PreviewCommand::Status).await?)?,
        Section::Metrics => told(health::metrics(parts))?,
        Section::Link => told(LinkView::of(&parts.link))?,
        Section::Inventory => json!({
            "cameras": told(cameras::carry_out(parts, CameraCommand::List).await?)?,
            "destinations": told(destinations::carry_out(parts, DestinationCommand::List).await?)?,
            "streams": told(streams::carry_out(parts, StreamCommand::List).await?)?,
            "timelines": told(timelines::carry_out(parts, TimelineCommand::List).await?)?,
        }),
        Section::Audit => {
            let query = AuditQuery {
                since: None,
                limit: ROWS,
                kind: None,
            };
            told(audit::list(parts, query).await?)?
        }
        Section::Log => told(parts.diagnostics.log().lines())?,
    })
}

fn told(value: impl Serialize) -> Result<Value, Problem> {
    let none = |_| protocol::Code::Internal.with_message("a part of the bundle has no JSON form");
    serde_json::to_value(value).map_err(none)
}

/// Which agent on which machine, and since when.
async fn about(parts: &Parts) -> Result<Value, Problem> {
    let machine = tokio::task::spawn_blocking(machine);
    let machine = machine.await.map_err(|_| Fault::Thread)?;
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "arch": std::env::consts::ARCH,
        "os": std::env::consts::OS,
        "serial": parts.link.serial,
        "device_id": *parts.link.device.borrow(),
        "at": rfc3339(parts.clock.wall()),
        "uptime_s": parts.clock.monotonic().as_secs(),
        "machine": machine,
        "system": told(&*parts.system.sample())?,
    }))
}

/// What the system says of itself. Blocks.
fn machine() -> Value {
    let Boot { name, since } = SystemClock.boot();
    let release = short("/etc/os-release");
    let system = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches('"'));
    json!({
        "boot_id": name,
        "uptime_s": since.as_secs(),
        "system": system,
        "kernel": short("/proc/sys/kernel/osrelease").trim(),
    })
}

/// The beginning of a file of the system; empty where it cannot be read.
fn short(path: &str) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(SHORT).read_to_end(&mut bytes));
    read.map_or_else(
        |_| String::new(),
        |_| String::from_utf8_lossy(&bytes).into_owned(),
    )
}
