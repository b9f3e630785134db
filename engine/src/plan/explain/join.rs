//! Joins. The side that is built is Redshift's inner one, and comes last.

use std::sync::Arc;

use datafusion::{
    common::{JoinSide, JoinType},
    physical_expr::PhysicalExpr,
    physical_plan::{
        ExecutionPlan,
        joins::{
            CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec, utils::JoinFilter,
        },
    },
};

use super::{
    column::{self, OutputColumn},
    cost::{self, Cost, Estimated},
    expression,
    label::{distribution_keys, is_in_leader, is_sent_to_leader, label_of, movements},
    node::{Operator, PlanNode},
    order, selectivity,
    tree::{Builder, Built, Consumer},
};
use crate::plan::{
    locus::DsLabel,
    optimizer::cardinality::{UNKNOWN_SELECTIVITY, key_values},
};

type Keys = [(Arc<dyn PhysicalExpr>, Arc<dyn PhysicalExpr>)];

/// The two sides of a join: outer and inner, as Redshift has them.
struct Sides {
    outer: Built,
    inner: Built,
    /// Whether DataFusion's left side is the inner one.
    inner_is_left: bool,
    /// The kind of join with the outer side as its left.
    kind: JoinType,
}

/// Returns the node of a hash join.
pub(super) fn hash(builder: &Builder, plan: &Arc<dyn ExecutionPlan>, join: &HashJoinExec) -> Built {
    let mut sides = Sides {
        outer: side(builder, plan, join.right()),
        inner: side(builder, plan, join.left()),
        inner_is_left: true,
        kind: join.join_type().swap(),
    };
    let rows = sides.rows(join.on(), join.filter());
    sides.forget_not_null(join.on());
    let (outer, inner) = (sides.outer.node.estimated, sides.inner.node.estimated);
    let cost = cost::hash_join(outer, inner, join.on().len(), rows);
    let built = Estimated { cost: cost::hash(inner), ..inner };
    let hash = PlanNode::new(Operator::Hash, built, Vec::new()).of(plan);
    let below = std::mem::replace(&mut sides.inner.node, hash);
    sides.inner.node.inputs.push(below);
    let condition = ("Hash Cond", sides.condition(join.on()));
    let shape =
        Shape { operator: Operator::HashJoin(sides.kind), cost, rows, condition: Some(condition) };
    finish(plan, sides, shape, join.filter(), join.projection.as_deref())
}

/// Returns a side of a join.
fn side(builder: &Builder, join: &Arc<dyn ExecutionPlan>, side: &Arc<dyn ExecutionPlan>) -> Built {
    let Built { node, columns } = builder.build(side, Consumer::Ordered);
    match is_in_leader(join) && is_sent_to_leader(side) {
        true => Built { node: order::sent_to_leader(node), columns },
        false => Built { node, columns },
    }
}

/// Returns the node of a merge join.
pub(super) fn merge(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    join: &SortMergeJoinExec,
) -> Built {
    let mut sides = Sides {
        outer: side(builder, plan, join.left()),
        inner: side(builder, plan, join.right()),
        inner_is_left: false,
        kind: join.join_type(),
    };
    let filter = join.filter().as_ref();
    let rows = sides.rows(join.on(), filter);
    sides.forget_not_null(join.on());
    let (outer, inner) = (sides.outer.node.estimated, sides.inner.node.estimated);
    let cost = cost::merge_join(outer, inner, join.on().len(), rows);
    let condition = ("Merge Cond", sides.condition(join.on()));
    let shape =
        Shape { operator: Operator::MergeJoin(sides.kind), cost, rows, condition: Some(condition) };
    finish(plan, sides, shape, filter, None)
}

/// Returns the node of a join on anything but equality.
pub(super) fn nested_loop(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    join: &NestedLoopJoinExec,
) -> Built {
    let sides = Sides {
        outer: side(builder, plan, join.right()),
        inner: side(builder, plan, join.left()),
        inner_is_left: true,
        kind: join.join_type().swap(),
    };
    let operators =
        join.filter().map_or(0, |filter| expression::operator_count(filter.expression()));
    let projection = join.projection().as_deref();
    looped(plan, sides, operators, join.filter(), projection)
}

