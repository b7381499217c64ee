//! A little randomness for jitter. Never for secrets: those come from `ring`.

use std::hash::{BuildHasher, Hasher, RandomState};

/// 64 bits that differ from call to call and from process to process, good enough to spread retries.
#[must_use]
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn calls_differ() {
        assert_ne!(super::random(), super::random());
    }
}
