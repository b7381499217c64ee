//! Who this device is: its serial, its private keys, and what pairing gave it.
//!
//! One document, to be sealed and kept as a file by the agent. The private keys are made here, on the
//! device, and leave it in no form.

use crate::tls::{self, Validity};
use protocol::{
    Base64, DeviceId, MessageId, Moment, Name, RootRecord, SigningKey, TenantId, Timestamp, Trust,
};
use rcgen::{CertificateParams, DnType, KeyPair};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::Ed25519KeyPair;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use url::Url;
use zeroize::Zeroizing;

/// Characters that nobody mixes up.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// A key could not be made or read.
    #[error("a key of this device cannot be {0}")]
    Key(&'static str),
    /// What was kept contradicts itself.
    #[error("what pairing gave cannot be believed: {0}")]
    Trust(#[from] protocol::AdoptError),
}

/// A text that does not show.
#[derive(Clone)]
struct Private(Zeroizing<String>);

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(private)")
    }
}

impl Serialize for Private {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Private {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Zeroizing::new(text)))
    }
}

/// A way to reach Studio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transport {
    /// `wss` or `mqtt`; others are ignored.
    pub kind: String,
    /// Where.
    pub url: String,
    /// The lowest is tried first.
    pub priority: u32,
}

impl Transport {
    /// The scheme that the address of a way of this kind has; `None` for kinds that are ignored.
    pub(crate) fn scheme(&self) -> Option<&'static str> {
        match self.kind.as_str() {
            "wss" => Some("wss"),
            "mqtt" => Some("mqtts"),
            _ => None,
        }
    }

    /// Where to connect: an address of the scheme with a host, and nothing that would be sent on with it.
    /// A broker's has no path, and no address of IPv6 in digits.
    pub(crate) fn address(&self) -> Option<Url> {
        let url = Url::parse(&self.url).ok()?;
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let plain =
            url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let broker = !host.starts_with('[') && ["", "/"].contains(&url.path());
        let fits = match self.scheme()? {
            "mqtts" => broker && url.query().is_none(),
            _ => true,
        };
        (fits && plain && Some(url.scheme()) == self.scheme()).then_some(url)
    }
}

/// What pairing gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pairing {
    /// Names this pairing; what was kept for another one does not count.
    pub id: MessageId,
    /// The device's id in Studio.
    pub device_id: DeviceId,
    /// The customer it belongs to.
    pub tenant_id: TenantId,
    /// The pinned root.
    pub root: RootRecord,
    /// The envelope of the first keyset.
    pub keyset: String,
    /// The device's certificate.
    pub client_cert_pem: String,
    /// The authorities that sign Studio's certificates.
    pub ca_pem: String,
    /// SHA-256 of the keys that Studio's servers may have.
    pub spki_pins: Vec<Base64>,
    /// Ways to reach Studio.
    pub transports: Vec<Transport>,
    /// What Studio said the time was.
    pub paired_at: Timestamp,
}

impl Pairing {
    /// Whom the device believes right after pairing.
    ///
    /// # Errors
    /// [`IdentityError::Trust`] when the root or the keyset is none.
    pub fn trust(&self) -> Result<Trust, IdentityError> {
        let bound = Moment {
            at: self.paired_at,
            is_time: false,
        };
        let pinned = Trust::pinned(self.device_id.clone(), self.root.clone())?;
        Ok(pinned.with_keyset(self.keyset.as_bytes(), bound)?)
    }

    /// From when until when the device's certificate is good; `None` where it cannot be read.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        tls::validity(&self.client_cert_pem)
    }

    /// The ways that this agent knows, best first.
    #[must_use]
    pub fn ways(&self) -> Vec<&Transport> {
        let mut ways: Vec<_> = self
            .transports
            .iter()
            .filter(|way| way.scheme().is_some())
            .collect();
        ways.sort_by_key(|way| way.priority);
        ways
    }
}

/// Who this device is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// Made once, and the same for ever.
    pub serial: Name,
    signing_key: Private,
    tls_key: Private,
    /// What pairing gave; absent before it.
    pub pairing: Option<Pairing>,
    /// The second slot: a key that has no certificate yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_tls_key: Option<Private>,
    /// Why Studio took the credentials away, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
}

impl Identity {
    /// A new device: a serial and two keys.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn fresh() -> Result<Self, IdentityError> {
        let random = SystemRandom::new();
        let mut bytes = [0_u8; 12];
        random
            .fill(&mut bytes)
            .map_err(|_error| IdentityError::Random)?;
        let letters: String = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        let serial = format!("VS-{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..]);
        let signing =
            Ed25519KeyPair::generate_pkcs8(&random).map_err(|_error| IdentityError::Key("made"))?;
        let tls = KeyPair::generate().map_err(|_error| IdentityError::Key("made"))?;
        let signing = data_encoding::BASE64.encode(signing.as_ref());
        Ok(Self {
            serial: Name::parse(serial).expect("a serial is a short text"),
            signing_key: Private(Zeroizing::new(signing)),
            tls_key: Private(Zeroizing::new(tls.serialize_pem())),
            pairing: None,
            next_tls_key: None,
            revoked: None,
        })
    }