/// Returns the node of a Cartesian product.
pub(super) fn cross(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    join: &CrossJoinExec,
) -> Built {
    let sides = Sides {
        outer: side(builder, plan, join.right()),
        inner: side(builder, plan, join.left()),
        inner_is_left: true,
        kind: JoinType::Inner,
    };
    looped(plan, sides, 0, None, None)
}

fn looped(
    plan: &Arc<dyn ExecutionPlan>,
    sides: Sides,
    operators: usize,
    filter: Option<&JoinFilter>,
    projection: Option<&[usize]>,
) -> Built {
    let rows = sides.rows(&[], filter);
    let (outer, inner) = (sides.outer.node.estimated, sides.inner.node.estimated);
    let cost = cost::nested_loop(outer, inner, operators);
    let shape = Shape { operator: Operator::NestedLoop(sides.kind), cost, rows, condition: None };
    finish(plan, sides, shape, filter, projection)
}

/// What a join is, beside its sides.
struct Shape {
    operator: Operator,
    cost: Cost,
    rows: f64,
    condition: Option<(&'static str, String)>,
}

fn finish(
    plan: &Arc<dyn ExecutionPlan>,
    sides: Sides,
    shape: Shape,
    filter: Option<&JoinFilter>,
    projection: Option<&[usize]>,
) -> Built {
    let label = label_of(plan);
    let (outer, inner) = (sides.outer.node.estimated, sides.inner.node.estimated);
    let (outer_movement, inner_movement) = movements(label.unwrap_or(DsLabel::DistNone));
    let moved = cost::moved(outer, outer_movement) + cost::moved(inner, inner_movement);
    let filter = filter.map(|filter| sides.filter(filter));
    let keys = sides.distribution_keys(plan, label);
    let columns = column::chosen(sides.columns(), projection);
    let estimated = Estimated {
        cost: cost::after_moving(shape.cost, moved),
        rows: shape.rows,
        width: column::width(&columns),
    };
    let inputs = vec![sides.outer.node, sides.inner.node];
    let mut node = PlanNode::new(shape.operator, estimated, inputs).of(plan);
    node.label = label;
    for (name, key) in keys {
        node = node.with_detail(name, key);
    }
    if let Some((name, condition)) = shape.condition {
        node = node.with_detail(name, condition);
    }
    if let Some(filter) = filter {
        node = node.with_detail("Join Filter", filter);
    }
    Built { node, columns }
}

impl Sides {
    /// Returns the side that is DataFusion's left one, and the other.
    fn left_and_right(&self) -> ((&Built, &'static str), (&Built, &'static str)) {
        let (outer, inner) = ((&self.outer, "outer"), (&self.inner, "inner"));
        if self.inner_is_left { (inner, outer) } else { (outer, inner) }
    }

    /// Takes the conditions away that keys are not NULL, which planning has added for the join.
    fn forget_not_null(&mut self, on: &Keys) {
        for (left, right) in on {
            let (outer, inner) = if self.inner_is_left { (right, left) } else { (left, right) };
            for (side, key) in [(&mut self.outer, outer), (&mut self.inner, inner)] {
                let key = expression::text(key, &side.columns);
                side.node.forget_not_null(&key);
            }
        }
    }

    /// Returns `("outer".a = "inner".b)`.
    fn condition(&self, on: &Keys) -> String {
        let outer = on_side(&self.outer.columns, "outer");
        let inner = on_side(&self.inner.columns, "inner");
        let conditions = on.iter().map(|(left, right)| {
            let (of_outer, of_inner) =
                if self.inner_is_left { (right, left) } else { (left, right) };
            let (outer, inner) =
                (expression::text(of_outer, &outer), expression::text(of_inner, &inner));
            format!("({outer} = {inner})")
        });
        expression::all_of(conditions.collect()).unwrap_or_default()
    }

    /// Returns a condition over columns of both sides.
    fn filter(&self, filter: &JoinFilter) -> String {
        let ((left, left_name), (right, right_name)) = self.left_and_right();
        let columns = filter.column_indices().iter().zip(filter.schema().fields());
        let columns = columns.map(|(place, field)| {
            let (side, name) = match place.side {
                JoinSide::Left => (left, left_name),
                _ => (right, right_name),
            };
            match side.columns.get(place.index) {
                Some(column) => column.on_side(name, place.index),
                None => OutputColumn::computed(field, field.name().clone()),
            }
        });
        expression::text(filter.expression(), &columns.collect::<Vec<_>>())
    }

