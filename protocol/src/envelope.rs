//! The envelope: DSSE 1.0 in its JSON form, around bytes that are signed as they are.
//!
//! Owns reading, writing and the bytes that a signature covers. Reading it proves nothing: who signed
//! is the business of `verify`, and nothing here is believed before that.
//! <https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md>

use crate::json::{ParseError, SIZE_LIMIT};
use crate::key::SigningKey;
use crate::kind::Kind;
use crate::words::{Digest, KeyId};
use data_encoding::{BASE64, BASE64URL};
use serde::Deserialize;
use serde_json::error::Category;
use std::borrow::Cow;

/// Most signatures on one envelope.
pub const SIGNATURE_LIMIT: usize = 16;

/// An envelope as it was received. Nothing in it is believed yet.
#[derive(Debug, Clone)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// One signature and the key it says it is by.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) key: String,
    pub(crate) bytes: Vec<u8>,
}

/// Its shape is all that it may have: what is refused elsewhere by `json::parse` (a key twice, anything
/// nested, numbers) has no place in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(rename = "payloadType")]
    payload_type: String,
    #[serde(borrow)]
    signatures: Vec<WireSignature<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature<'a> {
    keyid: String,
    #[serde(borrow)]
    sig: Cow<'a, str>,
}

impl<'a> Wire<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.len() > SIZE_LIMIT {
            return Err(ParseError::TooLarge {
                bytes: bytes.len(),
                limit: SIZE_LIMIT,
            });
        }
        let wire: Self = serde_json::from_slice(bytes).map_err(misread)?;
        if wire.signatures.len() > SIGNATURE_LIMIT {
            return Err(fault("/signatures", "too many signatures"));
        }
        let mut words = wire.signatures.iter().map(|one| &one.keyid);
        if wire.payload_type.contains('\0') || words.any(|word| word.contains('\0')) {
            return Err(fault("", "a string contains NUL"));
        }
        Ok(wire)
    }
}

impl Envelope {
    /// Reads an envelope. Base64 may be standard or URL-safe, with padding and without spaces.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ParseError> {
        let wire = Wire::read(bytes)?;
        let signatures = wire
            .signatures
            .into_iter()
            .map(|signature| {
                Ok(Signature {
                    key: signature.keyid,
                    bytes: base64(&signature.sig, "/signatures")?,
                })
            })
            .collect::<Result<_, ParseError>>()?;
        Ok(Self {
            payload: base64(&wire.payload, "/payload")?,
            payload_type: wire.payload_type,
            signatures,
        })
    }

    /// What it says it carries.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload's bytes. Not believed before a signature over them is.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The bytes that are signed.
    pub(crate) fn signed(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }
}

/// What an envelope says it carries, where it is one of ours: to know where to take it. What it carries is
/// not read, so it may be no envelope at all.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    let wire = Wire::read(bytes).ok()?;
    Kind::from_payload_type(&wire.payload_type)
}

/// Pre-authentication encoding: `DSSEv1 LEN(type) type LEN(payload) payload`, lengths in decimal.
/// Since both lengths are signed, nothing can move from one field into the other.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Signs a payload with one or more keys and writes the envelope.
#[must_use]
pub fn seal(kind: Kind, payload: &[u8], keys: &[&SigningKey]) -> Vec<u8> {
    let signed = pae(kind.payload_type(), payload);
    let signatures = keys
        .iter()
        .map(|key| (key.public().id().clone(), key.sign(&signed).to_vec()));
    assemble(kind.payload_type(), payload, signatures)
}

