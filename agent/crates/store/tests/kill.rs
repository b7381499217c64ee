//! A process that is killed loses nothing that it was told is stored.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::Secret;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, UNIX_EPOCH};
use store::{Batch, Store, Tree};

const FOLDER: &str = "STORE_KILL_TEST_FOLDER";
const ROUNDS: u32 = 20;

fn open(dir: &Path) -> Store {
    let (store, opened) = Store::open(dir, UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    assert_eq!(opened.recovered, None, "a killed process damages nothing");
    assert!(opened.unreadable_secrets.is_empty());
    store
}

/// What stands under a number: small or in parts, always to be known again.
fn document(number: u64) -> Vec<u64> {
    let length = match number % 10 {
        0 => 120_000,
        5 => 20_000,
        _ => 20,
    };
    (0..length)
        .map(|index| number * 1_000_000 + index)
        .collect()
}

/// The writer: not a test of its own, but the child that the test below starts and kills.
#[test]
fn child_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let store = open(Path::new(&folder));
    let mut out = std::io::stdout();
    loop {
        let number = store.next_id(Tree::Events).unwrap();
        let id = number.to_string();
        let secret = Secret::new(format!("secret {number}"));
        let batch = Batch::new()
            .put(Tree::Events, &id, &document(number))
            .unwrap();
        store
            .commit(batch.seal(Tree::Events, &id, &secret).unwrap())
            .unwrap();
        // The same row each time, so that parts are replaced while the process may die.
        store
            .put(Tree::State, "last", &document(number * 5))
            .unwrap();
        writeln!(out, "acked {number}").unwrap();
    }
}

#[test]
fn twenty_kills_lose_no_acknowledged_write_and_tear_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut acked: Vec<u64> = Vec::new();
    for round in 0..ROUNDS {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test kills a child of its own"
        )]
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_writes_until_it_is_killed", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            let Some((_, number)) = line.split_once("acked ") else {
                continue;
            };
            acked.push(number.parse().unwrap());
            seen += 1;
            if seen == 1 + round % 13 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen > round % 13, "round {round}: the child wrote {seen}");

        let store = open(dir.path());
        for number in &acked {
            let stored: Option<Vec<u64>> = store.get(Tree::Events, &number.to_string()).unwrap();
            assert_eq!(
                stored,
                Some(document(*number)),
                "round {round}: {number} lost"
            );
        }
        // Others were written and not acknowledged; none of those is torn.
        let rows = store.list::<Vec<u64>>(Tree::Events).unwrap();
        for (id, stored) in &rows {
            assert_eq!(stored, &document(id.parse().unwrap()));
            let secret = store.secret(Tree::Events, id).unwrap().unwrap();
            assert_eq!(secret.expose(), format!("secret {id}"));
        }
        let last: Vec<u64> = store.get(Tree::State, "last").unwrap().unwrap();
        assert!(
            last[0] >= acked[acked.len() - 1] * 5_000_000,
            "round {round}: an older row came back"
        );
    }
}
