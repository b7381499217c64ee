//! What the core asks of whoever drives it, and what it is told back.

use crate::record::Row;
use protocol::command::{Command, CommandType};
use protocol::{Ack, Code, KeyId, MessageId, Problem};
use serde_json::Value;

/// Names a batch of rows until it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Something to carry out. Effects of one call are carried out in their order.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Write these rows as one atomic batch, sync, and then call `Core::committed`. There is never more
    /// than one batch under way: everything that comes meanwhile shares the next one.
    Persist {
        /// Its name.
        batch: BatchId,
        /// The rows.
        rows: Vec<Row>,
    },
    /// Send this envelope on the open connection. If it cannot be sent it may be forgotten: what matters
    /// is in the outbox and is asked for again after the next welcome.
    Send(Vec<u8>),
    /// Hand the command to its module. The module calls `Core::begin` right before it touches anything,
    /// and `Core::done` at the end.
    Run {
        /// Its id.
        message_id: MessageId,
        /// What to do.
        command: Box<Command>,
        /// The agent stopped in the midst of it; its type allows doing it twice.
        again: bool,
    },
    /// The agent was ended by this command, or died in it: find out whether it came true, and call
    /// `Core::done`. It must not be carried out again.
    Settle {
        /// Its id.
        message_id: MessageId,
        /// What was to be done.
        command: Box<Command>,
    },
    /// Ask the module to give up. It still calls `Core::done`.
    Abort(MessageId),
    /// A show or the like that kept its targets has to give way.
    Preempt {
        /// The command that had begun it.
        message_id: MessageId,
        /// The command that takes its place.
        by: MessageId,
    },
    /// What gave way may come back.
    Restore(MessageId),
    /// Tell whoever posted a command at the device.
    Answered(Box<Answered>),
    /// Count a refusal.
    Refused(Code),
    /// Write down a refusal that leaves no row. It comes beside [`Effect::Refused`].
    TurnedAway(Box<TurnedAway>),
    /// Log and count something that only an attack or a fault explains.
    Alert(Alert),
    /// An event was not kept, or one that waited gave way, since too many wait.
    Dropped,
}

/// What becomes of a command that was posted at the device.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The number that it was posted under.
    pub number: u64,
    /// Its correlation id.
    pub correlation_id: MessageId,
    /// The answer.
    pub ack: Ack,
    /// The same, signed.
    pub envelope: Vec<u8>,
}

/// A refusal that leaves no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// Why.
    pub code: Code,
    /// The command's id and correlation id; absent where nobody knows who wrote it.
    pub about: Option<(MessageId, MessageId)>,
    /// It was posted at the device.
    pub is_posted: bool,
    /// Its type and the key that signed it, where it was read so far.
    pub read: Option<(Option<CommandType>, KeyId)>,
}

/// Something that only an attack or a grave fault explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// Two different bodies under one message id.
    BodyChanged,
    /// A sequence number out of reach.
    Leap,
    /// A well signed message for another device or customer.
    WrongDevice,
}

impl Alert {
    /// Its name in events and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BodyChanged => "body_changed",
            Self::Leap => "sequence_leap",
            Self::WrongDevice => "wrong_device",
        }
    }
}

/// How a command went.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It came true; the reply of its type.
    Completed(Value),
    /// It did not.
    Failed(Problem),
    /// It was given up, as asked.
    Aborted,
    /// The agent does not do this.
    Disabled,
}

impl Outcome {
    /// A failure with a code and a text.
    #[must_use]
    pub fn failed(code: Code, message: &str) -> Self {
        Self::Failed(code.with_message(message))
    }
}
