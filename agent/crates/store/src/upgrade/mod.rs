//! From one schema to the next.
//!
//! A store of schema n becomes n + 1 by one step, a file of its own (`vN_to_vM.rs`). A step reads the
//! store and returns what to write; that and the new version are one atomic batch, so that a crash
//! leaves either the old schema or the new one, and the step is simply taken again.

mod v0_to_v1;

use crate::error::OpenError;
use crate::tree::SCHEMA_KEY;
use crate::writes::Writes;

/// The schema that this agent writes.
pub const SCHEMA: u32 = 1;

/// Reads the store of one schema and says what makes it the next; an error is one sentence.
pub(crate) type Step = fn(&sled::Tree) -> Result<Writes, String>;

/// Step n leads from schema n to n + 1.
const STEPS: [Step; SCHEMA as usize] = [v0_to_v1::step];

/// The store's schema: 0 where none was ever written.
pub(crate) fn version(db: &sled::Tree) -> Result<u32, sled::Error> {
    let stored = db.get(SCHEMA_KEY)?;
    Ok(stored
        .and_then(|bytes| bytes.as_ref().try_into().ok().map(u32::from_be_bytes))
        .unwrap_or(0))
}

/// Brings the store to this agent's schema. Returns what it had.
pub(crate) fn run(db: &sled::Tree) -> Result<u32, OpenError> {
    run_steps(db, &STEPS)
}

fn run_steps(db: &sled::Tree, steps: &[Step]) -> Result<u32, OpenError> {
    let known = u32::try_from(steps.len()).expect("there are few schemas");
    let failed = |from: u32, reason: String| OpenError::Upgrade {
        from,
        to: from + 1,
        reason,
    };
    let found = version(db).map_err(|error| failed(0, error.to_string()))?;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for (from, step) in (0..known).zip(steps).skip(found as usize) {
        let mut writes = step(db).map_err(|reason| failed(from, reason))?;
        writes.insert(SCHEMA_KEY, (from + 1).to_be_bytes());
        writes
            .commit(db)
            .map_err(|error| failed(from, error.to_string()))?;
        tracing::info!(from, to = from + 1, "Upgraded the store.");
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, sled::Db) {
        let dir = tempfile::tempdir().unwrap();
        let db = sled::open(dir.path()).unwrap();
        (dir, db)
    }

    fn rename(db: &sled::Tree) -> Result<Writes, String> {
        let mut writes = Writes::default();
        for row in db.scan_prefix("old/") {
            let (key, value) = row.map_err(|e| e.to_string())?;
            let id = String::from_utf8_lossy(&key).replace("old/", "new/");
            writes.remove(key.to_vec());
            writes.insert(id, value.to_vec());
        }
        Ok(writes)
    }

    fn refuse(_: &sled::Tree) -> Result<Writes, String> {
        Err("a row is in the way".to_owned())
    }

    #[test]
    fn each_step_is_taken_once_and_together_with_its_version() {
        let (_dir, db) = store();
        db.insert("old/a", b"1").unwrap();
        assert_eq!(run_steps(&db, &STEPS).unwrap(), 0);
        assert_eq!(version(&db).unwrap(), 1);
        assert_eq!(run_steps(&db, &[v0_to_v1::step, rename]).unwrap(), 1);
        assert_eq!(version(&db).unwrap(), 2);
        assert!(db.get("old/a").unwrap().is_none());
        assert_eq!(db.get("new/a").unwrap().unwrap().as_ref(), b"1");
        db.insert("old/b", b"2").unwrap();
        assert_eq!(run_steps(&db, &[v0_to_v1::step, rename]).unwrap(), 2);
        assert!(
            db.get("old/b").unwrap().is_some(),
            "a step that was taken is not taken again"
        );
    }

    #[test]
    fn a_step_that_fails_leaves_the_schema_before_it() {
        let (_dir, db) = store();
        db.insert("old/a", b"1").unwrap();
        let error = run_steps(&db, &[v0_to_v1::step, rename, refuse]).unwrap_err();
        assert!(
            matches!(error, OpenError::Upgrade { from: 2, to: 3, .. }),
            "{error}"
        );
        assert_eq!(version(&db).unwrap(), 2);
        assert!(db.get("new/a").unwrap().is_some());
    }

    #[test]
    fn a_newer_store_is_refused_and_left_alone() {
        let (_dir, db) = store();
        db.insert(SCHEMA_KEY, &7_u32.to_be_bytes()).unwrap();
        assert!(matches!(
            run(&db),
            Err(OpenError::Newer {
                found: 7,
                known: SCHEMA
            })
        ));
        assert_eq!(version(&db).unwrap(), 7);
    }
}
