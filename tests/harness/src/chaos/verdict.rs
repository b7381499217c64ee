//! Limits of what a viewer may see of a fault, and which of the program's clocks say something.
//!
//! Pure: what was told and measured comes in, what is more than may be comes out.

use super::excuse::Told;
use super::run::Spare;
use super::trouble::Trouble;
use crate::judge::{Clock, Wrong};

/// A stream that was read for less says nothing about its clock: two windows of arrivals are compared.
const CLOCK_READ_S: f64 = 20.0;
/// Of less than one window nothing is compared.
const CLOCK_WINDOW_S: f64 = 10.0;

/// The program's clocks that say something, each with how many times the stream was there: those of
/// streams that were read for long enough, and where there is none, all of them as one, if that is.
pub(super) fn judged_clocks(all: &[Clock]) -> Vec<(Clock, u32)> {
    let long = all.iter().filter(|clock| clock.seconds > CLOCK_READ_S);
    let long: Vec<(Clock, u32)> = long.map(|clock| (*clock, 1)).collect();
    if !long.is_empty() {
        return long;
    }
    let add = |(sum, streams): (Clock, u32), one: &Clock| {
        let sum = Clock {
            frames: sum.frames + one.frames,
            missing: sum.missing + one.missing,
            due: sum.due + one.due,
            seconds: sum.seconds + one.seconds,
        };
        (sum, streams + 1)
    };
    let sum = all.iter().fold((Clock::default(), 0), add);
    let compared = all.iter().any(|clock| clock.seconds > CLOCK_WINDOW_S);
    if compared && sum.0.seconds > CLOCK_READ_S {
        vec![sum]
    } else {
        Vec::new()
    }
}

/// What of a fault's incidents is more than may be.
pub(super) fn beyond(trouble: Trouble, told: &[Told], spare: Spare) -> Vec<String> {
    let allowed = trouble.allowed().times(spare.slow);
    // The longest of those that are longer than `may_be`, and than what stood still explains.
    let longest = |wrongs: &[Wrong], may_be: f64| {
        let over = told.iter().filter(|told| {
            let most = may_be.max(told.excused_ms(spare.step_ms));
            wrongs.contains(&told.incident.wrong) && told.incident.ms > most
        });
        let ms = over.map(|told| told.incident.ms);
        ms.max_by(f64::total_cmp)
    };
    let mut beyond = Vec::new();
    let held = allowed.held.as_secs_f64() * 1000.0 + 1.0;
    if let Some(ms) = longest(&[Wrong::Held], held) {
        beyond.push(format!(
            "picture held for {ms:.0} ms, {} ms allowed",
            allowed.held.as_millis()
        ));
    }
    let incidents = told.iter().map(|told| &told.incident);
    let black = incidents.filter(|one| one.wrong == Wrong::Black);
    let black: u64 = black.map(|one| one.frames).sum();
    if black > 0 {
        beyond.push(format!("{black} black frames"));
    }
    let still = if allowed.still { f64::MAX } else { 0.0 };
    if let Some(ms) = longest(&[Wrong::Still], still) {
        beyond.push(format!("a still picture for {ms:.0} ms"));
    }
    let any_machine = if spare.frames > 0 { spare.step_ms } else { 0.0 };
    let may_be = (allowed.gap.as_secs_f64() * 1000.0).max(any_machine);
    if let Some(ms) = longest(&[Wrong::Gap, Wrong::Outage], may_be) {
        beyond.push(format!(
            "program missing for {ms:.0} ms, {may_be:.0} ms allowed"
        ));
    }
    beyond
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Incident;
    use crate::standstills::Allowance;
    use std::time::Duration;

    fn clock(seconds: f64) -> Clock {
        Clock {
            frames: (seconds * 30.0) as u64,
            missing: 0,
            due: seconds * 30.0,
            seconds,
        }
    }

    #[test]
    fn a_stream_that_was_read_twice_is_measured_over_both() {
        assert_eq!(judged_clocks(&[clock(3.0), clock(25.0)]).len(), 1);
        let both = judged_clocks(&[clock(12.0), clock(15.0)]);
        assert_eq!((both[0].0.frames, both[0].1), (810, 2));
        assert!(judged_clocks(&[clock(8.0), clock(11.0)]).is_empty());
        assert!(judged_clocks(&[clock(9.0), clock(9.0), clock(9.0)]).is_empty());
    }

    #[test]
    fn a_picture_is_held_for_longer_in_a_standstill_only() {
        let spare = Spare {
            slow: 2,
            frames: 5,
            step_ms: 200.0,
            stands: true,
            in_sync: 0.5,
        };
        let mut told = Told {
            incident: Incident {
                wrong: Wrong::Held,
                at_ns: 0,
                ms: 230.0,
                frames: 6,
            },
            stood: Allowance::default(),
        };
        let beyond = |told: &Told| beyond(Trouble::DiskFull, std::slice::from_ref(told), spare);
        assert_eq!(beyond(&told).len(), 1);
        told.stood.missed = 10;
        told.stood.step = Duration::from_millis(150);
        assert!(beyond(&told).is_empty());
        told.incident.ms = 400.0;
        assert_eq!(beyond(&told).len(), 1);
    }
}
