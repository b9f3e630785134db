//! CREATE TABLE.

use std::sync::Arc;

use chrono::Utc;
use engine::{
    catalog::{
        Catalog, CatalogChange, CatalogError, Column, Identity, SUPERUSER, SortKey, Table,
        TableStatistics,
    },
    client_error::SqlState,
    distribution::{AutoStyle, DistStyle},
    ids::TableId,
    sql::{CreateTable, LikeClause, QualifiedName},
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{names, table_definition as definition},
};

pub(super) fn run(session: &mut Session, create: &CreateTable) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let (schema, create_schema) =
        names::schema_for_table(session, &catalog, &create.name, create.temporary)?;
    if catalog.relation(schema.id, &create.name.name).is_some() {
        return already_there(session, &create.name, create.if_not_exists, "CREATE TABLE");
    }
    let shape = match &create.like {
        Some(like) => shape_like(session, &catalog, like)?,
        None => shape_of(create)?,
    };
    let (name, columns) = (&create.name.name, &shape.columns);
    let constraints = create.constraints.iter().map(|written| {
        definition::constraint(written, name, columns, |parent| {
            names::parent(session, &catalog, parent, schema.id)
        })
    });
    let constraints = constraints.collect::<Result<Vec<_>, _>>()?;
    let table = Table {
        id: TableId(session.leader().log().new_oid()),
        schema: schema.id,
        name: create.name.name.clone(),
        owner: SUPERUSER,
        columns: shape.columns,
        dropped_column_max: 0,
        has_stray_columns: false,
        dist_style: shape.dist_style,
        sort_key: shape.sort_key,
        encode_auto: shape.encode_auto,
        constraints,
        created_at_us: Utc::now().timestamp_micros(),
        statistics: TableStatistics::default(),
        manifest: Arc::default(),
    };
    let create_table = CatalogChange::CreateTable(Arc::new(table));
    session.change(create_schema.into_iter().chain([create_table]).collect())?;
    Ok(Outcome::done("CREATE TABLE"))
}

/// What a table looks like, before it has a name.
struct Shape {
    columns: Vec<Column>,
    dist_style: DistStyle,
    sort_key: SortKey,
    encode_auto: bool,
}

fn shape_of(create: &CreateTable) -> Result<Shape, Error> {
    let mut columns = Vec::with_capacity(create.columns.len());
    for (position, column) in create.columns.iter().enumerate() {
        columns.push(Column {
            id: definition::column_id_at(position)?,
            name: column.name.clone(),
            sql_type: column.sql_type,
            nullable: !column.not_null,
            default: column.default.as_ref().map(ToString::to_string),
            identity: column.identity.map(|identity| Identity {
                seed: identity.seed,
                step: identity.step,
                by_default: identity.by_default,
                next: identity.seed,
            }),
            encoding: column
                .encoding
                .as_deref()
                .map(definition::shown_encoding)
                .unwrap_or_default(),
            stored_as: Vec::new(),
            missing: None,
        });
    }
    let dist_style = definition::dist_style(&create.attributes, &columns, AutoStyle::All)?;
    let sort_key = definition::sort_key(&create.attributes, &columns)?;
    definition::fill_encodings(&mut columns, &sort_key, create.temporary);
    // Whoever chooses one encoding chooses them all, unless he says otherwise.
    let encode_auto = create.attributes.encode_auto
        || create.columns.iter().all(|column| column.encoding.is_none());
    Ok(Shape { columns, dist_style, sort_key, encode_auto })
}

/// LIKE takes columns, encodings, distribution and sort key; defaults only when told to.
fn shape_like(session: &Session, catalog: &Catalog, like: &LikeClause) -> Result<Shape, Error> {
    let parent = names::table(session, catalog, &like.parent)?;
    let mut columns = parent.columns.clone();
    for column in &mut columns {
        column.identity = None;
        // These were about the parent's runs.
        column.stored_as = Vec::new();
        column.missing = None;
        if !like.including_defaults {
            column.default = None;
        }
    }
    let (dist_style, sort_key) = (parent.dist_style, parent.sort_key.clone());
    Ok(Shape { columns, dist_style, sort_key, encode_auto: parent.encode_auto })
}

/// IF NOT EXISTS says so and goes on; without it the name is taken.
pub(super) fn already_there(
    session: &mut Session,
    name: &QualifiedName,
    if_not_exists: bool,
    tag: &str,
) -> Result<Outcome, Error> {
    if !if_not_exists {
        return Err(CatalogError::DuplicateTable(name.name.clone()).into());
    }
    let message = format!("Table \"{}\" already exists and will be skipped", name.name);
    session.notice("INFO", SqlState("00000"), message);
    Ok(Outcome::done(tag))
}
