//! The one task that changes settings: it writes, applies and probes, one change at a time.
//!
//! Decides nothing: `plan` and `cycle` do. What a probe looks at is given to it by `wiring`.

use super::Kept;
use super::cycle::{Cycle, Stage, Step};
use super::error::ChangeError;
use super::plan::{Change, Changed, Plan, plan};
use crate::config::{Document, Layers, Live, LiveConfig};
use crate::show::{Mode, Show};
use crate::telemetry::LogLevel;
use futures_util::future::BoxFuture;
use protocol::HasCode;
use runtime::{CancellationToken, chain};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Batch, Store, Tree};
use tokio::sync::{mpsc, oneshot, watch};
use utoipa::ToSchema;

/// The row of what is on record.
const ROW: &str = "changed";

/// Changes that may wait for the one under way.
const WAITING: usize = 8;

/// Finds out whether the agent does well with new settings, which it goes by already: the old ones, the
/// new ones; or why it does not.
pub type Probe =
    Arc<dyn Fn(LiveConfig, LiveConfig) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The settings, and what has become of the last change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"config_version": 4, "stage": "committed", "last_error": null,
    "changed": {"program": {"profile": "720p"}}, "settings": {"program.profile": "720p", "log.level": "info"}}))]
pub struct SettingsView {
    /// Grows by one with each change that is committed; 0 before the first.
    pub config_version: u64,
    /// How far the change under way is, or how the last one ended; `null` before the first of this run.
    pub stage: Option<Stage>,
    /// Why the last change was taken back.
    pub last_error: Option<String>,
    /// What was changed since, laid over the file and the environment.
    #[schema(value_type = Object)]
    pub changed: Document,
    /// Every setting that can be changed while the agent runs, as it is in force.
    #[schema(value_type = Object)]
    pub settings: BTreeMap<&'static str, Value>,
}

struct Ask {
    change: Change,
    answer: oneshot::Sender<Result<Changed, ChangeError>>,
}

/// The settings, for anyone. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    asks: mpsc::Sender<Ask>,
    view: watch::Receiver<Arc<SettingsView>>,
    live: Live,
}

impl Settings {
    /// Makes a change, and answers when it is committed or taken back.
    ///
    /// # Errors
    /// [`ChangeError`]; the old settings are in force then.
    pub async fn change(&self, change: Change) -> Result<Changed, ChangeError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.asks.send(Ask { change, answer }).await;
        sent.map_err(|_closed| ChangeError::Gone)?;
        answered.await.unwrap_or(Err(ChangeError::Gone))
    }

    /// How they are.
    #[must_use]
    pub fn view(&self) -> Arc<SettingsView> {
        Arc::clone(&self.view.borrow())
    }

    /// The settings in force, to go by.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }
}

/// What is on record, read at the start.
pub struct Opened {
    layers: Layers,
    store: Store,
    kept: Kept,
    live: watch::Sender<Arc<LiveConfig>>,
}

/// Reads what is on record, and lays it over what the file and the environment give. What cannot be read
/// or does not fit them any more counts for nothing, and is told in the log. Blocks.
#[must_use]
pub fn open(layers: Layers, base: LiveConfig, store: Store) -> Opened {
    let found = store
        .get::<Kept>(Tree::Settings, ROW)
        .unwrap_or_else(|error| {
            tracing::error!(
                error = chain(&error),
                "The changed settings cannot be read; those of the file are in force."
            );
            None
        });
    let found = found.unwrap_or_default();
    let was_tried = found.trial.is_some();
    let mut kept = found.settled();
    let mut in_force = base;
    if was_tried {
        tracing::warn!(
            "A change of settings was not committed before the agent ended; the old ones are in force."
        );
        if let Err(error) = keep(&store, &kept) {
            tracing::error!(error = chain(&error), "That is not on record yet.");
        }
    }
    match layers.overlaid(&kept.document) {
        Ok(live) => in_force = live,
        Err(faults) => {
            tracing::error!(%faults, "The changed settings do not fit the file any more; those of the file are in force.");
            kept.document.clear();
        }
    }
    let live = watch::channel(Arc::new(in_force)).0;
    Opened {
        layers,
        store,
        kept,
        live,
    }
}

fn keep(store: &Store, kept: &Kept) -> Result<(), store::WriteError> {
    store.commit(Batch::new().put(Tree::Settings, ROW, kept)?)
}

impl Opened {
    /// The settings in force.
    #[must_use]
    pub fn live(&self) -> Live {
        self.live.subscribe()
    }

