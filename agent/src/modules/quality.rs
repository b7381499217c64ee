//! The program's quality: looked at, and held by the operator.

use super::Parts;
use super::command::{QualityCommand, Reply};
use super::fault::refuse;
use protocol::Problem;

pub(super) async fn carry_out(parts: &Parts, command: QualityCommand) -> Result<Reply, Problem> {
    let show = &parts.show;
    if let QualityCommand::Hold(asked) = command {
        show.hold_quality(asked.stay_at_full_quality)
            .await
            .map_err(|error| refuse(&error))?;
    }
    let status = show.status();
    Ok(Reply::Quality(Box::new(status.quality.clone())))
}
