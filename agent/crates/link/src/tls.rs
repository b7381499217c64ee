//! TLS to Studio: a chain to the authorities that are trusted, pins on top of it, and a time that does
//! not go back.

use protocol::Base64;
use runtime::Clock;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// Most certificates of authorities.
const AUTHORITIES: usize = 512;

/// Most certificates that the device shows.
const SHOWN: usize = 8;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate of an authority could be read.
    #[error("there is no certificate of an authority to check Studio's by")]
    NoAuthority,
    /// No key of a server is pinned, so none can be right.
    #[error("no key of Studio's servers is pinned")]
    NoPins,
    /// The device's own certificate does not fit its key.
    #[error("the device's certificate cannot be used")]
    Certificate(#[source] rustls::Error),
    /// The device's own certificate does not lead to an authority.
    #[error(
        "the device's certificate has ended, or is not signed by an authority that came with it"
    )]
    Chain(#[source] rustls::Error),
    /// The device's own certificate or key cannot be read.
    #[error("the device's certificate or its key cannot be read")]
    Pem,
    /// The checks could not be set up.
    #[error("the checks of certificates cannot be set up")]
    Verifier,
}

/// The time of day, but not before a bound.
struct Floored {
    clock: Arc<dyn Clock>,
    floor: Duration,
}

impl fmt::Debug for Floored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Floored({:?})", self.floor)
    }
}

impl TimeProvider for Floored {
    fn current_time(&self) -> Option<UnixTime> {
        let wall = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
        let wall = wall.unwrap_or_default();
        Some(UnixTime::since_unix_epoch(wall.max(self.floor)))
    }
}

/// An ordinary check of the chain, and after it the server's key has to be a pinned one.
#[derive(Debug)]
struct Pinned {
    chain: Arc<WebPkiServerVerifier>,
    pins: Vec<Base64>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let digest = protocol::Digest::of(&key);
        if self.pins.iter().any(|pin| pin.bytes() == digest.bytes()) {
            Ok(verified)
        } else {
            Err(rustls::Error::General(
                "the server's key is not a pinned one".to_owned(),
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Which keys a server may have.
pub(crate) enum Pins<'a> {
    /// Any: before pairing nobody has pinned one.
    Any,
    /// One of these, given by SHA-256.
    These(&'a [Base64]),
}

/// Which authorities are believed.
pub(crate) enum Roots<'a> {
    /// Those of the system.
    System,
    /// These alone, as PEM.
    These(&'a str),
    /// These, and those of the system.
    AlsoThese(&'a str),
}

/// How a server is checked, and how the device shows itself.
pub(crate) struct Checks<'a> {
    /// Authorities that its chain may lead to.
    pub(crate) roots: Roots<'a>,
    /// Keys that the server may have.
    pub(crate) pins: Pins<'a>,
    /// The device's certificate and key as PEM.
    pub(crate) device: Option<(&'a str, &'a str)>,
    /// The time is not before this, in time since 1970.
    pub(crate) floor: Duration,
}

/// Settings of TLS connections.
pub(crate) fn client(
    checks: &Checks<'_>,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider: Arc<CryptoProvider> = Arc::new(provider::default_provider());
    let mut roots = match checks.roots {
        Roots::System => RootCertStore::empty(),
        Roots::These(pem) | Roots::AlsoThese(pem) => authorities(pem)?,
    };
    if !matches!(checks.roots, Roots::These(_)) {
        let _counts =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(TlsError::NoAuthority);
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|_error| TlsError::Verifier)?;
    let verifier: Arc<dyn ServerCertVerifier> = match checks.pins {
        Pins::Any => chain,
        Pins::These([]) => return Err(TlsError::NoPins),
        Pins::These(pins) => Arc::new(Pinned {
            chain,
            pins: pins.to_vec(),
        }),
    };
    let time = Arc::new(Floored {
        clock,
        floor: checks.floor,
    });
    let config = ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .map_err(|_error| TlsError::Verifier)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match checks.device {
        Some((certificate, key)) => {
            let chain = shown(certificate)?;
            let key =
                PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_error| TlsError::Pem)?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(TlsError::Certificate)?
        }
        None => config.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn authorities(pem: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()).take(AUTHORITIES) {
        let certificate = certificate.map_err(|_error| TlsError::NoAuthority)?;
        roots
            .add(certificate)
            .map_err(|_error| TlsError::NoAuthority)?;
    }
    Ok(roots)
}

/// The certificates that the device shows: its own, then those that lead to an authority.
fn shown(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .take(SHOWN + 1)
        .collect();
    match chain {
        Ok(chain) if (1..=SHOWN).contains(&chain.len()) => Ok(chain),
        _ => Err(TlsError::Pem),
    }
}

/// From when until when a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Milliseconds since 1970.
    pub from_ms: u64,
    /// The same.
    pub until_ms: u64,
}

/// The life of the first certificate of a chain.
pub(crate) fn validity(pem: &str) -> Option<Validity> {
    let own = shown(pem).ok()?.into_iter().next()?;
    let (_, own) = X509Certificate::from_der(&own).ok()?;
    let millis =
        |at: ASN1Time| u64::try_from(at.timestamp()).map_or(0, |at| at.saturating_mul(1_000));
    let life = own.validity();
    Some(Validity {
        from_ms: millis(life.not_before),
        until_ms: millis(life.not_after),
    })
}

/// Checks that the device's certificate is good at a time, and leads to one of the authorities or to the
/// last certificate that comes with it.
pub(crate) fn check_shown(pem: &str, ca_pem: &str, now: Duration) -> Result<(), TlsError> {
    let chain = shown(pem)?;
    let (own, others) = chain.split_first().ok_or(TlsError::Pem)?;
    let mut roots = authorities(ca_pem)?;
    if let Some(last) = others.last() {
        roots.add(last.clone()).map_err(TlsError::Chain)?;
    }
    let provider = Arc::new(provider::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_error| TlsError::NoAuthority)?;
    verifier
        .verify_client_cert(own, others, UnixTime::since_unix_epoch(now))
        .map_err(TlsError::Chain)?;
    Ok(())
}
