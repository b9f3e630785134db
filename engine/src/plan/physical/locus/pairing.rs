//! Joins of every kind as one shape, and where their rows are.

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::Schema;
use datafusion::{
    common::{JoinSide, JoinType},
    physical_plan::{
        ExecutionPlan,
        joins::{
            CrossJoinExec, HashJoinExec, JoinOnRef, NestedLoopJoinExec, PartitionMode,
            SortMergeJoinExec, utils::build_join_schema,
        },
    },
};

use super::{
    Locus,
    columns::{chosen, hashed_column, is_one_of},
};

/// A join, whatever operator does it: the build side is on the left.
pub(super) struct Pairing<'a> {
    pub(super) left: &'a Arc<dyn ExecutionPlan>,
    pub(super) right: &'a Arc<dyn ExecutionPlan>,
    pub(super) join_type: JoinType,
    /// Expressions over the left and over the right that are equal in a pair.
    pub(super) on: JoinOnRef<'a>,
    pub(super) projection: Option<&'a [usize]>,
    /// Whether partition `i` of the left meets partition `i` of the right only; else all of the left
    /// meets every partition of the right.
    pub(super) is_partitioned: bool,
}

impl<'a> Pairing<'a> {
    /// Returns the join that a node is; `None` if it is none.
    pub(super) fn of(plan: &'a dyn ExecutionPlan) -> Option<Self> {
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            return Some(Self {
                left: join.left(),
                right: join.right(),
                join_type: *join.join_type(),
                on: join.on(),
                projection: join.projection.as_deref(),
                is_partitioned: *join.partition_mode() == PartitionMode::Partitioned,
            });
        }
        if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>() {
            return Some(Self {
                left: join.left(),
                right: join.right(),
                join_type: join.join_type(),
                on: join.on(),
                projection: None,
                is_partitioned: true,
            });
        }
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
            return Some(Self {
                left: join.left(),
                right: join.right(),
                join_type: *join.join_type(),
                on: &[],
                projection: join.projection().as_deref(),
                is_partitioned: false,
            });
        }
        let join = plan.downcast_ref::<CrossJoinExec>()?;
        Some(Self {
            left: join.left(),
            right: join.right(),
            join_type: JoinType::Inner,
            on: &[],
            projection: None,
            is_partitioned: false,
        })
    }

    /// Returns whether rows that are on a slice by these columns can only pair with rows of that slice.
    ///
    /// One equality between what the slices hang on is enough: other conditions only leave out pairs.
    pub(super) fn is_collocated(&self, left: &Locus, right: &Locus) -> bool {
        let (Some(left), Some(right)) = (left.stored_keys(), right.stored_keys()) else {
            return false;
        };
        let (left_schema, right_schema) = (self.left.schema(), self.right.schema());
        self.on.iter().any(|(build, probe)| {
            is_one_of(build, &left_schema, left) && is_one_of(probe, &right_schema, right)
        })
    }

    /// Returns where the join's rows are, from where those of its sides are.
    pub(super) fn locus(&self, left: &Locus, right: &Locus) -> Locus {
        if matches!((left, right), (Locus::Replicated, Locus::Replicated)) {
            return Locus::Replicated;
        }
        let stays = match self.is_partitioned {
            true if !self.is_collocated(left, right) => return Locus::Strewn,
            true => Stays::of(self.join_type),
            false => Stays { left: false, ..Stays::of(self.join_type) },
        };
        let keys = |stays: bool, locus: &Locus| match locus.stored_keys() {
            Some(keys) if stays => keys.clone(),
            _ => BTreeSet::new(),
        };
        let (mut left, mut right) = (keys(stays.left, left), keys(stays.right, right));
        if matches!(self.join_type, JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi) {
            self.add_equals(&mut left, &mut right);
        }
        Locus::stored(self.output(&left, &right))
    }

    /// What is equal to a column that says where the row is says so too.
    fn add_equals(&self, left: &mut BTreeSet<usize>, right: &mut BTreeSet<usize>) {
        let (left_schema, right_schema) = (self.left.schema(), self.right.schema());
        for (build, probe) in self.on {
            let of = |expr, schema: &Schema| hashed_column(expr, schema);
            let (build, probe) = (of(build, &left_schema), of(probe, &right_schema));
            let (Some(build), Some(probe)) = (build, probe) else { continue };
            if right.contains(&probe) {
                left.insert(build);
            } else if left.contains(&build) {
                right.insert(probe);
            }
        }
    }

    /// Returns where the join's output has columns of its sides.
    fn output(&self, left: &BTreeSet<usize>, right: &BTreeSet<usize>) -> BTreeSet<usize> {
        let (_, columns) =
            build_join_schema(&self.left.schema(), &self.right.schema(), &self.join_type);
        let located = columns.iter().enumerate().filter(|(_, column)| match column.side {
            JoinSide::Left => left.contains(&column.index),
            JoinSide::Right => right.contains(&column.index),
            JoinSide::None => false,
        });
        chosen(&located.map(|(place, _)| place).collect(), self.projection)
    }
}

/// Of which sides every row of the join's output has a row of theirs, in its place.
struct Stays {
    left: bool,
    right: bool,
}

impl Stays {
    fn of(join_type: JoinType) -> Self {
        match join_type {
            JoinType::Inner => Self { left: true, right: true },
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                Self { left: true, right: false }
            }
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                Self { left: false, right: true }
            }
            // A row may be NULLs on either side, in the slice that the other side says.
            JoinType::Full => Self { left: false, right: false },
        }
    }
}

/// Returns whether a join never emits a row of its build side but beside one of its probe side: then
/// every node can have a build side of its own.
pub fn follows_probe(join_type: JoinType) -> bool {
    matches!(
        join_type,
        JoinType::Inner
            | JoinType::Right
            | JoinType::RightSemi
            | JoinType::RightAnti
            | JoinType::RightMark
    )
}
