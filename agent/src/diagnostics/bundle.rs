//! Sections as one document: cleaned, measured, put together. Pure.

use super::{Redactor, Section};
use serde_json::{Value, json};

/// Most bytes of a bundle.
const LIMIT: usize = 8 * 1024 * 1024;

const BEGIN: &str = "{\n";
const BETWEEN: &str = ",\n";
const END: &str = "\n}";

/// A bundle.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Bundle {
    /// What a file of it is called.
    pub file_name: String,
    /// The document: JSON, UTF-8, at most 8 MiB.
    pub text: String,
}

/// Makes a bundle of sections, in their order. What `redactor` knows is in none of them. One that would
/// make the document too large is left out, and its place says how large it is.
///
/// `device` is the serial or another name of the device, `at` the time as RFC 3339; both stand in the
/// file's name.
#[must_use]
pub fn bundle(
    sections: Vec<(Section, Value)>,
    redactor: &Redactor,
    (device, at): (&str, &str),
) -> Bundle {
    Bundle {
        file_name: file_name(device, at),
        text: document(sections, redactor, LIMIT),
    }
}

fn document(sections: Vec<(Section, Value)>, redactor: &Redactor, limit: usize) -> String {
    let least = |section: Section| left_out(section, usize::MAX).len() + BETWEEN.len();
    // What has to be said of those that are still to come, at least.
    let mut kept_free: usize = sections.iter().map(|(section, _)| least(*section)).sum();
    let mut text = BEGIN.to_owned();
    for (section, mut value) in sections {
        redactor.clean(&mut value);
        let mut part = part(section, value);
        kept_free = kept_free.saturating_sub(least(section));
        let room = limit.saturating_sub(text.len() + kept_free + BETWEEN.len() + END.len());
        if part.len() > room {
            part = left_out(section, part.len());
        }
        if text.len() > BEGIN.len() {
            text.push_str(BETWEEN);
        }
        text.push_str(&part);
    }
    text.push_str(END);
    text
}

/// A section as it stands in the document.
fn part(section: Section, value: Value) -> String {
    let mut whole = serde_json::Map::new();
    whole.insert(section.as_str().to_owned(), value);
    // Values always have a JSON form.
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
    text.truncate(text.len().saturating_sub(END.len()));
    text.drain(..BEGIN.len().min(text.len()));
    text
}

fn left_out(section: Section, bytes: usize) -> String {
    let why = format!("its {bytes} bytes are more than there is room for");
    part(section, json!({ "left_out": why }))
}

fn file_name(device: &str, at: &str) -> String {
    let plain = |text: &str| -> String {
        let fits = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        text.chars().filter(fits).take(64).collect()
    };
    let time = at.split(['.', 'Z']).next().unwrap_or(at);
    format!(
        "vistter-diagnostics-{}-{}Z.json",
        plain(device),
        plain(time)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Secret;

    fn lines(count: usize) -> Value {
        json!({ "lines": vec!["x".repeat(90); count] })
    }

    fn made(sections: Vec<(Section, Value)>, limit: usize) -> (usize, Value) {
        let text = document(sections, &Redactor::new([]), limit);
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        (text.len(), value)
    }

    #[test]
    fn the_document_is_readable_json_in_the_order_of_its_sections() {
        let sections = vec![
            (Section::About, json!({ "version": "1" })),
            (Section::Log, json!({ "lines": ["a \"b\"\n"] })),
        ];
        let bundle = bundle(
            sections,
            &Redactor::new([]),
            ("VS-2345-6789-ABCD", "2026-11-22T13:36:58.123Z"),
        );
        assert_eq!(
            bundle.text,
            "{\n  \"about\": {\n    \"version\": \"1\"\n  },\n  \"log\": {\n    \"lines\": [\n      \
             \"a \\\"b\\\"\\n\"\n    ]\n  }\n}"
        );
        assert_eq!(
            bundle.file_name,
            "vistter-diagnostics-VS-2345-6789-ABCD-2026-11-22T133658Z.json"
        );
        assert_eq!(made(Vec::new(), LIMIT).1, json!({}));
    }

    #[test]
    fn a_name_of_a_file_is_one_whatever_the_device_is_called() {
        let named = bundle(
            Vec::new(),
            &Redactor::new([]),
            ("../a\"\r\nb", "2026-11-22T13:36:58Z"),
        );
        assert_eq!(
            named.file_name,
            "vistter-diagnostics-ab-2026-11-22T133658Z.json"
        );
    }

    #[test]
    fn at_every_limit_the_document_is_whole_and_no_larger() {
        let sections = || {
            vec![
                (Section::About, json!({ "version": "1" })),
                (Section::Inventory, lines(30)),
                (Section::Audit, lines(3)),
                (Section::Log, lines(10)),
            ]
        };
        let (whole, value) = made(sections(), LIMIT);
        assert_eq!(value["log"], lines(10));
        for limit in (500..=whole).step_by(7).chain([whole]) {
            let (bytes, value) = made(sections(), limit);
            assert!(bytes <= limit, "{bytes} of {limit}");
            assert_eq!(value.as_object().unwrap().len(), 4, "{limit}");
            for (name, lines) in [("inventory", 30), ("audit", 3), ("log", 10)] {
                let of = &value[name];
                let told = of["left_out"].as_str();
                assert!(
                    *of == self::lines(lines) || told.is_some_and(|told| told.contains("bytes")),
                    "{limit}: {of}"
                );
            }
        }
        let (_, value) = made(sections(), whole);
        assert_eq!(value["log"], lines(10));
        // What is too large takes nothing from what comes behind it.
        let (_, value) = made(sections(), 2_500);
        assert!(value["inventory"]["left_out"].is_string(), "{value}");
        assert_eq!(value["log"], lines(10));
    }

    #[test]
    fn a_secret_is_in_no_section() {
        let sections = vec![(Section::Log, json!({ "lines": ["a \"hunter\\2\" b"] }))];
        let redactor = Redactor::new([Secret::new("\"hunter\\2\"")]);
        let text = document(sections, &redactor, LIMIT);
        assert!(!text.contains("hunter"), "{text}");
    }
}
