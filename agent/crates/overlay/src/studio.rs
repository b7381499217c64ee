//! The font, and text that is given a shape: measuring, wrapping, shortening.
//!
//! Owns the bundled font. Lines are found here and drawn by [`crate::page`].

use std::collections::HashMap;
use std::sync::Arc;

use resvg::usvg::{self, Tree, fontdb};

use crate::page;
use crate::text::clings;

static INTER: &[u8] = include_bytes!("../fonts/Inter.ttf");

/// Height of Inter's capitals in shares of the text size.
const CAPITALS: f32 = 0.727;
/// From one line to the next, in shares of the text size.
const LEADING: f32 = 1.28;

/// Why there is no studio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StudioError {
    /// The bundled font cannot be read: the binary is damaged.
    #[error("the bundled font cannot be read")]
    Font,
}

/// Draws graphics. Made once; drawing takes `&self`, so one can be shared by threads.
#[derive(Debug)]
pub struct Studio {
    options: usvg::Options<'static>,
}

/// Weight of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Semibold,
}

impl Weight {
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::Regular => 400,
            Self::Semibold => 600,
        }
    }
}

/// Size in program pixels, and weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Type {
    pub(crate) size: f32,
    pub(crate) weight: Weight,
}

impl Type {
    pub(crate) fn line_height(self) -> f32 {
        self.size * LEADING
    }

    /// From the top of a line to its baseline, so that capitals stand in its middle.
    pub(crate) fn baseline(self) -> f32 {
        (self.line_height() + self.size * CAPITALS) / 2.0
    }
}

/// Lines that fit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) lines: Vec<String>,
    pub(crate) set: Type,
    /// Width of the widest line.
    pub(crate) width: f32,
    /// Something did not fit and ends in an ellipsis.
    pub(crate) shortened: bool,
}

impl Block {
    pub(crate) fn height(&self) -> f32 {
        self.lines.len() as f32 * self.set.line_height()
    }
}

impl Studio {
    /// Loads the bundled font.
    ///
    /// # Errors
    /// [`StudioError::Font`] when it cannot be read.
    pub fn new() -> Result<Self, StudioError> {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(INTER)));
        let face = fonts.faces().next().ok_or(StudioError::Font)?;
        let family = face
            .families
            .first()
            .map(|(name, _)| name.clone())
            .ok_or(StudioError::Font)?;
        // The renderer's own defaults name fonts that are not here, and text in them is not drawn.
        fonts.set_serif_family(&family);
        fonts.set_sans_serif_family(&family);
        fonts.set_monospace_family(&family);
        let options = usvg::Options {
            font_family: family,
            fontdb: Arc::new(fonts),
            ..usvg::Options::default()
        };
        Ok(Self { options })
    }

    pub(crate) fn parse(&self, svg: &str) -> Result<Tree, usvg::Error> {
        Tree::from_str(svg, &self.options)
    }

    /// Wraps a text at spaces into at most `max_lines` lines of at most `max_width` pixels. A word
    /// that is too long is broken; what does not fit ends in an ellipsis.
    pub(crate) fn wrap(&self, text: &str, set: Type, max_width: f32, max_lines: usize) -> Block {
        let mut ruler = Ruler::new(self, set);
        ruler.learn(text.split_whitespace());
        let space = ruler.space();
        let mut lines: Vec<(String, f32)> = Vec::new();
        for paragraph in text.lines() {
            let mut line = (String::new(), 0.0);
            for word in paragraph.split_whitespace() {
                for (part, width) in ruler.break_word(word, max_width) {
                    let gap = if line.0.is_empty() { 0.0 } else { space };
                    if !line.0.is_empty() && line.1 + gap + width > max_width {
                        lines.push(std::mem::take(&mut line));
                    }
                    if !line.0.is_empty() {
                        line.0.push(' ');
                        line.1 += space;
                    }
                    line.0.push_str(&part);
                    line.1 += width;
                }
            }
            lines.push(line);
        }
        let shortened = lines.len() > max_lines;
        if shortened {
            lines.truncate(max_lines.max(1));
            if let Some(last) = lines.last_mut() {
                *last = ruler.shorten(&last.0, max_width);
            }
        }
        Block {
            width: lines.iter().map(|(_, width)| *width).fold(0.0, f32::max),
            lines: lines.into_iter().map(|(line, _)| line).collect(),
            set,
            shortened,
        }
    }
}

/// Widths of words in one type. The renderer itself is asked, once for many words.
struct Ruler<'a> {
    studio: &'a Studio,
    set: Type,
    widths: HashMap<String, f32>,
}

