//! The life of one change: what is done next, given what became of the step before. Pure.
//!
//! The rules that the tests hold: nothing is applied before it is on record as a trial; a trial is
//! committed only after a probe that it stood; whatever goes wrong before, the old document is applied
//! again and put on record.

use super::Kept;
use crate::config::Document;

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It may be made, and is put on record as a trial.
    Validated,
    /// The running agent goes by it, and it is probed.
    Applied,
    /// It stood the probe, and is put on record.
    Probed,
    /// It is in force.
    Committed,
    /// The old settings are in force.
    RolledBack,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step<E> {
    /// Put this on record.
    Keep(Kept),
    /// Go by this document.
    Apply(Document),
    /// Find out whether the agent does well with it.
    Probe,
    /// It is over: this is in force, and this went wrong.
    End(Kept, Option<E>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    KeepTrial,
    Apply,
    Probe,
    Commit,
    Undo,
    KeepOld,
    Nothing,
}

/// One change. `E` is what can go wrong.
#[derive(Debug)]
pub(super) struct Cycle<E> {
    was: Kept,
    next: Document,
    doing: Doing,
    undone: bool,
    failure: Option<E>,
}

impl<E> Cycle<E> {
    /// The change from what is in force to a document, and its first step.
    pub(super) fn begin(was: Kept, next: Document) -> (Self, Step<E>) {
        let trial = Kept {
            trial: Some(next.clone()),
            ..was.clone()
        };
        let cycle = Self {
            was,
            next,
            doing: Doing::KeepTrial,
            undone: false,
            failure: None,
        };
        (cycle, Step::Keep(trial))
    }

    /// Where it stands.
    pub(super) const fn stage(&self) -> Stage {
        match self.doing {
            Doing::KeepTrial | Doing::Apply => Stage::Validated,
            Doing::Probe => Stage::Applied,
            Doing::Commit => Stage::Probed,
            Doing::Undo | Doing::KeepOld => Stage::RolledBack,
            Doing::Nothing if self.undone => Stage::RolledBack,
            Doing::Nothing => Stage::Committed,
        }
    }

    /// What follows from the end of the step before.
    pub(super) fn after(&mut self, ended: Result<(), E>) -> Step<E> {
        let committed = || Kept {
            version: self.was.version.saturating_add(1),
            document: self.next.clone(),
            trial: None,
        };
        let (doing, step) = match (self.doing, ended) {
            (Doing::KeepTrial, Ok(())) => (Doing::Apply, Step::Apply(self.next.clone())),
            // Nothing was applied. What may be on record all the same is a trial, and counts for nothing.
            (Doing::KeepTrial, Err(error)) => {
                self.undone = true;
                (Doing::Nothing, Step::End(self.was.clone(), Some(error)))
            }
            (Doing::Apply, Ok(())) => (Doing::Probe, Step::Probe),
            (Doing::Probe, Ok(())) => (Doing::Commit, Step::Keep(committed())),
            (Doing::Commit, Ok(())) => (Doing::Nothing, Step::End(committed(), None)),
            (Doing::Apply | Doing::Probe | Doing::Commit, Err(error)) => {
                self.failure = Some(error);
                self.undone = true;
                (Doing::Undo, Step::Apply(self.was.document.clone()))
            }
            (Doing::Undo, _) => (Doing::KeepOld, Step::Keep(self.was.clone())),
            // Where this was not kept either, a trial is on record, which counts for nothing.
            (Doing::KeepOld | Doing::Nothing, _) => {
                let failure = self.failure.take();
                (Doing::Nothing, Step::End(self.was.clone(), failure))
            }
        };
        self.doing = doing;
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn document(limit: u64) -> Document {
        serde_json::from_value(json!({"program": {"processor_limit": limit}})).unwrap()
    }

    fn was() -> Kept {
        Kept {
            version: 4,
            document: document(50),
            trial: None,
        }
    }

    /// Runs a change whose n-th step fails where `fails(n)`; gives what was done, and the end.
    fn run(fails: impl Fn(usize) -> bool) -> (Vec<&'static str>, Kept, Option<usize>, Stage) {
        let (mut cycle, mut step) = Cycle::begin(was(), document(60));
        let mut done = Vec::new();
        loop {
            done.push(match &step {
                Step::Keep(kept) if kept.trial.is_some() => "keep trial",
                Step::Keep(kept) if kept.version == 5 => "commit",
                Step::Keep(_) => "keep old",
                Step::Apply(applied) if *applied == document(60) => "apply new",
                Step::Apply(_) => "apply old",
                Step::Probe => "probe",
                Step::End(..) => "end",
            });
            let n = done.len() - 1;
            if let Step::End(kept, failure) = step {
                return (done, kept, failure, cycle.stage());
            }
            step = cycle.after(if fails(n) { Err(n) } else { Ok(()) });
        }
    }

    #[test]
    fn a_change_is_tried_on_record_and_committed_after_its_probe() {
        let (done, kept, failure, stage) = run(|_| false);
        assert_eq!(done, ["keep trial", "apply new", "probe", "commit", "end"]);
        assert_eq!((kept.version, failure), (5, None));
        assert_eq!((kept.document, stage), (document(60), Stage::Committed));
    }

    #[test]
    fn what_fails_is_taken_back_wherever_it_fails() {
        let back = ["apply old", "keep old", "end"];
        for (at, first) in [
            (0, vec!["keep trial", "end"]),
            (1, vec!["keep trial", "apply new"]),
            (2, vec!["keep trial", "apply new", "probe"]),
            (3, vec!["keep trial", "apply new", "probe", "commit"]),
        ] {
            let (done, kept, failure, stage) = run(|n| n == at);
            let mut wanted = first;
            if at > 0 {
                wanted.extend(back);
            }
            assert_eq!(done, wanted);
            assert_eq!((kept, failure), (was(), Some(at)));
            assert_eq!(stage, Stage::RolledBack);
        }
    }

    proptest! {
        /// The agent dies after any step, any step may fail, and a write that failed may be on the disk
        /// or not. The start after it has the old settings, or, where the commit was written, the new.
        #[test]
        fn a_death_leaves_the_old_settings_or_the_committed_ones(
            fails in proptest::collection::vec(any::<bool>(), 8),
            lands in proptest::collection::vec(any::<bool>(), 8),
            dies_after in 0_usize..9,
        ) {
            let (mut cycle, mut step) = Cycle::begin(was(), document(60));
            let (mut disk, mut in_force) = (was(), document(50));
            let (mut probed, mut commit_written, mut trial_written) = (false, false, false);
            for n in 0..dies_after {
                let failed = fails.get(n).copied().unwrap_or(false);
                match &step {
                    Step::Keep(kept) => {
                        if !failed || lands.get(n).copied().unwrap_or(false) {
                            disk = kept.clone();
                            trial_written |= kept.trial.is_some() && !failed;
                            commit_written |= kept.version == 5;
                        }
                        if kept.version == 5 {
                            prop_assert!(probed, "committed without a probe");
                        }
                    }
                    Step::Apply(applied) if *applied == document(60) => {
                        prop_assert!(trial_written, "applied before it was on record");
                        if !failed {
                            in_force = applied.clone();
                        }
                    }
                    Step::Apply(applied) => in_force = applied.clone(),
                    Step::Probe => probed = !failed,
                    Step::End(kept, failure) => {
                        prop_assert_eq!(&in_force, &kept.document);
                        prop_assert_eq!(failure.is_none(), kept.version == 5);
                        break;
                    }
                }
                step = cycle.after(if failed { Err(n) } else { Ok(()) });
            }
            let start = disk.settled();
            prop_assert!(start.trial.is_none());
            if commit_written {
                prop_assert!(start == was() || start.document == document(60));
            } else {
                prop_assert_eq!(start, was());
            }
        }
    }
}
