//! What tests of the link share: a Studio, with a mosquitto where that is a way, and an agent that it has
//! paired and that is connected.

#![allow(clippy::disallowed_methods, reason = "a test's clock is its own")]

use crate::{promptly, report};
use harness::{Agent, AgentOptions, cue, timeline, until};
use protocol::{Ack, AckStatus, Code, Kind};
use sandbox::{Heard, Sent, Studio, Way};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// More than anything here takes on a slow machine.
pub const LONG: Duration = Duration::from_secs(60);

/// A session of this length begins the pauses between tries anew, as of a link that breaks seldom.
pub const STABLE: Duration = Duration::from_secs(61);

/// A Studio, and an agent that it has paired and that is connected.
pub struct Stage {
    /// Studio and its broker.
    pub studio: Studio,
    /// The agent.
    pub agent: Agent,
    /// What Studio calls it.
    pub device: String,
    data: TempDir,
}

/// The agent gets the ways in this order, and takes the first.
///
/// # Panics
/// When it does not come by it.
#[must_use]
pub fn stage(ways: &[Way]) -> Stage {
    stage_with(ways, &[])
}

/// The same with more environment variables for the agent.
///
/// # Panics
/// When it does not come by the first way.
#[must_use]
pub fn stage_with(ways: &[Way], environment: &[(&str, String)]) -> Stage {
    let studio = Studio::with(ways);
    let data = tempfile::tempdir().unwrap();
    let authority = studio.authority();
    let authority = authority.to_str().unwrap();
    let token = studio.token(None);
    let arguments = ["pair", "--studio", &studio.url(), "--ca", authority, &token];
    let (code, said) = Agent::command_with(&arguments, data.path(), environment);
    assert_eq!(code, Some(0), "{said}");
    let named = |(key, value): &(&str, String)| ((*key).to_owned(), value.clone());
    let agent = Agent::with(AgentOptions {
        data: Some(data.path().to_owned()),
        environment: environment.iter().map(named).collect(),
        ..AgentOptions::default()
    });
    let device = studio.devices().remove(0);
    let stage = Stage {
        studio,
        agent,
        device,
        data,
    };
    stage.comes_by(ways[0].kind());
    stage
}

/// A Studio that devices reach by these ways, and an agent that is not paired.
///
/// # Panics
/// When one of them does not come up.
#[must_use]
pub fn unpaired(ways: &[Way]) -> Stage {
    let data = tempfile::tempdir().unwrap();
    let agent = Agent::with(AgentOptions {
        data: Some(data.path().to_owned()),
        ..AgentOptions::default()
    });
    Stage {
        studio: Studio::with(ways),
        agent,
        device: String::new(),
        data,
    }
}

impl Stage {
    /// The folder of everything that the agent keeps.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

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

