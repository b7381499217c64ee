//! The page and the API on loopback: requests become commands, replies become JSON.
//!
//! Owns routes, the API document, the mapping of codes to HTTP, the page and the proxies to the media
//! server. Decides nothing about the show: every request that asks something of the agent goes through
//! `modules::Router`.

mod alerts;
mod audit;
mod cameras;
mod catalogue;
mod commands;
mod destinations;
mod diagnostics;
mod document;
mod error;
mod events;
mod execution;
mod extract;
mod gate;
mod guard;
mod health;
mod link;
mod metrics;
mod overlays;
mod page;
mod preview;
mod proxy;
mod quality;
mod settings;
mod streams;
mod timelines;

pub use document::document;
pub use gate::Gate;

use crate::modules::Router;
use crate::modules::command::{Command, Origin, Reply};
use crate::telemetry::Metrics;
use crate::viewing::Viewing;
use axum::{Json, middleware};
use error::Refusal;
use protocol::Code;
use runtime::CancellationToken;
use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

/// How long requests that are under way may go on when the agent stops.
const DRAIN: Duration = Duration::from_secs(2);

/// Where the media server answers, on loopback.
#[derive(Debug, Clone, Copy)]
pub struct MediaAddresses {
    /// HLS.
    pub hls: SocketAddr,
    /// WebRTC signalling.
    pub webrtc: SocketAddr,
}

/// Everything the routes need.
#[derive(Clone)]
pub struct AppState {
    router: Router,
    metrics: Arc<Metrics>,
    media: MediaAddresses,
    gate: Gate,
    http: reqwest::Client,
    viewing: Viewing,
}

/// Why the API could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Before sign-in exists, only loopback is served.
    #[error("the API answers on loopback only until sign-in exists, not on {0}")]
    NotLoopback(SocketAddr),
    /// The port is taken or forbidden.
    #[error("the API cannot listen on {address}")]
    Listen {
        /// Where it should.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The listener failed.
    #[error("the API's listener failed")]
    Serve(#[source] std::io::Error),
    /// No client for the media server.
    #[error("the client for the media server could not be made")]
    Client(#[source] reqwest::Error),
}

type Answer = Result<Json<Reply>, Refusal>;

impl AppState {
    /// Joins the parts. `gate` decides who may publish to and read from the media server, `viewing` who
    /// may open a preview.
    ///
    /// # Errors
    /// [`ServeError::Client`] when no HTTP client can be made.
    pub fn new(
        router: Router,
        metrics: Arc<Metrics>,
        media: MediaAddresses,
        gate: Gate,
        viewing: Viewing,
    ) -> Result<Self, ServeError> {
        let http = proxy::client().map_err(ServeError::Client)?;
        Ok(Self {
            router,
            metrics,
            media,
            gate,
            http,
            viewing,
        })
    }

    async fn ask(&self, command: Command) -> Answer {
        if command.only_looks() {
            return Ok(Json(self.router.ask(Origin::Operator, command).await?));
        }
        // Whoever asked may close the connection: what was begun comes to its end, is told and is
        // written down all the same.
        let router = self.router.clone();
        let asked = runtime::spawn(async move { router.ask(Origin::Operator, command).await });
        let fault = |ended| {
            tracing::error!(%ended, "A command met a fault of the agent.");
            Code::Internal.with_message("the command met a fault of the agent")
        };
        Ok(Json(asked.outlives().await.map_err(fault)??))
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(preview::routes())
        .merge(quality::routes())
        .merge(settings::routes())
        .merge(cameras::routes())
        .merge(destinations::routes())
        .merge(timelines::routes())
        .merge(execution::routes())
        .merge(overlays::routes())
        .merge(streams::routes())
        .merge(catalogue::routes())
        .merge(events::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(alerts::routes())
        .merge(audit::routes())
        .merge(diagnostics::routes())
        .merge(link::routes())
        .merge(commands::routes())
        .merge(proxy::routes())
        .merge(gate::routes())
}

/// The whole API and the page.
pub fn router(app: AppState) -> axum::Router {
    let (routes, _) = routes().split_for_parts();
    routes
        .fallback(page::file)
        .method_not_allowed_fallback(error::no_method)
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(middleware::from_fn_with_state(app.clone(), guard::check))
        .with_state(app)
}

/// Opens the API's port. Port 0 takes any free one; ask the listener which.
///
/// # Errors
/// [`ServeError`] when the address is not loopback or cannot be listened on.
pub async fn listen(address: SocketAddr) -> Result<tokio::net::TcpListener, ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    tokio::net::TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

/// Answers requests until `stop` is done. Those that are under way may end for [`DRAIN`] longer; a page
/// that watches events would hold the agent for ever.
///
/// # Errors
/// [`ServeError`] when the listener is not on loopback or fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    app: AppState,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Serve)?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let stopped = CancellationToken::new();
    let serving = axum::serve(listener, router(app))
        .with_graceful_shutdown(stopped.clone().cancelled_owned())
        .into_future();
    let drained = async {
        stop.await;
        stopped.cancel();
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = serving => ended.map_err(ServeError::Serve),
        () = drained => Ok(()),
    }
}

#[cfg(test)]
mod tests;
