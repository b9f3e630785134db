//! `pg_get_late_binding_view_cols()`: the columns of the views WITH NO SCHEMA BINDING. They have none
//! until they are planned, so this plans them all.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int32Array, RecordBatch, StringViewArray},
    datatypes::Schema,
};
use datafusion::{catalog::TableProvider, datasource::MemTable, error::Result};

use crate::{plan::catalog_view::CatalogView, types::SqlType};

/// What `sql::rewrite` makes of a call of the function: a table of this name in `pg_catalog`.
pub(super) const NAME: &str = "pg_get_late_binding_view_cols";

/// Returns the rows. A view that cannot be planned, because what it names is not there, has none.
pub(super) async fn provider(catalog: &CatalogView) -> Result<Arc<dyn TableProvider>> {
    let mut found: Vec<(String, String, String, String, i32)> = Vec::new();
    for view in catalog.context.catalog.views().filter(|view| view.late_binding) {
        let schema = catalog.context.catalog.schema_by_id(view.schema);
        let schema = schema.map(|schema| schema.name.clone()).unwrap_or_default();
        let Ok(planned) = catalog.expand(view).await else { continue };
        for (number, field) in (1..).zip(planned.schema().fields()) {
            let sql_type = SqlType::of_field(field).unwrap_or(SqlType::VARCHAR_DEFAULT);
            let (view, column) = (view.name.clone(), field.name().clone());
            found.push((schema.clone(), view, column, sql_type.to_string(), number));
        }
    }
    let schema = Arc::new(Schema::new(vec![
        SqlType::Name.field("view_schema", true),
        SqlType::Name.field("view_name", true),
        SqlType::Name.field("col_name", true),
        SqlType::Varchar { length: 256 }.field("col_type", true),
        SqlType::Integer.field("col_num", true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from_iter_values(found.iter().map(|row| &row.0))),
        Arc::new(StringViewArray::from_iter_values(found.iter().map(|row| &row.1))),
        Arc::new(StringViewArray::from_iter_values(found.iter().map(|row| &row.2))),
        Arc::new(StringViewArray::from_iter_values(found.iter().map(|row| &row.3))),
        Arc::new(Int32Array::from_iter_values(found.iter().map(|row| row.4))),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}
