//! The handle of the running show: every question, put into the mailbox of the one task that owns it.
//!
//! Owns the questions as values ([`Request`]) and waits for their answers. Never decides anything.

use super::{Memory, ShowError, ShowStatus};
use model::{
    AssetPath, CameraId, Colour, CueId, DestinationId, Graphic, Position, ProfileName, StreamId,
    TimelineId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use timeline::Timeline;
use tokio::sync::{mpsc, oneshot, watch};
use utoipa::ToSchema;

/// Questions that may wait in the mailbox; more are answered once there is room.
const MAILBOX: usize = 64;

/// Where an answer goes.
pub type Answer<T> = oneshot::Sender<Result<T, ShowError>>;

/// How a camera is put on program by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakeTransition {
    /// At once.
    #[default]
    Cut,
    /// Crossfade.
    #[serde(alias = "dissolve", alias = "mix")]
    Fade,
    /// A moving edge.
    Wipe,
}

/// A camera put on program by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    /// Which camera.
    pub camera: CameraId,
    /// How.
    pub transition: TakeTransition,
    /// For how long, in seconds: 0.0 to 10.0.
    pub seconds: f64,
}

/// What is changed of an overlay on air; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[schema(example = json!({"text": "Anna Berg – harbour master", "opacity": 0.9}))]
pub struct OverlayEdit {
    /// New text, at most 500 characters.
    #[schema(example = "Anna Berg – harbour master")]
    pub text: Option<String>,
    /// Values for `{{tokens}}`; those that are not named stay.
    pub tokens: Option<BTreeMap<String, String>>,
    /// Hides or shows it.
    pub visible: Option<bool>,
    /// 0.0 to 1.0.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub opacity: Option<f64>,
    /// A named place; takes back `x` and `y`.
    #[schema(value_type = Option<String>, example = "bottom_left")]
    pub position: Option<Position>,
    /// Left edge as a share of the program's width.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub x: Option<f64>,
    /// Top edge as a share of the program's height.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub y: Option<f64>,
    /// Enlarges the whole, 0.05 to 20.
    #[schema(minimum = 0.05, maximum = 20.0)]
    pub scale: Option<f64>,
    /// Text height in pixels of a 1080-line program, 8 to 400.
    #[schema(minimum = 8.0, maximum = 400.0)]
    pub font_size: Option<f64>,
    /// Colour of the text.
    #[schema(value_type = Option<String>, example = "#FFFFFF")]
    pub color: Option<Colour>,
    /// Colour behind the text.
    #[schema(value_type = Option<String>, example = "#121521CC")]
    pub background: Option<Colour>,
    /// A picture below the assets folder.
    #[serde(alias = "image_url")]
    #[schema(value_type = Option<String>, example = "/assets/logos/main.png")]
    pub image: Option<AssetPath>,
}

/// A camera to be sent straight to a destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamPlan {
    /// Its id.
    pub id: StreamId,
    /// Which camera.
    pub camera_id: CameraId,
    /// Where to.
    pub destination_id: DestinationId,
    /// The profile to encode with, where the camera's own codecs do not do.
    pub profile: ProfileName,
}

/// Everything the show can be asked.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is the method of `Show` of the same name")]
pub enum Request {
    PreviewStart {
        timeline: Box<Timeline>,
        profile: ProfileName,
        answer: Answer<()>,
    },
    PreviewStop {
        answer: Answer<TimelineId>,
    },
    GoLive {
        destinations: Vec<DestinationId>,
        countdown_s: u32,
        answer: Answer<()>,
    },
    SetDestinations {
        destinations: Vec<DestinationId>,
        answer: Answer<()>,
    },
    Pause {
        answer: Answer<()>,
    },
    Resume {
        answer: Answer<()>,
    },
    Seek {
        seconds: f64,
        answer: Answer<()>,
    },
    TakeCamera {
        take: Take,
        answer: Answer<()>,
    },
    TestPattern {
        shown: bool,
        answer: Answer<()>,
    },
    EditOverlay {
        cue: CueId,
        edit: Box<OverlayEdit>,
        answer: Answer<Graphic>,
    },
    KillAll {
        answer: Answer<u32>,
    },
    StreamStart {
        plan: StreamPlan,
        answer: Answer<()>,
    },
    StreamStop {
        id: StreamId,
        answer: Answer<()>,
    },
    HoldQuality {
        held: bool,
        answer: Answer<()>,
    },
    Refresh {
        answer: Answer<()>,
    },
}

/// The owner's end: the questions in order, and where the state is shown.
#[derive(Debug)]
pub struct Inbox {
    /// The questions.
    pub requests: mpsc::Receiver<Request>,
    /// Where the state is shown; send at every change and a few times a second while running.
    pub status: watch::Sender<Arc<ShowStatus>>,
    /// Where it is noted what is wanted to run.
    pub memory: Memory,
}

/// A handle of the running show. Cheap to clone; asking waits for the show's answer.
#[derive(Debug, Clone)]
pub struct Show {
    requests: mpsc::Sender<Request>,
    status: watch::Receiver<Arc<ShowStatus>>,
    memory: Memory,
}

impl Show {
    /// A handle and the inbox of its owner.
    #[must_use]
    pub fn channel() -> (Self, Inbox) {
        let (ask, requests) = mpsc::channel(MAILBOX);
        let (status, seen) = watch::channel(Arc::new(ShowStatus::default()));
        let memory = Memory::default();
        let show = Self {
            requests: ask,
            status: seen,
            memory: memory.clone(),
        };
        let inbox = Inbox {
            requests,
            status,
            memory,
        };
        (show, inbox)
    }