impl<'a> Ruler<'a> {
    fn new(studio: &'a Studio, set: Type) -> Self {
        Self {
            studio,
            set,
            widths: HashMap::new(),
        }
    }

    fn learn<'w>(&mut self, words: impl Iterator<Item = &'w str>) {
        let mut fresh: Vec<&str> = words.filter(|w| !self.widths.contains_key(*w)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        if fresh.is_empty() {
            return;
        }
        let svg = page::measuring(&fresh, self.set);
        let Ok(tree) = self.studio.parse(&svg) else {
            return;
        };
        for node in tree.root().children() {
            let usvg::Node::Text(text) = node else {
                continue;
            };
            let index = text.id().strip_prefix('w').and_then(|n| n.parse().ok());
            let word = index.and_then(|i: usize| fresh.get(i));
            if let Some(word) = word {
                self.widths
                    .insert((*word).to_owned(), text.bounding_box().width());
            }
        }
    }

    fn width(&self, word: &str) -> f32 {
        self.widths.get(word).copied().unwrap_or(0.0)
    }

    fn space(&mut self) -> f32 {
        self.learn(["n n", "nn"].into_iter());
        (self.width("n n") - self.width("nn")).max(self.set.size * 0.1)
    }

    /// A word in parts that fit.
    fn break_word(&mut self, word: &str, max_width: f32) -> Vec<(String, f32)> {
        let whole = self.width(word);
        if whole <= max_width {
            return vec![(word.to_owned(), whole)];
        }
        let mut parts: Vec<(String, f32)> = Vec::new();
        for (letter, width) in self.letters(word) {
            match parts.last_mut() {
                Some(part) if part.1 + width <= max_width => {
                    part.0.push_str(&letter);
                    part.1 += width;
                }
                _ => parts.push((letter, width)),
            }
        }
        parts
    }

    /// As much of a line as fits with an ellipsis behind it.
    fn shorten(&mut self, line: &str, max_width: f32) -> (String, f32) {
        let letters = self.letters(line);
        self.learn(std::iter::once("…"));
        let mut width = self.width("…");
        let mut out = String::new();
        for (letter, more) in letters {
            if width + more > max_width {
                break;
            }
            width += more;
            out.push_str(&letter);
        }
        out.truncate(out.trim_end().len());
        out.push('…');
        (out, width)
    }

    /// Letters with the marks that cling to them, and their widths.
    fn letters(&mut self, word: &str) -> Vec<(String, f32)> {
        let mut letters: Vec<String> = Vec::new();
        for c in word.chars() {
            match letters.last_mut() {
                Some(letter) if clings(c) || letter.ends_with('\u{200d}') => letter.push(c),
                _ => letters.push(c.to_string()),
            }
        }
        let space = self.space();
        self.learn(letters.iter().map(String::as_str).filter(|l| *l != " "));
        let width = |l: &String| if l == " " { space } else { self.width(l) };
        let widths: Vec<f32> = letters.iter().map(width).collect();
        letters.into_iter().zip(widths).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: Type = Type {
        size: 40.0,
        weight: Weight::Regular,
    };

    #[test]
    fn words_wrap_and_what_is_too_much_ends_in_an_ellipsis() {
        let studio = Studio::new().unwrap();
        let text = "The quick brown fox jumps over the lazy dog and runs away";
        let block = studio.wrap(text, SET, 400.0, 2);
        assert_eq!(block.lines.len(), 2);
        assert!(block.lines[1].ends_with('…'), "{:?}", block.lines);
        assert!(block.shortened && block.width <= 400.0);
        let whole = studio.wrap(text, SET, 4000.0, 2);
        assert_eq!(whole.lines, [text]);
        assert!(!whole.shortened);
    }

    #[test]
    fn a_word_without_spaces_is_broken() {
        let studio = Studio::new().unwrap();
        let block = studio.wrap(&"W".repeat(100), SET, 300.0, 50);
        assert!(block.lines.len() > 5);
        assert_eq!(block.lines.concat(), "W".repeat(100));
        assert!(block.width <= 300.0);
    }

    #[test]
    fn line_breaks_are_kept() {
        let studio = Studio::new().unwrap();
        let block = studio.wrap("one\n\ntwo", SET, 1000.0, 9);
        assert_eq!(block.lines, ["one", "", "two"]);
    }

    #[test]
    fn heavier_text_is_wider() {
        let studio = Studio::new().unwrap();
        let width = |weight| {
            let set = Type { size: 40.0, weight };
            studio.wrap("Harbour", set, 1000.0, 1).width
        };
        assert!(width(Weight::Semibold) > width(Weight::Regular));
    }
}
