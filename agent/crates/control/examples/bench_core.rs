//! How many commands a second the core takes on one thread, beside what bare `ring` verifies in the same
//! run. No disk and no network: a batch of up to 64 commands is durable as soon as it is asked for.
//!
//! `make bench-link`, or with `QUICK=1` a shorter run.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark prints what the clock says and stops where something is wrong"
)]

#[path = "../../../../protocol/tests/support/mod.rs"]
mod studio;

use control::{Config, Core, Effect, Outcome, Stored};
use protocol::command::CommandType;
use protocol::{Flags, Kind, MessageId, Nonce, Reader, pae, verify};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::json;
use std::time::{Duration, Instant};
use studio::{NONCE, NOW, Studio, at, id, key, known, nonce, opened, unbase64};

/// Commands that are received before the batch under way is durable.
const WINDOW: usize = 64;

fn main() {
    let count = if std::env::var_os("QUICK").is_some() {
        4_000
    } else {
        40_000
    };
    let studio = Studio::default();
    let commands: Vec<Vec<u8>> = (1..=count)
        .map(|seq| studio.sign(&studio.health(seq)))
        .collect();
    let bare = bare_ring(&studio, &commands);
    let verified = verified(&studio, &commands);
    let (core, again) = core(&studio, &commands);
    let per_second = |time: Duration| count as f64 / time.as_secs_f64();
    println!(
        "{count} signed commands of {} bytes, one thread",
        commands[0].len()
    );
    let row = |what: &str, time: Duration| {
        println!(
            "{what:<58} {:>9.0}/s   {:.2}x bare ring",
            per_second(time),
            time.as_secs_f64() / bare.as_secs_f64()
        );
    };
    row("bare ring: Ed25519 over bytes that are ready", bare);
    row("envelope read, verified, parsed, checked", verified);
    row("the same, kept, acked twice (signed), run, ended", core);
    row(
        "all of them again: known, answered as duplicates (signed)",
        again,
    );
}

fn bare_ring(studio: &Studio, commands: &[Vec<u8>]) -> Duration {
    let ready: Vec<(Vec<u8>, Vec<u8>)> = commands
        .iter()
        .map(|envelope| {
            let open = opened(envelope);
            let signed = pae(Kind::Command.payload_type(), &unbase64(&open["payload"]));
            (signed, unbase64(&open["signatures"][0]["sig"]))
        })
        .collect();
    let public = UnparsedPublicKey::new(&ED25519, studio.command.public().bytes());
    let start = Instant::now();
    for (signed, signature) in &ready {
        public.verify(signed, signature).unwrap();
    }
    start.elapsed()
}

fn verified(studio: &Studio, commands: &[Vec<u8>]) -> Duration {
    let trust = studio.trust();
    let nonce = nonce();
    let reader = Reader {
        now: known(NOW),
        nonces: std::slice::from_ref(&nonce),
    };
    let start = Instant::now();
    for envelope in commands {
        if let Err(refusal) = verify::command(envelope, &trust, &reader) {
            panic!("{}", refusal.error);
        }
    }
    start.elapsed()
}

fn core(studio: &Studio, commands: &[Vec<u8>]) -> (Duration, Duration) {
    let config = Config {
        signer: key(8),
        boot_id: MessageId::parse(id(0xb007)).unwrap(),
        built: at(NOW),
        commands: CommandType::ALL.iter().copied().collect(),
        flags: Flags::default(),
        trust: studio.trust(),
    };
    let (mut core, _) = Core::boot(config, Stored::default(), 0).unwrap();
    core.connected(Nonce::parse(NONCE).unwrap());
    let (_, effects) = core.welcomed(&studio.welcome(NONCE, NOW), 0).unwrap();
    let mut world = World::default();
    world.take(effects);
    world.settle(&mut core);
    let start = Instant::now();
    for window in commands.chunks(WINDOW) {
        for envelope in window {
            world.take(core.receive(envelope, 0));
        }
        world.settle(&mut core);
        // Receipts, as Studio would send them, so that the outbox stays short.
        let value = studio.message_value(1, json!({ "message_ids": world.kept(window.len() * 2) }));
        let receipt = studio::sign(Kind::Receipt, &value, &[&studio.session]);
        world.take(core.receipted(&receipt, 0));
        world.settle(&mut core);
    }
    let time = start.elapsed();
    assert_eq!(core.open_commands(), 0);
    assert_eq!(world.ended, commands.len());
    let sent = world.sent;
    let start = Instant::now();
    for envelope in commands {
        world.take(core.receive(envelope, 0));
    }
    let again = start.elapsed();
    assert_eq!(world.sent - sent, commands.len());
    (time, again)
}

/// Carries effects out in memory.
#[derive(Default)]
struct World {
    batches: Vec<control::BatchId>,
    runs: Vec<MessageId>,
    outbox: Vec<MessageId>,
    sent: usize,
    ended: usize,
}

impl World {
    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist { batch, rows } => {
                    self.batches.push(batch);
                    self.outbox
                        .extend(rows.into_iter().filter_map(|row| match row {
                            control::Row::Outbox(row) => Some(row.message_id),
                            _ => None,
                        }));
                }
                Effect::Send(_) => self.sent += 1,
                Effect::Run { message_id, .. } => self.runs.push(message_id),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Until nothing is under way: batches are durable, commands are done.
    fn settle(&mut self, core: &mut Core) {
        let reply = json!({"status": "healthy",
            "metrics": {"cpu": 1.0, "network": {"rx": 0.0, "tx": 0.0}, "stream_bitrate": []}});
        while !self.batches.is_empty() || !self.runs.is_empty() {
            for batch in std::mem::take(&mut self.batches) {
                self.take(core.committed(batch, 0));
            }
            for run in std::mem::take(&mut self.runs) {
                let (may, effects) = core.begin(&run, 0);
                assert!(may);
                self.take(effects);
                self.take(core.done(&run, Outcome::Completed(reply.clone()), 0));
                self.ended += 1;
            }
        }
    }

    fn kept(&mut self, most: usize) -> Vec<MessageId> {
        let at = most.min(self.outbox.len()).min(256);
        self.outbox.drain(..at).collect()
    }
}
