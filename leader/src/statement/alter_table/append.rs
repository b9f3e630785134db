//! ALTER TABLE target APPEND FROM source: the source's runs become the target's, and it is empty.
//!
//! Runs that the target cannot take as they are (a column filled with a default that is not NULL, an
//! IDENTITY, columns under names that mean others in the target) are written anew for it.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use engine::{
    catalog::{CatalogChange, Column, SortKey, Table},
    client_error::SqlState,
    ids::ColumnId,
    sql::QualifiedName,
    storage::run::StatisticsValue,
    transaction::LockMode,
};

use crate::{
    error::Error,
    session::Session,
    statement::{names, write},
};

/// What to do with columns that one of the tables lacks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extra {
    /// IGNOREEXTRA.
    pub(super) ignore: bool,
    /// FILLTARGET.
    pub(super) fill: bool,
}

pub(super) async fn run(
    session: &mut Session,
    target: &QualifiedName,
    source: &QualifiedName,
    extra: Extra,
) -> Result<(), Error> {
    session.refuse_shared_transaction("ALTER TABLE APPEND")?;
    let mode = LockMode::AccessExclusive;
    // Both locks come before the snapshot.
    let table = names::table(session, &session.catalog_now(), source)?.id;
    session.lock_table(table, mode).await?;
    let target = names::table_to_write(session, target, mode).await?;
    let source = names::table_to_write(session, source, mode).await?;
    if target.id == source.id {
        return Err(differ("cannot append a table to itself".to_owned()));
    }
    if session.is_temporary(target.schema) || session.is_temporary(source.schema) {
        return Err(Error::unsupported(
            "ALTER TABLE APPEND of a temporary table",
            "INSERT its rows into the other, then TRUNCATE it.",
        ));
    }
    check_layout(&target, &source)?;
    let columns = matching(&target, &source, extra)?;
    if fills_as_runs_do(session, &target, &columns).await?
        && target.can_take_runs(&source, &columns)
    {
        let (source, target) = (source.id, target.id);
        session.change(vec![CatalogChange::MoveRuns { source, target, columns }])?;
    } else {
        copy(session, &target, &source, &columns).await?;
    }
    session.commit_current().await
}

fn differ(message: String) -> Error {
    Error::statement(SqlState::INVALID_TABLE_DEFINITION, message)
}

fn check_layout(target: &Table, source: &Table) -> Result<(), Error> {
    let style = |table: &Table| {
        let key = table.dist_style.key().and_then(|id| table.position(id));
        let key = key.map(|position| table.columns[position].name.clone());
        (std::mem::discriminant(&table.dist_style), key)
    };
    if style(target) != style(source) {
        let message = "ALTER TABLE APPEND: the tables have different distribution styles or keys";
        return Err(differ(message.to_owned()));
    }
    let sort = |table: &Table| {
        let columns = table.sort_key.columns().iter().filter_map(|id| table.position(*id));
        let columns: Vec<_> = columns.map(|at| table.columns[at].name.clone()).collect();
        (matches!(table.sort_key, SortKey::Interleaved(_)), columns)
    };
    if sort(target) != sort(source) {
        return Err(differ("ALTER TABLE APPEND: the tables have different sort keys".to_owned()));
    }
    Ok(())
}

/// Returns the source's column for each of the target's.
fn matching(target: &Table, source: &Table, extra: Extra) -> Result<Vec<Option<ColumnId>>, Error> {
    let mut columns = Vec::with_capacity(target.columns.len());
    for column in &target.columns {
        let found = source.column(&column.name);
        match found {
            Some(found) => check_same(column, found)?,
            None if extra.fill => {}
            None => {
                return Err(differ(format!(
                    "ALTER TABLE APPEND: the source has no column \"{}\"; FILLTARGET would fill it",
                    column.name
                )));
            }
        }
        columns.push(found.map(|column| column.id));
    }
    let unknown = source.columns.iter().find(|column| target.column(&column.name).is_none());
    match unknown {
        Some(column) if !extra.ignore => Err(differ(format!(
            "ALTER TABLE APPEND: the target has no column \"{}\"; IGNOREEXTRA would drop it",
            column.name
        ))),
        _ => Ok(columns),
    }
}

fn check_same(target: &Column, source: &Column) -> Result<(), Error> {
    let generated = |column: &Column| column.identity.is_some_and(|identity| !identity.by_default);
    let what = if generated(target) || generated(source) {
        "IDENTITY columns cannot be appended"
    } else if target.sql_type != source.sql_type {
        "its types differ"
    } else if target.encoding != source.encoding {
        "its encodings differ"
    } else if target.nullable != source.nullable {
        "it is NOT NULL in one of the tables"
    } else if target.identity.is_some() != source.identity.is_some() {
        "it is an IDENTITY in one of the tables"
    } else {
        return Ok(());
    };
    Err(differ(format!("ALTER TABLE APPEND: column \"{}\": {what}", target.name)))
}

/// Returns whether the columns that the source lacks are filled with what runs without them stand for.
async fn fills_as_runs_do(
    session: &mut Session,
    target: &Table,
    columns: &[Option<ColumnId>],
) -> Result<bool, Error> {
    let filled = target.columns.iter().zip(columns).filter(|(_, source)| source.is_none());
    for (column, _) in filled {
        let catalog = session.catalog();
        let value = write::default_value(&session.planning(catalog), column).await?;
        let default = StatisticsValue::of(value.as_ref(), 0);
        // Writing the rows anew is what fails where NULL is not allowed.
        let is_known = if value.is_null(0) { column.nullable } else { default.is_some() };
        if column.identity.is_some() || !is_known || default != column.missing {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes the source's rows anew for the target.
async fn copy(
    session: &mut Session,
    target: &Arc<Table>,
    source: &Arc<Table>,
    columns: &[Option<ColumnId>],
) -> Result<(), Error> {
    let pairs =
        columns.iter().enumerate().filter_map(|(at, id)| Some((at, source.position((*id)?)?)));
    let (given, taken): (Vec<usize>, Vec<usize>) = pairs.unzip();
    let catalog = session.catalog();
    let planning = session.planning(catalog);
    let plan = planning.scan(source, taken)?;
    write::append_query(session, target, &given, (&planning, &plan), write::Upkeep::None).await?;
    let removed = source.manifest.runs.iter().map(|run| run.id).collect();
    let change = CatalogChange::ReplaceRuns { table: source.id, removed, added: Vec::new() };
    session.change(vec![change])
}
