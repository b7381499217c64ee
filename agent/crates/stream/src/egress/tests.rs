//! The table, and whole outages second by second.

use super::EgressEffect::{Alert, Attach as AttachTo, Detach, Probe, Report};
use super::EgressEvent::{
    Answered as AnsweredAt, Bytes, Lost, Start as StartWith, Stop, Tick, Unanswered, Unfed,
};
use super::*;
use proptest::prelude::*;

const PLAN: EgressPlan = EgressPlan {
    backup: false,
    connect_limit: CONNECT_LIMIT,
};
const TWO: EgressPlan = EgressPlan {
    backup: true,
    ..PLAN
};
#[expect(
    non_upper_case_globals,
    reason = "read like the variants that they fill in"
)]
const Start: EgressEvent = StartWith(PLAN);
#[expect(
    non_upper_case_globals,
    reason = "read like the variants that they fill in"
)]
const Attach: EgressEffect = AttachTo(Side::Primary);
#[expect(
    non_upper_case_globals,
    reason = "read like the variants that they fill in"
)]
const Answered: EgressEvent = AnsweredAt(Side::Primary);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs events at their seconds; gives the last state's name, and every effect with its second.
fn life(events: &[(u64, EgressEvent)]) -> (EgressState, Vec<(u64, EgressEffect)>) {
    let mut state = EgressState::Idle;
    let mut all = Vec::new();
    for (second, event) in events {
        let (next, effects) = step(state, *event, s(*second));
        state = next;
        all.extend(effects.into_iter().map(|effect| (*second, effect)));
    }
    (state, all)
}

#[test]
fn each_life_ends_where_the_table_says() {
    // Closed by a server that had taken data.
    let dead = Lost(Cause::Unreachable);
    for (why, events, name, effects) in [
        (
            "stopped at once",
            &[(0, Start), (1, Stop)][..],
            "idle",
            &[(0, Attach), (0, Report), (1, Detach), (1, Report)][..],
        ),
        (
            "bytes grow twice",
            &[(0, Start), (1, Bytes(3000)), (2, Bytes(9000))],
            "active",
            &[(0, Attach), (0, Report), (2, Report)],
        ),
        (
            "a count that stands still is not active",
            &[
                (0, Start),
                (1, Bytes(3000)),
                (2, Bytes(3000)),
                (3, Bytes(3000)),
            ],
            "connecting",
            &[(0, Attach), (0, Report)],
        ),
        (
            "zero is no growth",
            &[(0, Start), (1, Bytes(0)), (2, Bytes(0)), (3, Bytes(5))],
            "connecting",
            &[(0, Attach), (0, Report)],
        ),
        (
            "nobody there",
            &[(0, Start), (9, Tick), (10, Tick)],
            "retrying",
            &[(0, Attach), (0, Report), (10, Detach), (10, Report)],
        ),
        (
            "tried again at once",
            &[(0, Start), (1, dead), (1, Tick)],
            "connecting",
            &[
                (0, Attach),
                (0, Report),
                (1, Detach),
                (1, Report),
                (1, Attach),
                (1, Report),
            ],
        ),
        (
            "and then waits",
            &[(0, Start), (1, dead), (1, Tick), (2, dead), (3, Tick)],
            "retrying",
            &[
                (0, Attach),
                (0, Report),
                (1, Detach),
                (1, Report),
                (1, Attach),
                (1, Report),
                (2, Detach),
                (2, Report),
            ],
        ),
        (
            "a port that nobody answers ends the attempt",
            &[(0, Start), (3, Unanswered)],
            "retrying",
            &[(0, Attach), (0, Report), (3, Detach), (3, Report)],
        ),
        (
            "a late word about the port does not end one that sends",
            &[(0, Start), (1, Bytes(3000)), (3, Unanswered)],
            "connecting",
            &[(0, Attach), (0, Report)],
        ),
        (
            "what is not there to be sent is no failure",
            &[(0, Start), (9, Unfed), (12, Tick), (18, Tick)],
            "connecting",
            &[(0, Attach), (0, Report)],
        ),
        (
            "nor a stall, but nothing arrives",
            &[
                (0, Start),
                (1, Bytes(1)),
                (2, Bytes(2)),
                (4, Unfed),
                (5, Unfed),
                (9, Tick),
            ],
            "connecting",
            &[(0, Attach), (0, Report), (2, Report), (5, Report)],
        ),
        (
            "rejected: told at once",
            &[(0, Start), (1, Lost(Cause::Rejected))],
            "retrying",
            &[
                (0, Attach),
                (0, Report),
                (1, Detach),
                (1, Report),
                (1, Alert),
            ],
        ),
        (
            "stopped while waiting",
            &[(0, Start), (1, dead), (2, Stop), (9, Tick)],
            "idle",
            &[
                (0, Attach),
                (0, Report),
                (1, Detach),
                (1, Report),
                (2, Report),
            ],
        ),
        (
            "a late answer after stop",
            &[
                (0, Start),
                (1, Stop),
                (2, Answered),
                (3, Bytes(7)),
                (4, dead),
            ],
            "idle",
            &[(0, Attach), (0, Report), (1, Detach), (1, Report)],
        ),
        (
            "stalls",
            &[
                (0, Start),
                (1, Bytes(1)),
                (2, Bytes(2)),
                (6, Bytes(2)),
                (7, Tick),
            ],
            "retrying",
            &[
                (0, Attach),
                (0, Report),
                (2, Report),
                (7, Detach),
                (7, Report),
            ],
        ),
        (
            "a count that begins again is no stall",
            &[
                (0, Start),
                (1, Bytes(1)),
                (2, Bytes(900)),
                (4, Bytes(5)),
                (6, Bytes(9)),
                (10, Tick),
            ],
            "active",
            &[(0, Attach), (0, Report), (2, Report)],
        ),
        (
            "started twice",
            &[(0, Start), (1, Start)],
            "connecting",
            &[(0, Attach), (0, Report)],
        ),
    ] {
        let (state, all) = life(events);
        assert_eq!((state.name(), all.as_slice()), (name, effects), "{why}");
    }
}

