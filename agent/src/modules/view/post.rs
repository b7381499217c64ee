//! Commands that Studio signed and somebody posts at the device, as they are asked for and answered.

use control::Answered;
use link::PostNonce;
use protocol::{Ack, AckStatus, MessageId, Nonce, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// An envelope, and how long the end of its command is waited for.
pub struct SignedPost {
    /// As it came.
    pub envelope: Vec<u8>,
    /// At most a minute.
    pub patience: Duration,
}

/// How a command is posted.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PostQuery {
    /// Seconds that the command's end is waited for, 0 to 60. It goes on all the same.
    #[serde(default = "ten")]
    #[param(default = 10, maximum = 60)]
    pub wait_s: u32,
}

const fn ten() -> u32 {
    10
}

/// How it stands with a command that was posted.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"message_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "correlation_id": "01890a5d-ac96-774b-bcce-b302099a8057", "status": "completed",
    "result": {"camera_id": "pier"}, "duplicate": false,
    "envelope": {"payload": "…", "payloadType": "application/vnd.vistter.ack.v1+json", "signatures": []}}))]
pub struct PostedView {
    /// The command's.
    #[schema(value_type = String)]
    message_id: MessageId,
    /// What follows from it has this id in the audit and in events.
    #[schema(value_type = String)]
    correlation_id: MessageId,
    /// `accepted` while it is not at its end; `completed`, `rejected`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    pub(crate) status: AckStatus,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    error: Option<Problem>,
    /// What its type answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// It was known before, and nothing was done now.
    duplicate: bool,
    /// The answer, signed by the device.
    envelope: Value,
}

impl PostedView {
    /// An answer of the dispatcher.
    #[must_use]
    pub fn of(answered: Answered) -> Self {
        let Ack {
            message_id,
            status,
            error,
            result,
            duplicate,
        } = answered.ack;
        Self {
            message_id,
            correlation_id: answered.correlation_id,
            status,
            error,
            result,
            duplicate,
            envelope: serde_json::from_slice(&answered.envelope).unwrap_or_default(),
        }
    }
}

/// What a command can be bound to that is posted next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"session_nonce": "3f0c9a…", "expires_in_s": 600}))]
pub struct PostNonceView {
    /// For the command's `session_nonce`.
    #[schema(value_type = String)]
    session_nonce: Nonce,
    /// Seconds that it counts.
    expires_in_s: u64,
}

impl From<PostNonce> for PostNonceView {
    fn from(of: PostNonce) -> Self {
        Self {
            session_nonce: of.nonce,
            expires_in_s: of.lives.as_secs(),
        }
    }
}
