//! The audit as it is asked for and answered.

use crate::audit::AuditRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which rows of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Those that were written from this time on, RFC 3339.
    #[serde(default)]
    #[param(example = "2026-11-21T10:00:00Z")]
    pub since: Option<String>,
    /// At most so many, the newest; 1 to 1000.
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: usize,
    /// Those of one kind, `TIMELINE_EXECUTE` or `camera.create`, or of a group, `camera`.
    #[serde(default)]
    pub kind: Option<String>,
}

const fn hundred() -> usize {
    100
}

/// Rows of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditList {
    /// The newest first.
    pub entries: Vec<AuditRow>,
    /// How many rows there are in all.
    pub kept: u64,
    /// How many were forgotten: beyond 20,000, or older than 90 days.
    pub forgotten: u64,
    /// Rows that could not be written since the start.
    pub lost: u64,
}