/// Loses every attempt a second after it began, and gives the waits in between, the attempts that were
/// told to the operator and the state's name after each loss.
fn waits(cause: Cause, attempts: u32) -> (Vec<u64>, Vec<u32>, Vec<&'static str>) {
    let mut state = step(EgressState::Idle, Start, s(0)).0;
    let (mut now, mut all, mut alerts, mut names) = (0, Vec::new(), Vec::new(), Vec::new());
    for attempt in 1..=attempts {
        now += 1;
        let (lost, effects) = step(state, Lost(cause), s(now));
        if effects.contains(&Alert) {
            alerts.push(attempt);
        }
        names.push(lost.name());
        state = lost;
        let from = now;
        loop {
            let (next, effects) = step(state, Tick, s(now));
            state = next;
            if effects.contains(&Attach) {
                break;
            }
            now += 1;
        }
        all.push(now - from);
    }
    (all, alerts, names)
}

#[test]
fn the_first_retry_is_immediate_then_2_4_8_16_32_and_60_seconds_and_on_after_it_failed() {
    let (waited, alerts, names) = waits(Cause::Unreachable, 14);
    assert_eq!(waited, [0, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60]);
    assert_eq!(names[..10], ["retrying"; 10]);
    assert_eq!(names[10..], ["failed"; 4], "ten retries were in vain");
    assert_eq!(alerts, [11], "once an outage");
}

