//! Changes on a real store, with a probe that the test decides on.

use super::*;
use protocol::Code;
use runtime::{Clock, SystemClock, Task};
use serde_json::json;
use std::path::Path;

struct Rig {
    settings: Settings,
    task: Task<()>,
}

fn probe(answer: Result<(), &'static str>) -> Probe {
    Arc::new(move |_, _| Box::pin(async move { answer.map_err(str::to_owned) }))
}

/// Never ends, and says when it began.
fn hanging(began: mpsc::Sender<()>) -> Probe {
    Arc::new(move |_, _| {
        let began = began.clone();
        Box::pin(async move {
            let _told = began.send(()).await;
            std::future::pending().await
        })
    })
}

/// A store that was just closed lets go of its folder a moment later.
fn opened(folder: &Path) -> Store {
    let open = |_| {
        let store = Store::open(folder, SystemClock.wall()).ok();
        if store.is_none() {
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
        store
    };
    let (store, _) = (0..500).find_map(open).expect("the store opens");
    store
}

fn rig(folder: &Path, log: Option<LogLevel>, probe: Probe) -> Rig {
    let store = opened(folder);
    let layers = Layers::default();
    let base = layers.overlaid(&Document::new()).unwrap();
    let (show, _inbox) = Show::channel();
    let opened = open(layers, base, store);
    let (settings, keeper) = opened.keeper(show, log, probe, || {});
    let task = runtime::spawn(keeper.run(CancellationToken::new()));
    Rig { settings, task }
}

impl Rig {
    async fn limit(&self, limit: u64, base_version: Option<u64>) -> Result<Changed, Code> {
        self.patch(json!({"program": {"processor_limit": limit}}), base_version)
            .await
    }

    async fn patch(&self, patch: Value, base_version: Option<u64>) -> Result<Changed, Code> {
        let change = Change {
            config_patch: serde_json::from_value(patch).unwrap(),
            base_version,
            dry_run: false,
        };
        let made = self.settings.change(change).await;
        made.map_err(|error| error.code())
    }

    fn in_force(&self) -> (u64, u16) {
        let live = self.settings.live().borrow().program.processor_limit;
        let view = self.settings.view();
        assert_eq!(view.settings["program.processor_limit"], live);
        (view.config_version, live)
    }

    /// The end of the agent: its task goes in the midst of whatever it does, and the store with it.
    async fn ends(self) {
        self.task.abort();
        drop(self.task.await);
    }
}

#[tokio::test]
async fn a_committed_change_is_in_force_after_a_start_and_its_version_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let one = rig(folder.path(), None, probe(Ok(())));
    assert_eq!(one.in_force(), (0, 95));
    let changed = one.limit(60, Some(0)).await.unwrap();
    assert_eq!(changed.config_version, 1);
    assert_eq!(changed.changed, ["/program/processor_limit"]);
    assert_eq!(one.limit(70, Some(0)).await, Err(Code::ConfigConflict));
    let same = one.limit(60, Some(1)).await.unwrap();
    assert_eq!((same.config_version, same.changed.len()), (1, 0));
    one.ends().await;
    let two = rig(folder.path(), None, probe(Ok(())));
    assert_eq!(two.in_force(), (1, 60));
    let back = two.patch(json!({"program": null}), Some(1)).await.unwrap();
    assert_eq!((back.config_version, two.in_force()), (2, (2, 95)));
}

#[tokio::test]
async fn a_probe_that_fails_brings_the_old_settings_back() {
    let folder = tempfile::tempdir().unwrap();
    let one = rig(folder.path(), None, probe(Err("it is not well")));
    assert_eq!(one.limit(60, None).await, Err(Code::ConfigApplyFailed));
    assert_eq!(one.in_force(), (0, 95));
    let view = one.settings.view();
    assert_eq!(view.stage, Some(Stage::RolledBack));
    assert!(view.last_error.as_ref().unwrap().contains("it is not well"));
    one.ends().await;
    assert_eq!(rig(folder.path(), None, probe(Ok(()))).in_force(), (0, 95));
}

#[tokio::test]
async fn a_log_that_cannot_be_changed_brings_the_old_settings_back() {
    let folder = tempfile::tempdir().unwrap();
    let (layer, log) = LogLevel::new("info".parse().unwrap());
    drop(layer);
    let one = rig(folder.path(), Some(log), probe(Ok(())));
    let patch = json!({"log": {"level": "debug"}, "program": {"processor_limit": 60}});
    assert_eq!(one.patch(patch, None).await, Err(Code::ConfigApplyFailed));
    assert_eq!(one.in_force(), (0, 95));
    assert_eq!(one.settings.live().borrow().log_level, "info");
}

#[tokio::test]
async fn an_end_in_the_midst_of_a_trial_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let (told, mut began) = mpsc::channel(1);
    let one = rig(folder.path(), None, hanging(told));
    {
        let change = one.limit(60, None);
        tokio::pin!(change);
        tokio::select! {
            _ = &mut change => panic!("a probe that does not end has an end"),
            _ = began.recv() => {}
        }
    }
    assert_eq!(one.settings.live().borrow().program.processor_limit, 60);
    assert_eq!(one.settings.view().stage, Some(Stage::Applied));
    assert_eq!(one.settings.view().config_version, 0);
    one.ends().await;
    let two = rig(folder.path(), None, probe(Ok(())));
    assert_eq!(two.in_force(), (0, 95));
    assert_eq!(two.limit(60, Some(0)).await.unwrap().config_version, 1);
}

#[tokio::test]
async fn a_record_that_does_not_fit_any_more_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = opened(folder.path());
        let row = json!({"version": 3, "document": {"program": {"processor_limit": 5000}}});
        store.put(Tree::Settings, ROW, &row).unwrap();
    }
    let one = rig(folder.path(), None, probe(Ok(())));
    assert_eq!(one.in_force(), (3, 95));
    assert_eq!(one.limit(60, Some(3)).await.unwrap().config_version, 4);
}
