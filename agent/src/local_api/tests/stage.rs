//! An agent's API without engine: store, modules and routes are real, the show is an actor that answers
//! as the real one does, the media server is whatever the test says.

use crate::alerts::{Keeper, KeeperParts, OwnPorts, Reach};
use crate::assets::Assets;
use crate::audit::Audit;
use crate::config::{Document, Layers};
use crate::diagnostics::Diagnostics;
use crate::health::{Health, History, Report};
use crate::link::{self, Joints};
use crate::local_api::{AppState, MediaAddresses};
use crate::modules::view::ActiveStreamView;
use crate::modules::{Media, Parts, Records, Router};
use crate::outage::Outage;
use crate::reporter::Reporter;
use crate::settings::Settings;
use crate::show::{
    DestinationAddress, DestinationState, DestinationStatus, Mode, Position, Request, Show,
    ShowError, ShowStatus, ShownTimeline, StreamState, StreamStatus,
};
use crate::telemetry::{LogTail, Metrics, System, Watched};
use crate::uptime::Uptime;
use crate::viewing::{Count, Limits, Viewing};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, header};
use engine::mediamtx::{Probe, ProbeError};
use futures_util::future::BoxFuture;
use model::{Camera, Graphic, GraphicKind, Secret};
use runtime::SystemClock;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use store::Store;
use tower::ServiceExt;

/// The password of a proxy, which is in no store.
pub(super) const PROXY_WORD: &str = "pr0xy-word";

/// What came back.
pub(super) struct Back {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

impl Back {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.bytes)))
    }

    /// The refusal's status, code and field.
    pub(super) fn refusal(&self) -> (u16, String, String) {
        let body = self.json();
        let error = &body["error"];
        assert!(
            error["message"].is_string() && error["retryable"].is_boolean(),
            "{body}"
        );
        assert!(
            error["remediation"]
                .as_str()
                .is_some_and(|text| text.ends_with('.')),
            "{body}"
        );
        assert_eq!(body["detail"], error["message"], "{body}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (
            self.status.as_u16(),
            text(&error["code"]),
            text(&error["field"]),
        )
    }
}

/// What the media server would do.
#[derive(Default)]
pub(super) struct Server {
    pub(super) down: AtomicBool,
    /// It is down for so long that it is done without.
    pub(super) absent: AtomicBool,
    /// Previews that are open.
    pub(super) viewers: Arc<AtomicUsize>,
    pub(super) probe: Mutex<Option<Result<Probe, ProbeError>>>,
    pub(super) asked: Mutex<Vec<(Camera, Secret)>>,
}

struct Shared(Arc<Server>);

impl Media for Shared {
    fn outage(&self) -> Option<Outage> {
        let down = self.0.down.load(Ordering::SeqCst);
        down.then(|| Outage::unanswered("it is down"))
    }

    fn obstacle(&self) -> Option<Outage> {
        let absent = self.0.absent.load(Ordering::SeqCst);
        self.outage().filter(|_| !absent)
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<ActiveStreamView>, Outage>> {
        let down = self.0.down.load(Ordering::SeqCst);
        let stream = ActiveStreamView {
            name: "preview".to_owned(),
            ready: true,
            num_readers: 1,
        };
        Box::pin(async move {
            if down {
                Err(Outage::unanswered("it is down"))
            } else {
                Ok(vec![stream])
            }
        })
    }

    fn probe(
        &self,
        camera: &Camera,
        password: &Secret,
    ) -> BoxFuture<'_, Result<Probe, ProbeError>> {
        self.0
            .asked
            .lock()
            .unwrap()
            .push((camera.clone(), password.clone()));
        let result = self.0.probe.lock().unwrap().clone();
        Box::pin(async move { result.unwrap_or(Err(ProbeError::Refused)) })
    }
}