/// Writes an envelope around signatures that were made elsewhere, good or bad.
#[must_use]
pub fn assemble(
    payload_type: &str,
    payload: &[u8],
    signatures: impl IntoIterator<Item = (KeyId, Vec<u8>)>,
) -> Vec<u8> {
    let length = BASE64.encode_len(payload.len()) + payload_type.len() + 256;
    let mut out = String::with_capacity(length);
    // Neither base64 nor the name of a key has a character that JSON writes another way.
    out.push_str(r#"{"payload":""#);
    BASE64.encode_append(payload, &mut out);
    out.push_str(r#"","payloadType":"#);
    out.push_str(&serde_json::to_string(payload_type).expect("a string"));
    out.push_str(r#","signatures":["#);
    for (place, (key, signature)) in signatures.into_iter().enumerate() {
        out.push_str(if place == 0 { "" } else { "," });
        out.push_str(r#"{"keyid":""#);
        out.push_str(key.as_str());
        out.push_str(r#"","sig":""#);
        BASE64.encode_append(&signature, &mut out);
        out.push_str(r#""}"#);
    }
    out.push_str("]}");
    out.into_bytes()
}

/// The digest of an envelope's bytes, by which the next one names it.
#[must_use]
pub fn digest(envelope: &[u8]) -> Digest {
    Digest::of(envelope)
}

fn base64(text: &str, pointer: &str) -> Result<Vec<u8>, ParseError> {
    BASE64
        .decode(text.as_bytes())
        .or_else(|_error| BASE64URL.decode(text.as_bytes()))
        .map_err(|_error| fault(pointer, "not base64 with padding"))
}

fn misread(error: serde_json::Error) -> ParseError {
    match error.classify() {
        Category::Data => fault("", &error.to_string()),
        Category::Io | Category::Syntax | Category::Eof => ParseError::Syntax(error),
    }
}

fn fault(pointer: &str, reason: &str) -> ParseError {
    ParseError::Shape {
        pointer: pointer.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_bytes_are_those_of_the_dsse_specification() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        let bytes = seal(Kind::Event, b"{}", &[&key]);
        let envelope = Envelope::read(&bytes).unwrap();
        assert_eq!(envelope.payload(), b"{}");
        assert_eq!(envelope.payload_type(), Kind::Event.payload_type());
        assert_eq!(kind_of(&bytes), Some(Kind::Event));
        let signature = &envelope.signatures()[0];
        assert!(key.public().verifies(&envelope.signed(), &signature.bytes));
    }

    #[test]
    fn an_envelope_is_written_as_json_has_it_whatever_it_carries() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        for (told, signatures) in [("a \"quoted\" one\\", 0), ("x", 1), ("é\n", 2)] {
            let one = (key.public().id().clone(), vec![0xfb; 64]);
            let bytes = assemble(told, &[0xff; 7], vec![one; signatures]);
            let sig = BASE64.encode(&[0xfb; 64]);
            let signature = serde_json::json!({ "keyid": key.public().id(), "sig": sig });
            let expected = serde_json::json!({
                "payload": BASE64.encode(&[0xff; 7]),
                "payloadType": told,
                "signatures": vec![signature; signatures],
            });
            assert_eq!(String::from_utf8(bytes).unwrap(), expected.to_string());
        }
    }

    #[test]
    fn an_envelope_may_be_written_with_escapes() {
        let text = r#"{"\u0070ayload":"e\u0033\u0030=","payloadType":"\u0078","signatures":[]}"#;
        let envelope = Envelope::read(text.as_bytes()).unwrap();
        assert_eq!(envelope.payload(), b"{}");
        assert_eq!(envelope.payload_type(), "x");
        assert_eq!(kind_of(text.as_bytes()), None);
    }

    #[test]
    fn another_shape_is_refused() {
        for bad in [
            r#"{"payload":"e30=","payloadType":"x","signatures":[],"alg":"none"}"#,
            r#"{"payload":"e30=","payloadType":"x","signatures":[{"keyid":"a","sig":"","alg":"x"}]}"#,
            r#"{"payload":"e30","payloadType":"x","signatures":[]}"#,
            r#"{"payload":"e3 0=","payloadType":"x","signatures":[]}"#,
            r#"{"payload":"e31=","payloadType":"x","signatures":[]}"#,
            r#"{"payloadType":"x","signatures":[]}"#,
            r#"{"payload":"","payloadType":"x","payload":"","signatures":[]}"#,
            r#"{"payload":"","payloadType":"x","signatures":[],"\u0070ayload":""}"#,
            r#"{"payload":"","payloadType":"x\u0000","signatures":[]}"#,
            r#"{"payload":"","payloadType":"x","signatures":[{"keyid":"\u0000","sig":""}]}"#,
            r#"{"payload":"","payloadType":"x","signatures":[]} {}"#,
            r#"{"payload":"","payloadType":"\ud800","signatures":[]}"#,
            r#"{"payload":{},"payloadType":"x","signatures":[]}"#,
            "[]",
        ] {
            assert!(Envelope::read(bad.as_bytes()).is_err(), "{bad}");
        }
        let many = vec![r#"{"keyid":"a","sig":""}"#; SIGNATURE_LIMIT + 1].join(",");
        let text = format!(r#"{{"payload":"","payloadType":"x","signatures":[{many}]}}"#);
        assert!(Envelope::read(text.as_bytes()).is_err());
    }
}
