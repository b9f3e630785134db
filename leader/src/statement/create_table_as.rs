//! CREATE TABLE AS: a table with the columns and the rows of a query, in one transaction.

use std::sync::Arc;

use chrono::Utc;
use datafusion::{
    arrow::datatypes::Schema,
    common::ScalarValue,
    logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder},
};
use engine::{
    catalog::{CatalogChange, Column, SUPERUSER, Table, TableStatistics},
    client_error::SqlState,
    distribution::AutoStyle,
    ids::TableId,
    sql::CreateTableAs,
    types::SqlType,
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{
        create_table, names, select, table_definition as definition,
        write::{Upkeep, append_query},
    },
};

pub(super) async fn run(
    session: &mut Session,
    create: &CreateTableAs,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let (schema, create_schema) =
        names::schema_for_table(session, &catalog, &create.name, create.temporary)?;
    if catalog.relation(schema.id, &create.name.name).is_some() {
        return create_table::already_there(session, &create.name, create.if_not_exists, "SELECT");
    }
    let planning = session.planning(catalog);
    let plan = select::bind(&planning, &create.query, parameters).await?;
    let mut columns = columns_of(&select::client_schema(&plan, &create.query), &create.columns)?;
    // The size is not known before the query has run: AUTO starts as EVEN.
    let dist_style = definition::dist_style(&create.attributes, &columns, AutoStyle::Even)?;
    let sort_key = definition::sort_key(&create.attributes, &columns)?;
    definition::fill_encodings(&mut columns, &sort_key, create.temporary);
    let table = Arc::new(Table {
        id: TableId(session.leader().log().new_oid()),
        schema: schema.id,
        name: create.name.name.clone(),
        owner: SUPERUSER,
        columns,
        dropped_column_max: 0,
        has_stray_columns: false,
        dist_style,
        sort_key,
        encode_auto: true,
        constraints: Vec::new(),
        created_at_us: Utc::now().timestamp_micros(),
        statistics: TableStatistics::default(),
        manifest: Arc::default(),
    });
    let create_table = CatalogChange::CreateTable(Arc::clone(&table));
    session.change(create_schema.into_iter().chain([create_table]).collect())?;
    let plan = cast_to(plan, &table)?;
    let given: Vec<usize> = (0..table.columns.len()).collect();
    append_query(session, &table, &given, (&planning, &plan), Upkeep::Analyze).await?;
    Ok(Outcome::done("SELECT"))
}

fn columns_of(schema: &Schema, names: &[String]) -> Result<Vec<Column>, Error> {
    if names.len() > schema.fields().len() {
        let message = "CREATE TABLE AS specifies too many column names";
        return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
    }
    let mut columns: Vec<Column> = Vec::with_capacity(schema.fields().len());
    for (position, field) in schema.fields().iter().enumerate() {
        let name = names.get(position).unwrap_or_else(|| field.name()).clone();
        if columns.iter().any(|column| column.name == name) {
            return Err(names::specified_twice(&name));
        }
        let Some(sql_type) = SqlType::of_field(field) else {
            let message = format!(
                "column \"{name}\" has type {}, which no table can hold",
                field.data_type()
            );
            return Err(Error::statement(SqlState::INVALID_TABLE_DEFINITION, message));
        };
        columns.push(Column {
            id: definition::column_id_at(position)?,
            name,
            sql_type,
            nullable: true,
            default: None,
            identity: None,
            encoding: String::new(),
            stored_as: Vec::new(),
            missing: None,
        });
    }
    Ok(columns)
}

fn cast_to(plan: LogicalPlan, table: &Table) -> Result<LogicalPlan, Error> {
    let columns = plan.schema().columns().into_iter().zip(&table.columns);
    let casts = columns.map(|(column, target)| {
        let cast = Cast::new(Box::new(Expr::Column(column)), target.sql_type.arrow());
        Expr::Cast(cast).alias(target.name.as_str())
    });
    let casts: Vec<Expr> = casts.collect();
    Ok(LogicalPlanBuilder::from(plan).project(casts)?.build()?)
}
