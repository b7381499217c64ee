//! The mixer thread's place among everything that wants the processor.
//!
//! Owns asking for it, once, at the thread's start. What the system does not allow is not had: the
//! program runs all the same.

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::gettid;

/// Before ordinary work, behind what the system keeps for itself.
const NICE: i32 = -10;

/// Puts the calling thread before ordinary work, where the user may: as root, with `CAP_SYS_NICE`, or
/// with a limit (`LimitNICE=` of a unit, `ulimit -e`) that allows it. On Linux the call is about the
/// thread alone.
pub(super) fn raise() {
    let thread = Some(gettid());
    let raised = setpriority_process(thread, NICE);
    let nice = getpriority_process(thread).unwrap_or(0);
    match raised {
        Ok(()) => tracing::info!(nice, "The mixer goes before ordinary work."),
        Err(error) => tracing::info!(
            %error,
            nice,
            "The mixer has no priority of its own: the system does not allow it (RLIMIT_NICE)."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_about_the_calling_thread_alone_and_a_refusal_is_no_fault() {
        let nice = |thread| getpriority_process(thread).unwrap();
        let before = nice(Some(gettid()));
        let raised = std::thread::spawn(move || {
            raise();
            nice(Some(gettid()))
        });
        let raised = raised.join().unwrap();
        assert!(raised == NICE || raised == before, "{raised}");
        assert_eq!(nice(Some(gettid())), before);
    }
}
