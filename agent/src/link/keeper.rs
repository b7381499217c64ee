//! The link's rows in the store: commands, outbox, and single values.
//!
//! What a row means is `control::Stored`'s; this only finds a place for each. Rows are not sealed: those
//! that hold arguments are of commands that may be done twice, and none of those has a secret.
//!
//! Pairing writes the row that names it. Where that row is missing at a start, the store was lost or went
//! back (copies of it hold none of these rows), and so did the memory of what was done.

use crate::audit::{Audit, Entry};
use control::{CommandRow, Memory, OutboxRow, Row, Stored};
use link::{KeepError, Keeper};
use protocol::command::Target;
use protocol::{Digest, Floor, Lane, MessageId, Severity, TrustRecord, Window};
use runtime::chain;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};
use store::{Batch, ReadError, Store, Tree, WriteError};

/// The row that names the pairing which the others belong to.
const PAIRING: &str = "pairing";
const TRUST: &str = "trust";
const FLOOR: &str = "floor";
const MEMORY: &str = "memory";

/// Keeps rows in the store.
pub struct RowKeeper {
    store: Store,
    audit: Audit,
    /// Held while rows are written; true when none may be any more.
    shut: Mutex<bool>,
}

/// The outbox as it is kept: envelopes are text.
#[derive(Serialize, Deserialize)]
struct Waiting {
    message_id: MessageId,
    envelope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Severity>,
}

#[derive(Serialize, Deserialize)]
struct Numbers {
    epoch: u64,
    window: Window,
}

const fn lane_id(lane: Lane) -> &'static str {
    match lane {
        Lane::Emergency => "window-emergency",
        Lane::Ordinary => "window-ordinary",
    }
}

fn hold_id(target: &Target) -> Result<String, KeepError> {
    let text = serde_json::to_vec(target).map_err(|error| never(&error))?;
    Ok(format!("hold-{}", Digest::of(&text)))
}

/// What never has a form that can be kept or read.
fn never(error: &dyn std::error::Error) -> KeepError {
    KeepError::Never(chain(error))
}

/// Whether another try may help.
fn unwritten(error: &WriteError) -> KeepError {
    match error {
        WriteError::Id
        | WriteError::Shape { .. }
        | WriteError::TooLarge { .. }
        | WriteError::Secret(_) => KeepError::Never(chain(error)),
        _ => KeepError::Now(chain(error)),
    }
}

fn unread(error: &ReadError) -> KeepError {
    KeepError::Now(chain(error))
}

impl RowKeeper {
    /// Rows in this store, which is the audit's too.
    #[must_use]
    pub const fn new(store: Store, audit: Audit) -> Self {
        Self {
            store,
            audit,
            shut: Mutex::new(false),
        }
    }

    /// Keeps nothing from here on, and waits for what is being kept: rows of one pairing must not come
    /// among those of the next. Blocks.
    pub fn shut(&self) {
        *self.gate() = true;
    }

