//! Alerts as they are listed.

use crate::alerts::Alert;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// Those only that are not over.
    #[serde(default)]
    pub open: bool,
}

/// The alerts that are kept: every open one, and the last 200 that are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertList {
    /// The open ones first, the newest of each first.
    pub alerts: Vec<Alert>,
    /// How many are not over.
    pub open: usize,
    /// Alerts that were not raised since the start because too many were open.
    pub left_out: u64,
}
