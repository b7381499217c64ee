//! What health tells, as values.

use protocol::{Condition, Severity};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;
use utoipa::ToSchema;

/// What kind of thing is concerned.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum SubjectKind {
    Camera,
    Media,
    Destination,
    Stream,
}

/// The thing that is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
}

impl Subject {
    /// One of a kind.
    pub fn new(kind: SubjectKind, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            name: name.into(),
        }
    }
}

/// What tells one condition from another: what is wrong, and with which thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// What is wrong.
    pub code: Condition,
    /// With what; the machine or the program where it is nothing else.
    pub of: Option<(SubjectKind, String)>,
}

impl Key {
    /// Of the machine, the program or the media server.
    #[must_use]
    pub const fn whole(code: Condition) -> Self {
        Self { code, of: None }
    }
}

/// What a rule found at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) code: Condition,
    pub(super) severity: Severity,
    pub(super) subject: Option<Subject>,
    /// For the operator, one sentence without its full stop.
    pub(super) message: String,
    /// Why, in a few words.
    pub(super) cause: String,
    pub(super) remediation: Cow<'static, str>,
    /// For how long it has to be so before it is told.
    pub(super) settle: Duration,
    /// What it may follow from; the first that is there is taken for its cause.
    pub(super) roots: Vec<Key>,
}

impl Found {
    pub(super) fn new(
        code: Condition,
        severity: Severity,
        message: impl Into<String>,
        cause: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            subject: None,
            message: message.into(),
            cause: cause.into(),
            remediation: Cow::Borrowed(code.remediation()),
            settle: Duration::ZERO,
            roots: Vec::new(),
        }
    }

    pub(super) fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    pub(super) fn after(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    pub(super) fn from(mut self, roots: impl IntoIterator<Item = Key>) -> Self {
        self.roots.extend(roots);
        self
    }

    pub(super) fn advise(mut self, remediation: impl Into<Cow<'static, str>>) -> Self {
        self.remediation = remediation.into();
        self
    }

    pub(super) fn key(&self) -> Key {
        Key {
            code: self.code,
            of: self
                .subject
                .as_ref()
                .map(|subject| (subject.kind, subject.id.clone())),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"code": "CAMERA_OFFLINE", "severity": "warning",
    "subject": {"kind": "camera", "id": "2", "name": "Camera 2"},
    "message": "Camera 2 is offline – switched to backup", "cause": "the connection was refused",
    "remediation": "Check the camera's power, cable and address. It returns to the program by itself.",
    "follows_from": null, "recovering": false}))]
pub struct Finding {
    /// Which of the closed list of conditions.
    #[schema(value_type = String)]
    pub code: Condition,
    /// `info`, `warning`, `error` or `critical`.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// With what.
    pub subject: Option<Subject>,
    /// What is wrong, for the operator.
    pub message: String,
    /// Why, in a few words.
    pub cause: String,
    /// What to do next.
    pub remediation: Cow<'static, str>,
    /// The condition that it follows from. Such a finding raises no alert of its own.
    #[schema(value_type = Option<String>)]
    pub follows_from: Option<Condition>,
    /// It is good again, and is watched a while longer.
    pub recovering: bool,
    /// What it follows from, exactly.
    #[serde(skip)]
    pub root: Option<Key>,
}

impl Finding {
    /// What tells it from others.
    #[must_use]
    pub fn key(&self) -> Key {
        Key {
            code: self.code,
            of: self
                .subject
                .as_ref()
                .map(|subject| (subject.kind, subject.id.clone())),
        }
    }
}

/// The agent in one word: the worst of everything.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing is wrong.
    #[default]
    Healthy,
    /// Something is wrong that nobody notices yet.
    Degraded,
    /// Part of the audience notices.
    Unhealthy,
}

impl Status {
    pub(super) const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Healthy,
            Severity::Warning => Self::Degraded,
            Severity::Error | Severity::Critical => Self::Unhealthy,
        }
    }
}

/// Everything that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Report {
    /// The worst of everything.
    pub status: Status,
    /// What nobody notices yet, and what is worth knowing.
    pub warnings: Vec<Finding>,
    /// What the audience notices.
    pub errors: Vec<Finding>,
    /// When it was looked at last, RFC 3339 UTC; absent before the first look.
    pub evaluated_at: Option<String>,
}

impl Report {
    pub(super) fn of(findings: Vec<Finding>, now: String) -> Self {
        let worst = findings.iter().map(|finding| Status::of(finding.severity));
        let status = worst.max().unwrap_or_default();
        let (warnings, errors) = findings
            .into_iter()
            .partition(|finding| finding.severity <= Severity::Warning);
        Self {
            status,
            warnings,
            errors,
            evaluated_at: Some(now),
        }
    }

    /// All of it, the worst first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.errors.iter().chain(&self.warnings)
    }
}
