//! Units that fail, panic, hang and end, on paused time.

use super::*;
use std::sync::Mutex;
use tokio::sync::mpsc;

#[derive(Debug, thiserror::Error)]
#[error("failed on purpose")]
struct Failed;

fn policy() -> Policy {
    Policy {
        backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(8), 0).unwrap(),
        ..Policy::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_unit_starts_after_growing_waits() {
    let stop = CancellationToken::new();
    let supervisor = Supervisor::new(stop.clone());
    let (started, mut starts) = mpsc::unbounded_channel();
    let zero = Instant::now();
    supervisor.start("fails", policy(), move |_| {
        started.send(zero.elapsed().as_secs()).unwrap();
        async { Err::<(), _>(Failed) }
    });
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(starts.recv().await.unwrap());
    }
    assert_eq!(seen, [0, 1, 3, 7, 15, 23, 31]);
    stop.cancel();
    supervisor.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_ran_long_forgets_its_failures() {
    let stop = CancellationToken::new();
    let supervisor = Supervisor::new(stop.clone());
    let (started, mut starts) = mpsc::unbounded_channel();
    let zero = Instant::now();
    supervisor.start("lasts", policy(), move |_| {
        started.send(zero.elapsed().as_secs()).unwrap();
        async {
            sleep(Duration::from_secs(60)).await;
            Err::<(), _>(Failed)
        }
    });
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(starts.recv().await.unwrap());
    }
    assert_eq!(seen, [0, 61, 122, 183]);
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_panic_stays_in_its_unit_and_counts_as_a_failure() {
    let stop = CancellationToken::new();
    let supervisor = Supervisor::new(stop.clone());
    let calm = supervisor.start("calm", policy(), |stop| async move {
        stop.cancelled().await;
        Ok::<(), Failed>(())
    });
    supervisor.start("panics", policy(), |_| async {
        if true {
            panic!("boom");
        }
        Ok::<(), Failed>(())
    });
    supervisor.start("panics early", policy(), |_| {
        if true {
            panic!("boom");
        }
        async { Ok::<(), Failed>(()) }
    });
    let mut statuses = supervisor.statuses();
    let list = statuses
        .wait_for(|list| {
            ["panics", "panics early"]
                .iter()
                .all(|name| list.get(*name).is_some_and(|unit| unit.restarts >= 1))
        })
        .await
        .unwrap()
        .clone();
    assert_eq!(list.get("calm").unwrap().state, UnitState::Running);
    stop.cancel();
    supervisor.ended().await;
    assert_eq!(calm.ended().await, Exit::Stopped);
    assert!(supervisor.statuses().borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_does_not_end_in_time_is_aborted() {
    let stop = CancellationToken::new();
    let supervisor = Supervisor::new(stop.clone());
    let stubborn = supervisor.start("stubborn", policy(), |_| async {
        std::future::pending::<()>().await;
        Ok::<(), Failed>(())
    });
    let polite = supervisor.start("polite", policy(), |stop| async move {
        stop.cancelled().await;
        sleep(Duration::from_secs(4)).await;
        Ok::<(), Failed>(())
    });
    tokio::task::yield_now().await;
    let zero = Instant::now();
    stop.cancel();
    assert_eq!(polite.ended().await, Exit::Stopped);
    assert_eq!(stubborn.ended().await, Exit::Aborted);
    assert_eq!(zero.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn one_unit_can_be_stopped_alone_even_while_it_waits() {
    let stop = CancellationToken::new();
    let supervisor = Supervisor::new(stop.clone());
    let log = Arc::new(Mutex::new(0));
    let count = log.clone();
    let unit = supervisor.start("fails", policy(), move |_| {
        *count.lock().unwrap() += 1;
        async { Err::<(), _>(Failed) }
    });
    let mut statuses = supervisor.statuses();
    statuses
        .wait_for(|list| {
            list.get("fails")
                .is_some_and(|unit| matches!(unit.state, UnitState::BackingOff { .. }))
        })
        .await
        .unwrap();
    unit.stop();
    assert_eq!(unit.ended().await, Exit::Stopped);
    assert_eq!(*log.lock().unwrap(), 1);
    assert!(!stop.is_cancelled());
}

#[tokio::test]
async fn a_unit_with_nothing_more_to_do_ends() {
    let supervisor = Supervisor::new(CancellationToken::new());
    let unit = supervisor.start("once", policy(), |_| async { Ok::<(), Failed>(()) });
    assert_eq!(unit.ended().await, Exit::Finished);
}
