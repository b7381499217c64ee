//! The program's quality: looked at, and held by the operator.

use super::Parts;
use super::command::{QualityCommand, Reply};
use super::fault::refuse;
use protocol::Problem;

pub(super) async fn carry_out(parts: &Parts, command: QualityCommand) -> Result<Reply, Problem> {
    let show = &parts.show;
    if let QualityCommand::Hold(asked) = command {
        let held = asked.stay_at_full_quality;
        let mut status = show.watch();
        show.hold_quality(held)
            .await
            .map_err(|error| refuse(&error))?;
        // The state is shown right after the answer; an agent that ends shows none any more.
        drop(status.wait_for(|now| now.quality.held == held).await);
    }
    let status = show.status();
    Ok(Reply::Quality(Box::new(status.quality.clone())))
}
