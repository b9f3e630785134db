//! A tree of joins as a plan.

use std::sync::Arc;

use datafusion::{
    common::{DFSchemaRef, JoinConstraint, JoinType, NullEquality, Result},
    logical_expr::{Join, LogicalPlan, LogicalPlanBuilder, Projection, utils::conjunction},
    prelude::Expr,
};

use super::{
    group::JoinGroup,
    search::{Set, Tree},
};

impl JoinGroup {
    /// Returns the plan of a tree, with the columns of `schema`.
    pub(super) fn rebuild(&self, tree: &Tree, schema: &DFSchemaRef) -> Result<LogicalPlan> {
        let plan = self.joined(tree)?;
        // Conditions about no relation at all.
        let constant = self.conditions_at(0, 0, 0);
        let plan = filtered(plan, constant)?;
        if plan.schema().columns() == schema.columns() {
            return Ok(plan);
        }
        let columns = schema.columns().into_iter().map(Expr::Column).collect();
        Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
    }

    fn joined(&self, tree: &Tree) -> Result<LogicalPlan> {
        match tree {
            Tree::Relation(index) => {
                let own = self.conditions_at(1 << index, 0, 0);
                filtered(LogicalPlan::clone(&self.relations[*index]), own)
            }
            Tree::Join(left, right) => {
                let (build, probe) = (left.set(), right.set());
                let (left, right) = (self.joined(left)?, self.joined(right)?);
                let keys = self.keys(build, probe);
                let filter = conjunction(self.conditions_at(build | probe, build, probe));
                let builder = LogicalPlanBuilder::from(left);
                if keys.is_empty() {
                    let crossed = builder.cross_join(right)?.build()?;
                    return filtered(crossed, filter.into_iter().collect());
                }
                let join = Join::try_new(
                    Arc::new(builder.build()?),
                    Arc::new(right),
                    keys,
                    filter,
                    JoinType::Inner,
                    JoinConstraint::On,
                    NullEquality::NullEqualsNothing,
                    false,
                )?;
                Ok(LogicalPlan::Join(join))
            }
        }
    }

    /// Returns one pair of keys for each class of equal columns that is on both sides: within a side they
    /// are equal already.
    fn keys(&self, left: Set, right: Set) -> Vec<(Expr, Expr)> {
        let pairs = self.equal.iter().filter_map(|equal| {
            let of = |set: Set| {
                let mut members = equal.members.iter();
                members.find(|(relation, _)| set & (1 << relation) != 0).map(|(_, e)| e.clone())
            };
            of(left).zip(of(right))
        });
        pairs.collect()
    }

    /// Returns the conditions that a set decides, and neither of its parts does.
    fn conditions_at(&self, set: Set, left: Set, right: Set) -> Vec<Expr> {
        let within = |needs: Set, set: Set| needs & !set == 0;
        let conditions = self.conditions.iter().filter(|(needs, _)| {
            let below = |part: Set| part != 0 && within(*needs, part);
            let here = if set == 0 { *needs == 0 } else { *needs != 0 && within(*needs, set) };
            here && !below(left) && !below(right)
        });
        conditions.map(|(_, condition)| condition.clone()).collect()
    }
}

fn filtered(plan: LogicalPlan, conditions: Vec<Expr>) -> Result<LogicalPlan> {
    match conjunction(conditions) {
        Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build(),
        None => Ok(plan),
    }
}
