//! What is observed, and what is said about it.

use super::*;
use model::FrameRate;
use stream::Rules;

fn keeper() -> Keeper {
    Keeper::new(DegradedConfig {
        rules: Rules::default(),
        banner: Duration::from_secs(10),
    })
}

#[test]
fn a_weak_destination_that_is_lost_is_still_weak_until_it_is_well_or_given_up() {
    use DestinationState::{Active, Failed, Retrying};
    let mut keeper = keeper();
    let ids = ["a", "b"].map(|id| DestinationId::parse(id).unwrap());
    for (a, b, judged, weak) in [
        ((Active, false), (Active, false), 2, 0),
        ((Active, true), (Active, false), 2, 1),
        ((Retrying, false), (Active, true), 2, 2),
        ((Active, false), (Retrying, false), 2, 1),
        ((Active, false), (Failed, false), 1, 0),
        // One that is lost without having been weak says nothing about the network.
        ((Active, false), (Retrying, false), 1, 0),
    ] {
        let list = [(&ids[0], a.0, a.1), (&ids[1], b.0, b.1)];
        assert_eq!(keeper.weigh(list.into_iter()), judged, "{a:?} {b:?}");
        assert_eq!(keeper.weak.len(), weak, "{a:?} {b:?}");
    }
}

#[test]
fn drops_of_an_encoder_count_only_while_it_is_the_same_one() {
    let counters = |drops: &[(u32, u64)]| Counters {
        late: 0,
        drops: drops.to_vec(),
    };
    let before = counters(&[(10, 5), (11, 0)]);
    for (now, overloaded) in [
        (counters(&[(10, 5), (11, 0)]), false),
        (counters(&[(10, 6), (11, 0)]), true),
        (counters(&[(12, 9), (11, 0)]), false),
        (counters(&[]), false),
    ] {
        assert_eq!(now.overloaded_since(&before), overloaded, "{now:?}");
    }
}

#[test]
fn the_message_says_what_is_given_up_and_the_weak_destination_that_nothing_is_lowered_for() {
    let rules = Rules::default();
    let mut state = Degraded::default();
    let weak = ["Main channel".to_owned()];
    let said = words::message(&state, &[], &weak, FrameRate::THIRTY);
    assert_eq!(
        said,
        "Full quality. Main channel does not take all of the program; nothing is lowered for it."
    );
    let busy = Seen {
        cpu_percent: Some(99),
        ..Seen::default()
    };
    for second in 0..25 {
        (state, _) = observe(&rules, state, &busy, Duration::from_secs(second));
    }
    let said = words::message(&state, &[], &[], FrameRate::THIRTY);
    assert!(said.contains("15 frames"), "{said}");
    let held = state.hold(true);
    let said = words::message(&held, &[Reason::HighCpu], &[], FrameRate::THIRTY);
    assert!(
        said.contains("held by the operator") && said.contains("too busy"),
        "{said}"
    );
}

#[test]
fn every_notice_can_be_drawn_in_the_upper_left_part_of_the_smallest_program() {
    let studio = overlay::Studio::new().unwrap();
    let size = model::Size::new(854, 480).unwrap();
    for reason in Reason::ALL {
        let raster = studio.render(&words::banner(reason), size, None).unwrap();
        assert!(raster.x >= 0 && raster.y >= 0, "{reason:?}");
        assert!(raster.x < 60 && raster.y < 40, "{reason:?}");
        assert!(raster.width < 480 && raster.height < 80, "{reason:?}");
    }
}
