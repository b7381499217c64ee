//! How the C library keeps memory: one heap for all threads, and what is freed goes back.
//!
//! Owns the two settings. Left to itself the library gives every thread a heap of its own, up to eight
//! for each processor, and raises the size from which it asks the system for a piece of its own with
//! the largest one it was given back; both keep what a busy minute needed for good
//! (`docs/benchmarks.md`). Nothing on the mixer's frame path allocates, so no frame waits for the one
//! heap. Set by call and not by the environment, which FFmpeg and MediaMTX would inherit.

/// A free end of the heap longer than this goes back to the system, and so does every piece of at least
/// this many bytes (the library's own first value, which no longer moves).
#[cfg(target_env = "gnu")]
const TRIM_BYTES: libc::c_int = 128 * 1024;

/// Sets it. To be called before there is a second thread; where the C library is another one, it does
/// nothing.
pub fn one_heap() {
    #[cfg(target_env = "gnu")]
    for (setting, value) in [(libc::M_ARENA_MAX, 1), (libc::M_TRIM_THRESHOLD, TRIM_BYTES)] {
        set(setting, value);
    }
}

#[cfg(target_env = "gnu")]
#[allow(
    unsafe_code,
    reason = "the C library has no other way to be told than this call or the environment"
)]
fn set(setting: libc::c_int, value: libc::c_int) {
    // SAFETY: takes two numbers by value and keeps no reference; it is called while there is one
    // thread. A value that is refused leaves the setting as it was.
    let _is_set = unsafe { libc::mallopt(setting, value) };
}
