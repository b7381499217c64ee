//! Who may publish to the media server, and who may read from it.
//!
//! Owns the question as MediaMTX asks it (`authMethod: http`) and the answer. Pure: the agent serves
//! the endpoint and holds the [`Policy`].

use super::{Credentials, PathName};
use model::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "MediaMTX's own names")]
pub enum Action {
    Publish,
    Read,
    Playback,
    Api,
    Metrics,
    Pprof,
}

/// The question, as MediaMTX posts it. Fields that decide nothing are left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// Address of whoever asks, without port.
    pub ip: String,
    /// User name, empty where none was given.
    #[serde(default)]
    pub user: String,
    /// Password, empty where none was given.
    #[serde(default)]
    pub password: Secret,
    /// A token given instead of a password.
    #[serde(default)]
    pub token: Secret,
    /// What for.
    pub action: Action,
    /// Which path; empty for the API.
    #[serde(default)]
    pub path: String,
}

/// Who may publish to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publisher {
    /// Anyone on this machine.
    Local,
    /// Anyone, from anywhere, who knows the key (as password or token).
    Key(Secret),
}

/// What is allowed now.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Who may use the control API, from this machine only.
    pub api: Credentials,
    /// Who may publish where. A path that is not here takes no publisher.
    pub publish: BTreeMap<PathName, Publisher>,
}

/// Decides one request. Reading is for this machine only: pages and players come through the agent.
#[must_use]
pub fn permit(request: &Request, policy: &Policy) -> bool {
    let local = request
        .ip
        .parse::<IpAddr>()
        .is_ok_and(|ip| ip.to_canonical().is_loopback());
    match request.action {
        Action::Api | Action::Metrics | Action::Pprof => {
            local
                && same(&request.user, &policy.api.user)
                && same(request.password.expose(), policy.api.password.expose())
        }
        Action::Read | Action::Playback => local,
        Action::Publish => {
            let publisher = PathName::parse(request.path.as_str())
                .ok()
                .and_then(|path| policy.publish.get(&path));
            match publisher {
                Some(Publisher::Local) => local,
                Some(Publisher::Key(key)) => {
                    !key.is_empty()
                        && (same(request.password.expose(), key.expose())
                            || same(request.token.expose(), key.expose()))
                }
                None => false,
            }
        }
    }
}

/// Compares without telling by its time where the first difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0, |diff, (a, b)| diff | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            api: Credentials {
                user: "agent".to_owned(),
                password: Secret::new("s3cret"),
            },
            publish: [
                (PathName::program(), Publisher::Local),
                (
                    PathName::parse("cam/7").unwrap(),
                    Publisher::Key(Secret::new("push-key")),
                ),
            ]
            .into(),
        }
    }

    fn ask(ip: &str, action: &str, path: &str, user: &str, password: &str) -> bool {
        let request = serde_json::json!({
            "ip": ip, "user": user, "password": password, "token": "", "action": action,
            "path": path, "protocol": "rtsp", "id": null, "query": "", "userAgent": "x",
        });
        permit(&serde_json::from_value(request).unwrap(), &policy())
    }

    #[test]
    fn each_question_has_its_answer() {
        for (ip, action, path, user, password, answer) in [
            ("127.0.0.1", "api", "", "agent", "s3cret", true),
            ("127.0.0.1", "api", "", "agent", "s3creT", false),
            ("127.0.0.1", "api", "", "", "", false),
            ("10.0.0.9", "api", "", "agent", "s3cret", false),
            ("127.0.0.1", "read", "program", "", "", true),
            ("::ffff:127.0.0.1", "read", "program", "", "", true),
            ("10.0.0.9", "read", "program", "", "", false),
            ("nonsense", "read", "program", "", "", false),
            ("127.0.0.1", "publish", "program", "", "", true),
            ("10.0.0.9", "publish", "program", "", "", false),
            ("127.0.0.1", "publish", "out/1", "", "", false),
            ("10.0.0.9", "publish", "cam/7", "x", "push-key", true),
            ("10.0.0.9", "publish", "cam/7", "x", "push", false),
            ("127.0.0.1", "publish", "../cam/7", "x", "push-key", false),
            ("127.0.0.1", "metrics", "", "", "", false),
        ] {
            assert_eq!(
                ask(ip, action, path, user, password),
                answer,
                "{ip} {action} {path} {user}"
            );
        }
    }
}
