//! Cameras: kept, checked, tried, put on program.
//!
//! Owns what makes a camera valid and what keeps it from being removed. The password goes straight into
//! the store's sealed secrets and comes out for the media server only.

use super::command::{CameraCommand, Reply};
use super::fault::{Fault, field, name, refuse};
use super::view::{
    CameraDraft, CameraPatch, CameraState, CameraTestView, CameraView, Done, MASK, TakeRequest,
};
use super::{Parts, streams, timelines};
use crate::outage::Outage;
use crate::show::{ShowStatus, Take, TakeTransition};
use engine::mediamtx::ProbeError;
use model::{Camera, CameraId, CameraProtocol, Secret};
use protocol::{Code, Problem};
use std::net::IpAddr;
use store::{Batch, Store, Tree};

const TREE: Tree = Tree::Cameras;

pub(super) async fn carry_out(parts: &Parts, command: CameraCommand) -> Result<Reply, Problem> {
    let records = &parts.records;
    let status = parts.show.status();
    match command {
        CameraCommand::List => {
            let all = records.read(list).await?;
            let views = all
                .iter()
                .map(|(camera, kept)| view(camera, *kept, &status));
            Ok(Reply::Cameras(views.collect()))
        }
        CameraCommand::Get(id) => {
            let (camera, password) = records.read(move |store| load(store, &id)).await?;
            Ok(Reply::Camera(view(&camera, !password.is_empty(), &status)))
        }
        CameraCommand::Create(draft) => {
            let made = records.write(move |store, _| create(store, draft)).await;
            changed(parts, made).await
        }
        CameraCommand::Update(id, patch) => {
            let made = records
                .write(move |store, _| update(store, &id, patch))
                .await;
            changed(parts, made).await
        }
        CameraCommand::Delete(id) => {
            let running = running(&status, &id);
            records
                .write(move |store, _| delete(store, id, running))
                .await?;
            follow(parts).await;
            Ok(Reply::Done(Done {
                message: "The camera was removed".to_owned(),
            }))
        }
        CameraCommand::Test(id) => {
            let (camera, password) = records.read(move |store| load(store, &id)).await?;
            test(parts, &camera, &password).await
        }
        CameraCommand::TestConnection(mut draft) => {
            if draft.name.trim().is_empty() {
                "test".clone_into(&mut draft.name);
            }
            let password = password_of(draft.password.take())?;
            let camera = records
                .read(move |store| {
                    let id = CameraId::parse("test")?;
                    checked(store, new(draft, id))
                })
                .await?;
            test(parts, &camera, &password).await
        }
        CameraCommand::ToProgram(id, take) => to_program(parts, id, &take).await,
    }
}

async fn changed(parts: &Parts, made: Result<(Camera, bool), Fault>) -> Result<Reply, Problem> {
    let (camera, kept) = made?;
    follow(parts).await;
    Ok(Reply::Camera(view(&camera, kept, &parts.show.status())))
}

/// Lets what runs follow a change. The change itself is done, so a show that is ending is no fault.
pub(super) async fn follow(parts: &Parts) {
    if let Err(error) = parts.show.refresh().await {
        tracing::debug!(%error, "The show did not follow a change.");
    }
}

/// Every camera, and whether it has a password.
fn list(store: &Store) -> Result<Vec<(Camera, bool)>, Fault> {
    let mut all = Vec::new();
    for (id, camera) in store.list::<Camera>(TREE)? {
        let kept = store
            .secret(TREE, &id)?
            .is_some_and(|secret| !secret.is_empty());
        all.push((camera, kept));
    }
    Ok(all)
}

/// A camera and its password, which is empty where it has none.
fn load(store: &Store, id: &CameraId) -> Result<(Camera, Secret), Fault> {
    let camera = get(store, id)?;
    let password = store.secret(TREE, id.as_str())?.unwrap_or_default();
    Ok((camera, password))
}

pub(super) fn get(store: &Store, id: &CameraId) -> Result<Camera, Fault> {
    store
        .get(TREE, id.as_str())?
        .ok_or_else(|| Fault::NoCamera(id.clone()))
}

fn create(store: &Store, mut draft: CameraDraft) -> Result<(Camera, bool), Fault> {
    let id = match draft.id.take() {
        Some(id) if store.get::<Camera>(TREE, id.as_str())?.is_some() => {
            return Err(Fault::IdTaken(id.to_string()));
        }
        Some(id) => id,
        None => CameraId::parse(store.next_id(TREE)?.to_string())?,
    };
    let password = password_of(draft.password.take())?;
    let camera = checked(store, new(draft, id))?;
    let id = camera.id.as_str();
    store.commit(
        Batch::new()
            .put(TREE, id, &camera)?
            .seal(TREE, id, &password)?,
    )?;
    Ok((camera, !password.is_empty()))
}