    /// Returns the columns of both sides, in DataFusion's order, that the kind of join returns.
    fn columns(&self) -> Vec<OutputColumn> {
        let ((left, _), (right, _)) = self.left_and_right();
        let kind = if self.inner_is_left { self.kind.swap() } else { self.kind };
        match kind {
            JoinType::LeftSemi | JoinType::LeftAnti => left.columns.clone(),
            JoinType::RightSemi | JoinType::RightAnti => right.columns.clone(),
            JoinType::LeftMark => marked(&left.columns),
            JoinType::RightMark => marked(&right.columns),
            _ => left.columns.iter().chain(&right.columns).cloned().collect(),
        }
    }

    /// Returns how many rows the join returns: the optimizer's estimate.
    fn rows(&self, on: &Keys, filter: Option<&JoinFilter>) -> f64 {
        let (outer, inner) = (&self.outer, &self.inner);
        let (outer_rows, inner_rows) = (outer.node.estimated.rows, inner.node.estimated.rows);
        let (left, right): (Vec<_>, Vec<_>) = on.iter().map(|(left, right)| (left, right)).unzip();
        let (of_outer, of_inner) = if self.inner_is_left { (right, left) } else { (left, right) };
        let domain = |keys: Vec<&Arc<dyn PhysicalExpr>>, side: &Built| {
            selectivity::key_domain(keys.into_iter(), &side.columns, side.node.estimated.rows)
        };
        let (outer_keys, inner_keys) = (domain(of_outer, outer), domain(of_inner, inner));
        let keys = if on.is_empty() { 1.0 } else { key_values(on.len(), outer_keys, inner_keys) };
        let filtered = filter.map_or(1.0, |_| UNKNOWN_SELECTIVITY);
        let matching = outer_rows * inner_rows / keys * filtered;
        let found = |rows: f64, keys: f64| (rows / keys.max(1.0)).min(1.0);
        match self.kind {
            JoinType::Inner => matching,
            JoinType::Left => matching.max(outer_rows),
            JoinType::Right => matching.max(inner_rows),
            JoinType::Full => matching.max(outer_rows + inner_rows),
            JoinType::LeftSemi => outer_rows * found(inner_rows, outer_keys),
            JoinType::RightSemi => inner_rows * found(outer_rows, inner_keys),
            JoinType::LeftAnti => outer_rows * (1.0 - found(inner_rows, outer_keys)),
            JoinType::RightAnti => inner_rows * (1.0 - found(outer_rows, inner_keys)),
            JoinType::LeftMark => outer_rows,
            JoinType::RightMark => inner_rows,
        }
    }

    /// Returns the columns by which a side is dealt out, where one is.
    fn distribution_keys(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        label: Option<DsLabel>,
    ) -> Vec<(&'static str, String)> {
        let moves_outer = matches!(label, Some(DsLabel::DistOuter | DsLabel::DistBoth));
        let moves_inner = matches!(label, Some(DsLabel::DistInner | DsLabel::DistBoth));
        let children = plan.children();
        let [left, right] = children.as_slice() else { return Vec::new() };
        let (outer, inner) = if self.inner_is_left { (right, left) } else { (left, right) };
        let key = |side: &Arc<dyn ExecutionPlan>, columns: &[OutputColumn]| {
            let keys = distribution_keys(side)?.iter();
            let keys: Vec<_> = keys.map(|key| expression::text(key, columns)).collect();
            Some(keys.join(", "))
        };
        let outer = moves_outer.then(|| key(outer, &self.outer.columns)).flatten();
        let inner = moves_inner.then(|| key(inner, &self.inner.columns)).flatten();
        let named = [("Outer Dist Key", outer), ("Inner Dist Key", inner)];
        named.into_iter().filter_map(|(name, key)| Some((name, key?))).collect()
    }
}

fn on_side(columns: &[OutputColumn], side: &str) -> Vec<OutputColumn> {
    columns.iter().enumerate().map(|(at, column)| column.on_side(side, at)).collect()
}

/// Returns columns with the one behind them that says whether a row has a match.
fn marked(columns: &[OutputColumn]) -> Vec<OutputColumn> {
    let mark = OutputColumn {
        text: "mark".to_owned(),
        name: None,
        sql_type: Some(crate::types::SqlType::Boolean),
        width: 1.0,
        values: None,
    };
    columns.iter().cloned().chain([mark]).collect()
}
