//! The way out of a network that lets nothing out but through an HTTP proxy.
//!
//! Owns the proxy's address and a TCP connection through it (`CONNECT`, RFC 9110 section 9.3.6). TLS with
//! Studio is spoken inside: the proxy learns a host and a port, and can neither read nor change a word.

use crate::channel::ConnectError;
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use rumqttc::{ProxyAuth, ProxyType};
use std::sync::Arc;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;
use zeroize::Zeroizing;

/// An HTTP proxy that is asked to connect. Cheap to clone; its password is in no debug text.
#[derive(Clone)]
pub struct Proxy {
    inner: Arc<Inner>,
}

struct Inner {
    host: String,
    port: u16,
    login: Option<Login>,
}

struct Login {
    user: String,
    password: Zeroizing<String>,
}

/// Why an address is none of a proxy. Tells nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address of the form http://host:port or http://user:password@host:port is wanted")]
pub struct ProxyError;

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Proxy").field(&self.place()).finish()
    }
}

fn decoded(text: &str) -> Result<String, ProxyError> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_error| ProxyError)?;
    // RFC 7617 allows no control characters, and a line break would begin another header.
    match decoded.chars().any(char::is_control) {
        true => Err(ProxyError),
        false => Ok(decoded.into_owned()),
    }
}

impl Proxy {
    /// The proxy of an address such as `http://user:p%40ss@10.0.0.1:3128`. User and password are
    /// percent-encoded; the port is never guessed.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let url = Url::parse(text).map_err(|_error| ProxyError)?;
        // The port is looked for in the text: that of the scheme is left out of a parsed address.
        let after_login = text.rsplit('@').next().unwrap_or(text);
        let names_port = after_login
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if url.scheme() != "http" || !names_port || !bare {
            return Err(ProxyError);
        }
        let host = url.host_str().ok_or(ProxyError)?.to_owned();
        let user = decoded(url.username())?;
        let password = url.password().map(decoded).transpose()?;
        if user.contains(':') || (user.is_empty() && password.is_some()) {
            return Err(ProxyError);
        }
        let login = (!user.is_empty()).then(|| Login {
            user,
            password: Zeroizing::new(password.unwrap_or_default()),
        });
        let port = url.port().unwrap_or(80);
        let inner = Arc::new(Inner { host, port, login });
        Ok(Self { inner })
    }

    /// The password, where there is one: for those who look that it is nowhere. Every call is a place to
    /// look at in review.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        let login = self.inner.login.as_ref()?;
        (!login.password.is_empty()).then(|| login.password.as_str())
    }

    /// Host and port, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.inner.host, self.inner.port)
    }

    fn authorization(&self) -> Option<HeaderValue> {
        let login = self.inner.login.as_ref()?;
        let pair = Zeroizing::new(format!("{}:{}", login.user, &*login.password));
        let basic = data_encoding::BASE64.encode(pair.as_bytes());
        let mut value = HeaderValue::try_from(format!("Basic {basic}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A TCP connection to a host through the proxy.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let refused = |source: Box<dyn std::error::Error + Send + Sync>| ConnectError::Proxy {
            proxy: self.place(),
            source,
        };
        let uri = |text: String| Uri::try_from(text).map_err(|error| refused(error.into()));
        let mut tunnel = Tunnel::new(
            uri(format!("http://{}", self.place()))?,
            HttpConnector::new(),
        );
        if let Some(value) = self.authorization() {
            tunnel = tunnel.with_auth(value);
        }
        let host = match host.contains(':') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        let opened = tunnel.call(uri(format!("https://{host}:{port}"))?).await;
        opened
            .map(hyper_util::rt::TokioIo::into_inner)
            .map_err(|error| refused(error.into()))
    }

    /// The same for the library that speaks MQTT, which connects by itself.
    pub(crate) fn for_mqtt(&self) -> rumqttc::Proxy {
        let login = self.inner.login.as_ref();
        rumqttc::Proxy {
            ty: ProxyType::Http,
            auth: login.map_or(ProxyAuth::None, |login| ProxyAuth::Basic {
                username: login.user.clone(),
                password: login.password.as_str().to_owned(),
            }),
            addr: self.inner.host.clone(),
            port: self.inner.port,
        }
    }
}

