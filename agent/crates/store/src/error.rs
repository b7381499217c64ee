//! Why the store could not do what it was asked, one enum a verb.

use protocol::{Code, HasCode};
use std::io;
use std::path::PathBuf;

/// Why the data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data folder {} is in use by another agent", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The disk refused something.
    #[error("{} cannot be used", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It was written by a newer agent.
    #[error(
        "the data folder has schema {found}, this agent knows {known}; install the newer agent again"
    )]
    Newer {
        /// Its schema.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// The key file is there and is not one.
    #[error("{} is not a key of 32 bytes; restore it from a backup, or remove it and enter every password again", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random numbers.
    #[error("no random numbers are available")]
    Random,
    /// A step from one schema to the next failed; nothing of it was written.
    #[error("the data folder cannot be brought from schema {from} to {to}: {reason}")]
    Upgrade {
        /// Before the step.
        from: u32,
        /// After it.
        to: u32,
        /// What the step said.
        reason: String,
    },
    /// Even an empty database cannot be made.
    #[error("a new database cannot be made: {0}")]
    Database(String),
}

impl HasCode for OpenError {
    fn code(&self) -> Code {
        match self {
            Self::InUse { .. } => Code::Conflict,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Code::StorageFull
            }
            Self::Newer { .. } | Self::KeyFile { .. } => Code::ConfigInvalid,
            Self::Io { .. } | Self::Random | Self::Upgrade { .. } | Self::Database(_) => {
                Code::Internal
            }
        }
    }
}

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database failed.
    #[error("the database cannot be read")]
    Database(#[source] sled::Error),
    /// What is stored is not of the shape that is asked for.
    #[error("the stored {key} cannot be read")]
    Shape {
        /// Its key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A part of a large document is missing.
    #[error("the stored {key} is incomplete")]
    Incomplete {
        /// Its key.
        key: String,
    },
}

impl HasCode for ReadError {
    fn code(&self) -> Code {
        match self {
            Self::Database(_) | Self::Shape { .. } | Self::Incomplete { .. } => Code::Internal,
        }
    }
}

/// Why something cannot be written. What was stored before is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The database failed.
    #[error("the database cannot be written")]
    Database(#[source] sled::Error),
    /// The disk did not confirm an earlier write; nothing can be promised until a restart.
    #[error("the disk does not confirm what is written")]
    NotDurable,
    /// The old row could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be written as JSON.
    #[error("{key} cannot be written as JSON")]
    Shape {
        /// Its key.
        key: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// Too large.
    #[error("{key} has {bytes} bytes, at most {limit} can be stored")]
    TooLarge {
        /// Its key.
        key: String,
        /// As JSON.
        bytes: usize,
        /// At most.
        limit: usize,
    },
    /// Empty, too long, or with a slash or a control character.
    #[error("an id of 1 to 128 bytes without slashes is needed")]
    Id,
    /// A secret could not be sealed.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A file could not be written.
    #[error("{} cannot be written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl WriteError {
    pub(crate) fn database(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(io) if io.kind() == io::ErrorKind::StorageFull => Self::Full,
            other => Self::Database(other),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull {
            return Self::Full;
        }
        Self::Io {
            path: path.into(),
            source,
        }
    }
}

impl HasCode for WriteError {
    fn code(&self) -> Code {
        match self {
            Self::Full => Code::StorageFull,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::Id => Code::SchemaInvalid,
            Self::Secret(error) => error.code(),
            Self::Database(_)
            | Self::NotDurable
            | Self::Read(_)
            | Self::Shape { .. }
            | Self::Io { .. } => Code::Internal,
        }
    }
}

/// Why a secret cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Sealed with another key, changed, or moved from another record.
    #[error("the stored secret of {key} cannot be opened; enter it again")]
    Unreadable {
        /// The record's key.
        key: String,
    },
    /// The database failed.
    #[error("the stored secret of {key} cannot be read")]
    Database {
        /// The record's key.
        key: String,
    },
    /// The system gives no random numbers.
    #[error("no random numbers are available")]
    Random,
    /// Longer than a record may be.
    #[error("a secret has at most {limit} bytes")]
    TooLong {
        /// At most.
        limit: usize,
    },
}

impl HasCode for SecretError {
    fn code(&self) -> Code {
        match self {
            Self::TooLong { .. } => Code::TooLarge,
            Self::Unreadable { .. } | Self::Database { .. } | Self::Random => Code::Internal,
        }
    }
}
