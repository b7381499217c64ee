//! What the modules need of the media server, apart from the show.

use super::view::ActiveStreamView;
use crate::outage::Outage;
use engine::mediamtx::{MediaMtx, Probe, ProbeError, camera_url};
use futures_util::future::BoxFuture;
use model::{Camera, Secret};
use std::time::Duration;

/// How long a camera is tried.
const TRY: Duration = Duration::from_secs(10);

/// The media server, as the modules see it.
pub trait Media: Send + Sync {
    /// Why it cannot be used, as it was when it was last looked at; `None` when it can. Costs nothing.
    fn outage(&self) -> Option<Outage>;

    /// Why a show cannot begin now; `None` also while it is done without the server.
    fn obstacle(&self) -> Option<Outage>;

    /// The paths it has, or why it does not answer.
    fn streams(&self) -> BoxFuture<'_, Result<Vec<ActiveStreamView>, Outage>>;

    /// Tries a camera's connection.
    fn probe(&self, camera: &Camera, password: &Secret)
    -> BoxFuture<'_, Result<Probe, ProbeError>>;
}

impl Media for MediaMtx {
    fn outage(&self) -> Option<Outage> {
        Outage::of(&self.health().borrow())
    }

    fn obstacle(&self) -> Option<Outage> {
        Outage::in_the_way(self)
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<ActiveStreamView>, Outage>> {
        Box::pin(async move {
            if let Some(outage) = Media::outage(self) {
                return Err(outage);
            }
            let snapshot = self.refresh().await;
            let views = snapshot.paths.iter().map(|(name, path)| ActiveStreamView {
                name: name.as_str().to_owned(),
                ready: path.online,
                num_readers: path.readers,
            });
            Ok(views.collect())
        })
    }

    fn probe(
        &self,
        camera: &Camera,
        password: &Secret,
    ) -> BoxFuture<'_, Result<Probe, ProbeError>> {
        let address = camera_url(
            camera,
            Some(password).filter(|password| !password.is_empty()),
        );
        Box::pin(async move { Self::probe(self, address, TRY).await })
    }
}