    fn gate(&self) -> MutexGuard<'_, bool> {
        self.shut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held while rows are read or written.
    fn open(&self) -> Result<MutexGuard<'_, bool>, KeepError> {
        let gate = self.gate();
        if *gate {
            let why = "the pairing that they are of has ended";
            return Err(KeepError::Never(why.to_owned()));
        }
        Ok(gate)
    }

    fn value<T: serde::de::DeserializeOwned>(&self, id: &str) -> Result<Option<T>, KeepError> {
        self.store
            .get(Tree::Link, id)
            .map_err(|error| unread(&error))
    }

    /// Every row; one of another shape is an error, since leaving it out could do a command twice.
    fn all<T: serde::de::DeserializeOwned>(
        &self,
        tree: Tree,
    ) -> Result<Vec<(String, T)>, KeepError> {
        let rows: Vec<(String, Value)> = self.store.list(tree).map_err(|error| unread(&error))?;
        rows.into_iter()
            .map(|(id, value)| match serde_json::from_value(value) {
                Ok(row) => Ok((id, row)),
                Err(error) => Err(never(&error)),
            })
            .collect()
    }

    /// A new pairing begins: nothing of an earlier one counts, and there is nothing to remember yet.
    ///
    /// # Errors
    /// [`KeepError`]; nothing is changed then.
    pub fn begin(&self, pairing: &MessageId) -> Result<(), KeepError> {
        self.forget_all(pairing, Memory::Whole)
    }

    fn forget_all(&self, pairing: &MessageId, memory: Memory) -> Result<(), KeepError> {
        let mut batch = Batch::new();
        for tree in [Tree::Commands, Tree::Outbox, Tree::Link] {
            for (id, _) in self.all::<Value>(tree)? {
                batch = batch.delete(tree, &id).map_err(|error| unwritten(&error))?;
            }
        }
        let batch = batch
            .put(Tree::Link, PAIRING, pairing)
            .and_then(|batch| batch.put(Tree::Link, MEMORY, &memory))
            .map_err(|error| unwritten(&error))?;
        self.store.commit(batch).map_err(|error| unwritten(&error))
    }
}

fn place(batch: Batch, row: &Row) -> Result<Batch, KeepError> {
    match row {
        Row::Command(row) | Row::Shed(row) => {
            batch.put(Tree::Commands, row.message_id.as_str(), row)
        }
        Row::Forget(id) => batch.delete(Tree::Commands, id.as_str()),
        Row::Window {
            lane,
            epoch,
            window,
        } => {
            let numbers = Numbers {
                epoch: *epoch,
                window: window.clone(),
            };
            batch.put(Tree::Link, lane_id(*lane), &numbers)
        }
        Row::Trust(trust) => batch.put(Tree::Link, TRUST, trust),
        Row::Floor(floor) => batch.put(Tree::Link, FLOOR, floor),
        Row::Outbox(row) => {
            let envelope =
                String::from_utf8(row.envelope.clone()).map_err(|error| never(&error))?;
            let waiting = Waiting {
                message_id: row.message_id.clone(),
                envelope,
                event: row.event,
            };
            batch.put(Tree::Outbox, &row.number.to_string(), &waiting)
        }
        Row::Sent(number) => batch.delete(Tree::Outbox, &number.to_string()),
        Row::Hold(target) => batch.put(Tree::Link, &hold_id(target)?, target),
        Row::Unhold(target) => batch.delete(Tree::Link, &hold_id(target)?),
        Row::Memory(memory) => batch.put(Tree::Link, MEMORY, memory),
        // It gets its place from the audit.
        Row::Audit(_) => Ok(batch),
    }
    .map_err(|error| unwritten(&error))
}

impl Keeper for RowKeeper {
    fn load(&self, pairing: &MessageId) -> Result<Stored, KeepError> {
        let _open = self.open()?;
        if self.value::<MessageId>(PAIRING)?.as_ref() != Some(pairing) {
            tracing::error!(
                "What was kept of the link is lost: commands that were signed before the next welcome are refused."
            );
            self.forget_all(pairing, Memory::Lost)?;
        }
        let mut stored = Stored {
            trust: self.value::<TrustRecord>(TRUST)?,
            floor: self.value::<Floor>(FLOOR)?,
            memory: self.value::<Memory>(MEMORY)?.unwrap_or_default(),
            ..Stored::default()
        };
        let mut windows = Vec::new();
        for lane in [Lane::Emergency, Lane::Ordinary] {
            let numbers: Option<Numbers> = self.value(lane_id(lane))?;
            windows.extend(numbers.map(|numbers| (lane, numbers)));
        }
        // As they were written: a newer epoch takes the place of an older one, whatever the lane.
        windows.sort_by_key(|(_, numbers)| numbers.epoch);
        for (lane, Numbers { epoch, window }) in windows {
            stored.apply(Row::Window {
                lane,
                epoch,
                window,
            });
        }
        for (_, row) in self.all::<CommandRow>(Tree::Commands)? {
            stored.apply(Row::Command(Box::new(row)));
        }
        for (number, row) in self.all::<Waiting>(Tree::Outbox)? {
            let number = number
                .parse()
                .map_err(|error: std::num::ParseIntError| never(&error))?;
            stored.apply(Row::Outbox(OutboxRow {
                number,
                message_id: row.message_id,
                envelope: row.envelope.into_bytes(),
                event: row.event,
            }));
        }
        for (id, value) in self.all::<Value>(Tree::Link)? {
            if id.starts_with("hold-") {
                let target = serde_json::from_value(value).map_err(|error| never(&error))?;
                stored.apply(Row::Hold(target));
            }
        }
        Ok(stored)
    }

