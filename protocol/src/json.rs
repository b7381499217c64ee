//! Strict JSON: what two parsers could read differently is refused.
//!
//! Owns the limits on every text that comes from outside. Never knows what a document means.

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// Most bytes of any envelope, whatever it carries.
pub const SIZE_LIMIT: usize = 256 * 1024;

/// Deepest nesting of arrays and objects in a document.
pub const DEPTH_LIMIT: usize = 16;

/// Most values in one document, counting each object, array, string, number, boolean and null.
pub const VALUE_LIMIT: usize = 65_536;

/// Largest whole number, either sign: what every JSON reader holds exactly (2^53 − 1, RFC 7493).
pub const NUMBER_LIMIT: u64 = (1 << 53) - 1;

/// Why a text was not read.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Longer than it may be.
    #[error("{bytes} bytes are more than the limit of {limit}")]
    TooLarge {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Not JSON, or JSON that is not allowed here. The position is in the message.
    #[error("not strict JSON")]
    Syntax(#[source] serde_json::Error),
    /// Strict JSON of another shape than it should have.
    #[error("{reason} at {pointer:?}")]
    Shape {
        /// JSON pointer of the value at fault; empty for the whole document.
        pointer: String,
        /// What is wrong there.
        reason: String,
    },
}

/// Reads a document within [`SIZE_LIMIT`], [`DEPTH_LIMIT`], [`VALUE_LIMIT`] and [`NUMBER_LIMIT`].
///
/// Refused besides: duplicate keys, text that is not UTF-8, NUL in any string or key, numbers that have
/// no finite value, anything after the document.
///
/// # Errors
/// [`ParseError::TooLarge`] or [`ParseError::Syntax`].
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    if bytes.len() > SIZE_LIMIT {
        return Err(ParseError::TooLarge {
            bytes: bytes.len(),
            limit: SIZE_LIMIT,
        });
    }
    let budget = Cell::new(VALUE_LIMIT);
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict {
        depth: DEPTH_LIMIT,
        budget: &budget,
    };
    let value = strict.deserialize(&mut from).map_err(ParseError::Syntax)?;
    from.end().map_err(ParseError::Syntax)?;
    Ok(value)
}

/// Reads a value as a type, naming the place where it does not fit.
///
/// # Errors
/// [`ParseError::Shape`].
pub fn shape<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, ParseError> {
    // To keep the way to each value costs more than to read it, so it is kept once it is asked for.
    T::deserialize(value).or_else(|_unplaced| {
        serde_path_to_error::deserialize(value).map_err(|error| ParseError::Shape {
            pointer: pointer(error.path()),
            reason: error.into_inner().to_string(),
        })
    })
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    /// How many more levels may open.
    depth: usize,
    /// How many more values may come.
    budget: &'a Cell<usize>,
}

impl Strict<'_> {
    fn spend<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.budget.get();
        if left == 0 {
            return Err(E::custom(format_args!("more than {VALUE_LIMIT} values")));
        }
        self.budget.set(left - 1);
        Ok(())
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(E::custom(format_args!(
                "nested deeper than {DEPTH_LIMIT} levels"
            ))),
        }
    }
}

fn text<E: serde::de::Error>(text: &str) -> Result<String, E> {
    if text.contains('\0') {
        return Err(E::custom("a string contains NUL"));
    }
    Ok(text.to_owned())
}

fn whole<E: serde::de::Error>(magnitude: u64) -> Result<(), E> {
    if magnitude > NUMBER_LIMIT {
        return Err(E::custom(format_args!(
            "a whole number beyond ±{NUMBER_LIMIT}"
        )));
    }
    Ok(())
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        self.spend()?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        whole(value)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        whole(value.unsigned_abs())?;
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // Whole numbers too long for 64 bits arrive here as well.
        if value.abs() > NUMBER_LIMIT as f64 {
            return Err(E::custom(format_args!("a number beyond ±{NUMBER_LIMIT}")));
        }
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a finite number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        text(value).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let key = text(&key)?;
            let value = entries.next_value_seed(inner)?;
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice in one object"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_ordinary_document_is_read_as_it_is() {
        let value = parse(br#" {"a":[1,-2,3.5,true,null,"\u00e9"],"b":{}} "#).unwrap();
        assert_eq!(
            value,
            json!({"a": [1, -2, 3.5, true, null, "\u{e9}"], "b": {}})
        );
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            &br#"{"a":1,"a":1}"#[..],
            br#"{"a":{"b":1,"\u0062":2}}"#,
            br#"{"a":1} x"#,
            br#"{"a":1}{"a":1}"#,
            br#"{"a":9007199254740992}"#,
            br#"{"a":-9007199254740992}"#,
            br#"{"a":18446744073709551616}"#,
            br#"{"a":1e400}"#,
            br#"{"a":NaN}"#,
            br#"{"a":"\u0000"}"#,
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\xed\xa0\x80\"}",
            br#"{"a":"\ud800"}"#,
            b"\xef\xbb\xbf{}",
            b"",
        ] {
            let text = String::from_utf8_lossy(bad);
            assert!(parse(bad).is_err(), "{text}");
        }
    }

    #[test]
    fn the_limits_are_exact() {
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(parse(&nested(DEPTH_LIMIT)).is_ok());
        assert!(parse(&nested(DEPTH_LIMIT + 1)).is_err());
        let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes();
        assert!(parse(&long(SIZE_LIMIT)).is_ok());
        assert!(matches!(
            parse(&long(SIZE_LIMIT + 1)),
            Err(ParseError::TooLarge { .. })
        ));
        let many = |values: usize| format!("[{}1]", "1,".repeat(values - 2)).into_bytes();
        assert!(parse(&many(VALUE_LIMIT)).is_ok());
        assert!(parse(&many(VALUE_LIMIT + 1)).is_err());
        assert!(parse(NUMBER_LIMIT.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn a_misfit_names_its_place() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "only its shape matters")]
        struct Thing {
            list: Vec<u8>,
        }
        let value = json!({"list": [1, 300]});
        let Err(ParseError::Shape { pointer, .. }) = shape::<Thing>(&value) else {
            unreachable!("300 is no u8");
        };
        assert_eq!(pointer, "/list/1");
    }
}
