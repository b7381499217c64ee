//! Opening the data folder, whatever state it is in.
//!
//! A database that cannot be opened or read to its end is set aside as `db-corrupt-<time>`, and a new
//! one begins with the newest snapshot. Only what no new database would cure (no permission, no space,
//! another agent, a newer schema) is an error.

use crate::error::{OpenError, WriteError};
use crate::secret::Vault;
use crate::store::{Inner, RESERVE, Store, mark_path};
use crate::sync::Syncer;
use crate::tree::{PARTS, SECRETS, is_copied};
use crate::writes::{self, Writes};
use crate::{ballast, files, record, snapshot, upgrade};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CACHE_BYTES: u64 = 8 << 20;
const FLUSH_EVERY_MS: u64 = 200;
/// A database that was closed in this process lets go of its lock a moment later.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// The same of the folder itself, which a child has only until it is a program of its own.
const FOLDER_TRIES: u32 = 20;
const FOLDER_PAUSE: Duration = Duration::from_millis(10);
/// How many databases that were set aside are kept.
const SET_ASIDE: usize = 3;
/// No fault of the database.
const TOO_MANY_FILES: [i32; 2] = [Errno::MFILE.raw_os_error(), Errno::NFILE.raw_os_error()];

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// Set where the database was not usable.
    pub recovered: Option<Recovered>,
    /// The schema it had; 0 for a new one.
    pub schema_was: u32,
    /// Records whose secret does not open with this key file: `destinations/3`. They have to be
    /// entered again.
    pub unreadable_secrets: Vec<String>,
}

/// What became of a database that was not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Where the old one is, if there was one.
    pub set_aside: Option<PathBuf>,
    /// Why.
    pub reason: String,
    /// When the snapshot was taken that the new one began with; none where there was no whole one.
    pub snapshot: Option<SystemTime>,
}

/// Why a database did not open.
enum Fault {
    /// A new one would not do better.
    Fatal(OpenError),
    /// It is damaged.
    Damaged(String),
    /// It may be whole, yet it cannot be got at: it is somebody else's, or something else is in its place.
    Closed(OpenError),
}

impl Store {
    /// Opens the data folder, and makes it where there is none. `now` names what is set aside.
    ///
    /// # Errors
    /// [`OpenError`] where the agent cannot run with this folder at all.
    pub fn open(dir: &Path, now: SystemTime) -> Result<(Self, Opened), OpenError> {
        files::private_dir(dir).map_err(io_at(dir))?;
        let lock = lock(dir)?;
        let (vault, new_key) = Vault::open(&dir.join("secret.key"))?;
        let path = dir.join("db");
        let marked = std::fs::read_to_string(mark_path(dir)).ok();
        let at_least = marked
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        let (db, recovered) = match try_with_room(dir, &path, at_least) {
            Ok(db) => (db, None),
            Err(Fault::Fatal(error)) => return Err(error),
            Err(Fault::Damaged(reason)) => begin_anew(dir, &path, now, reason)?,
            // With a snapshot the show can go on; without one, what is closed may be all there is.
            Err(Fault::Closed(error)) if snapshot::newest(&dir.join("snapshots")).is_none() => {
                return Err(error);
            }
            Err(Fault::Closed(error)) => begin_anew(dir, &path, now, error.to_string())?,
        };
        let schema_was = upgrade::run(&db)?;
        sweep(&db).map_err(database)?;
        let log = File::open(path.join("db")).map_err(io_at(&path))?;
        let syncer = Syncer::new(log);
        let dir = dir.to_owned();
        let inner = Inner {
            db,
            vault,
            syncer,
            dir,
            turn: RwLock::new(()),
            _lock: lock,
        };
        match inner.mark() {
            Ok(()) => {}
            // What is stored can be read, which is what a show needs.
            Err(WriteError::Full) => tracing::error!("The disk is full: nothing can be stored."),
            Err(error) => return Err(OpenError::Database(error.to_string())),
        }
        files::sync_dir(&path).map_err(io_at(&path))?;
        ballast::put_by(&inner.dir, RESERVE);
        let store = Self {
            inner: Arc::new(inner),
        };
        let unreadable_secrets = store.unreadable_secrets().map_err(database)?;
        if !unreadable_secrets.is_empty() {
            tracing::error!(new_key, records = ?unreadable_secrets, "Stored secrets do not open with this key file.");
        }
        Ok((
            store,
            Opened {
                recovered,
                schema_was,
                unreadable_secrets,
            },
        ))
    }

