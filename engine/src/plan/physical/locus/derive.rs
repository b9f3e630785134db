//! The locus of a node, from those of its inputs.

use std::sync::Arc;

use datafusion::{
    datasource::{
        physical_plan::{FileScanConfig, FileSource},
        source::DataSourceExec,
    },
    physical_expr::{Distribution, Partitioning},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties,
        aggregates::{AggregateExec, AggregateMode},
        coop::CooperativeExec,
        filter::FilterExec,
        limit::{GlobalLimitExec, LocalLimitExec},
        projection::ProjectionExec,
        repartition::RepartitionExec,
        sorts::sort::SortExec,
        windows::{BoundedWindowAggExec, WindowAggExec},
    },
};

use super::{
    Locus,
    columns::{chosen, hashed_column, projected},
    pairing::{Pairing, follows_probe},
};
use crate::{
    distribution::RowDistribution,
    execution::{MaskExec, SliceKeysExec, WarehouseSource, routed_key},
};

/// Returns where the rows of a plan are. Walks the whole plan; changes nothing.
pub fn locus_of(plan: &Arc<dyn ExecutionPlan>) -> Locus {
    let inputs = plan.children().into_iter().map(locus_of).collect::<Vec<_>>();
    derive(plan, &inputs)
}

/// Returns where the rows of a node are, given where those of its inputs are, in order.
pub(super) fn derive(plan: &Arc<dyn ExecutionPlan>, inputs: &[Locus]) -> Locus {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        return of_scan(plan, scan);
    }
    if let Some(pairing) = Pairing::of(plan.as_ref())
        && let [left, right] = inputs
    {
        return of_join(plan, &pairing, left, right);
    }
    match inputs {
        [input] => of_one(plan, input),
        _ => otherwise(plan, inputs),
    }
}

/// What holds of every operator: partitions dealt by DataFusion's hash say so, one partition is one place.
fn otherwise(plan: &Arc<dyn ExecutionPlan>, inputs: &[Locus]) -> Locus {
    match plan.output_partitioning() {
        Partitioning::Hash(keys, parts) if *parts > 1 => {
            Locus::Shuffled { keys: keys.clone(), parts: *parts }
        }
        partitioning if partitioning.partition_count() > 1 => Locus::Strewn,
        _ if inputs.is_empty() => Locus::Leader,
        _ if chooses(plan) => Locus::Leader,
        _ if inputs.iter().all(|input| matches!(input, Locus::Replicated)) => Locus::Replicated,
        _ => Locus::Leader,
    }
}

/// Returns whether a node takes some rows of many: another node could take others.
fn chooses(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.fetch().is_some() || plan.is::<GlobalLimitExec>()
}

fn of_scan(plan: &Arc<dyn ExecutionPlan>, scan: &DataSourceExec) -> Locus {
    let source = scan.data_source().downcast_ref::<FileScanConfig>();
    let source = source.and_then(|config| config.file_source().downcast_ref::<WarehouseSource>());
    let Some(source) = source else { return otherwise(plan, &[]) };
    match source.distribution() {
        RowDistribution::All if chooses(plan) => Locus::Leader,
        RowDistribution::All => Locus::Replicated,
        RowDistribution::Even => Locus::Strewn,
        RowDistribution::Key(key) => {
            let (key, table) = ([key].into(), source.table_schema().table_schema());
            Locus::stored(match source.projection() {
                Some(columns) => projected(&key, table, columns.iter().map(|item| &item.expr)),
                None => key,
            })
        }
    }
}

fn of_join(
    plan: &Arc<dyn ExecutionPlan>,
    join: &Pairing<'_>,
    left: &Locus,
    right: &Locus,
) -> Locus {
    let stays = join.is_partitioned || follows_probe(join.join_type);
    let locus = if stays { join.locus(left, right) } else { Locus::Strewn };
    match locus {
        Locus::Strewn => otherwise(plan, &[left.clone(), right.clone()]),
        locus => locus,
    }
}

fn of_one(plan: &Arc<dyn ExecutionPlan>, input: &Locus) -> Locus {
    if let Some(key) = plan.downcast_ref::<RepartitionExec>().and_then(slice_key) {
        return Locus::stored([key].into());
    }
    let keys = match input {
        Locus::Stored { keys } => keys,
        Locus::Replicated if !plan.is::<RepartitionExec>() && !chooses(plan) => {
            return Locus::Replicated;
        }
        // Tables of one slice have one partition, and are tables all the same.
        Locus::Strewn if is_row_by_row(plan) => return Locus::Strewn,
        _ => return otherwise(plan, std::slice::from_ref(input)),
    };
    let Some(child) = plan.children().first().map(|child| child.schema()) else {
        return otherwise(plan, std::slice::from_ref(input));
    };
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let expressions = projection.expr().iter().map(|item| &item.expr);
        return Locus::stored(projected(keys, &child, expressions));
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        return Locus::stored(chosen(keys, filter.projection().as_deref()));
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>()
        && stays(aggregate)
    {
        let groups = aggregate.group_expr().expr().iter().map(|(expr, _)| expr);
        return Locus::stored(projected(keys, &child, groups));
    }
    match is_row_by_row(plan) || is_window(plan) {
        true => input.clone(),
        false => otherwise(plan, std::slice::from_ref(input)),
    }
}

/// Returns the column by which an exchange deals rows out to slices, if it does.
fn slice_key(exchange: &RepartitionExec) -> Option<usize> {
    let Partitioning::Hash(keys, _) = exchange.partitioning() else { return None };
    let [route] = keys.as_slice() else { return None };
    hashed_column(routed_key(route)?, &exchange.input().schema())
}

/// Returns whether groups are put out where their rows were, with every group's columns as they were.
fn stays(aggregate: &AggregateExec) -> bool {
    let is_merged = matches!(aggregate.mode(), AggregateMode::Single | AggregateMode::Final);
    aggregate.group_expr().is_single() && !aggregate.group_expr().is_empty() && !is_merged
}

/// Returns whether a node puts out rows of its input, in the partition they came from.
pub(super) fn is_row_by_row(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let sorts_in_place =
        plan.downcast_ref::<SortExec>().is_some_and(SortExec::preserve_partitioning);
    sorts_in_place
        || plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<MaskExec>()
        || plan.is::<SliceKeysExec>()
}

/// Returns whether a node adds columns behind those of its input, within each partition.
fn is_window(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_window = plan.is::<WindowAggExec>() || plan.is::<BoundedWindowAggExec>();
    let by_partition = |required: &Distribution| !matches!(required, Distribution::SinglePartition);
    is_window && plan.input_distribution_requirements().per_child_distributions().all(by_partition)
}