    fn keep(&self, rows: &[Row]) -> Result<(), KeepError> {
        let _open = self.open()?;
        let mut batch = Batch::new();
        for row in rows {
            batch = place(batch, row)?;
        }
        let told = rows.iter().filter_map(|row| match row {
            Row::Audit(row) => Some(Entry::of_command(row)),
            _ => None,
        });
        let committed = self.audit.commit(batch, told.collect());
        committed.map_err(|error| unwritten(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::RowState;
    use protocol::command::TargetKind;
    use protocol::{AckStatus, KeyId, Timestamp};
    use runtime::{Clock, SystemClock};

    fn keeper_of(store: Store) -> RowKeeper {
        let (audit, _) = Audit::open(store.clone()).unwrap();
        RowKeeper::new(store, audit)
    }

    fn id(n: u8) -> MessageId {
        MessageId::parse(format!("00000000-0000-0000-0000-0000000000{n:02x}")).unwrap()
    }

    fn outbox(number: u64) -> Row {
        Row::Outbox(OutboxRow {
            number,
            message_id: id(9),
            envelope: b"{}".to_vec(),
            event: None,
        })
    }

    fn ended(result: Option<Value>) -> Box<CommandRow> {
        let at = Timestamp::from_millis(1_780_315_200_000);
        Box::new(CommandRow {
            message_id: id(7),
            correlation_id: id(7),
            kind: None,
            signer: KeyId::parse("0123456789abcdef").unwrap(),
            digest: Digest::of(b"signed"),
            lane: Lane::Ordinary,
            timestamp: at,
            expires_at: at,
            payload: None,
            state: RowState::Final {
                status: AckStatus::Completed,
                error: None,
                result,
                at,
            },
        })
    }

    #[test]
    fn rows_mean_in_the_store_what_they_mean_to_the_core() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), SystemClock.wall()).unwrap();
        let keeper = keeper_of(store);
        keeper.begin(&id(1)).unwrap();
        let mut meant = keeper.load(&id(1)).unwrap();
        assert_eq!(meant.memory, Memory::Whole);
        let window = |lane, epoch, seq| Row::Window {
            lane,
            epoch,
            window: Window::default().marked(seq),
        };
        let batches = [
            vec![
                outbox(9),
                outbox(10),
                window(Lane::Emergency, 3, 2),
                window(Lane::Ordinary, 3, 7),
                Row::Floor(Floor {
                    not_before: Timestamp::from_millis(1_780_315_200_000),
                }),
                Row::Hold(Target::all(TargetKind::Program)),
            ],
            vec![
                Row::Sent(9),
                Row::Unhold(Target::all(TargetKind::Program)),
                Row::Hold(Target::all(TargetKind::Overlay)),
            ],
            // In the new epoch nothing ordinary has come yet.
            vec![window(Lane::Emergency, 4, 1)],
            vec![Row::Memory(Memory::Since(Timestamp::from_millis(5)))],
            vec![Row::Command(ended(Some(Value::from("said"))))],
            vec![Row::Shed(ended(None))],
        ];
        for rows in batches {
            keeper.keep(&rows).unwrap();
            rows.into_iter().for_each(|row| meant.apply(row));
            let read = keeper.load(&id(1)).unwrap();
            assert_eq!(
                serde_json::to_value(&read).unwrap(),
                serde_json::to_value(&meant).unwrap()
            );
        }
        keeper.begin(&id(2)).unwrap();
        let other = keeper.load(&id(2)).unwrap();
        assert_eq!(
            serde_json::to_value(&other).unwrap(),
            serde_json::to_value(Stored::default()).unwrap(),
            "rows of another pairing count"
        );
    }

