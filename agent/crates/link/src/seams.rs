//! What the link is given by the agent: where rows are kept, and who carries commands out.

use control::{Outcome, Row, Stored, TurnedAway};
use protocol::command::{Command, CommandType};
use protocol::{Capabilities, ClockSource, DeviceState, MessageId, Metrics};
use runtime::CancellationToken;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

/// Rows could not be kept or read; the text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Not now: the disk is full, say. The same rows may be kept later.
    #[error("{0}")]
    Now(String),
    /// Never: they are too large, or have no form that can be kept or read.
    #[error("{0}")]
    Never(String),
}

/// Keeps rows. Both calls block.
pub trait Keeper: Send + Sync + 'static {
    /// All that is kept for this pairing; what was kept for another one is forgotten.
    ///
    /// # Errors
    /// [`KeepError`].
    fn load(&self, pairing: &MessageId) -> Result<Stored, KeepError>;

    /// Writes rows, all or none, so that no power cut undoes them once it returns.
    ///
    /// # Errors
    /// [`KeepError`]; after [`KeepError::Now`] the same rows are given again.
    fn keep(&self, rows: &[Row]) -> Result<(), KeepError>;
}

/// What the device says of itself in its hello.
#[derive(Debug, Clone)]
pub struct About {
    /// What it can do.
    pub capabilities: Capabilities,
    /// What it is doing.
    pub state: DeviceState,
    /// What sets its clock.
    pub clock: ClockSource,
}

/// What becomes of a command.
pub type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Carries commands out.
pub trait Hands: Send + Sync + 'static {
    /// The types that are carried out; all others answer `FEATURE_DISABLED`.
    fn commands(&self) -> BTreeSet<CommandType>;

    /// What the device says of itself.
    fn about(&self) -> About;

    /// Carries one command out. It has been accepted durably and may begin now; what follows from it is
    /// told under its correlation id. Once `stop` is cancelled no further step of it is begun; the one
    /// under way comes to its end, and what became of the command is answered.
    fn carry_out(
        &self,
        command: Command,
        correlation_id: &MessageId,
        stop: CancellationToken,
    ) -> Work;

    /// Is told of a refusal that leaves no row, to write it down. Does not block.
    fn turned_away(&self, refusal: &TurnedAway);

    /// The figures of this moment; `None` where there are none. Does not block.
    fn figures(&self) -> Option<Metrics>;

    /// Whether nothing runs that a command could have begun: what it kept is free then.
    fn is_idle(&self) -> bool;
}
