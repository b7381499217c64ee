//! How addresses and keys are joined, for every key and host.

use super::*;
use model::{DestinationId, Platform};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

fn to(platform: Platform, url: &str) -> Destination {
    Destination {
        id: DestinationId::parse("d").unwrap(),
        name: "d".to_owned(),
        platform,
        rtmp_url: url.to_owned(),
        backup_url: None,
        tls_fingerprint: None,
        description: None,
        is_active: true,
        profile: None,
        max_kbps: None,
        last_used: None,
        created_at: String::new(),
        updated_at: String::new(),
    }
}

fn joined(url: &str, key: &str) -> Ingest {
    ingest(&to(Platform::Custom, url), &Secret::new(key)).unwrap_or_else(|e| panic!("{url}: {e}"))
}

#[test]
fn address_and_key_are_joined_as_the_media_server_reads_them() {
    for (url, key, dest, host, port) in [
        (
            "rtmp://a.rtmp.youtube.com/live2",
            "ab-cd",
            "rtmp://a.rtmp.youtube.com/live2#ab-cd",
            "a.rtmp.youtube.com",
            1935,
        ),
        (
            "rtmps://live-api-s.facebook.com:443/rtmp/",
            "FB-1?s_bl=1&x=y",
            "rtmps://live-api-s.facebook.com:443/rtmp#FB-1%3Fs_bl%3D1%26x%3Dy",
            "live-api-s.facebook.com",
            443,
        ),
        ("rtmps://host/app", "k", "rtmps://host/app#k", "host", 443),
        (
            "rtmp://host/app/instance",
            "k",
            "rtmp://host/app/instance#k",
            "host",
            1935,
        ),
        (
            "rtmp://host/app/instance",
            "",
            "rtmp://host/app#instance",
            "host",
            1935,
        ),
        (
            "rtmp://host:1936/stream",
            "",
            "rtmp://host:1936/stream",
            "host",
            1936,
        ),
        (
            "rtmp://[2001:db8::7]/live",
            "a b",
            "rtmp://[2001:db8::7]:1935/live#a%20b",
            "2001:db8::7",
            1935,
        ),
        (
            "rtmps://[::1]:4443/live",
            "@:/#%?&",
            "rtmps://[::1]:4443/live#%40%3A%2F%23%25%3F%26",
            "::1",
            4443,
        ),
        (
            "rtmp://host/live",
            "$MTX_PATH",
            "rtmp://host/live#%24MTX_PATH",
            "host",
            1935,
        ),
        (
            "rtmp://host/live",
            "schlüssel",
            "rtmp://host/live#schl%C3%BCssel",
            "host",
            1935,
        ),
        (
            "srt://host:9000",
            "#!::m=publish,r=x",
            "srt://host:9000?streamid=%23%21%3A%3Am%3Dpublish%2Cr%3Dx",
            "host",
            9000,
        ),
        (
            "srt://host:9000?latency=300",
            "id",
            "srt://host:9000?latency=300&streamid=id",
            "host",
            9000,
        ),
        (
            "srt://host:9000",
            "id?passphrase=0123456789#&",
            "srt://host:9000?streamid=id&passphrase=0123456789%23%26",
            "host",
            9000,
        ),
        (
            "srt://host:9000?latency=300",
            "?passphrase=0123456789",
            "srt://host:9000?latency=300&passphrase=0123456789",
            "host",
            9000,
        ),
        (
            "whips://host/whip/1",
            "",
            "whips://host/whip/1",
            "host",
            443,
        ),
    ] {
        let is = joined(url, key);
        assert_eq!(is.dest.expose(), dest);
        assert_eq!((is.host.as_str(), is.port), (host, port), "{url}");
        assert_eq!(is.bearer, None);
    }
}

#[test]
fn a_whip_key_travels_as_a_token_and_wants_opus() {
    let is = joined("whip://host:8889/mystream/whip", "token?#");
    assert_eq!(is.dest.expose(), "whip://host:8889/mystream/whip");
    assert_eq!(is.bearer.unwrap().expose(), "token?#");
    assert_eq!(is.protocol.sound(), Sound::Opus);
    assert_eq!(joined("rtmp://host/app", "k").protocol.sound(), Sound::Aac);
    assert!(!joined("srt://host:1", "k").protocol.answers_tcp());
}

#[test]
fn a_platform_takes_nobody_without_a_key() {
    let twitch = to(Platform::Twitch, "rtmp://live.twitch.tv/app");
    let error = ingest(&twitch, &Secret::default()).unwrap_err();
    assert_eq!(error, IngestError::KeyMissing("Twitch"));
    assert_eq!(error.field().as_deref(), Some("/stream_key"));
}

