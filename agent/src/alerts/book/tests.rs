//! Lives of alerts.

use super::*;
use crate::health::{Subject, SubjectKind};
use protocol::Condition;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn camera(id: &str, words: &str) -> Finding {
    Finding {
        code: Condition::CameraOffline,
        severity: Severity::Warning,
        subject: Some(Subject::new(
            SubjectKind::Camera,
            id,
            format!("Camera {id}"),
        )),
        message: words.to_owned(),
        cause: "none".to_owned(),
        remediation: "Check it.".into(),
        follows_from: None,
        recovering: false,
        root: None,
    }
}

fn media() -> Finding {
    Finding {
        code: Condition::MediaServerDown,
        severity: Severity::Error,
        subject: None,
        message: "down".to_owned(),
        ..camera("", "")
    }
}

fn following(mut finding: Finding) -> Finding {
    finding.root = Some(Key::whole(Condition::MediaServerDown));
    finding
}

fn report(findings: Vec<Finding>) -> Report {
    Report {
        warnings: findings,
        ..Report::default()
    }
}

fn words(changes: &[Change]) -> Vec<String> {
    let word = |change: &Change| match change {
        Change::Raised(kept) => format!("raised {} {}", kept.alert.id, kept.alert.message),
        Change::Changed(kept) => format!("changed {} {}", kept.alert.id, kept.alert.message),
        Change::Cleared(kept) => {
            format!(
                "cleared {} {:?}",
                kept.alert.id,
                kept.alert.cleared_by.unwrap()
            )
        }
        Change::Dropped(id) => format!("dropped {id}"),
    };
    changes.iter().map(word).collect()
}

#[test]
fn an_alert_is_raised_changed_and_cleared_once_each() {
    let mut book = Book::default();
    let mut step = |at, findings| words(&book.take(s(at), &format!("t{at}"), &report(findings)));
    assert_eq!(step(0, vec![]), [""; 0]);
    assert_eq!(step(1, vec![camera("2", "offline")]), ["raised 1 offline"]);
    assert_eq!(step(2, vec![camera("2", "offline")]), [""; 0]);
    assert_eq!(step(3, vec![camera("2", "pattern")]), ["changed 1 pattern"]);
    let mut other_cause = camera("2", "pattern");
    other_cause.cause = "82 % busy".to_owned();
    assert_eq!(step(4, vec![other_cause]), [""; 0]);
    assert_eq!(step(5, vec![]), ["cleared 1 Recovery"]);
    assert_eq!(step(6, vec![camera("2", "offline")]), ["raised 2 offline"]);
    let alerts = book.alerts();
    assert_eq!(alerts.len(), 2);
    assert_eq!(
        (
            alerts[1].raised_at.as_str(),
            alerts[1].cleared_at.as_deref()
        ),
        ("t1", Some("t5"))
    );
}

#[test]
fn what_is_only_worth_knowing_raises_nothing() {
    let mut book = Book::default();
    let mut low = camera("2", "late");
    low.severity = Severity::Info;
    assert_eq!(words(&book.take(s(0), "t", &report(vec![low]))), [""; 0]);
}

#[test]
fn ten_consequences_are_one_alert_that_names_them_and_takes_the_worst() {
    let mut book = Book::default();
    let mut all = vec![media()];
    for id in 0..10 {
        let mut one = following(camera(&id.to_string(), &format!("camera {id}")));
        one.severity = Severity::Critical;
        all.push(one);
    }
    assert_eq!(
        words(&book.take(s(0), "t", &report(all))),
        ["raised 1 down"]
    );
    let alert = &book.alerts()[0];
    assert_eq!(alert.severity, Severity::Critical);
    assert_eq!(alert.consequences.len(), 10);
}

#[test]
fn the_first_sign_of_a_root_becomes_part_of_it() {
    let mut book = Book::default();
    book.take(s(0), "t0", &report(vec![camera("2", "offline")]));
    let both = report(vec![media(), following(camera("2", "offline"))]);
    let mut changes = words(&book.take(s(1), "t1", &both));
    changes.sort();
    assert_eq!(changes, ["cleared 1 OtherAlert", "raised 2 down"]);
}

