//! Joins of slice with slice tell the probe side's scans which keys their slices have.
//!
//! DataFusion's own filter of a join is for what its hash has dealt out, and it gives none to these. Nor
//! may it give one to a join below them that collects its build side: that one makes its filter when all
//! partitions have asked for rows, and waits for them. But a slice without a row on the build side never asks
//! its probe side, so that the others would wait forever.

use std::sync::Arc;

use datafusion::{
    common::{
        JoinSide, NullEquality,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    datasource::{
        physical_plan::{FileScanConfig, FileScanConfigBuilder, FileSource},
        source::DataSourceExec,
    },
    error::Result,
    physical_expr::{Partitioning, PhysicalExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties,
        aggregates::{AggregateExec, AggregateMode},
        coalesce_partitions::CoalescePartitionsExec,
        filter::FilterExec,
        joins::{HashJoinExec, PartitionMode, SortMergeJoinExec, utils::build_join_schema},
        projection::ProjectionExec,
        repartition::RepartitionExec,
        replace_children_if_necessary,
        sorts::sort_preserving_merge::SortPreservingMergeExec,
    },
};

use super::{derive::is_row_by_row, pairing::follows_probe};
use crate::{
    distribution::RowDistribution,
    execution::{SliceFilters, SliceKeysExec, WarehouseSource, slice_filters},
    plan::physical::Scope,
};

/// Gives every join of slice with slice a filter for each slice, where the probe side's scan can use it.
pub(in crate::plan::physical) fn filter_slices(
    plan: Arc<dyn ExecutionPlan>,
    scope: Scope,
) -> Result<Arc<dyn ExecutionPlan>> {
    if !scope.knows_slices {
        return Ok(plan);
    }
    plan.transform_up(|node| {
        let filtered = match node.downcast_ref::<HashJoinExec>() {
            Some(join) if joins_slices(join) => Some(join_of_slices(&node, join, scope)?),
            // It ends with the shorter side.
            None if node.is::<SortMergeJoinExec>() => Some(sides_without_waiting(&node, scope)?),
            _ => None,
        };
        Ok(filtered.map_or_else(|| Transformed::no(node), Transformed::yes))
    })
    .data()
}

fn joins_slices(join: &HashJoinExec) -> bool {
    let is_on_slices = |side: &Arc<dyn ExecutionPlan>| {
        let partitioning = side.output_partitioning();
        matches!(partitioning, Partitioning::UnknownPartitioning(count) if *count > 1)
    };
    *join.partition_mode() == PartitionMode::Partitioned
        && is_on_slices(join.left())
        && is_on_slices(join.right())
}

fn join_of_slices(
    node: &Arc<dyn ExecutionPlan>,
    join: &HashJoinExec,
    scope: Scope,
) -> Result<Arc<dyn ExecutionPlan>> {
    let probe = without_waiting(join.right(), scope)?;
    let children = vec![Arc::clone(join.left()), probe];
    let node = replace_children_if_necessary(Arc::clone(node), children)?;
    with_filter(node, Keys::OfSlices, scope)
}

/// Returns a join of which a partition may end without having asked one of its sides.
fn sides_without_waiting(
    node: &Arc<dyn ExecutionPlan>,
    scope: Scope,
) -> Result<Arc<dyn ExecutionPlan>> {
    let sides = node.children().into_iter().map(|side| without_waiting(side, scope));
    let sides = sides.collect::<Result<Vec<_>>>()?;
    replace_children_if_necessary(Arc::clone(node), sides)
}

/// Returns a side of a join in which no partition waits for another.
fn without_waiting(plan: &Arc<dyn ExecutionPlan>, scope: Scope) -> Result<Arc<dyn ExecutionPlan>> {
    // These ask all partitions below them.
    let asks_all = plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<SortPreservingMergeExec>();
    if asks_all {
        return Ok(Arc::clone(plan));
    }
    let children = plan.children().into_iter().map(|child| without_waiting(child, scope));
    let children = children.collect::<Result<Vec<_>>>()?;
    let plan = replace_children_if_necessary(Arc::clone(plan), children)?;
    match plan.downcast_ref::<HashJoinExec>() {
        Some(join) if waits(join) => {
            with_filter(join.builder().reset_state().build_exec()?, Keys::OfAll, scope)
        }
        _ => Ok(plan),
    }
}

/// Returns whether partitions of a join wait until all of them have been asked for rows.
fn waits(join: &HashJoinExec) -> bool {
    *join.partition_mode() == PartitionMode::CollectLeft
        && !join.dynamic_expressions_produced().is_empty()
}

/// Which keys a scan of a slice is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Those of the same slice of the build side.
    OfSlices,
    /// All keys of the build side, which is in one partition.
    OfAll,
}

