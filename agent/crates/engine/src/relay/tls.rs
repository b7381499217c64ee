//! TLS for RTMPS: the public authorities, or the one certificate whose fingerprint the operator gave.
//!
//! Owns the check of the server's certificate.

use super::{RelayError, RelayTarget};
use data_encoding::HEXLOWER_PERMISSIVE;
use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// One certificate is right, whoever signed it.
#[derive(Debug)]
struct Fingerprint {
    sha256: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Fingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = digest::digest(&digest::SHA256, end_entity);
        if found.as_ref() == self.sha256 {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General(
            "the certificate has another fingerprint".to_owned(),
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let all = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, all)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let all = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, all)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let all = &self.provider.signature_verification_algorithms;
        all.supported_schemes()
    }
}

/// Makes a connection a secure one.
pub(super) async fn connect(
    plain: TcpStream,
    target: &RelayTarget,
) -> Result<TlsStream<TcpStream>, RelayError> {
    let fingerprint = target.fingerprint.clone();
    // The system's certificates are files.
    let config = tokio::task::spawn_blocking(move || client(fingerprint.as_deref()));
    let config = config.await.ok().flatten().ok_or(RelayError::Tls)?;
    let name = ServerName::try_from(target.host.clone()).map_err(|_| RelayError::Tls)?;
    let secure = TlsConnector::from(Arc::new(config)).connect(name, plain);
    secure.await.map_err(|_| RelayError::Tls)
}

fn client(fingerprint: Option<&str>) -> Option<ClientConfig> {
    let provider = Arc::new(provider::default_provider());
    let versions = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .ok()?;
    let Some(fingerprint) = fingerprint else {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (_taken, _left) = roots.add_parsable_certificates(found.certs);
        return Some(versions.with_root_certificates(roots).with_no_client_auth());
    };
    let digits: String = fingerprint.chars().filter(|c| *c != ':').collect();
    let sha256 = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?;
    let verifier = Arc::new(Fingerprint { sha256, provider });
    let config = versions
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Some(config.with_no_client_auth())
}
