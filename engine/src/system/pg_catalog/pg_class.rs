//! pg_class: tables, views and the indexes of keys, with the columns of PostgreSQL 8 to 15 and Redshift's `reldiststyle`.

use std::{collections::HashSet, sync::Arc};

use crate::{
    catalog::{Table, TableConstraintKind},
    distribution::DistStyle,
    ids::{SchemaId, TableId, UserId},
    system::{
        SystemContext, column, constraint,
        relation::{self, Relation},
        table::{PG_CATALOG, Rows, SystemTable},
        table_size::BLOCK_BYTES,
        value::{NULL, Value, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_class",
    columns: &[
        column::oid("oid"),
        column::name("relname"),
        column::oid("relnamespace"),
        column::oid("reltype"),
        column::oid("reloftype"),
        column::oid("relowner"),
        column::oid("relam"),
        column::oid("relfilenode"),
        column::oid("reltablespace"),
        column::integer("relpages"),
        column::real("reltuples"),
        column::integer("relallvisible"),
        column::oid("reltoastrelid"),
        column::oid("reltoastidxid"),
        column::boolean("relhasindex"),
        column::boolean("relisshared"),
        column::letter("relpersistence"),
        column::letter("relkind"),
        column::smallint("relnatts"),
        column::smallint("relchecks"),
        column::smallint("reltriggers"),
        column::smallint("relukeys"),
        column::smallint("relfkeys"),
        column::smallint("relrefs"),
        column::boolean("relhasoids"),
        column::boolean("relhaspkey"),
        column::boolean("relhasrules"),
        column::boolean("relhastriggers"),
        column::boolean("relhassubclass"),
        column::boolean("relrowsecurity"),
        column::boolean("relforcerowsecurity"),
        column::boolean("relispopulated"),
        column::letter("relreplident"),
        column::boolean("relispartition"),
        column::texts("relacl"),
        column::texts("reloptions"),
        column::text("relpartbound"),
        column::smallint("reldiststyle"),
        column::boolean("relbackup"),
        column::timestamp("relcreationtime"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let referenced: HashSet<TableId> = constraint::all(&context.catalog)
        .filter_map(|numbered| match numbered.constraint.kind {
            TableConstraintKind::ForeignKey { table, .. } => Some(table),
            _ => None,
        })
        .collect();
    for relation in relation::all(context) {
        rows.push(row_of(&Entry::of(&relation, &referenced)));
    }
    for key in constraint::all(&context.catalog) {
        if let Some(oid) = key.index_oid() {
            rows.push(row_of(&Entry {
                oid: TableId(oid),
                name: &key.constraint.name,
                schema: key.table.schema,
                owner: key.table.owner,
                kind: "i",
                column_count: key.constraint.columns.len(),
                table: None,
                has_triggers: false,
            }));
        }
    }
}

/// A table, a view or the index of a key.
struct Entry<'a> {
    oid: TableId,
    name: &'a str,
    schema: SchemaId,
    owner: UserId,
    kind: &'static str,
    column_count: usize,
    /// The user's table, if it is one.
    table: Option<&'a Arc<Table>>,
    /// Whether it is at one end of a foreign key: psql asks for these only where there are triggers.
    has_triggers: bool,
}

impl<'a> Entry<'a> {
    fn of(relation: &'a Relation, referenced: &HashSet<TableId>) -> Self {
        let table = relation.table();
        let refers = table.is_some_and(|table| count(table, is_foreign_key) > 0);
        Self {
            oid: relation.id,
            name: &relation.name,
            schema: relation.schema,
            owner: relation.owner,
            kind: relation.kind(),
            column_count: relation.columns().len(),
            table,
            has_triggers: refers || referenced.contains(&relation.id),
        }
    }
}

fn count(table: &Table, wanted: fn(&TableConstraintKind) -> bool) -> i64 {
    table.constraints.iter().filter(|constraint| wanted(&constraint.kind)).count() as i64
}

fn is_foreign_key(kind: &TableConstraintKind) -> bool {
    matches!(kind, TableConstraintKind::ForeignKey { .. })
}

fn row_of(entry: &Entry<'_>) -> Vec<Value> {
    let table = entry.table;
    let count = |wanted: fn(&TableConstraintKind) -> bool| table.map_or(0, |t| count(t, wanted));
    let primary_keys = count(|kind| matches!(kind, TableConstraintKind::PrimaryKey));
    let unique_keys = count(|kind| matches!(kind, TableConstraintKind::Unique));
    row![
        entry.oid,
        entry.name,
        entry.schema,
        0,
        0,
        entry.owner,
        0,
        entry.oid,
        0,
        // Blocks of 1 MB, Redshift's unit.
        table.map_or(0, |table| table.manifest.bytes().div_ceil(BLOCK_BYTES)),
        // The sizes are REAL and INTEGER in PostgreSQL, so estimates by definition.
        table.map_or(0.0, |table| table.manifest.row_count() as f64),
        0,
        0,
        0,
        primary_keys + unique_keys > 0,
        false,
        "p",
        entry.kind,
        entry.column_count as i64,
        0,
        i64::from(entry.has_triggers),
        unique_keys,
        count(is_foreign_key),
        0,
        false,
        primary_keys > 0,
        entry.kind == "v",
        entry.has_triggers,
        false,
        false,
        false,
        true,
        "d",
        false,
        NULL,
        NULL,
        NULL,
        table.map_or(0, |table| dist_style_number(table.dist_style)),
        table.is_some(),
        table.map(|table| table.created_at_us),
    ]
}

/// `reldiststyle`: 0 EVEN, 1 KEY, 8 ALL, 9 AUTO.
fn dist_style_number(style: DistStyle) -> i16 {
    match style {
        DistStyle::Even => 0,
        DistStyle::Key(_) => 1,
        DistStyle::All => 8,
        DistStyle::Auto(_) => 9,
    }
}