    /// The settings for anyone, and the task that changes them. `kept` is told of each write.
    #[must_use]
    pub fn keeper(
        self,
        show: Show,
        log: Option<LogLevel>,
        probe: Probe,
        kept: impl Fn() + Send + Sync + 'static,
    ) -> (Settings, SettingsKeeper) {
        let (asks, inbox) = mpsc::channel(WAITING);
        let live = self.live.subscribe();
        let view = SettingsView {
            config_version: self.kept.version,
            stage: None,
            last_error: None,
            changed: self.kept.document.clone(),
            settings: self.layers.values(&self.kept.document),
        };
        let (view, seen) = watch::channel(Arc::new(view));
        let settings = Settings {
            asks,
            view: seen,
            live,
        };
        let keeper = SettingsKeeper {
            layers: self.layers,
            store: self.store,
            kept: self.kept,
            live: self.live,
            view,
            inbox,
            show,
            log,
            probe,
            told: Box::new(kept),
        };
        keeper.set_log_level();
        (settings, keeper)
    }
}

/// The task that changes settings.
pub struct SettingsKeeper {
    layers: Layers,
    store: Store,
    kept: Kept,
    live: watch::Sender<Arc<LiveConfig>>,
    view: watch::Sender<Arc<SettingsView>>,
    inbox: mpsc::Receiver<Ask>,
    show: Show,
    log: Option<LogLevel>,
    probe: Probe,
    told: Box<dyn Fn() + Send + Sync>,
}

impl SettingsKeeper {
    /// Makes changes until `stop`. One that is under way then is taken back at the next start.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let ask = tokio::select! {
                () = stop.cancelled() => return,
                ask = self.inbox.recv() => match ask {
                    Some(ask) => ask,
                    None => return,
                },
            };
            let Ask { change, answer } = ask;
            let made = tokio::select! {
                () = stop.cancelled() => return,
                made = self.change(&change) => made,
            };
            // Who asked may be gone; the change is what it is.
            let _gone = answer.send(made);
        }
    }

    async fn change(&mut self, change: &Change) -> Result<Changed, ChangeError> {
        let running = self.show.status().mode != Mode::Idle;
        let Plan {
            document,
            live,
            changed,
        } = plan(&self.layers, &self.kept, change, running)?;
        if change.dry_run || document == self.kept.document {
            let config_version = self.kept.version;
            return Ok(Changed {
                config_version,
                changed,
            });
        }
        let was = Arc::clone(&self.live.borrow());
        let (mut cycle, mut step) = Cycle::begin(self.kept.clone(), document);
        loop {
            self.show_stage(cycle.stage());
            tracing::info!(stage = ?cycle.stage(), version = self.kept.version, ?changed, "Settings.");
            let ended = match step {
                Step::Keep(kept) => self.keep(kept).await,
                Step::Apply(document) => self.apply(&document),
                Step::Probe => (self.probe)((*was).clone(), live.clone())
                    .await
                    .map_err(ChangeError::Failed),
                Step::End(kept, failure) => {
                    self.kept = kept;
                    self.show_end(failure.as_ref());
                    return match failure {
                        None => Ok(Changed {
                            config_version: self.kept.version,
                            changed,
                        }),
                        Some(error) => Err(error),
                    };
                }
            };
            if let Err(error) = &ended {
                tracing::error!(error = chain(error), "A change of settings met a fault.");
            }
            step = cycle.after(ended);
        }
    }

    async fn keep(&self, kept: Kept) -> Result<(), ChangeError> {
        let store = self.store.clone();
        let kept = tokio::task::spawn_blocking(move || keep(&store, &kept)).await;
        kept.map_err(|_ended| ChangeError::Gone)??;
        (self.told)();
        Ok(())
    }

    /// Has the agent go by a document. Where a part of it cannot be applied, the others are.
    fn apply(&self, document: &Document) -> Result<(), ChangeError> {
        let live = self.layers.overlaid(document);
        let live = live.map_err(|faults| ChangeError::Failed(faults.to_string()))?;
        let was = self.live.send_replace(Arc::new(live));
        if was.log_level == self.live.borrow().log_level {
            return Ok(());
        }
        self.level().map_err(ChangeError::Failed)
    }

    fn level(&self) -> Result<(), String> {
        match &self.log {
            Some(log) => log.set(&self.live.borrow().log_level),
            None => Ok(()),
        }
    }

    fn set_log_level(&self) {
        if let Err(error) = self.level() {
            tracing::error!(error, "The log's level stays that of the file.");
        }
    }

    fn show_stage(&self, stage: Stage) {
        self.view.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.stage = Some(stage);
            view.last_error = None;
        });
    }

    fn show_end(&self, failure: Option<&ChangeError>) {
        let changed = self.kept.document.clone();
        let settings = self.layers.values(&changed);
        self.view.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.config_version = self.kept.version;
            view.last_error = failure.map(|error| error.problem().message);
            view.changed = changed;
            view.settings = settings;
        });
    }
}

#[cfg(test)]
mod tests;
