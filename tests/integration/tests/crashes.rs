//! The agent is killed again and again, and connections are cut, while Studio sends commands: whoever sees
//! both ends gives each command one outcome, and none is lost, done twice, stuck, or a stranger's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Dice, free_port, until};
use integration::brokered::{LONG, Stage, figures, stage};
use integration::{long, report, slow};
use protocol::{Ack, AckStatus, Code};
use sandbox::{Sent, Way};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nothing is at work longer than this after a start.
const STUCK: Duration = Duration::from_secs(5);
/// Commands of a round: as long as the agent lives, and while it is away.
const UNDER_LOAD: u64 = 12;
const AWAY: usize = 2;
/// The connection is cut as well, or the broker is started anew, in one round of so many.
const CUT_EVERY: u64 = 4;
/// The agent is killed at some time of so many milliseconds after the first command of a round.
const KILL_WITHIN_MS: u64 = 120;

/// What a command would leave behind.
enum Effect {
    /// A camera of this name: each time that it is done, another one.
    Camera(String),
    /// A timeline of this id: as often as it is done, one.
    Timeline(String),
}

struct Judge {
    stage: Stage,
    dice: Dice,
    numbered: u64,
    cuts: u64,
    /// How many commands came to which outcome.
    outcomes: BTreeMap<String, u64>,
    after_boot: Vec<Duration>,
}

impl Judge {
    /// One command, as the type and its payload, and what it would leave behind.
    fn next(&mut self) -> (&'static str, Value, Effect) {
        self.numbered += 1;
        let name = format!("k-{}", self.numbered);
        if self.dice.below(2) == 0 {
            let camera = json!({ "name": name, "address": "127.0.0.1", "port": 9,
                "protocol": "rtsp", "stream_path": "/none", "test": false });
            let payload = json!({ "action": "create", "payload": camera });
            return ("CAMERA_ACTION", payload, Effect::Camera(name));
        }
        let bars = json!({ "id": "a", "start_time": 0, "duration": 9, "action": "show_media",
            "params": { "pattern": "color_bars" } });
        let track = json!({ "track_id": "v", "type": "video", "cues": [bars] });
        let document = json!({ "name": name, "duration": 9, "tracks": [track] });
        let payload = json!({ "timeline_id": name, "segments": [document], "replace": true,
            "assets_manifest": { "assets": [] } });
        ("TIMELINE_LOAD", payload, Effect::Timeline(name))
    }

    fn send(&mut self) -> (Sent, Effect) {
        let (kind, payload, effect) = self.next();
        let sent = self.stage.studio.send(&self.stage.device, kind, &payload);
        (sent, effect)
    }

    /// What whoever is not Studio signs; gives its id and what it would leave behind.
    fn forge(&mut self) -> (String, Effect) {
        let (kind, payload, effect) = self.next();
        let (studio, device) = (&self.stage.studio, &self.stage.device);
        let mut command = studio.command(device, kind, &payload);
        // It takes no number from Studio's own.
        command["seq"] = json!(u32::MAX);
        let _may_be_gone = studio.deliver(device, &studio.sign_as_stranger(&command));
        (command["message_id"].as_str().unwrap().to_owned(), effect)
    }

    /// How often the effect of a command is there, and takes it away again.
    fn clear(&self, effect: &Effect) -> usize {
        let api = self.stage.agent.api();
        match effect {
            Effect::Timeline(id) => {
                let gone = api.delete(&format!("/api/timelines/{id}"));
                usize::from(gone.status < 300)
            }
            Effect::Camera(name) => {
                let cameras = api.get("/api/cameras").ok();
                let named = cameras.as_array().unwrap().iter();
                let named: Vec<&Value> = named.filter(|one| one["name"] == **name).collect();
                for camera in &named {
                    let id = camera["id"].as_str().unwrap();
                    let _ = api.delete(&format!("/api/cameras/{id}")).ok();
                }
                named.len()
            }
        }
    }

    fn cut(&mut self) {
        self.cuts += 1;
        if self.stage.studio.way(&self.stage.device) == Some("mqtt") {
            self.stage.studio.kill_broker();
            self.stage.studio.start_broker();
        } else {
            let _may_be_gone = self.stage.studio.cut(&self.stage.device);
        }
    }

