//! What is wanted to run, and where it should be after a gap. Pure.
//!
//! Owns the shape of the wanted state as it is kept, and the arithmetic of its clock: over the end of
//! the agent the time since the machine's start counts, which no correction of the time of day moves;
//! over the end of the machine the time of day counts, as far as it is believable. Neighbours: `memory`
//! keeps it on the disk, `resuming` brings the show back.

use super::StreamPlan;
use model::{CameraId, CueId, DestinationId, Graphic, ProfileName, TimelineId};
use runtime::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use std::time::{Duration, UNIX_EPOCH};
use timeline::{Position, Rundown, Transport};

/// A longer gap is not believed: the clock was wrong before it or is wrong after it.
const LONGEST_GAP: Duration = Duration::from_secs(7 * 24 * 3600);
/// So many tries to resume that ended the agent, within [`TRIES_WITHIN`], are enough.
pub(super) const TRIES: usize = 3;
/// See [`TRIES`].
const TRIES_WITHIN: Duration = Duration::from_secs(120);

/// A moment that can be compared over the end of the agent and of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moment {
    /// Names the start of the machine.
    boot: Option<String>,
    /// Milliseconds since then, sleep included.
    since_boot_ms: u64,
    /// Milliseconds since 1970, as the time of day was believed to be.
    wall_ms: u64,
}

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now(clock: &SystemClock) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let boot = clock.boot();
        Self {
            boot: boot.name,
            since_boot_ms: ms(boot.since),
            wall_ms: ms(clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default()),
        }
    }

    /// Whether the machine has not been started anew in between.
    fn same_boot(&self, later: &Self) -> bool {
        self.boot.is_some() && self.boot == later.boot
    }

    /// The time from this moment to a later one; `None` where it cannot be known.
    #[must_use]
    pub fn gap(&self, later: &Self) -> Option<Duration> {
        if self.same_boot(later) {
            let ms = later.since_boot_ms.checked_sub(self.since_boot_ms)?;
            return Some(Duration::from_millis(ms));
        }
        let ms = later.wall_ms.checked_sub(self.wall_ms)?;
        Some(Duration::from_millis(ms)).filter(|gap| *gap <= LONGEST_GAP)
    }
}

/// Where the timeline was at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Anchor {
    pub(super) at: Moment,
    /// Frames since the start of the pass.
    pub(super) frame: u64,
    /// Passes that were complete.
    pub(super) loops: u64,
    /// The clock was held.
    pub(super) paused: bool,
}

impl Anchor {
    /// Where the timeline is now. After a gap that cannot be known it goes on where it was.
    pub(super) fn position(&self, rundown: &Rundown, now: &Moment) -> Position {
        let from = Position {
            frame: self.frame,
            loops: self.loops,
            ended: false,
        };
        let gap = if self.paused {
            Duration::ZERO
        } else {
            self.at.gap(now).unwrap_or_default()
        };
        let mut transport = Transport::new();
        transport.start(rundown, 0, from);
        let played = rundown.rate().frames_in(gap.as_secs_f64());
        transport.position(rundown, played).unwrap_or(from)
    }
}

/// A camera that an operator put on program, until the next video cue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HandTaken {
    pub(super) camera: CameraId,
    /// The video cue that was due.
    pub(super) cue: Option<usize>,
    /// The pass.
    pub(super) loops: u64,
}

/// A graphic as an operator left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Edited {
    pub(super) cue: CueId,
    /// How it looks; none where only its visibility was changed.
    pub(super) graphic: Option<Graphic>,
    pub(super) hidden: bool,
}

/// The show that is wanted. Its timeline is kept beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct WantedShow {
    pub(super) timeline_id: TimelineId,
    pub(super) name: String,
    pub(super) revision: u64,
    pub(super) profile: ProfileName,
    /// When it was started, RFC 3339 UTC.
    pub(super) started_at: String,
    pub(super) anchor: Anchor,
    pub(super) destinations: Vec<DestinationId>,
    #[serde(default)]
    pub(super) taken: Option<HandTaken>,
    /// The pattern is on program by hand.
    #[serde(default)]
    pub(super) pattern: bool,
    #[serde(default)]
    pub(super) overlays: Vec<Edited>,
}

/// Everything that is wanted to run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) show: Option<WantedShow>,
    #[serde(default)]
    pub(super) streams: Vec<StreamPlan>,
    /// When it was tried to resume this, since it last ran well.
    #[serde(default)]
    pub(super) tries: Vec<Moment>,
}

impl Wanted {
    pub(super) const fn is_nothing(&self) -> bool {
        self.show.is_none() && self.streams.is_empty()
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        match &self.show {
            Some(show) => format!("The show “{}”", show.name),
            None => "What was streamed".to_owned(),
        }
    }

