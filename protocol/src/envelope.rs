//! The envelope: DSSE 1.0 in its JSON form, around bytes that are signed as they are.
//!
//! Owns reading, writing and the bytes that a signature covers. Reading it proves nothing: who signed
//! is the business of `verify`, and nothing here is believed before that.
//! <https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md>

use crate::json::{self, ParseError};
use crate::key::SigningKey;
use crate::kind::Kind;
use crate::words::{Digest, KeyId};
use data_encoding::{BASE64, BASE64URL};
use serde::{Deserialize, Serialize};

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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Reads an envelope. Base64 may be standard or URL-safe, with padding and without spaces.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ParseError> {
        let value = json::parse(bytes)?;
        let wire: Wire = json::shape(&value)?;
        if wire.signatures.len() > SIGNATURE_LIMIT {
            return Err(fault("/signatures", "too many signatures"));
        }
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
    let wire = Wire {
        payload: BASE64.encode(payload),
        payload_type: payload_type.to_owned(),
        signatures: signatures
            .into_iter()
            .map(|(key, signature)| WireSignature {
                keyid: key.to_string(),
                sig: BASE64.encode(&signature),
            })
            .collect(),
    };
    serde_json::to_vec(&wire).expect("strings")
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
        let signature = &envelope.signatures()[0];
        assert!(key.public().verifies(&envelope.signed(), &signature.bytes));
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
            "[]",
        ] {
            assert!(Envelope::read(bad.as_bytes()).is_err(), "{bad}");
        }
        let many = vec![r#"{"keyid":"a","sig":""}"#; SIGNATURE_LIMIT + 1].join(",");
        let text = format!(r#"{{"payload":"","payloadType":"x","signatures":[{many}]}}"#);
        assert!(Envelope::read(text.as_bytes()).is_err());
    }
}
