//! The words of the wire that have a form of their own: ids, nonces, hashes, bounded texts and numbers.
//!
//! Each can only be made by reading it, so whoever has one knows its limits. Never does I/O.

use data_encoding::{BASE64, HEXLOWER};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Why a text or a number is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {rule}")]
pub struct WordError {
    what: &'static str,
    rule: &'static str,
}

/// A text with a form. The pattern goes into the schema; the check decides.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $pattern:literal, $most:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads one.
            ///
            /// # Errors
            /// [`WordError`] when it has another form.
            pub fn parse(text: impl Into<String>) -> Result<Self, WordError> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if text.chars().count() <= $most && check(&text) {
                    Ok(Self(text))
                } else {
                    Err(WordError { what: stringify!($name), rule: $rule })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": $rule,
                    "maxLength": $most,
                    "pattern": $pattern
                })
            }
        }
    };
}

/// Read from a JSON string only.
macro_rules! from_string {
    ($($name:ident)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::parse(String::deserialize(from)?).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_plain(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

word!(
    /// The id of a message or of a chain of messages: a UUID in lower case with dashes.
    MessageId, "a UUID in lower case with dashes",
    "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", 36, is_uuid
);
word!(
    /// The id of something that exists on the device or in Studio; an integer is read as its digits.
    Id, "1 to 64 of A-Z a-z 0-9 - _ . :", "^[A-Za-z0-9_.:-]{1,64}$", 64, is_name
);
word!(
    /// The id of a device.
    DeviceId, "1 to 64 of A-Z a-z 0-9 - _ . :", "^[A-Za-z0-9_.:-]{1,64}$", 64, is_name
);
word!(
    /// The id of the customer that a device belongs to.
    TenantId, "1 to 64 of A-Z a-z 0-9 - _ . :", "^[A-Za-z0-9_.:-]{1,64}$", 64, is_name
);
word!(
    /// The name of a feature flag.
    Flag, "1 to 64 of A-Z a-z 0-9 - _ . :", "^[A-Za-z0-9_.:-]{1,64}$", 64, is_name
);
word!(
    /// The first 16 hex digits of the SHA-256 of a key's SubjectPublicKeyInfo.
    KeyId, "16 hex digits in lower case", "^[0-9a-f]{16}$", 16, |text| is_hex(text, 16)
);
word!(
    /// What a device makes at random for each connection: 16 to 64 hex digits.
    Nonce, "32 to 64 hex digits in lower case", "^[0-9a-f]{32,64}$", 64,
    |text| (32..=64).contains(&text.len()) && is_hex(text, text.len())
);
word!(
    /// `sha256:` and 64 hex digits.
    Checksum, "sha256: and 64 hex digits in lower case", "^sha256:[0-9a-f]{64}$", 71,
    |text| text.strip_prefix("sha256:").is_some_and(|hex| is_hex(hex, 64))
);
word!(
    /// A name for people: not empty, no control characters.
    Name, "1 to 100 characters, none of them a control character", "^.{1,100}$", 100,
    |text| !text.trim().is_empty() && !text.chars().any(char::is_control)
);
word!(
    /// A text for people; line feed and tab are the only control characters.
    Text, "at most 4000 characters; line feed and tab are the only control characters",
    "^[^\\u0000-\\u0008\\u000b-\\u001f]*$", 4000, is_plain
);
word!(
    /// Where something is fetched from or sent to: https, or the device's own assets.
    Uri, "https://… or /assets/…, at most 2048 characters without spaces",
    "^(https://|/assets/)[^ ]+$", 2048,
    |text| ["https://", "/assets/"].iter().any(|start| {
        text.strip_prefix(start).is_some_and(|rest| !rest.is_empty())
    }) && !text.chars().any(|c| c.is_control() || c.is_whitespace())
);
word!(
    /// A network in CIDR notation.
    Cidr, "a network such as 192.168.1.0/24", "^[0-9a-fA-F.:]{2,39}/[0-9]{1,3}$", 43,
    |text| text.split_once('/').is_some_and(|(address, bits)| {
        let most = match address.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    })
);
word!(
    /// `major.minor`, or `major.minor.patch` whose patch means nothing here.
    Semver, "major.minor or major.minor.patch", "^[0-9]{1,5}\\.[0-9]{1,5}(\\.[0-9]{1,5})?$", 17,
    |text| {
        let parts: Vec<&str> = text.split('.').collect();
        (2..=3).contains(&parts.len()) && parts.iter().all(|part| {
            (1..=5).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        })
    }
);

word!(
    /// One stream, or `*` for every one.
    StreamRef, "* or 1 to 64 of A-Z a-z 0-9 - _ . :", "^(\\*|[A-Za-z0-9_.:-]{1,64})$", 64,
    |text| text == "*" || is_name(text)
);

from_string!(StreamRef MessageId DeviceId TenantId Flag KeyId Nonce Checksum Name Text Uri Cidr Semver);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Text(String),
            Number(u64),
        }
        let text = match Raw::deserialize(from)? {
            Raw::Text(text) => text,
            Raw::Number(number) => number.to_string(),
        };
        Self::parse(text).map_err(serde::de::Error::custom)
    }
}

