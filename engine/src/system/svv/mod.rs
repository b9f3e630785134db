//! SVV: Redshift's views over the catalogue.

use crate::system::SystemTable;

mod svv_all_columns;
mod svv_all_schemas;
mod svv_all_tables;
mod svv_columns;
mod svv_external_columns;
mod svv_external_partitions;
mod svv_external_schemas;
mod svv_external_tables;
mod svv_interleaved_columns;
mod svv_redshift_databases;
mod svv_redshift_schemas;
mod svv_redshift_tables;
mod svv_table_info;
mod svv_tables;
mod svv_transactions;
mod svv_vacuum_progress;

/// The tables.
pub(super) const TABLES: [SystemTable; 16] = [
    svv_all_columns::TABLE,
    svv_all_schemas::TABLE,
    svv_all_tables::TABLE,
    svv_columns::TABLE,
    svv_external_columns::TABLE,
    svv_external_partitions::TABLE,
    svv_external_schemas::TABLE,
    svv_external_tables::TABLE,
    svv_interleaved_columns::TABLE,
    svv_redshift_databases::TABLE,
    svv_redshift_schemas::TABLE,
    svv_redshift_tables::TABLE,
    svv_table_info::TABLE,
    svv_tables::TABLE,
    svv_transactions::TABLE,
    svv_vacuum_progress::TABLE,
];
