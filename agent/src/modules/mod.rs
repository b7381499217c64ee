//! What happens when something is asked: one door, one module for each kind of thing.
//!
//! Owns the [`Router`], which takes every [`Command`] of every caller to the module that carries it
//! out, counts it and logs it. The modules join the store, the pure crates and the running show; they
//! know neither HTTP nor who asks.

mod alerts;
mod cameras;
mod catalogue;
pub mod command;
mod destinations;
mod execution;
mod fault;
mod health;
mod media;
mod overlays;
mod preview;
mod quality;
mod records;
mod streams;
mod timelines;
pub mod view;

pub use media::Media;
pub use records::{Changes, Records};

use crate::alerts::Alerts;
use crate::assets::Assets;
use crate::health::{Health, History};
use crate::show::Show;
use crate::telemetry::{Metrics, System};
use command::{Command, Origin, Reply};
use model::ProfileName;
use protocol::Problem;
use runtime::Clock;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer waits for a slow disk to keep what is wanted to run.
const SETTLED: Duration = Duration::from_millis(500);

/// What the modules work with.
pub struct Parts {
    /// What is kept.
    pub records: Records,
    /// What runs.
    pub show: Show,
    /// The media server.
    pub media: Box<dyn Media>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where commands are counted.
    pub metrics: Arc<Metrics>,
    /// What is wrong.
    pub health: Health,
    /// How the machine is.
    pub system: System,
    /// The figures of the last day.
    pub history: History,
    /// What the operator is told.
    pub alerts: Alerts,
    /// The files that shows may name.
    pub assets: Assets,
    /// Profile of a program where nobody asks for another.
    pub profile: ProfileName,
}

/// The one door: everything anyone asks goes through [`Router::ask`]. Cheap to clone.
#[derive(Clone)]
pub struct Router {
    parts: Arc<Parts>,
}

impl Router {
    /// A door to these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// The running show, to watch.
    #[must_use]
    pub fn show(&self) -> &Show {
        &self.parts.show
    }

    /// The alerts, to watch.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.parts.alerts
    }

    /// Carries out a command, and answers when it is done.
    ///
    /// # Errors
    /// The [`Problem`] to be sent to whoever asked.
    pub async fn ask(&self, origin: Origin, command: Command) -> Result<Reply, Problem> {
        let name = command.name();
        let looks = command.only_looks();
        let began = self.parts.clock.monotonic();
        let lasting = !looks && changes_what_runs(&command);
        let result = self.carry_out(command).await;
        if lasting {
            // What is answered as done is still so after a power cut.
            self.parts.show.memory().settled(SETTLED).await;
        }
        let took = self.parts.clock.monotonic().saturating_sub(began);
        let word = result
            .as_ref()
            .map_or_else(|problem| problem.code.as_str(), |_| "OK");
        self.parts.metrics.command(name, word, took.as_secs_f64());
        if !looks {
            let took_ms = took.as_millis();
            tracing::info!(
                command = name,
                origin = origin.as_str(),
                result = word,
                took_ms,
                "Asked."
            );
        }
        result
    }

    async fn carry_out(&self, command: Command) -> Result<Reply, Problem> {
        let parts = &*self.parts;
        match command {
            Command::Preview(command) => preview::carry_out(parts, command).await,
            Command::Camera(command) => cameras::carry_out(parts, command).await,
            Command::Destination(command) => destinations::carry_out(parts, command).await,
            Command::Timeline(command) => timelines::carry_out(parts, command).await,
            Command::Execution(command) => execution::carry_out(parts, command).await,
            Command::Overlay(command) => overlays::carry_out(parts, command).await,
            Command::Quality(command) => quality::carry_out(parts, command).await,
            Command::Stream(command) => streams::carry_out(parts, command).await,
            Command::Emergency(command) => catalogue::emergency(parts, command).await,
            Command::Health(command) => health::carry_out(parts, command),
            Command::Alert(command) => alerts::carry_out(parts, command).await,
            Command::Catalogue(command) => catalogue::carry_out(parts, command).await,
        }
    }
}

/// Whether a command starts, stops or moves something that is resumed after the agent's end. Edits of
/// graphics and takes are remembered too, but come too often to wait for a disk.
const fn changes_what_runs(command: &Command) -> bool {
    match command {
        Command::Preview(_)
        | Command::Execution(_)
        | Command::Stream(_)
        | Command::Emergency(_) => true,
        Command::Camera(_)
        | Command::Destination(_)
        | Command::Timeline(_)
        | Command::Overlay(_)
        | Command::Quality(_)
        | Command::Health(_)
        | Command::Alert(_)
        | Command::Catalogue(_) => false,
    }
}