    /// What is remembered of what is wanted to run.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The show at this moment.
    #[must_use]
    pub fn status(&self) -> Arc<ShowStatus> {
        Arc::clone(&self.status.borrow())
    }

    /// The show whenever it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<ShowStatus>> {
        self.status.clone()
    }

    /// Starts the program of `timeline` with `profile`, seen on the device only.
    ///
    /// # Errors
    /// [`ShowError`] when a show is running, the media server is down or no encoder works.
    pub async fn preview_start(
        &self,
        timeline: Timeline,
        profile: ProfileName,
    ) -> Result<(), ShowError> {
        let timeline = Box::new(timeline);
        self.ask(|answer| Request::PreviewStart {
            timeline,
            profile,
            answer,
        })
        .await
    }

    /// Stops the program, live or not.
    ///
    /// # Errors
    /// [`ShowError::NotRunning`].
    pub async fn preview_stop(&self) -> Result<TimelineId, ShowError> {
        self.ask(|answer| Request::PreviewStop { answer }).await
    }

    /// Sends the running program to `destinations` after `countdown_s` seconds. The timeline goes on.
    ///
    /// # Errors
    /// [`ShowError`] when not in preview or a destination cannot be used; the preview then goes on.
    pub async fn go_live(
        &self,
        destinations: Vec<DestinationId>,
        countdown_s: u32,
    ) -> Result<(), ShowError> {
        self.ask(|answer| Request::GoLive {
            destinations,
            countdown_s,
            answer,
        })
        .await
    }

    /// Makes `destinations` those that take the live program; the ones that stay are not touched.
    ///
    /// # Errors
    /// [`ShowError`] when not live or a destination cannot be used.
    pub async fn set_destinations(
        &self,
        destinations: Vec<DestinationId>,
    ) -> Result<(), ShowError> {
        self.ask(|answer| Request::SetDestinations {
            destinations,
            answer,
        })
        .await
    }

    /// Holds the timeline's clock.
    ///
    /// # Errors
    /// [`ShowError::NotRunning`].
    pub async fn pause(&self) -> Result<(), ShowError> {
        self.ask(|answer| Request::Pause { answer }).await
    }

    /// Lets the timeline's clock run again.
    ///
    /// # Errors
    /// [`ShowError::NotRunning`].
    pub async fn resume(&self) -> Result<(), ShowError> {
        self.ask(|answer| Request::Resume { answer }).await
    }

    /// Goes to `seconds` of the timeline.
    ///
    /// # Errors
    /// [`ShowError::SeekOutOfRange`], [`ShowError::NotRunning`].
    pub async fn seek(&self, seconds: f64) -> Result<(), ShowError> {
        self.ask(|answer| Request::Seek { seconds, answer }).await
    }

    /// Puts a camera on program until the next video cue.
    ///
    /// # Errors
    /// [`ShowError`] when nothing runs or the camera gives no picture.
    pub async fn take_camera(&self, take: Take) -> Result<(), ShowError> {
        self.ask(|answer| Request::TakeCamera { take, answer })
            .await
    }

    /// Puts the test pattern on program, whatever is due, or gives the program back.
    ///
    /// # Errors
    /// [`ShowError::NotRunning`].
    pub async fn test_pattern(&self, shown: bool) -> Result<(), ShowError> {
        self.ask(|answer| Request::TestPattern { shown, answer })
            .await
    }

    /// Changes an overlay of the running timeline and answers how it is now.
    ///
    /// # Errors
    /// [`ShowError`] when nothing runs, there is no such cue, or it cannot be drawn.
    pub async fn edit_overlay(&self, cue: CueId, edit: OverlayEdit) -> Result<Graphic, ShowError> {
        let edit = Box::new(edit);
        self.ask(|answer| Request::EditOverlay { cue, edit, answer })
            .await
    }

    /// Stops the program and every stream at once; answers how many processes of ours were ended.
    ///
    /// # Errors
    /// [`ShowError::Stopping`].
    pub async fn kill_all(&self) -> Result<u32, ShowError> {
        self.ask(|answer| Request::KillAll { answer }).await
    }

    /// Sends one camera straight to one destination.
    ///
    /// # Errors
    /// [`ShowError`] when it is running already or the machine carries no more.
    pub async fn stream_start(&self, plan: StreamPlan) -> Result<(), ShowError> {
        self.ask(|answer| Request::StreamStart { plan, answer })
            .await
    }

    /// Ends a stream.
    ///
    /// # Errors
    /// [`ShowError::StreamNotRunning`].
    pub async fn stream_stop(&self, id: StreamId) -> Result<(), ShowError> {
        self.ask(|answer| Request::StreamStop { id, answer }).await
    }

    /// Holds full quality whatever happens (`true`), or lets the show give some up again.
    ///
    /// # Errors
    /// [`ShowError::Stopping`].
    pub async fn hold_quality(&self, held: bool) -> Result<(), ShowError> {
        self.ask(|answer| Request::HoldQuality { held, answer })
            .await
    }

    /// Says that cameras or destinations were changed, so that what runs follows: the paths of what was
    /// changed are made anew, the others are not touched.
    ///
    /// # Errors
    /// [`ShowError::Stopping`].
    pub async fn refresh(&self) -> Result<(), ShowError> {
        self.ask(|answer| Request::Refresh { answer }).await
    }

    async fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Request) -> Result<T, ShowError> {
        let (answer, answered) = oneshot::channel();
        self.requests
            .send(question(answer))
            .await
            .map_err(|_| ShowError::Stopping)?;
        answered.await.map_err(|_| ShowError::Stopping)?
    }
}
