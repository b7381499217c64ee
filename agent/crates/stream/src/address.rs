//! A server address as people write it, taken apart.
//!
//! Owns which addresses are accepted and why others are not. No error repeats the address itself: a
//! password or a key may stand in it.

use crate::ingest::IngestProtocol;
use percent_encoding::percent_decode_str;
use std::fmt;
use url::{Host, Url};

/// Longest accepted address in characters.
const LIMIT: usize = 1_000;

/// Why an address is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Empty or too long.
    #[error("a server address has 1 to {LIMIT} characters")]
    Length,
    /// No address at all.
    #[error("this is no server address; write it like rtmp://host/app")]
    Form,
    /// A scheme that nothing here speaks.
    #[error("a server address begins with rtmp, rtmps, srt, whip or whips, not {0:?}")]
    Scheme(String),
    /// Not a host name or an IP address.
    #[error("the server's host name is not valid")]
    Host,
    /// Port 0, or none where the protocol has no usual one.
    #[error("the server's port is missing or not valid")]
    Port,
    /// User name or password in front of the host.
    #[error("user name and password do not belong in the address; use a stream key")]
    Credentials,
    /// A character that would not arrive as it is written.
    #[error("the address may not contain {0:?}")]
    Character(char),
    /// A question mark and what follows.
    #[error(
        "the address may not have a question mark; put what follows it at the end of the stream key"
    )]
    Query,
    /// A path where the protocol has none.
    #[error("an SRT address has no path; use the stream key for the stream id")]
    Path,
    /// An SRT option that is not supported.
    #[error("of SRT's options only streamid, passphrase, latency and mode=caller are supported")]
    Option,
    /// An SRT passphrase of the wrong length.
    #[error("an SRT passphrase has 10 to 79 characters")]
    Passphrase,
}

/// The parts of an address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) protocol: IngestProtocol,
    pub(crate) host: Host<String>,
    /// As written; none where the protocol's usual one is meant.
    pub(crate) port: Option<u16>,
    /// Path without the slashes around it, as written.
    pub(crate) segments: Vec<String>,
    /// What follows a question mark (RTMP): part of a key, or a fault.
    pub(crate) query: Option<String>,
    /// A key written into the address: RTMP's fragment, SRT's `streamid`, decoded.
    pub(crate) key: Option<String>,
    /// SRT's latency in milliseconds.
    pub(crate) latency_ms: Option<u32>,
    /// SRT's passphrase, where it was written into the address.
    pub(crate) passphrase: Option<String>,
    /// What follows the question mark of an RTMP application and belongs to it: `backup=1`.
    pub(crate) app_query: Option<String>,
}

/// Lengths of an SRT passphrase in bytes.
pub(crate) const PASSPHRASE: std::ops::RangeInclusive<usize> = 10..=79;

/// What may stand in an RTMP application: everything else would arrive percent-encoded.
fn app_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!*'()+,;=:@&/".contains(c)
}

/// What may stand in a host's name as it is looked up.
const fn host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
}

fn decoded(text: &str) -> Result<String, AddressError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| AddressError::Form)
}

impl Address {
    /// Reads an address.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > LIMIT {
            return Err(AddressError::Length);
        }
        // `$` is the media server's own placeholder; a backslash is a slash to some readers.
        let bad = |c: &char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '$');
        if let Some(c) = text.chars().find(bad) {
            return Err(AddressError::Character(c));
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Form)?;
        let protocol = IngestProtocol::parse(scheme)
            .ok_or_else(|| AddressError::Scheme(scheme.chars().take(20).collect()))?;
        if rest
            .split(['/', '?', '#'])
            .next()
            .is_none_or(|authority| authority.contains('@'))
        {
            return Err(AddressError::Credentials);
        }
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::InvalidPort => AddressError::Port,
            url::ParseError::EmptyHost
            | url::ParseError::InvalidIpv6Address
            | url::ParseError::InvalidDomainCharacter => AddressError::Host,
            _ => AddressError::Form,
        })?;
        let written = decoded(url.host_str().unwrap_or_default())?;
        let host = Host::parse(&written).map_err(|_| AddressError::Host)?;
        // What was written in other signs is a plain name by now, or something that looks like one:
        // `$` as a small or a wide sign, or after a percent sign.
        if matches!(&host, Host::Domain(name) if !name.chars().all(host_char)) {
            return Err(AddressError::Host);
        }
        if url.port() == Some(0) {
            return Err(AddressError::Port);
        }
        let mut address = Self {
            protocol,
            host,
            port: url.port(),
            segments: url
                .path()
                .split('/')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
            query: None,
            key: None,
            latency_ms: None,
            passphrase: None,
            app_query: None,
        };
        address
            .port
            .or(protocol.default_port())
            .ok_or(AddressError::Port)?;
        match protocol {
            IngestProtocol::Rtmp | IngestProtocol::Rtmps => {
                if let Some(c) = url.path().chars().find(|c| !app_char(*c)) {
                    return Err(AddressError::Character(c));
                }
                address.query = url
                    .query()
                    .filter(|query| !query.is_empty())
                    .map(str::to_owned);
                let fragment = url.fragment().filter(|fragment| !fragment.is_empty());
                address.key = fragment.map(decoded).transpose()?;
            }
            IngestProtocol::Srt => {
                if !address.segments.is_empty() || url.fragment().is_some() {
                    return Err(AddressError::Path);
                }
                for (name, value) in url.query_pairs() {
                    match (name.as_ref(), value.as_ref()) {
                        ("streamid", id) => address.key = Some(id.to_owned()),
                        ("passphrase", text) if PASSPHRASE.contains(&text.len()) => {
                            address.passphrase = Some(text.to_owned());
                        }
                        ("passphrase", _) => return Err(AddressError::Passphrase),
                        ("latency", ms) => {
                            address.latency_ms = Some(
                                ms.parse()
                                    .ok()
                                    .filter(|ms| *ms <= 10_000)
                                    .ok_or(AddressError::Option)?,
                            );
                        }
                        ("mode", "caller") => {}
                        _ => return Err(AddressError::Option),
                    }
                }
            }
            IngestProtocol::Whip | IngestProtocol::Whips => {
                if url.query().is_some() || url.fragment().is_some() {
                    return Err(AddressError::Query);
                }
            }
        }
        Ok(address)
    }

    /// Reads a second address. What follows its question mark belongs to the application: platforms
    /// tell their second server by it (`live2?backup=1`).
    pub(crate) fn parse_backup(text: &str) -> Result<Self, AddressError> {
        let mut address = Self::parse(text)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.=&".contains(c);
        if let Some(query) = address.query.take() {
            if query.len() > 100 || !query.chars().all(plain) {
                return Err(AddressError::Query);
            }
            address.app_query = Some(query);
        }
        Ok(address)
    }

    /// Host and port as they stand in an address. A port is written where one was given, and always
    /// after an IPv6 address: the media server's RTMP client cannot add one there.
    fn authority(&self) -> String {
        let port = match self.host {
            Host::Ipv6(_) => self.port.or(self.protocol.default_port()),
            Host::Domain(_) | Host::Ipv4(_) => self.port,
        };
        port.map_or_else(
            || self.host.to_string(),
            |port| format!("{}:{port}", self.host),
        )
    }
}

