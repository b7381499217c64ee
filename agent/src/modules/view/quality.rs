//! The program's quality, as the operator decides on it. The answer is `show::QualityStatus`.

use serde::Deserialize;
use utoipa::ToSchema;

/// Whether full quality is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(example = json!({"stay_at_full_quality": true}))]
pub struct QualityHold {
    /// `true`: all of it is there at once and stays, even if frames are lost; `false`: quality is
    /// lowered again when something cannot keep up.
    pub stay_at_full_quality: bool,
}