    /// The same device with new keys and without a pairing.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn forgotten(&self) -> Result<Self, IdentityError> {
        let serial = self.serial.clone();
        Ok(Self {
            serial,
            ..Self::fresh()?
        })
    }

    /// The key that signs what the device says.
    ///
    /// # Errors
    /// [`IdentityError::Key`] when what was kept is no key.
    pub fn signing_key(&self) -> Result<SigningKey, IdentityError> {
        let unreadable = IdentityError::Key("read");
        let Ok(der) = data_encoding::BASE64.decode(self.signing_key.0.as_bytes()) else {
            return Err(unreadable);
        };
        SigningKey::from_pkcs8(&Zeroizing::new(der)).map_err(|_error| unreadable)
    }

    /// The key of the device's certificate.
    pub(crate) fn tls_key(&self) -> Result<KeyPair, IdentityError> {
        KeyPair::from_pem(&self.tls_key.0).map_err(|_error| IdentityError::Key("read"))
    }

    /// A request for a certificate of a key, in the name of the serial.
    pub(crate) fn request(&self, key: &KeyPair) -> Result<String, IdentityError> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, self.serial.to_string());
        params
            .serialize_request(key)
            .and_then(|request| request.pem())
            .map_err(|_error| IdentityError::Key("used for a request"))
    }

    /// Makes a key for the next certificate, beside the one in force and in place of one that was made
    /// before. Gives the request for the certificate, as PEM.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn make_next(&mut self) -> Result<String, IdentityError> {
        let key = KeyPair::generate().map_err(|_error| IdentityError::Key("made"))?;
        let request = self.request(&key)?;
        self.next_tls_key = Some(Private(Zeroizing::new(key.serialize_pem())));
        Ok(request)
    }

    /// This device with the key of the second slot, and a certificate and pins for it. Whether they fit
    /// is not looked at. `None` where there is no such key, or no pairing.
    pub(crate) fn with_next(&self, client_cert_pem: &str, spki_pins: &[Base64]) -> Option<Self> {
        let mut next = self.clone();
        next.tls_key = next.next_tls_key.take()?;
        let pairing = next.pairing.as_mut()?;
        client_cert_pem.clone_into(&mut pairing.client_cert_pem);
        pairing.spki_pins = spki_pins.to_vec();
        Some(next)
    }

    /// The private keys as they are kept: for those who look that they are nowhere else. Every call is a
    /// place to look at in review.
    #[must_use]
    pub fn private_keys(&self) -> Vec<&str> {
        let next = self.next_tls_key.iter();
        [&self.signing_key, &self.tls_key]
            .into_iter()
            .chain(next)
            .map(|key| key.0.as_str())
            .collect()
    }

    /// The same as PEM, for TLS.
    pub(crate) fn tls_key_pem(&self) -> &str {
        &self.tls_key.0
    }
}

fn random_bytes() -> Result<[u8; 16], IdentityError> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_error| IdentityError::Random)?;
    Ok(bytes)
}

/// 16 random bytes as 32 hex digits.
pub(crate) fn random_hex() -> Result<String, IdentityError> {
    Ok(data_encoding::HEXLOWER.encode(&random_bytes()?))
}

/// A random message id: a UUID of version 4.
pub(crate) fn random_id() -> Result<MessageId, IdentityError> {
    let id = uuid::Builder::from_random_bytes(random_bytes()?).into_uuid();
    Ok(MessageId::parse(id.to_string()).expect("a UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written_and_shows_no_key() {
        let identity = Identity::fresh().unwrap();
        let text = serde_json::to_string(&identity).unwrap();
        let again: Identity = serde_json::from_str(&text).unwrap();
        assert_eq!(again.serial, identity.serial);
        let (one, two) = (
            identity.signing_key().unwrap(),
            again.signing_key().unwrap(),
        );
        assert_eq!(one.public(), two.public());
        let debug = format!("{identity:?}");
        assert!(!debug.contains("PRIVATE KEY"), "{debug}");
        assert!(!debug.contains(identity.signing_key.0.as_str()), "{debug}");
        assert_ne!(Identity::fresh().unwrap().serial, identity.serial);
    }

    #[test]
    fn an_address_fits_its_kind_and_carries_nothing_else() {
        let address = |kind: &str, url: &str| {
            let (kind, url) = (kind.to_owned(), url.to_owned());
            let way = Transport {
                kind,
                url,
                priority: 1,
            };
            way.address().is_some()
        };
        for (kind, url, expected) in [
            ("wss", "wss://studio.example/v1/device", true),
            ("wss", "wss://[::1]:8443/", true),
            ("wss", "mqtts://studio.example", false),
            ("wss", "ws://studio.example", false),
            ("mqtt", "mqtts://studio.example", true),
            ("mqtt", "mqtts://studio.example:8883/", true),
            ("mqtt", "mqtt://studio.example", false),
            ("mqtt", "wss://studio.example", false),
            ("mqtt", "mqtts://user:word@studio.example", false),
            ("mqtt", "mqtts://studio.example/path", false),
            ("mqtt", "mqtts://studio.example?a=b", false),
            ("mqtt", "mqtts://[::1]", false),
            ("mqtt", "mqtts://", false),
            ("pigeon", "wss://studio.example", false),
        ] {
            assert_eq!(address(kind, url), expected, "{kind} {url}");
        }
    }

    #[test]
    fn random_ids_are_ids() {
        assert_ne!(random_id().unwrap(), random_id().unwrap());
    }
}
