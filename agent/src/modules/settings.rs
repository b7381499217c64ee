//! Settings that can change while the agent runs: looked at, and changed.

use super::Parts;
use super::command::{Reply, SettingsCommand};
use super::fault::refuse;
use protocol::Problem;

pub(super) async fn carry_out(parts: &Parts, command: SettingsCommand) -> Result<Reply, Problem> {
    let settings = &parts.settings;
    match command {
        SettingsCommand::Get => Ok(Reply::Settings(Box::new((*settings.view()).clone()))),
        SettingsCommand::Change(change) => {
            let changed = settings.change(change).await;
            let changed = changed.map_err(|error| refuse(&error))?;
            Ok(Reply::SettingsChanged(changed))
        }
    }
}
