//! CREATE [OR REPLACE] VIEW.

use std::{ops::ControlFlow, sync::Arc};

use datafusion::arrow::datatypes::Schema;
use engine::{
    catalog::{Catalog, CatalogChange, CatalogError, Relation, SUPERUSER, View, ViewColumn},
    client_error::SqlState,
    ids::TableId,
    sql::{CreateView, QualifiedName},
    types::SqlType,
};
use sqlparser::ast::{self, visit_relations};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{names, select},
};

pub(super) async fn run(session: &mut Session, create: &CreateView) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let schema = names::schema_for_new(session, &catalog, &create.name)?;
    let replaced = match catalog.relation(schema.id, &create.name.name) {
        Some(Relation::View(view)) if create.or_replace => Some(view),
        Some(_) => return Err(CatalogError::DuplicateTable(create.name.name.clone()).into()),
        None => None,
    };
    // A late-binding view is looked at when it is queried; its names may not exist yet.
    let (columns, depends_on) = if create.no_schema_binding {
        (Vec::new(), Vec::new())
    } else {
        let plan = session.planning(Arc::clone(&catalog)).bind(&create.query).await?;
        let columns = columns_of(&select::client_schema(&plan, &create.query), &create.columns)?;
        (columns, dependencies(session, &catalog, &create.query)?)
    };
    let mut tables = depends_on.iter().filter_map(|id| catalog.table_by_id(*id));
    if let Some(table) = tables.find(|table| session.is_temporary(table.schema)) {
        return Err(Error::unsupported(
            format!("a view of the temporary table \"{}\"", table.name),
            "Create the table in a schema, or use the query itself.",
        ));
    }
    let id = match &replaced {
        Some(view) if depends_on.contains(&view.id) => {
            let message = format!("view \"{}\" cannot stand on itself", view.name);
            return Err(Error::statement(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        Some(view) => view.id,
        None => TableId(session.leader().log().new_oid()),
    };
    let made_of = catalog.former_columns(&depends_on);
    let view = View {
        id,
        schema: schema.id,
        name: create.name.name.clone(),
        owner: SUPERUSER,
        definition: create.definition.clone(),
        search_path: session.search_path(),
        columns,
        depends_on,
        former_names: Vec::new(),
        made_of,
        late_binding: create.no_schema_binding,
    };
    session.change(vec![CatalogChange::PutView(Arc::new(view))])?;
    Ok(Outcome::done("CREATE VIEW"))
}

fn columns_of(schema: &Schema, names: &[String]) -> Result<Vec<ViewColumn>, Error> {
    if names.len() > schema.fields().len() {
        let message = "CREATE VIEW specifies more column names than columns";
        return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
    }
    let columns = schema.fields().iter().enumerate().map(|(position, field)| ViewColumn {
        name: names.get(position).unwrap_or_else(|| field.name()).clone(),
        sql_type: SqlType::of_field(field).unwrap_or(SqlType::VARCHAR_DEFAULT),
    });
    Ok(columns.collect())
}

/// Returns the tables and views that a query names; fails if one is of another database.
fn dependencies(
    session: &Session,
    catalog: &Catalog,
    query: &ast::Query,
) -> Result<Vec<TableId>, Error> {
    let mut found: Vec<TableId> = Vec::new();
    let mut elsewhere = None;
    let visited = visit_relations(query, |name| {
        let mut parts = name.0.iter().rev().filter_map(|part| part.as_ident());
        let name = parts.next().map(|ident| ident.value.clone());
        let schema = parts.next().map(|ident| ident.value.clone());
        if let Some(name) = name {
            let database = parts.next().map(|ident| ident.value.clone());
            let is_here = |name: &String| *name == session.client().database;
            let is_elsewhere = database.as_ref().is_some_and(|name| !is_here(name));
            let name = QualifiedName { database, schema, name };
            if is_elsewhere {
                elsewhere = Some(name);
                return ControlFlow::Break(());
            }
            // A name that is no relation is a WITH query or a system table.
            match names::relation(session, catalog, &name) {
                Ok(Relation::Table(table)) => found.push(table.id),
                Ok(Relation::View(view)) => found.push(view.id),
                Err(_) => {}
            }
        }
        ControlFlow::<()>::Continue(())
    });
    if let (ControlFlow::Break(()), Some(name)) = (visited, elsewhere) {
        return Err(Error::unsupported(
            format!("a view of \"{name}\", which is in another database,"),
            "Create the view WITH NO SCHEMA BINDING.",
        ));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
