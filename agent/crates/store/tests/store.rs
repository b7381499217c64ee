//! What the store promises, on a real folder.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use model::Secret;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{Batch, OpenError, Opened, ReadError, SecretError, Store, Tree, WriteError};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn open(dir: &Path) -> (Store, Opened) {
    Store::open(dir, at(1_700_000_000)).unwrap()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    (dir, data)
}

#[test]
fn what_was_put_is_there_after_a_restart_and_what_was_deleted_is_not() {
    let (_dir, data) = folder();
    let (store, opened) = open(&data);
    assert_eq!(opened, Opened::default());
    let first = Batch::new().put(Tree::Cameras, "1", &"one").unwrap();
    store
        .commit(first.put(Tree::Cameras, "2", &"two").unwrap())
        .unwrap();
    store.put(Tree::Streams, "1", &"another kind").unwrap();
    assert!(store.delete(Tree::Cameras, "1").unwrap());
    assert!(!store.delete(Tree::Cameras, "1").unwrap());
    drop(store);
    let (store, opened) = open(&data);
    assert_eq!((opened.recovered, opened.schema_was), (None, store::SCHEMA));
    assert_eq!(store.get::<String>(Tree::Cameras, "1").unwrap(), None);
    assert_eq!(
        store.get::<String>(Tree::Cameras, "2").unwrap().as_deref(),
        Some("two")
    );
    assert_eq!(
        store.list::<String>(Tree::Streams).unwrap(),
        [("1".into(), "another kind".into())]
    );
}

#[test]
fn a_list_is_in_the_order_of_numbers_and_leaves_out_what_has_another_shape() {
    let (_dir, data) = folder();
    let (store, _) = open(&data);
    for id in ["10", "9", "main", "2", "back"] {
        store.put(Tree::Cameras, id, &id).unwrap();
    }
    store.put(Tree::Cameras, "3", &7).unwrap();
    let ids: Vec<String> = store
        .list::<String>(Tree::Cameras)
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(ids, ["2", "9", "10", "back", "main"]);
    assert!(matches!(
        store.get::<String>(Tree::Cameras, "3"),
        Err(ReadError::Shape { .. })
    ));
}

#[test]
fn an_id_is_never_given_twice_nor_one_that_is_taken() {
    let (_dir, data) = folder();
    let (store, _) = open(&data);
    store.put(Tree::Timelines, "2", &()).unwrap();
    assert_eq!(store.next_id(Tree::Timelines).unwrap(), 1);
    assert_eq!(store.next_id(Tree::Timelines).unwrap(), 3);
    store.put(Tree::Timelines, "3", &()).unwrap();
    store.delete(Tree::Timelines, "3").unwrap();
    drop(store);
    let (store, _) = open(&data);
    assert_eq!(store.next_id(Tree::Timelines).unwrap(), 4);
    assert_eq!(store.next_id(Tree::Cameras).unwrap(), 1);
}

#[test]
fn a_large_document_comes_back_whole_and_leaves_nothing_behind() {
    let (_dir, data) = folder();
    let (store, _) = open(&data);
    for size in [
        1_000_000,
        32 * 1024 - 3,
        32 * 1024 - 2,
        32 * 1024 - 1,
        3,
        200_000,
    ] {
        let text = "é".repeat(size / 2);
        store.put(Tree::Timelines, "a", &text).unwrap();
        assert_eq!(
            store.get::<String>(Tree::Timelines, "a").unwrap().as_ref(),
            Some(&text)
        );
    }
    // An id that begins like another one does not share its parts.
    let other = "x".repeat(100_000);
    store.put(Tree::Timelines, "a0", &other).unwrap();
    store.delete(Tree::Timelines, "a").unwrap();
    let twice = Batch::new().put(Tree::Timelines, "b", &other).unwrap();
    store
        .commit(twice.put(Tree::Timelines, "b", &other).unwrap())
        .unwrap();
    drop(store);
    let (store, _) = open(&data);
    assert_eq!(
        store.get::<String>(Tree::Timelines, "a0").unwrap().as_ref(),
        Some(&other)
    );
    let parts = snapshot_keys(&store, at(5))
        .iter()
        .filter(|key| key.starts_with("part/"))
        .count();
    assert_eq!(
        parts,
        2 * 100_002_usize.div_ceil(32 * 1024),
        "only those of a0 and b"
    );
    let error = store
        .put(Tree::Timelines, "a", &"x".repeat(store::DOCUMENT_LIMIT))
        .unwrap_err();
    assert!(matches!(error, WriteError::TooLarge { .. }), "{error}");
}

