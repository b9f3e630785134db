//! ALTER TABLE … ADD COLUMN, DROP COLUMN, ALTER COLUMN TYPE, ALTER COLUMN ENCODE.

use std::sync::Arc;

use datafusion::arrow::{
    array::{Array, AsArray},
    datatypes::Schema,
};
use engine::{
    catalog::{CatalogChange, CatalogError, Column, Table, TableChange, TableConstraint, View},
    client_error::SqlState,
    error::Error as EngineError,
    ids::ColumnId,
    sql::{self, ColumnDefinition},
    storage::run::StatisticsValue,
    types::SqlType,
    write::{ColumnSource, RowAssembler},
};
use futures::TryStreamExt;

use crate::{
    error::Error,
    session::Session,
    statement::{alter_table::constraint, drop, names, table_definition as definition, write},
};

/// Columns of a table, those included that it had before.
const COLUMNS_MAX: usize = 1_600;

/// ADD COLUMN: rows that are there get the default as it is now, without being written anew.
pub(super) async fn add(
    session: &mut Session,
    table: &Arc<Table>,
    written: &ColumnDefinition,
) -> Result<TableChange, Error> {
    let id = table.new_column_id().filter(|_| table.columns.len() < COLUMNS_MAX);
    let Some(id) = id else {
        let message = format!("tables can have at most {COLUMNS_MAX} columns");
        return Err(Error::statement(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    };
    if table.column(&written.name).is_some() {
        let (table, column) = (table.name.clone(), written.name.clone());
        return Err(CatalogError::DuplicateColumn { table, column }.into());
    }
    let encoding = match written.encoding.as_deref() {
        Some(encoding) => definition::shown_encoding(encoding),
        None => definition::default_encoding(written.sql_type, false).to_owned(),
    };
    let mut column = Column {
        id,
        name: written.name.clone(),
        sql_type: written.sql_type,
        nullable: !written.not_null,
        default: written.default.as_ref().map(ToString::to_string),
        identity: None,
        encoding,
        // Not the column's own name: runs may have that of a column that was dropped or renamed.
        stored_as: vec![format!("${}_{id}", table.id)],
        missing: None,
    };
    column.missing = missing(session, &column).await?;
    if !column.nullable && column.missing.is_none() {
        let message =
            "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression";
        return Err(Error::statement(SqlState::INVALID_TABLE_DEFINITION, message));
    }
    Ok(TableChange::AddColumn(column))
}

/// Returns the value that rows have that are there already; `None` for NULL.
async fn missing(session: &mut Session, column: &Column) -> Result<Option<StatisticsValue>, Error> {
    let catalog = session.catalog();
    let value = write::default_value(&session.planning(catalog), column).await?;
    if value.is_null(0) {
        return Ok(None);
    }
    let schema = Arc::new(Schema::new(vec![column.sql_type.field(&column.name, true)]));
    let row = RowAssembler::new(schema, vec![ColumnSource::Constant(value)])
        .assemble(&write::one_empty_row())
        .map_err(EngineError::from)?;
    match StatisticsValue::of(row.column(0).as_ref(), 0) {
        Some(value) => Ok(Some(value)),
        None => Err(Error::unsupported(
            format!("a DEFAULT of NaN or infinity for the new column \"{}\"", column.name),
            "Add the column without a default, then UPDATE the table.",
        )),
    }
}

/// DROP COLUMN: runs keep it, and nobody reads it any more.
pub(super) async fn drop(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    cascade: bool,
) -> Result<Vec<CatalogChange>, Error> {
    let column = names::column(table, name)?;
    refuse_key(table, column)?;
    let (users, others) = users_of(session, table, column.id).await?;
    let catalog = session.catalog();
    let foreign =
        constraint::foreign_keys_to(&catalog, table, |columns| columns.contains(&column.id));
    let is_shared =
        |key: &&TableConstraint| key.columns.len() > 1 && key.columns.contains(&column.id);
    let shared = table.constraints.iter().filter(is_shared);
    if !cascade {
        let views = users.iter().map(|view| format!("view {}", view.name));
        let foreign = foreign.iter().map(|(_, name)| format!("constraint {name}"));
        let shared = shared.map(|key| format!("constraint {}", key.name));
        let dependents: Vec<String> = views.chain(foreign).chain(shared).collect();
        if !dependents.is_empty() {
            let name = name.to_owned();
            return Err(CatalogError::DependentObjects { what: "column", name, dependents }.into());
        }
    }
    let mut changes = Vec::new();
    for view in &users {
        drop::drop_view(&catalog, view.id, &mut changes);
    }
    changes.extend(foreign.into_iter().map(|(table, name)| CatalogChange::Alter {
        table,
        change: TableChange::DropConstraint(name),
    }));
    let views = others.iter().map(|view| view.id).collect();
    let change = TableChange::DropColumn { column: column.id, views };
    changes.push(CatalogChange::Alter { table: table.id, change });
    Ok(changes)
}

fn refuse_key(table: &Table, column: &Column) -> Result<(), Error> {
    let refused =
        |message: String| Err(Error::statement(SqlState::INVALID_TABLE_DEFINITION, message));
    let name = &column.name;
    if table.columns.len() == 1 {
        return refused(format!("cannot drop column \"{name}\": it is the only one of the table"));
    }
    if table.dist_style.key() == Some(column.id) {
        return refused(format!("cannot drop distkey column \"{name}\""));
    }
    if table.sort_key.columns().contains(&column.id) {
        return refused(format!("cannot drop sortkey column \"{name}\""));
    }
    Ok(())
}

/// Splits the views that stand on a table in those that use a column of it and the others. A view that can no
/// longer be planned may use anything.
async fn users_of(
    session: &mut Session,
    table: &Table,
    column: ColumnId,
) -> Result<(Vec<Arc<View>>, Vec<Arc<View>>), Error> {
    let catalog = session.catalog();
    let planning = session.planning(Arc::clone(&catalog));
    let (mut users, mut others) = (Vec::new(), Vec::new());
    for view in catalog.dependents(table.id) {
        let uses = planning.view_uses(view, table.id, column).await.unwrap_or(true);
        let list = if uses { &mut users } else { &mut others };
        list.push(Arc::clone(view));
    }
    Ok((users, others))
}

/// ALTER COLUMN TYPE: another length of a VARCHAR that every value fits in.
pub(super) async fn set_type(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    sql_type: SqlType,
) -> Result<TableChange, Error> {
    let column = names::column(table, name)?;
    let (SqlType::Varchar { length: before }, SqlType::Varchar { length }) =
        (column.sql_type, sql_type)
    else {
        return Err(Error::unsupported(
            format!("ALTER COLUMN \"{name}\" TYPE from {} to {sql_type}", column.sql_type),
            "It changes the length of VARCHAR columns; for others add a column, UPDATE and drop the old one.",
        ));
    };
    refuse_type_change(table, column)?;
    let (users, _) = users_of(session, table, column.id).await?;
    if !users.is_empty() {
        let message = "cannot alter type of a column used by a view or rule";
        return Err(Error::statement(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    if length < before {
        let longest = longest(session, table, name).await?;
        if longest > length as usize {
            let message = format!(
                "cannot make column \"{name}\" of relation \"{}\" shorter than its longest value, which has \
                 {longest} bytes",
                table.name
            );
            return Err(Error::statement(SqlState::STRING_DATA_RIGHT_TRUNCATION, message));
        }
    }
    Ok(TableChange::SetType { column: column.id, sql_type })
}

/// Refuses what Redshift refuses (developer guide, "ALTER TABLE", ALTER COLUMN TYPE).
fn refuse_type_change(table: &Table, column: &Column) -> Result<(), Error> {
    let is_key = table.constraints.iter().any(|key| key.columns.contains(&column.id));
    let reason = match column.encoding.as_str() {
        encoding @ ("bytedict" | "runlength" | "text255" | "text32k") => {
            format!("with encoding {}", encoding.to_uppercase())
        }
        _ if column.default.is_some() => "with a default".to_owned(),
        _ if is_key => "with a UNIQUE, PRIMARY KEY or FOREIGN KEY constraint".to_owned(),
        _ => return Ok(()),
    };
    Err(Error::unsupported(
        format!("ALTER COLUMN TYPE of a column {reason}"),
        "Add a column, UPDATE and drop the old one.",
    ))
}

/// Returns the length of the longest value of a text column, in bytes.
async fn longest(session: &mut Session, table: &Arc<Table>, name: &str) -> Result<usize, Error> {
    let catalog = session.catalog();
    let planning = session.planning(catalog);
    let plan = planning.scan(table, vec![names::column_position(table, name)?])?;
    let mut longest = 0;
    for mut rows in write::streams_of(planning.physical(&plan).await?, &planning)? {
        while let Some(batch) = rows.try_next().await? {
            let lengths = batch.column(0).as_string_view().iter().flatten().map(str::len);
            longest = longest.max(lengths.max().unwrap_or(0));
        }
    }
    Ok(longest)
}

/// ALTER COLUMN ENCODE.
pub(super) fn encode(table: &Table, encodings: &[(String, String)]) -> Result<TableChange, Error> {
    if matches!(table.sort_key, engine::catalog::SortKey::Interleaved(_)) {
        return Err(Error::unsupported(
            "ALTER COLUMN ENCODE of a table with an interleaved sort key",
            "Alter the sort key to a compound one first.",
        ));
    }
    let mut changed = Vec::with_capacity(encodings.len());
    for (name, written) in encodings {
        let column = names::column(table, name)?;
        sql::check_encoding(written, column.sql_type, name, None)?;
        let encoding = definition::shown_encoding(written);
        if encoding == column.encoding {
            let message = format!("column \"{name}\" is already encoded as {written}");
            return Err(Error::statement(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        changed.push((column.id, encoding));
    }
    Ok(TableChange::SetEncodings(changed))
}