#[test]
fn after_a_restart_what_is_still_so_goes_on_and_what_is_good_is_cleared() {
    let mut book = Book::default();
    book.take(
        s(0),
        "t0",
        &report(vec![camera("1", "offline"), camera("2", "offline")]),
    );
    let rows: Vec<Kept> = book.kept().cloned().collect();
    let (mut again, doubles) = Book::restore(rows, s(100), "t");
    assert_eq!(doubles, []);
    assert_eq!(words(&again.take(s(101), "t", &report(vec![]))), [""; 0]);
    assert_eq!(
        words(&again.take(s(110), "t", &report(vec![camera("1", "offline")]))),
        [""; 0]
    );
    let later = again.take(s(131), "t9", &report(vec![camera("1", "offline")]));
    assert_eq!(words(&later), ["cleared 2 Restart"]);
    assert_eq!(again.alerts()[0].raised_at, "t0");
    let end = again.take(s(200), "t10", &report(vec![]));
    assert_eq!(words(&end), ["cleared 1 Recovery"]);
    let next = again.take(s(201), "t11", &report(vec![camera("3", "offline")]));
    assert_eq!(words(&next), ["raised 3 offline"]);
}

#[test]
fn the_book_is_bounded() {
    let mut book = Book::default();
    let many = |n: u32| {
        report(
            (0..n)
                .map(|id| camera(&id.to_string(), "offline"))
                .collect(),
        )
    };
    assert_eq!(book.take(s(0), "t", &many(100)).len(), OPEN);
    assert_eq!(book.left_out, 36);
    for at in 1..10 {
        assert_eq!(book.take(s(at), "t", &many(100)), []);
    }
    assert_eq!(book.left_out, 36, "each look counts them again");
    book.take(s(10), "t", &many(OPEN as u32 + 1));
    book.take(s(11), "t", &many(100));
    assert_eq!(book.left_out, 36 + 35, "those that came back are others");
    book.take(s(12), "t", &report(vec![]));
    for round in 10..20 {
        book.take(s(round * 2), "t", &many(50));
        book.take(s(round * 2 + 1), "t", &report(vec![]));
    }
    assert_eq!(book.alerts().len(), CLOSED);
}

#[test]
fn an_alert_is_acknowledged_once() {
    let mut book = Book::default();
    book.take(s(0), "t0", &report(vec![camera("1", "offline")]));
    let id = book.alerts()[0].id.clone();
    assert!(
        book.acknowledge(&AlertId::parse("99").unwrap(), "t1")
            .is_none()
    );
    book.acknowledge(&id, "t1").unwrap();
    let kept = book.acknowledge(&id, "t2").unwrap();
    assert_eq!(kept.alert.acknowledged_at.as_deref(), Some("t1"));
    assert_eq!(kept.alert.state, AlertState::Open);
}

#[test]
fn a_consequence_whose_words_change_is_still_one() {
    let mut book = Book::default();
    let told = |tries: u32| {
        let words = format!("camera 2 is offline, {tries} tries");
        report(vec![media(), following(camera("2", &words))])
    };
    book.take(s(0), "t", &told(0));
    for tries in 1..100 {
        assert_eq!(book.take(s(1), "t", &told(tries)), [], "no news");
    }
    let alert = &book.alerts()[0];
    assert_eq!(alert.consequences, ["camera 2 is offline, 99 tries"]);
    // Rows of before did not say whose consequence it was.
    let mut rows: Vec<Kept> = book.kept().cloned().collect();
    rows[0].follow.clear();
    let (mut again, _) = Book::restore(rows, s(2), "t");
    again.take(s(3), "t", &told(100));
    let alert = &again.alerts()[0];
    assert_eq!(alert.consequences, ["camera 2 is offline, 100 tries"]);
}

#[test]
fn of_two_open_alerts_about_one_thing_the_older_is_over_after_a_restart() {
    let mut book = Book::default();
    book.take(s(0), "t0", &report(vec![camera("1", "offline")]));
    let mut rows: Vec<Kept> = book.kept().cloned().collect();
    let mut newer = rows[0].clone();
    newer.alert.id = AlertId::parse("2").unwrap();
    rows.push(newer);
    let (book, doubles) = Book::restore(rows, s(10), "t1");
    assert_eq!(doubles.len(), 1);
    let alerts = book.alerts();
    let state = |at: usize| (alerts[at].id.as_str(), alerts[at].state);
    assert_eq!(state(0), ("2", AlertState::Open));
    assert_eq!(state(1), ("1", AlertState::Cleared));
    assert_eq!(alerts[1].cleared_at.as_deref(), Some("t1"));
}