fn snapshot_keys(store: &Store, now: SystemTime) -> Vec<String> {
    let path = store.snapshot(now).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let rows = document["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        let key = data_encoding::BASE64
            .decode(row[0].as_str().unwrap().as_bytes())
            .unwrap();
        String::from_utf8(key).unwrap()
    })
    .collect()
}

#[test]
fn an_id_that_could_reach_another_row_is_refused() {
    let (_dir, data) = folder();
    let (store, _) = open(&data);
    for id in ["", "a/b", "a\0b", "a\nb", &"x".repeat(129)] {
        assert!(
            matches!(store.put(Tree::Cameras, id, &()), Err(WriteError::Id)),
            "{id:?}"
        );
        assert!(
            matches!(store.delete(Tree::Cameras, id), Err(WriteError::Id)),
            "{id:?}"
        );
    }
}

#[test]
fn a_second_agent_is_kept_out_and_told_so() {
    let (_dir, data) = folder();
    let (store, _) = open(&data);
    let error = Store::open(&data, at(0)).err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(store);
    open(&data);
}

// Secrets.

fn sealed() -> (tempfile::TempDir, PathBuf) {
    let (dir, data) = folder();
    let (store, _) = open(&data);
    let batch = Batch::new().put(Tree::Destinations, "1", &"row").unwrap();
    store
        .commit(
            batch
                .seal(Tree::Destinations, "1", &Secret::new("correct horse"))
                .unwrap(),
        )
        .unwrap();
    (dir, data)
}

#[test]
fn a_secret_comes_back_and_stands_nowhere_in_the_folder() {
    let (_dir, data) = sealed();
    let (store, opened) = open(&data);
    assert!(opened.unreadable_secrets.is_empty());
    let secret = store.secret(Tree::Destinations, "1").unwrap().unwrap();
    assert_eq!(secret.expose(), "correct horse");
    assert_eq!(store.secret(Tree::Cameras, "1").unwrap(), None);
    store.snapshot(at(9)).unwrap();
    drop(store);
    let mut seen = 0;
    let mut folders = vec![data];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            seen += 1;
            let bytes = fs::read(&entry).unwrap();
            let found = bytes.windows(13).any(|window| window == b"correct horse");
            assert!(!found, "{}", entry.display());
        }
    }
    assert!(seen >= 4);
}

#[test]
fn every_secret_is_told_to_those_who_look_for_them_and_one_that_does_not_open_is_left_out() {
    let (_dir, data) = sealed();
    let (store, _) = open(&data);
    let camera =
        |id: &str, secret: &str| Batch::new().seal(Tree::Cameras, id, &Secret::new(secret));
    store.commit(camera("7", "pass\nword").unwrap()).unwrap();
    let told = |store: &Store| {
        let secrets = store.secrets().unwrap();
        let mut told: Vec<String> = secrets.iter().map(|one| one.expose().to_owned()).collect();
        told.sort_unstable();
        told
    };
    assert_eq!(told(&store), ["correct horse", "pass\nword"]);
    drop(store);
    fs::write(data.join("secret.key"), [7_u8; 32]).unwrap();
    let (store, _) = open(&data);
    store.commit(camera("8", "new").unwrap()).unwrap();
    assert_eq!(told(&store), ["new"]);
}

#[test]
fn the_key_file_is_private_and_made_private_again() {
    let (_dir, data) = sealed();
    let key = data.join("secret.key");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&key), 0o600);
    assert_eq!(mode(&data), 0o700);
    fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    open(&data);
    assert_eq!(mode(&key), 0o600);
}

#[test]
fn with_another_key_file_secrets_do_not_open_and_everything_else_does() {
    let (_dir, data) = sealed();
    fs::write(data.join("secret.key"), [7_u8; 32]).unwrap();
    let (store, opened) = open(&data);
    assert_eq!(opened.unreadable_secrets, ["destinations/1"]);
    assert!(matches!(
        store.secret(Tree::Destinations, "1"),
        Err(SecretError::Unreadable { .. })
    ));
    assert_eq!(
        store
            .get::<String>(Tree::Destinations, "1")
            .unwrap()
            .as_deref(),
        Some("row")
    );
    let again = Batch::new()
        .seal(Tree::Destinations, "1", &Secret::new("new"))
        .unwrap();
    store.commit(again).unwrap();
    assert_eq!(
        store
            .secret(Tree::Destinations, "1")
            .unwrap()
            .unwrap()
            .expose(),
        "new"
    );
}

#[test]
fn a_key_file_that_is_none_is_refused_and_kept() {
    let (_dir, data) = sealed();
    let key = data.join("secret.key");
    for wrong in [&b""[..], b"short", &[1; 33]] {
        fs::write(&key, wrong).unwrap();
        assert!(matches!(
            Store::open(&data, at(0)),
            Err(OpenError::KeyFile { .. })
        ));
        assert_eq!(fs::read(&key).unwrap(), wrong);
    }
}

