//! Words before they have a shape: cleaning, `{{tokens}}`, escaping.
//!
//! Owns what of an operator's text may reach the renderer. All text is hostile. Knows no font.

use std::collections::BTreeMap;

use model::Graphic;

/// Most characters of one text.
pub const TEXT_LIMIT: usize = 500;
/// Longest name of a token.
const NAME_LIMIT: usize = 64;

/// A text with its tokens filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The text: no control characters but line breaks, at most [`TEXT_LIMIT`] characters.
    pub text: String,
    /// Tokens that have no value; nothing stands in their place.
    pub missing: Vec<String>,
}

impl Words {
    /// The words of a graphic, as they will be drawn.
    #[must_use]
    pub fn of(graphic: &Graphic) -> Self {
        fill(graphic.text.as_deref().unwrap_or_default(), &graphic.tokens)
    }
}

/// The names of the tokens in a text, in order, so that whoever knows the time or the place can
/// tell which values are wanted.
pub fn tokens_in(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Token(name) => Some(name),
        Piece::Text(_) => None,
    })
}

enum Piece<'a> {
    Text(&'a str),
    Token(&'a str),
}

/// Cuts a text at its tokens. `{{` that never closes, or closes around no name, is plain text.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(at) = rest[from..].find("{{") {
            let start = from + at;
            let inside = &rest[start + 2..];
            let Some(end) = inside.find("}}") else { break };
            let name = inside[..end].trim();
            if !is_name(name) {
                from = start + 1;
                continue;
            }
            if start > 0 {
                let piece = Piece::Text(&rest[..start]);
                rest = &rest[start..];
                return Some(piece);
            }
            rest = &inside[end + 2..];
            return Some(Piece::Token(name));
        }
        Some(Piece::Text(std::mem::take(&mut rest)))
    })
}

fn is_name(text: &str) -> bool {
    (1..=NAME_LIMIT).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn fill(text: &str, values: &BTreeMap<String, String>) -> Words {
    let mut out = String::new();
    let mut missing = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Token(name) => match values.get(name) {
                Some(value) => out.push_str(value),
                None if missing.iter().any(|m| m == name) => {}
                None => missing.push(name.to_owned()),
            },
        }
    }
    Words {
        text: clean(&out),
        missing,
    }
}

/// Keeps what can be drawn: line breaks stay, tabs become spaces, other control characters and the
/// marks that turn the direction of what follows go.
fn clean(text: &str) -> String {
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unwritable = |c| matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{feff}');
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\r' | '\u{2028}' | '\u{2029}' => '\n',
            '\t' => ' ',
            other => other,
        })
        .filter(|c| *c == '\n' || !(c.is_control() || turns(*c) || unwritable(*c)))
        .take(TEXT_LIMIT)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Writes a text into XML.
pub(crate) fn escape(text: &str, xml: &mut String) {
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            other => xml.push(other),
        }
    }
}

/// Whether a line must not be broken before this character: it belongs to the one before.
pub(crate) const fn clings(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036f}' | '\u{0591}'..='\u{05c7}' | '\u{064b}'..='\u{065f}'
        | '\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn tokens_are_filled_and_the_missing_are_named_once() {
        let words = fill(
            "{{ time }} · {{place}}{{place}}",
            &values(&[("time", "09:41")]),
        );
        assert_eq!(words.text, "09:41 ·");
        assert_eq!(words.missing, ["place"]);
    }

    #[test]
    fn braces_that_are_no_token_stay_text() {
        for text in ["{{", "a {{b", "}}", "{{ }}", "{{a b}}", "{ {x} }", "{{{"] {
            assert_eq!(fill(text, &BTreeMap::new()).text, text);
        }
        assert_eq!(fill("{{{x}}}", &values(&[("x", "1")])).text, "{1}");
    }

    #[test]
    fn a_value_is_not_read_for_tokens_again() {
        let words = fill("{{a}}", &values(&[("a", "{{b}}"), ("b", "no")]));
        assert_eq!(words.text, "{{b}}");
    }

    #[test]
    fn tokens_are_listed_in_order() {
        let names: Vec<_> = tokens_in("{{time}} at {{ place }}, {{x y}}").collect();
        assert_eq!(names, ["time", "place"]);
    }

    #[test]
    fn control_characters_and_direction_marks_are_taken_out() {
        assert_eq!(clean("a\0b\u{1b}[31m\tc\r\nd\u{202e}e"), "ab[31m c\nde");
        assert_eq!(clean(&"é".repeat(900)).chars().count(), TEXT_LIMIT);
    }

    #[test]
    fn markup_is_escaped() {
        let mut xml = String::new();
        escape("<script a=\"1\">&'", &mut xml);
        assert_eq!(xml, "&lt;script a=&quot;1&quot;&gt;&amp;&apos;");
    }

    proptest::proptest! {
        #[test]
        fn filling_never_panics_and_keeps_the_limit(text in "\\PC{0,600}|[{} a]{0,40}") {
            let words = fill(&text, &BTreeMap::new());
            proptest::prop_assert!(words.text.chars().count() <= TEXT_LIMIT);
        }
    }
}
