//! The last look at a plan: a mistake of a pass becomes an error here, and never a wrong answer.
//!
//! Looked at is what DataFusion does not look at while a plan runs, and would answer wrongly for.

use std::sync::Arc;

use datafusion::{
    common::internal_err,
    error::Result,
    physical_expr::{Distribution, OrderingRequirements, Partitioning, PhysicalExpr},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties, aggregates::AggregateExec, joins::HashJoinExec,
        repartition::RepartitionExec,
    },
};

use super::{Locus, columns::is_one_of, derive::derive, pairing::Pairing};
use crate::{
    execution::{Hidden, MaskExec, routed_key},
    plan::physical::Scope,
};

/// Returns the plan, if every node finds its rows where it needs them.
pub(in crate::plan::physical) fn verify(
    plan: Arc<dyn ExecutionPlan>,
    _scope: Scope,
) -> Result<Arc<dyn ExecutionPlan>> {
    check(&plan)?;
    Ok(plan)
}

fn check(plan: &Arc<dyn ExecutionPlan>) -> Result<Locus> {
    let loci = plan.children().into_iter().map(check).collect::<Result<Vec<_>>>()?;
    if let Some(pairing) = Pairing::of(plan.as_ref())
        && let [left, right] = loci.as_slice()
    {
        check_join(plan, &pairing, left, right)?;
    } else if let ([child], [locus]) = (plan.children().as_slice(), loci.as_slice()) {
        check_one(plan, child, locus)?;
    }
    check_masks(plan)?;
    check_orders(plan)?;
    Ok(derive(plan, &loci))
}

fn check_join(
    plan: &Arc<dyn ExecutionPlan>,
    pairing: &Pairing<'_>,
    left: &Locus,
    right: &Locus,
) -> Result<()> {
    let count = |side: &Arc<dyn ExecutionPlan>| side.output_partitioning().partition_count();
    if !pairing.is_partitioned {
        return match count(pairing.left) {
            1 => Ok(()),
            _ => internal_err!("a join collects a build side of several partitions"),
        };
    }
    let counts = (count(pairing.left), count(pairing.right));
    if counts == (1, 1) {
        return Ok(());
    }
    if counts.0 != counts.1 {
        return internal_err!("a join pairs {} partitions with {}", counts.0, counts.1);
    }
    let is_null_aware = plan.downcast_ref::<HashJoinExec>().is_some_and(|join| join.null_aware);
    if is_null_aware {
        return internal_err!("NOT IN is decided partition by partition");
    }
    let children = [pairing.left.as_ref(), pairing.right.as_ref()];
    let unsatisfied = plan
        .input_distribution_requirements()
        .unsatisfied_co_partitioned_children(plan.name(), &children)?;
    let is_by_hash = |side: &Arc<dyn ExecutionPlan>| {
        matches!(side.output_partitioning(), Partitioning::Hash(_, _))
    };
    match (is_by_hash(pairing.left), is_by_hash(pairing.right)) {
        (true, true) if unsatisfied.is_empty() => Ok(()),
        (false, false) if pairing.is_collocated(left, right) => Ok(()),
        (false, false) => internal_err!("a join's sides are not on the slices of its keys"),
        (true, true) => internal_err!("a join's sides are not dealt out by its keys"),
        _ => internal_err!("one side of a join is on slices, the other is dealt out by hash"),
    }
}

fn check_one(
    plan: &Arc<dyn ExecutionPlan>,
    child: &Arc<dyn ExecutionPlan>,
    locus: &Locus,
) -> Result<()> {
    if child.output_partitioning().partition_count() == 1 {
        return Ok(());
    }
    let requirements = plan.input_distribution_requirements();
    match requirements.child_distribution(0) {
        Some(Distribution::SinglePartition) => {
            internal_err!("{} has an input of several partitions", plan.name())
        }
        Some(Distribution::KeyPartitioned(keys)) => check_keys(plan, child, keys, locus),
        _ => Ok(()),
    }
}

fn check_keys(
    plan: &Arc<dyn ExecutionPlan>,
    child: &Arc<dyn ExecutionPlan>,
    keys: &[Arc<dyn PhysicalExpr>],
    locus: &Locus,
) -> Result<()> {
    let required = Distribution::KeyPartitioned(keys.to_vec());
    let partitioning = child.output_partitioning();
    let properties = child.equivalence_properties();
    if partitioning.satisfaction(&required, properties, true).is_satisfied() {
        return Ok(());
    }
    let has_sets = plan
        .downcast_ref::<AggregateExec>()
        .is_some_and(|aggregate| !aggregate.group_expr().is_single());
    let schema = child.schema();
    let is_on_slices = locus
        .stored_keys()
        .is_some_and(|stored| keys.iter().any(|key| is_one_of(key, &schema, stored)));
    if is_on_slices && !has_sets {
        return Ok(());
    }
    internal_err!("what {} needs together is in several partitions", plan.name())
}

/// Rows that were dealt out to slices must not look dealt out by DataFusion's hash of a key.
fn check_masks(plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
    let is_mask =
        plan.downcast_ref::<MaskExec>().is_some_and(|mask| mask.hidden() == Hidden::Partitioning);
    let is_bare = plan.children().into_iter().any(|child| !is_mask && goes_to_slices(child));
    if is_bare {
        return internal_err!("{} sees an exchange to slices", plan.name());
    }
    Ok(())
}

fn goes_to_slices(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(exchange) = plan.downcast_ref::<RepartitionExec>() else { return false };
    match exchange.partitioning() {
        Partitioning::Hash(keys, _) => keys.iter().any(|key| routed_key(key).is_some()),
        _ => false,
    }
}

/// Orders that a node cannot do without are there.
fn check_orders(plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
    for (child, order) in plan.children().into_iter().zip(plan.required_input_ordering()) {
        let Some(OrderingRequirements::Hard(alternatives)) = order else {
            continue;
        };
        let properties = child.equivalence_properties();
        let mut is_kept = false;
        for alternative in alternatives {
            is_kept |= properties.ordering_satisfy_requirement(alternative)?;
        }
        if !is_kept {
            return internal_err!("the order that {} needs is lost", plan.name());
        }
    }
    Ok(())
}
