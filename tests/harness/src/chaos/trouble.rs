//! Each fault as a value: what is done, how it is undone, what a viewer may see, how soon all is well.
//!
//! Owns the list and its weights; `world` carries it out.

use super::resources::Role;
use std::time::Duration;

/// A fault. Cameras are counted from 0; the sink is the one that the judge does not watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The camera's power is cut.
    CameraOff(usize),
    /// The camera hangs with its connection open.
    CameraHangs(usize),
    /// The camera's connection passes nothing and stays open.
    CameraStalls(usize),
    /// The camera's connection is reset; it takes a new one at once.
    CameraReset(usize),
    /// The camera falls off the network.
    CameraLost(usize),
    /// The camera sends sound and no picture.
    CameraBlind(usize),
    /// The camera sends a picture and no sound.
    CameraMute(usize),
    /// The camera comes back with another resolution.
    CameraResized(usize),
    /// The camera comes back with a clock that is so many millionths fast.
    CameraDrifts(usize, i16),
    /// The sink's process is killed.
    SinkOff,
    /// The sink hangs with its connection open.
    SinkHangs,
    /// The sink's connection passes nothing and stays open.
    SinkStalls,
    /// The sink's connection is reset; it takes a new one at once.
    SinkReset,
    /// The sink falls off the network.
    SinkLost,
    /// One of the agent's children is killed.
    ChildKilled(Role),
    /// One of the agent's children is stopped and, if it is still there, goes on after a while.
    ChildStops(Role),
    /// The disk with the agent's data is full.
    DiskFull,
}

/// What a viewer may see of a fault, and how soon everything is as before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// The longest time in which a camera's picture stands.
    pub held: Duration,
    /// Whether a pattern or the slate may be seen.
    pub still: bool,
    /// The longest hole in the program, the stream's end included.
    pub gap: Duration,
    /// From the end of the fault until all cameras, the encoder and all sinks are well again.
    pub back: Duration,
}

impl Allowed {
    /// The same on a machine that takes so many times as long.
    pub(super) fn times(self, slow: u32) -> Self {
        Self {
            held: self.held * slow,
            gap: self.gap * slow,
            back: self.back * slow,
            ..self
        }
    }
}

/// 300 ms: nine frames of a camera at 30 frames a second.
const NINE_FRAMES: Duration = Duration::from_millis(300);
/// A viewer sees nothing of it; a picture may stand for one frame more than it should.
const UNSEEN: Duration = Duration::from_millis(67);

impl Trouble {
    /// Every fault with its weight: those that venues see most come most.
    #[must_use]
    pub fn all() -> Vec<(u32, Self)> {
        let mut all = Vec::new();
        for camera in 0..3 {
            all.extend([
                (3, Self::CameraOff(camera)),
                (2, Self::CameraHangs(camera)),
                (2, Self::CameraStalls(camera)),
                (3, Self::CameraReset(camera)),
                (2, Self::CameraLost(camera)),
                (2, Self::CameraBlind(camera)),
                (1, Self::CameraMute(camera)),
                (1, Self::CameraResized(camera)),
                (1, Self::CameraDrifts(camera, 200)),
                (1, Self::CameraDrifts(camera, -200)),
            ]);
        }
        all.extend([
            (4, Self::SinkOff),
            (3, Self::SinkHangs),
            (3, Self::SinkStalls),
            (4, Self::SinkReset),
            (3, Self::SinkLost),
            (4, Self::ChildKilled(Role::Decoder)),
            (3, Self::ChildStops(Role::Decoder)),
            (4, Self::ChildKilled(Role::Encoder)),
            (3, Self::ChildStops(Role::Encoder)),
            (3, Self::ChildKilled(Role::MediaMtx)),
            (2, Self::ChildStops(Role::MediaMtx)),
            (3, Self::DiskFull),
        ]);
        all
    }

    /// How long it lasts when nothing is said about it.
    #[must_use]
    pub fn lasts(self) -> Duration {
        Duration::from_secs(match self {
            Self::CameraReset(_) | Self::SinkReset | Self::ChildKilled(_) => 0,
            Self::CameraDrifts(..) => 20,
            Self::CameraResized(_) => 8,
            Self::ChildStops(_) => 3,
            Self::CameraMute(_) | Self::DiskFull => 4,
            _ => 6,
        })
    }

    /// What may be seen of it.
    #[must_use]
    pub fn allowed(self) -> Allowed {
        let seconds = Duration::from_secs;
        let none = Duration::ZERO;
        let unseen = Allowed {
            held: UNSEEN,
            still: false,
            gap: none,
            back: seconds(10),
        };
        // Back: 3 s from the first picture that decodes, and 10 s after the switch before.
        let camera = Allowed {
            held: NINE_FRAMES,
            still: true,
            gap: none,
            back: seconds(13),
        };
        match self {
            Self::CameraOff(_)
            | Self::CameraHangs(_)
            | Self::CameraStalls(_)
            | Self::CameraReset(_)
            | Self::CameraLost(_)
            | Self::CameraBlind(_)
            | Self::CameraResized(_)
            | Self::CameraDrifts(..) => camera,
            Self::CameraMute(_) | Self::DiskFull => Allowed {
                back: seconds(3),
                ..unseen
            },
            Self::SinkOff
            | Self::SinkHangs
            | Self::SinkStalls
            | Self::SinkReset
            | Self::SinkLost => unseen,
            Self::ChildKilled(Role::Encoder) => Allowed {
                held: NINE_FRAMES,
                still: true,
                gap: seconds(1),
                back: seconds(3),
            },
            // A hang is found after a second.
            Self::ChildStops(Role::Encoder) => Allowed {
                held: NINE_FRAMES,
                still: true,
                gap: seconds(2),
                back: seconds(3),
            },
            Self::ChildKilled(Role::MediaMtx) | Self::ChildStops(Role::MediaMtx) => Allowed {
                held: NINE_FRAMES,
                still: true,
                gap: seconds(5),
                back: seconds(10),
            },
            Self::ChildKilled(_) | Self::ChildStops(_) => camera,
        }
    }

    /// Whether the encoder's process may be another one afterwards.
    #[must_use]
    pub fn may_end_the_encoder(self) -> bool {
        matches!(
            self,
            Self::ChildKilled(Role::Encoder | Role::MediaMtx)
                | Self::ChildStops(Role::Encoder | Role::MediaMtx)
        )
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CameraOff(n) => write!(to, "camera {} off", n + 1),
            Self::CameraHangs(n) => write!(to, "camera {} hangs", n + 1),
            Self::CameraStalls(n) => write!(to, "camera {} stalls", n + 1),
            Self::CameraReset(n) => write!(to, "camera {} reset", n + 1),
            Self::CameraLost(n) => write!(to, "camera {} off the network", n + 1),
            Self::CameraBlind(n) => write!(to, "camera {} without picture", n + 1),
            Self::CameraMute(n) => write!(to, "camera {} without sound", n + 1),
            Self::CameraResized(n) => write!(to, "camera {} resized", n + 1),
            Self::CameraDrifts(n, ppm) => write!(to, "camera {} drifts {ppm:+} ppm", n + 1),
            Self::SinkOff => write!(to, "sink off"),
            Self::SinkHangs => write!(to, "sink hangs"),
            Self::SinkStalls => write!(to, "sink stalls"),
            Self::SinkReset => write!(to, "sink reset"),
            Self::SinkLost => write!(to, "sink off the network"),
            Self::ChildKilled(role) => write!(to, "{role} killed"),
            Self::ChildStops(role) => write!(to, "{role} stopped"),
            Self::DiskFull => write!(to, "disk full"),
        }
    }
}