    /// Counts one more try. False when there were enough: those of this start of the machine count,
    /// since a machine that loses its power again and again is no fault of the show.
    pub(super) fn try_again(&mut self, now: Moment) -> bool {
        let counts = |then: &Moment| {
            then.same_boot(&now) && then.gap(&now).is_some_and(|gap| gap <= TRIES_WITHIN)
        };
        self.tries.retain(counts);
        let again = self.tries.len() < TRIES;
        if again {
            self.tries.push(now);
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::FrameRate;

    const SECOND: u64 = 1000;
    const YEAR: u64 = 365 * 24 * 3600 * SECOND;

    fn moment(boot: &str, since_boot_ms: u64, wall_ms: u64) -> Moment {
        Moment {
            boot: (!boot.is_empty()).then(|| boot.to_owned()),
            since_boot_ms,
            wall_ms,
        }
    }

    #[test]
    fn within_one_start_of_the_machine_the_time_of_day_does_not_count() {
        let then = moment("a", 10 * SECOND, 50 * YEAR);
        for wall in [0, 49 * YEAR, 50 * YEAR, 51 * YEAR] {
            let gap = then.gap(&moment("a", 14 * SECOND, wall));
            assert_eq!(gap, Some(Duration::from_secs(4)), "{wall}");
        }
    }

    #[test]
    fn over_a_start_of_the_machine_a_believable_time_of_day_counts() {
        let then = moment("a", 900 * SECOND, 50 * YEAR);
        for (later, gap) in [
            (moment("b", SECOND, 50 * YEAR + 90 * SECOND), Some(90)),
            (moment("", SECOND, 50 * YEAR + 90 * SECOND), Some(90)),
            (moment("b", 0, 50 * YEAR - 1), None),
            (moment("b", 0, 51 * YEAR), None),
            (moment("b", 0, 0), None),
        ] {
            assert_eq!(then.gap(&later), gap.map(Duration::from_secs), "{later:?}");
        }
    }

    fn rundown(looping: bool) -> Rundown {
        let document = serde_json::json!({"name": "s", "duration": 10, "loop": looping, "tracks": [
            {"track_id": "v", "type": "video", "cues": [{"id": "a", "start_time": 0, "duration": 10,
            "action": "show_camera", "params": {"camera_id": 1}}]}]});
        let timeline = timeline::parse_value(&document).unwrap();
        timeline::compile(&timeline, FrameRate::THIRTY)
    }

    fn at(frame: u64, loops: u64, ended: bool) -> Position {
        Position {
            frame,
            loops,
            ended,
        }
    }

    #[test]
    fn a_show_is_where_its_clock_is_and_a_held_one_where_it_was() {
        let anchor = |frame, loops, paused| Anchor {
            at: moment("a", 0, 0),
            frame,
            loops,
            paused,
        };
        let gone = moment("a", 25 * SECOND, 0);
        for (looping, from, position) in [
            (true, anchor(30, 2, false), at(180, 4, false)),
            (true, anchor(30, 2, true), at(30, 2, false)),
            (false, anchor(30, 0, false), at(300, 0, true)),
            (false, anchor(300, 0, false), at(300, 0, true)),
            (true, anchor(u64::MAX, 1 << 50, false), {
                let end = anchor(u64::MAX, 1 << 50, true);
                end.position(&rundown(true), &gone)
            }),
        ] {
            assert_eq!(from.position(&rundown(looping), &gone), position);
        }
        let unknown = moment("b", 0, 0);
        let from = Anchor {
            at: moment("a", 0, YEAR),
            ..anchor(30, 2, false)
        };
        assert_eq!(from.position(&rundown(true), &unknown), at(30, 2, false));
    }

    #[test]
    fn the_fourth_try_within_two_minutes_of_one_start_is_not_made() {
        let mut wanted = Wanted::default();
        for second in [0, 5, 10] {
            assert!(wanted.try_again(moment("a", second * SECOND, 0)));
        }
        let mut later = wanted.clone();
        assert!(!wanted.try_again(moment("a", 15 * SECOND, 0)));
        assert!(later.try_again(moment("a", 121 * SECOND, 0)));
        let mut elsewhere = Wanted {
            tries: vec![moment("a", 0, 0), moment("b", 1, 0), moment("c", 2, 0)],
            ..Wanted::default()
        };
        assert!(elsewhere.try_again(moment("d", 3, 0)));
        assert_eq!(elsewhere.tries, [moment("d", 3, 0)]);
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let wanted = Wanted {
            show: Some(WantedShow {
                timeline_id: TimelineId::parse("7").unwrap(),
                name: "Harbour".to_owned(),
                revision: 3,
                profile: ProfileName::Reliability,
                started_at: "2026-01-01T00:00:00.000Z".to_owned(),
                anchor: Anchor::default(),
                destinations: vec![DestinationId::parse("d").unwrap()],
                taken: Some(HandTaken {
                    camera: CameraId::parse("2").unwrap(),
                    cue: Some(1),
                    loops: 4,
                }),
                pattern: true,
                overlays: vec![Edited {
                    cue: CueId::parse("o").unwrap(),
                    graphic: serde_json::from_str(r#"{"type":"text","text":"x"}"#).unwrap(),
                    hidden: true,
                }],
            }),
            streams: Vec::new(),
            tries: vec![moment("a", 1, 2)],
        };
        let text = serde_json::to_string(&wanted).unwrap();
        assert_eq!(serde_json::from_str::<Wanted>(&text).unwrap(), wanted);
    }
}
