//! Everything `pg_class` lists, alike: user tables, user views and the system's own tables.
//!
//! `pg_attribute`, `SVV_COLUMNS`, `information_schema.columns` and their kin all start from here, so
//! that they never disagree.

use std::sync::Arc;

use crate::{
    catalog::{Column, SUPERUSER, Table, View},
    client_error::SqlState,
    ids::{ColumnId, SchemaId, TableId, UserId},
    sql::SqlError,
    system::{SystemContext, SystemTable, column::ColumnType, identifier},
};

/// A table or view of any origin.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) id: TableId,
    pub(crate) schema: SchemaId,
    pub(crate) schema_name: String,
    pub(crate) name: String,
    pub(crate) owner: UserId,
    pub(crate) origin: Origin,
}

/// Where a relation comes from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// A user's table.
    Table(Arc<Table>),
    /// A user's view.
    View(Arc<View>),
    /// A system table or view.
    System(&'static SystemTable),
}

/// A column of a relation.
#[derive(Debug, Clone)]
pub(crate) struct RelationColumn<'a> {
    pub(crate) number: ColumnId,
    pub(crate) name: &'a str,
    pub(crate) column_type: ColumnType,
    pub(crate) nullable: bool,
    /// What only a user's table knows of its columns.
    pub(crate) stored: Option<&'a Column>,
}

/// Returns all relations of the database.
pub(crate) fn all(context: &SystemContext) -> Vec<Relation> {
    let schema_name = |id| context.schema_name(id).unwrap_or_default().to_owned();
    let tables = context.catalog.tables().map(|table| Relation {
        id: table.id,
        schema: table.schema,
        schema_name: schema_name(table.schema),
        name: table.name.clone(),
        owner: table.owner,
        origin: Origin::Table(Arc::clone(table)),
    });
    let views = context.catalog.views().map(|view| Relation {
        id: view.id,
        schema: view.schema,
        schema_name: schema_name(view.schema),
        name: view.name.clone(),
        owner: view.owner,
        origin: Origin::View(Arc::clone(view)),
    });
    let system = super::tables().iter().filter_map(|table| {
        Some(Relation {
            id: table.oid(),
            schema: context.schema_id(table.schema)?,
            schema_name: table.schema.to_owned(),
            name: table.name.to_owned(),
            owner: SUPERUSER,
            origin: Origin::System(table),
        })
    });
    tables.chain(views).chain(system).collect()
}

impl Relation {
    /// Returns `relkind`: `r` or `v`.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.origin {
            Origin::Table(_) => "r",
            Origin::View(_) => "v",
            Origin::System(table) if table.is_view() => "v",
            Origin::System(_) => "r",
        }
    }

    /// Returns whether it is a view, as `table_type` words it.
    pub(crate) fn table_type(&self) -> &'static str {
        if self.kind() == "v" { "VIEW" } else { "BASE TABLE" }
    }

    /// Returns the user's table, if it is one.
    pub(crate) fn table(&self) -> Option<&Arc<Table>> {
        match &self.origin {
            Origin::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Returns the columns, in order.
    pub(crate) fn columns(&self) -> Vec<RelationColumn<'_>> {
        match &self.origin {
            Origin::Table(table) => table
                .columns
                .iter()
                .map(|column| RelationColumn {
                    number: column.id,
                    name: &column.name,
                    column_type: ColumnType::One(column.sql_type),
                    nullable: column.nullable,
                    stored: Some(column),
                })
                .collect(),
            Origin::View(view) => {
                let columns = view.columns.iter();
                numbered(columns.map(|c| (c.name.as_str(), ColumnType::One(c.sql_type))))
            }
            Origin::System(table) => {
                numbered(table.columns.iter().map(|c| (c.name, c.column_type)))
            }
        }
    }
}

fn numbered<'a>(columns: impl Iterator<Item = (&'a str, ColumnType)>) -> Vec<RelationColumn<'a>> {
    let numbered = (1_u16..).zip(columns).map(|(number, (name, column_type))| RelationColumn {
        number: ColumnId(number),
        name,
        column_type,
        nullable: true,
        stored: None,
    });
    numbered.collect()
}

/// Returns the place of a column in the sort key, as `attsortkeyord` has it: from 1, 0 for none;
/// every other one negative in an interleaved key.
pub(crate) fn sort_key_ordinal(table: &Table, column: ColumnId) -> i32 {
    let position = table.sort_key.columns().iter().position(|id| *id == column);
    let Some(ordinal) = position.and_then(|position| i32::try_from(position + 1).ok()) else {
        return 0;
    };
    let interleaved = matches!(table.sort_key, crate::catalog::SortKey::Interleaved(_));
    if interleaved && ordinal % 2 == 1 { -ordinal } else { ordinal }
}

/// Returns the DEFAULT of a column as `pg_attrdef.adsrc` shows it; that of an identity column is a
/// call, as in Redshift.
pub(crate) fn default_text(table: TableId, column: &Column) -> Option<String> {
    let Some(identity) = &column.identity else { return column.default.clone() };
    let function = if identity.by_default { "default_identity" } else { "\"identity\"" };
    let (seed, step) = (identity.seed, identity.step);
    let position = column.id.0.saturating_sub(1);
    Some(format!("{function}({table}, {position}, '{seed},{step}'::text)"))
}

/// Returns the relation with this OID.
pub(crate) fn by_oid(context: &SystemContext, oid: i64) -> Option<Relation> {
    all(context).into_iter().find(|relation| i64::from(relation.id.0) == oid)
}

/// Returns the relation that the search path finds by this name.
pub(crate) fn by_path(context: &SystemContext, name: &str) -> Option<Relation> {
    let mut relations: Vec<Relation> =
        all(context).into_iter().filter(|relation| relation.name == name).collect();
    let schemas = context.visible_schemas();
    let position = schemas
        .iter()
        .find_map(|schema| relations.iter().position(|relation| relation.schema_name == *schema))?;
    Some(relations.swap_remove(position))
}

fn by_schema(context: &SystemContext, schema: &str, name: &str) -> Option<Relation> {
    let mut relations = all(context).into_iter();
    relations.find(|relation| relation.schema_name == schema && relation.name == name)
}

/// Returns the relation of this name, qualified or not; the error is PostgreSQL's.
pub(crate) fn by_name(context: &SystemContext, text: &str) -> Result<Relation, SqlError> {
    let parts = identifier::split(text).unwrap_or_default();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let found = match parts.as_slice() {
        [name] => by_path(context, name),
        [schema, name] => by_schema(context, schema, name),
        [database, schema, name] if *database == context.database => {
            by_schema(context, schema, name)
        }
        _ => None,
    };
    found.ok_or_else(|| SqlError {
        sqlstate: SqlState::UNDEFINED_TABLE,
        message: format!("relation \"{text}\" does not exist"),
        hint: None,
        position: None,
    })
}
