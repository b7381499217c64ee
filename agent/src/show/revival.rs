//! Cameras that are wanted and give no picture: asked whether they are there, and connected anew.
//!
//! Owns when each is tried (at once, each second for ten seconds, then every ten) and what the last
//! try found. MediaMTX alone waits five seconds between two tries, so a camera that answers has its
//! path taken away and added again. Never decides what is on air, never opens a decoder. Neighbours:
//! `knock` asks the camera, `sources` says which are missing.

use super::knock::{Knock, knock};
use super::parts::Parts;
use engine::mediamtx::{MediaMtx, PathName, PathSpec, ProbeError, Snapshot, camera_url};
use model::{Camera, CameraId, Secret};
use runtime::{Clock, Task, spawn};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Tries a second apart.
const EAGER: u32 = 10;
/// From one of the first tries to the next.
const SOON: Duration = Duration::from_secs(1);
/// From one of the later tries to the next.
const LATER: Duration = Duration::from_secs(10);
/// Over how long it is looked whether anything is received of a camera.
const FLOW: Duration = Duration::from_millis(250);
/// How long a new connection may take before the next try.
const CONNECT: Duration = Duration::from_millis(2500);
/// Between two looks at a new connection.
const LOOK: Duration = Duration::from_millis(100);

/// Why a camera gives no picture, as the last try found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing is known yet.
    Unknown,
    /// It is switched off in the settings, or was removed.
    SwitchedOff,
    /// Nobody answers at its address.
    Away(Knock),
    /// It answers and does not let itself be connected.
    Refuses(ProbeError),
    /// It was connected just now.
    Connected,
    /// It is connected and sends sound alone.
    SoundOnly,
    /// It is connected and sends something, but no picture that can be shown.
    NoPicture,
}

impl Trouble {
    /// For people, as a part of a sentence that begins with the camera.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Unknown => "the camera sends no picture".to_owned(),
            Self::SwitchedOff => "the camera is switched off in its settings".to_owned(),
            Self::Away(Knock::Refused) => {
                "the camera refuses the connection: it is off, or its port is wrong".to_owned()
            }
            Self::Away(Knock::Unreachable) => "the camera cannot be reached".to_owned(),
            Self::Away(Knock::Silent) => {
                "the camera takes the connection and does not answer".to_owned()
            }
            Self::Refuses(error) => error.to_string(),
            Self::Connected => "the camera answers again and is being connected".to_owned(),
            Self::SoundOnly => "the camera sends sound and no picture".to_owned(),
            Self::NoPicture => "the camera is connected and sends no picture".to_owned(),
        }
    }
}

/// The pause before the next try, after so many.
const fn pause_after(tries: u32) -> Duration {
    if tries <= EAGER { SOON } else { LATER }
}

/// One camera that is missing.
#[derive(Debug)]
struct Care {
    tries: u32,
    next_ns: u64,
    trouble: Trouble,
    found: Arc<Mutex<Option<Trouble>>>,
    task: Option<Task<()>>,
}

/// The cameras that are missing.
#[derive(Debug, Default)]
pub(super) struct Revival {
    cared: BTreeMap<CameraId, Care>,
}

impl Revival {
    /// Looks after the cameras that are missing now, and after no other. Never waits; to be called ten
    /// times a second. Gives the cameras that were connected anew since.
    pub(super) fn keep(&mut self, parts: &Parts, missing: &[CameraId]) -> Vec<CameraId> {
        self.cared.retain(|id, _| missing.contains(id));
        let now_ns = parts.clock.monotonic_ns();
        let mut connected = Vec::new();
        for id in missing {
            let care = self.cared.entry(id.clone()).or_insert_with(|| Care {
                tries: 0,
                next_ns: now_ns,
                trouble: Trouble::Unknown,
                found: Arc::default(),
                task: None,
            });
            if care.task.as_ref().is_some_and(Task::is_finished) {
                care.task = None;
                let found = care
                    .found
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                let trouble = found.unwrap_or(Trouble::Unknown);
                if trouble == Trouble::Connected {
                    connected.push(id.clone());
                }
                // One that begins to answer is tried each second again.
                let was_away = matches!(care.trouble, Trouble::Away(_));
                if was_away && !matches!(trouble, Trouble::Away(_)) {
                    care.tries = care.tries.min(1);
                }
                if care.trouble != trouble {
                    tracing::warn!(camera = %id, cause = %trouble.describe(), "A camera is missing.");
                }
                care.trouble = trouble;
            }
            if care.task.is_some() || now_ns < care.next_ns {
                continue;
            }
            let Some(camera) = parts.camera(id).filter(|camera| camera.is_active) else {
                care.trouble = Trouble::SwitchedOff;
                continue;
            };
            care.tries = care.tries.saturating_add(1);
            let pause = u64::try_from(pause_after(care.tries).as_nanos()).unwrap_or(u64::MAX);
            care.next_ns = now_ns.saturating_add(pause);
            let password = parts.password(id);
            let found = Arc::clone(&care.found);
            let attempt = attempt(parts.media.clone(), camera, password, care.tries > EAGER);
            care.task = Some(spawn(async move {
                let trouble = attempt.await;
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
            }));
        }
        connected
    }

