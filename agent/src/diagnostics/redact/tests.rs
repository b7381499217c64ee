//! Secrets in every form that a text may give them.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn redactor(secrets: &[&str]) -> Redactor {
    Redactor::new(secrets.iter().copied().map(Secret::new))
}

fn cleaned(secrets: &[&str], text: &str) -> String {
    let mut value = json!(text);
    redactor(secrets).clean(&mut value);
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_secret_is_taken_away_as_it_is_encoded_and_quoted() {
    let password = "Pa55-of@the:cam/era#%\"ü";
    for written in [
        "Pa55-of@the:cam/era#%\"ü",
        "Pa55-of%40the%3Acam%2Fera%23%25%22%C3%BC",
        "Pa55-of%40the%3acam%2fera%23%25%22%c3%bc",
        "Pa55%2Dof%40the%3Acam%2Fera%23%25%22%C3%BC",
        "Pa55-of@the:cam/era#%\\\"ü",
    ] {
        let told = cleaned(&[password], &format!("x{written}y and {written}"));
        assert_eq!(told, format!("x{REMOVED}y and {REMOVED}"), "{written}");
    }
}

#[test]
fn the_beginning_of_one_at_the_end_of_a_line_that_was_cut_is_taken_away() {
    let secret = "k3y-4711-of-the-harbour";
    for (text, expected) in [
        ("sent to k3y-4711-of…", "sent to [removed]…"),
        ("sent to k3y-…", "sent to [removed]…"),
        // Too little to be known by, and a line that was not cut.
        ("sent to k3y…", "sent to k3y…"),
        ("sent to k3y-4711-of", "sent to k3y-4711-of"),
        ("sent to k3y-4712…", "sent to k3y-4712…"),
    ] {
        assert_eq!(cleaned(&[secret], text), expected);
    }
    for (text, expected) in [
        ("by harbourpasswo…", "by [removed]…"),
        ("by theharbourpasswo…", "by theharbourpasswo…"),
    ] {
        assert_eq!(cleaned(&["harbourpassword"], text), expected);
    }
}

#[test]
fn it_is_taken_out_of_names_and_depths_and_leaves_the_rest_as_it_was() {
    let mut value = json!({
        "a k3y-4711": [{"deep": "k3y-4711"}, 4711, null, true],
        "as it was": {"x": 1.5},
    });
    redactor(&["k3y-4711"]).clean(&mut value);
    let expected = json!({
        "a [removed]": [{"deep": "[removed]"}, 4711, null, true],
        "as it was": {"x": 1.5},
    });
    assert_eq!(value, expected);
}

#[test]
fn a_short_secret_or_a_plain_word_is_found_as_a_word_of_its_own() {
    for (secret, text, expected) in [
        (
            "12",
            "12 of 120, 2012, x12 and a=12",
            "[removed] of 120, 2012, x12 and a=[removed]",
        ),
        (
            "stream",
            "streams, stream_key, /stream/",
            "streams, stream_key, /[removed]/",
        ),
        ("a@b", "a@b xa@b (a@b)", "[removed] xa@b ([removed])"),
        ("stream7", "astream7b", "a[removed]b"),
        (
            "hunter",
            "rtsp%3A%2F%2Fview%3Ahunter%4010.0.0.2 \\nhunter, hunters and a hunter",
            "rtsp%3A%2F%2Fview%3A[removed]%4010.0.0.2 \\n[removed], hunters and a [removed]",
        ),
        (
            "abcdefghijklmnopqrst",
            "live_abcdefghijklmnopqrst",
            "live_[removed]",
        ),
        ("", "nothing", "nothing"),
    ] {
        assert_eq!(cleaned(&[secret], text), expected, "{secret}");
    }
}

#[test]
fn of_two_that_begin_alike_the_longer_goes_whole() {
    let both = ["hunter2-a", "hunter2-ab"];
    assert_eq!(cleaned(&both, "(hunter2-ab)"), "([removed])");
    assert_eq!(cleaned(&["b2b2b2", "2b2b2b"], "2b2b2b2"), "[removed]2");
}

#[test]
fn what_is_sealed_as_one_is_looked_for_in_its_pieces() {
    let hook = r#"{"url":"https://hooks.example/T000/B-9/4711-x","secret":"whsec-4711"}"#;
    let key =
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nshort\n-----END PRIVATE KEY-----\n";
    let srt = "venue-7?passphrase=correct-horse";
    let secrets = [hook, key, srt];
    let text = "to https://hooks.example/T000/B-9/4711-x by whsec-4711, /T000/B-9/4711-x, \
        MIGHAgEAMBMGByqGSM49, short, venue-7 and correct-horse";
    let told = cleaned(&secrets, text);
    assert_eq!(
        told,
        "to [removed] by [removed], [removed], [removed], short, [removed] and [removed]"
    );
    let whole = cleaned(&secrets, &format!("<{key}>"));
    assert_eq!(whole, "<[removed]>");
}

#[test]
fn users_of_addresses_and_what_a_query_calls_a_password_go_whoever_wrote_them() {
    for (text, expected) in [
        (
            "pulls rtsp://view:hunter2@10.0.0.2:554/a, then rtsp://10.0.0.3/b@c",
            "pulls rtsp://[removed]@10.0.0.2:554/a, then rtsp://10.0.0.3/b@c",
        ),
        ("'http://a@b:c@host'", "'http://[removed]@host'"),
        (
            "/cam?user=view&Password=hunter2&channel=1",
            "/cam?user=view&Password=[removed]&channel=1",
        ),
        (
            "srt://h:1?streamid=a/b&passphrase=x#y \"?pwd=z\"",
            "srt://h:1?streamid=[removed]&passphrase=[removed]#y \"?pwd=[removed]\"",
        ),
        ("a ?passwords=1&key", "a ?passwords=1&key"),
        (
            "https://h/b?X-Amz-Signature=ab12&stream_key=x1&apiKey=y2&keys=3",
            "https://h/b?X-Amz-Signature=[removed]&stream_key=[removed]&apiKey=[removed]&keys=3",
        ),
        (
            "GET / HTTP/1.1 Authorization: Bearer eyJh.bGciOiJFZ.ERTQSJ9 and a Basic profile",
            "GET / HTTP/1.1 Authorization: Bearer [removed] and a Basic profile",
        ),
        ("count=7 ü&ü=1 ://", "count=7 ü&ü=1 ://"),
    ] {
        assert_eq!(cleaned(&[], text), expected);
    }
}

proptest! {
    #[test]
    fn no_text_holds_a_longer_secret_afterwards(
        secret in "[ -~ü]{5}[0-9%@/\"]{2}",
        parts in proptest::collection::vec("[ -~ü]{0,20}", 1..5),
    ) {
        let told = cleaned(&[&secret], &parts.join(&secret));
        prop_assert!(!told.contains(&secret), "{told}");
    }
}
