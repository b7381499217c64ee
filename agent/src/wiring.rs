//! Builds every part, joins the mailboxes, hands the units to the supervisor. No decisions.

mod doctor;
mod heap;
mod pairing;
mod probe;
mod snapshots;
mod watchdog;

pub use doctor::{Report, doctor};
pub use heap::one_heap;
pub use pairing::{pair, serial, unpair};

use crate::alerts::{Alerts, Keeper, KeeperParts, OwnPorts};
use crate::assets::Assets;
use crate::audit::Audit;
use crate::config::{Config, Layers, Live, MediamtxConfig, MediamtxMode};
use crate::diagnostics::Diagnostics;
use crate::health::{Health, History, Watcher};
use crate::link::{self, LinkKeeper};
use crate::local_api::{self, AppState, Gate, MediaAddresses};
use crate::modules::{Parts as ModuleParts, Records, Router};
use crate::notice::{NoticeKind, Notices};
use crate::outage::Outage;
use crate::reporter::Reporter;
use crate::settings::{self, SettingsKeeper};
use crate::show::{
    Admission, Encoders, Fillers, Moment, Owner, Parts as ShowParts, Recalled, Show, recall,
};
use crate::telemetry::{Log, LogTail, Metrics, System, Watched};
use crate::uptime::{self, Uptime};
use crate::viewing::{Count, Limits, Viewing};
use ::link::News;
use anyhow::{Context, Result};
use engine::mediamtx::gate::{self, Policy, Publisher};
use engine::mediamtx::{
    Addresses, Choice, Credentials, Managed, MediaMtx, PathName, PathSpec, Ports,
};
use engine::process::Launcher;
use engine::tools::{self, ToolName};
use model::{FrameRate, Pattern, Secret, Size};
use overlay::Studio;
use runtime::{CancellationToken, Clock, Policy as UnitPolicy, Shutdown, Supervisor, SystemClock};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use store::Store;

