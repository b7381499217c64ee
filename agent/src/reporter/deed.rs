//! A command that changes something, as far as Studio is told of it.

use super::{Reporter, event, text};
use crate::modules::command::{
    AlertCommand, CameraCommand, Command, DestinationCommand, EmergencyCommand, ExecutionCommand,
    Origin, OverlayCommand, QualityCommand, SettingsCommand, StreamCommand, TimelineCommand,
};
use protocol::{EventType, MessageId, Severity};
use std::sync::atomic::Ordering;

/// What an operator does to the show by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// Puts something in place of what the timeline wants.
    Overrides,
    /// Gives the show back.
    Releases,
    /// Ends everything.
    Stops,
}

/// What is remembered of a command until its end. No argument but the target.
#[derive(Debug)]
pub(super) struct Deed {
    name: &'static str,
    target: Option<String>,
    /// It may change what runs and where it is sent.
    directs: bool,
    hand: Option<Hand>,
    /// It changes a setting.
    settles: bool,
    /// What Studio is told when it was its own command. An operator does such things too often.
    echo: Option<EventType>,
}

/// Whether a command changes what is kept: settings, cameras, destinations, timelines, streams, the
/// webhook.
const fn settles(command: &Command) -> bool {
    if let Command::Settings(SettingsCommand::Change(change)) = command {
        return !change.dry_run;
    }
    matches!(
        command,
        Command::Camera(
            CameraCommand::Create(_) | CameraCommand::Update(..) | CameraCommand::Delete(_)
        ) | Command::Destination(
            DestinationCommand::Create(_)
                | DestinationCommand::Update(..)
                | DestinationCommand::Delete(_)
        ) | Command::Timeline(
            TimelineCommand::Create(_) | TimelineCommand::Update(..) | TimelineCommand::Delete(_)
        ) | Command::Stream(
            StreamCommand::Create(_) | StreamCommand::Update(..) | StreamCommand::Delete(_)
        ) | Command::Alert(AlertCommand::SetWebhook(_) | AlertCommand::RemoveWebhook)
    )
}

impl Deed {
    pub(super) fn of(command: &Command) -> Self {
        let hand = match command {
            Command::Camera(CameraCommand::ToProgram(..))
            | Command::Execution(ExecutionCommand::Pause | ExecutionCommand::Seek(_)) => {
                Some(Hand::Overrides)
            }
            Command::Execution(ExecutionCommand::Resume) => Some(Hand::Releases),
            Command::Quality(QualityCommand::Hold(hold)) if hold.stay_at_full_quality => {
                Some(Hand::Overrides)
            }
            Command::Quality(QualityCommand::Hold(_)) => Some(Hand::Releases),
            Command::Emergency(EmergencyCommand::TestPattern(asked)) if asked.shown => {
                Some(Hand::Overrides)
            }
            Command::Emergency(EmergencyCommand::TestPattern(_)) => Some(Hand::Releases),
            Command::Emergency(EmergencyCommand::KillAllStreams) => Some(Hand::Stops),
            _ => None,
        };
        Self {
            name: command.name(),
            target: command.target(),
            directs: matches!(
                command,
                Command::Preview(_)
                    | Command::Execution(_)
                    | Command::Stream(_)
                    | Command::Emergency(_)
            ),
            hand,
            settles: settles(command),
            echo: match command {
                Command::Camera(CameraCommand::ToProgram(..)) => Some(EventType::ProgramState),
                Command::Overlay(OverlayCommand::Edit(..)) => Some(EventType::OverlayState),
                _ => None,
            },
        }
    }

    /// What Studio is told of it, when it went well.
    fn told(&self, origin: Origin) -> Option<(EventType, Severity)> {
        match (self.hand, origin) {
            (Some(Hand::Stops), _) => Some((EventType::Emergency, Severity::Critical)),
            (Some(Hand::Overrides), Origin::Operator) => {
                Some((EventType::OperatorOverride, Severity::Info))
            }
            (Some(Hand::Releases), Origin::Operator) => {
                Some((EventType::OperatorRelease, Severity::Info))
            }
            _ if self.settles => Some((EventType::ConfigChanged, Severity::Info)),
            (_, Origin::Studio) => self.echo.map(|echo| (echo, Severity::Info)),
            (_, Origin::Operator) => None,
        }
    }
}

/// A command under way. Dropping it without [`AtWork::end`] tells nothing of it.
#[derive(Debug)]
pub struct AtWork {
    reporter: Reporter,
    deed: Deed,
    /// It is counted as under way.
    counted: bool,
}

impl AtWork {
    pub(super) fn new(reporter: Reporter, deed: Deed) -> Self {
        let counted = deed.directs;
        if counted {
            reporter.inner.at_work.fetch_add(1, Ordering::AcqRel);
        }
        Self {
            reporter,
            deed,
            counted,
        }
    }

    /// It is at its end: tells what an operator did by hand, and what runs now that did not.
    /// `made` is what came into being, where the command did not name it.
    pub fn end(mut self, origin: Origin, correlation: &MessageId, well: bool, made: Option<&str>) {
        if std::mem::take(&mut self.counted) {
            self.reporter.look(Some(correlation));
        }
        let (deed, reporter) = (&self.deed, &self.reporter);
        if let (true, Some((event_type, severity))) = (well, deed.told(origin)) {
            let context = [
                ("by", text(origin.as_str())),
                ("kind", text(deed.name)),
                (
                    "target",
                    made.or(deed.target.as_deref())
                        .map(text)
                        .unwrap_or_default(),
                ),
            ];
            reporter.add(event(event_type, severity, context), Some(correlation));
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if self.counted {
            self.reporter.inner.at_work.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