#[test]
fn the_backup_address_takes_the_same_key_and_keeps_what_names_it() {
    let mut youtube = to(Platform::Youtube, "rtmp://a.rtmp.youtube.com/live2");
    youtube.backup_url = preset(Platform::Youtube).backup_url.clone();
    let is = target(&youtube, &Secret::new("k-e-y")).unwrap();
    assert!(is.plan().backup);
    assert_eq!(
        is.at(Side::Primary).dest.expose(),
        "rtmp://a.rtmp.youtube.com/live2#k-e-y"
    );
    let backup = is.at(Side::Backup);
    assert_eq!(
        backup.dest.expose(),
        "rtmp://b.rtmp.youtube.com/live2?backup=1#k-e-y"
    );
    assert_eq!(backup.label, "rtmp://b.rtmp.youtube.com/live2?backup=1");
    youtube.backup_url = None;
    let is = target(&youtube, &Secret::new("k-e-y")).unwrap();
    assert!(!is.plan().backup);
    assert_eq!(is.at(Side::Backup), &is.primary);
}

#[test]
fn a_passphrase_of_the_wrong_length_is_refused() {
    let is = ingest(
        &to(Platform::Custom, "srt://host:9000"),
        &Secret::new("id?passphrase=short"),
    );
    assert_eq!(
        is.unwrap_err(),
        IngestError::Address(AddressError::Passphrase)
    );
}

#[test]
fn a_fingerprint_goes_where_there_is_a_certificate() {
    for (url, there) in [
        ("rtmps://host/app", true),
        ("whips://host/whip", true),
        ("rtmp://host/app", false),
    ] {
        let mut destination = to(Platform::Custom, url);
        destination.tls_fingerprint = Some("ab".repeat(32));
        let is = ingest(&destination, &Secret::new("k")).unwrap();
        assert_eq!(is.fingerprint.is_some(), there, "{url}");
    }
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof!["[@:/#%?&$+=;, a-zA-Z0-9._~-]{1,60}", "\\PC{1,60}"]
}

fn any_host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9]{0,12}(-[a-z0-9]{1,8})?(\\.[a-z][a-z0-9]{0,10}){0,3}",
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
    ]
}

/// Whatever may be written behind a scheme; the second form is seldom refused at once.
fn any_address() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        "[a-z0-9.:/?#@%&=$\u{fe69}\u{ff05}\u{ff0f}\\[\\]_~+-]{0,40}"
    ]
}

proptest! {
    #[test]
    fn any_key_reaches_any_rtmp_server_as_it_is(
        key in any_key(),
        host in any_host(),
        port in prop::option::of(1_u16..),
        secure in any::<bool>(),
        app in "[a-z0-9_-]{1,12}(/[a-z0-9_-]{1,12}){0,2}",
    ) {
        let scheme = if secure { "rtmps" } else { "rtmp" };
        let authority = port.map_or(host.clone(), |port| format!("{host}:{port}"));
        let is = ingest(&to(Platform::Custom, &format!("{scheme}://{authority}/{app}")), &Secret::new(key.clone()));
        let is = is.unwrap();
        let dest = is.dest.expose();
        prop_assert!(dest.is_ascii());
        prop_assert_eq!(dest.matches('#').count(), 1);
        prop_assert!(!dest.contains('$'));
        let (address, fragment) = dest.split_once('#').unwrap();
        prop_assert_eq!(percent_decode_str(fragment).decode_utf8().unwrap(), key.as_str());
        prop_assert_eq!(address, is.label.as_str());
        prop_assert_eq!(is.port, port.unwrap_or(if secure { 443 } else { 1935 }));
        // Another reader of addresses finds the same host, port and application.
        let read = url::Url::parse(dest).unwrap();
        // One IPv6 address has several spellings, so addresses are compared as such.
        let as_ip = |text: &str| text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok();
        prop_assert_eq!(as_ip(&host), as_ip(&is.host));
        let read_host = read.host_str().unwrap();
        prop_assert_eq!(as_ip(read_host), as_ip(&is.host));
        prop_assert!(as_ip(read_host).is_some() || read_host == is.host);
        let path = format!("/{app}");
        prop_assert_eq!(read.path(), path.as_str());
        prop_assert_eq!(read.username(), "");
        let shown = format!("{is:?}");
        let hides_key = key.len() < 8 || !shown.contains(&key) || is.label.contains(&key);
        prop_assert!(hides_key);
    }

    #[test]
    fn no_text_makes_the_address_reader_panic_or_change_its_mind(text in any_address(), scheme in "rtmps?|srt|whips?") {
        for url in [text.clone(), format!("{scheme}://{text}")] {
            if let Ok(address) = Address::parse(&url) {
                let stored = address.to_string();
                let again = Address::parse(&stored);
                prop_assert_eq!(again.map(|again| again.to_string()), Ok(stored));
            }
        }
    }
}
