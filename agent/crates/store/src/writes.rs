//! The one way in which anything reaches the database.
//!
//! sled can lose rows without a word when its log is damaged: it drops what it cannot read and opens.
//! So every batch also writes a [`Seal`]: how many batches there were, and a sum over every row. Reading
//! the database to its end and adding up again shows whether a row is missing, old or changed.

use ring::digest::{Context, SHA256};
use sled::IVec;
use std::collections::BTreeMap;

/// Where the seal is kept; not part of the sum.
const SEAL_KEY: &[u8] = b"meta/seal";

/// What the database should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seal {
    /// Batches that were written. Only grows.
    pub(crate) batches: u64,
    /// Sum of the rows' digests modulo 2^128: independent of order, and a row can be taken out again.
    sum: u128,
}

impl Seal {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (batches, sum) = bytes.split_first_chunk::<8>()?;
        let sum: [u8; 16] = sum.try_into().ok()?;
        Some(Self {
            batches: u64::from_be_bytes(*batches),
            sum: u128::from_be_bytes(sum),
        })
    }

    fn encode(self) -> Vec<u8> {
        [
            self.batches.to_be_bytes().as_slice(),
            &self.sum.to_be_bytes(),
        ]
        .concat()
    }
}

fn digest(key: &[u8], value: &[u8]) -> u128 {
    let mut context = Context::new(&SHA256);
    context.update(&(key.len() as u64).to_be_bytes());
    context.update(key);
    context.update(value);
    let digest = context.finish();
    digest
        .as_ref()
        .iter()
        .take(16)
        .fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

/// Writes that are collected; the last one of a key counts.
#[derive(Default)]
pub(crate) struct Writes {
    rows: BTreeMap<Vec<u8>, Row>,
}

/// What becomes of a key.
#[derive(Default)]
struct Row {
    /// What stands there now, where it has been read.
    old: Option<Option<IVec>>,
    new: New,
}

#[derive(Default)]
enum New {
    /// It was only looked at.
    #[default]
    Same,
    Gone,
    Value(Vec<u8>),
}

impl Row {
    fn old(&mut self, db: &sled::Tree, key: &[u8]) -> Result<Option<IVec>, sled::Error> {
        match self.old.take() {
            Some(read) => Ok(read),
            None => db.get(key),
        }
    }
}

impl Writes {
    pub(crate) fn insert(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.rows.entry(key.into()).or_default().new = New::Value(value.into());
    }

    pub(crate) fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.rows.entry(key.into()).or_default().new = New::Gone;
    }

    /// What stands under a key before these writes. It is read once, so nobody else may write between
    /// this and the commit.
    pub(crate) fn before(
        &mut self,
        db: &sled::Tree,
        key: impl Into<Vec<u8>>,
    ) -> Result<Option<IVec>, sled::Error> {
        let key = key.into();
        if let Some(Row { old: Some(old), .. }) = self.rows.get(&key) {
            return Ok(old.clone());
        }
        let old = db.get(&key)?;
        self.rows.entry(key).or_default().old = Some(old.clone());
        Ok(old)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes them with the new seal as one atomic batch. The caller sees to it that no other writer
    /// does the same.
    pub(crate) fn commit(self, db: &sled::Tree) -> Result<(), sled::Error> {
        let mut seal = stored(db)?.unwrap_or_default();
        let mut batch = sled::Batch::default();
        for (key, mut row) in self.rows {
            if key == SEAL_KEY {
                continue;
            }
            if matches!(row.new, New::Same) {
                continue;
            }
            let old = row.old(db, &key)?;
            if let Some(old) = &old {
                seal.sum = seal.sum.wrapping_sub(digest(&key, old));
            }
            match row.new {
                New::Value(value) => {
                    seal.sum = seal.sum.wrapping_add(digest(&key, &value));
                    batch.insert(key, value);
                }
                New::Gone if old.is_some() => batch.remove(key),
                New::Gone | New::Same => {}
            }
        }
        seal.batches += 1;
        batch.insert(SEAL_KEY, seal.encode());
        db.apply_batch(batch)
    }
}

fn stored(db: &sled::Tree) -> Result<Option<Seal>, sled::Error> {
    Ok(db.get(SEAL_KEY)?.and_then(|bytes| Seal::decode(&bytes)))
}

/// Batches that were written so far.
pub(crate) fn batches(db: &sled::Tree) -> Result<u64, sled::Error> {
    Ok(stored(db)?.unwrap_or_default().batches)
}

/// Reads every row and says whether they are those that were written. An empty database without a seal
/// is whole.
pub(crate) fn verify(db: &sled::Tree) -> Result<bool, sled::Error> {
    let mut sum = 0_u128;
    for row in db.iter() {
        let (key, value) = row?;
        if key != SEAL_KEY {
            sum = sum.wrapping_add(digest(&key, &value));
        }
    }
    Ok(stored(db)?.unwrap_or_default().sum == sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_seal_holds_after_any_writes_and_breaks_when_a_row_is_lost_or_changed(
            batches in prop::collection::vec(prop::collection::vec((0_u8..12, prop::option::of(any::<u8>())), 0..6), 1..12)
        ) {
            let dir = tempfile::tempdir().unwrap();
            let db = sled::open(dir.path()).unwrap();
            prop_assert!(verify(&db).unwrap());
            let mut meant = BTreeMap::new();
            for (index, batch) in batches.iter().enumerate() {
                let mut writes = Writes::default();
                for (key, value) in batch {
                    // A key may have been looked at before it is written, after it, or never.
                    if key % 3 == 0 {
                        prop_assert_eq!(writes.before(&db, [*key]).unwrap(), db.get([*key]).unwrap());
                    }
                    match value {
                        Some(value) => writes.insert([*key], [*value]),
                        None => writes.remove([*key]),
                    }
                    meant.insert(*key, *value);
                    prop_assert_eq!(writes.before(&db, [key + 1]).unwrap(), db.get([key + 1]).unwrap());
                }
                writes.commit(&db).unwrap();
                for (key, value) in &meant {
                    prop_assert_eq!(db.get([*key]).unwrap(), value.map(|value| IVec::from(&[value])));
                }
                prop_assert!(verify(&db).unwrap());
                prop_assert_eq!(super::batches(&db).unwrap(), index as u64 + 1);
            }
            let rows: Vec<_> = db.iter().map(|row| row.unwrap()).filter(|(key, _)| key != SEAL_KEY).collect();
            for (key, value) in rows {
                db.remove(&key).unwrap();
                prop_assert!(!verify(&db).unwrap());
                db.insert(&key, &[value[0].wrapping_add(1)]).unwrap();
                prop_assert!(!verify(&db).unwrap());
                db.insert(&key, value).unwrap();
                prop_assert!(verify(&db).unwrap());
            }
        }
    }
}