/// Settings that stand every probe.
fn keep_settings(store: &Store, show: &Show) -> (Settings, runtime::Task<()>) {
    let layers = Layers::default();
    let base = layers.overlaid(&Document::new()).unwrap();
    let opened = crate::settings::open(layers, base, store.clone());
    let well: crate::settings::Probe = Arc::new(|_, _| Box::pin(std::future::ready(Ok(()))));
    let (settings, keeper) = opened.keeper(show.clone(), None, well, || {});
    let ended = runtime::CancellationToken::new();
    (settings, runtime::spawn(keeper.run(ended)))
}

pub(super) struct Stage {
    dir: tempfile::TempDir,
    app: AppState,
    pub(super) server: Arc<Server>,
    pub(super) reports: tokio::sync::watch::Sender<Arc<Report>>,
    pub(super) log: LogTail,
    keepers: Vec<runtime::Task<()>>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.keepers.iter().for_each(runtime::Task::abort);
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::beside("127.0.0.1:9".parse().unwrap())
    }

    /// With a media server's HLS and WebRTC at an address.
    pub(super) fn beside(media: SocketAddr) -> Self {
        Self::open(tempfile::tempdir().unwrap(), media)
    }

    /// The same data folder, opened again.
    pub(super) async fn restarted(mut self) -> Self {
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        // The alerts' keeper holds the store until its task is gone.
        for keeper in std::mem::take(&mut self.keepers) {
            keeper.abort();
            drop(keeper.await);
        }
        drop(self);
        Self::open(dir, "127.0.0.1:9".parse().unwrap())
    }

    fn open(dir: tempfile::TempDir, media: SocketAddr) -> Self {
        let clock = Arc::new(SystemClock);
        let now = runtime::Clock::wall(&*clock);
        // A store that was just closed lets go of its folder a moment later.
        let (store, _) = (0..200)
            .find_map(|_| {
                Store::open(&dir.path().join("data"), now).ok().or_else(|| {
                    std::thread::yield_now();
                    std::thread::park_timeout(std::time::Duration::from_millis(10));
                    None
                })
            })
            .expect("the store opens");
        let (show, mut inbox) = Show::channel();
        let keeper = runtime::spawn(async move {
            let mut status = ShowStatus::default();
            while let Some(request) = inbox.requests.recv().await {
                answer(&mut status, request, |status| {
                    inbox.status.send_replace(Arc::new(status.clone()));
                });
            }
        });
        let server = Arc::new(Server::default());
        let system = System::of(tokio::sync::watch::channel(Arc::default()).1);
        let (reports, report) = tokio::sync::watch::channel(Arc::default());
        let health = Health::of(report);
        let (alerts, alert_keeper) = Keeper::new(KeeperParts {
            store: store.clone(),
            health: health.clone(),
            reach: Reach::default(),
            own: OwnPorts(vec![8080]),
        });
        let ended = runtime::CancellationToken::new();
        let alert_keeper = runtime::spawn(alert_keeper.run(ended));
        let uptime = Uptime::of(tokio::sync::watch::channel(Arc::default()).1);
        let (link, link_keeper) = link::open(&store, None);
        let metrics = Arc::new(Metrics::new(Watched {
            show: show.clone(),
            system: system.clone(),
            health: health.clone(),
            alerts: alerts.clone(),
            uptime: uptime.clone(),
            link: link.status.clone(),
        }));
        let (settings, settings_keeper) = keep_settings(&store, &show);
        let viewers = Arc::clone(&server.viewers);
        let count: Count = Arc::new(move || {
            let open = viewers.load(Ordering::SeqCst);
            Box::pin(std::future::ready(Ok(open)))
        });
        let limits = Limits {
            sessions: 20,
            processor: 95,
        };
        let viewing = Viewing::new(Arc::new(move || limits), system.clone(), count);
        let (audit, audit_keeper) = Audit::open(store.clone()).unwrap();
        let audit_keeper = runtime::spawn(audit_keeper.run(runtime::CancellationToken::new()));
        let news = ::link::News::default();
        let reporter = Reporter::new(show.clone(), news.clone());
        let tail = LogTail::default();
        let parts = Parts {
            records: Records::new(store, clock.clone()),
            show,
            media: Box::new(Shared(Arc::clone(&server))),
            clock,
            metrics: Arc::clone(&metrics),
            health,
            system: system.clone(),
            history: History::default(),
            alerts,
            uptime,
            audit,
            reporter,
            assets: Assets::open(&dir.path().join("assets"), |_| b"png".to_vec()).unwrap(),
            settings,
            link,
            diagnostics: Diagnostics::new(tail.clone(), vec![Secret::new(PROXY_WORD)]),
        };
        let router = Router::new(parts);
        let ended = runtime::CancellationToken::new();
        let joints = Joints {
            supervisor: runtime::Supervisor::new(ended.clone()),
            router: router.clone(),
            system,
            news,
        };
        let link_keeper = runtime::spawn(link_keeper.run(joints, ended));
        let addresses = MediaAddresses {
            hls: media,
            webrtc: media,
        };
        let gate = Arc::new(|asked: &engine::mediamtx::gate::Request| asked.path == "preview");
        let app = AppState::new(router, metrics, addresses, gate, viewing).unwrap();
        Self {
            dir,
            app,
            server,
            reports,
            log: tail,
            keepers: vec![
                keeper,
                alert_keeper,
                settings_keeper,
                audit_keeper,
                link_keeper,
            ],
        }
    }

    pub(super) fn app(&self) -> AppState {
        self.app.clone()
    }

    pub(super) fn api(&self) -> axum::Router {
        crate::local_api::router(self.app())
    }

    pub(super) fn data(&self) -> std::path::PathBuf {
        self.dir.path().to_path_buf()
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Back {
        let method: Method = method.parse().unwrap();
        let mut request = axum::http::Request::builder().method(method).uri(path);
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header(header::HOST, "localhost:8080");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.api().oneshot(request).await.unwrap();
        let status = response.status();
        let headers = response.headers().clone();
        let bytes = axum::body::to_bytes(response.into_body(), 64 << 20)
            .await
            .unwrap();
        Back {
            status,
            headers,
            bytes,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Back {
        self.send("GET", path, &[], Body::empty()).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Back {
        self.send("POST", path, &[], body.to_string()).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Back {
        self.send("PUT", path, &[], body.to_string()).await
    }

    pub(super) async fn delete(&self, path: &str) -> Back {
        self.send("DELETE", path, &[], Body::empty()).await
    }

    /// One camera, one timeline that shows it with a lower third, two destinations.
    pub(super) async fn furnish(&self) {
        use serde_json::json;
        let camera = json!({"name": "Harbour", "address": "10.0.0.2", "password": "p@ss:/#%"});
        assert_eq!(self.post("/api/cameras", camera).await.status, 201);
        assert_eq!(self.post("/api/timelines", timeline()).await.status, 201);
        for name in ["First", "Second"] {
            let body = json!({"name": name, "platform": "custom",
                "rtmp_url": "rtmp://127.0.0.1:1935/live", "stream_key": "key-key-key-key"});
            assert_eq!(self.post("/api/destinations", body).await.status, 201);
        }
    }
}

/// A timeline of one camera and one lower third.
pub(super) fn timeline() -> Value {
    serde_json::json!({"name": "Show", "duration": 60, "loop": true, "tracks": [
        {"track_id": "v", "type": "video", "cues": [{"id": "v1", "start_time": 0, "duration": 60,
            "action": "show_camera", "params": {"camera_id": 1}}]},
        {"track_id": "o", "type": "overlay", "cues": [{"id": "o1", "start_time": 0, "duration": 60,
            "action": "show_overlay", "params": {"type": "lower_third", "text": "Marina",
            "position": "bottom_left"}}]}]})
}

fn answer(status: &mut ShowStatus, request: Request, show: impl Fn(&ShowStatus)) {
    let running = status.mode != Mode::Idle;
    let ok = |running: bool| {
        if running {
            Ok(())
        } else {
            Err(ShowError::NotRunning)
        }
    };
    match request {
        Request::PreviewStart {
            timeline, answer, ..
        } => {
            status.mode = Mode::Preview;
            status.timeline = Some(ShownTimeline {
                id: timeline.id.clone().unwrap(),
                name: timeline.name.clone(),
                duration_s: timeline.duration,
                total_cues: 1,
                started_at: "2026-01-01T00:00:00Z".to_owned(),
            });
            status.position = Some(Position {
                current_time: 0.0,
                current_cue_id: None,
                current_cue_index: None,
                loop_count: 0,
                total_cues: 1,
                updated_at: "2026-01-01T00:00:00Z".to_owned(),
            });
            show(status);
            let _ = answer.send(Ok(()));
        }
        Request::PreviewStop { answer } => {
            let was = std::mem::take(status).timeline;
            show(status);
            let _ = answer.send(was.map(|was| was.id).ok_or(ShowError::NotRunning));
        }
        Request::GoLive {
            destinations,
            answer,
            ..
        }
        | Request::SetDestinations {
            destinations,
            answer,
        } => {
            status.mode = Mode::Live;
            status.destinations = destinations
                .into_iter()
                .map(|id| DestinationStatus {
                    name: format!("destination {id}"),
                    id,
                    state: DestinationState::Connecting,
                    kbps: 0,
                    bytes: 0,
                    retries: 0,
                    last_error: None,
                    remediation: None,
                    address: DestinationAddress::Primary,
                    slow: false,
                    needs_attention: false,
                })
                .collect();
            show(status);
            let _ = answer.send(ok(running));
        }
        Request::Pause { answer } => {
            status.paused = running;
            show(status);
            let _ = answer.send(ok(running));
        }
        Request::Resume { answer } => {
            status.paused = false;
            show(status);
            let _ = answer.send(ok(running));
        }
        Request::Seek { seconds, answer } => {
            if let Some(position) = &mut status.position {
                position.current_time = seconds;
            }
            show(status);
            let _ = answer.send(ok(running));
        }
        Request::TakeCamera { answer, .. } | Request::TestPattern { answer, .. } => {
            drop(answer.send(ok(running)));
        }
        Request::EditOverlay { cue, edit, answer } => {
            let graphic = Graphic {
                kind: GraphicKind::LowerThird,
                text: edit.text,
                image: None,
                position: None,
                x: None,
                y: None,
                width: None,
                height: None,
                scale: 1.0,
                opacity: edit.opacity.unwrap_or(1.0),
                font_size: None,
                color: None,
                background: None,
                tokens: std::collections::BTreeMap::new(),
            };
            let known = cue.as_str() == "o1";
            let _ = answer.send(if known {
                Ok(graphic)
            } else {
                Err(ShowError::NoOverlay(cue))
            });
        }
        Request::KillAll { answer } => {
            *status = ShowStatus::default();
            show(status);
            let _ = answer.send(Ok(3));
        }
        Request::StreamStart { plan, answer } => {
            status.streams.push(StreamStatus {
                id: plan.id,
                state: StreamState::Starting,
                how: None,
                kbps: 0,
                bytes: 0,
                uptime_s: 0,
                restarts: 0,
                last_error: None,
            });
            show(status);
            let _ = answer.send(Ok(()));
        }
        Request::HoldQuality { held, answer } => {
            status.quality.held = held;
            show(status);
            let _ = answer.send(Ok(()));
        }
        Request::StreamStop { id, answer } => {
            let before = status.streams.len();
            status.streams.retain(|one| one.id != id);
            show(status);
            let stopped = status.streams.len() < before;
            let _ = answer.send(if stopped {
                Ok(())
            } else {
                Err(ShowError::StreamNotRunning(id))
            });
        }
        Request::Refresh { answer } => drop(answer.send(Ok(()))),
    }
}
