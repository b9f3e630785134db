//! What EXPLAIN calls the movement of rows that a join needs.

use std::{fmt, sync::Arc};

use datafusion::physical_plan::{
    ExecutionPlan, coalesce_partitions::CoalescePartitionsExec, coop::CooperativeExec,
    repartition::RepartitionExec, sorts::sort::SortExec,
};

use super::{
    Locus, locus_of,
    pairing::{Pairing, follows_probe},
};
use crate::execution::{Hidden, MaskExec, SliceKeysExec};

/// How rows move for a join, as Redshift's EXPLAIN names it. The inner side is the one that is hashed: the
/// left of DataFusion's joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsLabel {
    /// Nothing moves: both sides are on the slices of the join's key.
    DistNone,
    /// Nothing moves: the inner side is of DISTSTYLE ALL.
    DistAllNone,
    /// The inner side goes to where the outer side is.
    DistInner,
    /// The outer side goes to where the inner side is.
    DistOuter,
    /// The inner side goes to one place: the outer side is of DISTSTYLE ALL, and whole there.
    DistAllInner,
    /// All of the inner side goes to every node.
    BcastInner,
    /// Both sides are dealt out anew by the join's keys.
    DistBoth,
}

impl fmt::Display for DsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DistNone => "DS_DIST_NONE",
            Self::DistAllNone => "DS_DIST_ALL_NONE",
            Self::DistInner => "DS_DIST_INNER",
            Self::DistOuter => "DS_DIST_OUTER",
            Self::DistAllInner => "DS_DIST_ALL_INNER",
            Self::BcastInner => "DS_BCAST_INNER",
            Self::DistBoth => "DS_DIST_BOTH",
        })
    }
}

/// Returns how rows move for a join; `None` of a node that is no join, and of a join of what only the
/// leader has.
pub fn distribution_of(join: &Arc<dyn ExecutionPlan>) -> Option<DsLabel> {
    let pairing = Pairing::of(join.as_ref())?;
    if pairing.is_partitioned && !is_in_one_partition(join) {
        return Some(by_exchanges(is_exchanged(pairing.left), is_exchanged(pairing.right)));
    }
    let (inner, outer) = (locus_of(collected(pairing.left)), locus_of(pairing.right));
    match (&inner, &outer) {
        (Locus::Leader, Locus::Leader) => None,
        (Locus::Replicated, Locus::Replicated) => Some(DsLabel::DistAllNone),
        (Locus::Replicated, _) if follows_probe(pairing.join_type) => Some(DsLabel::DistAllNone),
        (_, Locus::Replicated) | (Locus::Replicated, _) => Some(DsLabel::DistAllInner),
        _ if pairing.is_collocated(&inner, &outer) => {
            Some(by_exchanges(is_exchanged(collected(pairing.left)), is_exchanged(pairing.right)))
        }
        _ => Some(DsLabel::BcastInner),
    }
}

fn by_exchanges(of_inner: bool, of_outer: bool) -> DsLabel {
    match (of_inner, of_outer) {
        (false, false) => DsLabel::DistNone,
        (true, false) => DsLabel::DistInner,
        (false, true) => DsLabel::DistOuter,
        (true, true) => DsLabel::DistBoth,
    }
}

fn is_in_one_partition(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.properties().partitioning.partition_count() == 1
}

/// Returns the rows that a build side is collected from.
pub(super) fn collected(build: &Arc<dyn ExecutionPlan>) -> &Arc<dyn ExecutionPlan> {
    if let Some(all) = build.downcast_ref::<CoalescePartitionsExec>() {
        return collected(all.input());
    }
    if let Some(keys) = build.downcast_ref::<SliceKeysExec>() {
        return collected(keys.input());
    }
    match build.downcast_ref::<CooperativeExec>() {
        Some(yielding) if yielding.input().is::<CoalescePartitionsExec>() => {
            collected(yielding.input())
        }
        _ => build,
    }
}

/// Returns whether rows are dealt out right before the join.
fn is_exchanged(side: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(sort) = side.downcast_ref::<SortExec>() {
        return is_exchanged(sort.input());
    }
    if let Some(yielding) = side.downcast_ref::<CooperativeExec>() {
        return is_exchanged(yielding.input());
    }
    if let Some(keys) = side.downcast_ref::<SliceKeysExec>() {
        return is_exchanged(keys.input());
    }
    if let Some(mask) = side.downcast_ref::<MaskExec>() {
        return mask.hidden() == Hidden::Partitioning || is_exchanged(mask.input());
    }
    side.is::<RepartitionExec>()
}
