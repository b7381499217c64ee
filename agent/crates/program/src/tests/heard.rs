//! The sound.

use super::*;

fn with(input: InputId, audio: AudioPolicy) -> Take {
    Take {
        audio,
        ..take(input)
    }
}

#[test]
fn each_policy_is_heard_as_it_says() {
    use AudioPolicy::{Mix, Passthrough, Silence};
    for (before, after, expected) in [
        (Passthrough, Passthrough, &[(B, 1.0)][..]),
        (Passthrough, Silence, &[]),
        (Passthrough, Mix, &[(A, 1.0), (B, 1.0)]),
        (Silence, Mix, &[(B, 1.0)]),
        (Mix, Mix, &[(B, 1.0)]),
    ] {
        let inputs = Inputs::fresh(&[A, B]);
        let mut bus = bus();
        bus.plan(0, &Ask::only(with(A, before)), &inputs);
        let plan = bus.plan(1, &Ask::only(with(B, after)), &inputs);
        assert_eq!(sounds(&plan), expected, "{before:?} {after:?}");
    }
}

#[test]
fn a_crossfade_keeps_the_power() {
    let inputs = Inputs::fresh(&[A, B]);
    let mut bus = bus();
    bus.plan(0, &Ask::only(take(A)), &inputs);
    for progress in 1..=255 {
        let plan = bus.plan(1, &fade(take(A), take(B), progress), &inputs);
        let [(_, from), (_, to)] = sounds(&plan)[..] else {
            panic!("{plan:?}");
        };
        assert!((from * from + to * to - 1.0).abs() < 1e-5);
        assert_eq!(progress > 128, to > from, "{progress}");
    }
}

#[test]
fn a_bed_stays_as_loud_as_it_is_while_another_comes_over_it() {
    let inputs = Inputs::fresh(&[A, B, SLATE]);
    let mut bus = bus();
    bus.plan(0, &Ask::only(take(A)), &inputs);
    let over = with(B, AudioPolicy::Mix);
    let plan = bus.plan(1, &fade(take(A), over, 64), &inputs);
    let quiet = (64.0_f32 / 256.0 * std::f32::consts::FRAC_PI_2).sin();
    assert_eq!(sounds(&plan), [(A, 1.0), (B, quiet)]);
    let second = with(SLATE, AudioPolicy::Mix);
    let plan = bus.plan(2, &Ask::only(second), &inputs);
    assert_eq!(
        sounds(&plan),
        [(A, 1.0), (SLATE, 1.0)],
        "the same bed under the next"
    );
    let plan = bus.plan(3, &fade(second, take(B), 255), &inputs);
    assert_eq!(sounds(&plan).len(), 3);
    let plan = bus.plan(4, &Ask::only(take(B)), &inputs);
    assert_eq!(sounds(&plan), [(B, 1.0)]);
}

#[test]
fn what_stands_in_is_heard_by_its_own_policy_and_the_pattern_is_silent() {
    let inputs = Inputs::fresh(&[A, BACKUP]);
    let mut bus = bus();
    let ask = Ask {
        backups: [Some(take(BACKUP)), None],
        ..Ask::only(take(A))
    };
    inputs.set(A, InputState::Held);
    assert_eq!(sounds(&bus.plan(0, &ask, &inputs)), [(A, 1.0)]);
    inputs.set(A, InputState::Lost);
    assert_eq!(sounds(&bus.plan(1, &ask, &inputs)), [(BACKUP, 1.0)]);
    inputs.set(BACKUP, InputState::Lost);
    assert_eq!(sounds(&bus.plan(2, &ask, &inputs)), []);
}

#[test]
fn what_stays_while_another_is_awaited_is_heard() {
    let inputs = Inputs::fresh(&[A]);
    let mut bus = bus();
    bus.plan(0, &Ask::only(take(A)), &inputs);
    assert_eq!(
        sounds(&bus.plan(1, &Ask::only(take(B)), &inputs)),
        [(A, 1.0)]
    );
}

#[test]
fn a_pause_silences_films_and_leaves_cameras() {
    let inputs = Inputs::fresh(&[A, B]);
    let film = Take {
        shot: Shot {
            input: B,
            origin: Some(0),
        },
        live: false,
        ..take(B)
    };
    for (source, heard) in [(take(A), 1), (film, 0)] {
        let ask = Ask {
            paused: true,
            ..Ask::only(source)
        };
        assert_eq!(bus().plan(0, &ask, &inputs).feeds().len(), heard);
    }
}
