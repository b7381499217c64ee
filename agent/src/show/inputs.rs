//! Which inputs a rundown needs at a position, by number. Pure.
//!
//! A camera, a still or a pattern has one input for the whole show. A film needs a fresh one for each
//! time that it is shown, opened while the one before may still be on program: its two numbers take
//! turns.

use super::board::Standing;
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
    let number = u32::try_from(source).unwrap_or(u32::MAX / 4) * 2;
    let turn = u32::from(showing % 2 == 1);
    Need {
        input: InputId(number + turn),
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

/// Fills `needs` with every input that is due now or within `within` frames, each once. The fallback
/// picture and the camera that stands in are always among them.
pub(super) fn needs(rundown: &Rundown, now: &Standing, within: u64, needs: &mut Vec<Need>) {
    needs.clear();
    let mut add = |one: Need| {
        if !needs.contains(&one) {
            needs.push(one);
        }
    };
    add(need(rundown, rundown.fallback(), 0));
    if let Some(backup) = rundown.backup() {
        add(need(rundown, backup, 0));
    }
    rundown.upcoming(now.at, within, |soon| {
        let showing = showing(rundown, now, soon.cue, soon.due_in);
        add(need(rundown, soon.source, showing));
    });
    if rundown.looping() && !now.paused {
        let left = rundown.length().saturating_sub(now.at.frame);
        let films = rundown
            .video()
            .iter()
            .filter(|cue| left + cue.start <= within);
        for film in films.filter(|cue| rundown.sources().get(cue.source).is_some_and(|s| s.paced)) {
            add(need(rundown, film.source, now.at.loops + now.jumps + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::FrameRate;
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
        needs(&film_show(), now, within, &mut found);
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
        needs(&rundown, &at(140, 0), 60, &mut found);
        let showings: Vec<_> = found
            .iter()
            .filter(|n| rundown.sources()[n.source].paced)
            .map(|n| n.showing)
            .collect();
        assert_eq!(showings, [0, 1]);
    }
}
