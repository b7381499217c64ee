//! Why something about alerts is refused.

use super::webhook::{DeliveryError, TargetError};
use model::AlertId;
use protocol::{Code, HasCode};

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// No such alert.
    #[error("there is no alert {0}")]
    NoAlert(AlertId),
    /// No webhook is set.
    #[error("no webhook is set")]
    NoWebhook,
    /// The address is not taken.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The secret is too short or too long.
    #[error("a webhook's secret has 16 to 256 bytes")]
    Secret,
    /// The test failed.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Tests are running already.
    #[error("the webhook is being tested already")]
    Busy,
    /// The store could not be written.
    #[error("the store could not be written")]
    Store(#[from] store::WriteError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Stopping,
}

impl HasCode for AlertError {
    fn code(&self) -> Code {
        match self {
            Self::NoAlert(_) => Code::AlertNotFound,
            Self::NoWebhook => Code::WebhookNotFound,
            Self::Target(error) => error.code(),
            Self::Secret => Code::WebhookInvalid,
            Self::Delivery(error) => error.code(),
            Self::Busy => Code::Busy,
            Self::Store(error) => error.code(),
            Self::NoRandomness => Code::Internal,
            Self::Stopping => Code::Interrupted,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Target(error) => error.field(),
            Self::Secret => Some("/secret".to_owned()),
            _ => None,
        }
    }
}
