//! A blocking client for JSON over HTTP on loopback.

use serde_json::Value;
use std::time::Duration;

/// Calls one server.
#[derive(Debug)]
pub struct Http {
    base: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; null where it is none.
    pub json: Value,
}

impl Reply {
    /// The JSON of a success.
    ///
    /// # Panics
    /// On any other status.
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{} {}",
            self.status,
            self.text
        );
        self.json
    }

    /// `(status, error code)` of a refusal in the one shape that refusals take.
    ///
    /// # Panics
    /// When the body is not in that shape.
    #[must_use]
    #[track_caller]
    pub fn refusal(&self) -> (u16, String) {
        let error = &self.json["error"];
        let whole = error["code"].is_string()
            && error["message"].is_string()
            && error["remediation"].is_string()
            && error["retryable"].is_boolean()
            && self.json["detail"] == error["message"];
        assert!(
            whole,
            "no refusal in the agreed shape: {} {}",
            self.status, self.text
        );
        (
            self.status,
            error["code"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

impl Http {
    /// A client of `http://127.0.0.1:port`.
    ///
    /// # Panics
    /// When the machine is out of file descriptors.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self {
            base: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// The server's address without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Calls `method path` with a body, if any. `None` when nobody answers.
    ///
    /// # Panics
    /// When the method is no HTTP method.
    pub fn try_call(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Option<Reply> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.ok()?;
            let status = answer.status().as_u16();
            let text = answer.text().await.ok()?;
            let json = serde_json::from_str(&text).unwrap_or(Value::Null);
            Some(Reply { status, text, json })
        })
    }

    /// As [`Self::try_call`] with JSON.
    ///
    /// # Panics
    /// When nobody answers.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let bytes = body.map(|body| body.to_string().into_bytes());
        self.try_call(method, path, bytes)
            .unwrap_or_else(|| panic!("nobody answers {method} {}{path}", self.base))
    }

    /// Reads.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None)
    }

    /// Creates or commands.
    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write json!(…) in place"
    )]
    pub fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(&body))
    }

    /// Replaces.
    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write json!(…) in place"
    )]
    pub fn put(&self, path: &str, body: Value) -> Reply {
        self.call("PUT", path, Some(&body))
    }

    /// Removes.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, None)
    }
}
