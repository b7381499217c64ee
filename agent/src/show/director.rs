//! What each program frame is made of: timeline, bus and graphics joined.
//!
//! Owns the transport and the bus of one running show. Runs on the mixer's thread: it neither blocks
//! nor allocates, is told things through a bounded queue, and tells where it stands on the [`Board`].

use super::board::{Board, Standing};
use super::gallery::raster_id;
use super::inputs::{need, showing};
use super::notices::Notice;
use super::roster::Standins;
use crossbeam_queue::ArrayQueue;
use model::{
    AudioPolicy, Director, FramePlan, InputHealth, InputId, Layer, RasterId, Shot, Source,
    Transition,
};
use program::{Ask, Bus, Entering, Take};
use std::sync::Arc;
use timeline::{Blend, Look, Playing, Position, Rundown, Shown, Transport};

/// Orders that may wait for the next frame.
const ORDERS: usize = 256;

/// What the director is told between two frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
    /// Holds the timeline's clock.
    Pause,
    /// Lets it run again.
    Resume,
    /// Goes to a frame of the pass.
    Seek(u64),
    /// Plays on from a place as if it had come there by itself.
    Place(Position),
    /// Hides or shows a graphic, by its index in the rundown.
    Show(usize, bool),
    /// Puts a source on program until the next video cue is due.
    Take(Taken),
    /// Puts the pattern on program until it is taken back.
    Pattern(bool),
    /// The media server has been started again: cameras that were lost by that may return soon.
    Excuse,
    /// Leaves out every graphic of the show, or shows them again.
    Graphics(bool),
    /// Shows a notice of the system for so many frames, instead of the one before.
    Banner(RasterId, u64),
}

/// A source put on program by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Taken {
    pub(super) take: Take,
    /// How, and over how many frames; `None` is a cut.
    pub(super) transition: Option<(Transition, u64)>,
}

/// Where orders are put.
pub(super) type Orders = Arc<ArrayQueue<Order>>;

/// The joint of timeline, bus and graphics.
#[derive(Debug)]
pub(super) struct ShowDirector {
    rundown: Arc<Rundown>,
    transport: Transport,
    look: Look,
    bus: Bus,
    /// By source: what becomes of its sound where the cue does not say.
    sound: Vec<AudioPolicy>,
    /// By graphic: hidden by an operator.
    hidden: Vec<bool>,
    /// Whether the show's graphics are on.
    graphics: bool,
    /// A notice of the system, and the first frame without it.
    banner: Option<(RasterId, u64)>,
    taken: Option<(Taken, Take, u64, Option<usize>)>,
    /// Who stands in for whom.
    standins: Arc<Standins>,
    jumps: u64,
    obeyed: u64,
    last: Position,
    orders: Orders,
    board: Arc<Board>,
}

impl ShowDirector {
    /// A director that begins with frame 0 at `from`. `sound` is the default policy of each source of
    /// the rundown; `pattern` an input that always has a picture.
    pub(super) fn new(
        rundown: Arc<Rundown>,
        sound: Vec<AudioPolicy>,
        pattern: InputId,
        standins: Arc<Standins>,
        board: Arc<Board>,
    ) -> (Self, Orders) {
        let orders = Arc::new(ArrayQueue::new(ORDERS));
        let mut transport = Transport::new();
        transport.start(&rundown, 0, Position::default());
        let hidden = vec![false; rundown.graphics().len()];
        let director = Self {
            bus: Bus::new(rundown.rate(), pattern),
            rundown,
            transport,
            look: Look::new(),
            sound,
            hidden,
            graphics: true,
            banner: None,
            taken: None,
            standins,
            jumps: 0,
            obeyed: 0,
            last: Position::default(),
            orders: Arc::clone(&orders),
            board,
        };
        (director, orders)
    }

