//! pg_enum: enumerations. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_enum",
    columns: &[
        column::oid("oid"),
        column::oid("enumtypid"),
        column::real("enumsortorder"),
        column::name("enumlabel"),
    ],
    rows: table::no_rows,
};
