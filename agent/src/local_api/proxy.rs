//! The picture under the page's own address: HLS and WHEP passed on to the media server.
//!
//! Owns which paths may be reached and how their answers are rewritten. Passes bytes on as they come
//! and keeps none; never passes on cookies or names of hosts. `viewing` says who may open a preview.

use super::AppState;
use super::error::{ErrorBody, Refusal, RequestError};
use super::extract::whole;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, IF_MATCH, LOCATION, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use model::CameraId;
use reqwest::redirect::Policy;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const CONNECT: Duration = Duration::from_secs(2);
/// Low-latency lists are held back until the next part is there: up to a few seconds.
const BETWEEN_READS: Duration = Duration::from_secs(30);
const ASKED: [HeaderName; 4] = [ACCEPT, CONTENT_TYPE, IF_MATCH, RANGE];
const ANSWERED: [&str; 8] = [
    "content-type",
    "content-length",
    "content-range",
    "accept-ranges",
    "cache-control",
    "etag",
    "link",
    "accept-patch",
];

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(hls)).routes(routes!(
        whep_ask,
        whep_offer,
        whep_trickle,
        whep_end
    ))
}

/// The client for the media server: never follows a redirect, never waits for ever.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .read_timeout(BETWEEN_READS)
        .build()
}

/// The preview as HLS: `index.m3u8` and what it names.
#[utoipa::path(
    get,
    path = "/hls/preview/{*file}",
    tag = "media",
    params(("file" = String, Path, description = "`index.m3u8` or a file that it names")),
    responses(
        (status = 200, description = "The list or segment", body = Vec<u8>,
            content_type = "application/vnd.apple.mpegurl"),
        (status = 404, description = "No preview runs"),
        (status = 503, description = "PREVIEW_SERVER_DOWN, BUSY, ENCODER_OVERLOAD",
            body = ErrorBody),
    ),
)]
async fn hls(
    State(app): State<AppState>,
    Path(file): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    if !file.split('/').all(plain) {
        return Err(RequestError::NoRoute(request.uri().path().to_owned()).into());
    }
    let mut query = request.uri().query().unwrap_or_default().to_owned();
    // Whatever a session asks for names it.
    let opened = if query.contains("session=") {
        None
    } else {
        Some(app.viewing.enter().await.map_err(RequestError::Viewing)?)
    };
    if file.ends_with("index.m3u8") && !query.contains("cookieCheck=") {
        // Says that the cookie question was put already, which saves a redirect: sessions are kept in
        // the address, because cookies are not passed on.
        let separator = if query.is_empty() { "" } else { "&" };
        query.push_str(separator);
        query.push_str("cookieCheck=1");
    }
    let base = format!("http://{}/preview/{file}", app.media.hls);
    let url = if query.is_empty() {
        base
    } else {
        format!("{base}?{query}")
    };
    let headers = asked(request.headers());
    let answer = app.http.get(url).headers(headers).send().await;
    drop(opened);
    pass_on(answer, "/hls")
}

/// Asks which servers help to find a way for a WebRTC session.
#[utoipa::path(
    options,
    path = "/whep/{*path}",
    tag = "media",
    params(("path" = String, Path, description = "`program_rtc/whep` or `cam/<id>/whep`")),
    responses(
        (status = 204, description = "`Link` names them; there are none unless they are set"),
        (status = 404, description = "NOT_FOUND", body = ErrorBody),
        (status = 503, description = "PREVIEW_SERVER_DOWN", body = ErrorBody),
    ),
)]
async fn whep_ask(
    State(app): State<AppState>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    whep(&app, &path, request).await
}

/// Offers a WebRTC session: an SDP offer is answered by an SDP answer.
#[utoipa::path(
    post,
    path = "/whep/{*path}",
    tag = "media",
    params(("path" = String, Path, description = "`program_rtc/whep` or `cam/<id>/whep`")),
    request_body(content = String, content_type = "application/sdp"),
    responses(
        (status = 201, description = "The answer; `Location` names the session", body = String,
            content_type = "application/sdp"),
        (status = 404, description = "NOT_FOUND, or nothing runs", body = ErrorBody),
        (status = 503, description = "PREVIEW_SERVER_DOWN, BUSY, ENCODER_OVERLOAD",
            body = ErrorBody),
    ),
)]
async fn whep_offer(
    State(app): State<AppState>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    if allowed(&path).is_none() {
        return Err(RequestError::NoRoute(request.uri().path().to_owned()).into());
    }
    // Whole, before a place is taken for it.
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, whole(body).await?.into());
    let opened = app.viewing.enter().await.map_err(RequestError::Viewing)?;
    let answer = whep(&app, &path, request).await;
    drop(opened);
    answer
}

