//! A stream key as the API shows it and takes it back.
//!
//! Owns the mask. A key itself only ever lives in a [`Secret`].

use model::Secret;

/// What stands for the part that is not shown.
const STARS: &str = "****";
/// Shorter keys show nothing of themselves.
const SHOWN_FROM: usize = 12;
/// How many characters of a long key are shown.
const SHOWN: usize = 4;

/// How a key is shown: `****` and its last 4 characters when it has 12 or more, `****` when it has
/// fewer, and nothing when there is none.
#[must_use]
pub fn mask(key: &Secret) -> String {
    let text = key.expose();
    let len = text.chars().count();
    if len == 0 {
        String::new()
    } else if len < SHOWN_FROM {
        STARS.to_owned()
    } else {
        let tail: String = text.chars().skip(len - SHOWN).collect();
        format!("{STARS}{tail}")
    }
}

/// Whether a text has the form of a mask: no platform gives out a key that begins with four stars.
pub(crate) fn looks_masked(text: &str) -> bool {
    text.starts_with(STARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mask_shows_the_end_of_long_keys_only() {
        for (key, shown) in [
            ("", ""),
            ("a", "****"),
            ("abcdefghijk", "****"),
            ("abcdefghijkl", "****ijkl"),
            ("schlüssel-für-äöü€", "****äöü€"),
        ] {
            assert_eq!(mask(&Secret::new(key)), shown, "{key}");
        }
    }

    proptest! {
        #[test]
        fn a_mask_never_has_more_than_four_characters_of_the_key(key in "\\PC{0,80}") {
            let shown = mask(&Secret::new(key.clone()));
            prop_assert!(shown.chars().count() <= STARS.len() + SHOWN);
            prop_assert!(key.is_empty() || looks_masked(&shown));
        }
    }
}
