//! Faults one after another with a viewer watching: the short form of `make chaos`, with the faults
//! that have to be taken without exception.

use harness::chaos::{Course, Plan, Role, Trouble, run};
use integration::report;

#[test]
fn a_show_takes_faults_and_recovers_in_time() {
    let troubles = vec![
        Trouble::SinkReset,
        Trouble::ChildKilled(Role::Decoder),
        Trouble::ChildKilled(Role::Encoder),
        Trouble::CameraMute(1),
        Trouble::DiskFull,
    ];
    let outcome = run(Course {
        name: "short".to_owned(),
        seed: 1,
        plan: Plan::of(troubles),
        length: None,
        every: None,
    });
    for line in outcome.table() {
        report("chaos", line);
    }
    assert_eq!(outcome.counts.black, 0);
    assert!(outcome.failures.is_empty(), "{:#?}", outcome.failures);
}