fn update(store: &Store, id: &CameraId, patch: CameraPatch) -> Result<(Camera, bool), Fault> {
    let (was, old) = load(store, id)?;
    let password = match patch.password {
        Some(Some(sent)) if is_mask(&sent) => old,
        Some(sent) => password_of(sent)?,
        None => old,
    };
    let camera = Camera {
        id: was.id,
        name: patch.name.unwrap_or(was.name),
        kind: patch.kind.unwrap_or(was.kind),
        protocol: patch.protocol.unwrap_or(was.protocol),
        address: patch.address.unwrap_or(was.address),
        port: patch.port.unwrap_or(was.port),
        username: patch.username.unwrap_or(was.username),
        stream_path: patch.stream_path.unwrap_or(was.stream_path),
        audio: patch.audio.unwrap_or(was.audio),
        backup_camera_id: patch.backup_camera_id.unwrap_or(was.backup_camera_id),
        is_active: patch.is_active.unwrap_or(was.is_active),
    };
    let camera = checked(store, camera)?;
    let id = camera.id.as_str();
    store.commit(
        Batch::new()
            .put(TREE, id, &camera)?
            .seal(TREE, id, &password)?,
    )?;
    Ok((camera, !password.is_empty()))
}

fn delete(store: &Store, id: CameraId, running: bool) -> Result<(), Fault> {
    get(store, &id)?;
    let mut by = Vec::new();
    if running {
        by.push("the running show".to_owned());
    }
    for timeline in timelines::all(store)? {
        if timeline.cameras().contains(&id) {
            by.push(format!("timeline {:?}", timeline.name));
        }
    }
    for (_, camera) in store.list::<Camera>(TREE)? {
        if camera.backup_camera_id.as_ref() == Some(&id) {
            by.push(format!("camera {:?}", camera.name));
        }
    }
    for stream in streams::all(store)? {
        if stream.plan.camera_id == id {
            by.push(format!("stream {:?}", stream.name));
        }
    }
    if !by.is_empty() {
        return Err(Fault::CameraInUse { id, by });
    }
    store.delete(TREE, id.as_str())?;
    Ok(())
}

fn running(status: &ShowStatus, id: &CameraId) -> bool {
    status
        .inputs
        .iter()
        .any(|input| input.camera_id.as_ref() == Some(id))
}

fn new(draft: CameraDraft, id: CameraId) -> Camera {
    let port = draft.port.unwrap_or(match draft.protocol {
        CameraProtocol::Rtsp => 554,
        CameraProtocol::Rtmp => 1935,
    });
    Camera {
        id,
        name: draft.name,
        kind: draft.kind,
        protocol: draft.protocol,
        address: draft.address,
        port,
        username: draft.username,
        stream_path: draft.stream_path.unwrap_or_else(|| "/".to_owned()),
        audio: draft.audio,
        backup_camera_id: draft.backup_camera_id,
        is_active: draft.is_active.unwrap_or(true),
    }
}

fn checked(store: &Store, mut camera: Camera) -> Result<Camera, Fault> {
    camera.name = name(&camera.name)?;
    camera.address = host(&camera.address)?;
    if camera.port == 0 {
        return Err(field("/port", "a port is 1 to 65535"));
    }
    camera.username = camera.username.filter(|user| !user.is_empty());
    if camera.username.as_ref().is_some_and(|user| !is_short(user)) {
        return Err(field(
            "/username",
            "a user name has at most 256 characters, none of control",
        ));
    }
    camera.stream_path = path(&camera.stream_path)?;
    if let Some(backup) = &camera.backup_camera_id {
        check_backup(store, &camera.id, backup)?;
    }
    Ok(camera)
}

/// A camera's backup is another camera, whose own backups do not lead back to it.
fn check_backup(store: &Store, camera: &CameraId, backup: &CameraId) -> Result<(), Fault> {
    let wrong = |message: String| Err(field("/backup_camera_id", message));
    if backup == camera {
        return wrong("a camera cannot stand in for itself".to_owned());
    }
    let mut seen = vec![backup.clone()];
    while let Some(last) = seen.last() {
        let Some(next) = store.get::<Camera>(TREE, last.as_str())? else {
            return wrong(format!("there is no camera {last}"));
        };
        match next.backup_camera_id {
            Some(next) if next == *camera => {
                return wrong(format!(
                    "camera {camera} stands in for camera {last}: two cameras cannot stand in for \
                     each other, or in a ring"
                ));
            }
            Some(next) if !seen.contains(&next) => seen.push(next),
            Some(_) | None => return Ok(()),
        }
    }
    Ok(())
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= 256 && !text.chars().any(char::is_control)
}

fn is_mask(secret: &Secret) -> bool {
    secret.expose() == MASK
}

fn password_of(sent: Option<Secret>) -> Result<Secret, Fault> {
    let password = sent.unwrap_or_default();
    if is_mask(&password) {
        return Err(field(
            "/password",
            "this is the mask of a password, not a password",
        ));
    }
    if !is_short(password.expose()) {
        return Err(field(
            "/password",
            "a password has at most 256 characters, none of control",
        ));
    }
    Ok(password)
}