    /// Sends a command, and waits for its good end. One correlation id has to lead from the command
    /// through what Studio hears of it, an event, the log and the audit. Gives the result.
    ///
    /// # Panics
    /// When it has none, or the id is missing in one of them.
    #[track_caller]
    pub fn directs(&self, kind: &str, payload: &Value) -> Value {
        let began = Instant::now();
        let sent = self.studio.send(&self.device, kind, payload);
        let acks = self.ends_well(&sent.id);
        let ended = format!("{kind}, ms to its end");
        report(&ended, began.elapsed().as_millis());
        let mut heard = self.studio.heard_from(0);
        heard.retain(|heard| heard.payload["message_id"] == sent.id.as_str());
        let correlated = |heard: &Heard| heard.correlation_id == sent.correlation_id;
        assert!(heard.iter().all(correlated), "{sent:?}: {heard:?}");
        let logged = until(LONG, || self.agent.log().contains(&sent.correlation_id));
        assert!(logged, "the log does not name {}", sent.correlation_id);
        let audit = self.agent.api().get("/api/audit?limit=50").ok();
        let audit = audit["entries"].as_array().unwrap().iter().rev();
        let of_it = audit.filter(|row| row["correlation_id"] == sent.correlation_id.as_str());
        let of_it: Vec<&Value> = of_it.collect();
        let outcomes: Vec<&Value> = of_it.iter().map(|row| &row["outcome"]).collect();
        assert_eq!(outcomes, ["accepted", "completed"], "{kind} in the audit");
        // One that Studio sent again after a reconnection is answered once more.
        let is_answer =
            |heard: &&Heard| heard.kind == Kind::Ack && heard.payload["duplicate"] != true;
        let told: Vec<&Heard> = heard.iter().filter(is_answer).collect();
        assert_eq!(told.len(), of_it.len(), "{heard:?}");
        let mut latest = 0;
        for (row, ack) in of_it.iter().zip(told) {
            assert_eq!(ack.payload["status"], row["outcome"], "{heard:?}");
            latest = latest.max(promptly(kind, row["at"].as_str().unwrap(), ack));
        }
        report(&format!("{kind}, ms from its row to Studio"), latest);
        if kind != "HEALTH_REQUEST" {
            let told = self.studio.wait_heard(0, LONG, |heard| {
                heard.kind == Kind::Event && heard.correlation_id == sent.correlation_id
            });
            let heard = || self.studio.heard_from(0);
            let told = told.unwrap_or_else(|| panic!("no event of {kind}: {:?}", heard()));
            let happened = told.payload["context"]["at"].as_str();
            let happened = happened.or_else(|| of_it[0]["at"].as_str());
            let took = promptly(kind, happened.unwrap(), &told);
            report(&format!("{kind}, ms from the event to Studio"), took);
        }
        let end = acks.iter().find_map(|ack| ack.result.clone());
        end.unwrap_or_default()
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

    /// Sends commands that do nothing, one after the other.
    #[must_use]
    pub fn send(&self, count: usize) -> Vec<Sent> {
        let send = |_| self.studio.send(&self.device, "HEALTH_REQUEST", &json!({}));
        (0..count).map(send).collect()
    }

    /// Waits until every command came to its good end, in the order in which they were sent, and nothing
    /// waits.
    ///
    /// # Panics
    /// When one has none, or another order.
    #[track_caller]
    pub fn in_order(&self, sent: &[Sent]) {
        for one in sent {
            let _acks = self.ends_well(&one.id);
        }
        let heard = self.studio.heard_from(0);
        let accepted: Vec<&str> = heard
            .iter()
            .filter(|heard| heard.kind == Kind::Ack)
            .filter(|heard| heard.payload["status"] == json!(AckStatus::Accepted))
            .filter(|heard| heard.payload["duplicate"] != true)
            .filter_map(|heard| heard.payload["message_id"].as_str())
            .filter(|id| sent.iter().any(|one| one.id == *id))
            .collect();
        let wanted: Vec<&str> = sent.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(accepted, wanted);
        self.settles();
    }

    /// Waits for a session after the first `sessions`; gives after how long.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn back(&self, sessions: u64) -> Duration {
        let began = Instant::now();
        let back = until(LONG, || {
            let link = self.link();
            link["state"] == "online" && link["sessions"].as_u64() > Some(sessions)
        });
        assert!(back, "{}\n{}", self.link(), self.agent.log());
        began.elapsed()
    }

    /// Frames of the program, and of them those that were late or had no picture.
    #[must_use]
    pub fn frames(&self) -> (u64, u64) {
        let metrics = &self.agent.status()["metrics"];
        let count = |what: &str| metrics[what].as_u64().unwrap_or(0);
        (count("frames"), count("repeated") + count("missing"))
    }

    /// Starts a show of colour bars, which needs no camera.
    pub fn show_bars(&self) {
        let mut bars = cue("a", "1", 0.0, 600.0, 0.0);
        bars["action"] = json!("show_media");
        bars["params"] = json!({ "pattern": "color_bars" });
        let show = timeline("bars", 600.0, vec![bars], Vec::new());
        let _ = self.agent.api().post("/api/timelines", show).ok();
        let start = json!({ "timeline_id": "bars" });
        let _ = self.agent.api().post("/api/preview/start", start).ok();
    }
}

/// Prints the middle and the longest of some times, and gives them.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn figures(what: &str, mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let (middle, most) = (times[times.len() / 2], times[times.len() - 1]);
    report(
        &format!("{what}, ms: middle and most of {}", times.len()),
        format!("{} {}", middle.as_millis(), most.as_millis()),
    );
    (middle, most)
}
