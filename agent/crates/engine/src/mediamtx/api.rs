//! MediaMTX's control API, version 3: the few calls that we make.
//!
//! Owns their addresses and shapes. Never lets a word of MediaMTX's out that it has not cleaned:
//! refusals quote the configuration, passwords and all.

use super::log::Redactor;
use super::{Addresses, Credentials, PathName, PathSpec};
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// One call, connecting and reading included.
const TIMEOUT: Duration = Duration::from_millis(800);
/// Longest answer that is read, in bytes.
const ANSWER: usize = 4 << 20;
/// More paths than this are not ours.
const PATHS: usize = 1000;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No connection, no answer in time, or a broken one.
    #[error("the media server does not answer")]
    Unanswered(#[source] reqwest::Error),
    /// It does not accept our credentials: it is not our server, or the gate says no.
    #[error("the media server does not accept the agent's credentials")]
    Denied,
    /// It lets anyone in, and ours lets nobody in but us.
    #[error("another server answers on the port of the media server's API")]
    Foreign,
    /// It ended meanwhile.
    #[error("the media server has ended")]
    Ended,
    /// It said no; the text is cleaned.
    #[error("the media server refused: {0}")]
    Refused(String),
    /// The answer is not what this version says.
    #[error("the media server's answer cannot be read")]
    Shape(#[source] serde_json::Error),
    /// The answer is larger than any real one.
    #[error("the media server's answer is larger than {ANSWER} bytes")]
    TooLarge,
}

/// A track of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Codec as MediaMTX spells it, e.g. `H264`, `MPEG-4 Audio`, `Opus`.
    pub codec: String,
    /// What is known of its picture; `None` for sound and for what is neither.
    pub video: Option<VideoTrack>,
}

/// What MediaMTX knows of a picture track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoTrack {
    /// Width and height in pixels, once the codec's headers were seen.
    pub size: Option<(u32, u32)>,
}

/// A path as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathState {
    /// It can be read, be it from its filler.
    pub available: bool,
    /// Its source or publisher is connected.
    pub online: bool,
    /// Its tracks; empty until it was available.
    pub tracks: Vec<Track>,
    /// How many read it.
    pub readers: usize,
    /// How many of them are players: sessions of WebRTC or HLS.
    pub viewers: usize,
    /// Bytes received since it was made.
    pub inbound_bytes: u64,
    /// Bytes sent to readers since it was made.
    pub outbound_bytes: u64,
    /// Its one forward, where it has one.
    pub forwarding: Option<Forwarding>,
}

/// A forward as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// Bytes sent to the destination since the path was made. This, and not a name of a state, says
    /// whether anything arrives.
    pub outbound_bytes: u64,
    /// Why it failed last, cleaned; `None` while it is trying or sending.
    pub error: Option<String>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPath {
    name: String,
    available: bool,
    online: bool,
    #[serde(default)]
    tracks2: Option<Vec<RawTrack>>,
    #[serde(default)]
    readers: Option<Vec<RawReader>>,
    inbound_bytes: u64,
    outbound_bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTrack {
    codec: String,
    #[serde(default)]
    codec_props: Option<RawProps>,
}

#[derive(Deserialize)]
struct RawReader {
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Deserialize)]
struct RawProps {
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawForward {
    state: String,
    last_error: String,
    outbound_bytes: u64,
}

#[derive(Deserialize)]
struct RawInfo {
    version: String,
}

#[derive(Deserialize)]
struct RawConfigured {
    name: String,
}

#[derive(Deserialize)]
struct RawError {
    error: String,
}

impl From<RawTrack> for Track {
    fn from(raw: RawTrack) -> Self {
        let picture = matches!(
            raw.codec.as_str(),
            "AV1" | "VP9" | "VP8" | "H265" | "H264" | "MPEG-4 Video" | "MPEG-1/2 Video" | "M-JPEG"
        );
        let size = raw
            .codec_props
            .map(|props| (props.width, props.height))
            .filter(|(width, height)| *width > 0 && *height > 0);
        Self {
            codec: raw.codec,
            video: picture.then_some(VideoTrack { size }),
        }
    }
}

impl From<RawPath> for PathState {
    fn from(raw: RawPath) -> Self {
        let readers = raw.readers.unwrap_or_default();
        let plays = |reader: &&RawReader| matches!(&*reader.kind, "webRTCSession" | "hlsSession");
        Self {
            available: raw.available,
            // MediaMTX calls a pulled path online before it has connected.
            online: raw.online && raw.available,
            tracks: raw.tracks2.into_iter().flatten().map(Track::from).collect(),
            readers: readers.len(),
            viewers: readers.iter().filter(plays).count(),
            inbound_bytes: raw.inbound_bytes,
            outbound_bytes: raw.outbound_bytes,
            forwarding: None,
        }
    }
}

/// A client of one server.
#[derive(Debug, Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    addresses: Addresses,
    credentials: Credentials,
    redactor: Redactor,
}

