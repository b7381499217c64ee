//! Answers of a Studio that is not what it should be.

use super::*;
use crate::studio::{NOW, Studio, at};
use protocol::{Code, HasCode, Kind};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use runtime::ManualClock;

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a key, good until a year begins.
fn certificate(by: &CertifiedIssuer<'_, KeyPair>, key: &KeyPair, until: i32) -> String {
    let request = CertificateParams::default().serialize_request(key).unwrap();
    let request = CertificateSigningRequestParams::from_pem(&request.pem().unwrap());
    let mut request = request.unwrap();
    request.params.not_before = date_time_ymd(2020, 1, 1);
    request.params.not_after = date_time_ymd(until, 1, 1);
    request.signed_by(by).unwrap().pem()
}

struct Case {
    identity: Identity,
    authority: CertifiedIssuer<'static, KeyPair>,
    answer: Value,
}

fn case() -> Case {
    let studio = Studio::default();
    let (identity, authority) = (Identity::fresh().unwrap(), authority());
    let keys: Vec<_> = studio.root.iter().collect();
    let keyset = studio.sign_by_root(Kind::Keyset, &studio.keyset_value(1, 1));
    let keyset: Value = serde_json::from_slice(&keyset).unwrap();
    let pin = |byte: u8| Base64::from(vec![byte; 32]);
    let answer = json!({
        "device_id": "dev-1", "tenant_id": studio.tenant, "server_time": at(NOW),
        "client_cert_pem": certificate(&authority, &identity.tls_key().unwrap(), 2100),
        "ca_pem": authority.pem(), "root": studio.root_record(1, &keys), "keyset": keyset,
        "spki_pins": [pin(1), pin(2)],
        "transports": [
            {"kind": "mqtt", "url": "mqtts://studio.example", "priority": 2},
            {"kind": "wss", "url": "wss://studio.example/v1/device", "priority": 1},
        ],
    });
    Case {
        identity,
        authority,
        answer,
    }
}

impl Case {
    fn judged(&self) -> Result<Pairing, String> {
        let answer = serde_json::from_value(self.answer.clone()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        paired(&self.identity, answer, clock).map_err(|error| error.to_string())
    }
}

#[test]
fn a_good_answer_is_a_pairing_also_with_a_chain_of_its_own() {
    let mut case = case();
    let pairing = case.judged().unwrap();
    let good = pairing.validity().unwrap();
    assert_eq!(
        (good.from_ms, good.until_ms),
        (1_577_836_800_000, 4_102_444_800_000)
    );
    let other = authority();
    let own = certificate(&other, &case.identity.tls_key().unwrap(), 2100);
    case.answer["client_cert_pem"] = json!(format!("{own}{}", other.pem()));
    case.judged().unwrap();
}

#[test]
fn a_studio_that_speaks_another_version_is_told_apart_whatever_else_it_says() {
    for (theirs, code) in [
        (json!(["1.0"]), None),
        (json!(["2.0", "1.7"]), None),
        (json!(["2.0"]), Some(Code::VersionUnsupported)),
        (json!([]), Some(Code::VersionUnsupported)),
        (json!("1.0"), Some(Code::StudioRefused)),
        (Value::Null, None),
    ] {
        let judged = speaks(&json!({ "schema_versions": theirs, "root": "of another form" }));
        assert_eq!(judged.err().map(|error| error.code()), code, "{theirs}");
    }
    assert!(speaks(&json!({})).is_ok());
}

#[test]
fn certificates_that_could_never_be_used_are_refused() {
    let good = case();
    let key = good.identity.tls_key().unwrap();
    let another = KeyPair::generate().unwrap();
    let own = certificate(&good.authority, &key, 2100);
    let pem = |text: &str| json!(text);
    for (field, value, why) in [
        ("client_cert_pem", pem(""), "cannot be read"),
        ("client_cert_pem", pem("no certificate"), "cannot be read"),
        ("client_cert_pem", pem(&own.repeat(9)), "cannot be read"),
        (
            "client_cert_pem",
            json!(certificate(&authority(), &key, 2100)),
            "not signed by an authority",
        ),
        (
            "client_cert_pem",
            json!(certificate(&good.authority, &key, 2026)),
            "not signed by an authority",
        ),
        (
            "client_cert_pem",
            json!(certificate(&good.authority, &another, 2100)),
            "cannot be used",
        ),
        ("client_cert_pem", json!("x".repeat(PEM + 1)), "too long"),
        ("ca_pem", pem(""), "authority"),
        ("ca_pem", pem("no certificate"), "authority"),
        (
            "ca_pem",
            pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "authority",
        ),
        ("ca_pem", json!("x".repeat(PEM + 1)), "too long"),
    ] {
        let mut case = case();
        case.identity = good.identity.clone();
        case.answer = good.answer.clone();
        case.answer[field] = value;
        let error = case.judged().unwrap_err();
        assert!(error.contains(why), "{field}: {error}, not: {why}");
    }
}

#[test]
fn addresses_that_are_no_wss_and_too_many_of_them_are_refused() {
    let way = |url: &str| json!({"kind": "wss", "url": url, "priority": 1});
    let good = way("wss://studio.example");
    let long = format!("wss://studio.example/{}", "x".repeat(ADDRESS));
    for ways in [
        vec![way("ws://studio.example")],
        vec![way("https://studio.example")],
        vec![way("file:///etc/passwd")],
        vec![way("wss://")],
        vec![way("wss://user:password@studio.example")],
        vec![way("wss://studio.example/#x")],
        vec![way("studio.example")],
        vec![way(&long)],
        vec![good.clone(), way("ws://studio.example")],
        vec![good; WAYS + 1],
        vec![],
        vec![json!({"kind": "mqtt", "url": "mqtt://studio.example", "priority": 1})],
        vec![json!({"kind": "mqtt", "url": "mqtts://studio.example/topic", "priority": 1})],
        vec![json!({"kind": "pigeon", "url": "wss://studio.example", "priority": 1})],
    ] {
        let mut case = case();
        case.answer["transports"] = json!(ways);
        let judged = case.judged();
        assert!(judged.is_err(), "{ways:?}");
    }
}

#[test]
fn without_pins_no_server_is_the_right_one() {
    let case = case();
    let pairing = case.judged().unwrap();
    let checks = Checks {
        roots: Roots::These(&pairing.ca_pem),
        pins: Pins::These(&[]),
        device: None,
        floor: Duration::ZERO,
    };
    let settings = tls::client(&checks, Arc::new(ManualClock::default()));
    assert!(matches!(settings, Err(TlsError::NoPins)));
    let mut case = case;
    case.answer["spki_pins"] = json!([]);
    assert!(case.judged().is_err());
}
