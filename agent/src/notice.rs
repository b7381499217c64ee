//! What the agent has to tell its operator about itself: a damaged database, a show that was resumed.
//!
//! Owns the kinds of notices, their wording and the list of those that stand. Told by whoever notices;
//! shown with the show's status.

use crate::time::rfc3339;
use runtime::Clock;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::watch;
use utoipa::ToSchema;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Weight {
    Info,
    Warning,
    Error,
}

/// What kind of news; each stands at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NoticeKind {
    /// The database was set aside.
    StoreRecovered,
    /// Passwords or keys do not open.
    SecretsUnreadable,
    /// The show goes on after the agent's end.
    ShowResumed,
    /// Something of what ran was left out when the show was resumed.
    ShowIncomplete,
    /// The show was left off.
    ShowNotResumed,
    /// What runs cannot be kept on the disk.
    ShowNotKept,
}

impl NoticeKind {
    const fn weight(self) -> Weight {
        match self {
            Self::ShowResumed => Weight::Info,
            Self::StoreRecovered | Self::ShowIncomplete | Self::ShowNotKept => Weight::Warning,
            Self::SecretsUnreadable | Self::ShowNotResumed => Weight::Error,
        }
    }

    const fn remediation(self) -> &'static str {
        match self {
            Self::StoreRecovered => {
                "Look through cameras, destinations and timelines, and enter again what is missing. If it happens again, replace the disk or the memory card."
            }
            Self::SecretsUnreadable => {
                "Enter the passwords and stream keys of what is named again, or restore the file secret.key from a backup."
            }
            Self::ShowResumed => "Nothing has to be done. The log says why the agent ended.",
            Self::ShowIncomplete => "Look at what is named and start it again.",
            Self::ShowNotResumed => {
                "Check the show's cameras and files and the agent's log, then start the preview."
            }
            Self::ShowNotKept => {
                "Free some disk space. The show itself is not touched; until then it would not be resumed as it is now."
            }
        }
    }
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// What kind.
    pub code: NoticeKind,
    /// How much it matters.
    pub severity: Weight,
    /// What happened, for the operator.
    pub message: String,
    /// What to do about it.
    pub remediation: &'static str,
    /// When, RFC 3339 UTC.
    pub at: String,
}

/// The notices that stand. Clones share them.
#[derive(Clone)]
pub struct Notices {
    clock: Arc<dyn Clock>,
    standing: watch::Sender<Vec<Notice>>,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&*self.standing.borrow()).finish()
    }
}

impl Notices {
    /// None yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            standing: watch::Sender::default(),
        }
    }

    /// Tells something, in place of what was told of that kind before.
    pub fn raise(&self, code: NoticeKind, message: impl Into<String>) {
        let notice = Notice {
            code,
            severity: code.weight(),
            message: message.into(),
            remediation: code.remediation(),
            at: rfc3339(self.clock.wall()),
        };
        match notice.severity {
            Weight::Info => tracing::info!(message = notice.message, "Notice."),
            Weight::Warning | Weight::Error => {
                tracing::warn!(message = notice.message, "Notice.");
            }
        }
        self.standing.send_modify(|standing| {
            standing.retain(|one| one.code != code);
            standing.push(notice);
        });
    }

    /// Takes back what was told of a kind.
    pub fn clear(&self, code: NoticeKind) {
        self.standing.send_if_modified(|standing| {
            let before = standing.len();
            standing.retain(|one| one.code != code);
            standing.len() < before
        });
    }

    /// Those that stand, oldest first.
    #[must_use]
    pub fn standing(&self) -> Vec<Notice> {
        self.standing.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::ManualClock;

    #[test]
    fn a_kind_stands_once_and_until_it_is_taken_back() {
        let notices = Notices::new(Arc::new(ManualClock::default()));
        notices.raise(NoticeKind::ShowNotKept, "one");
        notices.raise(NoticeKind::ShowResumed, "two");
        notices.raise(NoticeKind::ShowNotKept, "three");
        let told: Vec<_> = notices.standing().into_iter().map(|n| n.message).collect();
        assert_eq!(told, ["two", "three"]);
        notices.clear(NoticeKind::ShowNotKept);
        notices.clear(NoticeKind::ShowNotKept);
        assert_eq!(notices.standing().len(), 1);
        let text = serde_json::to_string(&notices.standing()).unwrap();
        assert!(text.contains("\"SHOW_RESUMED\"") && text.contains("\"info\""));
    }
}
