//! The operator's page, built into the binary; a plain page that says how to build it where it is not.

use super::error::{Refusal, RequestError};
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../local-ui/dist"]
#[allow_missing = true]
struct Files;

const NO_PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
<title>Vistter agent</title><body><h1>Vistter agent</h1>\
<p>The agent runs, but its page was not built into this binary. Build it with <code>make ui</code>, \
then build the agent again.</p>\
<p>The API is here: <a href=\"/api/openapi.json\">its description</a>, \
<a href=\"/api/preview/status\">what runs</a>, <a href=\"/metrics\">the counters</a>.</p>";

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The answer to an address that is no route: a file of the page, or a refusal.
pub(super) async fn file(request: Request) -> Result<Response, Refusal> {
    let path = request.uri().path();
    let missing = || RequestError::NoRoute(path.to_owned()).into();
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(missing());
    }
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let Some(file) = Files::get(name) else {
        return if name == "index.html" {
            Ok(Html(NO_PAGE).into_response())
        } else {
            Err(missing())
        };
    };
    // The build puts a hash into the names below `assets/`, so those never change.
    let keep = if name.starts_with("assets/") {
        FOR_EVER
    } else {
        "no-cache"
    };
    let headers = [(CONTENT_TYPE, kind(name)), (CACHE_CONTROL, keep)];
    Ok((headers, file.data).into_response())
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}
