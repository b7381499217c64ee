//! Who may speak to the API before sign-in exists: a page of our own, on this machine.
//!
//! Owns the checks of `Host` (against DNS rebinding) and `Origin` (against other sites that post here),
//! and the headers that every answer carries. Listening on loopback is `serve`'s part of it.

use super::AppState;
use super::error::{Refusal, RequestError};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
    worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'self'";

/// Checks every request and marks every answer.
pub(super) async fn check(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let mut response = match allowed(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => Refusal::from(error).into_response(),
    };
    app.metrics
        .request(method.as_str(), &route, response.status().as_u16());
    mark(response.headers_mut());
    response
}

fn mark(headers: &mut HeaderMap) {
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", POLICY),
    ];
    for (name, value) in fixed {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(HeaderName::from_static("cache-control"))
        .or_insert(HeaderValue::from_static("no-store"));
}

fn allowed(request: &Request) -> Result<(), RequestError> {
    let host = authority(request)?;
    if !is_this_machine(host.host()) {
        return Err(RequestError::Host(host.host().chars().take(255).collect()));
    }
    if matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) {
        return Ok(());
    }
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
        return Err(RequestError::ForeignOrigin);
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let own = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("http://"))
        .is_some_and(|origin| origin.eq_ignore_ascii_case(host.as_str()));
    if own {
        Ok(())
    } else {
        Err(RequestError::ForeignOrigin)
    }
}

fn authority(request: &Request) -> Result<Authority, RequestError> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(RequestError::Host("given twice".to_owned()));
    }
    let Some(host) = host else {
        let of_target = request.uri().authority().cloned();
        return of_target.ok_or_else(|| RequestError::Host(String::new()));
    };
    let text = String::from_utf8_lossy(host.as_bytes());
    let authority: Authority = text
        .parse()
        .map_err(|_| RequestError::Host(text.chars().take(255).collect()))?;
    if authority.as_str().contains('@') {
        return Err(RequestError::Host(authority.host().to_owned()));
    }
    Ok(authority)
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn ask(method: &str, headers: &[(&str, &str)]) -> Result<(), RequestError> {
        let mut request = Request::builder().method(method).uri("/api/cameras");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        allowed(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn a_name_that_somebody_else_can_point_here_is_refused() {
        for host in [
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "LOCALHOST",
            "127.0.0.2",
        ] {
            assert!(ask("GET", &[("host", host)]).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "0.0.0.0",
            "192.168.1.4:8080",
            "x@localhost",
            "",
            "localhost:8080, evil.example",
        ] {
            assert!(ask("GET", &[("host", host)]).is_err(), "{host}");
        }
        assert!(ask("GET", &[]).is_err());
        assert!(ask("GET", &[("host", "localhost"), ("host", "evil.example")]).is_err());
    }

    #[test]
    fn another_site_may_look_at_nothing_it_can_read_and_change_nothing() {
        let host = ("host", "localhost:8080");
        assert!(ask("POST", &[host]).is_ok());
        assert!(ask("POST", &[host, ("origin", "http://localhost:8080")]).is_ok());
        for origin in [
            "http://evil.example",
            "null",
            "https://localhost:8080",
            "http://localhost:3000",
            "http://localhost",
            "http://127.0.0.1:8080",
        ] {
            assert!(
                ask("POST", &[host, ("origin", origin)]).is_err(),
                "{origin}"
            );
            assert!(
                ask("DELETE", &[host, ("origin", origin)]).is_err(),
                "{origin}"
            );
        }
        assert!(ask("PUT", &[host, ("sec-fetch-site", "cross-site")]).is_err());
        assert!(ask("PUT", &[host, ("sec-fetch-site", "same-origin")]).is_ok());
    }
}
