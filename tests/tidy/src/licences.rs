//! Which licences may be in the build.

/// Licences that our own terms agree with, by their SPDX ids. `deny.toml` lists the same.
pub const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Says which of `(crate, licence expression)` cannot be used under [`ALLOWED`]. An expression is
/// fulfilled when every part joined by `AND` has an allowed choice among those joined by `OR`.
#[must_use]
pub fn licence_faults(packages: &[(String, Option<String>)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, licence) in packages {
        match licence {
            None => faults.push(format!("{name} states no licence")),
            Some(text) if fulfilled(text) => {}
            Some(text) => faults.push(format!("{name} is under {text}")),
        }
    }
    faults
}

/// `/` is the old way of writing `OR`; parentheses only ever group choices.
fn fulfilled(expression: &str) -> bool {
    let flat = expression.replace('/', " OR ");
    let flat = flat.replace(['(', ')'], " ");
    flat.split(" AND ").all(|part| {
        part.split(" OR ").any(|choice| {
            ALLOWED.contains(
                &choice
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
                    .as_str(),
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_with_one_allowed_licence_is_fulfilled() {
        for text in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
        ] {
            assert!(fulfilled(text), "{text}");
        }
    }

    #[test]
    fn a_licence_that_is_not_listed_is_a_fault() {
        let named = |licence: Option<&str>| vec![("x".to_owned(), licence.map(str::to_owned))];
        for licence in [
            None,
            Some("GPL-3.0-only"),
            Some("MIT AND GPL-3.0-only"),
            Some(""),
        ] {
            assert_eq!(licence_faults(&named(licence)).len(), 1, "{licence:?}");
        }
    }
}
