//! Which form of a test runs, and what the short one allows to a machine that is shared.
//!
//! Owns the allowances that several promises have in common; what a standstill explains, `standstills`
//! says. What is promised is asserted exactly in the long form (`make …-long`), which has a quiet
//! machine; the short one runs anywhere, also on two busy cores, and prints the same figures.

use crate::standstills::{Allowance, Standstills};

/// Whether the long form is asked for.
#[must_use]
pub fn long() -> bool {
    std::env::var_os("VISTTER_LONG").is_some()
}

/// Frames that a machine which is busy with other things may lose or repeat, one here and one there; in
/// the long form, none.
#[must_use]
pub fn slack() -> u32 {
    if long() { 0 } else { 5 }
}

/// The longest step from one frame of the program to the next, in milliseconds: two frames that are
/// missing, and in the short form five.
#[must_use]
pub fn longest_step_ms() -> f64 {
    if long() { 100.0 } else { 200.0 }
}

/// How many times as long as promised something may take: once, and in the short form twice.
#[must_use]
pub fn slow() -> u32 {
    if long() { 1 } else { 2 }
}

/// What the machine's standstills excuse beyond what is allowed anyway; in the long form, nothing.
#[must_use]
pub fn excused(noted: &Standstills) -> Allowance {
    if long() {
        Allowance::default()
    } else {
        noted.allowance()
    }
}
