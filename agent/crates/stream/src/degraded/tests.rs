//! Degraded mode against tables and random weather.

use super::*;
use proptest::prelude::*;

const RULES: Rules = Rules {
    cpu: true,
    network: true,
    encoder: true,
    cpu_high: 90,
    cpu_low: 75,
    enter: Duration::from_secs(5),
    cpu_enter: Duration::from_secs(10),
    check: Duration::from_secs(30),
};

const fn cpu(percent: u8) -> Seen {
    Seen {
        cpu_percent: Some(percent),
        late: false,
        overloaded: false,
        destinations: 0,
        weak: 0,
    }
}

const fn uplink(destinations: u32, weak: u32) -> Seen {
    Seen {
        destinations,
        weak,
        ..cpu(20)
    }
}

const OVERLOADED: Seen = Seen {
    overloaded: true,
    ..cpu(20)
};

/// Observes the same once a second; gives each step with the second in which it was made.
fn watch(
    rules: &Rules,
    state: &mut State,
    at: &mut u64,
    seconds: u64,
    seen: &Seen,
) -> Vec<(u64, Change)> {
    let mut changes = Vec::new();
    let first = *at;
    for _ in 0..seconds {
        let (next, change) = observe(rules, *state, seen, Duration::from_secs(*at));
        *state = next;
        changes.extend(change.map(|change| (*at - first, change)));
        *at += 1;
    }
    changes
}

#[test]
fn a_busy_machine_loses_frames_step_by_step_and_gets_them_back_the_same_way() {
    let (mut state, mut at) = (State::default(), 0);
    let changes = watch(&RULES, &mut state, &mut at, 60, &cpu(97));
    let made: Vec<_> = changes
        .iter()
        .map(|(second, change)| (*second, change.reason, change.quality.every))
        .collect();
    assert_eq!(made, [(10, Reason::HighCpu, 2), (20, Reason::HighCpu, 3)]);
    assert_eq!(state.reasons().collect::<Vec<_>>(), [Reason::HighCpu]);
    let changes = watch(&RULES, &mut state, &mut at, 90, &cpu(30));
    let made: Vec<_> = changes
        .iter()
        .map(|(second, change)| (*second, change.down, change.quality.every))
        .collect();
    assert_eq!(made, [(29, false, 2), (59, false, 1)]);
    assert_eq!(state.reasons().count(), 0);
}

#[test]
fn a_short_peak_and_a_load_between_the_marks_change_nothing() {
    let (mut state, mut at) = (State::default(), 0);
    for _ in 0..20 {
        assert_eq!(watch(&RULES, &mut state, &mut at, 9, &cpu(99)), []);
        assert_eq!(watch(&RULES, &mut state, &mut at, 9, &cpu(80)), []);
    }
    assert!(!watch(&RULES, &mut state, &mut at, 12, &cpu(99)).is_empty());
    // Between the marks a step is kept, for as long as it takes.
    assert_eq!(watch(&RULES, &mut state, &mut at, 600, &cpu(80)), []);
    assert_eq!(state.level(Reason::HighCpu), 1);
}

#[test]
fn by_the_settings_that_are_shipped_nothing_short_of_twenty_bad_seconds_lowers_the_picture() {
    let rules = Rules::default();
    let (mut state, mut at) = (State::default(), 0);
    let worst = Seen {
        late: true,
        ..cpu(100)
    };
    // Half of all seconds are bad, in spells of up to nineteen.
    for spell in 1..20 {
        assert_eq!(watch(&rules, &mut state, &mut at, spell, &worst), []);
        assert_eq!(watch(&rules, &mut state, &mut at, spell, &cpu(80)), []);
    }
    // One frame that the encoder did not take, each third second.
    for _ in 0..100 {
        assert_eq!(watch(&rules, &mut state, &mut at, 1, &OVERLOADED), []);
        assert_eq!(watch(&rules, &mut state, &mut at, 2, &cpu(80)), []);
    }
    assert_eq!(watch(&rules, &mut state, &mut at, 21, &worst).len(), 1);
}

#[test]
fn a_mixer_that_is_late_on_an_idle_machine_is_not_helped_by_fewer_frames() {
    let (mut state, mut at) = (State::default(), 0);
    let late = |percent| Seen {
        late: true,
        ..cpu(percent)
    };
    assert_eq!(watch(&RULES, &mut state, &mut at, 300, &late(40)), []);
    assert_eq!(watch(&RULES, &mut state, &mut at, 12, &late(80)).len(), 1);
}

#[test]
fn the_bit_rate_goes_down_by_twenty_percent_to_its_floor_only_when_every_destination_suffers() {
    let (mut state, mut at) = (State::default(), 0);
    assert_eq!(watch(&RULES, &mut state, &mut at, 120, &uplink(3, 2)), []);
    let changes = watch(&RULES, &mut state, &mut at, 120, &uplink(3, 3));
    let rates: Vec<u8> = changes
        .iter()
        .map(|(_, change)| change.quality.bitrate_percent)
        .collect();
    assert_eq!(rates, [80, 60, 50]);
    let changes = watch(&RULES, &mut state, &mut at, 120, &uplink(3, 0));
    let rates: Vec<u8> = changes
        .iter()
        .map(|(_, change)| change.quality.bitrate_percent)
        .collect();
    assert_eq!(rates, [60, 80, 100]);
}