/// Runs the agent until a signal or a fatal fault. `layers` is what `config` was made of.
///
/// # Errors
/// When a part that nothing works without cannot be made: the data folder, the API's port.
pub async fn run(config: Config, layers: Layers, log: Log) -> Result<()> {
    let clock = SystemClock;
    let shutdown = Shutdown::listen().context("signals cannot be watched")?;
    let listener = local_api::listen(config.api.listen)
        .await
        .with_context(|| {
            format!(
                "stop what uses {}, or set api.port to another port",
                config.api.listen
            )
        })?;
    let address = listener.local_addr().context("the API has no address")?;
    let notices = Notices::new(Arc::new(clock));
    let store = open_store(&config.data_dir, &clock, &notices)?;
    let settings = settings::open(layers, config.live(), store.clone());
    let live = settings.live();
    let recalled = recall(&store, Moment::now(&clock), &notices);
    let records = Records::new(store.clone(), Arc::new(clock));
    let studio = Arc::new(Studio::new().context("the bundled font cannot be read")?);
    let draw = |pattern: Pattern| studio.pattern_png(pattern, Size::HD);
    let assets = Assets::open(&config.assets_dir, draw).with_context(|| {
        format!(
            "the assets folder {} cannot be made",
            config.assets_dir.display()
        )
    })?;
    let launcher = Launcher::start().context("no thread to start children from")?;
    let supervisor = Supervisor::new(shutdown.token());
    let system = System::start(&supervisor, config.data_dir.clone());
    let credentials = credentials(&config.mediamtx)?;
    let gate_url = format!("http://{address}/internal/media-gate");
    let choice = media_choice(&config, &launcher, gate_url);
    let media = MediaMtx::start(
        &supervisor,
        &launcher,
        Arc::new(clock),
        choice,
        &credentials,
    )
    .context("the media server cannot be kept")?;
    let (show, inbox) = Show::channel();
    let parts = ShowParts {
        launcher: launcher.clone(),
        ffmpeg: find(&launcher, ToolName::Ffmpeg, config.ffmpeg.path.as_deref()),
        media: media.clone(),
        studio,
        assets: assets.clone(),
        shelf: records.shelf(),
        notices: notices.clone(),
        clock,
        encoders: Encoders::default(),
        fillers: Fillers::new(&config.data_dir.join("fillers")),
        admission: Admission::new(system.clone(), live.clone()),
        system: system.clone(),
        live: live.clone(),
    };
    try_encoder(&parts);
    let changes = records.changes();
    let (settings, settings_keeper) = settings.keeper(
        show.clone(),
        Some(log.level),
        probe::probe(parts.clone(), show.clone()),
        move || changes.send_modify(|count| *count += 1),
    );
    change_settings(&supervisor, settings_keeper);
    let viewing = viewing(config.preview.sessions, live.clone(), &media, &system);
    let history = History::default();
    let diagnostics = diagnostics(log.tail, &credentials, &config);
    let (link, link_keeper) = link::open(&store, config.link.proxy);
    let health = watch_health(
        &supervisor,
        Watcher::new(
            show.clone(),
            &media,
            system.clone(),
            (records.shelf(), store.clone()),
            history.clone(),
            live,
            link.validity.clone(),
        ),
    );
    let alerts = keep_alerts(
        &supervisor,
        KeeperParts {
            store: store.clone(),
            health: health.clone(),
            reach: config.alerts.http,
            own: own_ports(address, &config.mediamtx),
        },
    );
    let uptime = count_uptime(
        &supervisor,
        uptime::KeeperParts {
            show: show.clone(),
            server: media.health(),
            store: store.clone(),
        },
    );
    let audit = keep_audit(&supervisor, &store)?;
    let news = News::default();
    let reporter = report(&supervisor, &show, &alerts, &news);
    let metrics = Arc::new(Metrics::new(Watched {
        show: show.clone(),
        system: system.clone(),
        health: health.clone(),
        alerts: alerts.clone(),
        uptime: uptime.clone(),
        link: link.status.clone(),
    }));
    let router = Router::new(ModuleParts {
        records: records.clone(),
        show: show.clone(),
        media: Box::new(media.clone()),
        clock: Arc::new(clock),
        metrics: Arc::clone(&metrics),
        health,
        system: system.clone(),
        history,
        alerts,
        uptime,
        audit,
        reporter,
        assets,
        settings,
        link,
        diagnostics,
    });
    let addresses = media.addresses();
    let seen = MediaAddresses {
        hls: addresses.hls,
        webrtc: addresses.webrtc,
    };
    let joints = link::Joints {
        supervisor: supervisor.clone(),
        router: router.clone(),
        system,
        news,
    };
    keep_link(&supervisor, link_keeper, joints);
    let app = AppState::new(router, metrics, seen, gate(credentials), viewing)
        .context("no HTTP client")?;

    serve_api(&supervisor, listener, app);
    let want = media.clone();
    supervisor.start("program paths", UnitPolicy::default(), move |_| {
        program_paths(want.clone())
    });
    keep_what_runs(&supervisor, &store, &records, &show, &notices);
    let fault = run_show(&supervisor, parts, inbox, recalled);
    let manager = watchdog::Manager::of(|name| std::env::var(name).ok()).map(Arc::new);
    if let Some(manager) = &manager {
        manager.tell("READY=1\nSTATUS=Serving.");
        let manager = Arc::clone(manager);
        supervisor.start("watchdog", UnitPolicy::default(), move |stop| {
            watchdog::watch(Arc::clone(&manager), show.clone(), store.clone(), stop)
        });
    }
    tracing::info!(page = %format!("http://{address}/"), "Ready for the operator.");

    let stop = shutdown.token();
    tokio::select! {
        () = stop.cancelled() => {}
        () = fault.cancelled() => shutdown.request(),
    }
    if let Some(manager) = &manager {
        manager.tell("STOPPING=1");
    }
    supervisor.ended().await;
    if fault.is_cancelled() {
        // Whoever starts the agent again gets the show back.
        anyhow::bail!("the show's task ended by a fault");
    }
    tracing::info!("Stopped.");
    Ok(())
}

