//! pg_attribute: columns of tables and views, with Redshift's `attisdistkey`, `attsortkeyord` and `attencodingtype`.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
    {encoding, relation},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_attribute",
    columns: &[
        column::oid("attrelid"),
        column::name("attname"),
        column::oid("atttypid"),
        column::integer("attstattarget"),
        column::smallint("attlen"),
        column::smallint("attnum"),
        column::integer("attndims"),
        column::integer("attcacheoff"),
        column::integer("atttypmod"),
        column::boolean("attbyval"),
        column::letter("attstorage"),
        column::letter("attalign"),
        column::letter("attcompression"),
        column::boolean("attnotnull"),
        column::boolean("atthasdef"),
        column::boolean("atthasmissing"),
        column::letter("attidentity"),
        column::letter("attgenerated"),
        column::boolean("attisdropped"),
        column::boolean("attislocal"),
        column::integer("attinhcount"),
        column::oid("attcollation"),
        column::texts("attacl"),
        column::texts("attoptions"),
        column::texts("attfdwoptions"),
        column::text("attmissingval"),
        column::boolean("attisdistkey"),
        column::boolean("attispreloaded"),
        column::integer("attsortkeyord"),
        column::smallint("attencodingtype"),
        column::smallint("attencrypttype"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for relation in relation::all(context) {
        let table = relation.table();
        for column in relation.columns() {
            let identity = column.stored.and_then(|stored| stored.identity);
            let has_default = column.stored.is_some_and(|stored| stored.default.is_some());
            let identity_letter = match identity {
                Some(identity) if identity.by_default => "d",
                Some(_) => "a",
                None => "",
            };
            let fixed = column.column_type.typlen() > 0;
            let sort_key =
                table.map_or(0, |table| relation::sort_key_ordinal(table, column.number));
            let encoding = column.stored.map_or(0, |stored| encoding::number(&stored.encoding));
            rows.push(row![
                relation.id,
                column.name,
                column.column_type.oid(),
                -1,
                column.column_type.typlen(),
                column.number,
                0,
                -1,
                column.column_type.typmod(),
                fixed,
                if fixed { "p" } else { "x" },
                "i",
                "",
                !column.nullable,
                has_default || identity.is_some(),
                false,
                identity_letter,
                "",
                false,
                true,
                0,
                0,
                NULL,
                NULL,
                NULL,
                NULL,
                table.is_some_and(|table| table.dist_style.key() == Some(column.number)),
                false,
                sort_key,
                encoding,
                0,
            ]);
        }
    }
}
