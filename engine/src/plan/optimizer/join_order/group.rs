//! Inner joins next to one another, taken apart: relations and the conditions between them.

use std::sync::Arc;

use datafusion::{
    common::{Column, JoinType, NullEquality, Result},
    logical_expr::{LogicalPlan, Operator, utils::split_conjunction_owned},
    prelude::Expr,
};

use super::search::{self, Condition, EqualColumns, Graph, Set, Tree};
use crate::plan::optimizer::cardinality::{Estimate, estimate};

/// Expressions that are equal in every row of the result, with the relation each is of.
#[derive(Debug, Default)]
pub(in crate::plan::optimizer) struct EqualExpressions {
    pub(in crate::plan::optimizer) members: Vec<(usize, Expr)>,
}

/// Relations under inner joins.
#[derive(Debug, Default)]
pub(in crate::plan::optimizer) struct JoinGroup {
    pub(in crate::plan::optimizer) relations: Vec<Arc<LogicalPlan>>,
    pub(in crate::plan::optimizer) equal: Vec<EqualExpressions>,
    /// Other conditions, with the relations they are about.
    pub(super) conditions: Vec<(Set, Expr)>,
}

impl JoinGroup {
    /// Takes the joins at the top of a plan apart. Returns how they were put together as well; `None` if
    /// there are none, or more relations than a set can hold.
    pub(in crate::plan::optimizer) fn of(plan: &LogicalPlan) -> Result<Option<(Self, Tree)>> {
        let mut group = Self::default();
        let mut conditions = Vec::new();
        let Some(tree) = group.take_apart(plan, &mut conditions) else { return Ok(None) };
        if group.relations.len() < 2 || group.relations.len() >= Set::BITS as usize {
            return Ok(None);
        }
        for condition in conditions {
            if !group.add_condition(condition) {
                return Ok(None);
            }
        }
        Ok(Some((group, tree)))
    }

    /// Returns the tree of a plan's joins; `None` if the plan is not made of joins.
    fn take_apart(&mut self, plan: &LogicalPlan, conditions: &mut Vec<Expr>) -> Option<Tree> {
        match plan {
            LogicalPlan::Join(join) if is_plain(join) => {
                let left = self.part(&join.left, conditions);
                let right = self.part(&join.right, conditions);
                conditions.extend(join.on.iter().map(|(l, r)| l.clone().eq(r.clone())));
                conditions.extend(join.filter.iter().flat_map(conjuncts));
                Some(Tree::join(left, right))
            }
            LogicalPlan::Projection(projection) => {
                let only_columns = projection.expr.iter().all(|e| matches!(e, Expr::Column(_)));
                if only_columns { self.take_apart(&projection.input, conditions) } else { None }
            }
            LogicalPlan::Filter(filter) if !filter.predicate.is_volatile() => {
                let tree = self.take_apart(&filter.input, conditions)?;
                conditions.extend(conjuncts(&filter.predicate));
                Some(tree)
            }
            _ => None,
        }
    }

    fn part(&mut self, plan: &Arc<LogicalPlan>, conditions: &mut Vec<Expr>) -> Tree {
        self.take_apart(plan, conditions).unwrap_or_else(|| {
            self.relations.push(Arc::clone(plan));
            Tree::Relation(self.relations.len() - 1)
        })
    }

    /// Returns false if a column of the condition is of no relation, or of several.
    fn add_condition(&mut self, condition: Expr) -> bool {
        let Some(relations) = self.relations_of(&condition) else { return false };
        if let Expr::BinaryExpr(binary) = &condition
            && binary.op == Operator::Eq
            && let (Some(left), Some(right)) =
                (self.relation_of(&binary.left), self.relation_of(&binary.right))
            && left != right
        {
            let pair = [(left, (*binary.left).clone()), (right, (*binary.right).clone())];
            self.add_equal(pair);
            return true;
        }
        self.conditions.push((relations, condition));
        true
    }

    fn add_equal(&mut self, pair: [(usize, Expr); 2]) {
        let touches = |equal: &EqualExpressions| pair.iter().any(|one| equal.members.contains(one));
        let touched = self.equal.extract_if(.., |equal| touches(equal)).collect::<Vec<_>>();
        let mut merged = EqualExpressions::default();
        for (relation, expr) in touched.into_iter().flat_map(|equal| equal.members).chain(pair) {
            let same = merged.members.iter().find(|(other, _)| *other == relation);
            match same.map(|(_, known)| known.clone()) {
                None => merged.members.push((relation, expr)),
                // Joins use one column of each relation; that the others are equal is asked there.
                Some(known) if known != expr => {
                    self.conditions.push((1 << relation, known.eq(expr)));
                }
                Some(_) => {}
            }
        }
        self.equal.push(merged);
    }

    /// Returns the relations whose columns an expression names; `None` if one is not to be found.
    pub(super) fn relations_of(&self, expr: &Expr) -> Option<Set> {
        expr.column_refs().into_iter().try_fold(0, |set: Set, column| {
            let mut having = (0..self.relations.len()).filter(|i| self.has(*i, column));
            let relation = having.next()?;
            having.next().is_none().then_some(set | 1 << relation)
        })
    }

    fn has(&self, relation: usize, column: &Column) -> bool {
        self.relations[relation].schema().has_column(column)
    }

    /// Returns the one relation an expression is about.
    fn relation_of(&self, expr: &Expr) -> Option<usize> {
        let set = self.relations_of(expr)?;
        (set.count_ones() == 1).then(|| set.trailing_zeros() as usize)
    }

    /// Returns the estimate of every relation.
    pub(in crate::plan::optimizer) fn estimates(&self) -> Vec<Estimate> {
        self.relations.iter().map(|relation| estimate(relation)).collect()
    }

    /// Returns the joins as the search sees them.
    pub(super) fn graph(&self) -> Graph {
        let estimates = self.estimates();
        let relations = estimates.iter().map(|estimate| search::Relation {
            rows: estimate.rows.max(1.0),
            rows_before_filters: estimate.rows_before_filters.max(1.0),
        });
        let equal = self.equal.iter().map(|equal| {
            let members = equal.members.iter();
            let members =
                members.map(|(relation, expr)| (*relation, estimates[*relation].domain(expr)));
            EqualColumns { members: members.collect() }
        });
        let conditions = self.conditions.iter().map(|(relations, condition)| {
            let of = |index: &usize| relations & (1 << index) != 0;
            let parts = (0..estimates.len()).filter(of).map(|index| &estimates[index]);
            Condition {
                relations: *relations,
                selectivity: Estimate::selectivity_over(parts, condition),
            }
        });
        Graph {
            relations: relations.collect(),
            equal: equal.collect(),
            conditions: conditions.collect(),
        }
    }
}

fn is_plain(join: &datafusion::logical_expr::Join) -> bool {
    join.join_type == JoinType::Inner
        && join.null_equality == NullEquality::NullEqualsNothing
        && !join.filter.as_ref().is_some_and(Expr::is_volatile)
}

fn conjuncts(expr: &Expr) -> Vec<Expr> {
    split_conjunction_owned(expr.clone())
}
