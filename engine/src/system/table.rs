//! A system table: its name, its columns and where its rows come from. One per file.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions},
    datatypes::{DataType, Schema, SchemaRef},
};
use datafusion::{common::ScalarValue, error::Result};

use crate::{
    ids::TableId,
    system::{SystemContext, column::SystemColumn, value::Value},
};

/// The schema that is searched first.
pub(crate) const PG_CATALOG: &str = "pg_catalog";
/// The schema of the SQL standard's views.
pub(crate) const INFORMATION: &str = "information_schema";

/// A system table.
#[derive(Debug, Clone, Copy)]
pub struct SystemTable {
    /// `pg_catalog` or `information_schema`.
    pub(crate) schema: &'static str,
    /// Its name, lower case.
    pub(crate) name: &'static str,
    /// Its columns, in order.
    pub(crate) columns: &'static [SystemColumn],
    /// Makes its rows; each has one value per column.
    pub(crate) rows: fn(&SystemContext, &mut Rows),
}

/// Rows under construction.
pub(crate) type Rows = Vec<Vec<Value>>;

/// The rows of a table that is there because clients ask for it, and has nothing to show.
pub(crate) fn no_rows(_: &SystemContext, _: &mut Rows) {}

impl SystemTable {
    /// Returns its schema's name.
    pub fn schema_name(&self) -> &'static str {
        self.schema
    }

    /// Returns its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the columns as Arrow has them; every field remembers its Redshift type.
    pub fn arrow_schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| column.column_type.field(column.name));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Returns its rows now, as one batch.
    pub fn batch(&self, context: &SystemContext) -> Result<RecordBatch> {
        let mut rows = Rows::new();
        (self.rows)(context, &mut rows);
        let columns = self.columns.iter().enumerate().map(|(position, column)| {
            let data_type = column.column_type.arrow();
            let values = rows.iter().map(|row| row.get(position).unwrap_or(&Value::Null));
            array(values, &data_type)
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(self.arrow_schema(), columns, &options)?)
    }

    /// Returns whether `pg_class` shows it as a view, as Redshift does.
    pub(crate) fn is_view(&self) -> bool {
        self.schema == INFORMATION
            || self.name.starts_with("svv_")
            || self.name.starts_with("svl_")
            || self.name.starts_with("sys_")
            || VIEWS_OF_POSTGRES.contains(&self.name)
    }

    /// Returns its OID: PostgreSQL's own where clients know it by heart.
    pub(crate) fn oid(&self) -> TableId {
        let known = WELL_KNOWN_OIDS.iter().find(|(name, _)| *name == self.name);
        if let (Some((_, oid)), PG_CATALOG) = (known, self.schema) {
            return TableId(*oid);
        }
        let position = super::tables()
            .iter()
            .position(|table| table.name == self.name && table.schema == self.schema);
        TableId(position.and_then(|p| u32::try_from(p).ok()).map_or(0, |p| FIRST_SYSTEM_OID + p))
    }
}

/// Where the OIDs of system tables start that PostgreSQL has no number for.
const FIRST_SYSTEM_OID: u32 = 11_000;

/// Views that PostgreSQL keeps in `pg_catalog`.
const VIEWS_OF_POSTGRES: &[&str] = &[
    "pg_group",
    "pg_indexes",
    "pg_locks",
    "pg_matviews",
    "pg_roles",
    "pg_rules",
    "pg_sequences",
    "pg_settings",
    "pg_shadow",
    "pg_stat_activity",
    "pg_table_def",
    "pg_tables",
    "pg_user",
    "pg_views",
];

/// OIDs of `pg_class` rows that clients and `classoid` columns use as constants.
pub(crate) const WELL_KNOWN_OIDS: &[(&str, u32)] = &[
    ("pg_type", 1247),
    ("pg_attribute", 1249),
    ("pg_proc", 1255),
    ("pg_class", 1259),
    ("pg_database", 1262),
    ("pg_attrdef", 2604),
    ("pg_constraint", 2606),
    ("pg_depend", 2608),
    ("pg_description", 2609),
    ("pg_index", 2610),
    ("pg_inherits", 2611),
    ("pg_language", 2612),
    ("pg_namespace", 2615),
    ("pg_opclass", 2616),
    ("pg_operator", 2617),
    ("pg_rewrite", 2618),
    ("pg_trigger", 2620),
    ("pg_extension", 3079),
];

fn array<'a>(values: impl Iterator<Item = &'a Value>, data_type: &DataType) -> Result<ArrayRef> {
    let scalars = values.map(|value| value.scalar(data_type)).collect::<Result<Vec<_>>>()?;
    if scalars.is_empty() {
        return Ok(arrow::array::new_empty_array(data_type));
    }
    ScalarValue::iter_to_array(scalars)
}
