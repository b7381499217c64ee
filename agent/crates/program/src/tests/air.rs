//! The picture.

use super::*;
use InputState::{Absent, Fresh, Held, Lost};

/// Plays a script at 30 frames a second: at each frame listed, A takes a state; then what is on air
/// at other frames listed.
fn life(name: &str, ask: &Ask, states: &[(u64, InputState)], expected: &[(u64, InputId)]) {
    let inputs = Inputs::fresh(&[]);
    let mut bus = bus();
    let last = expected.iter().map(|(n, _)| *n).max().unwrap_or(0);
    for n in 0..=last {
        for (_, state) in states.iter().filter(|(at, _)| *at == n) {
            inputs.set(A, *state);
        }
        let plan = bus.plan(n, ask, &inputs);
        for (_, input) in expected.iter().filter(|(at, _)| *at == n) {
            assert_eq!(shown(&plan), (*input, None), "{name}, frame {n}");
        }
    }
}

#[test]
fn a_source_that_was_lost_by_our_own_fault_returns_after_a_healthy_second() {
    let ask = Ask::only(take(A));
    // The excuse comes before the loss, or after it; what is lost later is a loss like any other.
    for excuse in [95, 110] {
        let inputs = Inputs::fresh(&[]);
        let mut bus = bus();
        let mut on_air = Vec::new();
        for n in 0..1000 {
            let lost = (100..130).contains(&n) || (500..510).contains(&n);
            inputs.set(A, if lost { Lost } else { Fresh });
            if n == excuse {
                bus.excuse(n);
            }
            on_air.push(shown(&bus.plan(n, &ask, &inputs)).0);
        }
        let changes: Vec<usize> = (1..1000).filter(|n| on_air[n - 1] != on_air[*n]).collect();
        assert_eq!(changes, [100, 160, 500, 800], "excused at {excuse}");
    }
}

#[test]
fn a_lost_source_gives_way_at_once_and_returns_when_it_may() {
    let ask = Ask::only(take(A));
    for (name, states, expected) in [
        ("healthy", &[(0, Fresh)][..], &[(0, A), (500, A)][..]),
        (
            "held",
            &[(0, Fresh), (5, Held), (9, Fresh)],
            &[(5, A), (8, A), (9, A)],
        ),
        (
            "lost",
            &[(0, Fresh), (100, Lost)],
            &[(99, A), (100, PATTERN), (1000, PATTERN)],
        ),
        (
            "back after the guard",
            &[(0, Fresh), (100, Lost), (160, Fresh)],
            &[(100, PATTERN), (399, PATTERN), (400, A)],
        ),
        (
            "back after two healthy seconds",
            &[(0, Fresh), (100, Lost), (500, Fresh)],
            &[(500, PATTERN), (559, PATTERN), (560, A)],
        ),
        (
            "flapping",
            &[
                (0, Fresh),
                (100, Lost),
                (500, Fresh),
                (530, Lost),
                (531, Fresh),
            ],
            &[(560, PATTERN), (590, PATTERN), (591, A)],
        ),
        (
            "held is healthy",
            &[(0, Fresh), (100, Lost), (500, Fresh), (520, Held)],
            &[(560, A)],
        ),
        (
            "detached",
            &[(0, Fresh), (100, Absent), (101, Fresh)],
            &[(100, PATTERN), (101, PATTERN), (400, A)],
        ),
        (
            "not there at the start",
            &[(45, Fresh)],
            &[(0, PATTERN), (44, PATTERN), (45, A)],
        ),
        (
            "never there",
            &[(0, Absent)],
            &[(0, PATTERN), (900, PATTERN)],
        ),
    ] {
        life(name, &ask, states, expected);
    }
}

#[test]
fn a_cut_to_a_source_that_has_not_arrived_waits_a_second() {
    let inputs = Inputs::fresh(&[A]);
    let mut bus = bus();
    let mut on = |n: u64, to| shown(&bus.plan(n, &Ask::only(take(to)), &inputs)).0;
    assert_eq!(on(0, A), A);
    assert_eq!((on(1, B), on(30, B)), (A, A));
    assert_eq!(on(31, B), PATTERN);
    inputs.set(B, Fresh);
    assert_eq!(on(32, B), B, "a first arrival waits for nothing");
    assert_eq!(on(33, A), A);
    inputs.set(B, Absent);
    assert_eq!(on(34, B), A);
    inputs.set(B, Fresh);
    assert_eq!(on(35, B), B);
}

#[test]
fn a_cut_to_a_lost_source_steps_down_at_once_and_a_cut_away_is_taken_at_once() {
    let inputs = Inputs::fresh(&[A, B]);
    inputs.set(B, Lost);
    let mut bus = bus();
    let mut on = |n: u64, to| shown(&bus.plan(n, &Ask::only(take(to)), &inputs)).0;
    assert_eq!(on(0, A), A);
    assert_eq!(on(1, B), PATTERN);
    assert_eq!(on(2, A), A);
    inputs.set(B, Fresh);
    assert_eq!(on(3, B), B);
}

