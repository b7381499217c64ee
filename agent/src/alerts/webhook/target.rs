//! Where a webhook may lead. Pure.
//!
//! Whoever sets the address chooses what the agent connects to, from inside the venue's network. So:
//! no user names, nothing but http and https, plain http on this machine only unless the settings allow
//! it, never the agent's own ports, and never an address that belongs to no server of people's: the
//! addresses are checked after the name was looked up, and the connection goes to the one that was
//! checked.

use model::Secret;
use protocol::{Code, HasCode};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Longest accepted address in bytes.
const URL_LIMIT: usize = 2048;

/// How far plain http may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// This machine.
    #[default]
    Loopback,
    /// Anywhere that https may.
    Anywhere,
}

/// The ports on loopback that the agent and its media server listen on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnPorts(pub Vec<u16>);

/// Why an address is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No address, or too long.
    #[error("a webhook's address is a URL of at most {URL_LIMIT} bytes")]
    Malformed,
    /// Neither http nor https.
    #[error("a webhook's address begins with https://")]
    Scheme,
    /// A user name or a password in it.
    #[error("a webhook's address holds no user name: the signature says who sends")]
    User,
    /// Plain http to another machine.
    #[error("plain http is taken for this machine only; use https, or set alerts.http to anywhere")]
    Plain,
    /// One of the agent's own ports.
    #[error("the address is one of the agent's own")]
    Own,
    /// An address that no server of people's has.
    #[error("the address {0} is not one that the agent may connect to")]
    Forbidden(IpAddr),
}

impl HasCode for TargetError {
    fn code(&self) -> Code {
        match self {
            Self::Malformed
            | Self::Scheme
            | Self::User
            | Self::Plain
            | Self::Own
            | Self::Forbidden(_) => Code::WebhookInvalid,
        }
    }

    fn field(&self) -> Option<String> {
        Some("/url".to_owned())
    }
}

/// A server to be told, taken apart. It has no `Debug`: addresses of chat services hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::alerts) struct Target {
    pub(super) https: bool,
    /// As it is looked up and as the certificate has it.
    pub(super) host: String,
    pub(super) port: u16,
    /// What the request names as its host.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
}

impl Target {
    /// Reads an address.
    pub(in crate::alerts) fn read(
        text: &Secret,
        reach: Reach,
        own: &OwnPorts,
    ) -> Result<Self, TargetError> {
        if text.expose().len() > URL_LIMIT {
            return Err(TargetError::Malformed);
        }
        let url = Url::parse(text.expose()).map_err(|_| TargetError::Malformed)?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(TargetError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::User);
        }
        let port = url.port_or_known_default().ok_or(TargetError::Malformed)?;
        let host = url.host().ok_or(TargetError::Malformed)?;
        let (name, address) = match &host {
            Host::Domain(name) => ((*name).to_owned(), None),
            Host::Ipv4(address) => (address.to_string(), Some(IpAddr::V4(*address))),
            Host::Ipv6(address) => (address.to_string(), Some(IpAddr::V6(*address))),
        };
        let target = Self {
            https,
            authority: url
                .port()
                .map_or_else(|| host.to_string(), |port| format!("{host}:{port}")),
            path: url.query().map_or_else(
                || url.path().to_owned(),
                |query| format!("{}?{query}", url.path()),
            ),
            host: name,
            port,
        };
        if let Some(address) = address {
            target.permit(address, reach, own)?;
        } else if !https && reach == Reach::Loopback && target.host != "localhost" {
            return Err(TargetError::Plain);
        }
        Ok(target)
    }

    /// Whether the connection may go to an address that the name stands for.
    pub(super) fn permit(
        &self,
        address: IpAddr,
        reach: Reach,
        own: &OwnPorts,
    ) -> Result<(), TargetError> {
        let address = canonical(address);
        if address.is_loopback() {
            return if own.0.contains(&self.port) {
                Err(TargetError::Own)
            } else {
                Ok(())
            };
        }
        if !self.https && reach == Reach::Loopback {
            return Err(TargetError::Plain);
        }
        if belongs_to_nobody(address) {
            return Err(TargetError::Forbidden(address));
        }
        Ok(())
    }

    /// The address without what may be secret in it.
    pub(super) fn masked(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        let path = if self.path == "/" { "/" } else { "/****" };
        format!("{scheme}://{}{path}", self.authority)
    }
}

/// An IPv4 address in the clothes of an IPv6 one, undressed.
fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => {
            // Also those of NAT64 (RFC 6052), which lead to an IPv4 network.
            let parts = six.segments();
            if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = parts {
                let bytes = [high.to_be_bytes(), low.to_be_bytes()].concat();
                let four: [u8; 4] = bytes.try_into().unwrap_or_default();
                return IpAddr::V4(Ipv4Addr::from(four));
            }
            six.to_canonical()
        }
        IpAddr::V4(_) => address,
    }
}

