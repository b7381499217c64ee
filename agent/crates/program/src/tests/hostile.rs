//! Whatever is asked and whatever the inputs do: never a picture that is not there, never too slow a
//! step down, never a return too early.

use super::*;
use proptest::prelude::*;

const ALL: [InputId; 6] = [A, B, BACKUP, SHOW_BACKUP, SLATE, PATTERN];

fn state() -> impl Strategy<Value = InputState> {
    prop_oneof![
        Just(InputState::Absent),
        Just(InputState::Fresh),
        Just(InputState::Held),
        Just(InputState::Lost),
    ]
}

fn any_take() -> impl Strategy<Value = Take> {
    let audio = prop_oneof![
        Just(AudioPolicy::Passthrough),
        Just(AudioPolicy::Silence),
        Just(AudioPolicy::Mix),
    ];
    let origin = prop::option::of(-1000_i64..1000);
    (0..ALL.len(), audio, origin, any::<bool>()).prop_map(|(i, audio, origin, live)| Take {
        shot: Shot {
            input: ALL[i],
            origin,
        },
        audio,
        live,
    })
}

fn any_ask() -> impl Strategy<Value = Ask> {
    let entering = (prop::option::of(any_take()), any::<bool>(), 0_u16..400).prop_map(
        |(from, wipe, progress)| Entering {
            from,
            kind: if wipe {
                Transition::Wipe
            } else {
                Transition::Mix
            },
            progress,
        },
    );
    (
        any_take(),
        prop::option::of(entering),
        [prop::option::of(any_take()), prop::option::of(any_take())],
        prop::option::of(any_take()),
        any::<bool>(),
    )
        .prop_map(|(to, entering, backups, fallback, paused)| Ask {
            to,
            entering,
            backups,
            fallback,
            paused,
        })
}

fn of_fixed_size<T: Copy>(_: &T) {}

proptest! {
    #[test]
    fn nothing_is_ever_shown_that_has_no_picture_while_the_pattern_has_one(
        steps in prop::collection::vec((any_ask(), 0..5_usize, state(), 1_u64..100), 1..200)
    ) {
        let inputs = Inputs::fresh(&[]);
        let mut bus = bus();
        of_fixed_size(&bus);
        let mut n = 0;
        for (ask, input, state, gap) in steps {
            inputs.set(ALL[input], state);
            n += gap;
            let plan = bus.plan(n, &ask, &inputs);
            let (to, from) = shown(&plan);
            prop_assert!(inputs.state(to) != InputState::Absent);
            if let Some((from, progress)) = from {
                prop_assert!(inputs.state(from) != InputState::Absent);
                prop_assert!(from != to && progress <= 256);
            }
            for feed in plan.feeds() {
                prop_assert!((0.0..=1.0).contains(&feed.gain));
            }
            let air = bus.on_air().unwrap();
            prop_assert_eq!(air.asked, ask.to.shot.input);
            prop_assert!(air.since <= n);
        }
    }

    #[test]
    fn a_lost_camera_is_off_at_once_and_back_only_when_it_may_be(
        states in prop::collection::vec((state(), 1_u64..120), 1..60)
    ) {
        let inputs = Inputs::fresh(&[]);
        let mut bus = bus();
        let (mut healthy, mut left, mut was) = (0_u64, None, false);
        let mut n = 0;
        for (state, frames) in states {
            inputs.set(A, state);
            for _ in 0..frames {
                let good = matches!(state, InputState::Fresh | InputState::Held);
                let on = shown(&bus.plan(n, &Ask::only(take(A)), &inputs)).0 == A;
                prop_assert!(good || !on);
                if was && !on {
                    left = Some(n);
                }
                if on && !was && let Some(left) = left {
                    prop_assert!(n - left >= 300 && healthy >= 60);
                }
                healthy = if good { healthy + 1 } else { 0 };
                (was, n) = (on, n + 1);
            }
        }
    }
}