impl Api {
    pub(super) fn new(
        addresses: Addresses,
        credentials: Credentials,
        redactor: Redactor,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            http,
            addresses,
            credentials,
            redactor,
        })
    }

    /// Whether it answers somebody who gives no credentials. Ours asks the gate, which says no.
    pub(super) async fn lets_anyone_in(&self) -> Result<bool, ApiError> {
        let address = format!("http://{}/v3/info", self.addresses.api);
        let answer = self.http.get(address).send().await;
        let answer = answer.map_err(|error| ApiError::Unanswered(error.without_url()))?;
        Ok(answer.status() != StatusCode::UNAUTHORIZED)
    }

    /// The server's version, e.g. `v1.20.1`.
    pub(super) async fn version(&self) -> Result<String, ApiError> {
        let info: RawInfo = self.get("info").await?;
        Ok(info.version)
    }

    /// Every path with its state, forwards not looked up.
    pub(super) async fn paths(&self) -> Result<Vec<(String, PathState)>, ApiError> {
        let page: Page<RawPath> = self
            .get(&format!("paths/list?itemsPerPage={PATHS}"))
            .await?;
        let pair = |raw: RawPath| (raw.name.clone(), PathState::from(raw));
        Ok(page.items.into_iter().map(pair).collect())
    }

    /// The one forward of a path; `None` where it has none or is gone.
    pub(super) async fn forwarding(&self, path: &PathName) -> Result<Option<Forwarding>, ApiError> {
        let address = format!("paths/forward/list?path={path}");
        let Some(page) = self.get_found::<Page<RawForward>>(&address).await? else {
            return Ok(None);
        };
        Ok(page.items.into_iter().next().map(|raw| Forwarding {
            outbound_bytes: raw.outbound_bytes,
            error: (raw.state == "error").then(|| self.redactor.clean(&raw.last_error)),
        }))
    }

    /// Names of all configured paths.
    pub(super) async fn configured(&self) -> Result<Vec<String>, ApiError> {
        let address = format!("config/paths/list?itemsPerPage={PATHS}");
        let page: Page<RawConfigured> = self.get(&address).await?;
        Ok(page.items.into_iter().map(|path| path.name).collect())
    }

    /// Adds a path, or changes it to be so. A path that is so already is not touched.
    pub(super) async fn put(&self, path: &PathName, spec: &PathSpec) -> Result<(), ApiError> {
        let body = spec.document(&self.addresses);
        let address = format!("config/paths/replace/{path}");
        self.call(Method::POST, &address, Some(&body)).await?;
        Ok(())
    }

    /// Removes a path; one that is not there is removed already.
    pub(super) async fn delete(&self, path: &str) -> Result<(), ApiError> {
        let address = format!("config/paths/delete/{path}");
        self.call(Method::DELETE, &address, None).await?;
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, ApiError> {
        self.get_found(address)
            .await?
            .ok_or_else(|| ApiError::Refused("not found".to_owned()))
    }

    async fn get_found<T: DeserializeOwned>(&self, address: &str) -> Result<Option<T>, ApiError> {
        let Some(body) = self.call(Method::GET, address, None).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&body)
            .map(Some)
            .map_err(ApiError::Shape)
    }

    /// The body of a good answer; `None` for "not found".
    async fn call(
        &self,
        method: Method,
        address: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        let mut request = self
            .http
            .request(
                method,
                format!("http://{}/v3/{address}", self.addresses.api),
            )
            .basic_auth(
                &self.credentials.user,
                Some(self.credentials.password.expose()),
            );
        if let Some(body) = body {
            request = request.json(body);
        }
        // An address in an error could only be our own, but nothing is gained by showing it.
        let unanswered = |error: reqwest::Error| ApiError::Unanswered(error.without_url());
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        let mut bytes = Vec::new();
        let mut parts = answer.bytes_stream();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part.map_err(unanswered)?);
            if bytes.len() > ANSWER {
                return Err(ApiError::TooLarge);
            }
        }
        match status {
            status if status.is_success() => Ok(Some(bytes)),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ApiError::Denied),
            status => {
                let text = serde_json::from_slice::<RawError>(&bytes)
                    .map_or_else(|_| status.to_string(), |raw| raw.error);
                Err(ApiError::Refused(self.redactor.clean(&text)))
            }
        }
    }
}
