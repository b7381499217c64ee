//! What happens when something is asked: one door, one module for each kind of thing.
//!
//! Owns the [`Router`], which takes every [`Command`] of every caller to the module that carries it
//! out, counts it and logs it. The modules join the store, the pure crates and the running show; they
//! know neither HTTP nor who asks.

mod alerts;
mod audit;
mod cameras;
mod catalogue;
pub mod command;
mod destinations;
mod diagnostics;
mod execution;
mod fault;
mod health;
mod link;
mod media;
mod overlays;
mod preview;
mod quality;
mod records;
mod settings;
mod streams;
mod timelines;
pub mod view;

pub use media::Media;
pub use records::{Changes, Records};

use crate::alerts::Alerts;
use crate::assets::Assets;
use crate::audit::{Audit, AuditOrigin, AuditOutcome, Entry};
use crate::diagnostics::Diagnostics;
use crate::health::{Health, History, Report};
use crate::link::Link;
use crate::reporter::Reporter;
use crate::settings::Settings;
use crate::show::Show;
use crate::telemetry::{Metrics, System};
use crate::time::rfc3339;
use crate::uptime::Uptime;
use command::{Command, Origin, Reply};
use model::ProfileName;
use protocol::{MessageId, Problem};
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
    /// How much of the time everything was there.
    pub uptime: Uptime,
    /// Where it is written down who did what.
    pub audit: Audit,
    /// Tells Studio what happens.
    pub reporter: Reporter,
    /// The files that shows may name.
    pub assets: Assets,
    /// The settings that can change.
    pub settings: Settings,
    /// The link to Studio.
    pub link: Link,
    /// What the bundle for support needs beside what the modules say.
    pub diagnostics: Diagnostics,
}

impl Parts {
    /// Profile of a program where nobody asks for another.
    fn profile(&self) -> ProfileName {
        self.settings.live().borrow().program.profile
    }
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

    /// What is wrong now, and how much that matters.
    #[must_use]
    pub fn health(&self) -> Arc<Report> {
        self.parts.health.report()
    }

    /// The alerts, to watch.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.parts.alerts
    }

    /// The audit, to write down what comes by other ways.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.parts.audit
    }

    /// The link to Studio, to watch.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.parts.link
    }

    /// The figures of this moment.
    #[must_use]
    pub fn figures(&self) -> view::MetricsView {
        health::metrics(&self.parts)
    }

    /// Carries out a command, and answers when it is done.
    ///
    /// # Errors
    /// The [`Problem`] to be sent to whoever asked.
    pub async fn ask(&self, origin: Origin, command: Command) -> Result<Reply, Problem> {
        let id = uuid::Uuid::now_v7().to_string();
        let correlation = MessageId::parse(id).expect("a UUID is a message id");
        self.ask_for(origin, &correlation, command).await
    }

    /// The same for something that has a correlation id: what follows is told and written down under it.
    ///
    /// # Errors
    /// As [`Router::ask`].
    pub async fn ask_for(
        &self,
        origin: Origin,
        correlation: &MessageId,
        command: Command,
    ) -> Result<Reply, Problem> {
        let name = command.name();
        let looks = command.only_looks();
        // Those that only look are not written down, and are many.
        let entry = (!looks).then(|| self.entry(&command, correlation));
        let at_work = (!looks).then(|| self.parts.reporter.begin(&command));
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
                correlation_id = correlation.as_str(),
                result = word,
                took_ms,
                "Asked."
            );
        }
        if let Some(at_work) = at_work {
            let made = result.as_ref().ok().and_then(|reply| reply.made().0);
            at_work.end(origin, correlation, result.is_ok(), made.as_deref());
        }
        // A signed command is written down with its own row.
        if let (Some(entry), Origin::Operator) = (entry, origin) {
            self.parts.audit.note(ended(entry, &result));
        }
        result
    }

    fn entry(&self, command: &Command, correlation: &MessageId) -> Entry {
        Entry {
            kind: Some(command.name().to_owned()),
            target: command.target(),
            began_at: Some(rfc3339(self.parts.clock.wall())),
            correlation_id: Some(correlation.to_string()),
            ..Entry::done(AuditOrigin::Operator, AuditOutcome::Completed)
        }
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
            Command::Settings(command) => settings::carry_out(parts, command).await,
            Command::Link(command) => link::carry_out(parts, command).await,
            Command::Stream(command) => streams::carry_out(parts, command).await,
            Command::Emergency(command) => catalogue::emergency(parts, command).await,
            Command::Health(command) => health::carry_out(parts, command),
            Command::Alert(command) => alerts::carry_out(parts, command).await,
            Command::Audit(query) => audit::list(parts, query).await,
            Command::Diagnostics(include) => diagnostics::carry_out(parts, &include).await,
            Command::Catalogue(command) => catalogue::carry_out(parts, command).await,
        }
    }
}

/// An entry with what became of it.
fn ended(entry: Entry, result: &Result<Reply, Problem>) -> Entry {
    match result {
        Ok(reply) => {
            let (made, revision) = reply.made();
            Entry {
                target: made.or(entry.target),
                revision,
                ..entry
            }
        }
        Err(problem) => Entry {
            outcome: AuditOutcome::Failed,
            code: Some(problem.code),
            ..entry
        },
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
        | Command::Settings(_)
        | Command::Link(_)
        | Command::Health(_)
        | Command::Alert(_)
        | Command::Audit(_)
        | Command::Diagnostics(_)
        | Command::Catalogue(_) => false,
    }
}
