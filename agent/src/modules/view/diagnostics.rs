//! The bundle for support as it is asked for.

use serde::Deserialize;
use utoipa::IntoParams;

/// What goes into the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiagnosticsQuery {
    /// Its sections, with commas between them: `about`, `settings`, `health`, `show`, `metrics`, `link`,
    /// `inventory`, `audit`, `log`. All of them where it is absent or empty.
    #[serde(default)]
    #[param(example = "about,log")]
    pub include: String,
}

impl DiagnosticsQuery {
    /// The names, as they were written.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        if self.include.is_empty() {
            return Vec::new();
        }
        self.include.split(',').map(str::to_owned).collect()
    }
}
