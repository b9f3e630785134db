//! A scan dealt out to nodes: each gets the partitions, and with a DISTKEY the slices, that are its own.
//!
//! | of 5 slices on 2 nodes | partition 0 | partition 1 | partition 2 |
//! |------------------------|-------------|-------------|-------------|
//! | node 0                 | slice 0     | slice 1     | slice 2     |
//! | node 1                 | slice 3     | slice 4     | none        |

use std::sync::Arc;

use datafusion::{
    common::{
        Result,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    datasource::{
        physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource},
        source::DataSourceExec,
    },
    physical_expr::{Partitioning, expressions::Column},
    physical_plan::ExecutionPlan,
};

use super::WarehouseSource;

/// Returns the scan of a table that a leaf is.
pub(super) fn parts(leaf: &dyn ExecutionPlan) -> Option<(&FileScanConfig, &WarehouseSource)> {
    let config = leaf.downcast_ref::<DataSourceExec>()?.data_source();
    let config = config.downcast_ref::<FileScanConfig>()?;
    Some((config, config.file_source().downcast_ref::<WarehouseSource>()?))
}

/// Returns whether a leaf of a plan is the scan of a table.
pub fn is_scan(leaf: &Arc<dyn ExecutionPlan>) -> bool {
    parts(leaf.as_ref()).is_some()
}

/// Has the process that plans read all tables of a plan itself.
pub fn kept_here(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some((config, source)) = parts(node.as_ref()) else { return Ok(Transformed::no(node)) };
        let source: Arc<dyn FileSource> = Arc::new(source.clone().kept_here());
        let config = FileScanConfigBuilder::from(config.clone()).with_source(source).build();
        Ok(Transformed::yes(DataSourceExec::from_data_source(config) as _))
    })
    .data()
}

/// Returns whether the process that plans reads the table of this leaf itself.
pub fn is_kept_here(leaf: &Arc<dyn ExecutionPlan>) -> bool {
    parts(leaf.as_ref()).is_some_and(|(_, source)| source.is_kept_here())
}

/// Returns the columns of a scan's output that a join's filter compares, in the order of the join's keys; `None`
/// if the scan has no such filter, or its output lacks one of them.
pub fn filtered_columns(scan: &Arc<dyn ExecutionPlan>, filter: u64) -> Option<Vec<usize>> {
    let (_, source) = parts(scan.as_ref())?;
    let mut compared = None;
    let found = source.predicate()?.apply(|expr| {
        if expr.expression_id() != Some(filter) {
            return Ok(TreeNodeRecursion::Continue);
        }
        let columns = expr.children().into_iter().map(|key| key.downcast_ref::<Column>());
        compared = columns
            .collect::<Option<Vec<_>>>()
            .map(|keys| keys.into_iter().map(Column::index).collect::<Vec<_>>());
        Ok(TreeNodeRecursion::Stop)
    });
    found.ok()?;
    let place = |stored: usize| match source.projection() {
        Some(projection) => projection.iter().position(|item| {
            item.expr.downcast_ref::<Column>().is_some_and(|column| column.index() == stored)
        }),
        None => Some(stored),
    };
    compared?.into_iter().map(place).collect()
}

/// Returns what each of `nodes` nodes reads of a scan, all with one number of partitions; `None` of another
/// leaf.
///
/// With a width of `partitions / nodes`, rounded up, partition `p` is partition `p % width` of node `p / width`.
pub fn split(leaf: &Arc<dyn ExecutionPlan>, nodes: usize) -> Option<Vec<Arc<dyn ExecutionPlan>>> {
    let (config, source) = parts(leaf.as_ref())?;
    let nodes = nodes.max(1);
    let width = config.file_groups.len().div_ceil(nodes).max(1);
    let of_node = |node: usize| {
        let groups = config.file_groups.iter().skip(node * width).take(width).cloned();
        let groups = groups.chain(std::iter::repeat_with(|| FileGroup::new(Vec::new())));
        // Counted once.
        let blocks_left_out = if node == 0 { source.blocks_left_out() } else { 0 };
        let source = source.clone().with_blocks_left_out(blocks_left_out);
        let builder = FileScanConfigBuilder::from(config.clone())
            .with_source(Arc::new(source) as Arc<dyn FileSource>)
            .with_file_groups(groups.take(width).collect());
        let partitioning = config.output_partitioning.as_ref();
        let partitioning = partitioning.map(|_| Partitioning::UnknownPartitioning(width));
        DataSourceExec::from_data_source(builder.with_output_partitioning(partitioning).build())
    };
    Some((0..nodes).map(|node| of_node(node) as Arc<dyn ExecutionPlan>).collect())
}
