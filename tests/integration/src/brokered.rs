//! What the tests of the link over a broker share: a Studio with a mosquitto, and an agent that it has
//! paired and that is connected.

#![allow(clippy::disallowed_methods, reason = "a test's clock is its own")]

use crate::report;
use harness::{Agent, AgentOptions, until};
use protocol::{Ack, AckStatus, Code};
use sandbox::{Studio, Way};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// More than anything here takes on a slow machine.
pub const LONG: Duration = Duration::from_secs(60);

/// A Studio with a mosquitto, and an agent that it has paired and that is connected.
pub struct Stage {
    /// Studio and its broker.
    pub studio: Studio,
    /// The agent.
    pub agent: Agent,
    /// What Studio calls it.
    pub device: String,
    _data: TempDir,
}

/// The agent gets the ways in this order, and takes the first.
///
/// # Panics
/// When it does not come by it.
#[must_use]
pub fn stage(ways: &[Way]) -> Stage {
    let studio = Studio::with(ways);
    let data = tempfile::tempdir().unwrap();
    let authority = studio.authority();
    let authority = authority.to_str().unwrap();
    let token = studio.token(None);
    let arguments = ["pair", "--studio", &studio.url(), "--ca", authority, &token];
    let (code, said) = Agent::command(&arguments, data.path());
    assert_eq!(code, Some(0), "{said}");
    let agent = Agent::with(AgentOptions {
        data: Some(data.path().to_owned()),
        ..AgentOptions::default()
    });
    let device = studio.devices().remove(0);
    let stage = Stage {
        studio,
        agent,
        device,
        _data: data,
    };
    stage.comes_by(ways[0].kind());
    stage
}

impl Stage {
    /// How the agent says that the link is.
    #[must_use]
    pub fn link(&self) -> Value {
        self.agent.api().get("/api/link").ok()
    }

    /// A number that the agent says of the link.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.link()[what].as_u64().unwrap_or(0)
    }

    /// How many messages the agent refused with this code.
    #[must_use]
    pub fn refused(&self, code: Code) -> u64 {
        self.link()["refused"][code.as_str()].as_u64().unwrap_or(0)
    }

    /// Waits until the device is connected in this way and knows it.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn comes_by(&self, kind: &str) {
        let began = Instant::now();
        let came = self.studio.wait_way(&self.device, kind, LONG);
        assert!(
            came,
            "not by {kind}: {}\n{}\n{:?}",
            self.link(),
            self.agent.log(),
            self.studio.faults()
        );
        let scheme = if kind == "mqtt" { "mqtts://" } else { "wss://" };
        let knows = until(LONG, || {
            let link = self.link();
            let address = link["address"].as_str().unwrap_or("").to_owned();
            link["state"] == "online" && address.starts_with(scheme)
        });
        assert!(knows, "{}", self.link());
        let waited = began.elapsed().as_millis();
        report(&format!("connected by {kind}, ms"), waited);
    }

    /// Waits for a command's end, and gives all that was said about it.
    ///
    /// # Panics
    /// When the end is not a good one.
    #[track_caller]
    pub fn ends_well(&self, id: &str) -> Vec<Ack> {
        let acks = self.studio.wait_end(id, LONG);
        let new = acks.iter().filter(|ack| !ack.duplicate);
        let words: Vec<AckStatus> = new.map(|ack| ack.status).collect();
        assert_eq!(
            words,
            [AckStatus::Accepted, AckStatus::Completed],
            "{acks:?}\n{}",
            self.agent.log()
        );
        acks
    }

    /// Sends a command, and waits for its good end.
    ///
    /// # Panics
    /// When it has none.
    #[track_caller]
    pub fn done(&self) {
        let began = Instant::now();
        let sent = self.studio.send(&self.device, "HEALTH_REQUEST", &json!({}));
        let _acks = self.ends_well(&sent.id);
        report("to its end, ms", began.elapsed().as_millis());
    }

    /// A good command that does nothing, to be changed before it is signed.
    #[must_use]
    pub fn health(&self) -> Value {
        self.studio
            .command(&self.device, "HEALTH_REQUEST", &json!({}))
    }

    /// Nothing waits, and nobody said what they should not have.
    ///
    /// # Panics
    /// When something does, or somebody did.
    #[track_caller]
    pub fn settles(&self) {
        let settled = until(LONG, || {
            let link = self.link();
            link["outbox"] == 0 && link["open_commands"] == 0
        });
        assert!(settled, "{}", self.link());
        assert_eq!(self.studio.faults(), Vec::<String>::new());
    }
}
