//! From the attributes a statement writes to a table's definition: what CREATE TABLE and CREATE TABLE
//! AS share.

use std::sync::Arc;

use engine::{
    catalog::{Column, SortKey, Table, TableConstraint, TableConstraintKind},
    client_error::SqlState,
    distribution::{AutoStyle, DistStyle},
    ids::ColumnId,
    sql::{
        Constraint, ConstraintKind, DistStyleName, QualifiedName, SortKeyClause, TableAttributes,
    },
    types::SqlType,
};

use crate::error::Error;

/// Returns how rows go to slices. `auto` is what AUTO starts as.
pub(super) fn dist_style(
    attributes: &TableAttributes,
    columns: &[Column],
    auto: AutoStyle,
) -> Result<DistStyle, Error> {
    match (attributes.dist_style, &attributes.dist_key) {
        (Some(DistStyleName::Even), _) => Ok(DistStyle::Even),
        (Some(DistStyleName::All), _) => Ok(DistStyle::All),
        (_, Some(key)) => Ok(DistStyle::Key(column_id(columns, key)?)),
        (Some(DistStyleName::Key), None) => Err(Error::statement(
            SqlState::INVALID_TABLE_DEFINITION,
            "DISTSTYLE KEY needs a DISTKEY column",
        )),
        (Some(DistStyleName::Auto) | None, None) => Ok(DistStyle::Auto(auto)),
    }
}

/// Returns how rows are ordered within a slice.
pub(super) fn sort_key(attributes: &TableAttributes, columns: &[Column]) -> Result<SortKey, Error> {
    let ids = |names: &[String]| {
        names.iter().map(|name| column_id(columns, name)).collect::<Result<Vec<_>, _>>()
    };
    match &attributes.sort_key {
        SortKeyClause::Unspecified | SortKeyClause::Auto | SortKeyClause::None => Ok(SortKey::Auto),
        SortKeyClause::Compound(names) => ids(names).map(SortKey::Compound),
        SortKeyClause::Interleaved(names) => ids(names).map(SortKey::Interleaved),
    }
}

/// Returns a constraint as the catalogue keeps it; `table` is the name of the table it is of, `find` finds the one
/// that a foreign key refers to.
pub(super) fn constraint(
    written: &Constraint,
    table: &str,
    columns: &[Column],
    find: impl FnOnce(&QualifiedName) -> Result<Arc<Table>, Error>,
) -> Result<TableConstraint, Error> {
    let (suffix, kind) = match &written.kind {
        ConstraintKind::PrimaryKey => ("pkey".to_owned(), TableConstraintKind::PrimaryKey),
        ConstraintKind::Unique => {
            (format!("{}_key", written.columns.join("_")), TableConstraintKind::Unique)
        }
        ConstraintKind::ForeignKey { table, columns } => {
            let parent = find(table)?;
            let columns = if columns.is_empty() {
                primary_key(&parent)
            } else {
                key_columns(&parent.columns, columns)?
            };
            let kind = TableConstraintKind::ForeignKey { table: parent.id, columns };
            (format!("{}_fkey", written.columns.join("_")), kind)
        }
    };
    let name = written.name.clone().unwrap_or_else(|| format!("{table}_{suffix}"));
    Ok(TableConstraint { name, kind, columns: key_columns(columns, &written.columns)? })
}

fn primary_key(table: &Table) -> Vec<ColumnId> {
    let key = table.constraints.iter().find(|c| c.kind == TableConstraintKind::PrimaryKey);
    key.map(|key| key.columns.clone()).unwrap_or_default()
}

fn key_columns(columns: &[Column], names: &[String]) -> Result<Vec<ColumnId>, Error> {
    let id = |name: &String| {
        let column = columns.iter().find(|column| column.name == *name);
        column.map(|column| column.id).ok_or_else(|| {
            let message = format!("column \"{name}\" named in key does not exist");
            Error::statement(SqlState::UNDEFINED_COLUMN, message)
        })
    };
    names.iter().map(id).collect()
}

pub(super) fn column_id(columns: &[Column], name: &str) -> Result<ColumnId, Error> {
    let column = columns.iter().find(|column| column.name == name);
    column.map(|column| column.id).ok_or_else(|| {
        Error::statement(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"))
    })
}

/// Returns `attnum` of the column at this position.
pub(super) fn column_id_at(position: usize) -> Result<ColumnId, Error> {
    u16::try_from(position + 1).map(ColumnId).map_err(|_| {
        Error::statement(SqlState::PROGRAM_LIMIT_EXCEEDED, "tables can have at most 1600 columns")
    })
}

/// Returns the encoding a column gets when none is written: Redshift's rule for tables without
/// ENCODE (developer guide, "CREATE TABLE", ENCODE AUTO).
pub(super) fn default_encoding(sql_type: SqlType, is_raw: bool) -> &'static str {
    match sql_type {
        _ if is_raw => "none",
        SqlType::Boolean | SqlType::Real | SqlType::DoublePrecision => "none",
        SqlType::Char { .. } | SqlType::Varchar { .. } | SqlType::Name => "lzo",
        _ => "az64",
    }
}

/// Returns an encoding as `format_encoding` prints it.
pub(super) fn shown_encoding(written: &str) -> String {
    match written {
        "raw" => "none".to_owned(),
        other => other.to_owned(),
    }
}

/// Gives every column without an encoding the default one; those of temporary tables are not encoded.
pub(super) fn fill_encodings(columns: &mut [Column], sort_key: &SortKey, temporary: bool) {
    for column in columns.iter_mut().filter(|column| column.encoding.is_empty()) {
        let is_raw = temporary || sort_key.columns().contains(&column.id);
        column.encoding = default_encoding(column.sql_type, is_raw).to_owned();
    }
}
