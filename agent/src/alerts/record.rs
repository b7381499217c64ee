//! One alert, as it is kept and answered.

use crate::health::{Finding, Key, Subject};
use model::AlertId;
use protocol::{Condition, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most consequences that an alert names.
pub(super) const CONSEQUENCES: usize = 16;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is so now.
    Open,
    /// It is good again, and is watched a while longer.
    Recovering,
    /// It is over.
    Cleared,
}

/// How an alert ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClearedBy {
    /// It stayed good for long enough, or what it was about is no longer wanted.
    Recovery,
    /// The agent was started again, and found it good.
    Restart,
    /// It turned out to follow from another alert.
    OtherAlert,
}

/// What the operator is told of one trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "7", "code": "CAMERA_OFFLINE", "severity": "warning",
    "subject": {"kind": "camera", "id": "2", "name": "Camera 2"},
    "message": "Camera 2 is offline – switched to backup", "cause": "the connection was refused",
    "remediation": "Check the camera's power, cable and address. It returns to the program by itself.",
    "consequences": [], "state": "open", "raised_at": "2026-11-21T10:00:00.000Z", "cleared_at": null,
    "cleared_by": null, "acknowledged_at": null}))]
pub struct Alert {
    /// Its id, a number that only grows.
    #[schema(value_type = String)]
    pub id: AlertId,
    /// Which of the closed list of conditions.
    #[schema(value_type = String)]
    pub code: Condition,
    /// The worst that it has been: `warning`, `error` or `critical`.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// With what.
    pub subject: Option<Subject>,
    /// What is wrong, for the operator.
    pub message: String,
    /// Why, in a few words.
    pub cause: String,
    /// What to do next.
    pub remediation: String,
    /// What follows from it, at most 16.
    pub consequences: Vec<String>,
    /// Where it stands.
    pub state: AlertState,
    /// When it began, RFC 3339 UTC.
    pub raised_at: String,
    /// When it ended.
    pub cleared_at: Option<String>,
    /// How it ended.
    pub cleared_by: Option<ClearedBy>,
    /// When an operator said that they have seen it.
    pub acknowledged_at: Option<String>,
}

/// Who has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Told {
    /// The webhook took its beginning, or there was none to take it.
    pub(super) raised: bool,
    /// The same of its end.
    pub(super) cleared: bool,
}

/// What follows from an alert, as it is found now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Consequence {
    pub(super) key: Key,
    pub(super) severity: Severity,
    pub(super) message: String,
}

/// An alert as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) key: Key,
    pub(super) alert: Alert,
    #[serde(default)]
    pub(super) told: Told,
    /// Which condition each consequence is of, in their order.
    #[serde(default)]
    pub(super) follow: Vec<Key>,
}

impl Kept {
    pub(super) fn new(id: AlertId, finding: &Finding, now: &str) -> Self {
        let alert = Alert {
            id,
            code: finding.code,
            severity: finding.severity,
            subject: finding.subject.clone(),
            message: finding.message.clone(),
            cause: finding.cause.clone(),
            remediation: finding.remediation.to_string(),
            consequences: Vec::new(),
            state: AlertState::Open,
            raised_at: now.to_owned(),
            cleared_at: None,
            cleared_by: None,
            acknowledged_at: None,
        };
        Self {
            key: finding.key(),
            alert,
            told: Told::default(),
            follow: Vec::new(),
        }
    }

    /// Takes what is found of it now; says whether anything changed that people should see.
    pub(super) fn update(&mut self, finding: &Finding, consequences: &[Consequence]) -> bool {
        let before = (
            self.alert.state,
            self.alert.severity,
            self.alert.message.clone(),
        );
        let count = self.alert.consequences.len();
        let alert = &mut self.alert;
        alert.state = if finding.recovering {
            AlertState::Recovering
        } else {
            AlertState::Open
        };
        alert.severity = alert.severity.max(finding.severity);
        alert.message.clone_from(&finding.message);
        // A figure in the cause may change each second; that alone is no news.
        alert.cause.clone_from(&finding.cause);
        alert.remediation = finding.remediation.to_string();
        // Rows of before had no keys: what they name is named anew.
        if self.follow.len() != alert.consequences.len() {
            self.follow.clear();
            alert.consequences.clear();
        }
        for one in consequences {
            alert.severity = alert.severity.max(one.severity);
            match self.follow.iter().position(|key| *key == one.key) {
                // Its words may change each second, as those of a cause.
                Some(at) => alert.consequences[at].clone_from(&one.message),
                None if self.follow.len() < CONSEQUENCES => {
                    self.follow.push(one.key.clone());
                    alert.consequences.push(one.message.clone());
                }
                None => {}
            }
        }
        let after = (alert.state, alert.severity, alert.message.clone());
        before != after || count != alert.consequences.len()
    }

    pub(super) fn clear(&mut self, by: ClearedBy, now: &str) {
        self.alert.state = AlertState::Cleared;
        self.alert.cleared_at = Some(now.to_owned());
        self.alert.cleared_by = Some(by);
    }
}
