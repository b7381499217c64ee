//! Alerts and their webhook: asked of the task that keeps them.

use super::Parts;
use super::command::{AlertCommand, Reply};
use super::fault::refuse;
use super::view::{AlertList, Done};
use crate::alerts::AlertError;
use protocol::Problem;

pub(super) async fn carry_out(parts: &Parts, command: AlertCommand) -> Result<Reply, Problem> {
    let alerts = &parts.alerts;
    let refuse = |error: AlertError| refuse(&error);
    match command {
        AlertCommand::List(query) => {
            let board = alerts.board();
            let open = board.open().count();
            let wanted = if query.open { open } else { usize::MAX };
            Ok(Reply::Alerts(AlertList {
                alerts: board.alerts.iter().take(wanted).cloned().collect(),
                open,
                left_out: board.left_out,
            }))
        }
        AlertCommand::Acknowledge(id) => {
            let alert = alerts.acknowledge(id).await.map_err(refuse)?;
            Ok(Reply::Alert(Box::new(alert)))
        }
        AlertCommand::Webhook => Ok(Reply::Webhook(alerts.board().webhook.clone())),
        AlertCommand::SetWebhook(draft) => {
            let view = alerts.set_webhook(draft).await.map_err(refuse)?;
            copied(parts);
            Ok(Reply::Webhook(view))
        }
        AlertCommand::RemoveWebhook => {
            alerts.remove_webhook().await.map_err(refuse)?;
            copied(parts);
            Ok(Reply::Done(Done {
                message: "The webhook was removed".to_owned(),
            }))
        }
        AlertCommand::TestWebhook => {
            let test = alerts.test_webhook().await.map_err(refuse)?;
            Ok(Reply::WebhookTest(test))
        }
    }
}

/// Sees to it that a changed setting is in the next copy of the database.
fn copied(parts: &Parts) {
    parts.records.changes().send_modify(|count| *count += 1);
}
