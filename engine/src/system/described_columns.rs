//! Columns of tables and views as SVV_COLUMNS, SVV_ALL_COLUMNS and `information_schema.columns`
//! describe them: one value for each name these tables have for it.

use crate::system::{
    SystemContext,
    column::SystemColumn,
    column_shape::{self, ColumnShape},
    relation::{self, Relation, RelationColumn},
    table::Rows,
    value::{NULL, Value},
};

/// Adds a row for each column of each relation, made of the values that `table` has columns for.
pub(crate) fn rows(context: &SystemContext, rows: &mut Rows, table: &[SystemColumn]) {
    for relation in relation::all(context) {
        for (position, column) in (1..).zip(relation.columns()) {
            let shape = column_shape::of(column.column_type);
            let described = Described { context, relation: &relation, column, position, shape };
            rows.push(table.iter().map(|wanted| described.value(wanted.name)).collect());
        }
    }
}

struct Described<'a> {
    context: &'a SystemContext,
    relation: &'a Relation,
    column: RelationColumn<'a>,
    /// From 1.
    position: i32,
    shape: ColumnShape,
}

impl Described<'_> {
    fn value(&self, name: &str) -> Value {
        let yes_or_no = |condition: bool| Value::from(if condition { "YES" } else { "NO" });
        let stored = self.column.stored;
        match name {
            "table_catalog" | "database_name" | "udt_catalog" => (&self.context.database).into(),
            "table_schema" | "schema_name" => (&self.relation.schema_name).into(),
            "table_name" => (&self.relation.name).into(),
            "column_name" => self.column.name.into(),
            "ordinal_position" => self.position.into(),
            "dtd_identifier" => self.position.to_string().into(),
            "column_default" => {
                stored.and_then(|column| relation::default_text(self.relation.id, column)).into()
            }
            "is_nullable" => yes_or_no(self.column.nullable),
            "data_type" => (&self.shape.data_type).into(),
            "character_maximum_length" | "character_octet_length" => {
                self.shape.character_length.into()
            }
            "numeric_precision" => self.shape.numeric_precision.into(),
            "numeric_precision_radix" => self.shape.numeric_radix.into(),
            "numeric_scale" => self.shape.numeric_scale.into(),
            "datetime_precision" => self.shape.datetime_precision.into(),
            "udt_schema" => "pg_catalog".into(),
            "udt_name" => self.shape.type_name.into(),
            "is_self_referencing" => yes_or_no(false),
            "is_identity" => yes_or_no(stored.is_some_and(|column| column.identity.is_some())),
            "is_updatable" => yes_or_no(self.relation.table().is_some()),
            // Character sets, collations, domains, scopes, intervals, remarks: there are none.
            _ => NULL,
        }
    }
}