/// A TCP connection to a host, through the proxy where there is one. Never limited in time by itself.
///
/// # Errors
/// [`ConnectError::Tcp`] with `address`, [`ConnectError::Proxy`].
pub(crate) async fn tcp(
    proxy: Option<&Proxy>,
    (host, port): (&str, u16),
    address: &str,
) -> Result<TcpStream, ConnectError> {
    match proxy {
        Some(proxy) => proxy.connect(host, port).await,
        None => {
            let connected = TcpStream::connect((host, port)).await;
            connected.map_err(|source| ConnectError::Tcp {
                address: address.to_owned(),
                source,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn an_address_is_taken_apart_and_what_is_none_is_refused_without_a_word_of_it() {
        let proxy = Proxy::parse("http://venue:p%40ss%3A@proxy.lan:3128").unwrap();
        assert_eq!(proxy.place(), "proxy.lan:3128");
        let login = proxy.inner.login.as_ref().unwrap();
        assert_eq!(
            (login.user.as_str(), login.password.as_str()),
            ("venue", "p@ss:")
        );
        assert!(!format!("{proxy:?}").contains("p@ss"));
        let value = proxy.authorization().unwrap();
        assert_eq!(value.to_str().unwrap(), "Basic dmVudWU6cEBzczo=");
        assert_eq!(
            Proxy::parse("http://[::1]:80/").unwrap().place(),
            "[::1]:80"
        );
        for wrong in [
            "",
            "proxy.lan:3128",
            "https://proxy.lan:3128",
            "http://proxy.lan",
            "http://proxy.lan:0",
            "http://proxy.lan:3128/path",
            "http://proxy.lan:3128?q",
            "http://:secret@proxy.lan:3128",
            "http://a%0d%0ab:secret@proxy.lan:3128",
            "http://a%3Ab:secret@proxy.lan:3128",
        ] {
            let error = Proxy::parse(wrong)
                .err()
                .unwrap_or_else(|| panic!("{wrong}"));
            assert!(!error.to_string().contains("secret"));
        }
    }

    /// Takes one connection, gives what was asked, and answers so.
    async fn asked(listener: TcpListener, answer: &'static [u8]) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer).await.unwrap();
        String::from_utf8(head).unwrap()
    }

    async fn through(answer: &'static [u8]) -> (Result<TcpStream, ConnectError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Proxy::parse(&format!("http://u:p@127.0.0.1:{port}")).unwrap();
        let asked = runtime::spawn(asked(listener, answer));
        let opened = tcp(Some(&proxy), ("::1", 443), "studio").await;
        (opened, asked.await.unwrap())
    }

    #[tokio::test]
    async fn it_is_asked_by_name_and_with_its_password_and_what_it_says_is_told() {
        let (opened, asked) = through(b"HTTP/1.1 200 OK\r\n\r\n").await;
        assert!(opened.is_ok());
        let asked = asked.to_ascii_lowercase();
        assert!(
            asked.starts_with("connect [::1]:443 http/1.1\r\n"),
            "{asked}"
        );
        assert!(asked.contains("proxy-authorization: basic dtpw"), "{asked}");
        let (opened, _) = through(b"HTTP/1.1 407 No\r\n\r\n").await;
        let error = opened.unwrap_err();
        assert!(runtime::chain(&error).contains("authorization"), "{error}");
        let (opened, _) = through(b"HTTP/1.1 503 No\r\n\r\n").await;
        assert!(matches!(opened, Err(ConnectError::Proxy { .. })));
    }
}