    fn unreadable_secrets(&self) -> Result<Vec<String>, sled::Error> {
        let mut names = Vec::new();
        for row in self.inner.db.scan_prefix(SECRETS) {
            let (key, sealed) = row?;
            let key = String::from_utf8_lossy(&key).into_owned();
            if self.inner.vault.open_sealed(&key, &sealed).is_err() {
                names.push(key[SECRETS.len()..].to_owned());
            }
        }
        Ok(names)
    }
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn database(error: sled::Error) -> OpenError {
    OpenError::Database(error.to_string())
}

/// Keeps every other agent out of the folder until the file is closed, also by a crash.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let open = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = open.map_err(io_at(&path))?;
    let mut tries = 1;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            // A child that was being started as the last one closed has it until it is another program.
            Err(Errno::WOULDBLOCK) if tries < FOLDER_TRIES => {
                tries += 1;
                std::thread::sleep(FOLDER_PAUSE);
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(OpenError::InUse {
                    dir: dir.to_owned(),
                });
            }
            Err(error) => return Err(io_at(&path)(error.into())),
        }
    }
}

/// As [`try_open`]; on a full disk once more with the room that was put by for that.
fn try_with_room(dir: &Path, path: &Path, at_least: u64) -> Result<sled::Db, Fault> {
    let tried = try_open(path, at_least);
    let full = files::free_bytes(dir).is_some_and(|free| free < RESERVE);
    match tried {
        // sled may also say that it is damaged when it is not.
        Err(Fault::Fatal(OpenError::Io { .. }) | Fault::Damaged(_))
            if full && ballast::give_up(dir) =>
        {
            tracing::warn!(
                "The disk is full: the database is opened with the room put by for that."
            );
            try_open(path, at_least)
        }
        tried => tried,
    }
}

/// Opens the database and reads it to its end, since sled finds some damage only then, by an error or
/// by a panic, and some never. `at_least` is how many batches it is known to have.
fn try_open(path: &Path, at_least: u64) -> Result<sled::Db, Fault> {
    files::private_dir(path).map_err(|source| closed(path, source))?;
    let opened = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let db = open_locked(path)?;
        let whole = writes::verify(&db)?;
        let batches = writes::batches(&db)?;
        Ok::<_, sled::Error>((db, whole, batches))
    }));
    match opened {
        Ok(Ok((_, false, _))) => Err(Fault::Damaged("rows are missing or changed".to_owned())),
        Ok(Ok((_, true, batches))) if batches < at_least => Err(Fault::Damaged(format!(
            "it has {batches} of at least {at_least} batches"
        ))),
        Ok(Ok((db, true, _))) => Ok(db),
        Ok(Err(error)) => Err(fault(path, error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Fault::Damaged(
                text.unwrap_or_else(|| "it cannot be read".to_owned()),
            ))
        }
    }
}

fn open_locked(path: &Path) -> Result<sled::Db, sled::Error> {
    let config = sled::Config::default()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    let mut tries = 1;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if is_lock(&error) && tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            other => return other,
        }
    }
}

fn is_lock(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

fn fault(path: &Path, error: sled::Error) -> Fault {
    let sled::Error::Io(error) = error else {
        return Fault::Damaged(error.to_string());
    };
    if is_lock(&error) {
        return Fault::Fatal(OpenError::InUse {
            dir: path.to_owned(),
        });
    }
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            closed(path, error)
        }
        ErrorKind::NotFound
        | ErrorKind::OutOfMemory
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::QuotaExceeded
        | ErrorKind::StorageFull => Fault::Fatal(io_at(path)(error)),
        _ if error
            .raw_os_error()
            .is_some_and(|code| TOO_MANY_FILES.contains(&code)) =>
        {
            Fault::Fatal(io_at(path)(error))
        }
        _ => Fault::Damaged(error.to_string()),
    }
}

/// The fault of a folder that cannot be got at.
fn closed(path: &Path, source: io::Error) -> Fault {
    let in_the_way = matches!(
        source.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::AlreadyExists
    );
    let error = io_at(path)(source);
    if in_the_way {
        Fault::Closed(error)
    } else {
        Fault::Fatal(error)
    }
}

