//! The cameras' paths on the media server: each active camera is pulled there, once.
//!
//! Owns which of them exist. Told by `owner` when cameras were changed; only the paths of what was
//! changed are made anew.

use super::parts::Parts;
use engine::mediamtx::{MediaMtx, PathName, PathSpec, Track, camera_url};
use model::{CameraId, Secret};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long an input waits to learn a camera's codecs.
pub(super) const CODECS: Duration = Duration::from_secs(1);

/// Where a camera's decoder reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// From the media server.
    Local(String),
    /// From the camera itself, while there is no media server. It may hold a password.
    Direct(Secret),
}

/// Where a camera is read. From the media server once its codecs are known, `None` before: by RTMP, whose
/// packets carry one clock for picture and sound, where its codecs allow it; RTSP places the tracks by
/// their arrival. While the media server is absent, from the camera itself.
pub(super) fn address(parts: &Parts, id: &CameraId) -> Option<Address> {
    let media = &parts.media;
    if media.is_absent() {
        return direct(parts, id);
    }
    let path = PathName::camera(id);
    let snapshots = media.snapshots();
    let snapshot = snapshots.borrow();
    let tracks = snapshot
        .path(&path)
        .map_or(&[][..], |path| path.tracks.as_slice());
    let fits = |track: &Track| matches!(track.codec.as_str(), "H264" | "MPEG-4 Audio");
    (!tracks.is_empty()).then(|| {
        Address::Local(if tracks.iter().all(fits) {
            media.rtmp_url(&path)
        } else {
            media.rtsp_url(&path)
        })
    })
}

/// A camera's own address; `None` for one that is switched off or unknown.
fn direct(parts: &Parts, id: &CameraId) -> Option<Address> {
    let camera = parts.camera(id).filter(|camera| camera.is_active)?;
    let password = parts.password(id);
    let password = Some(&password).filter(|password| !password.is_empty());
    Some(Address::Direct(camera_url(&camera, password)))
}

/// Waits until a camera's codecs are known, or need not be.
pub(super) async fn known(media: &MediaMtx, id: &CameraId) {
    let path = PathName::camera(id);
    let (mut snapshots, mut absent) = (media.snapshots(), media.absent());
    let known =
        snapshots.wait_for(|now| now.path(&path).is_some_and(|path| !path.tracks.is_empty()));
    // They fail only when the media server is let go of: the agent ends.
    tokio::select! {
        known = known => drop(known),
        absent = absent.wait_for(|absent| *absent) => drop(absent),
    }
}

/// [`address`], once the camera's codecs are known or after a second without.
pub(super) async fn settled_address(parts: &Parts, id: &CameraId) -> Address {
    let media = &parts.media;
    // Without them the camera is read by RTSP, which carries every codec.
    let _late = tokio::time::timeout(CODECS, known(media, id)).await;
    address(parts, id).unwrap_or_else(|| Address::Local(media.rtsp_url(&PathName::camera(id))))
}

/// The cameras that are pulled, and from where.
#[derive(Debug)]
pub(super) struct Cameras {
    parts: Parts,
    pulled: BTreeMap<CameraId, Secret>,
}

impl Cameras {
    pub(super) const fn new(parts: Parts) -> Self {
        Self {
            parts,
            pulled: BTreeMap::new(),
        }
    }

    /// Brings the paths in line with what is stored.
    pub(super) async fn refresh(&mut self) {
        let mut wanted = BTreeMap::new();
        let shelf = Arc::clone(&self.parts.shelf.borrow());
        for (camera, password) in shelf.cameras().filter(|(camera, _)| camera.is_active) {
            let password = Some(password).filter(|password| !password.is_empty());
            wanted.insert(camera.id.clone(), camera_url(camera, password));
        }
        let gone = self
            .pulled
            .keys()
            .filter(|id| !wanted.contains_key(*id))
            .cloned();
        for id in gone.collect::<Vec<_>>() {
            self.parts.media.forget(&PathName::camera(&id));
            self.pulled.remove(&id);
        }
        for (id, address) in wanted {
            if self.pulled.get(&id) == Some(&address) {
                continue;
            }
            let path = PathName::camera(&id);
            let spec = PathSpec::pulled(address.clone());
            if let Err(error) = self.parts.media.put(&path, spec).await {
                tracing::warn!(camera = %id, %error, "The camera's path is not there yet.");
            }
            self.pulled.insert(id, address);
        }
    }
}
