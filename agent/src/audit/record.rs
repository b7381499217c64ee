//! One row of the audit, as it is kept and answered.

use control::{AuditRow as CommandAudit, TurnedAway};
use protocol::command::Target;
use protocol::{AckStatus, Code};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most targets of one command that are named.
const TARGETS: usize = 8;

/// Who wanted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditOrigin {
    /// Studio, by the key in `key_id`.
    Studio,
    /// Somebody at the device's own page or API.
    Operator,
    /// Somebody at the device's command line.
    CommandLine,
    /// Nobody knows: the message could not be verified.
    Unknown,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words of the wire")]
pub enum AuditOutcome {
    Accepted,
    Deferred,
    Completed,
    Rejected,
    Failed,
    Cancelled,
    Superseded,
}

impl From<AckStatus> for AuditOutcome {
    fn from(status: AckStatus) -> Self {
        match status {
            AckStatus::Accepted => Self::Accepted,
            AckStatus::Deferred => Self::Deferred,
            AckStatus::Completed => Self::Completed,
            AckStatus::Rejected => Self::Rejected,
            AckStatus::Failed => Self::Failed,
            AckStatus::Cancelled => Self::Cancelled,
            AckStatus::Superseded => Self::Superseded,
        }
    }
}

/// What is to be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Who wanted it.
    pub origin: AuditOrigin,
    /// The key that signed it, where a key did.
    pub key_id: Option<String>,
    /// What was wanted: the type of a signed command, or `camera.create` and the like.
    pub kind: Option<String>,
    /// Of what: `camera/2`, several with a blank between them.
    pub target: Option<String>,
    /// The revision of a timeline that came of it.
    pub revision: Option<u64>,
    /// What became of it.
    pub outcome: AuditOutcome,
    /// Why it did not come true.
    #[schema(value_type = Option<String>)]
    pub code: Option<Code>,
    /// When it began, RFC 3339 UTC, where that is known.
    pub began_at: Option<String>,
    /// The signed message.
    pub message_id: Option<String>,
    /// What belongs together has the same, also in the log and in what Studio is told.
    pub correlation_id: Option<String>,
    /// How often it was so, one after the other within a moment.
    pub count: u64,
}

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "17", "at": "2026-11-21T10:00:00.250Z", "origin": "studio",
    "key_id": "5f0c6c1d9be7a3f2", "kind": "TIMELINE_EXECUTE", "target": "program timeline/show",
    "revision": null, "outcome": "completed", "code": null, "began_at": null,
    "message_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "correlation_id": "01890a5d-ac96-774b-bcce-b302099a8058", "count": 1}))]
pub struct AuditRow {
    /// Its number; each row has the next.
    pub id: String,
    /// When it was written, RFC 3339 UTC.
    pub at: String,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}

impl Entry {
    /// Whether another says the same but for ids and times.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        let alike = |one: &Self| {
            (
                one.origin,
                one.key_id.clone(),
                one.kind.clone(),
                one.target.clone(),
                one.outcome,
                one.code,
            )
        };
        self.origin == AuditOrigin::Operator && alike(self) == alike(other)
    }

    /// What became of a signed command.
    #[must_use]
    pub fn of_command(row: &CommandAudit) -> Self {
        let targets: Vec<String> = row.targets.iter().take(TARGETS).map(named).collect();
        Self {
            origin: AuditOrigin::Studio,
            key_id: Some(row.signer.to_string()),
            kind: row.kind.map(|kind| kind.as_str().to_owned()),
            target: (!targets.is_empty()).then(|| targets.join(" ")),
            revision: None,
            outcome: row.status.into(),
            code: row.code,
            began_at: None,
            message_id: Some(row.message_id.to_string()),
            correlation_id: Some(row.correlation_id.to_string()),
            count: 1,
        }
    }

    /// A refusal that leaves no trace but this.
    pub(super) fn of_refusal(refusal: &TurnedAway) -> Self {
        let (message, correlation) = refusal.about.clone().unzip();
        let (kind, signer) = refusal.read.clone().unzip();
        Self {
            origin: match refusal.about {
                Some(_) => AuditOrigin::Studio,
                None => AuditOrigin::Unknown,
            },
            key_id: signer.map(|signer| signer.to_string()),
            kind: kind.flatten().map(|kind| kind.as_str().to_owned()),
            message_id: message.map(|id| id.to_string()),
            correlation_id: correlation.map(|id| id.to_string()),
            ..Self::refusals(refusal.code, 1)
        }
    }

    /// Refusals of messages that nobody looks into.
    pub(super) const fn refusals(code: Code, count: u64) -> Self {
        let mut entry = Self::done(AuditOrigin::Unknown, AuditOutcome::Rejected);
        entry.code = Some(code);
        entry.count = count;
        entry
    }

    /// Something that somebody did, with nothing else known of it.
    #[must_use]
    pub const fn done(origin: AuditOrigin, outcome: AuditOutcome) -> Self {
        Self {
            origin,
            key_id: None,
            kind: None,
            target: None,
            revision: None,
            outcome,
            code: None,
            began_at: None,
            message_id: None,
            correlation_id: None,
            count: 1,
        }
    }
}

fn named(target: &Target) -> String {
    let kind = match serde_json::to_value(target.kind) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".to_owned(),
    };
    match &target.id {
        Some(id) => format!("{kind}/{id}"),
        None => kind,
    }
}
