//! The SQL standard's views.

use crate::system::SystemTable;

mod columns;
mod key_column_usage;
mod schemata;
mod table_constraints;
mod tables;
mod views;

/// The tables.
pub(super) const TABLES: [SystemTable; 6] = [
    columns::TABLE,
    key_column_usage::TABLE,
    schemata::TABLE,
    table_constraints::TABLE,
    tables::TABLE,
    views::TABLE,
];