    /// Why a camera is missing; `None` when it is not.
    pub(super) fn trouble(&self, id: &CameraId) -> Option<&Trouble> {
        self.cared.get(id).map(|care| &care.trouble)
    }
}

/// A path that is wanted again when this goes, however that comes about: a try may be given up at any
/// moment.
struct Again<'a> {
    media: &'a MediaMtx,
    path: &'a PathName,
    spec: PathSpec,
}

impl Drop for Again<'_> {
    fn drop(&mut self) {
        self.media.want(self.path, self.spec.clone());
    }
}

/// One try. `thorough`: a connection that brings no picture is made anew, too.
async fn attempt(media: MediaMtx, camera: Camera, password: Secret, thorough: bool) -> Trouble {
    if media.is_absent() {
        // Its decoder connects to the camera itself, again and again.
        return knock(&camera)
            .await
            .map_or_else(Trouble::Away, |()| Trouble::Unknown);
    }
    let path = PathName::camera(&camera.id);
    let received = |snapshot: &Snapshot| {
        let path = snapshot.path(&path).filter(|path| path.online);
        path.map(|path| path.inbound_bytes)
    };
    let before = media.refresh().await;
    let (answer, ()) = tokio::join!(knock(&camera), sleep(FLOW));
    let snapshot = media.refresh().await;
    let flows =
        received(&snapshot).is_some_and(|now| received(&before).is_some_and(|then| now > then));
    if flows && !thorough {
        let tracks = snapshot.path(&path).map(|path| path.tracks.clone());
        let seen = tracks.is_some_and(|tracks| tracks.iter().any(|track| track.video.is_some()));
        return if seen {
            Trouble::NoPicture
        } else {
            Trouble::SoundOnly
        };
    }
    if let Err(nobody) = answer {
        return Trouble::Away(nobody);
    }
    let password = Some(&password).filter(|password| !password.is_empty());
    let spec = PathSpec::pulled(camera_url(&camera, password));
    // Away and back as two changes: only a path that was gone is connected at once. An error of the
    // media server shows below as a connection that does not come about.
    let again = Again {
        media: &media,
        path: &path,
        spec,
    };
    drop(media.remove(&path).await);
    let said_before = media.lines_said();
    drop(again);
    let connecting = async {
        loop {
            let snapshot = media.refresh().await;
            if received(&snapshot).is_some() {
                return Trouble::Connected;
            }
            if let Some(error) = media.source_error_since(&path, said_before) {
                return Trouble::Refuses(error);
            }
            sleep(LOOK).await;
        }
    };
    let late = Trouble::Refuses(ProbeError::Timeout);
    timeout(CONNECT, connecting).await.unwrap_or(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_tried_each_second_for_ten_seconds_and_then_every_ten() {
        let mut at = 0;
        let mut tries = Vec::new();
        for n in 1..=14 {
            tries.push(at);
            at += pause_after(n).as_secs();
        }
        assert_eq!(tries, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40]);
    }

    #[test]
    fn every_trouble_has_words_of_its_own() {
        let all = [
            Trouble::Unknown,
            Trouble::SwitchedOff,
            Trouble::Away(Knock::Refused),
            Trouble::Away(Knock::Unreachable),
            Trouble::Away(Knock::Silent),
            Trouble::Refuses(ProbeError::AuthFailed),
            Trouble::Connected,
            Trouble::SoundOnly,
            Trouble::NoPicture,
        ];
        let words: std::collections::BTreeSet<String> = all.iter().map(Trouble::describe).collect();
        assert_eq!(words.len(), all.len());
    }
}