/// What the media server's API is asked with: made anew for our own, given for somebody else's.
fn credentials(config: &MediamtxConfig) -> Result<Credentials> {
    if let (MediamtxMode::External, Some(user)) = (config.mode, &config.api_user) {
        let (user, password) = (user.clone(), config.api_password.clone());
        return Ok(Credentials { user, password });
    }
    Credentials::fresh().map_err(|_| anyhow::anyhow!("the system gives no random numbers"))
}

/// Bundles with the end of this log, and without the secrets that are in no store.
fn diagnostics(log: LogTail, media: &Credentials, config: &Config) -> Diagnostics {
    let proxy = config.link.proxy.as_ref().and_then(::link::Proxy::password);
    let known = [&media.password, &config.mediamtx.api_password];
    let known = known.into_iter().cloned().chain(proxy.map(Secret::new));
    Diagnostics::new(log, known.collect())
}

fn open_store(folder: &Path, clock: &SystemClock, notices: &Notices) -> Result<Store> {
    let (store, opened) = Store::open(folder, clock.wall())
        .with_context(|| format!("the data folder {} cannot be used", folder.display()))?;
    if let Some(recovered) = opened.recovered {
        let from = recovered.snapshot.map_or_else(
            || "There was no copy of it: the agent began empty.".to_owned(),
            |taken| {
                let taken = crate::time::rfc3339(taken);
                format!("The agent goes on with the copy of {taken}.")
            },
        );
        let aside = recovered.set_aside.map_or_else(String::new, |path| {
            format!(" and was set aside as {}", path.display())
        });
        let message = format!(
            "The database could not be used ({}){aside}. {from}",
            recovered.reason
        );
        notices.raise(NoticeKind::StoreRecovered, message);
    }
    if !opened.unreadable_secrets.is_empty() {
        let names = opened.unreadable_secrets.join(", ");
        let message = format!("The passwords or keys of these do not open: {names}.");
        notices.raise(NoticeKind::SecretsUnreadable, message);
    }
    Ok(store)
}

/// Keeps what is wanted to run, and copies of everything that is kept.
fn keep_what_runs(
    supervisor: &Supervisor,
    store: &Store,
    records: &Records,
    show: &Show,
    notices: &Notices,
) {
    let changes = records.changes();
    let (memory, own, told) = (show.memory().clone(), store.clone(), notices.clone());
    supervisor.start("memory", UnitPolicy::default(), move |stop| {
        let changes = changes.clone();
        let kept = move || changes.send_modify(|count| *count += 1);
        memory.clone().keep(own.clone(), told.clone(), kept, stop)
    });
    let (store, changes) = (store.clone(), records.changes());
    supervisor.start("snapshots", UnitPolicy::default(), move |stop| {
        snapshots::keep(store.clone(), changes.clone(), SystemClock, stop)
    });
}

/// Where a tool is, or what to tell the operator. Missing tools do not keep the page from opening.
fn find(launcher: &Launcher, tool: ToolName, path: Option<&Path>) -> Result<PathBuf, String> {
    match tools::find(launcher, tool, path) {
        Ok(found) => {
            tracing::info!(tool = tool.program(), path = %found.path.display(), version = found.version, "Found.");
            Ok(found.path)
        }
        Err(error) => {
            tracing::error!(tool = tool.program(), %error, "Not usable; the page says what that means.");
            Err(error.to_string())
        }
    }
}

fn media_choice(config: &Config, launcher: &Launcher, gate: String) -> Choice {
    let of = &config.mediamtx;
    let ports = ports(of);
    if of.mode == MediamtxMode::External {
        return Choice::External(Addresses::from(ports));
    }
    match find(launcher, ToolName::Mediamtx, of.path.as_deref()) {
        Ok(binary) => Choice::Managed(Managed {
            binary,
            directory: config.data_dir.join("mediamtx"),
            ports,
            gate,
        }),
        Err(reason) => Choice::Missing { ports, reason },
    }
}

fn ports(config: &MediamtxConfig) -> Ports {
    Ports {
        rtsp: config.rtsp_port,
        rtmp: config.rtmp_port,
        hls: config.hls_port,
        webrtc: config.webrtc_port,
        webrtc_media: config.webrtc_udp_port,
        api: config.api_port,
    }
}