#[test]
fn a_rejected_key_alerts_at_once_and_keeps_to_the_schedule_without_calling_the_port() {
    let (waited, alerts, _) = waits(Cause::Rejected, 8);
    assert_eq!(waited, [2, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(alerts, [1]);
    let mut state = life(&[(0, Start), (1, Lost(Cause::Rejected))]).0;
    assert!(state.needs_attention());
    for now in 1..3 {
        let (next, effects) = step(state, Tick, s(now));
        assert!(!effects.contains(&Probe));
        state = next;
    }
}

#[test]
fn a_server_that_hangs_up_before_it_takes_anything_does_not_know_the_key() {
    let (state, effects) = life(&[(0, Start), (1, Bytes(0)), (2, Lost(Cause::Closed))]);
    assert_eq!(state.cause(), Some(Cause::Rejected));
    assert_eq!(effects.last(), Some(&(2, Alert)));
    // One that takes a little and hangs up may have been switched off; twice is its answer.
    let short = [
        (0, Start),
        (1, Bytes(1)),
        (2, Bytes(2)),
        (4, Lost(Cause::Closed)),
    ];
    let (state, _) = life(&short);
    assert_eq!(state.cause(), Some(Cause::Closed));
    let mut twice = short.to_vec();
    twice.extend([
        (4, Tick),
        (5, Bytes(1)),
        (6, Bytes(2)),
        (8, Lost(Cause::Closed)),
    ]);
    let (state, effects) = life(&twice);
    assert_eq!(state.cause(), Some(Cause::Rejected));
    assert_eq!(effects.last(), Some(&(8, Alert)));
}

/// On air for six seconds: its key is good.
fn proved(plan: EgressPlan) -> EgressState {
    let mut state = step(EgressState::Idle, StartWith(plan), s(0)).0;
    for second in 1..=8 {
        state = step(state, Bytes(second * 1000), s(second)).0;
    }
    assert!(state.is_active() && state.record().is_some_and(|record| record.taken));
    state
}

#[test]
fn a_key_that_was_good_is_not_called_bad_while_the_platform_may_still_hold_the_old_connection() {
    let mut state = step(proved(PLAN), Lost(Cause::Stalled), s(20)).0;
    let mut seen = Vec::new();
    let mut now = 20;
    for _ in 0..3 {
        while state.name() != "connecting" {
            state = step(state, Tick, s(now)).0;
            now += u64::from(state.name() != "connecting");
        }
        let (next, effects) = step(state, Lost(Cause::Closed), s(now));
        seen.push((next.cause(), effects.contains(&Alert)));
        state = next;
    }
    assert_eq!(
        seen,
        [
            (Some(Cause::Closed), false),
            (Some(Cause::Closed), false),
            (Some(Cause::Rejected), true)
        ]
    );
}

#[test]
fn a_server_that_was_away_is_found_within_three_seconds_of_its_return_however_long_it_was_away() {
    for back_at in [5, 31, 130, 700, 3601] {
        let mut state = step(EgressState::Idle, Start, s(0)).0;
        let mut found = None;
        for now in 1..back_at + 20 {
            if state.name() == "connecting" {
                if now > back_at {
                    found = Some(now);
                    break;
                }
                state = step(state, Lost(Cause::Unreachable), s(now)).0;
            }
            let (next, effects) = step(state, Tick, s(now));
            state = next;
            if effects.contains(&Probe) && now >= back_at {
                state = step(state, Answered, s(now)).0;
            }
        }
        let found = found.unwrap_or_else(|| panic!("never found again: {back_at}"));
        assert!(found <= back_at + 3, "{back_at}: {found}");
    }
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_called_again_within_twelve_seconds() {
    // Stopped: its port answers, the attempt does not get on.
    let mut state = step(proved(PLAN), Lost(Cause::Stalled), s(20)).0;
    let mut attempts = Vec::new();
    for now in 20..140 {
        let (next, effects) = step(state, Tick, s(now));
        state = next;
        attempts.extend(effects.contains(&Attach).then_some(now));
        if effects.contains(&Probe) {
            let (next, effects) = step(state, Answered, s(now));
            state = next;
            attempts.extend(effects.contains(&Attach).then_some(now));
        }
    }
    for pair in attempts.windows(2) {
        assert!(pair[1] - pair[0] <= 12, "{attempts:?}");
    }
}

#[test]
fn a_minute_on_air_wipes_the_record_and_less_does_not() {
    for (held, failures) in [(59, 2), (61, 1)] {
        let mut state = life(&[
            (0, Start),
            (1, Lost(Cause::Unreachable)),
            (3, Tick),
            (4, Bytes(1)),
            (5, Bytes(2)),
        ])
        .0;
        assert!(state.is_active() && state.failures() == 1);
        for second in 1..=held {
            state = step(state, Bytes(2 + second), s(5 + second)).0;
        }
        state = step(state, Lost(Cause::Closed), s(5 + held)).0;
        assert_eq!(state.failures(), failures, "{held} s");
        assert_eq!(state.cause(), Some(Cause::Closed));
    }
}

/// The addresses that are tried when every attempt fails.
fn sides(mut state: EgressState, from: u64, attempts: usize) -> Vec<Side> {
    let mut tried = Vec::new();
    let mut now = from;
    while tried.len() < attempts {
        let (next, effects) = step(state, Tick, s(now));
        state = next;
        for effect in effects {
            if let AttachTo(side) = effect {
                tried.push(side);
                state = step(state, Lost(Cause::Tls), s(now)).0;
            }
        }
        now += 1;
    }
    tried
}

#[test]
fn after_two_failures_in_a_row_the_other_address_is_tried_and_so_on_in_turn() {
    use Side::{Backup, Primary};
    let first = step(
        step(EgressState::Idle, StartWith(TWO), s(0)).0,
        Lost(Cause::Tls),
        s(0),
    )
    .0;
    assert_eq!(
        sides(first, 0, 6),
        [Primary, Backup, Backup, Primary, Primary, Backup]
    );
    let alone = step(
        step(EgressState::Idle, Start, s(0)).0,
        Lost(Cause::Tls),
        s(0),
    )
    .0;
    assert_eq!(sides(alone, 0, 5), [Primary; 5]);
}

#[test]
fn a_reconnect_from_the_backup_goes_to_the_primary_first_and_once_only() {
    use Side::{Backup, Primary};
    let mut state = step(EgressState::Idle, StartWith(TWO), s(0)).0;
    state = step(state, Lost(Cause::Unreachable), s(0)).0;
    state = step(state, Tick, s(0)).0;
    state = step(state, Lost(Cause::Unreachable), s(0)).0;
    state = step(state, Tick, s(0)).0;
    assert_eq!(
        (state.name(), state.side()),
        ("connecting", Backup),
        "another server is not waited for"
    );
    for second in 3..100 {
        state = step(state, Bytes(second), s(second)).0;
    }
    assert_eq!(
        (state.name(), state.side()),
        ("active", Backup),
        "a connection that is good is left alone"
    );
    state = step(state, Lost(Cause::Closed), s(100)).0;
    assert_eq!(sides(state, 100, 4), [Primary, Backup, Backup, Primary]);
}

#[test]
fn the_address_that_answers_first_ends_the_wait() {
    let mut state = step(EgressState::Idle, StartWith(TWO), s(0)).0;
    for now in [0, 0, 2, 6] {
        state = step(state, Tick, s(now)).0;
        state = step(state, Lost(Cause::Unreachable), s(now)).0;
    }
    for side in [Side::Primary, Side::Backup] {
        let (next, effects) = step(state, AnsweredAt(side), s(8));
        assert_eq!(effects, [AttachTo(side), Report]);
        assert_eq!(next.side(), side);
    }
}

#[test]
fn webrtc_is_given_the_time_to_fail_by_itself() {
    let plan = EgressPlan {
        connect_limit: WEBRTC_LIMIT,
        ..PLAN
    };
    let state = step(EgressState::Idle, StartWith(plan), s(0)).0;
    assert_eq!(step(state, Tick, s(24)).0.name(), "connecting");
    assert_eq!(step(state, Tick, s(25)).0.name(), "retrying");
}

proptest! {
    #[test]
    fn a_path_is_attached_exactly_while_it_is_connecting_or_active(
        events in prop::collection::vec((0_u64..40, 0_u8..10, 0_u64..9), 0..200), backup: bool,
    ) {
        let (mut state, mut attached, mut now) = (EgressState::Idle, false, 0);
        let causes = [Cause::Unreachable, Cause::Rejected, Cause::Tls, Cause::Closed, Cause::Stalled];
        for (pause, kind, number) in events {
            now += pause;
            let event = match kind {
                0 => StartWith(if backup { TWO } else { PLAN }),
                1 if number == 0 => Stop,
                2 => Lost(causes[number as usize % causes.len()]),
                3 => AnsweredAt(if backup && number % 2 == 0 { Side::Backup } else { Side::Primary }),
                4 | 5 => Bytes(number),
                6 => Unanswered,
                7 => Unfed,
                _ => Tick,
            };
            let (next, effects) = step(state, event, s(now));
            for effect in effects {
                match effect {
                    AttachTo(side) => {
                        prop_assert!(!attached, "two connections with one key");
                        prop_assert_eq!(side, next.side());
                        prop_assert!(backup || side == Side::Primary);
                        attached = true;
                    }
                    Detach => { prop_assert!(attached); attached = false; }
                    Probe => prop_assert!(!attached),
                    Report => prop_assert!(next.name() != state.name()),
                    Alert => prop_assert!(next.cause().is_some() && next.needs_attention()),
                }
            }
            state = next;
            prop_assert_eq!(attached, matches!(state.name(), "connecting" | "active"));
        }
    }
}
