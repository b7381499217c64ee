//! The session's claims: a short JWT by the device's key, new for each connection.
//!
//! A JWT begins with `eyJ`, a signed envelope with `DSSEv1`: neither can be taken for the other.

use crate::identity::{IdentityError, random_hex};
use data_encoding::BASE64URL_NOPAD;
use protocol::SigningKey;
use serde_json::json;

/// How long the claims may be used, in seconds.
const LIFE_S: u64 = 300;

/// Who connects to whom.
pub(crate) struct Claims<'a> {
    pub(crate) device: &'a str,
    pub(crate) serial: &'a str,
    pub(crate) host: &'a str,
    /// Seconds since 1970.
    pub(crate) now_s: u64,
}

/// Signs claims as a JWT.
pub(crate) fn token(claims: &Claims<'_>, key: &SigningKey) -> Result<String, IdentityError> {
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.public().id() });
    let body = json!({
        "iss": claims.device, "sub": claims.serial, "aud": claims.host,
        "iat": claims.now_s, "exp": claims.now_s.saturating_add(LIFE_S),
        "jti": random_hex()?, "fw": env!("CARGO_PKG_VERSION"),
    });
    let part = |value: &serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(&body));
    let signature = BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()));
    Ok(format!("{signed}.{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_signed_and_short_lived() {
        let key = SigningKey::from_seed(&[8; 32]).unwrap();
        let claims = Claims {
            device: "dev-1",
            serial: "VS-1",
            host: "studio.example",
            now_s: 1000,
        };
        let token = token(&claims, &key).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        assert!(key.public().verifies(signed.as_bytes(), &signature));
        let (_, body) = signed.split_once('.').unwrap();
        let body = BASE64URL_NOPAD.decode(body.as_bytes()).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["exp"], 1300);
        assert_eq!(body["aud"], "studio.example");
        assert!(token.starts_with("eyJ"), "{token}");
    }
}
