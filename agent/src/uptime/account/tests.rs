//! What is counted of a show, second by second.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// When, how often it had gone live by then, and its destinations.
type Steps<'a> = &'a [(u64, u64, &'a [(&'a str, bool)])];

fn span(wanted: u64, there: u64) -> Span {
    Span {
        wanted_us: wanted * 1_000_000,
        there_us: there * 1_000_000,
    }
}

/// A show whose encoder has made `encoded` frames, with these destinations.
fn show(encoded: u64, destinations: &[(&str, bool)]) -> Sight {
    Sight {
        running: true,
        encoded,
        server_up: true,
        destinations: destinations
            .iter()
            .map(|(id, there)| ((*id).to_owned(), *there))
            .collect(),
        ..Sight::default()
    }
}

/// Looks ten times a second from one second to another.
fn watch(tally: &mut Tally, seconds: std::ops::Range<u32>, sight: impl Fn(u32) -> Sight) {
    for tenth in seconds.start * 10..seconds.end * 10 {
        tally.take(SECOND * tenth / 10, sight(tenth));
    }
}

#[test]
fn each_destination_is_counted_for_itself_and_only_while_it_is_wanted() {
    let mut tally = Tally::default();
    watch(&mut tally, 0..10, |_| Sight::default());
    watch(&mut tally, 10..30, |n| {
        show(u64::from(n), &[("a", true), ("b", n < 200)])
    });
    watch(&mut tally, 30..40, |n| show(u64::from(n), &[("a", true)]));
    tally.take(SECOND * 40, Sight::default());
    let account = tally.account();
    assert_eq!(account.destinations["a"], span(30, 30));
    assert_eq!(account.destinations["b"], span(20, 10));
    assert_eq!(account.preview_server, span(40, 30));
}

#[test]
fn a_program_is_there_while_its_encoder_makes_frames() {
    let mut tally = Tally::default();
    // Ten frames a second; none from the 5th second to the 7th; then another encoder from 0.
    watch(&mut tally, 0..5, |n| show(u64::from(n), &[]));
    watch(&mut tally, 5..7, |_| show(49, &[]));
    watch(&mut tally, 7..10, |n| show(u64::from(n) - 70, &[]));
    let program = tally.account().program;
    let wanted = program.wanted_us;
    assert_eq!(wanted, 9_900_000);
    // What is noticed late is less than the time that counts as still.
    let away = wanted - program.there_us;
    assert!((1_600_000..=2_300_000).contains(&away), "{away}");
    // However often it is looked at.
    let mut eager = Tally::default();
    for ms in 0..5000_u32 {
        let sight = show(u64::from(ms / 33), &[]);
        eager.take(Duration::from_millis(ms.into()), sight);
    }
    let program = eager.account().program;
    assert!(program.wanted_us - program.there_us < 40_000, "{program:?}");
}

#[test]
fn what_was_wanted_stays_wanted_while_the_agent_is_away_and_until_it_is_back() {
    let mut tally = Tally::default();
    watch(&mut tally, 0..10, |n| show(u64::from(n), &[("a", true)]));
    let (account, wanted) = (tally.account().clone(), tally.wanted());
    assert!(wanted.program && wanted.destinations.contains("a"));
    let mut tally = Tally::new(account);
    tally.was_away(wanted.clone(), SECOND * 7);
    assert_eq!(tally.wanted(), wanted);
    let awaited = |_| Sight {
        awaited: true,
        ..Sight::default()
    };
    watch(&mut tally, 0..3, awaited);
    // An agent that ends again before the show is back still knows of it.
    assert_eq!(tally.wanted(), wanted);
    watch(&mut tally, 3..10, |n| show(u64::from(n), &[("a", true)]));
    let a = tally.account().destinations["a"];
    assert_eq!((a.wanted_us, a.there_us), (26_800_000, 16_800_000));
    // The row that is kept says the same.
    let kept = serde_json::to_string(tally.account()).unwrap();
    let read: Account = serde_json::from_str(&kept).unwrap();
    assert_eq!(&read, tally.account());
    let wanted: Wanted = serde_json::from_str("{}").unwrap();
    assert_eq!(wanted, Wanted::default());
}

