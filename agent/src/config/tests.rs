//! Settings are read whole or refused whole.

use super::*;
use std::io::Write;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn faults(text: &str, environment: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let file = file(text);
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let Err(Faults(faults)) = load(Some(file.path()), environment) else {
        return Vec::new();
    };
    let name = file.path().display().to_string();
    faults
        .into_iter()
        .map(|fault| (fault.place.replace(&name, "F"), fault.key, fault.message))
        .collect()
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let file = file("");
    let (config, _) = load(Some(file.path()), []).unwrap();
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.assets_dir,
        Path::new("/var/lib/vistter-agent/assets")
    );
    assert_eq!(config.mediamtx.mode, MediamtxMode::Managed);
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = file("data_dir = \"/a\"\n[api]\nport = 9000\n");
    let env = [
        ("VISTTER__DATA_DIR", "/b"),
        ("VISTTER__API__PORT", "0"),
        ("PATH", "/bin"),
    ];
    let env = env.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let (config, _) = load(Some(file.path()), env).unwrap();
    assert_eq!(
        (config.data_dir.to_str(), config.api.listen.port()),
        (Some("/b"), 0)
    );
}

#[test]
fn every_fault_is_reported_at_once_with_file_line_and_key() {
    let text = "\
colour = \"red\"
[api]
port = \"8080\"
addres = \"127.0.0.1\"
[log]
level = 3
[mediamtx]
hls_port = 70000
mode = \"both\"
rtsp_port = -1
";
    let found = faults(
        text,
        &[
            ("VISTTER__API__PROT", "1"),
            ("VISTTER__MEDIAMTX__RTMP_PORT", "x"),
        ],
    );
    let places: Vec<(&str, &str)> = found
        .iter()
        .map(|(place, key, _)| (place.as_str(), key.as_str()))
        .collect();
    for wanted in [
        ("F:1", "colour"),
        ("F:3", "api.port"),
        ("F:4", "api.addres"),
        ("F:6", "log.level"),
        ("F:8", "mediamtx.hls_port"),
        ("F:9", "mediamtx.mode"),
        ("F:10", "mediamtx.rtsp_port"),
        ("VISTTER__API__PROT", "api.prot"),
        ("VISTTER__MEDIAMTX__RTMP_PORT", "mediamtx.rtmp_port"),
    ] {
        assert!(
            places.contains(&wanted),
            "{wanted:?} is missing in {found:#?}"
        );
    }
    assert_eq!(found.len(), 9, "{found:#?}");
    assert!(
        found
            .iter()
            .any(|(_, key, message)| key == "api.addres" && message.contains("api.address"))
    );
}

#[test]
fn a_broken_file_is_refused_with_its_line() {
    let found = faults("[api]\nport = = 3\n", &[]);
    assert_eq!(
        found.first().map(|f| f.0.as_str()),
        Some("F:2"),
        "{found:#?}"
    );
}

#[test]
fn an_address_outside_loopback_is_refused_until_sign_in_exists() {
    for address in ["0.0.0.0", "192.168.1.4", "::"] {
        let found = faults(&format!("[api]\naddress = \"{address}\"\n"), &[]);
        assert!(
            found
                .iter()
                .any(|f| f.1 == "api.address" && f.2.contains("sign-in")),
            "{found:?}"
        );
    }
    assert!(faults("[api]\naddress = \"::1\"\n", &[]).is_empty());
}

#[test]
fn one_port_cannot_serve_two_purposes() {
    let found = faults("[mediamtx]\nhls_port = 8080\n", &[]);
    assert_eq!(
        found.first().map(|f| f.1.as_str()),
        Some("mediamtx.hls_port"),
        "{found:?}"
    );
}

#[test]
fn a_named_file_that_is_missing_is_a_fault() {
    let Faults(found) = load(Some(Path::new("/nonexistent/x.toml")), []).unwrap_err();
    assert_eq!(found.len(), 1);
}

#[test]
fn a_password_in_the_settings_is_not_in_their_debug_form() {
    let file = file("[mediamtx]\napi_password = \"hunter2\"\n");
    assert!(!format!("{:?}", load(Some(file.path()), []).unwrap()).contains("hunter2"));
}

#[test]
fn the_documentation_lists_every_setting() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SETTINGS.md");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let Some((head, _)) = text.split_once("| key |") else {
        panic!("{path} has no table");
    };
    let wanted = format!("{head}{}", table());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    assert_eq!(text, wanted, "run this test with UPDATE_GOLDEN=1");
}

#[test]
fn degraded_mode_has_the_defaults_of_the_rules_and_refuses_marks_without_a_distance() {
    let file = file("");
    let (config, _) = load(Some(file.path()), []).unwrap();
    assert_eq!(config.degraded.rules, stream::Rules::default());
    assert_eq!(config.degraded.banner, std::time::Duration::from_secs(10));
    let text = "[degraded]\nnetwork = \"maybe\"\ncpu_high_percent = 80\ncpu_low_percent = 78\n\
                enter_s = 0\ncpu_enter_s = 0\ncheck_s = 1000\nbanner_s = 61\n";
    let keys: Vec<String> = faults(text, &[])
        .into_iter()
        .map(|(_, key, _)| key)
        .collect();
    assert_eq!(
        keys,
        [
            "degraded.network",
            "degraded.cpu_low_percent",
            "degraded.enter_s",
            "degraded.cpu_enter_s",
            "degraded.check_s",
            "degraded.banner_s"
        ]
    );
}
