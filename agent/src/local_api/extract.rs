//! How a request becomes a typed value: JSON bodies within limits, ids in addresses.
//!
//! Owns the body's limit and the wording of what is wrong with it. Knows no resource.

use super::error::{Refusal, RequestError};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use futures_util::StreamExt;
use model::{AlertId, CameraId, CueId, DestinationId, IdError, StreamId, TimelineId};
use protocol::Code;
use serde::de::DeserializeOwned;

/// Most bytes of a body.
pub(super) const BODY_LIMIT: usize = 1 << 20;
/// Most bytes that are read and thrown away, so that a sender of too much still reads our answer.
const DRAIN_LIMIT: usize = 32 << 20;

/// A JSON body of at most [`BODY_LIMIT`] bytes.
pub(super) struct Sent<T>(pub(super) T);

/// A JSON body, or the default where there is none.
pub(super) struct Perhaps<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let bytes = whole(request.into_body()).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Perhaps<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let bytes = whole(request.into_body()).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        Ok(Self(parse(&bytes)?))
    }
}

/// The values after the `?` of an address.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let read = Query::<T>::try_from_uri(&parts.uri).map_err(|error| RequestError::Schema {
            message: error.body_text(),
            field: String::new(),
        })?;
        Ok(Self(read.0))
    }
}

/// The whole body.
///
/// # Errors
/// `TooLarge` after what is too much was read and thrown away, `CutShort` when the sender went away.
pub(super) async fn whole(body: Body) -> Result<Bytes, RequestError> {
    let mut bytes = Vec::new();
    let mut seen = 0_usize;
    let mut stream = body.into_data_stream();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| RequestError::CutShort)?;
        seen = seen.saturating_add(part.len());
        if seen > DRAIN_LIMIT {
            break;
        }
        if seen > BODY_LIMIT {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&part);
        }
    }
    if seen > BODY_LIMIT {
        return Err(RequestError::TooLarge { limit: BODY_LIMIT });
    }
    Ok(bytes.into())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RequestError> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let pointer = pointer(error.path());
        refuse(error.inner(), pointer)
    })?;
    from.end()
        .map_err(|error| RequestError::Malformed(error.to_string()))?;
    Ok(value)
}

fn refuse(error: &serde_json::Error, mut field: String) -> RequestError {
    if !error.is_data() {
        return RequestError::Malformed(error.to_string());
    }
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text);
    let missing = text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    if let Some(name) = missing {
        field = format!("{field}/{name}");
    }
    let secret = ["/password", "/stream_key", "/secret", "/token", "/url"]
        .iter()
        .any(|name| field.ends_with(name));
    let message = match missing {
        Some(name) => format!("{name} is missing"),
        None if secret => "a text is wanted here".to_owned(),
        None => text.to_owned(),
    };
    RequestError::Schema { message, field }
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut out = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => out.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                out.push('/');
                out.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    out
}

/// An id in an address. Text that is no id names nothing that exists.
pub(super) struct Id<T>(pub(super) T);

/// What an id in an address may name.
pub(super) trait Named: Sized {
    const WHAT: &'static str;
    const CODE: Code;
    fn read(text: &str) -> Result<Self, IdError>;
}

macro_rules! named {
    ($($id:ident, $what:literal, $code:ident;)*) => {
        $(impl Named for $id {
            const WHAT: &'static str = $what;
            const CODE: Code = Code::$code;
            fn read(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        })*
    };
}

named! {
    CameraId, "camera", CameraNotFound;
    DestinationId, "destination", DestinationNotFound;
    TimelineId, "timeline", TimelineNotFound;
    CueId, "overlay", OverlayNotFound;
    StreamId, "stream", StreamNotFound;
    AlertId, "alert", AlertNotFound;
}

impl<S: Send + Sync, T: Named> FromRequestParts<S> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let text = match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => text,
            Err(_) => return Err(RequestError::NoRoute(parts.uri.path().to_owned()).into()),
        };
        T::read(&text).map(Self).map_err(|_| {
            let name = text.chars().take(64).collect();
            RequestError::NoSuch {
                what: T::WHAT,
                name,
                code: T::CODE,
            }
            .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::view::CameraDraft;

    fn field<T: DeserializeOwned>(text: &str) -> (Code, Option<String>, String) {
        use protocol::HasCode;
        let error = parse::<T>(text.as_bytes()).err().unwrap();
        (error.code(), error.field(), error.to_string())
    }

    #[test]
    fn a_wrong_type_is_named_by_its_pointer() {
        let (code, at, _) = field::<CameraDraft>(r#"{"address":"a","port":"x"}"#);
        assert_eq!((code, at.as_deref()), (Code::SchemaInvalid, Some("/port")));
        let (code, at, _) = field::<CameraDraft>(r#"{"port":1}"#);
        assert_eq!(
            (code, at.as_deref()),
            (Code::SchemaInvalid, Some("/address"))
        );
        let (code, ..) = field::<CameraDraft>("{");
        assert_eq!(code, Code::Malformed);
        let (code, ..) = field::<CameraDraft>(r#"{"address":"a"} x"#);
        assert_eq!(code, Code::Malformed);
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        let (.., message) = field::<CameraDraft>(r#"{"address":"a","password":12345}"#);
        assert!(!message.contains("12345"), "{message}");
    }

    #[test]
    fn a_body_of_brackets_is_malformed_and_harmless() {
        let (code, ..) = field::<serde_json::Value>(&"[".repeat(1_000_000));
        assert_eq!(code, Code::Malformed);
    }
}
