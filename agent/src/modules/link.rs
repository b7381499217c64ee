//! Pairing and unpairing: asked of the task that does it.

use super::Parts;
use super::command::{LinkCommand, Reply};
use super::fault::refuse;
use super::view::PairView;
use protocol::Problem;

pub(super) async fn carry_out(parts: &Parts, command: LinkCommand) -> Result<Reply, Problem> {
    let (done, message) = match command {
        LinkCommand::Pair(draft) => (parts.link.pair(draft).await, "The device is paired"),
        LinkCommand::Unpair => (parts.link.unpair().await, "The device is unpaired"),
    };
    let device_id = done.map_err(|fault| refuse(&fault))?;
    Ok(Reply::Pairing(PairView {
        message: message.to_owned(),
        device_id,
    }))
}