#[test]
fn a_source_that_was_lost_when_it_was_asked_for_comes_back_like_any_other() {
    let ask = Ask::only(take(A));
    let states = [(0, Lost), (50, Fresh)];
    let expected = [(0, PATTERN), (50, PATTERN), (299, PATTERN), (300, A)];
    life("lost from the start", &ask, &states, &expected);
}

#[test]
fn the_ladder_goes_by_backup_and_slate_to_the_pattern_and_the_last_picture() {
    let inputs = Inputs::fresh(&[A, BACKUP, SLATE]);
    let ask = Ask {
        backups: [None, Some(take(BACKUP))],
        fallback: Some(Take {
            live: false,
            ..take(SLATE)
        }),
        ..Ask::only(take(A))
    };
    let mut bus = bus();
    for (n, input, state, on, rung) in [
        (0, A, Fresh, A, Rung::Asked),
        (1, A, Lost, BACKUP, Rung::ShowBackup),
        (2, BACKUP, Held, BACKUP, Rung::ShowBackup),
        (3, BACKUP, Lost, SLATE, Rung::Fallback),
        (4, SLATE, Lost, SLATE, Rung::Fallback),
        (5, SLATE, Absent, PATTERN, Rung::Pattern),
        (6, PATTERN, Absent, A, Rung::LastPicture),
        (7, A, Absent, BACKUP, Rung::LastPicture),
        (8, PATTERN, Fresh, PATTERN, Rung::Pattern),
        (9, BACKUP, Fresh, PATTERN, Rung::Pattern),
        (308, A, Fresh, BACKUP, Rung::ShowBackup),
        (400, A, Fresh, BACKUP, Rung::ShowBackup),
        (607, A, Fresh, BACKUP, Rung::ShowBackup),
        (608, A, Fresh, A, Rung::Asked),
    ] {
        inputs.set(input, state);
        let plan = bus.plan(n, &ask, &inputs);
        let air = bus.on_air().unwrap();
        assert_eq!((shown(&plan).0, air.rung), (on, rung), "frame {n}");
        assert_eq!(air.shown, on);
    }
}

#[test]
fn a_cameras_own_backup_comes_before_the_shows() {
    let inputs = Inputs::fresh(&[A, BACKUP, SHOW_BACKUP]);
    let ask = Ask {
        backups: [Some(take(BACKUP)), Some(take(SHOW_BACKUP))],
        ..Ask::only(take(A))
    };
    let mut bus = bus();
    for (n, input, state, on, rung) in [
        (0, A, Fresh, A, Rung::Asked),
        (1, A, Lost, BACKUP, Rung::Backup),
        (2, BACKUP, Lost, SHOW_BACKUP, Rung::ShowBackup),
        (3, SHOW_BACKUP, Lost, PATTERN, Rung::Pattern),
        (4, SHOW_BACKUP, Fresh, PATTERN, Rung::Pattern),
        (302, BACKUP, Fresh, PATTERN, Rung::Pattern),
        (303, A, Lost, SHOW_BACKUP, Rung::ShowBackup),
        (603, A, Lost, BACKUP, Rung::Backup),
    ] {
        inputs.set(input, state);
        let plan = bus.plan(n, &ask, &inputs);
        let air = bus.on_air().unwrap();
        assert_eq!((shown(&plan).0, air.rung), (on, rung), "frame {n}");
    }
}

#[test]
fn a_backup_that_is_the_asked_source_itself_is_none() {
    let inputs = Inputs::fresh(&[A, SHOW_BACKUP]);
    let ask = Ask {
        backups: [Some(take(A)), Some(take(SHOW_BACKUP))],
        ..Ask::only(take(A))
    };
    let mut bus = bus();
    bus.plan(0, &ask, &inputs);
    inputs.set(A, Lost);
    assert_eq!(shown(&bus.plan(1, &ask, &inputs)).0, SHOW_BACKUP);
}

#[test]
fn sources_that_are_lost_because_the_machine_was_late_stay_on_for_two_seconds() {
    let inputs = Inputs::fresh(&[A, BACKUP]);
    let ask = Ask {
        backups: [Some(take(BACKUP)), None],
        ..Ask::only(take(A))
    };
    let mut bus = bus();
    bus.plan(0, &ask, &inputs);
    for input in [A, BACKUP] {
        inputs.set(input, Lost);
    }
    inputs.strained(400_000, 2, 2);
    assert_eq!(shown(&bus.plan(1, &ask, &inputs)).0, A);
    assert!(bus.is_overloaded());
    inputs.strained(0, 2, 2);
    assert_eq!(shown(&bus.plan(60, &ask, &inputs)).0, A);
    assert_eq!(shown(&bus.plan(61, &ask, &inputs)).0, PATTERN);
    assert!(!bus.is_overloaded());
}