#[test]
fn a_try_to_go_live_succeeds_fails_or_is_called_off() {
    let live = |went_live, destinations: &[(&str, bool)]| Sight {
        went_live,
        ..show(1, destinations)
    };
    // Those that succeeded, failed, and were called off.
    let cases: [(&str, Steps<'_>, (u64, u64, u64)); 8] = [
        ("not live", &[(0, 0, &[]), (9, 0, &[])], (0, 0, 0)),
        (
            "both in time",
            &[
                (1, 1, &[("a", true), ("b", false)]),
                (10, 1, &[("a", false), ("b", true)]),
            ],
            (1, 0, 0),
        ),
        (
            "one too late",
            &[
                (1, 1, &[("a", true), ("b", false)]),
                (11, 1, &[("a", true), ("b", false)]),
            ],
            (0, 1, 0),
        ),
        (
            "not known yet",
            &[(1, 1, &[("a", false)]), (10, 1, &[("a", false)])],
            (0, 0, 0),
        ),
        (
            "stopped before",
            &[(1, 1, &[("a", false)]), (3, 1, &[])],
            (0, 0, 1),
        ),
        (
            "the slow one is taken off",
            &[(1, 1, &[("a", true), ("b", false)]), (4, 1, &[("a", true)])],
            (1, 0, 0),
        ),
        (
            "a loss after that is another matter",
            &[
                (1, 1, &[("a", true)]),
                (2, 1, &[("a", false)]),
                (30, 1, &[("a", false)]),
            ],
            (1, 0, 0),
        ),
        (
            "three between two looks",
            &[(1, 3, &[("a", true)])],
            (1, 0, 2),
        ),
    ];
    for (case, steps, wanted) in cases {
        let mut tally = Tally::default();
        for (second, went_live, destinations) in steps {
            let now = Duration::from_secs(*second);
            tally.take(now, live(*went_live, destinations));
        }
        let counted = tally.account().go_live;
        let counts = (counted.succeeded, counted.failed, counted.called_off);
        assert_eq!(counts, wanted, "{case}");
    }
    let mut tally = Tally::default();
    let refused = Sight {
        turned_away: 2,
        ..show(1, &[])
    };
    tally.take(SECOND, refused.clone());
    tally.take(SECOND * 2, refused);
    assert_eq!(tally.account().go_live.failed, 2);
}

#[test]
fn how_long_it_took_to_go_live_and_how_long_it_was_a_preview_before() {
    let mut tally = Tally::default();
    let steps: Steps<'_> = &[
        (0, 0, &[]),
        (30, 1, &[("a", false), ("b", false)]),
        (32, 1, &[("a", true), ("b", false)]),
        (38, 1, &[("a", true), ("b", true)]),
        (60, 1, &[("a", true), ("b", true)]),
        (70, 2, &[("a", true)]),
        (80, 2, &[("a", true)]),
    ];
    for (tenth, went_live, destinations) in steps {
        let sight = Sight {
            went_live: *went_live,
            ..show(*tenth, destinations)
        };
        tally.take(Duration::from_millis(100 * tenth), sight);
    }
    let account = tally.account();
    assert_eq!(account.previewed_us, 3_000_000);
    // The second time, all of them had it already.
    let took = account.go_live;
    assert_eq!(
        (took.succeeded, took.took_us, took.last_us),
        (2, 800_000, Some(0))
    );
    // What an earlier version kept is read.
    let kept = r#"{"go_live":{"succeeded":3,"failed":1,"called_off":0}}"#;
    let read: Account = serde_json::from_str(kept).unwrap();
    let read = read.go_live;
    assert_eq!((read.succeeded, read.timed, read.last_us), (3, 0, None));
}

#[test]
fn no_more_than_so_many_names_are_remembered() {
    let mut tally = Tally::default();
    for n in 0..500_u32 {
        let id = format!("d{n}");
        tally.take(
            SECOND * n,
            show(u64::from(n), &[("main", true), (&id, true)]),
        );
    }
    let destinations = &tally.account().destinations;
    assert_eq!(destinations.len(), NAMED);
    assert_eq!(destinations["main"], span(499, 499));
}

#[test]
fn two_new_names_do_not_take_each_others_place() {
    let mut tally = Tally::default();
    let old: Vec<String> = (0..NAMED).map(|n| format!("d{n}")).collect();
    let old: Vec<(&str, bool)> = old.iter().map(|id| (id.as_str(), true)).collect();
    tally.take(Duration::ZERO, show(0, &old));
    for n in 100..111_u32 {
        tally.take(
            SECOND * n,
            show(u64::from(n), &[("one", true), ("two", true)]),
        );
    }
    let destinations = &tally.account().destinations;
    assert_eq!(destinations.len(), NAMED);
    assert_eq!(destinations["one"], span(10, 10));
    assert_eq!(destinations["two"], span(10, 10));
}
