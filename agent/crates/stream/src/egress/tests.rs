//! The table, and whole outages second by second.

use super::EgressEffect::{Alert, Attach, Detach, Probe, Report};
use super::EgressEvent::{Answered, Bytes, Lost, Start, Stop, Tick};
use super::*;
use proptest::prelude::*;

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
    let dead = Lost(Cause::Closed);
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
            "lost and waiting",
            &[(0, Start), (1, dead), (2, Tick)],
            "retrying",
            &[(0, Attach), (0, Report), (1, Detach), (1, Report)],
        ),
        (
            "tried again when due",
            &[(0, Start), (1, dead), (3, Tick)],
            "connecting",
            &[
                (0, Attach),
                (0, Report),
                (1, Detach),
                (1, Report),
                (3, Attach),
                (3, Report),
            ],
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

#[test]
fn it_waits_2_4_8_16_32_and_then_60_seconds_and_goes_on_after_it_failed() {
    let mut state = step(EgressState::Idle, Start, s(0)).0;
    let mut now = 0;
    let mut waits = Vec::new();
    let mut alerts = Vec::new();
    for attempt in 1..=14 {
        let (lost, effects) = step(state, Lost(Cause::Closed), s(now));
        if effects.contains(&Alert) {
            alerts.push(attempt);
        }
        assert_eq!(
            lost.name(),
            if attempt > 10 { "failed" } else { "retrying" }
        );
        state = lost;
        let from = now;
        while state.name() != "connecting" {
            now += 1;
            let (next, effects) = step(state, Tick, s(now));
            assert!(
                !effects.contains(&Probe),
                "a server that hangs up is not called each 2 s"
            );
            state = next;
        }
        waits.push(now - from);
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60, 60]);
    assert_eq!(alerts, [11], "once an outage");
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
fn a_minute_on_air_wipes_the_record_and_less_does_not() {
    for (held, failures) in [(59, 2), (61, 1)] {
        let mut state = life(&[
            (0, Start),
            (1, Lost(Cause::Closed)),
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

#[test]
fn the_media_servers_words_are_read_as_causes() {
    for (text, cause) in [
        (
            "dial tcp 127.0.0.1:1935: connect: connection refused",
            Cause::Unreachable,
        ),
        (
            "dial tcp: lookup nowhere.example: no such host",
            Cause::Unreachable,
        ),
        ("dial tcp 10.0.0.1:1935: i/o timeout", Cause::Unreachable),
        (
            "bad result: &{3 _error 4 0 [<nil> map[code:NetStream.Publish.BadName]]}",
            Cause::Rejected,
        ),
        ("credentials are required", Cause::Rejected),
        ("authentication error", Cause::Rejected),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            Cause::Tls,
        ),
        ("EOF", Cause::Closed),
        (
            "write tcp 1.2.3.4:5->1.2.3.4:6: write: broken pipe",
            Cause::Closed,
        ),
        (
            "write tcp 1.2.3.4:5->1.2.3.4:6: i/o timeout",
            Cause::Stalled,
        ),
        ("", Cause::Closed),
    ] {
        assert_eq!(classify(text), cause, "{text}");
        assert!(cause.message().ends_with('.'));
    }
}

proptest! {
    #[test]
    fn a_path_is_attached_exactly_while_it_is_connecting_or_active(
        events in prop::collection::vec((0_u64..40, 0_u8..7, 0_u64..9), 0..200)
    ) {
        let (mut state, mut attached, mut now) = (EgressState::Idle, false, 0);
        let causes = [Cause::Unreachable, Cause::Rejected, Cause::Tls, Cause::Closed, Cause::Stalled];
        for (pause, kind, number) in events {
            now += pause;
            let event = match kind {
                0 => Start,
                1 if number == 0 => Stop,
                2 => Lost(causes[number as usize % causes.len()]),
                3 => Answered,
                4 | 5 => Bytes(number),
                _ => Tick,
            };
            let (next, effects) = step(state, event, s(now));
            for effect in effects {
                match effect {
                    Attach => { prop_assert!(!attached); attached = true; }
                    Detach => { prop_assert!(attached); attached = false; }
                    Probe => prop_assert!(!attached),
                    Report => prop_assert!(next.name() != state.name()),
                    Alert => prop_assert!(next.cause().is_some()),
                }
            }
            state = next;
            prop_assert_eq!(attached, matches!(state.name(), "connecting" | "active"));
        }
    }
}
