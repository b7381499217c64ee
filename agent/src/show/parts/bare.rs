//! Parts for tests that start no process: without FFmpeg and without a media server.

use super::{Encoders, Parts};
use crate::assets::Assets;
use crate::config::{Document, Layers};
use crate::inventory::Inventory;
use crate::notice::Notices;
use crate::show::admission::Admission;
use crate::show::fillers::Fillers;
use crate::telemetry::{System, SystemSample};
use engine::mediamtx::{Addresses, Choice, Credentials, MediaMtx, Ports};
use engine::process::Launcher;
use overlay::Studio;
use runtime::{Supervisor, SystemClock};
use std::sync::Arc;
use tokio::sync::watch;

/// Everything that a show needs, without FFmpeg and without a media server.
pub(in crate::show) fn parts(supervisor: &Supervisor, folder: &tempfile::TempDir) -> Parts {
    let launcher = Launcher::start().unwrap();
    let clock = SystemClock;
    // Somebody else's that is not there: one of ours that is missing would be done without.
    let choice = Choice::External(Addresses::from(Ports {
        rtsp: 1,
        rtmp: 2,
        hls: 3,
        webrtc: 4,
        webrtc_media: 5,
        api: 6,
    }));
    let credentials = Credentials::fresh().unwrap();
    let media = MediaMtx::start(supervisor, &launcher, Arc::new(clock), choice, &credentials);
    let live = Layers::default().overlaid(&Document::new()).unwrap();
    let live = watch::channel(Arc::new(live)).1;
    let system = System::of(watch::channel(Arc::new(SystemSample::default())).1);
    Parts {
        launcher,
        ffmpeg: Err("none in this test".to_owned()),
        media: media.unwrap(),
        studio: Arc::new(Studio::new().unwrap()),
        assets: Assets::open(folder.path(), |_| b"png".to_vec()).unwrap(),
        shelf: watch::channel(Arc::new(Inventory::default())).1,
        notices: Notices::new(Arc::new(clock)),
        clock,
        encoders: Encoders::default(),
        fillers: Fillers::new(folder.path()),
        admission: Admission::new(system.clone(), live.clone()),
        system,
        live,
    }
}