/// Adds a candidate to a WebRTC session.
#[utoipa::path(
    patch,
    path = "/whep/{*path}",
    tag = "media",
    params(("path" = String, Path, description = "The session, as `Location` named it")),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses(
        (status = 204, description = "It was added"),
        (status = 404, description = "There is no such session", body = ErrorBody),
        (status = 503, description = "PREVIEW_SERVER_DOWN", body = ErrorBody),
    ),
)]
async fn whep_trickle(
    State(app): State<AppState>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    whep(&app, &path, request).await
}

/// Ends a WebRTC session.
#[utoipa::path(
    delete,
    path = "/whep/{*path}",
    tag = "media",
    params(("path" = String, Path, description = "The session, as `Location` named it")),
    responses(
        (status = 200, description = "It ended"),
        (status = 404, description = "There is no such session", body = ErrorBody),
        (status = 503, description = "PREVIEW_SERVER_DOWN", body = ErrorBody),
    ),
)]
async fn whep_end(
    State(app): State<AppState>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    whep(&app, &path, request).await
}

async fn whep(app: &AppState, path: &str, request: Request) -> Result<Response, Refusal> {
    let Some(path) = allowed(path) else {
        return Err(RequestError::NoRoute(request.uri().path().to_owned()).into());
    };
    let (parts, body) = request.into_parts();
    let body = whole(body).await?;
    let url = format!("http://{}/{path}", app.media.webrtc);
    let answer = app
        .http
        .request(parts.method, url)
        .headers(asked(&parts.headers))
        .body(body)
        .send()
        .await;
    pass_on(answer, "/whep")
}

/// The media server's address of what is asked for, where it may be: `program_rtc`, `preview` or a
/// camera, followed by `/whep` and perhaps a session.
fn allowed(path: &str) -> Option<String> {
    let (name, session) = match path.split_once("/whep") {
        Some((name, "")) => (name, None),
        Some((name, rest)) => (name, Some(rest.strip_prefix('/')?)),
        None => (path, None),
    };
    let known = match name.strip_prefix("cam/") {
        Some(id) => CameraId::parse(id).is_ok(),
        None => matches!(name, "program_rtc" | "preview"),
    };
    if !known || !session.is_none_or(plain) {
        return None;
    }
    Some(match session {
        Some(session) => format!("{name}/whep/{session}"),
        None => format!("{name}/whep"),
    })
}

/// One part of an address that can mean nothing but itself.
fn plain(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty() && part.len() <= 255 && !part.starts_with('.') && part.chars().all(allowed)
}

fn asked(from: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ASKED {
        if let Some(value) = from.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

fn pass_on(
    answer: Result<reqwest::Response, reqwest::Error>,
    prefix: &str,
) -> Result<Response, Refusal> {
    let answer = answer.map_err(|error| {
        tracing::debug!(error = %error.without_url(), "The media server does not answer.");
        RequestError::MediaServer
    })?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    for name in ANSWERED {
        for value in answer.headers().get_all(name) {
            response
                .headers_mut()
                .append(HeaderName::from_static(name), value.clone());
        }
    }
    if let Some(location) = answer
        .headers()
        .get(LOCATION)
        .and_then(|at| relocated(at, prefix))
    {
        response.headers_mut().insert(LOCATION, location);
    }
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    Ok(response)
}

/// Where something is under our own address.
fn relocated(location: &HeaderValue, prefix: &str) -> Option<HeaderValue> {
    let text = location.to_str().ok()?;
    let path = match text.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => text,
    };
    let moved = if path.starts_with('/') {
        format!("{prefix}{path}")
    } else {
        path.to_owned()
    };
    HeaderValue::from_str(&moved).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_program_and_cameras_can_be_reached() {
        for (asked, wanted) in [
            ("program_rtc", Some("program_rtc/whep")),
            ("program_rtc/whep", Some("program_rtc/whep")),
            ("program_rtc/whep/5e1c-02", Some("program_rtc/whep/5e1c-02")),
            ("cam/1/whep", Some("cam/1/whep")),
            ("out/1/whep", None),
            ("program_rtc/whip", None),
            ("program_rtc/whep/../../out", None),
            ("cam/../whep", None),
            ("cam/1/whep/a/b", None),
            ("program_rtc/whepper", None),
            ("", None),
        ] {
            assert_eq!(allowed(asked).as_deref(), wanted, "{asked}");
        }
    }

    #[test]
    fn a_session_is_found_again_under_our_own_address() {
        for (from, to) in [
            ("/program_rtc/whep/x", "/whep/program_rtc/whep/x"),
            (
                "http://127.0.0.1:8889/program_rtc/whep/x?a=1",
                "/whep/program_rtc/whep/x?a=1",
            ),
        ] {
            let moved = relocated(&HeaderValue::from_static(from), "/whep").unwrap();
            assert_eq!(moved, to);
        }
    }
}
