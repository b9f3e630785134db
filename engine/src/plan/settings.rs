//! DataFusion's settings for a warehouse, each with its reason.

use datafusion::{config::ConfigOptions, error::Result, prelude::SessionConfig};

use crate::{
    execution::NodeMemory,
    plan::catalog_view::{CURRENT_DATABASE, SEARCH_SCHEMA},
};

/// The settings that differ from DataFusion's defaults. Measured on TPC-H SF10, two cores, Vortex
/// runs: together they halve the time of joins.
const SETTINGS: &[(&str, &str)] = &[
    // A build side of this size is collected once and probed from every slice.
    ("datafusion.optimizer.hash_join_single_partition_threshold", "67108864"),
    ("datafusion.optimizer.hash_join_single_partition_threshold_rows", "4000000"),
    // Dense surrogate keys (TPC-H's are) join through an array instead of a hash table.
    ("datafusion.execution.perfect_hash_join_small_build_threshold", "8000000"),
    ("datafusion.execution.perfect_hash_join_min_key_density", "0.004"),
    // Each batch that an exchange spills is a file. Several in one deadlock: the reader waits for the oldest file of
    // those that are being written, while what it needs is in another (DataFusion's issue 24883).
    ("datafusion.execution.max_spill_file_size_bytes", "1"),
    ("datafusion.execution.spill_compression", "lz4_frame"),
    // Zone maps get an IN list from the build side of a join.
    ("datafusion.optimizer.hash_join_inlist_pushdown_max_size", "1048576"),
    ("datafusion.optimizer.hash_join_inlist_pushdown_max_distinct_values", "1000"),
    // A slice's runs are read by its partition alone. Else a scan that is run once more (a join goes on on disk) finds no
    // files left, and below a LIMIT the order that a scan claims is not kept.
    ("datafusion.execution.enable_file_stream_work_stealing", "false"),
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

/// A sort keeps this part of the memory for merging what it has in memory, before it spills: a plan may
/// have many sorts.
const SORT_MERGE_PART: usize = 128;
/// More than this helps no sort.
const SORT_MERGE_BYTES_MAX: usize = 10 << 20;

/// Returns the configuration of every session.
pub(crate) fn session_config(slice_count: usize, memory: &NodeMemory) -> Result<SessionConfig> {
    let mut options = ConfigOptions::new();
    for (key, value) in SETTINGS {
        options.set(key, value)?;
    }
    options.execution.sort_spill_reservation_bytes =
        SORT_MERGE_BYTES_MAX.min(memory.bytes_max() / SORT_MERGE_PART);
    Ok(SessionConfig::from(options)
        .with_target_partitions(slice_count)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CURRENT_DATABASE, SEARCH_SCHEMA))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use datafusion::{
        execution::{SessionStateBuilder, TaskContext},
        physical_plan::{ExecutionPlan, collect},
        prelude::SessionContext,
    };
    use tokio::time::timeout;

    use super::*;
    use crate::execution::SpillFolder;

    /// Each of them takes a tenth of a second when it comes to an end.
    const QUERIES: usize = 24;
    const QUERY_TIME_MAX: Duration = Duration::from_secs(30);

    /// The query of DataFusion's issue 24883: two exchanges above each other that both spill.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn exchanges_that_spill_come_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Arc::new(SpillFolder::open(folder.path(), 1 << 30).unwrap());
        let memory = NodeMemory::new(2 << 20, spill).unwrap();
        let config = session_config(2, &memory).unwrap().with_batch_size(64);
        let config = config.with_create_default_catalog_and_schema(true);
        let state = SessionStateBuilder::new_with_default_features().with_config(config).build();
        let context = SessionContext::new_with_state(state);
        let table =
            "create table t as select v % 13 as g, md5(cast(v % 337 as varchar)) as trace_id
                     from generate_series(1, 40000) as s(v)";
        context.sql(table).await.unwrap().collect().await.unwrap();
        let query = "select g, count(distinct trace_id) as n from t group by g";
        let mut spilled = 0;
        for _ in 0..QUERIES {
            let plan = context.sql(query).await.unwrap().create_physical_plan().await.unwrap();
            let task = TaskContext::from(&context.state()).with_runtime(memory.of_query());
            let rows = timeout(QUERY_TIME_MAX, collect(Arc::clone(&plan), Arc::new(task)));
            match rows.await.expect("the query comes to an end") {
                Ok(rows) => {
                    assert_eq!(rows.iter().map(|rows| rows.num_rows()).sum::<usize>(), 13);
                    spilled += spills(&plan);
                }
                // So little is not always enough for both aggregations.
                Err(error) => {
                    assert!(error.to_string().contains("Resources exhausted"), "{error}");
                }
            }
        }
        assert!(spilled > 0, "nothing was spilled, and nothing shown");
    }

    /// Returns how many files the exchanges of a plan have written.
    fn spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
        let below = plan.children().into_iter().map(spills).sum::<usize>();
        let here = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
        below + if plan.name() == "RepartitionExec" { here } else { 0 }
    }
}