    fn obey(&mut self, n: u64, order: Order) {
        self.obeyed += 1;
        match order {
            // A transport that has been started refuses neither.
            Order::Pause => drop(self.transport.pause(n)),
            Order::Resume => drop(self.transport.resume(n)),
            Order::Seek(frame) => {
                if self.transport.seek(&self.rundown, n, frame).is_ok() {
                    self.jumps += 1;
                    self.taken = None;
                }
            }
            Order::Place(position) => self.transport.start(&self.rundown, n, position),
            Order::Show(index, visible) => {
                if let Some(hidden) = self.hidden.get_mut(index) {
                    *hidden = !visible;
                }
            }
            Order::Pattern(true) => self.bus.force_pattern(),
            Order::Pattern(false) => self.bus.release(),
            Order::Excuse => self.bus.excuse(n),
            Order::Graphics(on) => self.graphics = on,
            Order::Banner(raster, frames) => self.banner = Some((raster, n.saturating_add(frames))),
            Order::Take(taken) => {
                let before = self.taken.map(|(taken, ..)| taken.take);
                let now = self.standing(n);
                let asked = before.unwrap_or_else(|| self.timeline_ask(n, &now).to);
                self.taken = Some((taken, asked, n, self.due_cue()));
            }
        }
    }

    fn standing(&self, n: u64) -> Standing {
        let at = self
            .transport
            .position(&self.rundown, n)
            .unwrap_or(self.last);
        Standing {
            at,
            paused: self.transport.playing() == Playing::Paused,
            jumps: self.jumps,
            ..Standing::default()
        }
    }

    fn due_cue(&self) -> Option<usize> {
        self.look.video.map(|video| video.shown.cue)
    }

    /// A cue's source as the bus takes it.
    fn take(&self, n: u64, now: &Standing, shown: Shown) -> Take {
        let number = showing(&self.rundown, now, shown.cue, 0);
        let input = need(&self.rundown, shown.source, number).input;
        let source = self.rundown.sources().get(shown.source);
        let paced = source.is_some_and(|one| one.paced);
        let cue = self.rundown.video().get(shown.cue);
        let by_default = self.sound.get(shown.source).copied().unwrap_or_default();
        let origin = i64::try_from(n).ok().zip(i64::try_from(shown.into).ok());
        Take {
            shot: Shot {
                input,
                origin: origin.filter(|_| paced).map(|(n, into)| n - into),
            },
            audio: cue.and_then(|cue| cue.audio).unwrap_or(by_default),
            live: source.is_some_and(|one| matches!(one.source, Source::Camera(_))),
        }
    }

    /// A source that is on program without a cue.
    fn standby(&self, source: usize) -> Take {
        let live = self
            .rundown
            .sources()
            .get(source)
            .is_some_and(|one| matches!(one.source, Source::Camera(_)));
        Take {
            shot: Shot {
                input: need(&self.rundown, source, 0).input,
                origin: None,
            },
            audio: AudioPolicy::Silence,
            live,
        }
    }

    fn timeline_ask(&self, n: u64, now: &Standing) -> Ask {
        let fallback = self.standby(self.rundown.fallback());
        let Some(video) = self.look.video else {
            return Ask::only(fallback);
        };
        let entering = |Blend {
                            from,
                            kind,
                            progress,
                        }| Entering {
            from: from.map(|from| self.take(n, now, from)),
            kind,
            progress,
        };
        Ask {
            to: self.take(n, now, video.shown),
            entering: video.blend.map(entering),
            backups: [None; 2],
            fallback: Some(fallback),
            paused: now.paused,
        }
    }

    /// What stands in for a source: its own backup, then the timeline's.
    fn backups(&self, of: &Take) -> [Option<Take>; 2] {
        let show = self.rundown.backup().map(|source| Take {
            audio: self.sound.get(source).copied().unwrap_or_default(),
            ..self.standby(source)
        });
        [self.standins.of(of.shot.input), show]
    }

