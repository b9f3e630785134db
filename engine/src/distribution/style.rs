//! Distribution styles, as `DISTSTYLE` names them.

use serde::{Deserialize, Serialize};

use crate::ids::ColumnId;

/// How rows go to slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DistStyle {
    /// In turn over all slices.
    Even,
    /// By the hash of one column.
    Key(ColumnId),
    /// A full copy that every node can read.
    All,
    /// Blueshift chooses; the choice in force is beside it.
    Auto(AutoStyle),
}

/// What `DISTSTYLE AUTO` has chosen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AutoStyle {
    /// A small table: one copy.
    All,
    /// A larger table without a good key.
    Even,
    /// A larger table with a good key.
    Key(ColumnId),
}

impl DistStyle {
    /// Returns the style in force: [`DistStyle::Auto`] resolved to what it has chosen.
    pub fn effective(self) -> Self {
        match self {
            Self::Auto(AutoStyle::All) => Self::All,
            Self::Auto(AutoStyle::Even) => Self::Even,
            Self::Auto(AutoStyle::Key(column)) => Self::Key(column),
            style => style,
        }
    }

    /// Returns the DISTKEY in force.
    pub fn key(self) -> Option<ColumnId> {
        match self.effective() {
            Self::Key(column) => Some(column),
            _ => None,
        }
    }
}