#[test]
fn an_overloaded_encoder_loses_the_graphics_and_then_the_picture_is_lowered() {
    let (mut state, mut at) = (State::default(), 0);
    let changes = watch(&RULES, &mut state, &mut at, 60, &OVERLOADED);
    let reasons: Vec<_> = changes.iter().map(|(_, change)| change.reason).collect();
    assert_eq!(
        reasons,
        [Reason::EncoderOverload, Reason::HighCpu, Reason::HighCpu]
    );
    assert!(!state.quality().graphics);
    let changes = watch(&RULES, &mut state, &mut at, 120, &cpu(20));
    let graphics: Vec<_> = changes
        .iter()
        .map(|(_, change)| change.quality.graphics)
        .collect();
    assert_eq!(graphics, [true, true, true], "the graphics come back first");
}

#[test]
fn a_step_that_was_given_back_too_early_waits_longer_each_time() {
    let (mut state, mut at) = (State::default(), 0);
    let mut waits = Vec::new();
    for _ in 0..6 {
        // Full quality is too much for the machine; the first step down is enough.
        let changes = watch(&RULES, &mut state, &mut at, 11, &cpu(95));
        assert_eq!(changes.len(), 1, "{changes:?}");
        let mut waited = 0;
        while state.level(Reason::HighCpu) > 0 {
            let _ = watch(&RULES, &mut state, &mut at, 1, &cpu(60));
            waited += 1;
        }
        waits.push(waited);
    }
    assert_eq!(waits, [30, 60, 120, 240, 240, 240]);
    // A long good time makes up for it.
    let _ = watch(&RULES, &mut state, &mut at, 120, &cpu(60));
    let _ = watch(&RULES, &mut state, &mut at, 11, &cpu(95));
    let changes = watch(&RULES, &mut state, &mut at, 60, &cpu(60));
    assert_eq!(changes.len(), 1);
}

#[test]
fn a_reason_that_is_switched_off_never_leads_to_a_step() {
    let rules = Rules {
        cpu: false,
        network: false,
        encoder: false,
        ..RULES
    };
    let (mut state, mut at) = (State::default(), 0);
    let worst = Seen {
        cpu_percent: Some(100),
        late: true,
        overloaded: true,
        destinations: 1,
        weak: 1,
    };
    assert_eq!(watch(&rules, &mut state, &mut at, 300, &worst), []);
}

#[test]
fn an_operator_holds_full_quality_and_is_still_told_of_the_trouble() {
    let (mut state, mut at) = (State::default(), 0);
    let _ = watch(&RULES, &mut state, &mut at, 20, &cpu(99));
    assert_ne!(state.quality(), State::default().quality());
    state = state.hold(true);
    assert_eq!(state.quality(), State::default().quality());
    assert_eq!(watch(&RULES, &mut state, &mut at, 300, &cpu(99)), []);
    assert_eq!(
        state.troubles(&RULES).collect::<Vec<_>>(),
        [Reason::HighCpu]
    );
    state = state.hold(false);
    assert_eq!(watch(&RULES, &mut state, &mut at, 12, &cpu(99)).len(), 1);
}

fn weather() -> impl Strategy<Value = (Seen, u64)> {
    let seen = (
        proptest::option::of(0..=100u8),
        any::<bool>(),
        any::<bool>(),
        0..4u32,
        0..4u32,
    );
    // From an eighth of a second to a pause that no observer should make.
    let ms = prop_oneof![Just(125u64), Just(1000), Just(1100), 1u64..20_000];
    (seen, ms).prop_map(
        |((cpu_percent, late, overloaded, destinations, weak), ms)| {
            let seen = Seen {
                cpu_percent,
                late,
                overloaded,
                destinations,
                weak: weak.min(destinations),
            };
            (seen, ms)
        },
    )
}

fn steps(a: &State, b: &State) -> u32 {
    Reason::ALL
        .into_iter()
        .map(|reason| u32::from(a.level(reason).abs_diff(b.level(reason))))
        .sum()
}

proptest! {
    #[test]
    fn whatever_happens_steps_come_one_by_one_and_apart_and_end_at_the_floor(
        spells in proptest::collection::vec((weather(), 1..40usize), 1..60),
    ) {
        let mut state = State::default();
        let mut now = Duration::ZERO;
        let mut last: Option<Duration> = None;
        for ((seen, ms), times) in spells {
            for _ in 0..times {
                now += Duration::from_millis(ms);
                let (next, change) = observe(&RULES, state, &seen, now);
                prop_assert_eq!(steps(&state, &next), u32::from(change.is_some()));
                let quality = next.quality();
                prop_assert!(quality.bitrate_percent >= 50);
                prop_assert!(quality.every <= 3);
                if let Some(change) = change {
                    prop_assert_eq!(change.quality, quality);
                    // A pause of the observer counts as two seconds of it, so observations that far
                    // apart are the least that can lie between two steps.
                    if let Some(last) = last {
                        let least = if change.down { RULES.enter } else { RULES.check };
                        prop_assert!(now - last >= least, "{:?} after {:?}", change, now - last);
                    }
                    last = Some(now);
                }
                state = next;
            }
        }
        // Whatever it was, it comes back to normal when all is well for long enough.
        for _ in 0..RULES.check.as_secs() * u64::from(PATIENCE) * 7 {
            now += Duration::from_secs(1);
            (state, _) = observe(&RULES, state, &cpu(10), now);
        }
        prop_assert_eq!(state.quality(), State::default().quality());
    }
}
