//! The one way in which anything reaches the database.
//!
//! sled can lose rows without a word when its log is damaged: it drops what it cannot read and opens.
//! So every batch also writes a [`Seal`]: how many batches there were, and a sum over every row. Reading
//! the database to its end and adding up again shows whether a row is missing, old or changed.

use ring::digest::{Context, SHA256};
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
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Writes {
    pub(crate) fn insert(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.rows.insert(key.into(), Some(value.into()));
    }

    pub(crate) fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.rows.insert(key.into(), None);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes them with the new seal as one atomic batch. The caller sees to it that no other writer
    /// does the same.
    pub(crate) fn commit(self, db: &sled::Tree) -> Result<(), sled::Error> {
        let mut seal = stored(db)?.unwrap_or_default();
        let mut batch = sled::Batch::default();
        for (key, value) in self.rows {
            if key == SEAL_KEY {
                continue;
            }
            if let Some(old) = db.get(&key)? {
                seal.sum = seal.sum.wrapping_sub(digest(&key, &old));
            }
            match value {
                Some(value) => {
                    seal.sum = seal.sum.wrapping_add(digest(&key, &value));
                    batch.insert(key, value);
                }
                None => batch.remove(key),
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
            for (index, batch) in batches.iter().enumerate() {
                let mut writes = Writes::default();
                for (key, value) in batch {
                    match value {
                        Some(value) => writes.insert([*key], [*value]),
                        None => writes.remove([*key]),
                    }
                }
                writes.commit(&db).unwrap();
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
