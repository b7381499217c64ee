//! Copies of the database beside it, soon after each change.
//!
//! Owns when one is taken: two seconds after the last change, and at the latest fifteen after the first.
//! Neighbours: `modules::Records` counts the changes, `store` writes the copy and falls back on it.

use crate::modules::Changes;
use runtime::{CancellationToken, Clock, SystemClock};
use std::convert::Infallible;
use std::time::Duration;
use store::Store;
use tokio::time::{Instant, timeout, timeout_at};

/// Without a change for so long, it is time for a copy.
const QUIET: Duration = Duration::from_secs(2);
/// A change waits at most so long.
const LATEST: Duration = Duration::from_secs(15);
/// After a copy that the disk did not take.
const RETRY: Duration = Duration::from_secs(10);

/// Takes copies until `stop`; one at the start, and a last one where something is not copied yet.
pub(super) async fn keep(
    store: Store,
    changes: Changes,
    clock: SystemClock,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut changes = changes.subscribe();
    changes.mark_changed();
    let mut ending = false;
    while !ending {
        tokio::select! {
            biased;
            _ = changes.changed() => {}
            () = stop.cancelled() => return Ok(()),
        }
        let latest = latest();
        let quiet = async { while timeout(QUIET, changes.changed()).await.is_ok() {} };
        tokio::select! {
            () = stop.cancelled() => ending = true,
            _ = timeout_at(latest, quiet) => {}
        }
        changes.mark_unchanged();
        if !take(&store, &clock).await && !ending {
            tokio::select! {
                () = stop.cancelled() => ending = true,
                () = tokio::time::sleep(RETRY) => changes.mark_changed(),
            }
        }
    }
    Ok(())
}

fn latest() -> Instant {
    Instant::now() + LATEST
}

async fn take(store: &Store, clock: &SystemClock) -> bool {
    let (store, now) = (store.clone(), clock.wall());
    let taken = tokio::task::spawn_blocking(move || store.snapshot(now)).await;
    match taken {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "No copy of the database was taken.");
            false
        }
        Err(error) => {
            tracing::error!(%error, "No copy of the database was taken.");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Camera, CameraId};
    use std::path::Path;
    use store::Tree;

    fn copies(folder: &Path) -> usize {
        std::fs::read_dir(folder.join("snapshots")).map_or(0, Iterator::count)
    }

    #[tokio::test]
    async fn a_copy_is_taken_at_the_start_and_a_change_at_the_end_is_in_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let (store, _) = Store::open(&data, SystemClock.wall()).unwrap();
        let changes = Changes::default();
        let stop = CancellationToken::new();
        let keeper = runtime::spawn(keep(
            store.clone(),
            changes.clone(),
            SystemClock,
            stop.clone(),
        ));
        let taken = async {
            while copies(&data) == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(60), taken).await.unwrap();
        let camera: Camera = serde_json::from_value(serde_json::json!({
            "id": "1", "name": "Harbour", "address": "10.0.0.2", "port": 554, "stream_path": "/one"
        }))
        .unwrap();
        store.put(Tree::Cameras, "1", &camera).unwrap();
        changes.send_modify(|count| *count += 1);
        stop.cancel();
        keeper.await.unwrap().unwrap();
        drop(store);
        std::fs::write(data.join("db/db"), b"").unwrap();
        let (store, opened) = Store::open(&data, SystemClock.wall()).unwrap();
        assert!(opened.recovered.unwrap().snapshot.is_some());
        let id = CameraId::parse("1").unwrap();
        let all = crate::inventory::Inventory::read(&store).unwrap();
        assert_eq!(all.camera(&id).unwrap().0.name, "Harbour");
    }
}
