//! Hash joins without memory: the same rows as with it, in the order that was claimed.

use std::fmt;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::{
    common::tree_node::TreeNode,
    datasource::MemTable,
    error::{DataFusionError, Result},
    execution::{
        memory_pool::{MemoryPool, MemoryReservation, UnboundedMemoryPool},
        runtime_env::RuntimeEnvBuilder,
    },
    logical_expr::SortExpr,
    physical_plan::{collect, joins::HashJoinExec},
    prelude::col,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::execution::spill_joins;

const QUERIES: [&str; 18] = [
    "SELECT * FROM a JOIN b ON a.k = b.k",
    "SELECT a.t, b.v + a.v FROM a JOIN b ON a.k = b.k AND a.t = b.t WHERE a.v + b.v > 9",
    "SELECT * FROM a LEFT JOIN b ON a.k = b.k AND a.v < b.v",
    "SELECT * FROM a RIGHT JOIN b ON a.k = b.k AND a.v < b.v",
    "SELECT * FROM a FULL JOIN b ON a.k = b.k AND a.t = b.t",
    "SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE a.k = b.k AND a.v < b.v)",
    "SELECT * FROM b WHERE EXISTS (SELECT 1 FROM a WHERE a.k = b.k)",
    "SELECT * FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE a.k = b.k AND a.t = b.t)",
    "SELECT * FROM b WHERE NOT EXISTS (SELECT 1 FROM a WHERE a.k = b.k)",
    "SELECT * FROM a WHERE v > 7 OR EXISTS (SELECT 1 FROM b WHERE a.k = b.k)",
    "SELECT * FROM b WHERE v > 7 OR k IN (SELECT k + 1 FROM a WHERE k IS NOT NULL)",
    "SELECT * FROM a JOIN b ON (a.t IS NOT DISTINCT FROM b.t) AND a.v = b.v",
    "SELECT count(*), sum(a.v) FROM a JOIN b ON a.k = b.k JOIN a AS c ON b.k = c.k AND b.v = c.v",
    "SELECT b.k, count(*), max(a.v) FROM a JOIN b ON a.k = b.k GROUP BY b.k",
    "SELECT * FROM a JOIN (SELECT k, max(v) AS v FROM b GROUP BY k) g ON a.k = g.k AND a.v = g.v",
    "SELECT b.k, b.t, a.v FROM a JOIN b ON a.k = b.k ORDER BY b.k, b.t",
    "SELECT b.k, b.t, a.v FROM a RIGHT JOIN b ON a.k = b.k AND a.v > 3 ORDER BY b.k, b.t",
    "SELECT b.k, b.t FROM b WHERE EXISTS (SELECT 1 FROM a WHERE a.k = b.k) ORDER BY b.k, b.t",
];

/// Refuses more than so many bytes to a build side, and nothing to anybody else.
#[derive(Debug)]
struct Stingy {
    pool: UnboundedMemoryPool,
    build_bytes_max: usize,
}

impl MemoryPool for Stingy {
    fn name(&self) -> &str {
        "stingy"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, bytes: usize) {
        self.pool.shrink(reservation, bytes);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let is_build = reservation.consumer().name() == "HashJoinBuild";
        if is_build && reservation.size() + additional > self.build_bytes_max {
            return Err(DataFusionError::ResourcesExhausted("no".to_owned()));
        }
        self.pool.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }
}

impl fmt::Display for Stingy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stingy")
    }
}

/// Returns a table whose rows come by `k, t` in each of its partitions.
fn table(rng: &mut StdRng, partitions: usize) -> MemTable {
    let schema = Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, true),
        Field::new("t", DataType::Utf8View, true),
        Field::new("v", DataType::Int32, true),
    ]));
    // Few rows, or none, are a build side too.
    let count = [0, 3, 150, 400][rng.random_range(0..4)];
    let keys = [5_i64, 40, 1_000_000_000_000][rng.random_range(0..3)];
    let mut batches = Vec::new();
    for _ in 0..partitions {
        let mut rows: Vec<(Option<i64>, Option<String>, Option<i32>)> = (0..count / partitions)
            .map(|_| {
                let key = rng.random_bool(0.9).then(|| rng.random_range(0..keys) / 7 * 7);
                let text = rng
                    .random_bool(0.8)
                    .then(|| format!("a text that is not short {}", rng.random_range(0..3)));
                (key, text, rng.random_bool(0.9).then(|| rng.random_range(0..10)))
            })
            .collect();
        rows.sort_by_key(|(k, t, _)| (k.is_none(), *k, t.is_none(), t.clone()));
        let batch = |rows: &[(Option<i64>, Option<String>, Option<i32>)]| {
            let keys: Int64Array = rows.iter().map(|row| row.0).collect();
            let texts: StringViewArray = rows.iter().map(|row| row.1.as_deref()).collect();
            let values: Int32Array = rows.iter().map(|row| row.2).collect();
            let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(texts), Arc::new(values)];
            RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
        };
        batches.push(rows.chunks(29).map(batch).collect());
    }
    let order: Vec<SortExpr> =
        ["k", "t"].map(|column| col(column).sort(true, false)).into_iter().collect();
    MemTable::try_new(schema, batches).unwrap().with_sort_order(vec![order])
}

