//! The side of a semi join that is not put out has no column of another's name.
//!
//! DataFusion hands a filter on a key that is put out to the other side too, whose key has the same value in every row that matters.
//! It looks the column up there by its *name*:
//!
//! ```text
//!  o.id IN (3, 7), of a join above   ─▶  o SEMI JOIN i ON o.id = i.order_id   ─▶  i.id IN (3, 7), and rows are lost
//! ```
//!
//! Where the other side has a column of that name which is not the key's, all of its columns get names of their own.

use std::sync::Arc;

use datafusion::{
    common::{
        JoinType,
        config::ConfigOptions,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    physical_expr::{PhysicalExpr, expressions::Column},
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{ExecutionPlan, joins::HashJoinExec, projection::ProjectionExec},
};

type Key = Arc<dyn PhysicalExpr>;

/// See the module.
#[derive(Debug)]
pub(super) struct SemiJoinNames;

impl PhysicalOptimizerRule for SemiJoinNames {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match node.downcast_ref::<HashJoinExec>().map(renamed).transpose()?.flatten() {
                Some(join) => Transformed::yes(Arc::new(join) as _),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "semi_join_names"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Returns a semi join whose other side has names of its own; `None` if none could be mistaken.
fn renamed(join: &HashJoinExec) -> Result<Option<HashJoinExec>> {
    let is_left = match join.join_type() {
        JoinType::LeftSemi => false,
        JoinType::RightSemi => true,
        _ => return Ok(None),
    };
    let other = if is_left { join.left() } else { join.right() };
    let is_mistaken = |(left, right): &(Key, Key)| {
        let (put_out, key) = if is_left { (right, left) } else { (left, right) };
        let Some(put_out) = put_out.downcast_ref::<Column>() else { return false };
        let named = other.schema().index_of(put_out.name()).ok();
        named.is_some() && named != key.downcast_ref::<Column>().map(Column::index)
    };
    if !join.on().iter().any(is_mistaken) {
        return Ok(None);
    }
    let fields = other.schema();
    let columns = fields.fields().iter().enumerate().map(|(place, field)| {
        let column: Key = Arc::new(Column::new(field.name(), place));
        (column, own_name(field.name(), place))
    });
    let other = ProjectionExec::try_new(columns.collect::<Vec<_>>(), Arc::clone(other))?;
    let other: Arc<dyn ExecutionPlan> = Arc::new(other);
    let on = join.on().iter().map(|(left, right)| {
        Ok(match is_left {
            true => (with_own_names(left)?, Arc::clone(right)),
            false => (Arc::clone(left), with_own_names(right)?),
        })
    });
    let (left, right) = match is_left {
        true => (other, Arc::clone(join.right())),
        false => (Arc::clone(join.left()), other),
    };
    HashJoinExec::try_new(
        left,
        right,
        on.collect::<Result<Vec<_>>>()?,
        join.filter().cloned(),
        join.join_type(),
        join.projection.as_ref().map(|columns| columns.to_vec()),
        *join.partition_mode(),
        join.null_equality(),
        join.null_aware,
    )
    .map(Some)
}

/// Returns what a column of the other side is called: like none of SQL's.
fn own_name(name: &str, place: usize) -> String {
    format!("{name}\u{1}{place}")
}

fn with_own_names(key: &Key) -> Result<Key> {
    Arc::clone(key)
        .transform(|inner| {
            Ok(match inner.downcast_ref::<Column>() {
                Some(column) => {
                    let name = own_name(column.name(), column.index());
                    Transformed::yes(Arc::new(Column::new(&name, column.index())) as _)
                }
                None => Transformed::no(inner),
            })
        })
        .data()
}