/// The paths that our own encoders publish to.
fn published() -> [PathName; 4] {
    [
        PathName::program(),
        PathName::program_rtc(),
        PathName::preview(),
        PathName::preview_stream(),
    ]
}

async fn program_paths(media: MediaMtx) -> Result<(), std::convert::Infallible> {
    for path in published() {
        if let Err(error) = media.put(&path, PathSpec::published()).await {
            tracing::debug!(%path, %error, "The path follows when the server is there.");
        }
    }
    Ok(())
}

/// Who may publish: our encoders' paths take publishers of this machine, nothing else takes any.
fn gate(api: Credentials) -> Gate {
    let known = published().map(|path| (path, Publisher::Local));
    Arc::new(move |request| {
        let mut publish: BTreeMap<PathName, Publisher> = known.iter().cloned().collect();
        // Renditions and encodes of streams come and go.
        let of_encoder = request.path.starts_with("program/") || request.path.ends_with("/encode");
        if let Some(path) = of_encoder
            .then(|| PathName::parse(request.path.as_str()).ok())
            .flatten()
        {
            publish.insert(path, Publisher::Local);
        }
        gate::permit(
            request,
            &Policy {
                api: api.clone(),
                publish,
            },
        )
    })
}

/// Tries the encoder of the default profile ahead of the first show, and makes its film.
fn try_encoder(parts: &ShowParts) {
    let (Ok(ffmpeg), parts) = (parts.ffmpeg.clone(), parts.clone()) else {
        return;
    };
    let profile = stream::program_profile(parts.live.borrow().program.profile, FrameRate::THIRTY);
    let _trial = tokio::task::spawn_blocking(move || {
        match parts.encoders.choose(&parts.launcher, &ffmpeg, &profile) {
            Ok(trial) => {
                let encoder = trial.chosen.name.as_str();
                tracing::info!(
                    encoder,
                    preset = trial.chosen.preset.as_str(),
                    fast_enough = trial.fast_enough,
                    "Encoder chosen."
                );
                let made = parts.fillers.get(
                    &parts.launcher,
                    &ffmpeg,
                    &parts.studio,
                    &profile,
                    trial.chosen,
                );
                if let Err(error) = made {
                    tracing::warn!(%error, "No film for the time without encoder.");
                }
            }
            Err(error) => tracing::error!(%error, "No encoder works."),
        }
    });
}