    fn ask(&mut self, n: u64, now: &Standing) -> Ask {
        let asked = self.taken_ask(n, now);
        Ask {
            backups: self.backups(&asked.to),
            ..asked
        }
    }

    /// What is asked for, an operator's take before the timeline.
    fn taken_ask(&mut self, n: u64, now: &Standing) -> Ask {
        let planned = self.timeline_ask(n, now);
        // The next video cue takes the program back.
        let due = self.due_cue();
        self.taken = self.taken.filter(|(.., since)| *since == due);
        let Some((taken, from, since, _)) = self.taken else {
            return planned;
        };
        let entering = taken.transition.and_then(|(kind, frames)| {
            let step = n - since;
            let progress = u16::try_from((step + 1) * 256 / (frames + 1)).unwrap_or(256);
            (step < frames).then_some(Entering {
                from: Some(from),
                kind,
                progress: progress.clamp(1, 255),
            })
        });
        Ask {
            to: taken.take,
            entering,
            ..planned
        }
    }
}

impl Director for ShowDirector {
    fn plan(&mut self, n: u64, inputs: &dyn InputHealth) -> FramePlan {
        // The look as it was, for orders that ask what is on.
        while let Some(order) = self.orders.pop() {
            self.obey(n, order);
        }
        let mut now = self.standing(n);
        self.last = now.at;
        self.rundown.look(now.at, &mut self.look);
        let ask = self.ask(n, &now);
        let mut plan = self.bus.plan(n, &ask, inputs);
        for graphic in self.look.graphics() {
            if !self.graphics || self.hidden.get(graphic.cue).copied().unwrap_or(false) {
                continue;
            }
            // There is room: a look holds fewer graphics than a plan has layers.
            plan.push_layer(Layer {
                raster: raster_id(graphic.cue),
                opacity: graphic.opacity,
                shift: (0, 0),
            });
        }
        self.banner = self.banner.filter(|(_, end)| n < *end);
        if let Some((raster, _)) = self.banner {
            plan.push_layer(Layer {
                raster,
                opacity: 256,
                shift: (0, 0),
            });
        }
        let on_air = self.bus.on_air();
        let notice = on_air.and_then(|on_air| {
            let frames_ago = n.saturating_sub(on_air.since);
            Notice::due(on_air.rung, frames_ago, self.rundown.rate())
        });
        if let Some(notice) = notice {
            plan.push_layer(Layer {
                raster: notice.raster(),
                opacity: 256,
                shift: (0, 0),
            });
        }
        now.cue = self.due_cue();
        now.asked = on_air.map(|on_air| on_air.asked.0);
        now.on_air = on_air.map(|on_air| on_air.shown.0);
        now.rung = on_air.map(|on_air| on_air.rung);
        now.since = on_air.map_or(0, |on_air| on_air.since);
        now.forced = self.taken.is_some();
        now.pattern = self.bus.forced().is_some();
        now.overloaded = self.bus.is_overloaded();
        now.obeyed = self.obeyed;
        self.board.write(&now);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::roster::Roster;
    use model::FrameRate;
    use model::{InputState, Picture, Strain};

    /// Every input is fresh but one.
    struct AllBut(Option<u32>);

    impl InputHealth for AllBut {
        fn state(&self, input: InputId) -> InputState {
            if Some(input.0) == self.0 {
                InputState::Lost
            } else {
                InputState::Fresh
            }
        }

        fn strain(&self) -> Strain {
            Strain::default()
        }
    }

    const ALL_FRESH: AllBut = AllBut(None);

    const SHOW: &[u8] = br##"{"name":"s","duration":6,"loop":true,"tracks":[
        {"track_id":"v","type":"video","cues":[
            {"id":"a","start_time":0,"duration":2,"action":"show_camera","params":{"camera_id":1}},
            {"id":"b","start_time":2,"duration":2,"action":"show_camera","params":{"camera_id":2}},
            {"id":"c","start_time":4,"duration":2,"action":"show_media","params":{"media_url":"/assets/f.mp4"}}]},
        {"track_id":"o","type":"overlay","cues":[
            {"id":"t","start_time":1,"duration":2,"action":"show_overlay","params":{"type":"text","text":"x"}}]}]}"##;

    fn director() -> (ShowDirector, Orders, Arc<Board>, Arc<Rundown>) {
        let rundown = timeline::compile(&timeline::parse(SHOW).unwrap(), FrameRate::THIRTY);
        let rundown = Arc::new(rundown);
        let board = Arc::new(Board::default());
        let sound = vec![AudioPolicy::Passthrough; rundown.sources().len()];
        let (director, orders) = ShowDirector::new(
            Arc::clone(&rundown),
            sound,
            InputId(9999),
            Roster::new(&rundown).standins(),
            Arc::clone(&board),
        );
        (director, orders, board, rundown)
    }

    fn shown(plan: &FramePlan) -> (u32, Option<i64>) {
        match plan.picture {
            Picture::One(shot) => (shot.input.0, shot.origin),
            Picture::Two { to, .. } => (to.input.0, to.origin),
        }
    }

    fn camera(rundown: &Rundown, cue: usize) -> u32 {
        need(rundown, rundown.video()[cue].source, 0).input.0
    }

    #[test]
    fn every_cut_lands_on_its_frame_and_graphics_come_and_go() {
        let (mut director, _orders, board, rundown) = director();
        for n in 0..360_u64 {
            let plan = director.plan(n, &ALL_FRESH);
            let pass = n % 180;
            let cue = usize::try_from(pass / 60).unwrap();
            if cue < 2 {
                assert_eq!(shown(&plan).0, camera(&rundown, cue), "frame {n}");
            }
            assert_eq!(
                plan.layers().len(),
                usize::from((30..90).contains(&pass)),
                "frame {n}"
            );
            assert_eq!(board.read().cue, Some(cue), "frame {n}");
        }
    }

    #[test]
    fn a_films_time_begins_with_its_cue_and_stands_while_paused() {
        let (mut director, orders, _board, _rundown) = director();
        for n in 0..130 {
            director.plan(n, &ALL_FRESH);
        }
        assert_eq!(shown(&director.plan(130, &ALL_FRESH)).1, Some(120));
        orders.push(Order::Pause).unwrap();
        director.plan(131, &ALL_FRESH);
        assert_eq!(shown(&director.plan(141, &ALL_FRESH)).1, Some(130));
        orders.push(Order::Resume).unwrap();
        assert_eq!(shown(&director.plan(142, &ALL_FRESH)).1, Some(131));
        assert_eq!(shown(&director.plan(143, &ALL_FRESH)).1, Some(131));
    }

    #[test]
    fn a_take_by_hand_lasts_until_the_next_cue() {
        let (mut director, orders, board, rundown) = director();
        for n in 0..10 {
            director.plan(n, &ALL_FRESH);
        }
        let guest = Take {
            shot: Shot {
                input: InputId(500),
                origin: None,
            },
            audio: AudioPolicy::Passthrough,
            live: true,
        };
        orders
            .push(Order::Take(Taken {
                take: guest,
                transition: Some((Transition::Mix, 5)),
            }))
            .unwrap();
        let plan = director.plan(10, &ALL_FRESH);
        assert!(matches!(plan.picture, Picture::Two { .. }), "{plan:?}");
        for n in 11..60 {
            assert_eq!(shown(&director.plan(n, &ALL_FRESH)).0, 500, "frame {n}");
            assert!(board.read().forced);
        }
        assert_eq!(shown(&director.plan(60, &ALL_FRESH)).0, camera(&rundown, 1));
        assert!(!board.read().forced);
    }

    #[test]
    fn a_show_that_is_placed_begins_there_and_stays_there_while_it_is_held() {
        let (mut director, orders, board, rundown) = director();
        let place = Position {
            frame: 100,
            loops: 7,
            ended: false,
        };
        orders.push(Order::Place(place)).unwrap();
        orders.push(Order::Pause).unwrap();
        assert_eq!(shown(&director.plan(0, &ALL_FRESH)).0, camera(&rundown, 1));
        director.plan(40, &ALL_FRESH);
        assert_eq!((board.read().at, board.read().jumps), (place, 0));
        orders.push(Order::Resume).unwrap();
        director.plan(41, &ALL_FRESH);
        director.plan(42, &ALL_FRESH);
        assert_eq!(board.read().at.frame, 101);
    }

    #[test]
    fn a_banner_stands_for_its_time_above_graphics_that_can_be_left_out() {
        let (mut director, orders, _board, _rundown) = director();
        for n in 0..40 {
            director.plan(n, &ALL_FRESH);
        }
        let banner = RasterId(77);
        orders.push(Order::Graphics(false)).unwrap();
        orders.push(Order::Banner(banner, 10)).unwrap();
        for n in 40..50 {
            let plan = director.plan(n, &ALL_FRESH);
            let layers: Vec<RasterId> = plan.layers().iter().map(|one| one.raster).collect();
            assert_eq!(layers, [banner], "frame {n}");
        }
        assert!(director.plan(50, &ALL_FRESH).layers().is_empty());
        orders.push(Order::Graphics(true)).unwrap();
        orders.push(Order::Banner(banner, 1)).unwrap();
        let plan = director.plan(51, &ALL_FRESH);
        let layers: Vec<RasterId> = plan.layers().iter().map(|one| one.raster).collect();
        assert_eq!(layers, [raster_id(0), banner]);
    }

    #[test]
    fn a_seek_shows_what_is_due_there_on_the_next_frame() {
        let (mut director, orders, board, rundown) = director();
        director.plan(0, &ALL_FRESH);
        orders.push(Order::Seek(75)).unwrap();
        assert_eq!(shown(&director.plan(1, &ALL_FRESH)).0, camera(&rundown, 1));
        assert_eq!((board.read().at.frame, board.read().jumps), (75, 1));
    }

    #[test]
    fn a_lost_camera_is_told_of_and_the_notice_goes_when_it_returns() {
        let (mut director, _orders, board, rundown) = director();
        let lost = AllBut(Some(camera(&rundown, 0)));
        director.plan(0, &ALL_FRESH);
        let plan = director.plan(1, &lost);
        let now = board.read();
        assert_eq!(now.asked, Some(camera(&rundown, 0)));
        assert_ne!(now.on_air, now.asked);
        assert_eq!((now.rung, now.since), (Some(program::Rung::Fallback), 1));
        let told = |plan: &FramePlan| {
            let rasters = plan.layers().iter().map(|layer| layer.raster);
            rasters
                .filter(|raster| *raster == Notice::Trouble.raster())
                .count()
        };
        assert_eq!(told(&plan), 1);
        // The next cue's camera is well.
        assert_eq!(told(&director.plan(60, &lost)), 0);
        assert_eq!(board.read().rung, Some(program::Rung::Asked));
    }

    #[test]
    fn the_pattern_stays_over_every_cue_until_it_is_taken_back() {
        let (mut director, orders, board, rundown) = director();
        director.plan(0, &ALL_FRESH);
        orders.push(Order::Pattern(true)).unwrap();
        for n in 1..100 {
            assert_eq!(shown(&director.plan(n, &ALL_FRESH)).0, 9999, "frame {n}");
        }
        assert!(board.read().pattern);
        orders.push(Order::Pattern(false)).unwrap();
        let back = shown(&director.plan(100, &ALL_FRESH)).0;
        assert_eq!(back, camera(&rundown, 1));
        assert_eq!((board.read().pattern, board.read().obeyed), (false, 2));
    }
}