/// Unspecified, link-local (where clouds keep their metadata), multicast, broadcast, reserved.
fn belongs_to_nobody(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let [first, second, ..] = four.octets();
            first == 0
                || four.is_link_local()
                || four.is_multicast()
                || four.is_broadcast()
                || first >= 240
                || four.is_documentation()
                || (first == 100 && second == 100) // a cloud's metadata, inside 100.64.0.0/10
        }
        IpAddr::V6(six) => is_odd(six),
    }
}

fn is_odd(six: Ipv6Addr) -> bool {
    let [first, second, ..] = six.segments();
    six.is_unspecified()
        || six.is_multicast()
        || first & 0xffc0 == 0xfe80 // link-local
        || (first == 0x2001 && second == 0xdb8)
        || (first == 0xfd00 && second == 0xec2) // a cloud's metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, reach: Reach) -> Result<Target, TargetError> {
        Target::read(&Secret::new(text), reach, &OwnPorts(vec![8080, 9997]))
    }

    #[test]
    fn what_is_taken_and_what_is_not() {
        use Reach::{Anywhere, Loopback};
        let long = format!("https://example.com/{}", "a".repeat(3000));
        for (text, reach, want) in [
            ("https://hooks.example.com/a?b=c", Loopback, Ok(())),
            ("https://10.0.0.5:8443/hook", Loopback, Ok(())),
            ("http://127.0.0.1:9000/hook", Loopback, Ok(())),
            ("http://localhost:9000", Loopback, Ok(())),
            ("http://[::1]:9000/", Loopback, Ok(())),
            ("http://10.0.0.5/hook", Anywhere, Ok(())),
            ("http://example.com/", Anywhere, Ok(())),
            ("http://10.0.0.5/hook", Loopback, Err("plain")),
            ("http://example.com/", Loopback, Err("plain")),
            ("http://localhost.example.com/", Loopback, Err("plain")),
            ("ftp://example.com/", Loopback, Err("begins with https")),
            ("file:///etc/passwd", Loopback, Err("begins with https")),
            ("https://user:pass@example.com/", Loopback, Err("user name")),
            ("https://user@example.com/", Loopback, Err("user name")),
            ("nonsense", Loopback, Err("a URL")),
            ("", Loopback, Err("a URL")),
            (&long, Loopback, Err("a URL")),
            ("http://127.0.0.1:8080/api", Loopback, Err("agent's own")),
            ("http://0x7f.1:8080/api", Loopback, Err("agent's own")),
            (
                "https://[::ffff:127.0.0.1]:9997/",
                Loopback,
                Err("agent's own"),
            ),
            (
                "https://169.254.169.254/latest",
                Anywhere,
                Err("may connect"),
            ),
            ("https://[fe80::1]/", Anywhere, Err("may connect")),
            ("https://[fd00:ec2::254]/", Anywhere, Err("may connect")),
            (
                "https://[64:ff9b::a9fe:a9fe]/",
                Anywhere,
                Err("may connect"),
            ),
            (
                "https://[::ffff:169.254.169.254]/",
                Anywhere,
                Err("may connect"),
            ),
            ("https://0.0.0.0/", Anywhere, Err("may connect")),
            ("https://2852039166/", Anywhere, Err("may connect")),
            ("https://224.0.0.1/", Anywhere, Err("may connect")),
            ("https://255.255.255.255/", Anywhere, Err("may connect")),
        ] {
            match (read(text, reach), want) {
                (Ok(_), Ok(())) => {}
                (Err(error), Err(words)) => {
                    assert!(error.to_string().contains(words), "{text}: {error}");
                }
                (Ok(_), Err(_)) => panic!("{text} is taken"),
                (Err(error), Ok(())) => panic!("{text}: {error}"),
            }
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_seen_after_it_was_looked_up() {
        let own = OwnPorts(vec![443]);
        let target = read("https://hooks.example.com/", Reach::Loopback)
            .ok()
            .unwrap();
        for (address, fine) in [
            ("93.184.216.34", true),
            ("192.168.1.9", true),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("::ffff:169.254.169.254", false),
        ] {
            let permit = target.permit(address.parse().unwrap(), Reach::Loopback, &own);
            assert_eq!(permit.is_ok(), fine, "{address}");
        }
    }

    #[test]
    fn a_path_may_be_secret_and_is_not_shown() {
        let shown = |text| read(text, Reach::Loopback).ok().unwrap().masked();
        assert_eq!(
            shown("https://hooks.example.com/services/T0/B0/x"),
            "https://hooks.example.com/****"
        );
        assert_eq!(
            shown("https://example.com:8443"),
            "https://example.com:8443/"
        );
        let target = read("https://example.com/a?key=1#part", Reach::Loopback)
            .ok()
            .unwrap();
        assert_eq!(target.path, "/a?key=1");
    }
}
