//! What is accepted, what becomes of a pasted key, and what an update leaves alone.

use super::*;
use serde_json::{Value, json};

const NOW: &str = "2026-01-02T03:04:05.000Z";
const KEY: &str = "abcd-efgh-ijkl-mnop";

fn draft(body: Value) -> DestinationDraft {
    serde_json::from_value(body).unwrap()
}

fn made(body: Value) -> Result<(Destination, Secret), DestinationError> {
    create(draft(body), DestinationId::parse("1").unwrap(), NOW)
}

#[test]
fn a_platform_needs_no_more_than_a_name_and_a_key() {
    for (platform, url) in [
        ("youtube", "rtmp://a.rtmp.youtube.com/live2"),
        ("facebook", "rtmps://live-api-s.facebook.com:443/rtmp"),
        ("twitch", "rtmp://live.twitch.tv/app"),
    ] {
        let (is, key) = made(
            json!({"name": " Main ", "platform": platform, "stream_key": format!(" {KEY}\n")}),
        )
        .unwrap();
        assert_eq!(
            (is.rtmp_url.as_str(), is.name.as_str(), key.expose()),
            (url, "Main", KEY)
        );
        assert_eq!(
            (is.is_active, is.created_at.as_str(), is.updated_at.as_str()),
            (true, NOW, NOW)
        );
    }
}

#[test]
fn a_key_that_was_pasted_into_the_address_is_taken_out_of_it() {
    for (why, platform, url, given, stored, key) in [
        (
            "whole youtube address",
            "youtube",
            "rtmp://a.rtmp.youtube.com/live2/k-e-y",
            "",
            "rtmp://a.rtmp.youtube.com/live2",
            "k-e-y",
        ),
        (
            "facebook's with a query",
            "facebook",
            "rtmps://live-api-s.facebook.com:443/rtmp/FB-1-2?s_bl=1",
            "",
            "rtmps://live-api-s.facebook.com:443/rtmp",
            "FB-1-2?s_bl=1",
        ),
        (
            "repeated",
            "custom",
            "rtmp://host/app/k-e-y",
            "k-e-y",
            "rtmp://host/app",
            "k-e-y",
        ),
        (
            "fragment",
            "custom",
            "rtmp://host/app#k%2Fy",
            "",
            "rtmp://host/app",
            "k/y",
        ),
        (
            "application and instance",
            "custom",
            "rtmp://host/app/instance",
            "k",
            "rtmp://host/app/instance",
            "k",
        ),
        (
            "three parts and a key",
            "custom",
            "rtmp://host/a/b/c",
            "k",
            "rtmp://host/a/b/c",
            "k",
        ),
        (
            "three parts and none",
            "custom",
            "rtmp://host/app/instance/k",
            "",
            "rtmp://host/app/instance",
            "k",
        ),
        (
            "two parts and none",
            "custom",
            "rtmp://host/app/name",
            "",
            "rtmp://host/app/name",
            "",
        ),
        (
            "srt passphrase",
            "custom",
            "srt://host:9000?passphrase=0123456789",
            "id",
            "srt://host:9000",
            "id?passphrase=0123456789",
        ),
        (
            "srt passphrase alone",
            "custom",
            "srt://host:9000?passphrase=0123456789",
            "",
            "srt://host:9000",
            "?passphrase=0123456789",
        ),
        (
            "srt stream id",
            "custom",
            "srt://host:9000?streamid=a%23b&latency=200",
            "",
            "srt://host:9000?latency=200",
            "a#b",
        ),
    ] {
        let body = json!({"name": "n", "platform": platform, "rtmp_url": url, "stream_key": given});
        let (is, found) = made(body).unwrap_or_else(|error| panic!("{why}: {error}"));
        assert_eq!(
            (is.rtmp_url.as_str(), found.expose()),
            (stored, key),
            "{why}"
        );
    }
}

#[test]
fn a_fault_names_its_field_and_never_repeats_a_secret() {
    use DestinationError as E;
    let good = || json!({"name": "n", "platform": "custom_rtmp", "rtmp_url": "rtmp://host/app", "stream_key": KEY});
    for (field, value, error) in [
        ("name", json!(""), E::Name),
        ("name", json!("x".repeat(101)), E::Name),
        ("name", json!("a\u{7}b"), E::Name),
        ("description", json!("x".repeat(501)), E::Description),
        (
            "rtmp_url",
            json!("rtmp://u:hunter22@host/app"),
            E::Address(AddressError::Credentials),
        ),
        (
            "rtmp_url",
            json!("rtmp://host/app?token=hunter22"),
            E::Address(AddressError::Query),
        ),
        ("rtmp_url", json!("rtmp://host/app#hunter22"), E::TwoKeys),
        ("rtmp_url", json!(""), E::AddressMissing),
        ("stream_key", json!("x".repeat(KEY_LIMIT + 1)), E::Key),
        ("stream_key", json!("a\u{0}b"), E::Key),
        ("stream_key", json!("****wxyz"), E::KeyIsMask),
        (
            "stream_key",
            json!("rtmp://host/app/hunter22"),
            E::KeyIsAddress,
        ),
        ("max_kbps", json!(0), E::Kbps(0)),
        ("max_kbps", json!(4_000_000_000_u32), E::Kbps(4_000_000_000)),
    ] {
        let mut body = good();
        body[field] = value;
        let is = made(body).unwrap_err();
        assert_eq!(is, error);
        assert_eq!(is.field(), Some(format!("/{field}")));
        assert_eq!(is.code(), Code::DestinationInvalid);
        assert!(!format!("{is} {is:?}").contains("hunter22"), "{is}");
    }
    let missing = made(json!({"name": "n", "platform": "twitch"})).unwrap_err();
    assert_eq!(missing.field().as_deref(), Some("/stream_key"));
    for wrong in [
        json!({"platform": "myspace"}),
        json!({"name": 7}),
        json!({"max_kbps": -1}),
        json!([]),
    ] {
        assert!(serde_json::from_value::<DestinationDraft>(wrong).is_err());
    }
}

