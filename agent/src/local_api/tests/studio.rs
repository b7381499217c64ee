//! Studio's commands through the same door as the page's.

use super::Stage;
use super::stage::timeline;
use crate::link::StudioHands;
use crate::show::Mode;
use crate::telemetry::{System, SystemSample};
use control::Outcome;
use link::Hands;
use protocol::MessageId;
use protocol::command::Command;
use runtime::CancellationToken;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

fn play(name: &str) -> Command {
    let payload = json!({"timeline_id": name, "execution_mode": "play"});
    Command::read("TIMELINE_EXECUTE", &payload).unwrap()
}

fn cause() -> MessageId {
    MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap()
}

#[tokio::test]
async fn a_command_that_is_asked_to_give_up_ends_its_step_and_begins_no_other() {
    let stage = Stage::new();
    stage.furnish().await;
    assert_eq!(stage.post("/api/timelines", timeline()).await.status, 201);
    let preview = json!({"timeline_id": "1"});
    let began = stage.post("/api/preview/start", preview).await;
    assert_eq!(began.status, 200, "{}", began.json());
    let router = stage.app().router;
    let sample = watch::channel(Arc::new(SystemSample::default())).1;
    let hands = StudioHands::new(router.clone(), System::of(sample), None);
    // Its first step ends the timeline that runs, its second would begin the other.
    let stop = CancellationToken::new();
    let mut work = hands.carry_out(play("2"), &cause(), stop.clone());
    tokio::select! {
        biased;
        _ = &mut work => panic!("it ended without waiting for anything"),
        () = std::future::ready(()) => stop.cancel(),
    }
    let outcome = work.await;
    assert!(matches!(outcome, Outcome::Aborted), "{outcome:?}");
    assert_eq!(router.show().status().mode, Mode::Idle);
    // One that is asked before it begins does nothing at all.
    let outcome = hands.carry_out(play("2"), &cause(), stop).await;
    assert!(matches!(outcome, Outcome::Aborted), "{outcome:?}");
    assert_eq!(router.show().status().mode, Mode::Idle);
    let outcome = hands
        .carry_out(play("2"), &cause(), CancellationToken::new())
        .await;
    assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
    assert_eq!(router.show().status().mode, Mode::Preview);
}
