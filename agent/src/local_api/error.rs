//! Refusals as HTTP answers: the only place where a code becomes a status.

use crate::viewing::ViewingError;
use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::{Code, HasCode, Problem};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"error": {"code": "TIMELINE_NOT_FOUND", "message": "there is no timeline 7",
    "retryable": false, "remediation": "Choose a timeline from the list, or save it first."},
    "detail": "there is no timeline 7"}))]
pub(super) struct ErrorBody {
    /// The refusal.
    error: ErrorView,
    /// The message again, where older clients look for it.
    detail: String,
}

/// A refusal.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorView {
    /// Which of the closed list.
    #[schema(value_type = ErrorCode)]
    code: Code,
    /// What went wrong, for the operator.
    message: String,
    /// JSON pointer into the request, where one field is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// What to do next.
    remediation: Cow<'static, str>,
    /// More for a machine to read, such as a list of places.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    details: Option<Value>,
}

/// The closed list of codes, for the API document.
struct ErrorCode;

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .enum_values(Some(Code::ALL.iter().map(|code| code.as_str())))
            .description(Some("The closed list of reasons."))
            .build()
            .into()
    }
}

impl ToSchema for ErrorCode {}

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Refusal {
    problem: Problem,
    status: StatusCode,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = status(problem.code);
        Self { problem, status }
    }
}

/// A fault in how the API is spoken to.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the body is not well-formed JSON: {0}")]
    Malformed(String),
    #[error("{message}")]
    Schema { message: String, field: String },
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body ended before it was whole")]
    CutShort,
    #[error("there is no {what} {name:?}")]
    NoSuch {
        what: &'static str,
        name: String,
        code: Code,
    },
    #[error("there is nothing at {0}")]
    NoRoute(String),
    #[error("the address {path} does not take {method}")]
    Method { method: String, path: String },
    #[error("the API does not answer to the host name {0:?}")]
    Host(String),
    #[error("another site may not change anything here")]
    ForeignOrigin,
    #[error("a fault inside the agent")]
    Panicked,
    #[error("the media server does not answer")]
    MediaServer,
    #[error(transparent)]
    Viewing(ViewingError),
}

impl HasCode for RequestError {
    fn code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::CutShort => Code::Malformed,
            Self::Schema { .. } => Code::SchemaInvalid,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::NoSuch { code, .. } => *code,
            Self::NoRoute(_) | Self::Method { .. } => Code::NotFound,
            Self::Host(_) | Self::ForeignOrigin => Code::Unauthorized,
            Self::Panicked => Code::Internal,
            Self::MediaServer => Code::PreviewServerDown,
            Self::Viewing(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Schema { field, .. } => Some(field.clone()),
            _ => None,
        }
    }

    fn remediation(&self) -> Cow<'static, str> {
        match self {
            Self::Viewing(error) => error.remediation(),
            _ => self.code().remediation().into(),
        }
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        let mut refusal = Self::from(error.problem());
        if matches!(error, RequestError::Method { .. }) {
            refusal.status = StatusCode::METHOD_NOT_ALLOWED;
        }
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Problem {
            code,
            message,
            field,
            retryable,
            remediation,
            details,
        } = self.problem;
        let detail = message.clone();
        let error = ErrorView {
            code,
            message,
            field,
            retryable,
            remediation,
            details,
        };
        (self.status, Json(ErrorBody { error, detail })).into_response()
    }
}

/// The HTTP status of a code.
const fn status(code: Code) -> StatusCode {
    match code {
        Code::Malformed | Code::NotInPreview | Code::TimelineNotRunning => StatusCode::BAD_REQUEST,
        Code::Unauthorized | Code::DeviceMismatch => StatusCode::FORBIDDEN,
        Code::SignatureMissing | Code::SignatureInvalid | Code::KeyUnknown => {
            StatusCode::UNAUTHORIZED
        }
        Code::NotFound
        | Code::CameraNotFound
        | Code::TimelineNotFound
        | Code::CueNotFound
        | Code::OverlayNotFound
        | Code::DestinationNotFound
        | Code::AlertNotFound
        | Code::WebhookNotFound
        | Code::StreamNotFound => StatusCode::NOT_FOUND,
        Code::Conflict
        | Code::ConfigConflict
        | Code::PriorityConflict
        | Code::OverrideActive
        | Code::EmergencyActive
        | Code::Cancelled
        | Code::ReplayDetected
        | Code::CredRotationFailed
        | Code::PairAlreadyPaired
        | Code::NotPaired
        | Code::CameraInUse
        | Code::DestinationInUse
        | Code::DestinationInactive
        | Code::TimelineAlreadyRunning
        | Code::PreviewActive
        | Code::StreamAlreadyRunning
        | Code::StreamNotRunning
        | Code::StreamLimit => StatusCode::CONFLICT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::SchemaInvalid
        | Code::AlgUnsupported
        | Code::VersionUnsupported
        | Code::TimestampSkew
        | Code::Expired
        | Code::TypeUnknown
        | Code::ConfigInvalid
        | Code::PairTokenInvalid
        | Code::PairTokenExpired
        | Code::PairSerialMismatch
        | Code::CameraAuthFailed
        | Code::CameraUnsupported
        | Code::TimelineInvalid
        | Code::SeekOutOfRange
        | Code::OverlayInvalid
        | Code::AssetMissing
        | Code::AssetType
        | Code::AssetTooLarge
        | Code::DestinationInvalid
        | Code::DestinationRejected
        | Code::DestinationLimit
        | Code::WebhookInvalid => StatusCode::UNPROCESSABLE_ENTITY,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::FeatureDisabled => StatusCode::NOT_IMPLEMENTED,
        Code::CameraOffline
        | Code::DestinationUnreachable
        | Code::StudioUnreachable
        | Code::StudioUntrusted
        | Code::StudioRefused
        | Code::WebhookFailed => StatusCode::BAD_GATEWAY,
        Code::Interrupted
        | Code::Busy
        | Code::PreviewServerDown
        | Code::ConfigApplyFailed
        | Code::EncoderUnavailable
        | Code::EncoderOverload
        | Code::FfmpegMissing
        | Code::MediamtxMissing => StatusCode::SERVICE_UNAVAILABLE,
        Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Code::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// The answer to a method that an address does not take.
pub(super) async fn no_method(request: Request) -> Refusal {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    RequestError::Method { method, path }.into()
}

/// The answer when a handler panicked; the panic's text goes to the log only.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands it over like this"
)]
pub(super) fn panicked(cause: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    tracing::error!(cause = text, "A request met a fault of ours.");
    Refusal::from(RequestError::Panicked).into_response()
}