#[test]
fn a_backup_address_is_another_server_of_the_same_kind_without_a_key() {
    use DestinationError as E;
    let with = |backup: &str| {
        made(
            json!({"name": "n", "platform": "custom", "rtmp_url": "rtmp://host/app", "stream_key": KEY,
            "backup_url": backup}),
        )
    };
    for (written, stored) in [
        (" RTMP://Backup/app ", "rtmp://backup/app"),
        ("rtmps://backup/app", "rtmps://backup/app"),
        ("rtmp://backup/app?backup=1", "rtmp://backup/app?backup=1"),
        (&format!("rtmp://backup/app/{KEY}"), "rtmp://backup/app"),
        (&format!("rtmp://backup/app#{KEY}"), "rtmp://backup/app"),
    ] {
        let (is, _) = with(written).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(is.backup_url.as_deref(), Some(stored));
    }
    for (written, why) in [
        ("rtmp://host/app/", E::BackupSame),
        ("srt://host:9000", E::BackupProtocol),
        ("rtmp://backup/app#hunter22", E::BackupKey),
        (
            "http://backup/app",
            E::Backup(AddressError::Scheme("http".to_owned())),
        ),
        ("rtmp://backup/app?a=%20", E::Backup(AddressError::Query)),
    ] {
        let is = with(written).unwrap_err();
        assert_eq!(is, why, "{written}");
        assert_eq!(is.field().as_deref(), Some("/backup_url"));
        assert!(!format!("{is} {is:?}").contains("hunter22"));
    }
    let (was, key) = with("rtmp://backup/app").unwrap();
    let cleared = update(&was, &key, draft(json!({"backup_url": null})), NOW).unwrap();
    assert_eq!(cleared.0.backup_url, None);
    let kept = update(&was, &key, draft(json!({"name": "m"})), NOW).unwrap();
    assert_eq!(kept.0.backup_url, was.backup_url);
    let moved = json!({"platform": "twitch"});
    assert_eq!(
        update(&was, &key, draft(moved), NOW).unwrap().0.backup_url,
        None
    );
}

#[test]
fn a_fingerprint_is_taken_in_any_spelling_and_only_where_it_is_used() {
    let sum = "AB:".repeat(31) + "AB";
    let with = |platform: &str, url: &str, sum: &str| {
        made(
            json!({"name": "n", "platform": platform, "rtmp_url": url, "stream_key": KEY,
            "tls_fingerprint": sum}),
        )
        .map(|(is, _)| is.tls_fingerprint)
    };
    assert_eq!(
        with("custom", "rtmps://host/app", &sum),
        Ok(Some("ab".repeat(32)))
    );
    assert_eq!(with("custom", "rtmps://host/app", ""), Ok(None));
    for (platform, url, sum, why) in [
        (
            "custom",
            "rtmps://host/app",
            "abc",
            DestinationError::Fingerprint,
        ),
        (
            "custom",
            "rtmp://host/app",
            sum.as_str(),
            DestinationError::FingerprintUnused,
        ),
        (
            "facebook",
            "",
            sum.as_str(),
            DestinationError::FingerprintUnused,
        ),
    ] {
        let is = with(platform, url, sum).unwrap_err();
        assert_eq!(
            (is.clone(), is.field().as_deref()),
            (why, Some("/tls_fingerprint"))
        );
    }
}

#[test]
fn an_update_changes_what_it_names_and_a_mask_means_unchanged() {
    let (was, key) = made(json!({
        "name": "n", "platform": "custom", "rtmp_url": "rtmp://host/app", "stream_key": KEY,
        "description": "d", "profile": "720p", "max_kbps": 2500
    }))
    .unwrap();
    let later = "2026-02-02T03:04:05.000Z";
    let change = |body| update(&was, &key, draft(body), later).unwrap();

    let shown = serde_json::to_value(view(&was, &key)).unwrap();
    assert_eq!(shown["stream_key"], "****mnop");
    assert!(!shown.to_string().contains(KEY));
    let (same, new) = change(shown);
    assert_eq!(new, None);
    assert_eq!(
        same,
        Destination {
            updated_at: later.to_owned(),
            ..was.clone()
        }
    );

    let (is, new) = change(json!({"stream_key": "another-key-1"}));
    assert_eq!(
        (is.description.as_deref(), new.unwrap().expose()),
        (Some("d"), "another-key-1")
    );
    let (is, new) =
        change(json!({"stream_key": "", "description": null, "profile": null, "max_kbps": null}));
    assert_eq!(
        (is.description, is.profile, is.max_kbps),
        (None, None, None)
    );
    assert!(new.unwrap().is_empty());
    let (is, new) = change(json!({"platform": "twitch"}));
    assert_eq!(
        (is.rtmp_url.as_str(), new),
        ("rtmp://live.twitch.tv/app", None)
    );
    let (is, _) = change(json!({"is_active": false}));
    assert!(!is.is_active);
    let stale = update(&was, &key, draft(json!({"stream_key": "****"})), later);
    assert_eq!(stale.unwrap_err(), DestinationError::KeyIsMask);
}