#[test]
fn an_empty_secret_and_a_deleted_entity_leave_none() {
    let (_dir, data) = sealed();
    let (store, _) = open(&data);
    store
        .commit(
            Batch::new()
                .seal(Tree::Destinations, "1", &Secret::default())
                .unwrap(),
        )
        .unwrap();
    assert_eq!(store.secret(Tree::Destinations, "1").unwrap(), None);
    store
        .commit(
            Batch::new()
                .seal(Tree::Destinations, "1", &Secret::new("x"))
                .unwrap(),
        )
        .unwrap();
    store.delete(Tree::Destinations, "1").unwrap();
    assert_eq!(store.secret(Tree::Destinations, "1").unwrap(), None);
}

// Damage.

fn filled(data: &Path) {
    let (store, _) = open(data);
    let text = "x".repeat(50_000);
    for id in 0..40 {
        store.put(Tree::Timelines, &id.to_string(), &text).unwrap();
    }
    let batch = Batch::new().put(Tree::Destinations, "1", &"row").unwrap();
    store
        .commit(
            batch
                .seal(Tree::Destinations, "1", &Secret::new("hidden"))
                .unwrap(),
        )
        .unwrap();
}

fn damage(data: &Path, how: &str) {
    let db = data.join("db");
    let log = db.join("db");
    match how {
        "garbage" => {
            let length = fs::metadata(&log).unwrap().len() as usize;
            let noise: Vec<u8> = (0..length).map(|i| (i * 31 % 251) as u8).collect();
            fs::write(&log, noise).unwrap();
        }
        "truncated" => {
            let file = fs::File::options().write(true).open(&log).unwrap();
            file.set_len(4096).unwrap();
        }
        "flipped" => {
            let mut bytes = fs::read(&log).unwrap();
            bytes
                .iter_mut()
                .step_by(4096)
                .for_each(|byte| *byte ^= 0xa5);
            fs::write(&log, bytes).unwrap();
        }
        "back" => {
            // An older state of the whole database, itself without a fault.
            fs::remove_dir_all(&db).unwrap();
            let (old, _) = open(&data.with_file_name("other"));
            old.put(Tree::Cameras, "1", &"old").unwrap();
            drop(old);
            fs::rename(data.with_file_name("other").join("db"), &db).unwrap();
        }
        "empty" => fs::write(&log, b"").unwrap(),
        "settings" => fs::write(db.join("conf"), [0xff; 64]).unwrap(),
        "gone" => fs::remove_dir_all(&db).unwrap(),
        "snaps" => {
            for entry in fs::read_dir(&db)
                .unwrap()
                .map(|entry| entry.unwrap().path())
            {
                if entry
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with("snap")
                {
                    fs::write(entry, [0x55; 4096]).unwrap();
                }
            }
            fs::write(&log, [0x55; 4096]).unwrap();
        }
        other => panic!("{other}"),
    }
}

const DAMAGES: [&str; 8] = [
    "garbage",
    "truncated",
    "flipped",
    "back",
    "empty",
    "settings",
    "gone",
    "snaps",
];

#[test]
fn a_damaged_database_is_set_aside_and_the_agent_starts() {
    for how in DAMAGES {
        let (_dir, data) = folder();
        filled(&data);
        damage(&data, how);
        let (store, opened) = open(&data);
        let recovered = opened.recovered.unwrap_or_else(|| panic!("{how}"));
        assert_eq!(recovered.snapshot, None);
        let aside = recovered.set_aside.unwrap();
        assert!(
            aside.ends_with("db-corrupt-1700000000") && aside.is_dir(),
            "{how}"
        );
        assert!(store.list::<String>(Tree::Timelines).unwrap().is_empty());
        store.put(Tree::Timelines, "new", &"works").unwrap();
        drop(store);
        damage(&data, "garbage");
        let (store, opened) = open(&data);
        assert!(
            opened
                .recovered
                .unwrap()
                .set_aside
                .unwrap()
                .ends_with("db-corrupt-1700000000-2")
        );
        drop(store);
    }
}

