//! Servers that take an upload, and those that do not.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use runtime::{SystemClock, Task};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Longest document that the test's server takes.
const MOST: usize = 4 << 20;

/// A server for one connection, and the authority that its certificate leads to.
struct Server {
    port: u16,
    authority: String,
    /// The head and the body of what came.
    heard: Task<(String, Vec<u8>)>,
}

impl Server {
    async fn answering(answer: &'static str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let own = names.signed_by(&key, &authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let heard = runtime::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return (String::new(), Vec::new());
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            let mut body = vec![0; length.min(MOST)];
            stream.read_exact(&mut body).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _gone = stream.shutdown().await;
            (head, body)
        });
        Self {
            port,
            authority: authority.pem(),
            heard,
        }
    }

    async fn takes(&self, document: &[u8], authority: &str) -> Result<(), UploadError> {
        let address = format!("https://localhost:{}/bundles/7?signature=abc", self.port);
        let checks = Checks {
            roots: Roots::AlsoThese(authority),
            pins: Pins::Any,
            device: None,
            floor: Duration::ZERO,
        };
        let tls = tls::client(&checks, Arc::new(SystemClock)).unwrap();
        let document = Bytes::copy_from_slice(document);
        put(&UploadTarget::parse(&address)?, document, tls, None).await
    }
}

async fn answered(answer: &'static str) -> Problem {
    let server = Server::answering(answer).await;
    let problem = server.takes(b"{}", &server.authority).await;
    let problem = problem.unwrap_err().problem();
    assert!(!problem.message.contains("signature"), "{problem:?}");
    problem
}

#[tokio::test]
async fn a_document_arrives_whole_with_its_type() {
    let server = Server::answering("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
    let document = vec![b'x'; 3 << 20];
    server.takes(&document, &server.authority).await.unwrap();
    let port = server.port;
    let (head, body) = server.heard.await.unwrap();
    assert!(
        head.starts_with("put /bundles/7?signature=abc http/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains(&format!("\r\nhost: localhost:{port}\r\n")));
    assert!(head.contains("\r\ncontent-type: application/json\r\n"));
    assert!(body == document, "another document");
}

#[tokio::test]
async fn what_is_no_success_is_told_with_its_status_and_whether_it_may_be_tried_again() {
    for (answer, status, retryable, says) in [
        ("HTTP/1.1 500 Oh\r\n\r\n", 500, true, "later"),
        ("HTTP/1.1 429 Slow\r\n\r\n", 429, true, "later"),
        ("HTTP/1.1 403 No\r\n\r\n", 403, false, "still valid"),
        (
            "HTTP/1.1 307 Away\r\nLocation: https://localhost/other\r\n\r\n",
            307,
            false,
            "not followed",
        ),
    ] {
        let problem = answered(answer).await;
        assert_eq!(problem.code, Code::StudioRefused, "{problem:?}");
        assert_eq!(problem.retryable, retryable, "{problem:?}");
        let told = format!("HTTP status {status}");
        assert!(problem.message.contains(&told), "{problem:?}");
        assert!(problem.remediation.contains(says), "{problem:?}");
    }
    let problem = answered("no HTTP at all\r\n\r\n").await;
    assert_eq!(problem.code, Code::StudioUnreachable, "{problem:?}");
    assert!(problem.retryable);
}

#[tokio::test]
async fn a_server_of_a_strange_authority_gets_nothing() {
    let server = Server::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let other = Server::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let refused = server.takes(b"{}", &other.authority).await.unwrap_err();
    assert_eq!(refused.code(), Code::StudioUntrusted, "{refused}");
    assert_eq!(server.heard.await.unwrap(), (String::new(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let server = Server {
        port,
        authority: Server::answering("").await.authority,
        heard: runtime::spawn(std::future::pending()),
    };
    let refused = server.takes(b"{}", &server.authority).await.unwrap_err();
    assert!(
        matches!(refused, UploadError::Connect(ConnectError::Timeout(_))),
        "{refused}"
    );
    assert_eq!(refused.code(), Code::StudioUnreachable);
    assert!(refused.problem().retryable);
}

#[test]
fn an_address_is_https_and_names_a_host_and_nobody() {
    for wrong in [
        "",
        "/assets/bundle",
        "http://studio.example/bundle",
        "ftp://studio.example/bundle",
        "https://me:hunter2@studio.example/bundle",
        "https://me@studio.example/bundle",
        "https://",
    ] {
        let refused = UploadTarget::parse(wrong).err();
        let refused = refused.unwrap_or_else(|| panic!("{wrong} is taken"));
        assert_eq!(refused.code(), Code::SchemaInvalid, "{wrong}");
        assert_eq!(refused.field().as_deref(), Some("/upload_url"));
        assert!(!refused.to_string().contains("hunter2"));
    }
    for (good, place) in [
        ("https://studio.example/b?s=1", "https://studio.example:443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
    ] {
        let target = UploadTarget::parse(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        assert_eq!(target.place(), place);
    }
}
