//! Lives of conditions, second by second.

use super::*;
use crate::health::finding::{Subject, SubjectKind};
use protocol::{Condition, Severity};

const MEDIA: Key = Key::whole(Condition::MediaServerDown);
const NETWORK: Key = Key::whole(Condition::NetworkDown);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn camera(id: &str) -> Found {
    Found::new(Condition::CameraOffline, Severity::Error, "offline", "none")
        .about(Subject::new(SubjectKind::Camera, id, id))
        .after(s(1))
        .from([MEDIA])
}

fn destination(id: &str) -> Found {
    Found::new(
        Condition::DestinationDown,
        Severity::Error,
        "offline",
        "none",
    )
    .about(Subject::new(SubjectKind::Destination, id, id))
    .after(s(1))
    .from([MEDIA, NETWORK])
}

fn media() -> Found {
    Found::new(
        Condition::MediaServerDown,
        Severity::Critical,
        "down",
        "killed",
    )
}

fn network() -> Found {
    Found::new(Condition::NetworkDown, Severity::Critical, "cut", "cut")
        .after(s(1))
        .from([MEDIA])
}

/// Plays a story and writes what counts at each second: its letter, small while it recovers, in
/// brackets while it follows from something.
fn play(seconds: u64, story: impl Fn(u64) -> Vec<Found>) -> Vec<String> {
    let mut ledger = Ledger::new(s(30));
    (0..seconds)
        .map(|second| {
            let mut words: Vec<String> = ledger
                .take(s(second), story(second))
                .iter()
                .map(|finding| {
                    let letter = match finding.code {
                        Condition::MediaServerDown => "M".to_owned(),
                        Condition::NetworkDown => "N".to_owned(),
                        _ => finding.subject.as_ref().unwrap().id.to_uppercase(),
                    };
                    let letter = if finding.recovering {
                        letter.to_lowercase()
                    } else {
                        letter
                    };
                    if finding.root.is_some() {
                        format!("({letter})")
                    } else {
                        letter
                    }
                })
                .collect();
            words.sort();
            words.join(" ")
        })
        .collect()
}

#[test]
fn a_camera_counts_after_a_second_and_ends_thirty_seconds_after_it_is_good() {
    let told = play(50, |now| {
        if (5..10).contains(&now) {
            vec![camera("a")]
        } else {
            vec![]
        }
    });
    assert_eq!(told[5], "");
    assert_eq!(told[6], "A");
    assert_eq!(told[9], "A");
    assert_eq!(told[10], "a");
    assert_eq!(told[38], "a");
    assert_eq!(told[39], "");
}

#[test]
fn a_flicker_is_not_told() {
    let told = play(10, |now| if now == 5 { vec![camera("a")] } else { vec![] });
    assert!(told.iter().all(String::is_empty), "{told:?}");
}

#[test]
fn what_flaps_is_told_once() {
    let told = play(60, |now| {
        if now % 10 < 3 {
            vec![camera("a")]
        } else {
            vec![]
        }
    });
    assert!(
        told[1..].iter().all(|words| words.to_uppercase() == "A"),
        "{told:?}"
    );
}

#[test]
fn a_dead_media_server_is_one_finding_with_its_consequences() {
    let told = play(80, |now| {
        let mut found = Vec::new();
        if (5..9).contains(&now) {
            found.push(media());
        }
        if (5..15).contains(&now) {
            found.extend([
                camera("a"),
                camera("b"),
                destination("d"),
                destination("e"),
                network(),
            ]);
        }
        found
    });
    assert_eq!(told[5], "M");
    assert_eq!(told[6], "(A) (B) (D) (E) (N) M");
    assert_eq!(told[9], "(A) (B) (D) (E) (N) m");
    assert_eq!(told[16], "(a) (b) (d) (e) (n) m");
    assert!(
        told.iter().all(
            |words| !words.split(' ').any(|w| "ABDEN".contains(&w.to_uppercase())
                && !w.is_empty()
                && w == w.to_uppercase())
        ),
        "{told:?}"
    );
    assert_eq!(told[79], "");
}

#[test]
fn what_stays_when_its_root_is_long_gone_counts_by_itself() {
    let told = play(60, |now| {
        let mut found = Vec::new();
        if (5..9).contains(&now) {
            found.push(media());
        }
        if now >= 5 {
            found.push(camera("a"));
        }
        found
    });
    assert_eq!(told[27], "(A) m");
    assert_eq!(told[28], "A m");
    assert_eq!(told[50], "A");
}

#[test]
fn the_first_sign_of_a_root_joins_it_and_an_older_trouble_does_not() {
    let first = play(20, |now| {
        let mut found = vec![];
        if now >= 5 {
            found.push(camera("a"));
        }
        if now >= 8 {
            found.push(media());
        }
        found
    });
    assert_eq!((first[7].as_str(), first[8].as_str()), ("A", "(A) M"));
    let older = play(40, |now| {
        let mut found = vec![camera("a")];
        if now >= 30 {
            found.push(media());
        }
        found
    });
    assert_eq!(older[35], "A M");
}

#[test]
fn a_root_that_was_only_feared_lets_go_at_once() {
    let feared = || media().after(s(3));
    let told = play(20, |now| {
        let mut found = vec![];
        if (5..7).contains(&now) {
            found.push(feared());
        }
        if now >= 5 {
            found.push(camera("a"));
        }
        found
    });
    assert_eq!(told[6], "(A)");
    assert_eq!(told[7], "A");
}

#[test]
fn all_destinations_follow_from_the_network() {
    let told = play(10, |now| {
        let mut found = vec![];
        if now >= 2 {
            found.push(destination("d"));
        }
        if now >= 4 {
            found.extend([destination("e"), network()]);
        }
        found
    });
    assert_eq!(told[3], "D");
    assert_eq!(told[5], "(D) (E) N");
}

#[test]
fn more_than_the_limit_is_left_out() {
    let mut ledger = Ledger::new(s(30));
    let many = || {
        (0..1000)
            .map(|n| camera(&n.to_string()))
            .collect::<Vec<_>>()
    };
    ledger.take(s(0), many());
    assert_eq!(ledger.take(s(2), many()).len(), LIMIT);
}

#[test]
fn a_slow_root_that_comes_and_goes_hides_nothing() {
    let slow = || {
        Found::new(Condition::NetworkDown, Severity::Critical, "cut", "cut")
            .after(s(30))
            .from([MEDIA])
    };
    let story = |second| {
        let mut all = vec![destination("d")];
        // It comes and goes for a minute, and stays from then on.
        if second >= 60 || second % 4 < 2 {
            all.push(slow());
        }
        all
    };
    let seen = play(120, story);
    assert_eq!(seen[0], "");
    assert!(seen[1..90].iter().all(|words| words == "D"), "{seen:?}");
    assert_eq!(seen[95], "D N", "the destination was told long before");
}

#[test]
fn what_a_root_can_no_longer_cause_counts_by_itself() {
    // The media server is away for good; from the fifth second on destinations do without it.
    let story = |second: u64| {
        let mut all = vec![media()];
        if second >= 2 {
            let mut lost = destination("1");
            if second >= 5 {
                lost.roots.retain(|root| *root != MEDIA);
            }
            all.push(lost);
        }
        all
    };
    let told = play(7, story);
    assert_ne!(told[4], told[5], "{told:?}");
    assert_eq!(told[5], told[6], "{told:?}");
    assert!(!told[5].contains('('), "{told:?}");
}
