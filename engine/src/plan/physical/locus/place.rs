//! The walk: from the scans up, every node with where its rows are, and without the exchanges that
//! would leave them there.
//!
//! An exchange is not taken out where it is met but where its rows are used: only the join, aggregation
//! or window above knows whether it can do without. So the walk hands up both, the rows as they are dealt out
//! and ([`Placed::unmoved`]) as they were before.

use std::sync::Arc;

use datafusion::{
    error::Result,
    physical_expr::{Distribution, Partitioning, PhysicalExpr},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties, StatisticsContext,
        aggregates::AggregateExec,
        joins::{HashJoinExec, PartitionMode},
        repartition::RepartitionExec,
        replace_children_if_necessary,
        union::InterleaveExec,
    },
};

use super::{
    Locus, aggregate,
    columns::is_one_of,
    derive::{derive, is_row_by_row},
    join,
};
use crate::plan::physical::Scope;

/// A node whose inputs are in place.
pub(super) struct Placed {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    pub(super) locus: Locus,
    /// The same rows before the exchange on top: never itself with one.
    pub(super) unmoved: Option<Box<Placed>>,
}

impl Placed {
    pub(super) fn new(plan: Arc<dyn ExecutionPlan>, inputs: &[Locus]) -> Self {
        Self { locus: derive(&plan, inputs), plan, unmoved: None }
    }

    pub(super) fn partition_count(&self) -> usize {
        self.plan.output_partitioning().partition_count()
    }

    /// Returns whether rows with equal `keys` are on one slice.
    pub(super) fn is_together(&self, keys: &[Arc<dyn PhysicalExpr>]) -> bool {
        let schema = self.plan.schema();
        self.locus
            .stored_keys()
            .is_some_and(|stored| keys.iter().any(|key| is_one_of(key, &schema, stored)))
    }

    /// Returns the rows as they are wanted, if they are so before the exchange or after it.
    pub(super) fn choose(self, wanted: impl Fn(&Self) -> bool) -> std::result::Result<Self, Self> {
        match self.unmoved {
            Some(unmoved) if wanted(&unmoved) => Ok(*unmoved),
            unmoved => {
                let placed = Self { unmoved, ..self };
                if wanted(&placed) { Ok(placed) } else { Err(placed) }
            }
        }
    }
}

/// What the walk needs beside the node.
pub(super) struct Walk {
    /// Of nodes of the plan as it was: it outlives the walk.
    pub(super) statistics: StatisticsContext,
    /// Whether filters that joins find while they run get to all scans below them.
    pub(super) is_one_process: bool,
}

/// Takes out of a finished plan every exchange that its slices make needless.
pub(in crate::plan::physical) fn keep_in_place(
    plan: Arc<dyn ExecutionPlan>,
    scope: Scope,
) -> Result<Arc<dyn ExecutionPlan>> {
    if !scope.knows_slices {
        return Ok(plan);
    }
    let walk = Walk { statistics: StatisticsContext::new(), is_one_process: scope.is_one_process };
    Ok(walk.place(&plan)?.plan)
}

impl Walk {
    fn place(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Placed> {
        let inputs = plan.children().into_iter().map(|child| self.place(child));
        let mut inputs = inputs.collect::<Result<Vec<_>>>()?;
        if inputs.len() == 1
            && let Some(input) = inputs.pop()
        {
            return self.place_one(plan, input);
        }
        match plan.downcast_ref::<HashJoinExec>() {
            Some(join) if *join.partition_mode() == PartitionMode::Partitioned => {
                join::place(self, plan, join, inputs)
            }
            _ => settle(plan, inputs),
        }
    }

    fn place_one(&self, plan: &Arc<dyn ExecutionPlan>, input: Placed) -> Result<Placed> {
        if let Some(exchange) = plan.downcast_ref::<RepartitionExec>()
            && matches!(exchange.partitioning(), Partitioning::Hash(_, _))
        {
            let placed = over(plan, &input)?;
            let before = match input.unmoved {
                Some(unmoved) => *unmoved,
                None => input,
            };
            return Ok(Placed { unmoved: Some(Box::new(before)), ..placed });
        }
        if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
            return aggregate::place(self, plan, aggregate, input);
        }
        if is_row_by_row(plan) && plan.fetch().is_none() {
            let unmoved =
                input.unmoved.as_deref().map(|unmoved| over(plan, unmoved)).transpose()?;
            let placed = over(plan, &input)?;
            return Ok(Placed { unmoved: unmoved.map(Box::new), ..placed });
        }
        settle(plan, vec![input])
    }
}

/// Returns the node over this input.
fn over(plan: &Arc<dyn ExecutionPlan>, input: &Placed) -> Result<Placed> {
    let children = vec![Arc::clone(&input.plan)];
    let plan = replace_children_if_necessary(Arc::clone(plan), children)?;
    Ok(Placed::new(plan, std::slice::from_ref(&input.locus)))
}

/// Returns the node over inputs that are as it needs them: on slices where that does, else dealt out as
/// DataFusion has planned it.
pub(super) fn settle(plan: &Arc<dyn ExecutionPlan>, inputs: Vec<Placed>) -> Result<Placed> {
    let required = plan.input_distribution_requirements().into_per_child();
    let orders = plan.required_input_ordering();
    // Of a UNION whose branches lie alike one partition of each is read as one.
    let lies_alike = plan.is::<InterleaveExec>();
    let is_alone = inputs.len() == 1 && !has_grouping_sets(plan);
    let mut settled = Vec::with_capacity(inputs.len());
    let wants = plan.children().into_iter().zip(required).zip(orders);
    for (((child, required), order), input) in wants.zip(inputs) {
        settled.push(match required {
            Distribution::UnspecifiedDistribution | Distribution::SinglePartition
                if !lies_alike =>
            {
                input
            }
            Distribution::KeyPartitioned(keys) if is_alone => {
                match input.choose(|placed| placed.is_together(&keys)) {
                    Ok(placed) => placed,
                    Err(placed) if placed.partition_count() == 1 => placed,
                    Err(placed) => as_before(placed, child, order.is_some())?,
                }
            }
            _ => as_before(input, child, order.is_some())?,
        });
    }
    let inputs = settled.into_iter().map(|input| (input.plan, input.locus));
    let (plans, loci): (Vec<_>, Vec<_>) = inputs.unzip();
    Ok(Placed::new(replace_children_if_necessary(Arc::clone(plan), plans)?, &loci))
}

/// Returns the input dealt out as the node's child was: with an exchange, if one was taken out below.
fn as_before(input: Placed, child: &Arc<dyn ExecutionPlan>, keeps_order: bool) -> Result<Placed> {
    let partitioning = child.output_partitioning();
    if input.plan.output_partitioning() == partitioning
        || !matches!(partitioning, Partitioning::Hash(_, _))
    {
        return Ok(input);
    }
    let mut exchange = RepartitionExec::try_new(input.plan, partitioning.clone())?;
    if keeps_order {
        exchange = exchange.with_preserve_order();
    }
    Ok(Placed::new(Arc::new(exchange), &[input.locus]))
}

/// With GROUPING SETS a group may lack the key, and then it has rows on every slice.
fn has_grouping_sets(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<AggregateExec>()
        .is_some_and(|aggregate| !aggregate.group_expr().is_single())
}