/// A host name or IP address; brackets around an IPv6 address are taken away.
fn host(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let wrong = |message: &str| Err(field("/address", message));
    if text.contains("://") || text.contains(['/', '@']) {
        return wrong(
            "give the host name or IP address alone; port, path and user have fields of their own",
        );
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    if text.contains(':') {
        return wrong("the port has a field of its own");
    }
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let digits_only = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if text.len() > 253 || digits_only || !text.trim_end_matches('.').split('.').all(label) {
        return wrong("this is no host name or IP address");
    }
    Ok(text.to_owned())
}

/// Path and query, beginning with `/`.
fn path(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    if text.contains("://") {
        return Err(field(
            "/stream_path",
            "give the path alone, such as /stream1",
        ));
    }
    if text.chars().count() > 1024 || text.chars().any(char::is_control) {
        return Err(field(
            "/stream_path",
            "a path has at most 1024 characters, none of control",
        ));
    }
    Ok(if text.starts_with('/') {
        text.to_owned()
    } else {
        format!("/{text}")
    })
}

fn view(camera: &Camera, kept: bool, status: &ShowStatus) -> CameraView {
    let seen = status
        .inputs
        .iter()
        .find(|input| input.camera_id.as_ref() == Some(&camera.id));
    let state = match seen.map(|input| input.state.as_str()) {
        Some("fresh" | "held") => CameraState::Online,
        Some("lost") => CameraState::Offline,
        Some(_) | None => CameraState::Unknown,
    };
    CameraView {
        id: camera.id.clone(),
        name: camera.name.clone(),
        kind: camera.kind,
        protocol: camera.protocol,
        address: camera.address.clone(),
        port: camera.port,
        username: camera.username.clone(),
        password: kept.then_some(MASK),
        stream_path: camera.stream_path.clone(),
        audio: camera.audio,
        backup_camera_id: camera.backup_camera_id.clone(),
        is_active: camera.is_active,
        status: state,
    }
}

async fn test(parts: &Parts, camera: &Camera, password: &Secret) -> Result<Reply, Problem> {
    let began = parts.clock.monotonic();
    let result = parts.media.probe(camera, password).await;
    let took = parts.clock.monotonic().saturating_sub(began);
    let elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let error = match result {
        Ok(found) => {
            let size = found
                .size
                .map(|(width, height)| format!("{width}x{height}"));
            let message = format!("The camera answers and gives {} video", found.codec);
            return Ok(Reply::CameraTest(CameraTestView {
                success: true,
                message,
                code: None,
                remediation: None,
                reachable: true,
                authenticated: Some(true),
                video: Some(found.codec),
                size,
                has_audio: Some(found.has_audio),
                elapsed_ms,
            }));
        }
        Err(error) => error,
    };
    let (code, reachable, authenticated) = match &error {
        ProbeError::Refused | ProbeError::Unreachable | ProbeError::Timeout => {
            (Code::CameraOffline, false, None)
        }
        ProbeError::AuthFailed => (Code::CameraAuthFailed, true, Some(false)),
        ProbeError::NotFound | ProbeError::NoVideo | ProbeError::Unsupported(_) => {
            (Code::CameraUnsupported, true, Some(true))
        }
        ProbeError::Address(_) => (Code::CameraUnsupported, false, None),
        ProbeError::ServerDown => {
            let outage = parts
                .media
                .outage()
                .unwrap_or_else(|| Outage::unanswered(&error));
            return Err(refuse(&Fault::MediaServer(outage)));
        }
    };
    let remediation = match &error {
        ProbeError::NotFound => "Correct the stream path; the camera's manual names it.",
        _ => code.remediation(),
    };
    Ok(Reply::CameraTest(CameraTestView {
        success: false,
        message: error.to_string(),
        code: Some(code.as_str()),
        remediation: Some(remediation),
        reachable,
        authenticated,
        video: None,
        size: None,
        has_audio: None,
        elapsed_ms,
    }))
}

async fn to_program(parts: &Parts, id: CameraId, take: &TakeRequest) -> Result<Reply, Problem> {
    let wanted = id.clone();
    let camera = parts.records.read(move |store| get(store, &wanted)).await?;
    let default = if take.transition == TakeTransition::Cut {
        0.0
    } else {
        1.0
    };
    let seconds = take.transition_duration.unwrap_or(default);
    if !(0.0..=10.0).contains(&seconds) {
        return Err(field("/transition_duration", "a transition lasts 0 to 10 seconds").into());
    }
    let take = Take {
        camera: id,
        transition: take.transition,
        seconds,
    };
    parts
        .show
        .take_camera(take)
        .await
        .map_err(|error| refuse(&error))?;
    Ok(Reply::Done(Done {
        message: format!("{} is on program", camera.name),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_nothing_else() {
        for good in [
            "192.168.1.4",
            "cam-1.local",
            "fe80::1",
            "[fe80::1]",
            "camera_2",
        ] {
            assert!(host(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "rtsp://x",
            "a:554",
            "user@host",
            "a/b",
            "a b",
            "1.2.3",
            "é",
            "a..b",
            "host#x",
            "300.1.1.1",
            &"a".repeat(300),
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }
}
