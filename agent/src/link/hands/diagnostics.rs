//! The bundle for support, sent to where Studio wants it.

use super::{Desk, Undone, other};
use crate::modules::command::{Command, Reply};
use bytes::Bytes;
use link::{UploadError, UploadTarget};
use protocol::command::{DiagnosticsRequest, Uploaded};
use protocol::{Checksum, Code, Digest, HasCode, Name, Problem};

/// The refusal, with its place in the command.
fn placed(mut problem: Problem) -> Undone {
    problem.field = problem.field.map(|field| format!("/payload{field}"));
    problem.into()
}

fn not_sent(error: &UploadError) -> Undone {
    placed(error.problem())
}

impl Desk {
    /// Makes a bundle and sends it; one at a time. It is given up between the two, and also while it is
    /// sent: what did not arrive whole is no bundle.
    pub(super) async fn diagnostics(&self, asked: DiagnosticsRequest) -> Result<Uploaded, Undone> {
        let credentials = self.credentials()?;
        let target = UploadTarget::parse(asked.upload_url.as_str());
        let target = target.map_err(|error| not_sent(&error))?;
        let Ok(_turn) = self.uploads.try_lock() else {
            let problem = Code::Busy.with_message("another bundle is being sent");
            return Err(problem.into());
        };
        let include = asked.include.iter().map(Name::to_string).collect();
        let bundle = match self.ask(Command::Diagnostics(include)).await {
            Ok(Reply::Diagnostics(bundle)) => Bytes::from(bundle.text),
            Ok(_) => return Err(other()),
            Err(Undone::Failed(problem)) => return Err(placed(problem)),
            Err(Undone::GivenUp) => return Err(Undone::GivenUp),
        };
        let checksum = Checksum::parse(format!("sha256:{}", Digest::of(&bundle)));
        let checksum = checksum.map_err(|_error| other())?;
        let bytes = u64::try_from(bundle.len()).unwrap_or(u64::MAX);
        let sent = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Undone::GivenUp),
            sent = credentials.upload(&target, bundle) => sent,
        };
        sent.map_err(|error| not_sent(&error))?;
        tracing::info!(to = target.place(), bytes, "A bundle for support was sent.");
        Ok(Uploaded { bytes, checksum })
    }
}
