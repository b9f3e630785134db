//! The columns of a table, as its runs have them.
//!
//! ```text
//!  table t      id, name, size     (size was added, name was nick, age was dropped)
//!  an old run   id, nick, age      size is its default as of then
//!  a new run    id, nick, $100123_4
//! ```
//!
//! A run is never written anew because its table is altered. When it is opened, the scan's expressions, which
//! are about the table's columns, are made to be about the run's.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::{
    common::{
        Result, ScalarValue,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    physical_expr::{
        PhysicalExpr,
        expressions::{Column, Literal},
    },
    physical_expr_adapter::{
        DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
    },
};

use super::{
    row_address::{POSITION_COLUMN, with_position},
    statistics::scalar,
};
use crate::catalog::{self, Table};

/// A table's columns in order, as its runs have them.
#[derive(Debug, Clone)]
pub(super) struct StoredColumns {
    columns: Vec<StoredColumn>,
    /// Whether runs may have other columns than the table.
    is_altered: bool,
}

#[derive(Debug, Clone)]
struct StoredColumn {
    names: Vec<String>,
    /// What rows have whose run lacks it.
    missing: ScalarValue,
}

impl StoredColumns {
    /// Returns the columns of a table.
    pub(super) fn of(table: &Table) -> Self {
        let column = |column: &catalog::Column| {
            let data_type = column.sql_type.arrow();
            let missing = column.missing.as_ref().and_then(|value| scalar(value, &data_type));
            StoredColumn {
                names: column.stored_names().to_vec(),
                missing: missing
                    .or_else(|| ScalarValue::try_from(&data_type).ok())
                    .unwrap_or(ScalarValue::Null),
            }
        };
        Self {
            columns: table.columns.iter().map(column).collect(),
            is_altered: table.columns.iter().any(|column| !column.stored_as.is_empty()),
        }
    }

    /// Returns the names that runs have the table's column at this position under.
    pub(super) fn names(&self, position: usize) -> Option<&[String]> {
        self.columns.get(position).map(|column| column.names.as_slice())
    }

    /// Returns what makes expressions about the table's columns ones about a run's; `None` where they are
    /// the same.
    pub(super) fn adapter(
        self: &Arc<Self>,
        has_addresses: bool,
    ) -> Option<Arc<dyn PhysicalExprAdapterFactory>> {
        let adapts = has_addresses || self.is_altered;
        adapts.then(|| Arc::new(RunAdapterFactory(Arc::clone(self))) as _)
    }

    /// Returns what makes expressions about the columns of a scan ones about rows in memory, which have the
    /// names of a run and may have addresses behind them.
    pub(super) fn adapter_of_rows(
        self: &Arc<Self>,
        table: SchemaRef,
        rows: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        RunAdapterFactory(Arc::clone(self)).create(table, rows)
    }
}

#[derive(Debug)]
struct RunAdapterFactory(Arc<StoredColumns>);

impl PhysicalExprAdapterFactory for RunAdapterFactory {
    fn create(&self, table: SchemaRef, run: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let mut known: Vec<Option<&str>> = vec![None; run.fields().len()];
        let mut missing = HashMap::new();
        // Behind the table's own columns come those of addresses; only rows in memory have them.
        for field in table.fields().iter().skip(self.0.columns.len()) {
            if let Ok(index) = run.index_of(field.name()) {
                known[index] = Some(field.name());
            }
        }
        let has_position = run.index_of(POSITION_COLUMN).is_ok();
        for (field, column) in table.fields().iter().zip(&self.0.columns) {
            match column.names.iter().find_map(|name| run.index_of(name).ok()) {
                Some(index) => known[index] = Some(field.name()),
                None => {
                    missing.insert(field.name().clone(), column.missing.clone());
                }
            }
        }
        // The run as if its columns had the table's names; those that the table lacks have none.
        let renamed = run.fields().iter().zip(&known).enumerate().map(|(index, (field, name))| {
            let name = name.map_or_else(|| format!("$dropped{index}"), str::to_owned);
            field.as_ref().clone().with_name(name)
        });
        let renamed = Arc::new(Schema::new(renamed.collect::<Vec<_>>()));
        let types = DefaultPhysicalExprAdapterFactory.create(table, renamed)?;
        Ok(Arc::new(RunAdapter { missing, types, run, has_position }))
    }
}

/// Rewrites expressions for one run.
#[derive(Debug)]
struct RunAdapter {
    /// The columns that the run lacks.
    missing: HashMap<String, ScalarValue>,
    /// Finds the others, and casts them where types differ.
    types: Arc<dyn PhysicalExprAdapter>,
    run: SchemaRef,
    /// Whether the position of a row is a column, and not Vortex's to tell.
    has_position: bool,
}

impl PhysicalExprAdapter for RunAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = if self.has_position { expr } else { with_position(expr)? };
        let filled = expr.transform_down(|expr| {
            let missing = expr.downcast_ref::<Column>().and_then(|c| self.missing.get(c.name()));
            Ok(match missing {
                Some(value) => {
                    Transformed::yes(Arc::new(Literal::new(value.clone())) as Arc<dyn PhysicalExpr>)
                }
                None => Transformed::no(expr),
            })
        });
        let found = self.types.rewrite(filled.data()?)?;
        let named = found.transform_down(|expr| {
            Ok(match expr.downcast_ref::<Column>() {
                Some(column) => {
                    let name = self.run.field(column.index()).name();
                    let column = Column::new(name, column.index());
                    Transformed::yes(Arc::new(column) as Arc<dyn PhysicalExpr>)
                }
                None => Transformed::no(expr),
            })
        });
        named.data()
    }
}
