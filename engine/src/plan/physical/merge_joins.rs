//! Joins whose build side does not fit in memory: rows of both sides are sorted, which spills, and merged.
//!
//! A rule of DataFusion's optimizer, right behind the one that chooses build sides: who comes later sees to exchanges and
//! sorts. Sides that are on the slices of the join's key, in its order, need neither (`locus`).
//!
//! Not merged: NOT IN, which asks whether there is a NULL anywhere; joins without an equality; keys of types that
//! DataFusion does not merge by, or (floating point) sorts otherwise than it compares; FULL JOIN with a condition beside
//! the equalities; rows of GROUPING SETS.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::{
    common::{
        JoinSide, JoinType,
        config::{ConfigExtension, ConfigOptions},
        extensions_options,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    error::Result,
    physical_expr::{PhysicalExpr, expressions::Column, projection::ProjectionExpr},
    physical_optimizer::{PhysicalOptimizerRule, optimizer::PhysicalOptimizer},
    physical_plan::{
        ExecutionPlan, StatisticsArgs, StatisticsContext,
        aggregates::AggregateExec,
        joins::{HashJoinExec, SortMergeJoinExec, utils::JoinFilter},
        projection::ProjectionExec,
    },
};

use crate::storage::SORT_OPTIONS;

/// The rule of DataFusion's after which ours runs.
const CHOOSES_BUILD_SIDES: &str = "join_selection";
/// What a row takes in a hash table, beside its values.
const ENTRY_BYTES: usize = 16;
/// What a text takes, for all that is known.
const TEXT_BYTES: usize = 32;

extensions_options! {
    /// What the build side of a hash join may take: an extension of a session's options.
    pub struct BuildMemory {
        /// With 0 nothing is hashed that can be merged.
        pub bytes_max: usize, default = usize::MAX
    }
}

impl ConfigExtension for BuildMemory {
    const PREFIX: &'static str = "build_memory";
}

impl BuildMemory {
    /// Returns the extension with this bound.
    pub(in crate::plan) fn of(bytes_max: usize) -> Self {
        Self { bytes_max }
    }
}

/// Returns DataFusion's rules and ours.
pub(in crate::plan) fn optimizer_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let before = rules.iter().position(|rule| rule.name() == CHOOSES_BUILD_SIDES);
    rules.insert(before.map_or(0, |before| before + 1), Arc::new(MergeJoins));
    rules
}

/// Returns whether a plan builds a hash table that it could do without.
pub fn joins_by_hash(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut found = false;
    let walked = plan.apply(|node| {
        found |= node.downcast_ref::<HashJoinExec>().is_some_and(can_merge);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.is_ok() && found
}

/// Merges where a hash table would not fit.
#[derive(Debug)]
struct MergeJoins;

impl PhysicalOptimizerRule for MergeJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let bytes_max = options.extensions.get::<BuildMemory>().map(|memory| memory.bytes_max);
        let Some(bytes_max) = bytes_max else { return Ok(plan) };
        plan.transform_up(|node| match node.downcast_ref::<HashJoinExec>() {
            Some(join) if can_merge(join) && !fits(join, bytes_max) => {
                Ok(Transformed::yes(merged(join)?))
            }
            _ => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "merge_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn can_merge(join: &HashJoinExec) -> bool {
    let (left, right) = (join.left().schema(), join.right().schema());
    let are_merged_by = |(build, probe): &(_, _)| {
        is_merged_by(build, &left).unwrap_or(false) && is_merged_by(probe, &right).unwrap_or(false)
    };
    let is_exact = *join.join_type() != JoinType::Full || join.filter().is_none();
    let is_sorted_as_said = !has_grouping_sets(join.left()) && !has_grouping_sets(join.right());
    is_exact && is_sorted_as_said && !join.null_aware && join.on().iter().all(are_merged_by)
}

/// Returns whether rows may lie in another order than DataFusion says: of GROUPING SETS over rows in the order of the
/// groups it says that they keep it, although a group without the key comes in between.
fn has_grouping_sets(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_one = plan
        .downcast_ref::<AggregateExec>()
        .is_some_and(|aggregate| !aggregate.group_expr().is_single());
    is_one || plan.children().into_iter().any(has_grouping_sets)
}

fn is_merged_by(key: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
    Ok(matches!(
        key.data_type(schema)?,
        DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Decimal128(_, _)
            | DataType::Utf8
            | DataType::Utf8View
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, None)
    ))
}

/// Returns whether a build side fits, for all that statistics say.
fn fits(join: &HashJoinExec, bytes_max: usize) -> bool {
    let known = StatisticsContext::new().compute(join.left().as_ref(), &StatisticsArgs::new());
    let rows = known.ok().and_then(|known| known.num_rows.get_value().copied());
    let schema = join.left().schema();
    let widths = schema.fields().iter().map(|field| width(field.data_type()));
    let row_bytes = ENTRY_BYTES + widths.sum::<usize>();
    bytes_max > 0 && rows.is_none_or(|rows| rows.saturating_mul(row_bytes) <= bytes_max)
}

fn width(data_type: &DataType) -> usize {
    data_type.primitive_width().unwrap_or(TEXT_BYTES)
}

/// Returns the same join. The side that was to be hashed, the smaller one, goes to the right: a merge keeps the rows of
/// one key of that side. With a filter the sides stay: swapped, it would read the wrong columns ([`left_first`]).
fn merged(join: &HashJoinExec) -> Result<Arc<dyn ExecutionPlan>> {
    let merge = SortMergeJoinExec::try_new(
        Arc::clone(join.left()),
        Arc::clone(join.right()),
        join.on().to_vec(),
        join.filter().map(left_first).transpose()?,
        *join.join_type(),
        vec![SORT_OPTIONS; join.on().len()],
        join.null_equality(),
    )?;
    let stays = merge.filter().is_some() || merge.join_type() == JoinType::LeftMark;
    let merge = if stays { Arc::new(merge) as _ } else { merge.swap_inputs()? };
    let Some(columns) = join.projection.as_deref() else { return Ok(merge) };
    let schema = merge.schema();
    let columns = columns.iter().map(|column| {
        let name = schema.field(*column).name();
        ProjectionExpr::new(Arc::new(Column::new(name, *column)), name.clone())
    });
    let columns = columns.collect::<Vec<_>>();
    Ok(Arc::new(ProjectionExec::try_new(columns, merge)?))
}

/// Returns the same filter over the columns of the left side, then those of the right: DataFusion's merge hands them to
/// it so, whatever order the filter says.
fn left_first(filter: &JoinFilter) -> Result<JoinFilter> {
    let columns = filter.column_indices();
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|position| columns[*position].side != JoinSide::Left);
    let moved = |expression: Arc<dyn PhysicalExpr>| {
        let Some(column) = expression.downcast_ref::<Column>() else {
            return Ok(Transformed::no(expression));
        };
        let place = order.iter().position(|position| *position == column.index());
        let moved = Column::new(column.name(), place.unwrap_or(column.index()));
        Ok(Transformed::yes(Arc::new(moved) as Arc<dyn PhysicalExpr>))
    };
    let expression = Arc::clone(filter.expression()).transform_up(moved).data()?;
    let fields = order.iter().map(|position| filter.schema().field(*position).clone());
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = order.iter().map(|position| columns[*position].clone()).collect();
    Ok(JoinFilter::new(expression, columns, schema))
}
