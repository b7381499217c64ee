//! Pairing, unpairing and what is posted for Studio: asked of the task that does it.

use super::Parts;
use super::command::{LinkCommand, Reply};
use super::fault::refuse;
use super::view::{PairView, PostedView};
use crate::link::PairFault;
use protocol::Problem;

pub(super) async fn carry_out(parts: &Parts, command: LinkCommand) -> Result<Reply, Problem> {
    let link = &parts.link;
    match command {
        LinkCommand::Pair(draft) => paired(link.pair(draft).await, "The device is paired"),
        LinkCommand::Unpair => paired(link.unpair().await, "The device is unpaired"),
        LinkCommand::Post(post) => {
            let posted = link.post(post.envelope, post.patience).await;
            let answered = posted.map_err(|fault| refuse(&fault))?;
            Ok(Reply::Posted(Box::new(PostedView::of(answered))))
        }
        LinkCommand::PostNonce => {
            let nonce = link.nonce().await.map_err(|fault| refuse(&fault))?;
            Ok(Reply::PostNonce(nonce.into()))
        }
    }
}

fn paired(done: Result<String, PairFault>, message: &str) -> Result<Reply, Problem> {
    let device_id = done.map_err(|fault| refuse(&fault))?;
    Ok(Reply::Pairing(PairView {
        message: message.to_owned(),
        device_id,
    }))
}