#[test]
fn the_pattern_can_be_forced_and_given_back() {
    let inputs = Inputs::fresh(&[A]);
    let mut bus = bus();
    let on = |bus: &mut Bus, n| shown(&bus.plan(n, &Ask::only(take(A)), &inputs)).0;
    assert_eq!(on(&mut bus, 0), A);
    bus.force_pattern();
    assert_eq!((on(&mut bus, 1), on(&mut bus, 900)), (PATTERN, PATTERN));
    bus.release();
    assert_eq!(on(&mut bus, 901), A);
}

#[test]
fn a_film_that_ended_and_a_still_picture_are_not_lost() {
    let inputs = Inputs::fresh(&[A]);
    let mut bus = bus();
    let film = Take {
        live: false,
        shot: Shot {
            input: A,
            origin: Some(-10),
        },
        ..take(A)
    };
    inputs.set(A, Lost);
    assert_eq!(shown(&bus.plan(0, &Ask::only(film), &inputs)).0, A);
}

#[test]
fn a_transition_shows_both() {
    let inputs = Inputs::fresh(&[A, B]);
    let mut bus = bus();
    bus.plan(0, &Ask::only(take(A)), &inputs);
    let plan = bus.plan(1, &fade(take(A), take(B), 100), &inputs);
    assert_eq!(shown(&plan), (B, Some((A, 100))));
    let plan = bus.plan(2, &Ask::only(take(B)), &inputs);
    assert_eq!(shown(&plan), (B, None));
}

#[test]
fn a_transition_to_a_late_source_begins_when_it_arrives_and_ends_in_time() {
    let inputs = Inputs::fresh(&[A]);
    let mut bus = bus();
    bus.plan(0, &Ask::only(take(A)), &inputs);
    for (n, progress) in [(1, 50), (2, 100), (3, 128)] {
        let plan = bus.plan(n, &fade(take(A), take(B), progress), &inputs);
        assert_eq!(shown(&plan), (A, None));
    }
    inputs.set(B, Fresh);
    for (n, progress, is) in [(4, 130, 4), (5, 192, 128), (6, 255, 254)] {
        let plan = bus.plan(n, &fade(take(A), take(B), progress), &inputs);
        assert_eq!(shown(&plan), (B, Some((A, is))), "{progress}");
    }
}

#[test]
fn a_transition_leaves_what_was_really_on_air() {
    let inputs = Inputs::fresh(&[A, B]);
    let mut bus = bus();
    bus.plan(0, &Ask::only(take(A)), &inputs);
    inputs.set(A, Lost);
    bus.plan(1, &Ask::only(take(A)), &inputs);
    inputs.set(A, Fresh);
    let plan = bus.plan(2, &fade(take(A), take(B), 9), &inputs);
    assert_eq!(shown(&plan), (B, Some((PATTERN, 9))));
}

#[test]
fn a_seek_into_a_transition_takes_what_there_is() {
    let inputs = Inputs::fresh(&[A, B]);
    let mut bus = bus();
    bus.plan(0, &Ask::only(take(A)), &inputs);
    let missing = fade(take(BACKUP), take(B), 77);
    assert_eq!(shown(&bus.plan(1, &missing, &inputs)), (B, None));
    inputs.set(BACKUP, Fresh);
    assert_eq!(
        shown(&bus.plan(2, &missing, &inputs)),
        (B, Some((BACKUP, 77)))
    );
}

#[test]
fn a_transition_between_two_lost_sources_is_only_the_pattern() {
    let inputs = Inputs::fresh(&[A, B]);
    let mut bus = bus();
    inputs.set(A, Lost);
    bus.plan(0, &Ask::only(take(A)), &inputs);
    inputs.set(B, Lost);
    let plan = bus.plan(1, &fade(take(A), take(B), 9), &inputs);
    assert_eq!(shown(&plan), (PATTERN, None));
}

#[test]
fn a_forced_source_wins_until_it_is_released() {
    let inputs = Inputs::fresh(&[A, B, SLATE]);
    let mut bus = bus();
    let ask = fade(take(A), take(B), 20);
    bus.plan(0, &Ask::only(take(A)), &inputs);
    bus.force(take(SLATE));
    assert_eq!(shown(&bus.plan(1, &ask, &inputs)), (SLATE, None));
    inputs.set(SLATE, Lost);
    assert_eq!(shown(&bus.plan(2, &ask, &inputs)), (PATTERN, None));
    assert_eq!(bus.forced(), Some(take(SLATE)));
    bus.release();
    assert_eq!(shown(&bus.plan(3, &ask, &inputs)), (B, Some((A, 20))));
}