/// A number within bounds.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $least:literal, $most:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            /// Checks one.
            ///
            /// # Errors
            /// [`WordError`] when it is outside its bounds.
            pub fn new(value: f64) -> Result<Self, WordError> {
                if ($least..=$most).contains(&value) {
                    Ok(Self(value))
                } else {
                    Err(WordError {
                        what: stringify!($name),
                        rule: concat!("a number from ", $least, " to ", $most),
                    })
                }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_f64(self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::new(f64::deserialize(from)?).map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "number", "minimum": $least, "maximum": $most })
            }
        }
    };
}

number!(
    /// A share: 0 is nothing, 1 is all of it.
    Share,
    0.0,
    1.0
);
number!(
    /// A speed or a place on an axis: −1 is one end, 1 the other.
    Axis,
    -1.0,
    1.0
);
number!(
    /// Seconds, at most a week.
    Seconds,
    0.0,
    604_800.0
);
number!(
    /// A factor of size.
    Scale,
    0.01,
    10.0
);
number!(
    /// A percentage.
    Percent,
    0.0,
    100.0
);

/// The SHA-256 of something, 64 hex digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut out = [0; 32];
        out.copy_from_slice(digest.as_ref());
        Self(out)
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("64 hex digits in lower case"))
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "SHA-256", "pattern": "^[0-9a-f]{64}$" })
    }
}

/// A password or the like: written and read, never shown.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.len() > 1024 {
            return Err(serde::de::Error::custom("at most 1024 bytes"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Hidden {
    fn schema_name() -> Cow<'static, str> {
        "Hidden".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 1024, "writeOnly": true })
    }
}

/// Bytes as standard base64 with padding, at most 64 KiB of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Base64(Vec<u8>);

impl Base64 {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Base64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match BASE64.decode(text.as_bytes()) {
            Ok(bytes) if bytes.len() <= 64 * 1024 => Ok(Self(bytes)),
            _ => Err(serde::de::Error::custom("base64 of at most 65536 bytes")),
        }
    }
}

impl JsonSchema for Base64 {
    fn schema_name() -> Cow<'static, str> {
        "Base64".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "contentEncoding": "base64", "maxLength": 87_384,
            "pattern": "^[A-Za-z0-9+/]*={0,2}$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_come_as_a_number_and_is_answered_as_text() {
        let id: Id = serde_json::from_str("17").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"17\"");
        assert!(serde_json::from_str::<Id>("-1").is_err());
        assert!(serde_json::from_str::<DeviceId>("17").is_err());
    }

    #[test]
    fn one_message_has_one_way_to_write_its_id() {
        assert!(MessageId::parse("0190a6c2-7c1e-7b3a-8f00-0123456789ab").is_ok());
        for bad in [
            "0190A6C2-7C1E-7B3A-8F00-0123456789AB",
            "0190a6c27c1e7b3a8f000123456789ab",
            "{0190a6c2-7c1e-7b3a-8f00-0123456789ab}",
            "0190a6c2-7c1e-7b3a-8f00-0123456789a",
            "",
        ] {
            assert!(MessageId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_outside_their_form_are_refused() {
        assert!(Name::parse("Main stage").is_ok());
        assert!(Name::parse(" ").is_err());
        assert!(Name::parse("a\nb").is_err());
        assert!(Name::parse("x".repeat(101)).is_err());
        assert!(Text::parse("two\nlines").is_ok());
        assert!(Text::parse("\u{1b}[2J").is_err());
        assert!(Uri::parse("https://studio.example/a").is_ok());
        for bad in [
            "http://a/b",
            "file:///etc/passwd",
            "https://",
            "https://a b",
            "/assets/",
        ] {
            assert!(Uri::parse(bad).is_err(), "{bad}");
        }
        assert!(Cidr::parse("10.0.0.0/8").is_ok());
        assert!(Cidr::parse("fd00::/64").is_ok());
        for bad in ["10.0.0.0/33", "10.0.0/8", "10.0.0.0", "x/8"] {
            assert!(Cidr::parse(bad).is_err(), "{bad}");
        }
        assert!(Semver::parse("1.0").is_ok());
        for bad in ["1", "1.0.0.0", "1.a", "1.", "v1.0", "100000.0"] {
            assert!(Semver::parse(bad).is_err(), "{bad}");
        }
        assert!(Share::new(1.0).is_ok());
        assert!(Share::new(1.001).is_err());
        assert!(Share::new(f64::NAN).is_err());
    }
}
