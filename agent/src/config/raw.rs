//! The settings as they are written: which keys there are, and which value each was given where.
//!
//! Owns the list of keys and the reading of TOML and environment variables. Knows types, not meanings:
//! whether a port makes sense is `validate`'s business.

use super::Fault;
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The type of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number, 0 or greater.
    Number,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// `section.key`, or `key` at the top.
    pub name: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// Its value where nobody gives one; empty for "none".
    pub default: &'static str,
    /// What it means, one sentence.
    pub meaning: &'static str,
    /// Whether it can be changed while the agent runs.
    pub live: bool,
}

impl Key {
    const fn live(self) -> Self {
        Self { live: true, ..self }
    }

    /// The environment variable of the key: `VISTTER__API__PORT`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!(
            "{PREFIX}{}",
            self.name.replace('.', "__").to_ascii_uppercase()
        )
    }
}

const PREFIX: &str = "VISTTER__";

const fn text(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        kind: Kind::Text,
        default,
        meaning,
        live: false,
    }
}

const fn number(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        kind: Kind::Number,
        default,
        meaning,
        live: false,
    }
}

/// Every key there is.
pub const KEYS: &[Key] = &[
    text(
        "data_dir",
        "/var/lib/vistter-agent",
        "Folder of everything the agent keeps.",
    ),
    text(
        "assets_dir",
        "",
        "Folder of pictures and videos; `assets` in the data folder where it is empty.",
    ),
    text(
        "api.address",
        "127.0.0.1",
        "Address that the page and the API answer on; loopback only until sign-in exists.",
    ),
    number(
        "api.port",
        "8080",
        "TCP port of the page and the API; 0 takes any free one.",
    ),
    number(
        "alerts.clear_after_s",
        "30",
        "Seconds that a trouble has to be over before its alert is; 0 to 600.",
    )
    .live(),
    text(
        "alerts.http",
        "loopback",
        "Where a webhook without https may lead: `loopback` or `anywhere`.",
    ),
    text(
        "link.proxy",
        "",
        "HTTP proxy to Studio, `http://host:port` or `http://user:password@host:port`, both percent-encoded; none where it is empty.",
    ),
    text(
        "log.level",
        "info",
        "`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,engine=debug`.",
    )
    .live(),
    text(
        "log.format",
        "human",
        "`human` or `json`, one line an event, to standard error.",
    ),
    number(
        "preview.sessions",
        "20",
        "Previews that may be open at once, of everybody together; 1 to 500.",
    ),
    text(
        "program.profile",
        "reliability",
        "Profile of the program: `reliability`, `quality`, `720p`, `480p` or `low_power`.",
    )
    .live(),
    number(
        "program.processor_limit",
        "95",
        "Percent of the processor up to which further encodes, decodes and previews are let in; 10 to 1000; 1000 lets everything in.",
    )
    .live(),
    text(
        "degraded.high_cpu",
        "on",
        "`on`: a busy machine lowers the frame rate; `off`.",
    )
    .live(),
    text(
        "degraded.network",
        "on",
        "`on`: a network that is too weak for every destination lowers the bit rate; `off`.",
    )
    .live(),
    text(
        "degraded.encoder_overload",
        "on",
        "`on`: an encoder that does not take every frame takes the show's graphics off; `off`.",
    )
    .live(),
    number(
        "degraded.cpu_high_percent",
        "90",
        "From this share on the machine's processors are too busy, 50 to 100.",
    )
    .live(),
    number(
        "degraded.cpu_low_percent",
        "75",
        "Up to this share they are not; 10 to 95, and at least 5 below the one above.",
    )
    .live(),
    number(
        "degraded.enter_s",
        "5",
        "Seconds that trouble of the network or the encoder lasts before quality is lowered by a step, 1 to 120.",
    )
    .live(),
    number(
        "degraded.cpu_enter_s",
        "20",
        "Seconds that the machine is too busy before quality is lowered by a step, 1 to 600.",
    )
    .live(),
    number(
        "degraded.check_s",
        "30",
        "Seconds that all is well before a step is given back, 5 to 600.",
    )
    .live(),
    number(
        "degraded.banner_s",
        "10",
        "Seconds that a notice stands in the picture when quality is lowered, 0 to 60; 0 for none.",
    )
    .live(),
    text(
        "ffmpeg.path",
        "",
        "FFmpeg; looked for beside the agent and on the PATH where it is empty.",
    ),
    text(
        "mediamtx.mode",
        "managed",
        "`managed`: the agent runs MediaMTX; `external`: it runs elsewhere on this machine.",
    ),
    text(
        "mediamtx.path",
        "",
        "MediaMTX; looked for in the usual places where it is empty.",
    ),
    number("mediamtx.rtsp_port", "8554", "RTSP port on loopback."),
    number("mediamtx.rtmp_port", "1935", "RTMP port on loopback."),
    number("mediamtx.hls_port", "8888", "HLS port on loopback."),
    number(
        "mediamtx.webrtc_port",
        "8889",
        "WebRTC signalling port on loopback.",
    ),
    number(
        "mediamtx.webrtc_udp_port",
        "8189",
        "WebRTC media port, UDP.",
    ),
    number(
        "mediamtx.api_port",
        "9997",
        "Port of MediaMTX's own API on loopback.",
    ),
    text(
        "mediamtx.api_user",
        "",
        "User name of an external MediaMTX's API.",
    ),
    text(
        "mediamtx.api_password",
        "",
        "Password of an external MediaMTX's API.",
    ),
];

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) place: String,
}