fn session(seed: u64) -> SessionContext {
    let mut rng = StdRng::seed_from_u64(seed);
    let partitions = rng.random_range(1..4);
    let is_collected = rng.random_bool(0.5);
    let mut config = SessionConfig::new().with_target_partitions(partitions).with_batch_size(64);
    let optimizer = &mut config.options_mut().optimizer;
    optimizer.hash_join_single_partition_threshold = if is_collected { 1 << 30 } else { 0 };
    optimizer.hash_join_single_partition_threshold_rows = if is_collected { 1 << 30 } else { 0 };
    let build_bytes_max = [0, 4_000, 30_000][rng.random_range(0..3)];
    let pool = Stingy { pool: UnboundedMemoryPool::default(), build_bytes_max };
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc().unwrap();
    let session = SessionContext::new_with_config_rt(config, runtime);
    for name in ["a", "b"] {
        session.register_table(name, Arc::new(table(&mut rng, partitions))).unwrap();
    }
    session
}

fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let shown = pretty_format_batches(batches).unwrap().to_string();
    shown.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_without_memory_have_the_same_rows() {
    let (mut spilled, mut kept) = (0, 0);
    for seed in 0..40 {
        let session = session(seed);
        for sql in QUERIES {
            let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let expected = collect(plan, session.task_ctx()).await.unwrap();
            let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let plan = spill_joins(plan).unwrap();
            let shown = displayable(plan.as_ref()).indent(false).to_string();
            let found = collect(Arc::clone(&plan), session.task_ctx()).await.unwrap();
            let (mut expected, mut found) = (lines(&expected), lines(&found));
            if sql.contains("ORDER BY") {
                // Rows with equal keys may come in any order, keys may not.
                let keys = |lines: &[String]| -> Vec<String> {
                    let keys = lines.iter().map(|line| line.split('|').take(3).collect());
                    keys.collect()
                };
                assert_eq!(keys(&found), keys(&expected), "seed {seed}: {sql}\n{shown}");
            }
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "seed {seed}: {sql}\n{shown}");
            match spills(&plan) {
                0 => kept += 1,
                _ => spilled += 1,
            }
        }
    }
    // Both ways, or nothing is shown.
    assert!(spilled > 150 && kept > 40, "{spilled} {kept}");
}

#[tokio::test]
async fn a_limit_ends_a_join_in_buckets() {
    let session = session(7);
    let sql =
        "SELECT * FROM generate_series(1, 900) x(i) JOIN generate_series(1, 900) y(j) ON i = j
               LIMIT 40";
    let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let rows = collect(spill_joins(plan).unwrap(), session.task_ctx()).await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 40);
}

#[tokio::test]
async fn it_passes_for_the_join_and_a_not_in_is_left_alone() {
    let session = session(3);
    let planned =
        async |sql: &str| session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let join = spill_joins(planned("SELECT * FROM a JOIN b ON a.k = b.k").await).unwrap();
    assert_eq!(count(&join), 1);
    assert!(join.exists(|node| Ok(node.downcast_ref::<HashJoinExec>().is_some())).unwrap());
    assert_eq!(count(&spill_joins(join).unwrap()), 1);
    let not_in = planned("SELECT * FROM a WHERE k NOT IN (SELECT k FROM b)").await;
    assert_eq!(count(&spill_joins(not_in).unwrap()), 0);
}

fn count(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = usize::from(plan.name() == "SpillingJoinExec");
    own + plan.children().into_iter().map(count).sum::<usize>()
}

/// Returns how many buckets the joins of a plan have written.
fn spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let below = plan.children().into_iter().map(spills).sum::<usize>();
    let here = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
    below + if plan.name() == "SpillingJoinExec" { here } else { 0 }
}
