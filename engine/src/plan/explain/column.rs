//! What is known of the columns that a node returns: how they are called, and their values.

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::physical_expr::{PhysicalExpr, expressions::Column};

use super::node::quoted;
use crate::{plan::optimizer::cardinality::ColumnEstimate, types::SqlType};

/// An expression that is longer is not repeated in the expressions it is part of.
const TEXT_BYTES_MAX: usize = 512;
/// Texts are taken for half full, as PostgreSQL takes them: shorter ones for full, longer ones for such.
const FULL_TEXT_BYTES_MAX: u32 = 32;
const LONG_TEXT_BYTES: u32 = 1_000;
/// Digits of a NUMERIC of 8 bytes; others have 16.
const SHORT_DECIMAL_DIGITS_MAX: u8 = 18;

/// A column of a node's rows.
#[derive(Debug, Clone)]
pub(super) struct OutputColumn {
    /// How expressions above it mention it: `sales.qtysold`, `sum(sales.qtysold)`.
    pub(super) text: String,
    /// How a join above calls it; `None` of what is computed.
    pub(super) name: Option<String>,
    pub(super) sql_type: Option<SqlType>,
    /// Average bytes.
    pub(super) width: f64,
    /// `None` of what is computed.
    pub(super) values: Option<ColumnEstimate>,
}

impl OutputColumn {
    /// Returns a column of a table; `table` is its name where more than one is read.
    pub(super) fn stored(field: &Field, table: Option<&str>, values: ColumnEstimate) -> Self {
        let name = quoted(field.name());
        let text = match table {
            Some(table) => format!("{}.{name}", quoted(table)),
            None => name.clone(),
        };
        let sql_type = SqlType::of_field(field);
        let width = width_of(sql_type);
        Self { text, name: Some(name), sql_type, width, values: Some(values) }
    }

    /// Returns a column that is computed.
    pub(super) fn computed(field: &Field, text: String) -> Self {
        let sql_type = SqlType::of_field(field);
        let text = if text.len() > TEXT_BYTES_MAX { "?column?".to_owned() } else { text };
        Self { text, name: None, sql_type, width: width_of(sql_type), values: None }
    }

    /// Returns the column as the join above it calls it, at this position.
    pub(super) fn on_side(&self, side: &str, position: usize) -> Self {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => format!("\"?column{}?\"", position + 1),
        };
        Self { text: format!("\"{side}\".{name}"), ..self.clone() }
    }
}

/// Returns the column that an expression is.
pub(super) fn column_of<'a>(
    expr: &Arc<dyn PhysicalExpr>,
    columns: &'a [OutputColumn],
) -> Option<&'a OutputColumn> {
    columns.get(expr.downcast_ref::<Column>()?.index())
}

/// Returns the columns at these positions.
pub(super) fn chosen(columns: Vec<OutputColumn>, choice: Option<&[usize]>) -> Vec<OutputColumn> {
    match choice {
        None => columns,
        Some(choice) => choice.iter().filter_map(|at| columns.get(*at).cloned()).collect(),
    }
}

/// Returns columns that are called by their own names only.
pub(super) fn unqualified(columns: &[OutputColumn]) -> Vec<OutputColumn> {
    let own = |column: &OutputColumn| match &column.name {
        Some(name) => OutputColumn { text: name.clone(), ..column.clone() },
        None => column.clone(),
    };
    columns.iter().map(own).collect()
}

/// Returns the bytes of a row.
pub(super) fn width(columns: &[OutputColumn]) -> f64 {
    columns.iter().map(|column| column.width).sum()
}

fn width_of(sql_type: Option<SqlType>) -> f64 {
    let text = |length: u32| match length {
        length if length <= FULL_TEXT_BYTES_MAX => length,
        length => FULL_TEXT_BYTES_MAX + (length.min(LONG_TEXT_BYTES) - FULL_TEXT_BYTES_MAX) / 2,
    };
    f64::from(match sql_type {
        Some(SqlType::Char { length }) => length,
        Some(SqlType::Varchar { length }) => text(length),
        Some(SqlType::Decimal { precision, .. }) => {
            if precision <= SHORT_DECIMAL_DIGITS_MAX {
                8
            } else {
                16
            }
        }
        Some(sql_type) => u32::try_from(sql_type.typlen()).unwrap_or(FULL_TEXT_BYTES_MAX),
        None => FULL_TEXT_BYTES_MAX,
    })
}
