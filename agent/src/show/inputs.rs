//! Which inputs a rundown needs at a position, by number. Pure.
//!
//! A camera, a still or a pattern has one input for the whole show. A film needs a fresh one for each
//! time that it is shown, opened while the one before may still be on program: its two numbers take
//! turns.

use super::board::Standing;
use super::roster::{Standins, number_of, source_of};
use model::InputId;
use timeline::Rundown;

/// An input that is needed now or soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// Its number in the mixer.
    pub(super) input: InputId,
    /// Index of what it shows.
    pub(super) source: usize,
    /// Which showing of a film; 0 for everything else.
    pub(super) showing: u64,
}

/// The number of the input for a source; `showing` matters for films alone.
pub(super) fn need(rundown: &Rundown, source: usize, showing: u64) -> Need {
    let paced = rundown
        .sources()
        .get(source)
        .is_some_and(|use_of| use_of.paced);
    let showing = if paced { showing } else { 0 };
    let turn = u32::from(showing % 2 == 1);
    Need {
        input: InputId(number_of(source).0 + turn),
        source,
        showing,
    }
}

/// Which showing of its film a cue is, when it is due `due_in` frames after `now`.
pub(super) fn showing(rundown: &Rundown, now: &Standing, cue: usize, due_in: u64) -> u64 {
    let this = now.at.loops + now.jumps;
    let ahead = rundown
        .video()
        .get(cue)
        .is_some_and(|cue| cue.start > now.at.frame);
    match (ahead, due_in) {
        // It is on now, yet begins later in this pass: it is still there from the pass before.
        (true, 0) => this.saturating_sub(1),
        (true, _) | (false, 0) => this,
        (false, _) => this + 1,
    }
}

/// Fills `needs` with every input that is due now or within `within` frames, each once: what the
/// timeline shows, what is on program by hand, the fallback picture, and whatever stands in for one of
/// them.
pub(super) fn needs(
    rundown: &Rundown,
    standins: &Standins,
    now: &Standing,
    within: u64,
    needs: &mut Vec<Need>,
) {
    needs.clear();
    add(needs, need(rundown, rundown.fallback(), 0));
    rundown.upcoming(now.at, within, |soon| {
        let showing = showing(rundown, now, soon.cue, soon.due_in);
        add(needs, need(rundown, soon.source, showing));
    });
    if rundown.looping() && !now.paused {
        let left = rundown.length().saturating_sub(now.at.frame);
        let films = rundown
            .video()
            .iter()
            .filter(|cue| left + cue.start <= within);
        for film in films.filter(|cue| rundown.sources().get(cue.source).is_some_and(|s| s.paced)) {
            let next = now.at.loops + now.jumps + 1;
            add(needs, need(rundown, film.source, next));
        }
    }
    // Films are there by their cue; anything else may have been put on program by hand.
    let by_hand = [now.asked, now.on_air].into_iter().flatten();
    for source in by_hand.filter_map(|input| source_of(InputId(input))) {
        let one = need(rundown, source, 0);
        let paced = rundown.sources().get(source).is_some_and(|one| one.paced);
        if !paced {
            add(needs, one);
        }
    }
    for at in 0..needs.len() {
        let standin = needs.get(at).and_then(|need| standins.of(need.input));
        if let Some(source) = standin.and_then(|take| source_of(take.shot.input)) {
            add(needs, need(rundown, source, 0));
        }
    }
    if let Some(backup) = rundown.backup() {
        add(needs, need(rundown, backup, 0));
    }
}

