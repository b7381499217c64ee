//! Reading refusals back, and their schema: a code that is not in the closed list is no refusal.

use crate::error::{Code, Problem};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;

impl Code {
    /// The code with this name, where there is one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// A refusal with this code and what to do next.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Problem {
        Problem {
            code: self,
            message: message.into(),
            field: None,
            retryable: self.retryable(),
            remediation: Cow::Borrowed(self.remediation()),
            details: None,
        }
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::from_text(&text).ok_or_else(|| serde::de::Error::custom("an unknown code"))
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Self::ALL.iter().map(|code| code.as_str()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// A refusal as it is read; [`Problem`] is how it is written.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
struct Wire {
    /// Which of the closed list.
    code: Code,
    /// What went wrong, for the operator.
    message: String,
    /// JSON pointer into the request, where one field is at fault.
    #[serde(default)]
    field: Option<String>,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// What to do next.
    remediation: String,
    /// More for a machine to read.
    #[serde(default)]
    details: Option<Value>,
}

impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(from)?;
        Ok(Self {
            code: wire.code,
            message: wire.message,
            field: wire.field,
            retryable: wire.retryable,
            remediation: Cow::Owned(wire.remediation),
            details: wire.details,
        })
    }
}

impl JsonSchema for Problem {
    fn schema_name() -> Cow<'static, str> {
        "Problem".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Wire::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_as_it_was_written() {
        let problem = Code::Expired.with_message("the command is void");
        let text = serde_json::to_string(&problem).unwrap();
        let read: Problem = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(serde_json::from_str::<Code>("\"NO_SUCH\"").is_err());
    }
}
