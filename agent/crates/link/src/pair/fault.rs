//! Why a device is not paired: a code of the closed list, and what the operator can do about it.

use crate::channel::ConnectError;
use crate::identity::IdentityError;
use crate::tls::TlsError;
use protocol::{Code, HasCode};
use std::borrow::Cow;

/// Why the device was not paired. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The address has a form that cannot be right.
    #[error("{0}")]
    Address(&'static str),
    /// The token has a form that cannot be right.
    #[error("a token is letters, digits and dashes")]
    Token,
    /// There is no trusted connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Certificates cannot be checked.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The device's own keys.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Studio refused, with its code.
    #[error("Studio refused: {code}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Studio's code.
        code: String,
        /// Studio's words.
        message: String,
    },
    /// Studio speaks no version that the agent does.
    #[error("Studio speaks version {0} of the protocol, which this agent does not")]
    Versions(String),
    /// The exchange broke off or took too long.
    #[error("the exchange with Studio did not come to its end: {0}")]
    Broken(String),
    /// What came back is no pairing.
    #[error("what Studio answered is no pairing: {0}")]
    Answer(String),
}

/// The code that Studio's has here. Studio's own list may grow.
fn of_studio(code: &str) -> Code {
    match code {
        "PAIR_TOKEN_INVALID" => Code::PairTokenInvalid,
        "PAIR_TOKEN_EXPIRED" => Code::PairTokenExpired,
        "PAIR_SERIAL_MISMATCH" => Code::PairSerialMismatch,
        "PAIR_ALREADY_PAIRED" => Code::PairAlreadyPaired,
        "PAIR_RATE_LIMITED" => Code::RateLimited,
        "VERSION_UNSUPPORTED" => Code::VersionUnsupported,
        _ => Code::StudioRefused,
    }
}

impl HasCode for PairError {
    fn code(&self) -> Code {
        match self {
            Self::Address(_) | Self::Token => Code::SchemaInvalid,
            Self::Connect(error) => error.code(),
            Self::Tls(_) => Code::StudioUntrusted,
            Self::Broken(_) => Code::StudioUnreachable,
            Self::Versions(_) => Code::VersionUnsupported,
            Self::Refused { code, .. } => of_studio(code),
            Self::Answer(_) | Self::Identity(IdentityError::Trust(_)) => Code::StudioRefused,
            Self::Identity(IdentityError::Random | IdentityError::Key(_)) => Code::Internal,
        }
    }

    fn field(&self) -> Option<String> {
        let field = match self {
            Self::Address(_) | Self::Connect(ConnectError::Address(_)) => "/studio",
            Self::Token => "/token",
            Self::Tls(TlsError::NoAuthority) => "/ca",
            Self::Refused { code, .. } => match of_studio(code) {
                Code::PairTokenInvalid | Code::PairTokenExpired | Code::PairSerialMismatch => {
                    "/token"
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(field.to_owned())
    }

    fn remediation(&self) -> Cow<'static, str> {
        let text = match self {
            Self::Address(_) | Self::Token | Self::Connect(ConnectError::Address(_)) => {
                "Check the address and the token for typing errors."
            }
            Self::Connect(ConnectError::Proxy { .. }) => {
                "Check link.proxy: the proxy's address, user and password, and that it lets this device out to Studio."
            }
            Self::Refused { code, .. } => match of_studio(code) {
                Code::PairAlreadyPaired => "Remove the device in Studio first, then pair it anew.",
                Code::RateLimited => "Wait some minutes, then try again.",
                Code::VersionUnsupported => {
                    "Install the newest agent, or ask Studio's support which versions go together; then pair again with a new token."
                }
                other => other.remediation(),
            },
            Self::Versions(_) => {
                "Install the newest agent, or ask Studio's support which versions go together; then pair again with a new token."
            }
            Self::Answer(_) | Self::Identity(IdentityError::Trust(_)) => {
                "Try again; if it stays so, ask Studio's support with the log."
            }
            _ => self.code().remediation(),
        };
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn refused(code: &str) -> PairError {
        PairError::Refused {
            status: 400,
            code: code.to_owned(),
            message: "no".to_owned(),
        }
    }

    #[test]
    fn every_refusal_has_its_code_its_field_and_what_to_do() {
        let address = || "https://studio.example:443".to_owned();
        let source = || io::Error::other("no");
        let tcp = ConnectError::Tcp {
            address: address(),
            source: source(),
        };
        let tls = ConnectError::Tls {
            address: address(),
            source: source(),
        };
        let broken = ConnectError::Tls {
            address: address(),
            source: io::ErrorKind::UnexpectedEof.into(),
        };
        let proxy = ConnectError::Proxy {
            proxy: "10.0.0.1:3128".to_owned(),
            source: Box::new(source()),
        };
        for (error, code, field, says) in [
            (PairError::Token, Code::SchemaInvalid, "/token", "typing"),
            (
                PairError::Address("no"),
                Code::SchemaInvalid,
                "/studio",
                "typing",
            ),
            (
                refused("PAIR_TOKEN_INVALID"),
                Code::PairTokenInvalid,
                "/token",
                "once only",
            ),
            (
                refused("PAIR_TOKEN_EXPIRED"),
                Code::PairTokenExpired,
                "/token",
                "new token",
            ),
            (
                refused("PAIR_SERIAL_MISMATCH"),
                Code::PairSerialMismatch,
                "/token",
                "this serial",
            ),
            (
                refused("PAIR_ALREADY_PAIRED"),
                Code::PairAlreadyPaired,
                "",
                "in Studio first",
            ),
            (
                refused("PAIR_RATE_LIMITED"),
                Code::RateLimited,
                "",
                "minutes",
            ),
            (refused("NEWER"), Code::StudioRefused, "", "later"),
            (tcp.into(), Code::StudioUnreachable, "", "firewall"),
            (
                PairError::Broken("too long".to_owned()),
                Code::StudioUnreachable,
                "",
                "firewall",
            ),
            (tls.into(), Code::StudioUntrusted, "", "the date"),
            (broken.into(), Code::StudioUnreachable, "", "firewall"),
            (
                TlsError::NoAuthority.into(),
                Code::StudioUntrusted,
                "/ca",
                "authority",
            ),
            (proxy.into(), Code::StudioUnreachable, "", "link.proxy"),
            (
                PairError::Answer("no root".to_owned()),
                Code::StudioRefused,
                "",
                "support",
            ),
        ] {
            let problem = error.problem();
            assert_eq!(problem.code, code, "{error}");
            assert_eq!(problem.field.unwrap_or_default(), field, "{error}");
            let remediation = problem.remediation;
            assert!(remediation.contains(says), "{error}: {remediation}");
        }
    }
}
