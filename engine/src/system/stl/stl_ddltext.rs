//! STL_DDLTEXT: statements that changed the catalogue.

use crate::system::{
    event::StatementKind,
    stl::statement_text,
    table::{PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_ddltext",
    columns: statement_text::COLUMNS,
    rows: |context, rows| statement_text::rows(context, rows, StatementKind::Ddl),
};