    fn round(&mut self) {
        let mut sent = Vec::new();
        let lives = Duration::from_millis(self.dice.below(KILL_WITHIN_MS));
        let began = Instant::now();
        let (forged, forged_effect) = self.forge();
        let cut = (self.dice.below(CUT_EVERY) == 0).then(|| self.dice.below(UNDER_LOAD));
        for place in 0..UNDER_LOAD {
            if cut == Some(place) {
                self.cut();
            }
            sent.push(self.send());
        }
        // The moment is drawn, so it is waited for by the clock.
        std::thread::sleep(lives.saturating_sub(began.elapsed()));
        self.stage.agent.kill();
        let device = self.stage.device.clone();
        assert!(self.stage.studio.wait_offline(&device, LONG));
        for _ in 0..AWAY {
            sent.push(self.send());
        }
        self.stage.agent.start_again();
        let booted = Instant::now();
        for (one, effect) in &sent {
            let acks = self.stage.studio.wait_end(&one.id, LONG);
            self.outcome(one, effect, &acks);
        }
        self.after_boot.push(booted.elapsed());
        let answers = self.stage.studio.answers(&forged);
        assert!(answers.is_empty(), "a stranger's was answered: {answers:?}");
        assert_eq!(self.clear(&forged_effect), 0, "a stranger's was done");
    }

    /// Gives a command its one outcome.
    #[track_caller]
    fn outcome(&mut self, sent: &Sent, effect: &Effect, acks: &[Ack]) {
        let new: Vec<&Ack> = acks.iter().filter(|ack| !ack.duplicate).collect();
        let count = |of: fn(&AckStatus) -> bool| new.iter().filter(|ack| of(&ack.status)).count();
        let accepted = count(|status| *status == AckStatus::Accepted);
        let last: Vec<&&Ack> = new.iter().filter(|ack| ack.status.is_final()).collect();
        let log = || format!("{} {acks:?}\n{}", sent.id, self.stage.agent.log());
        assert_eq!(last.len(), 1, "lost, or ended twice: {}", log());
        assert_eq!(accepted, 1, "not accepted, or twice: {}", log());
        let there = self.clear(effect);
        let code = last[0].error.as_ref().map(|error| error.code);
        let word = match (last[0].status, code) {
            (AckStatus::Completed, _) => {
                assert_eq!(there, 1, "lost or doubled: {}", log());
                "completed"
            }
            (AckStatus::Failed, Some(Code::Interrupted)) => {
                assert!(there <= 1, "doubled: {}", log());
                if there == 1 {
                    "interrupted after it was done"
                } else {
                    "interrupted before"
                }
            }
            _ => panic!("neither completed nor interrupted: {}", log()),
        };
        *self.outcomes.entry(word.to_owned()).or_default() += 1;
    }
}

/// The kills of the short form, the same in every run; the long form draws others.
const SEED: u64 = 20_261;

fn drawn() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

#[test]
fn of_commands_under_random_kills_none_is_lost_doubled_stuck_or_a_strangers() {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) if long() => drawn(),
        Err(_) => SEED,
    };
    report("seed", seed);
    for way in [Way::Socket, Way::Broker(free_port())] {
        judged(way, if long() { 500 } else { 25 }, seed);
    }
}

fn judged(way: Way, rounds: u32, seed: u64) {
    let mut judge = Judge {
        stage: stage(&[way]),
        dice: Dice::new(seed),
        numbered: 0,
        cuts: 0,
        outcomes: BTreeMap::new(),
        after_boot: Vec::new(),
    };
    for _ in 0..rounds {
        judge.round();
    }
    report(
        &format!("{}: kills, and cuts beside them", way.kind()),
        format!("{rounds} {}", judge.cuts),
    );
    report(
        "commands, of them a stranger's",
        format!("{} {rounds}", judge.numbered),
    );
    report("outcomes", format!("{:?}", judge.outcomes));
    let (_, most) = figures("all at their end after a start", judge.after_boot);
    assert!(most <= STUCK * slow(), "{most:?}");
    let settled = until(LONG, || judge.stage.link()["outbox"] == 0);
    assert!(settled, "{}", judge.stage.link());
    assert_eq!(judge.stage.studio.faults(), Vec::<String>::new());
}