#[test]
fn a_damaged_database_comes_back_from_the_newest_whole_snapshot() {
    for how in DAMAGES {
        let (_dir, data) = folder();
        filled(&data);
        let (store, _) = open(&data);
        store.snapshot(at(100)).unwrap();
        store.put(Tree::Cameras, "1", &"after the first").unwrap();
        store.snapshot(at(200)).unwrap();
        let torn = store.snapshot(at(300)).unwrap();
        drop(store);
        let bytes = fs::read(&torn).unwrap();
        fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
        damage(&data, how);
        let (store, opened) = open(&data);
        assert_eq!(opened.recovered.unwrap().snapshot, Some(at(200)), "{how}");
        assert!(opened.unreadable_secrets.is_empty());
        assert_eq!(store.list::<String>(Tree::Timelines).unwrap().len(), 40);
        assert_eq!(
            store.get::<String>(Tree::Cameras, "1").unwrap().as_deref(),
            Some("after the first")
        );
        assert_eq!(
            store
                .secret(Tree::Destinations, "1")
                .unwrap()
                .unwrap()
                .expose(),
            "hidden"
        );
    }
}

#[test]
fn a_changed_snapshot_is_not_believed_and_only_three_are_kept() {
    let (_dir, data) = folder();
    filled(&data);
    let (store, _) = open(&data);
    for second in 1..=5 {
        store.snapshot(at(second)).unwrap();
    }
    drop(store);
    let folder = data.join("snapshots");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    assert_eq!(names.len(), 3);
    for path in names {
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("\"taken_at\":", "\"taken_at\":1", 1)).unwrap();
    }
    damage(&data, "gone");
    assert_eq!(open(&data).1.recovered.unwrap().snapshot, None);
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_and_stays_as_it_is() {
    let (dir, data) = folder();
    fs::create_dir(&data).unwrap();
    fs::write(data.join("db"), b"a file").unwrap();
    assert!(matches!(
        Store::open(&data, at(0)),
        Err(OpenError::Io { .. })
    ));
    assert_eq!(fs::read(data.join("db")).unwrap(), b"a file");
    fs::write(dir.path().join("file"), b"").unwrap();
    assert!(matches!(
        Store::open(&dir.path().join("file"), at(0)),
        Err(OpenError::Io { .. })
    ));
}

#[test]
fn with_a_snapshot_a_database_that_cannot_be_got_at_is_set_aside() {
    for how in ["a file for the folder", "a folder for the log"] {
        let (_dir, data) = folder();
        filled(&data);
        open(&data).0.snapshot(at(7)).unwrap();
        let log = data.join("db/db");
        if how.starts_with("a file") {
            fs::remove_dir_all(data.join("db")).unwrap();
            fs::write(data.join("db"), b"a file").unwrap();
        } else {
            fs::remove_file(&log).unwrap();
            fs::create_dir(&log).unwrap();
        }
        let (store, opened) = open(&data);
        let recovered = opened.recovered.unwrap_or_else(|| panic!("{how}"));
        assert_eq!(recovered.snapshot, Some(at(7)), "{how}");
        assert!(recovered.set_aside.unwrap().exists(), "{how}");
        assert_eq!(store.list::<String>(Tree::Timelines).unwrap().len(), 40);
    }
}

#[test]
fn three_databases_that_were_set_aside_are_kept_the_last_among_them() {
    let (_dir, data) = folder();
    // The last of them while the clock stands a year back.
    for second in [100, 101, 102, 103, 104, 50] {
        drop(Store::open(&data, at(second)).unwrap());
        damage(&data, "garbage");
        let (_, opened) = Store::open(&data, at(second)).unwrap();
        assert!(opened.recovered.unwrap().set_aside.unwrap().is_dir());
    }
    let aside = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut aside: Vec<String> = aside.filter(|name| name.contains("corrupt")).collect();
    aside.sort();
    assert_eq!(aside, ["db-corrupt-103", "db-corrupt-104", "db-corrupt-50"]);
}

#[test]
fn a_snapshot_taken_after_the_clock_went_back_is_the_one_that_is_used() {
    let (_dir, data) = folder();
    let (store, _) = open(&data);
    for (second, text) in [(500, "a"), (501, "b"), (502, "c"), (20, "last")] {
        store.put(Tree::Cameras, "1", &text).unwrap();
        store.snapshot(at(second)).unwrap();
    }
    drop(store);
    damage(&data, "garbage");
    let (store, opened) = open(&data);
    assert_eq!(opened.recovered.unwrap().snapshot, Some(at(20)));
    let read = store.get::<String>(Tree::Cameras, "1").unwrap();
    assert_eq!(read.as_deref(), Some("last"));
}

#[test]
fn writers_at_the_same_time_share_syncs_and_lose_nothing() {
    let (_dir, data) = folder();
    let (store, _) = open(&data);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let store = store.clone();
            scope.spawn(move || {
                for row in 0..25 {
                    store
                        .put(Tree::Events, &format!("{writer}-{row}"), &row)
                        .unwrap();
                }
            });
        }
    });
    drop(store);
    assert_eq!(open(&data).0.list::<u32>(Tree::Events).unwrap().len(), 200);
}