fn add(needs: &mut Vec<Need>, one: Need) {
    if !needs.contains(&one) {
        needs.push(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::roster::Roster;
    use model::{AudioPolicy, CameraId, FrameRate};
    use timeline::Position;

    fn film_show() -> Rundown {
        let document = br#"{"name":"f","duration":20,"loop":true,"tracks":[{"track_id":"v","type":"video","cues":[
            {"id":"a","start_time":0,"duration":10,"action":"show_camera","params":{"camera_id":1}},
            {"id":"b","start_time":10,"duration":10,"action":"show_media","params":{"media_url":"/assets/film.mp4"}}]}]}"#;
        timeline::compile(&timeline::parse(document).unwrap(), FrameRate::THIRTY)
    }

    fn at(frame: u64, loops: u64) -> Standing {
        Standing {
            at: Position {
                frame,
                loops,
                ended: false,
            },
            ..Standing::default()
        }
    }

    fn numbers(now: &Standing, within: u64) -> Vec<(u32, u64)> {
        let mut found = Vec::new();
        let standins = Roster::new(&film_show()).standins();
        needs(&film_show(), &standins, now, within, &mut found);
        let film = |need: &Need| film_show().sources()[need.source].paced;
        found
            .iter()
            .filter(|need| film(need))
            .map(|need| (need.input.0 % 2, need.showing))
            .collect()
    }

    #[test]
    fn a_film_is_opened_anew_for_each_pass_and_its_numbers_take_turns() {
        assert_eq!(numbers(&at(0, 0), 240), []);
        assert_eq!(numbers(&at(100, 0), 240), [(0, 0)]);
        assert_eq!(numbers(&at(400, 0), 240), [(0, 0)]);
        assert_eq!(numbers(&at(100, 1), 240), [(1, 1)]);
    }

    #[test]
    fn after_a_jump_a_film_is_another_showing() {
        let now = Standing {
            jumps: 1,
            ..at(400, 0)
        };
        assert_eq!(numbers(&now, 240), [(1, 1)]);
    }

    #[test]
    fn a_looping_film_is_opened_again_before_it_ends() {
        let document = br#"{"name":"f","duration":5,"loop":true,"tracks":[{"track_id":"v","type":"video","cues":[
            {"id":"b","start_time":0,"duration":5,"action":"show_media","params":{"media_url":"/assets/film.mp4"}}]}]}"#;
        let rundown = timeline::compile(&timeline::parse(document).unwrap(), FrameRate::THIRTY);
        let mut found = Vec::new();
        let standins = Roster::new(&rundown).standins();
        needs(&rundown, &standins, &at(140, 0), 60, &mut found);
        let showings: Vec<_> = found
            .iter()
            .filter(|n| rundown.sources()[n.source].paced)
            .map(|n| n.showing)
            .collect();
        assert_eq!(showings, [0, 1]);
    }

    #[test]
    fn a_backup_is_kept_warm_while_its_camera_is_on_air_or_next_and_not_longer() {
        let document = br#"{"name":"f","duration":60,"tracks":[{"track_id":"v","type":"video","cues":[
            {"id":"a","start_time":0,"duration":20,"action":"show_camera","params":{"camera_id":1}},
            {"id":"b","start_time":20,"duration":20,"action":"show_camera","params":{"camera_id":2}},
            {"id":"c","start_time":40,"duration":20,"action":"show_camera","params":{"camera_id":1}}]}]}"#;
        let rundown = timeline::compile(&timeline::parse(document).unwrap(), FrameRate::THIRTY);
        let mut roster = Roster::new(&rundown);
        let mut place = |id: &str| roster.camera(&CameraId::parse(id).unwrap()).unwrap();
        let (second, backup) = (place("2"), place("9"));
        let standins = roster.standins();
        standins.set(second, Some((number_of(backup), AudioPolicy::Passthrough)));
        for (frame, asked, warm) in [
            (0, None, false),
            (400, None, true),
            (600, None, true),
            (1199, None, true),
            (1200, None, false),
            (1300, Some(second), true),
        ] {
            let now = Standing {
                asked: asked.map(|source| number_of(source).0),
                ..at(frame, 0)
            };
            let mut found = Vec::new();
            needs(&rundown, &standins, &now, 240, &mut found);
            let is_warm = found.iter().any(|need| need.source == backup);
            assert_eq!(is_warm, warm, "frame {frame}");
        }
    }
}
