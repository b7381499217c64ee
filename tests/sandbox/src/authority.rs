//! Certificates: an authority of our own, the server's, and those of devices.

use crate::desk::now_ms;
use protocol::{Base64, Digest};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What Studio's servers show whoever connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shows {
    /// A certificate of the authority for this host, of a pinned key.
    #[default]
    Good,
    /// The same of a key that nobody has pinned.
    OtherKey,
    /// The pinned key, with a certificate that ended a year ago.
    Expired,
    /// The pinned key, with a good certificate for another host.
    OtherHost,
    /// What is good, and no TLS but 1.2.
    OldTls,
}

/// The authority, and two server keys: one is pinned and one is not.
pub(crate) struct Authority {
    pub(crate) ca_pem: String,
    ca_der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    pinned: KeyPair,
    /// Pinned too, for the next change of keys.
    next: KeyPair,
    other: KeyPair,
}

fn pin(key: &KeyPair) -> Base64 {
    let digest = Digest::of(&key.subject_public_key_info());
    digest.bytes().to_vec().into()
}

/// What the certificate of a server on this machine is for, and until when.
fn named(shows: Shows) -> CertificateParams {
    let names: &[&str] = match shows {
        Shows::OtherHost => &["studio.example"],
        _ => &["localhost", "127.0.0.1"],
    };
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    if shows == Shows::Expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
    }
    params
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "sandbox authority");
        let certificate = params.self_signed(&key).unwrap();
        Self {
            ca_pem: certificate.pem(),
            ca_der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            pinned: KeyPair::generate().unwrap(),
            next: KeyPair::generate().unwrap(),
            other: KeyPair::generate().unwrap(),
        }
    }

    pub(crate) fn pins(&self) -> [Base64; 2] {
        [pin(&self.pinned), pin(&self.next)]
    }

    /// A certificate for the key of a request, in the name of a device; `None` when it is none. Whatever
    /// name the request has counts for nothing.
    pub(crate) fn for_device(
        &self,
        csr_pem: &str,
        device: &str,
        life: Option<(Duration, Duration)>,
    ) -> Option<String> {
        let mut request = CertificateSigningRequestParams::from_pem(csr_pem).ok()?;
        request.params.distinguished_name = name(device);
        if let Some((before, after)) = life {
            let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(now_ms());
            request.params.not_before = now - before;
            request.params.not_after = now + after;
        }
        Some(request.signed_by(&self.issuer).ok()?.pem())
    }

    /// TLS for a client of the broker that shows a certificate in this name, or none.
    pub(crate) fn client(&self, shown: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca_der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let Some(shown) = shown else {
            return Arc::new(builder.with_no_client_auth());
        };
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = name(shown);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = builder.with_client_auth_cert(vec![certificate.der().clone()], private);
        Arc::new(config.unwrap())
    }

    fn key(&self, shows: Shows) -> &KeyPair {
        match shows {
            Shows::OtherKey => &self.other,
            _ => &self.pinned,
        }
    }

    /// Writes what a broker needs for TLS: the authority, and a certificate with its key.
    pub(crate) fn write_broker(&self, folder: &Path, shows: Shows) {
        let key = self.key(shows);
        let certificate = named(shows).signed_by(key, &self.issuer).unwrap();
        for (file, text) in [
            ("authority.pem", self.ca_pem.clone()),
            ("server.pem", certificate.pem()),
            ("server.key", key.serialize_pem()),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
    }

    /// TLS for the server; with `devices` it demands a certificate of this authority.
    pub(crate) fn server(&self, devices: bool, shows: Shows) -> Arc<ServerConfig> {
        let key = self.key(shows);
        let certificate = named(shows).signed_by(key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = match shows {
            Shows::OldTls => builder.with_protocol_versions(&[&rustls::version::TLS12]),
            _ => builder.with_safe_default_protocol_versions(),
        };
        let builder = builder.unwrap();
        let builder = if devices {
            let mut roots = RootCertStore::empty();
            roots.add(self.ca_der.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Arc::new(
            builder
                .with_single_cert(vec![certificate.der().clone()], private)
                .unwrap(),
        )
    }
}
