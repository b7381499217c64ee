//! An error with what caused it, for a log or an operator.
//!
//! Owns one line of text. Never decides what is said of an error.

/// An error with its causes, in one line, each of them once: one whose text the line already has is
/// left out.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = next.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::chain;
    use std::fmt;

    #[derive(Debug)]
    struct Because(&'static str, Option<Box<Because>>);

    impl fmt::Display for Because {
        fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str(self.0)
        }
    }

    impl std::error::Error for Because {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn causes_follow_in_one_line_and_none_is_told_twice() {
        let disk = Because("disk full", None);
        let write = Because("cannot write: disk full", Some(Box::new(disk)));
        let keep = Because("not kept", Some(Box::new(write)));
        assert_eq!(chain(&keep), "not kept: cannot write: disk full");
    }
}