/// Returns the join with a filter of its keys, if a scan of its probe side can use one. Such filters are
/// within one process.
fn with_filter(
    node: Arc<dyn ExecutionPlan>,
    keys: Keys,
    scope: Scope,
) -> Result<Arc<dyn ExecutionPlan>> {
    let join = node.downcast_ref::<HashJoinExec>().filter(|_| scope.is_one_process);
    let Some(join) = join else { return Ok(node) };
    for (build, probe) in filterable(join) {
        if let Some((probe, filters)) = filtered(join.right(), probe, keys)? {
            let build = SliceKeysExec::new(Arc::clone(join.left()), Arc::clone(build), filters);
            let children = vec![Arc::new(build) as _, probe];
            return replace_children_if_necessary(Arc::clone(&node), children);
        }
    }
    Ok(node)
}

/// Returns whether a join would have filters for slices, were its sides on them.
pub(super) fn has_filter(join: &HashJoinExec, probe: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    for (_, column) in filterable(join) {
        if filtered(probe, column, Keys::OfSlices)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the keys of a join, with the column of the probe side, that probe rows without a partner may
/// be left out by.
fn filterable(join: &HashJoinExec) -> impl Iterator<Item = (&Arc<dyn PhysicalExpr>, usize)> {
    let (_, may_filter_probe) = join.join_type().on_lr_is_preserved();
    let may = may_filter_probe
        && !join.null_aware
        && join.null_equality() == NullEquality::NullEqualsNothing;
    let keys = join.on().iter().filter(move |_| may);
    keys.filter_map(|(build, probe)| Some((build, probe.downcast_ref::<Column>()?.index())))
}

/// Returns the plan with filters on a column of its output in the scan that the column is of, if rows
/// keep their slice on the way and nothing between would choose others.
fn filtered(
    plan: &Arc<dyn ExecutionPlan>,
    column: usize,
    keys: Keys,
) -> Result<Option<(Arc<dyn ExecutionPlan>, SliceFilters)>> {
    if plan.fetch().is_some() {
        return Ok(None);
    }
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        return Ok(filtered_scan(scan, column, keys));
    }
    let Some((input, column)) = origin(plan, column) else { return Ok(None) };
    let mut children: Vec<_> = plan.children().into_iter().cloned().collect();
    let Some(child) = children.get(input) else { return Ok(None) };
    let Some((child, filters)) = filtered(child, column, keys)? else { return Ok(None) };
    children[input] = child;
    Ok(Some((replace_children_if_necessary(Arc::clone(plan), children)?, filters)))
}

/// Returns which column of which input a column of a node's output is, if leaving out rows of the input
/// by it is leaving out rows of the output.
fn origin(plan: &Arc<dyn ExecutionPlan>, column: usize) -> Option<(usize, usize)> {
    let of = |expr: &Arc<dyn PhysicalExpr>| Some(expr.downcast_ref::<Column>()?.index());
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        return Some((0, of(&projection.expr().get(column)?.expr)?));
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        return match filter.projection() {
            Some(columns) => Some((0, *columns.get(column)?)),
            None => Some((0, column)),
        };
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let groups = aggregate.group_expr();
        let is_whole = *aggregate.mode() == AggregateMode::SinglePartitioned && groups.is_single();
        return if is_whole { Some((0, of(&groups.expr().get(column)?.0)?)) } else { None };
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let column = match join.projection.as_deref() {
            Some(columns) => *columns.get(column)?,
            None => column,
        };
        let sides = (join.left().schema(), join.right().schema());
        let (_, columns) = build_join_schema(&sides.0, &sides.1, join.join_type());
        let column = columns.get(column)?;
        let is_probe = column.side == JoinSide::Right && follows_probe(*join.join_type());
        return is_probe.then_some((1, column.index));
    }
    is_row_by_row(plan).then_some((0, column))
}

fn filtered_scan(
    scan: &DataSourceExec,
    column: usize,
    keys: Keys,
) -> Option<(Arc<dyn ExecutionPlan>, SliceFilters)> {
    let config = scan.data_source().downcast_ref::<FileScanConfig>()?;
    let source = config.file_source().downcast_ref::<WarehouseSource>()?;
    let RowDistribution::Key(_) = source.distribution() else { return None };
    let column = match source.projection() {
        Some(projection) => projection.iter().nth(column)?.expr.downcast_ref::<Column>()?.index(),
        None => column,
    };
    let table = source.table_schema().table_schema();
    let is_one = keys == Keys::OfAll;
    let filters = slice_filters(table, column, config.file_groups.len(), is_one)?;
    let source = source.clone().with_slice_filters(Arc::clone(&filters));
    let config = FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source)).build();
    Some((DataSourceExec::from_data_source(config), filters))
}
