//! The pure look against a naive player that goes frame by frame, and the transport against time.

use super::*;
use proptest::prelude::*;

/// What the naive player has on program: a cue, and when it was taken.
type On = Option<(usize, u64)>;

/// Plays from the very start, one frame after the other, and remembers.
struct Player<'a> {
    rundown: &'a Rundown,
    on: On,
    before: On,
}

impl Player<'_> {
    fn look(&mut self, elapsed: u64, frame: u64) -> Option<VideoNow> {
        let cues = self.rundown.video();
        if let Some(cue) = cues.iter().rposition(|cue| cue.start == frame) {
            self.before = self.on;
            self.on = Some((cue, elapsed));
        }
        let shown = |(cue, taken): (usize, u64)| Shown {
            cue,
            source: cues[cue].source,
            into: elapsed - taken,
        };
        let on = shown(self.on?);
        let from = self.before.map(shown);
        let blend = cues[on.cue].transition.and_then(|(kind, frames)| {
            let nothing = from.is_none() && elapsed == on.into && cues[on.cue].start == 0;
            let itself = from.is_some_and(|from| from.source == on.source);
            if on.into >= frames || nothing || itself {
                return None;
            }
            let share = (on.into + 1) as f64 / (frames + 1) as f64;
            Some(Blend {
                from,
                kind,
                progress: ((share * 256.0).round() as u16).clamp(1, 255),
            })
        });
        Some(VideoNow { shown: on, blend })
    }
}

fn rate() -> impl Strategy<Value = FrameRate> {
    prop_oneof![
        Just(ntsc()),
        Just(FrameRate::new(24_000, 1001).unwrap()),
        Just(FrameRate::new(60_000, 1001).unwrap()),
        (1_u32..=60).prop_map(|n| FrameRate::new(n, 1).unwrap()),
    ]
}

