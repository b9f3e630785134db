//! Whether a view stands on a column of a table: what DROP COLUMN and ALTER COLUMN ask before they go on.
//!
//! The view is bound with the column marked in its table's schema; whoever mentions it reads a field with
//! that mark. A `*` mentions every column.

use std::sync::Arc;

use datafusion::{
    common::{
        ExprSchema,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    error::Result,
    logical_expr::LogicalPlan,
};

use crate::{
    catalog::View,
    execution::MARK_KEY,
    ids::{ColumnId, TableId},
    plan::{catalog_view::CatalogView, planner::QueryContext},
};

/// Returns whether the view's own query mentions the column.
pub(super) async fn in_view(
    catalog: &CatalogView,
    view: &View,
    column: (TableId, ColumnId),
) -> Result<bool> {
    let context = QueryContext { marked: Some(column), ..(*catalog.context).clone() };
    let marking = CatalogView { planner: catalog.planner.clone(), context: Arc::new(context) };
    let plan = marking.bind_view(view).await?;
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= mentions_mark(node)?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn mentions_mark(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expression| {
        expression.apply(|expression| {
            if let datafusion::logical_expr::Expr::Column(column) = expression {
                found |= node.inputs().iter().any(|input| {
                    let field = input.schema().field_from_column(column);
                    field.is_ok_and(|field| field.metadata().contains_key(MARK_KEY))
                });
            }
            if let datafusion::logical_expr::Expr::OuterReferenceColumn(field, _) = expression {
                found |= field.metadata().contains_key(MARK_KEY);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}
