//! DS_*: how the rows of a join's two sides get to each other, read off the plan.

use std::sync::Arc;

use datafusion::{
    datasource::source::DataSourceExec,
    physical_expr::{Partitioning, PhysicalExpr},
    physical_plan::{
        ExecutionPlan,
        coop::CooperativeExec,
        filter::FilterExec,
        joins::{
            CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode, SortMergeJoinExec,
        },
        projection::ProjectionExec,
        repartition::RepartitionExec,
        sorts::sort::SortExec,
    },
};

use super::cost::Movement;
use crate::{
    distribution::DistStyle,
    execution::{MaskExec, SliceKeysExec, WarehouseSource},
    plan::locus::{DsLabel, distribution_of},
};

/// What a cluster's plan gathers rows in the leader with: an operator of the distributed engine's.
const GATHERING: &str = "NetworkCoalesceExec";

/// Returns how the rows of the outer and of the inner side are moved.
pub(super) fn movements(label: DsLabel) -> (Movement, Movement) {
    match label {
        DsLabel::DistNone | DsLabel::DistAllNone => (Movement::Stays, Movement::Stays),
        DsLabel::DistInner => (Movement::Stays, Movement::Distributed),
        DsLabel::DistOuter => (Movement::Distributed, Movement::Stays),
        DsLabel::DistBoth => (Movement::Distributed, Movement::Distributed),
        // To one slice only, but all of them.
        DsLabel::DistAllInner | DsLabel::BcastInner => (Movement::Stays, Movement::Broadcast),
    }
}

/// Returns the label of a join; `None` of what is no join, or is one on the leader.
pub fn label_of(join: &Arc<dyn ExecutionPlan>) -> Option<DsLabel> {
    let (inner, outer, is_collected) = sides(join)?;
    if !reads_a_table(inner) && !reads_a_table(outer) {
        return None;
    }
    if is_in_leader(join) {
        return None;
    }
    if is_collected && distribution_of(join) == Some(DsLabel::DistNone) {
        return Some(DsLabel::DistNone);
    }
    if is_collected {
        return Some(match (is_everywhere(inner), is_everywhere(outer)) {
            (true, _) => DsLabel::DistAllNone,
            (false, true) => DsLabel::DistAllInner,
            (false, false) => DsLabel::BcastInner,
        });
    }
    Some(match (exchange(outer).is_some(), exchange(inner).is_some()) {
        (true, true) => DsLabel::DistBoth,
        (true, false) => DsLabel::DistOuter,
        (false, true) => DsLabel::DistInner,
        (false, false) => DsLabel::DistNone,
    })
}

/// Returns whether the leader joins all rows of both sides: NOT IN, to which a NULL anywhere matters, and what a cluster
/// has gathered. Redshift has no label for that.
pub(super) fn is_in_leader(join: &Arc<dyn ExecutionPlan>) -> bool {
    let Some((inner, outer, _)) = sides(join) else { return false };
    let is_null_aware = join.downcast_ref::<HashJoinExec>().is_some_and(|join| join.null_aware);
    (is_null_aware || is_gathered(outer)) && !(is_everywhere(inner) && is_everywhere(outer))
}

/// Returns whether the rows of a side of a join that the leader makes come from slices.
pub(super) fn is_sent_to_leader(side: &Arc<dyn ExecutionPlan>) -> bool {
    reads_a_table(side) && !is_everywhere(side)
}

fn is_gathered(side: &Arc<dyn ExecutionPlan>) -> bool {
    match side.children().as_slice() {
        [input] if is_between(side) => is_gathered(input),
        _ => side.name() == GATHERING,
    }
}

/// Returns the expressions by which the rows of a join's side are dealt out to it, if they are still
/// columns of that side.
pub(super) fn distribution_keys(side: &Arc<dyn ExecutionPlan>) -> Option<&[Arc<dyn PhysicalExpr>]> {
    let exchange = exchange(side)?;
    match exchange.partitioning() {
        Partitioning::Hash(keys, _) if exchange.schema() == side.schema() => Some(keys),
        _ => None,
    }
}

/// A side of a join.
type Side<'a> = &'a Arc<dyn ExecutionPlan>;

/// Returns the inner side, the outer side, and whether one task collects all of the inner side.
fn sides(join: &Arc<dyn ExecutionPlan>) -> Option<(Side<'_>, Side<'_>, bool)> {
    if let Some(join) = join.downcast_ref::<HashJoinExec>() {
        let is_collected = *join.partition_mode() == PartitionMode::CollectLeft;
        return Some((join.left(), join.right(), is_collected));
    }
    if let Some(join) = join.downcast_ref::<SortMergeJoinExec>() {
        return Some((join.right(), join.left(), false));
    }
    if let Some(join) = join.downcast_ref::<NestedLoopJoinExec>() {
        return Some((join.left(), join.right(), true));
    }
    let join = join.downcast_ref::<CrossJoinExec>()?;
    Some((join.left(), join.right(), true))
}

/// Returns the exchange that the rows of a join's side come from.
fn exchange(side: &Arc<dyn ExecutionPlan>) -> Option<&RepartitionExec> {
    if let Some(exchange) = side.downcast_ref::<RepartitionExec>() {
        return Some(exchange);
    }
    match side.children().as_slice() {
        [input] if is_between(side) => exchange(input),
        _ => None,
    }
}

/// Returns whether a node may be between a join and what brings rows to it.
fn is_between(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.is::<ProjectionExec>()
        || node.is::<FilterExec>()
        || node.is::<CooperativeExec>()
        || node.is::<SortExec>()
        || node.is::<MaskExec>()
        || node.is::<SliceKeysExec>()
}

/// Returns whether a plan reads tables of slices, rather than of the leader alone.
pub(super) fn reads_a_table(plan: &Arc<dyn ExecutionPlan>) -> bool {
    scanned(plan).is_some() || plan.children().into_iter().any(reads_a_table)
}

/// Returns whether every node has all rows of a plan: it reads tables of DISTSTYLE ALL only.
fn is_everywhere(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(source) = scanned(plan) {
        return matches!(source.table().dist_style.effective(), DistStyle::All);
    }
    plan.children().into_iter().all(is_everywhere)
}

/// Returns the table that a leaf reads, if it is one of slices.
fn scanned(plan: &Arc<dyn ExecutionPlan>) -> Option<&WarehouseSource> {
    let scan = plan.downcast_ref::<DataSourceExec>()?;
    Some(scan.downcast_to_file_source::<WarehouseSource>()?.1)
}
