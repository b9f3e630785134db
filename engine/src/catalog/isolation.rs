//! The isolation level of a database.

use serde::{Deserialize, Serialize};

/// What transactions that run at the same time may do to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IsolationLevel {
    /// Each reads its snapshot, and no two change the same row. Write skew is possible.
    #[default]
    Snapshot,
    /// What they do is what they would do one after the other.
    Serializable,
}

impl IsolationLevel {
    /// Returns what `STV_DB_ISOLATION_LEVEL` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "Snapshot Isolation",
            Self::Serializable => "Serializable",
        }
    }
}