/// Cues one after the other with gaps, in milliseconds: (gap, length, camera, transition, its length).
type Draft = (u32, u32, u32, &'static str, u32);

fn cues() -> impl Strategy<Value = Vec<Draft>> {
    let gap = prop_oneof![3 => Just(0_u32), 1 => 0_u32..3000];
    let kind = prop_oneof![Just("cut"), Just("fade"), Just("dissolve"), Just("wipe")];
    prop::collection::vec((gap, 1000_u32..6000, 1_u32..4, kind, 0_u32..9000), 0..6)
}

fn secs(ms: u32) -> f64 {
    f64::from(ms) / 1000.0
}

fn timeline(cues: &[Draft], tail: i32, looping: bool) -> Timeline {
    let mut now = 0;
    let mut list = Vec::new();
    for (gap, length, camera, kind, over) in cues {
        now += gap;
        list.push(json!({
            "start_time": secs(now), "duration": secs(*length), "action": "show_camera",
            "params": { "camera_id": camera }, "transition_type": kind,
            "transition_duration": secs(*over)
        }));
        now += length;
    }
    let duration = now.saturating_add_signed(tail).max(500);
    parse_value(
        &json!({ "name": "n", "duration": secs(duration), "loop": looping,
        "tracks": { "video": { "cues": list } } }),
    )
    .unwrap()
}

proptest! {
    #[test]
    fn looking_anywhere_is_the_same_as_playing_to_there(
        cues in cues(), tail in -800_i32..2000, looping: bool, rate in rate(), start in 0_u64..1000
    ) {
        let rundown = compile(&timeline(&cues, tail, looping), rate);
        let mut player = Player { rundown: &rundown, on: None, before: None };
        let mut transport = Transport::new();
        transport.start(&rundown, start, Position::default());
        for elapsed in 0..rundown.length() * 3 {
            let position = transport.position(&rundown, start + elapsed).unwrap();
            if position.ended {
                prop_assert_eq!(elapsed.min(rundown.length()), rundown.length());
                break;
            }
            let now = looked(&rundown, position).video;
            prop_assert_eq!(now, player.look(elapsed, position.frame), "{:?}", position);
        }
    }

    #[test]
    fn seeking_anywhere_shows_what_playing_to_there_shows(
        cues in cues(), rate in rate(), to in 0.0_f64..1.0, n in 0_u64..100_000
    ) {
        let rundown = compile(&timeline(&cues, 0, true), rate);
        let mut transport = Transport::new();
        transport.start(&rundown, 0, Position::default());
        let before = transport.position(&rundown, n).unwrap();
        let frame = rundown.frame_of(to * rundown.duration() * 0.999).unwrap();
        transport.seek(&rundown, n, frame).unwrap();
        let after = transport.position(&rundown, n).unwrap();
        prop_assert_eq!(after.loops, before.loops);
        prop_assert!(frame - after.frame <= 1);
        let mut playing = Transport::new();
        playing.start(&rundown, 0, after);
        for later in 0..200 {
            let seeked = transport.position(&rundown, n + later).unwrap();
            let played = playing.position(&rundown, later).unwrap();
            prop_assert_eq!(looked(&rundown, seeked), looked(&rundown, played));
        }
    }

    #[test]
    fn no_pass_ever_drifts(ms in 500_u32..100_000, rate in rate(), k in 0_u64..10_000_000) {
        // A pass has a frame at least, however short it is said to be.
        prop_assume!(u64::from(ms) * u64::from(rate.num()) >= 1000 * u64::from(rate.den()));
        let rundown = compile(&show(secs(ms), true, &[]), rate);
        let begins = rundown.pass_start(k);
        // Exactly: |begins − k · duration · rate| ≤ ½ frame, in units of 1 / (1000 · den) frames.
        let exact = i128::from(k) * i128::from(ms) * i128::from(rate.num());
        let unit = 1000 * i128::from(rate.den());
        prop_assert!((i128::from(begins) * unit - exact).abs() * 2 <= unit);
        let length = rundown.pass_start(k + 1) - begins;
        prop_assert!(length <= rundown.length() && length + 1 >= rundown.length());
        let mut transport = Transport::new();
        transport.start(&rundown, 7, Position::default());
        let at = |frame: u64| transport.position(&rundown, 7 + frame).unwrap();
        prop_assert_eq!((at(begins).loops, at(begins).frame), (k, 0));
        let last = at(begins + length - 1);
        prop_assert_eq!((last.loops, last.frame), (k, length - 1));
    }

    #[test]
    fn a_transition_never_takes_more_than_half_of_a_neighbour(
        cues in cues(), looping: bool, rate in rate()
    ) {
        let rundown = compile(&timeline(&cues, 0, looping), rate);
        let video = rundown.video();
        for (index, cue) in video.iter().enumerate() {
            let Some((_, frames)) = cue.transition else { continue };
            prop_assert!(frames > 0 && frames * 2 <= cue.end - cue.start);
            let before = if index > 0 { Some(&video[index - 1]) } else { video.last() };
            if let Some(before) = before.filter(|_| index > 0 || looping) {
                prop_assert!(frames * 2 <= before.end - before.start);
            }
        }
    }

    #[test]
    fn what_will_be_shown_has_been_announced(
        cues in cues(), rate in rate(), n in 0_u64..2000, within in 0_u64..400
    ) {
        let rundown = compile(&timeline(&cues, 0, true), rate);
        let mut transport = Transport::new();
        transport.start(&rundown, 0, Position::default());
        let at = |n| transport.position(&rundown, n).unwrap();
        let mut told = Vec::new();
        rundown.upcoming(at(n), within, |soon| told.push(soon));
        let mut cues: Vec<_> = told.iter().map(|soon| soon.cue).collect();
        cues.dedup();
        prop_assert_eq!(cues.len(), told.len(), "each cue once");
        // A second pass inside the window would announce the same cues again.
        for later in 0..=within.min(rundown.length().saturating_sub(2)) {
            let look = looked(&rundown, at(n + later)).video;
            if let Some(shown) = look.map(|now| now.shown) {
                let known = told.iter().find(|soon| soon.cue == shown.cue);
                prop_assert!(known.is_some_and(|soon| soon.due_in <= later), "{:?}", shown);
            }
        }
    }

    #[test]
    fn graphics_are_due_from_their_first_to_their_last_frame(
        list in prop::collection::vec((0_u32..9000, 40_u32..5000, 0_u32..3000, 0_u32..3000, 1_i32..5), 0..12),
        rate in rate(), frame in 0_u64..600
    ) {
        let tracks: Vec<Value> = list.iter().map(|(start, length, fade_in, fade_out, layer)| json!({
            "layer": layer, "cues": [{ "start_time": secs(*start), "duration": secs(*length),
                "action": "show_overlay", "params": { "text": "x",
                    "fade_in": secs(*fade_in), "fade_out": secs(*fade_out) }}]
        })).collect();
        let document = json!({ "name": "n", "duration": 20, "tracks": { "overlays": tracks } });
        let rundown = compile(&parse_value(&document).unwrap(), rate);
        // The nearest frame in whole numbers: half a frame goes up, which a float may not see.
        let frames = |ms: u32| {
            let unit = 1000 * u64::from(rate.den());
            (u64::from(ms) * u64::from(rate.num()) + unit / 2) / unit
        };
        let due = |(start, length, ..): &&(u32, u32, u32, u32, i32)| {
            let end = frames(start + length).max(frames(*start) + 1);
            frames(*start) <= frame && frame < end
        };
        let look = looked(&rundown, at(frame, 0));
        prop_assert_eq!(look.graphics().len(), list.iter().filter(due).count());
        let z: Vec<i32> = look.graphics().iter().map(|g| g.z).collect();
        prop_assert!(z.is_sorted());
        for now in look.graphics() {
            let cue = &rundown.graphics()[now.cue];
            prop_assert!((1..=256).contains(&now.opacity));
            let inside = frame - cue.start >= cue.fade_in && cue.end - 1 - frame >= cue.fade_out;
            prop_assert_eq!(inside, now.opacity == 256, "{:?} {}", cue, frame);
        }
    }
}