/// The address without any key: what is stored, shown and logged.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.protocol.as_str(), self.authority())?;
        for segment in &self.segments {
            write!(f, "/{segment}")?;
        }
        if let Some(ms) = self.latency_ms {
            write!(f, "?latency={ms}")?;
        }
        if let Some(query) = &self.app_query {
            write!(f, "?{query}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_stored_in_one_form() {
        for (written, stored) in [
            (
                "rtmp://a.rtmp.youtube.com/live2",
                "rtmp://a.rtmp.youtube.com/live2",
            ),
            (
                "  RTMPS://Live-API-s.Facebook.com:443/rtmp/ ",
                "rtmps://live-api-s.facebook.com:443/rtmp",
            ),
            ("rtmp://[::1]/live", "rtmp://[::1]:1935/live"),
            (
                "rtmps://[2001:db8::7]:4443/live",
                "rtmps://[2001:db8::7]:4443/live",
            ),
            (
                "rtmps://[2001:db8::7]/live",
                "rtmps://[2001:db8::7]:443/live",
            ),
            (
                "rtmp://192.168.1.9:19350//live//one/",
                "rtmp://192.168.1.9:19350/live/one",
            ),
            (
                "rtmp://bücher.example/live",
                "rtmp://xn--bcher-kva.example/live",
            ),
            ("rtmp://my_server/live", "rtmp://my_server/live"),
            (
                "srt://host:9000?latency=200&mode=caller",
                "srt://host:9000?latency=200",
            ),
            ("whips://host/whip/endpoint", "whips://host/whip/endpoint"),
        ] {
            let address = Address::parse(written).unwrap_or_else(|e| panic!("{written}: {e}"));
            assert_eq!(address.to_string(), stored);
            assert!(
                Address::parse(stored).is_ok_and(|again| again.to_string() == stored),
                "{stored}"
            );
        }
    }

    #[test]
    fn what_cannot_be_reached_or_would_leak_is_refused_with_its_reason() {
        use AddressError as E;
        for (written, why) in [
            ("", E::Length),
            ("live2", E::Form),
            ("http://host/live", E::Scheme("http".into())),
            ("file:///etc/passwd", E::Scheme("file".into())),
            ("exec://rm", E::Scheme("exec".into())),
            ("rtmp://", E::Host),
            ("rtmp:///live", E::Host),
            ("rtmp://ho st/live", E::Character(' ')),
            ("rtmp://host/li\nve", E::Character('\n')),
            ("rtmp://host/$MTX_PATH", E::Character('$')),
            // Signs that become others on the way to a host's name.
            ("whip://\u{fe69}G1", E::Host),
            ("rtmp://\u{ff04}G1/live", E::Host),
            ("whip://%24G1", E::Host),
            ("rtmp://a%2525b/live", E::Host),
            ("rtmp://host\\@evil/live", E::Character('\\')),
            ("rtmp://host/l%20ve", E::Character('%')),
            ("rtmp://user:pass@host/live", E::Credentials),
            ("rtmp://user@host/live", E::Credentials),
            ("rtmp://@host/live", E::Credentials),
            ("rtmp://host:0/live", E::Port),
            ("rtmp://host:99999/live", E::Port),
            ("rtmp://host:port/live", E::Port),
            ("rtmp://[::1/live", E::Host),
            ("rtmp://[fe80::1%25eth0]/live", E::Host),
            ("srt://host", E::Port),
            ("srt://host:9000/path", E::Path),
            ("srt://host:9000?passphrase=tooshort", E::Passphrase),
            ("srt://host:9000?pbkeylen=32", E::Option),
            ("srt://host:9000?latency=fast", E::Option),
            ("whip://host/whip?token=x", E::Query),
        ] {
            assert_eq!(Address::parse(written).err(), Some(why), "{written}");
        }
        assert_eq!(
            Address::parse(&format!("rtmp://host/{}", "a".repeat(LIMIT))).err(),
            Some(E::Length)
        );
    }
}
