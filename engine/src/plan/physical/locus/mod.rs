//! Where rows are, and which exchanges that makes needless.
//!
//! ```text
//!  finished plan ─▶ rewrite: bottom-up, every node with its Locus ─▶ verify ─▶ plan that knows its slices
//! ```
//!
//! A scan declares nothing about keys: DataFusion would take our hash for its own, and join slices with
//! partitions that its hash has dealt (rows lost without a word). So it exchanges rows before every
//! partitioned join, aggregation and window, and this pass takes those exchanges out that would leave
//! rows where they are already.
//!
//! | file        | what is in it                                                              |
//! |-------------|----------------------------------------------------------------------------|
//! | `columns`   | sets of columns that say where a row is, through expressions                |
//! | `derive`    | the [`Locus`] of a node from those of its inputs                            |
//! | `pairing`   | joins of every kind as one shape; which of them need no row to move         |
//! | `place`     | the walk that takes exchanges out                                           |
//! | `join`      | what it does with partitioned joins: none, INNER, OUTER or BOTH move        |
//! | `merge`     | which joins of slices merge sorted rows instead of hashing them             |
//! | `aggregate` | what it does with aggregations                                              |
//! | `slice_filters` | what a join of slices knows of a slice's keys, in the scan of the slice |
//! | `verify`    | the last look: a wrong plan is an error, never a wrong answer               |
//! | `label`     | what EXPLAIN calls the movement of a join: [`DsLabel`]                      |
//!
//! Invariants:
//!
//! * [`Locus::Stored`] is said only of what a scan's slices prove. Everything unknown is
//!   [`Locus::Strewn`], which is always right.
//! * A partitioned join has both inputs exchanged by DataFusion's hash on the join's keys, or both by
//!   slice. Never one and one.

mod aggregate;
mod columns;
mod derive;
mod join;
mod label;
mod merge;
mod pairing;
mod place;
mod slice_filters;
#[cfg(test)]
mod tests;
mod verify;

use std::{collections::BTreeSet, sync::Arc};

pub use derive::locus_of;
pub use join::route_of;
pub use label::{DsLabel, distribution_of};
pub use pairing::follows_probe;
pub(super) use place::keep_in_place;
pub(super) use slice_filters::filter_slices;
pub(super) use verify::verify;

use datafusion::physical_expr::PhysicalExpr;

/// Where the rows of a plan's node are.
#[derive(Debug, Clone)]
pub enum Locus {
    /// In the leader: system tables, VALUES, what was merged into one partition.
    Leader,
    /// Computed from tables of DISTSTYLE ALL only: every node *could* have a full copy.
    ///
    /// Only a join that [`distribution_of`] says is [`DsLabel::DistAllNone`] may read one copy on each
    /// node; for whoever else reads it there is one copy in all.
    Replicated,
    /// Partition `i` has the rows of slice `i`.
    Stored {
        /// Columns of the output, by position, each of which alone says which slice a row is on:
        /// the slice is that of the column's hash. Never empty.
        keys: BTreeSet<usize>,
    },
    /// Dealt out by DataFusion's hash.
    Shuffled {
        /// What was hashed, over the node's output.
        keys: Vec<Arc<dyn PhysicalExpr>>,
        /// Into how many partitions.
        parts: usize,
    },
    /// Each row in some partition, none of them said: tables of DISTSTYLE EVEN.
    Strewn,
}

impl Locus {
    /// Returns the columns that say which slice a row is on, if any does.
    pub fn stored_keys(&self) -> Option<&BTreeSet<usize>> {
        match self {
            Self::Stored { keys } => Some(keys),
            _ => None,
        }
    }

    /// Returns [`Locus::Stored`] by these columns, or [`Locus::Strewn`] if there are none.
    fn stored(keys: BTreeSet<usize>) -> Self {
        if keys.is_empty() { Self::Strewn } else { Self::Stored { keys } }
    }
}