/// What a unit takes with it the first time it is started. These units end with the agent: they do
/// not fail, and there is nothing to start them anew from.
fn once<T: Send + 'static>(value: T) -> impl FnMut() -> Option<T> + Send + 'static {
    let cell = Arc::new(Mutex::new(Some(value)));
    move || cell.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn serve_api(supervisor: &Supervisor, listener: tokio::net::TcpListener, app: AppState) {
    let address: Option<SocketAddr> = listener.local_addr().ok();
    let mut first = once(listener);
    supervisor.start("local api", UnitPolicy::default(), move |stop| {
        let (first, app) = (first(), app.clone());
        async move {
            let listener = match (first, address) {
                (Some(listener), _) => listener,
                (None, Some(address)) => local_api::listen(address).await?,
                (None, None) => return Ok(()),
            };
            local_api::serve(listener, app, async move { stop.cancelled().await }).await
        }
    });
}

/// Ports that no webhook may lead to: the agent's own and its media server's.
fn own_ports(address: SocketAddr, media: &MediamtxConfig) -> OwnPorts {
    let media = ports(media).named().map(|(_, port)| port);
    OwnPorts(media.into_iter().chain([address.port()]).collect())
}

fn watch_health(supervisor: &Supervisor, (watcher, health): (Watcher, Health)) -> Health {
    supervisor.start("health", UnitPolicy::default(), move |stop| {
        let watcher = watcher.clone();
        async move {
            watcher.run(stop).await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    health
}

fn change_settings(supervisor: &Supervisor, keeper: SettingsKeeper) {
    let fault = "the settings' task ended by a fault; restart the agent";
    start_once(supervisor, "settings", fault, keeper, SettingsKeeper::run);
}

fn count_uptime(supervisor: &Supervisor, parts: uptime::KeeperParts) -> Uptime {
    let (keeper, uptime) = uptime::Keeper::new(parts);
    supervisor.start("uptime", UnitPolicy::default(), move |stop| {
        let keeper = keeper.clone();
        async move {
            keeper.run(stop).await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    uptime
}

/// Who may open a preview, by what the media server says is open.
fn viewing(sessions: usize, live: Live, media: &MediaMtx, system: &System) -> Viewing {
    let allowed = move || Limits {
        sessions,
        processor: live.borrow().program.processor_limit,
    };
    let media = media.clone();
    let count: Count = Arc::new(move || {
        let media = media.clone();
        Box::pin(async move {
            if let Some(outage) = Outage::of(&media.health().borrow()) {
                return Err(outage);
            }
            let snapshot = media.refresh().await;
            Ok(snapshot.paths.values().map(|path| path.viewers).sum())
        })
    });
    Viewing::new(Arc::new(allowed), system.clone(), count)
}

fn keep_alerts(supervisor: &Supervisor, parts: KeeperParts) -> Alerts {
    let (alerts, keeper) = Keeper::new(parts);
    let fault = "the alerts' task ended by a fault; restart the agent";
    start_once(supervisor, "alerts", fault, keeper, Keeper::run);
    alerts
}

/// Starts a task that there is once: after a fault it cannot be started again, and `fault` says so.
fn start_once<K, F>(
    supervisor: &Supervisor,
    name: &'static str,
    fault: &'static str,
    keeper: K,
    run: fn(K, CancellationToken) -> F,
) where
    K: Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut keeper = once(keeper);
    supervisor.start(name, UnitPolicy::default(), move |stop| {
        let keeper = keeper();
        async move {
            let keeper = keeper.ok_or(fault)?;
            run(keeper, stop).await;
            Ok::<_, &'static str>(())
        }
    });
}

/// Connects to Studio where the device is paired, and lets it be paired.
fn keep_link(supervisor: &Supervisor, keeper: LinkKeeper, joints: link::Joints) {
    let fault = "the task of pairing ended by a fault; restart the agent";
    start_once(
        supervisor,
        "pairing",
        fault,
        (keeper, joints),
        |both, stop| {
            let (keeper, joints) = both;
            keeper.run(joints, stop)
        },
    );
}

fn keep_audit(supervisor: &Supervisor, store: &Store) -> Result<Audit> {
    let (audit, keeper) = Audit::open(store.clone()).context("the audit cannot be kept")?;
    let mut keeper = once(keeper);
    supervisor.start("audit", UnitPolicy::default(), move |stop| {
        let keeper = keeper();
        async move {
            if let Some(keeper) = keeper {
                keeper.run(stop).await;
                return Ok(());
            }
            Err("the audit's task ended by a fault; restart the agent")
        }
    });
    Ok(audit)
}

/// Starts telling Studio what happens.
fn report(supervisor: &Supervisor, show: &Show, alerts: &Alerts, news: &News) -> Reporter {
    let reporter = Reporter::new(show.clone(), news.clone());
    let (told, alerts) = (reporter.clone(), alerts.clone());
    supervisor.start("reporter", UnitPolicy::default(), move |stop| {
        let (told, alerts) = (told.clone(), alerts.clone());
        async move {
            told.run(alerts, stop).await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    reporter
}

/// Starts the show's task. The token that is given back is cancelled when it has ended by a fault.
fn run_show(
    supervisor: &Supervisor,
    parts: ShowParts,
    inbox: crate::show::Inbox,
    recalled: Option<Recalled>,
) -> CancellationToken {
    let fault = CancellationToken::new();
    let told = fault.clone();
    let mut owner = once(Owner::new(parts, inbox, recalled));
    supervisor.start(
        "show",
        UnitPolicy {
            drain: std::time::Duration::from_secs(8),
            ..UnitPolicy::default()
        },
        move |stop| {
            let (owner, fault) = (owner(), fault.clone());
            async move {
                if let Some(owner) = owner {
                    owner.run(stop).await;
                    return Ok(());
                }
                fault.cancel();
                Err("the show's task ended by a fault; the agent ends")
            }
        },
    );
    told
}
