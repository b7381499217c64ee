//! The last look for secrets in texts that should hold none. Pure.
//!
//! Owns what a secret may look like in a text: as it is, percent-encoded, escaped; and what is taken
//! away whoever wrote it: the user in an address, and what its query calls a password or a key. It is
//! the second wall: answers and the log are made without secrets, but an operator may have pasted one
//! into a name or an address.

use model::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;

/// Stands where something was taken away.
const REMOVED: &str = "[removed]";

/// A secret of fewer bytes is looked for as a word of its own: else it would take pieces out of every other
/// word.
const SHORT: usize = 6;

/// The same of one that is of letters only: no word is as long.
const WORD: usize = 16;

/// Pieces of a secret that are shorter, such as a key's last line or a path, are none by themselves.
const PIECE: usize = 16;

/// Ends a line of the log that was too long, and so cut.
const CUT: char = '…';

/// So much of a secret before that is taken for its beginning.
const CUT_PIECE: usize = 4;

/// What has no meaning in an address, so that most leave it as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Names in a query whose values are nobody's business, and last words of such names: `stream_key`,
/// `X-Amz-Signature`.
const NAMES: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "psw",
    "token",
    "secret",
    "key",
    "apikey",
    "auth",
    "signature",
    "sig",
    "streamid",
    "credential",
    "credentials",
];

/// Longest name in a query that is looked at.
const NAME: usize = 64;

/// Ends an address in a text.
fn ends_address(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '\\' | '`')
}

/// Takes secrets out of texts.
pub struct Redactor {
    /// By their first byte, the longest first.
    forms: HashMap<u8, Vec<Form>>,
}

struct Form {
    text: Secret,
    /// It counts only where no letter or digit touches it.
    is_word: bool,
}

