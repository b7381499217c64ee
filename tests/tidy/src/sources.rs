//! The shape of a source file.

/// Most lines of a file outside tests.
pub const FILE_CAP: usize = 800;

/// Says what is wrong with the shape of one file of Rust. `path` decides whether it counts as a
/// test: a folder or a file named so.
#[must_use]
pub fn shape_faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.trim_start().starts_with("//!") {
        faults.push(format!("{path} does not open with what it owns (//!)"));
    } else if text.trim() == "//! placeholder" {
        faults.push(format!("{path} is a placeholder"));
    }
    let lines = text.lines().count();
    let is_test = path
        .split('/')
        .any(|part| part == "tests.rs" || part == "tests");
    if lines > FILE_CAP && !is_test {
        faults.push(format!("{path} has {lines} lines, more than {FILE_CAP}"));
    }
    for (number, line) in text.lines().enumerate() {
        if let Some(mark) = ["TODO", "FIXME", "XXX"]
            .iter()
            .find(|mark| is_mark(line, mark))
        {
            faults.push(format!("{path}:{} has a {mark}", number + 1));
        }
    }
    faults
}

/// A mark counts in a comment only, and as a word of its own.
fn is_mark(line: &str, mark: &str) -> bool {
    line.split_once("//").is_some_and(|(_, comment)| {
        comment
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == mark)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_its_opening_words_is_a_fault() {
        assert_eq!(shape_faults("a/src/b.rs", "fn main() {}\n").len(), 1);
        assert!(shape_faults("a/src/b.rs", "//! Owns b.\nfn main() {}\n").is_empty());
    }

    #[test]
    fn a_long_file_is_a_fault_unless_it_is_a_test() {
        let long = format!("//! Long.\n{}", "\n".repeat(FILE_CAP));
        assert_eq!(shape_faults("a/src/b.rs", &long).len(), 1);
        assert!(shape_faults("a/tests/b.rs", &long).is_empty());
        assert!(shape_faults("a/src/b/tests.rs", &long).is_empty());
    }

    #[test]
    fn unfinished_work_is_a_fault() {
        let text = ["//! Owns b.\n// TO", "DO: more\n"].concat();
        assert_eq!(
            shape_faults("b.rs", &text),
            [["b.rs:2 has a TO", "DO"].concat()]
        );
    }
}
