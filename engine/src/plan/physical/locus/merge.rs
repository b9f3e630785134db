//! Merge joins: of sides that are on their slices in the order of what they are joined by.
//!
//! | a hash join                                    | a merge join                                    |
//! |------------------------------------------------|-------------------------------------------------|
//! | has the build side in memory                    | has the rows of one key in memory               |
//! | tells the probe side's scan which keys there are | reads all of both sides                         |
//! | looks every row up                              | compares neighbours                             |
//!
//! One table for all slices that fits in the processor's caches is faster than both. So what is merged is what
//! would be joined slice by slice, where the keys are not expected to leave out much of the probe side.

use std::sync::Arc;

use arrow::compute::SortOptions;
use datafusion::{
    common::{
        JoinSide, JoinType, NullEquality, internal_err,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    physical_expr::{PhysicalExpr, PhysicalSortExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties,
        filter::FilterExec,
        joins::{HashJoinExec, SortMergeJoinExec, utils::JoinFilter},
        projection::{ProjectionExec, ProjectionExpr},
    },
};

use super::place::Placed;
use crate::{
    execution::{Hidden, MaskExec},
    plan::explain::estimated_rows,
};

/// Of how many rows of the probe side one is expected to find a partner, at most, for a hash join: its keys
/// spare the scan the others.
const ROWS_FOR_PAIR_MIN: f64 = 4.0;

/// A pair of keys of a join, and how both sides are sorted by it.
struct SortedKey {
    build: Arc<dyn PhysicalExpr>,
    probe: Arc<dyn PhysicalExpr>,
    options: SortOptions,
}

/// Returns the merge join in the place of a hash join of slices, if both sides are in the order of the keys and
/// it is expected to be faster. Rows come in the order of the probe side as they do of the hash join.
pub(super) fn merged(
    plan: &Arc<dyn ExecutionPlan>,
    join: &HashJoinExec,
    build: &Placed,
    probe: &Placed,
) -> Result<Option<Placed>> {
    let join_type = match join.join_type() {
        JoinType::Inner => JoinType::Inner,
        JoinType::Left if join.filter().is_none() => JoinType::Right,
        JoinType::Right if join.filter().is_none() => JoinType::Left,
        _ => return Ok(None),
    };
    if join.null_equality() != NullEquality::NullEqualsNothing {
        return Ok(None);
    }
    let side = |side: JoinSide, plan: &Arc<dyn ExecutionPlan>| {
        let plan = unmasked(plan);
        if side == SortMergeJoinExec::probe_side(&join_type) {
            return Arc::clone(plan);
        }
        // The join's rows are in the order of the other side, and then of the keys at most.
        let known = join.on().len();
        Arc::new(MaskExec::new(Arc::clone(plan), Hidden::Order { known }))
    };
    let (left, right) = (side(JoinSide::Left, &probe.plan), side(JoinSide::Right, &build.plan));
    let Some(keys) = sorted_keys(join, &right, &left)? else { return Ok(None) };
    // Asked last: it looks at all of the plan below.
    if leaves_out_much(plan, join) {
        return Ok(None);
    }
    let (options, on) = keys.into_iter().map(|key| (key.options, (key.probe, key.build))).unzip();
    let merge = SortMergeJoinExec::try_new(
        left,
        right,
        on,
        None,
        join_type,
        options,
        NullEquality::NullEqualsNothing,
    )?;
    let mut placed = Placed::new(Arc::new(merge), &[probe.locus.clone(), build.locus.clone()]);
    let places = Places {
        build: build.plan.schema().fields().len(),
        probe: probe.plan.schema().fields().len(),
    };
    if let Some(filter) = join.filter() {
        let filter = FilterExec::try_new(places.of_filter(filter)?, Arc::clone(&placed.plan))?;
        placed = Placed::new(Arc::new(filter), &[placed.locus]);
    }
    let columns = ProjectionExec::try_new(places.of_output(join), Arc::clone(&placed.plan))?;
    Ok(Some(Placed::new(Arc::new(columns), &[placed.locus])))
}

fn leaves_out_much(plan: &Arc<dyn ExecutionPlan>, join: &HashJoinExec) -> bool {
    estimated_rows(plan) * ROWS_FOR_PAIR_MIN < estimated_rows(join.right())
}

/// Returns a side of a hash join with its order.
fn unmasked(plan: &Arc<dyn ExecutionPlan>) -> &Arc<dyn ExecutionPlan> {
    match plan.downcast_ref::<MaskExec>() {
        Some(mask) if matches!(mask.hidden(), Hidden::Order { .. }) => mask.input(),
        _ => plan,
    }
}

/// Returns the keys of a join in the order by which both sides are sorted; `None` if they are not.
fn sorted_keys(
    join: &HashJoinExec,
    build: &Arc<dyn ExecutionPlan>,
    probe: &Arc<dyn ExecutionPlan>,
) -> Result<Option<Vec<SortedKey>>> {
    let Some(order) = build.output_ordering() else { return Ok(None) };
    let mut left = join.on().to_vec();
    let mut keys = Vec::with_capacity(left.len());
    for sorted in order.iter().take(left.len()) {
        let Some(place) = left.iter().position(|(key, _)| key.eq(&sorted.expr)) else {
            return Ok(None);
        };
        let (build, probe) = left.swap_remove(place);
        // Two zeros are one key, and none of them is proven to be first.
        if build.data_type(&join.left().schema())?.is_floating() {
            return Ok(None);
        }
        keys.push(SortedKey { build, probe, options: sorted.options });
    }
    let of_probe = keys
        .iter()
        .map(|key| PhysicalSortExpr { expr: Arc::clone(&key.probe), options: key.options });
    let is_sorted = left.is_empty()
        && probe.equivalence_properties().ordering_satisfy(of_probe.collect::<Vec<_>>())?;
    Ok(is_sorted.then_some(keys))
}

/// Where the columns of both sides are in the merge join's output: the probe side's first.
struct Places {
    build: usize,
    probe: usize,
}

impl Places {
    fn of(&self, side: JoinSide, column: usize) -> Result<usize> {
        match side {
            JoinSide::Left => Ok(self.probe + column),
            JoinSide::Right => Ok(column),
            JoinSide::None => internal_err!("a column of a join is of neither side"),
        }
    }

    /// Returns a condition of the hash join as one over the merge join's output.
    fn of_filter(&self, filter: &JoinFilter) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = Arc::clone(filter.expression()).transform_up(|expr| {
            let Some(column) = expr.downcast_ref::<Column>() else {
                return Ok(Transformed::no(expr));
            };
            let Some(of) = filter.column_indices().get(column.index()) else {
                return internal_err!("a condition has no column {}", column.index());
            };
            let place = self.of(of.side, of.index)?;
            Ok(Transformed::yes(Arc::new(Column::new(column.name(), place)) as _))
        });
        rewritten.data()
    }

    /// Returns the columns of the hash join's output.
    fn of_output(&self, join: &HashJoinExec) -> Vec<ProjectionExpr> {
        let all = (0..self.build + self.probe).collect::<Vec<_>>();
        let columns = join.projection.as_deref().unwrap_or(&all);
        let schema = join.join_schema();
        let column = |&column: &usize| {
            let name = schema.field(column).name();
            let place = match column.checked_sub(self.build) {
                Some(of_probe) => of_probe,
                None => self.probe + column,
            };
            ProjectionExpr { expr: Arc::new(Column::new(name, place)), alias: name.clone() }
        };
        columns.iter().map(column).collect()
    }
}
