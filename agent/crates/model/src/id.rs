//! Names of things. Strings in every answer; an integer is accepted wherever one is read.

use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty or longer than the limit.
    #[error("an id has 1 to {limit} characters, this one has {len}")]
    Length {
        /// How many it has.
        len: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A character outside the alphabet.
    #[error("an id may not contain {0:?}")]
    Character(char),
}

fn check(text: &str, limit: usize, allowed: fn(char) -> bool) -> Result<(), IdError> {
    let len = text.chars().count();
    if len == 0 || len > limit {
        return Err(IdError::Length { len, limit });
    }
    text.chars()
        .find(|c| !allowed(*c))
        .map_or(Ok(()), |c| Err(IdError::Character(c)))
}

/// What stands in a path of the media server: never a user's own text.
fn path_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn document_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    String(String),
    Integer(i64),
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $limit:literal, $allowed:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Reads an id.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, too long or has a character outside its alphabet.
            pub fn parse(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check(&text, $limit, $allowed)?;
                Ok(Self(text))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = match Text::deserialize(from)? {
                    Text::String(text) => text,
                    Text::Integer(number) => number.to_string(),
                };
                Self::parse(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A camera; stands in media paths as `cam/<id>`: `[a-z0-9-]{1,40}`.
    CameraId, 40, path_char
);
id!(
    /// A destination; stands in media paths as `out/<id>`: `[a-z0-9-]{1,40}`.
    DestinationId, 40, path_char
);
id!(
    /// A camera sent straight to a destination; stands in media paths: `[a-z0-9-]{1,40}`.
    StreamId, 40, path_char
);
id!(
    /// An alert: a number.
    AlertId, 40, path_char
);
id!(
    /// A timeline: `[A-Za-z0-9._:-]{1,64}`.
    TimelineId, 64, document_char
);
id!(
    /// A cue, unique in its timeline.
    CueId, 64, document_char
);
id!(
    /// A track, unique in its timeline.
    TrackId, 64, document_char
);

/// A file below the assets folder, as its clean relative path (`overlays/logos/main.png`).
///
/// Made from `/assets/…` or a relative path; `..`, absolute paths, back-slashes, control characters
/// and hidden names are refused, so that it can be joined to the folder as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct AssetPath(String);

impl AssetPath {
    /// Longest accepted path in characters.
    pub const LIMIT: usize = 255;

    /// Reads `/assets/a/b.png` or `a/b.png`.
    ///
    /// # Errors
    /// [`IdError`] when the text is empty, too long, or could leave the folder.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let rest = text.strip_prefix("/assets/").unwrap_or(text);
        let len = rest.chars().count();
        if len == 0 || len > Self::LIMIT {
            return Err(IdError::Length {
                len,
                limit: Self::LIMIT,
            });
        }
        if let Some(c) = rest
            .chars()
            .find(|c| c.is_control() || matches!(c, '\\' | ':'))
        {
            return Err(IdError::Character(c));
        }
        for part in rest.split('/') {
            if part.is_empty() {
                return Err(IdError::Character('/'));
            }
            if part.starts_with('.') {
                return Err(IdError::Character('.'));
            }
        }
        Ok(Self(rest.to_owned()))
    }

    /// The path relative to the assets folder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for AssetPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_read_as_an_id_and_answered_as_a_string() {
        let id: CameraId = serde_json::from_str("1").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"1\"");
    }

    #[test]
    fn a_path_id_takes_nothing_that_means_something_in_a_path() {
        for bad in ["", "a/b", "..", "A", "a b", "a#b", &"x".repeat(41)] {
            assert!(CameraId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_asset_cannot_leave_its_folder() {
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a\\b",
            "file:x",
            ".ssh",
            "/assets/",
        ] {
            assert!(AssetPath::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            AssetPath::parse("/assets/a/b c.png").unwrap().as_str(),
            "a/b c.png"
        );
    }
}
