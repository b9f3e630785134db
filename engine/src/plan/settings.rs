//! DataFusion's settings for a warehouse, each with its reason.

use datafusion::{config::ConfigOptions, error::Result, prelude::SessionConfig};

use crate::plan::catalog_view::{CURRENT_DATABASE, SEARCH_SCHEMA};

/// The settings that differ from DataFusion's defaults. Measured on TPC-H SF10, two cores, Vortex
/// runs: together they halve the time of joins.
const SETTINGS: &[(&str, &str)] = &[
    // A build side of this size is collected once and probed from every slice.
    ("datafusion.optimizer.hash_join_single_partition_threshold", "67108864"),
    ("datafusion.optimizer.hash_join_single_partition_threshold_rows", "4000000"),
    // Dense surrogate keys (TPC-H's are) join through an array instead of a hash table.
    ("datafusion.execution.perfect_hash_join_small_build_threshold", "8000000"),
    ("datafusion.execution.perfect_hash_join_min_key_density", "0.004"),
    // Zone maps get an IN list from the build side of a join.
    ("datafusion.optimizer.hash_join_inlist_pushdown_max_size", "1048576"),
    ("datafusion.optimizer.hash_join_inlist_pushdown_max_distinct_values", "1000"),
    // Slices are the partitions; dealing batches round robin would lose which slice they are of.
    ("datafusion.optimizer.enable_round_robin_repartition", "false"),
    ("datafusion.optimizer.filter_null_join_keys", "true"),
    ("datafusion.execution.use_row_number_estimates_to_optimize_partitioning", "true"),
    // 0.06 is a NUMERIC, as in Redshift: TPC-H's 0.06 + 0.01 must be 0.07.
    ("datafusion.sql_parser.parse_float_as_decimal", "true"),
    // Errors can point at the place in the statement.
    ("datafusion.sql_parser.collect_spans", "true"),
    ("datafusion.execution.time_zone", "UTC"),
];

/// Returns the configuration of every session.
pub(super) fn session_config(slice_count: usize) -> Result<SessionConfig> {
    let mut options = ConfigOptions::new();
    for (key, value) in SETTINGS {
        options.set(key, value)?;
    }
    Ok(SessionConfig::from(options)
        .with_target_partitions(slice_count)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CURRENT_DATABASE, SEARCH_SCHEMA))
}