/// Sets the database aside and fills a new one from the newest whole snapshot.
fn begin_anew(
    dir: &Path,
    path: &Path,
    now: SystemTime,
    reason: String,
) -> Result<(sled::Db, Option<Recovered>), OpenError> {
    let set_aside = set_aside(path, now)?;
    tracing::error!(
        reason,
        ?set_aside,
        "The database cannot be used and is set aside."
    );
    if let Some(newest) = &set_aside {
        prune(dir, newest);
    }
    let db = match try_open(path, 0) {
        Ok(db) => db,
        Err(Fault::Fatal(error) | Fault::Closed(error)) => return Err(error),
        Err(Fault::Damaged(reason)) => return Err(OpenError::Database(reason)),
    };
    let snapshot = restore(&db, &dir.join("snapshots"))?;
    let recovered = Recovered {
        set_aside,
        reason,
        snapshot,
    };
    Ok((db, Some(recovered)))
}

/// Removes what was set aside before the last [`SET_ASIDE`] times; `newest` stays whatever its name is.
fn prune(dir: &Path, newest: &Path) {
    let number = |path: &Path| -> Option<(u64, u64)> {
        let name = path.file_name()?.to_str()?.strip_prefix("db-corrupt-")?;
        let (seconds, place) = name.split_once('-').unwrap_or((name, "1"));
        Some((seconds.parse().ok()?, place.parse().ok()?))
    };
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut others: Vec<((u64, u64), PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| path != newest)
        .filter_map(|path| Some((number(&path)?, path)))
        .collect();
    others.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    for (_, old) in others.into_iter().skip(SET_ASIDE - 1) {
        let removed = if old.is_dir() {
            std::fs::remove_dir_all(&old)
        } else {
            std::fs::remove_file(&old)
        };
        if let Err(error) = removed {
            tracing::warn!(%error, path = %old.display(), "An old database stays.");
        }
    }
}

/// Moves the database's folder out of the way under a name that is free.
fn set_aside(path: &Path, now: SystemTime) -> Result<Option<PathBuf>, OpenError> {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut to = path.with_file_name(format!("db-corrupt-{seconds}"));
    let mut next = 2;
    while to.exists() {
        to = path.with_file_name(format!("db-corrupt-{seconds}-{next}"));
        next += 1;
    }
    match std::fs::rename(path, &to) {
        Ok(()) => Ok(Some(to)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_at(path)(error)),
    }
}

/// Fills a new database from the newest whole snapshot.
fn restore(db: &sled::Db, snapshots: &Path) -> Result<Option<SystemTime>, OpenError> {
    let Some(snapshot) = snapshot::newest(snapshots) else {
        return Ok(None);
    };
    let mut writes = Writes::default();
    for (key, value) in snapshot.rows.into_iter().filter(|(key, _)| is_copied(key)) {
        writes.insert(key, value);
    }
    writes.commit(db).map_err(database)?;
    Ok(Some(snapshot.taken_at))
}

/// Removes parts that no row names: those of a batch that named one id twice.
fn sweep(db: &sled::Tree) -> Result<(), sled::Error> {
    let mut writes = Writes::default();
    for key in db.scan_prefix(PARTS).keys() {
        let key = key?;
        if !is_wanted(db, &key)? {
            writes.remove(key.to_vec());
        }
    }
    if writes.is_empty() {
        Ok(())
    } else {
        writes.commit(db)
    }
}

/// Whether the row of a part (`part/<tree>/<id>/<generation>/<index>`) names its generation.
fn is_wanted(db: &sled::Tree, key: &[u8]) -> Result<bool, sled::Error> {
    let text = String::from_utf8_lossy(key);
    let mut pieces = text.split('/').skip(1);
    let (Some(tree), Some(id), Some(generation)) = (pieces.next(), pieces.next(), pieces.next())
    else {
        return Ok(false);
    };
    let row_key = format!("row/{tree}/{id}");
    let Some(row) = db.get(&row_key)? else {
        return Ok(false);
    };
    let head = record::parts_of(&row_key, &row).ok().flatten();
    Ok(head.is_some_and(|head| format!("{:016x}", head.generation) == generation))
}
