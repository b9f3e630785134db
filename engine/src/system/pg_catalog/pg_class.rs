//! pg_class: tables and views, with the columns of PostgreSQL 8 to 15 and Redshift's `reldiststyle`.

use crate::{
    catalog::TableConstraintKind,
    distribution::DistStyle,
    system::{
        SystemContext, column, relation,
        table::{PG_CATALOG, Rows, SystemTable},
        table_size::BLOCK_BYTES,
        value::{NULL, row},
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
    for relation in relation::all(context) {
        let table = relation.table();
        let is_view = relation.kind() == "v";
        let bytes = table.map_or(0, |table| table.manifest.bytes());
        // The sizes are REAL and INTEGER in PostgreSQL, so estimates by definition.
        let row_count = table.map_or(0.0, |table| table.manifest.row_count() as f64);
        let count = |wanted: fn(&TableConstraintKind) -> bool| {
            table.map_or(0, |t| t.constraints.iter().filter(|c| wanted(&c.kind)).count() as i64)
        };
        let primary_keys = count(|kind| matches!(kind, TableConstraintKind::PrimaryKey));
        let unique_keys = count(|kind| matches!(kind, TableConstraintKind::Unique));
        let foreign_keys = count(|kind| matches!(kind, TableConstraintKind::ForeignKey { .. }));
        // `relpages` counts blocks of 1 MB, Redshift's unit.
        let blocks = bytes.div_ceil(BLOCK_BYTES);
        rows.push(row![
            relation.id,
            &relation.name,
            relation.schema,
            0,
            0,
            relation.owner,
            0,
            relation.id,
            0,
            blocks,
            row_count,
            0,
            0,
            0,
            false,
            false,
            "p",
            relation.kind(),
            relation.columns().len() as i64,
            0,
            0,
            unique_keys,
            foreign_keys,
            0,
            false,
            primary_keys > 0,
            is_view,
            false,
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
        ]);
    }
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