    #[test]
    fn a_row_that_has_no_form_is_never_kept_and_the_others_of_its_batch_neither() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), SystemClock.wall()).unwrap();
        let keeper = keeper_of(store);
        keeper.begin(&id(1)).unwrap();
        let poison = Row::Outbox(OutboxRow {
            number: 2,
            message_id: id(9),
            envelope: vec![0xff],
            event: None,
        });
        let kept = keeper.keep(&[outbox(1), poison]);
        assert!(matches!(kept, Err(KeepError::Never(_))), "{kept:?}");
        assert!(keeper.load(&id(1)).unwrap().outbox.is_empty());
    }

    #[test]
    fn rows_of_a_pairing_that_has_ended_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), SystemClock.wall()).unwrap();
        let before = keeper_of(store.clone());
        before.begin(&id(1)).unwrap();
        before.shut();
        let next = keeper_of(store);
        next.begin(&id(2)).unwrap();
        let kept = before.keep(&[outbox(1)]);
        assert!(matches!(kept, Err(KeepError::Never(_))), "{kept:?}");
        assert!(
            before.load(&id(1)).is_err(),
            "it takes the rows for its own"
        );
        assert_eq!(next.load(&id(2)).unwrap().memory, Memory::Whole);
        assert!(next.load(&id(2)).unwrap().outbox.is_empty());
    }

    #[test]
    fn a_store_that_was_lost_or_went_back_says_that_its_memory_did() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(folder.path(), SystemClock.wall()).unwrap();
        let remembers = |keeper: &RowKeeper| keeper.load(&id(1)).unwrap().memory;
        let (store, _) = open();
        let keeper = keeper_of(store.clone());
        keeper.begin(&id(1)).unwrap();
        keeper.keep(&[outbox(1)]).unwrap();
        store.put(Tree::Cameras, "1", &"camera").unwrap();
        store.snapshot(SystemClock.wall()).unwrap();
        keeper.keep(&[outbox(2)]).unwrap();
        assert_eq!(remembers(&keeper), Memory::Whole);
        drop((keeper, store));
        // The database cannot be read any more: the agent goes on with the copy.
        let log = folder.path().join("db/db");
        let length = std::fs::metadata(&log).unwrap().len();
        std::fs::write(&log, vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
        let (store, opened) = open();
        assert!(
            opened
                .recovered
                .is_some_and(|found| found.snapshot.is_some())
        );
        let camera: Option<String> = store.get(Tree::Cameras, "1").unwrap();
        assert_eq!(camera.as_deref(), Some("camera"));
        let keeper = keeper_of(store.clone());
        assert_eq!(remembers(&keeper), Memory::Lost);
        // And it is remembered that it was lost, until a welcome tells the time.
        drop((keeper, store));
        let (store, _) = open();
        let keeper = keeper_of(store.clone());
        assert_eq!(remembers(&keeper), Memory::Lost);
        assert!(keeper.load(&id(1)).unwrap().outbox.is_empty());
        let since = Memory::Since(Timestamp::from_millis(9));
        keeper.keep(&[Row::Memory(since)]).unwrap();
        assert_eq!(remembers(&keeper), since);
        // Without a copy it is the same.
        drop((keeper, store));
        for name in ["db", "snapshots"] {
            std::fs::remove_dir_all(folder.path().join(name)).unwrap();
        }
        let (store, _) = open();
        assert_eq!(remembers(&keeper_of(store)), Memory::Lost);
    }
}
