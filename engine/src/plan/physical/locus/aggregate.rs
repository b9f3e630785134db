//! Aggregations: in the slices where their groups are whole, else in one place where there are few groups.
//!
//! ```text
//!  FinalPartitioned ─ RepartitionExec(hash) ─ Partial ─ rows
//!     ─▶ SinglePartitioned ─ rows                       groups of the DISTKEY
//!     ─▶ Final ─ CoalescePartitionsExec ─ Partial ─ rows   few groups
//! ```
//!
//! Rows that a slice has in the order of the groups come to the one aggregation in that order, and it
//! keeps one group at a time (`InputOrderMode::Sorted`): DataFusion sees to that.

use std::sync::Arc;

use datafusion::{
    error::Result,
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties, StatisticsArgs,
        aggregates::{AggregateExec, AggregateMode},
        coalesce_partitions::CoalescePartitionsExec,
        repartition::RepartitionExec,
    },
};

use super::{
    Locus,
    place::{Placed, Walk, settle},
};

/// So few groups are merged in one place rather than dealt out.
const GROUPS_IN_ONE_PLACE_MAX: usize = 10_000;

pub(super) fn place(
    walk: &Walk,
    plan: &Arc<dyn ExecutionPlan>,
    aggregate: &AggregateExec,
    input: Placed,
) -> Result<Placed> {
    if *aggregate.mode() != AggregateMode::FinalPartitioned {
        return settle(plan, vec![input]);
    }
    let keys = aggregate.group_expr().input_exprs();
    match input.choose(|placed| placed.is_together(&keys)) {
        Ok(input) => in_slices(plan, aggregate, input),
        Err(input) if has_few_groups(walk, plan, aggregate) => in_one_place(aggregate, &input),
        Err(input) => settle(plan, vec![input]),
    }
}

/// Returns the merging aggregation over groups that are whole in their slices: there is nothing to merge
/// where what it merges are the very groups of one slice each.
fn in_slices(
    plan: &Arc<dyn ExecutionPlan>,
    merging: &AggregateExec,
    input: Placed,
) -> Result<Placed> {
    let partial = input.plan.downcast_ref::<AggregateExec>();
    let partial = partial.filter(|partial| {
        // A limit on groups is kept by both stages: one would not know when there are enough.
        *partial.mode() == AggregateMode::Partial
            && partial.group_expr().is_single()
            && merging.limit_options().is_none()
    });
    let Some(partial) = partial else { return settle(plan, vec![input]) };
    let single = AggregateExec::try_new(
        AggregateMode::SinglePartitioned,
        partial.group_expr().clone(),
        partial.aggr_expr().to_vec(),
        partial.filter_expr().to_vec(),
        Arc::clone(partial.input()),
        partial.input_schema(),
    )?;
    // The groups come first in the output of both.
    Ok(Placed { plan: Arc::new(single), locus: input.locus, unmoved: None })
}

/// Returns whether statistics say that there are few groups, and nobody wants them in an order that
/// they only have as they are.
fn has_few_groups(walk: &Walk, plan: &Arc<dyn ExecutionPlan>, merging: &AggregateExec) -> bool {
    if !merging.input().is::<RepartitionExec>() || plan.output_ordering().is_some() {
        return false;
    }
    let statistics = walk.statistics.compute(plan.as_ref(), &StatisticsArgs::new());
    let groups = statistics.ok().and_then(|known| known.num_rows.get_value().copied());
    groups.is_some_and(|groups| groups <= GROUPS_IN_ONE_PLACE_MAX)
}

/// Returns the merging aggregation where all groups come together.
fn in_one_place(merging: &AggregateExec, input: &Placed) -> Result<Placed> {
    let groups = input.unmoved.as_deref().unwrap_or(input);
    let together = CoalescePartitionsExec::new(Arc::clone(&groups.plan));
    let merged = AggregateExec::try_new(
        AggregateMode::Final,
        merging.group_expr().clone(),
        merging.aggr_expr().to_vec(),
        merging.filter_expr().to_vec(),
        Arc::new(together),
        merging.input_schema(),
    )?;
    let merged = merged.with_limit_options(merging.limit_options());
    Ok(Placed::new(Arc::new(merged), &[Locus::Leader]))
}