/// What was given, by key name.
pub(super) type Raw = BTreeMap<&'static str, Given>;

/// The key of this name, where there is one.
#[must_use]
pub fn known(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Reads a TOML text; every fault of it is added to `faults`.
pub(super) fn from_file(path: &Path, text: &str, faults: &mut Vec<Fault>) -> Raw {
    let place = |at: usize| {
        let line = text
            .get(..at)
            .map_or(1, |before| before.matches('\n').count() + 1);
        format!("{}:{line}", path.display())
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        faults.push(Fault {
            place: place(error.span().map_or(0, |span| span.start)),
            key: String::new(),
            message: error.message().replace('\n', " "),
        });
    }
    let mut raw = Raw::new();
    for (name, value) in table.get_ref() {
        let at = place(name.span().start);
        match value.get_ref() {
            DeValue::Table(section) if has_section(name.get_ref()) => {
                for (key, value) in section {
                    let full = format!("{}.{}", name.get_ref(), key.get_ref());
                    take(
                        &full,
                        place(key.span().start),
                        value.get_ref(),
                        &mut raw,
                        faults,
                    );
                }
            }
            other => take(name.get_ref(), at, other, &mut raw, faults),
        }
    }
    raw
}

/// Whether keys stand under this name.
#[must_use]
pub fn has_section(name: &str) -> bool {
    KEYS.iter().any(|key| {
        key.name
            .split_once('.')
            .is_some_and(|(section, _)| section == name)
    })
}

fn take(name: &str, place: String, value: &DeValue<'_>, raw: &mut Raw, faults: &mut Vec<Fault>) {
    let Some(key) = known(name) else {
        let message = if has_section(name) {
            format!("this is a section; write it as [{name}] with keys below")
        } else {
            unknown(name)
        };
        faults.push(Fault {
            place,
            key: name.to_owned(),
            message,
        });
        return;
    };
    let text = match (key.kind, value) {
        (Kind::Text, DeValue::String(text)) => text.to_string(),
        (Kind::Number, DeValue::Integer(number)) => {
            let digits = number.as_str();
            match u64::from_str_radix(digits, number.radix()) {
                Ok(number) => number.to_string(),
                Err(_) => {
                    let message = format!("a whole number from 0 is wanted, not {digits}");
                    faults.push(Fault {
                        place,
                        key: name.to_owned(),
                        message,
                    });
                    return;
                }
            }
        }
        (kind, other) => {
            let wanted = match kind {
                Kind::Text => "a text in quotes",
                Kind::Number => "a whole number",
            };
            let message = format!("{wanted} is wanted, not {}", article(other));
            faults.push(Fault {
                place,
                key: name.to_owned(),
                message,
            });
            return;
        }
    };
    raw.insert(key.name, Given { text, place });
}

const fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a decimal",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// Says that there is no such key, and which one may be meant.
pub(super) fn unknown(name: &str) -> String {
    let near = KEYS
        .iter()
        .map(|key| (distance(name, key.name), key.name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    match near {
        Some((_, near)) => format!("there is no such key; did you mean {near}?"),
        None => "there is no such key".to_owned(),
    }
}

/// How many letters have to be changed, added or taken to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut before = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            left = (above + 1)
                .min(left + 1)
                .min(before + usize::from(from != *to));
            before = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// Adds what the environment gives; it wins over the file.
pub(super) fn from_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    raw: &mut Raw,
    faults: &mut Vec<Fault>,
) {
    for (variable, text) in environment {
        let Some(rest) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let name = rest.to_ascii_lowercase().replace("__", ".");
        match known(&name) {
            None => faults.push(Fault {
                place: variable,
                message: unknown(&name),
                key: name,
            }),
            Some(key) if key.kind == Kind::Number && text.trim().parse::<u64>().is_err() => {
                faults.push(Fault {
                    place: variable,
                    key: name,
                    message: format!("a whole number is wanted, not {text:?}"),
                });
            }
            Some(key) => {
                let text = text.trim().to_owned();
                raw.insert(
                    key.name,
                    Given {
                        text,
                        place: variable,
                    },
                );
            }
        }
    }
}