impl Redactor {
    /// One that knows these secrets.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut forms: HashMap<u8, Vec<Form>> = HashMap::new();
        for secret in secrets {
            for piece in pieces(&secret) {
                for text in written(&piece) {
                    let Some(first) = text.expose().bytes().next() else {
                        continue;
                    };
                    let plain = text.expose();
                    let is_word = plain.len() < SHORT
                        || (plain.len() < WORD && plain.chars().all(char::is_alphabetic));
                    forms.entry(first).or_default().push(Form { text, is_word });
                }
            }
        }
        for known in forms.values_mut() {
            known.sort_unstable_by_key(|form| std::cmp::Reverse(form.text.expose().len()));
            known.dedup_by(|one, other| one.text == other.text);
        }
        Self { forms }
    }

    /// Takes them out of every text of a value, the names of its fields included.
    pub fn clean(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(cleaned) = self.cleaned(text) {
                    *text = cleaned;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.clean(value)),
            Value::Object(fields) => {
                let taken = std::mem::take(fields);
                let clean = |(name, mut value): (String, Value)| {
                    self.clean(&mut value);
                    (self.cleaned(&name).into_owned(), value)
                };
                *fields = taken.into_iter().map(clean).collect::<Map<_, _>>();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn cleaned<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.without_known(text);
        let known = match without_logins(&known) {
            Cow::Owned(text) => Cow::Owned(text),
            Cow::Borrowed(_) => known,
        };
        if !known.contains("://") && !known.contains('=') {
            return known;
        }
        Cow::Owned(without_values(&without_users(&known)))
    }

    fn without_known<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = String::new();
        // What is before it is in `out`.
        let mut done = 0;
        let mut at = 0;
        while let Some(first) = text.as_bytes().get(at) {
            match self.at(text, at, *first) {
                Some(length) => {
                    out.push_str(&text[done..at]);
                    out.push_str(REMOVED);
                    at += length;
                    done = at;
                }
                None => at += 1,
            }
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    /// The length of the secret that begins here.
    fn at(&self, text: &str, at: usize, first: u8) -> Option<usize> {
        let known = self.forms.get(&first)?;
        // In the midst of a character nothing begins.
        let rest = text.get(at..)?;
        // The last of a line that was too long.
        let end = rest.strip_suffix(CUT).filter(|end| end.len() >= CUT_PIECE);
        known.iter().find_map(|form| {
            let plain = form.text.expose();
            if rest.starts_with(plain) {
                let alone = || stands_alone(&text[..at], &rest[plain.len()..]);
                return (!form.is_word || alone()).then_some(plain.len());
            }
            let end = end.filter(|end| plain.starts_with(end))?;
            (!form.is_word || stands_alone(&text[..at], "")).then_some(end.len())
        })
    }
}

fn stands_alone(before: &str, after: &str) -> bool {
    let touches = |c: char| c.is_alphanumeric() || c == '_';
    let begins =
        !before.chars().next_back().is_some_and(touches) || ends_encoded(before.as_bytes());
    begins && !after.chars().next().is_some_and(touches)
}

/// Whether the last letters stand for something else: `%3A`, `\n`.
fn ends_encoded(before: &[u8]) -> bool {
    match before {
        [.., b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        [.., b'\\', escaped] => escaped.is_ascii_lowercase(),
        _ => false,
    }
}

/// What of a secret is one by itself: the texts that were sealed as one document, and the path of one
/// that is an address; the lines of a key; what stands before and behind the name of an SRT passphrase.
fn pieces(secret: &Secret) -> Vec<Secret> {
    let text = secret.expose();
    let mut pieces = vec![secret.clone()];
    if let Ok(Value::Object(fields)) = serde_json::from_str(text) {
        for text in fields.values().filter_map(Value::as_str) {
            pieces.push(Secret::new(text));
            let path = path(text).filter(|path| path.len() >= PIECE);
            pieces.extend(path.map(Secret::new));
        }
    }
    let lines = text.lines();
    if lines.clone().count() > 1 {
        let long = lines.filter(|line| line.len() >= PIECE && !line.starts_with("-----"));
        pieces.extend(long.map(Secret::new));
    }
    if let Some((id, passphrase)) = text.split_once("?passphrase=") {
        pieces.extend([id, passphrase].map(Secret::new));
    }
    pieces
}

/// What follows the host in an address.
fn path(address: &str) -> Option<&str> {
    let (_, behind) = address.split_once("://")?;
    behind.find('/').map(|at| &behind[at..])
}

/// A text as it may be written: as it is, in an address, in a text that is quoted.
fn written(secret: &Secret) -> Vec<Secret> {
    let text = secret.expose();
    let mut forms = vec![secret.clone()];
    for set in [NON_ALPHANUMERIC, UNRESERVED] {
        let upper = utf8_percent_encode(text, set).to_string();
        let lower = in_lower_case(&upper);
        forms.extend([upper, lower].map(Secret::new));
    }
    let inside = |quoted: String| {
        let inner = quoted.get(1..quoted.len().saturating_sub(1));
        inner.map(Secret::new)
    };
    forms.extend(inside(Value::String(text.to_owned()).to_string()));
    forms.extend(inside(format!("{text:?}")));
    forms
}

/// With the digits of `%2F` and the like in lower case.
fn in_lower_case(encoded: &str) -> String {
    let mut digits = 0_u8;
    let lower = |c: char| match (c, digits) {
        ('%', _) => {
            digits = 2;
            c
        }
        (_, 0) => c,
        _ => {
            digits -= 1;
            c.to_ascii_lowercase()
        }
    };
    encoded.chars().map(lower).collect()
}

/// Without what shows who asks, in the head of a request that a library has logged.
fn without_logins(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for mark in ["Bearer ", "Basic "] {
        let mut from = 0;
        while let Some(found) = text[from..].find(mark) {
            from += found + mark.len();
            let token = &text[from..];
            let length = token.find(ends_address).unwrap_or(token.len());
            if length >= PIECE {
                text.to_mut().replace_range(from..from + length, REMOVED);
            }
        }
    }
    text
}

/// Without `user:password@` in the addresses of a text.
fn without_users(text: &str) -> String {
    const MARK: &str = "://";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(mark) = rest.find(MARK) {
        let (before, after) = rest.split_at(mark + MARK.len());
        out.push_str(before);
        let end = after
            .find(|c| ends_address(c) || matches!(c, '/' | '?' | '#'))
            .unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(REMOVED);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Without the values that a query calls by one of [`NAMES`].
fn without_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(mark) = rest.find(['?', '&']) {
        let (before, after) = rest.split_at(mark + 1);
        out.push_str(before);
        rest = after;
        let name = after.split_once('=').map(|(name, _)| name);
        let name = name.filter(|name| name.len() <= NAME && is_private(name));
        if let Some(name) = name {
            let (named, value) = after.split_at(name.len() + 1);
            let end = value
                .find(|c| ends_address(c) || matches!(c, '&' | '#'))
                .unwrap_or(value.len());
            out.push_str(named);
            out.push_str(REMOVED);
            rest = &value[end..];
        }
    }
    out.push_str(rest);
    out
}

/// Whether a query calls something private by this name.
fn is_private(name: &str) -> bool {
    let last = name.rsplit(['-', '_', '.']).next().unwrap_or(name);
    NAMES
        .iter()
        .any(|private| last.eq_ignore_ascii_case(private))
}

#[cfg(test)]
mod tests;
