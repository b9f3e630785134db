//! GROUP BY of neighbours: the same groups as DataFusion's aggregation finds, in the same order.

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::{
    datasource::MemTable,
    logical_expr::SortExpr,
    physical_plan::{
        aggregates::AggregateExec, collect, common::collect as batches_of,
        replace_children_if_necessary,
    },
    prelude::col,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::execution::group_in_order;

const QUERIES: [&str; 6] = [
    "SELECT k, sum(v), count(*), count(v), avg(v), min(t), max(v) FROM ordered GROUP BY k",
    "SELECT k, t, sum(v) FILTER (WHERE v > 3), min(v) FROM ordered GROUP BY k, t",
    "SELECT t, k, count(*) FROM ordered GROUP BY t, k",
    "SELECT DISTINCT k, t FROM ordered",
    "SELECT k, count(DISTINCT v) FROM ordered GROUP BY k",
    "SELECT k FROM ordered GROUP BY k HAVING sum(v) > 20",
];

/// Returns a session with `ordered`, whose rows come by `k, t` in batches of any length.
fn ordered(seed: u64, batch_size: usize) -> SessionContext {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut rows: Vec<(Option<i64>, Option<String>, Option<i32>)> = (0..rng.random_range(0..400))
        .map(|_| {
            let key = Some(rng.random_range(0..40)).filter(|key| *key != 7);
            let text = rng.random_bool(0.8).then(|| format!("t{}", rng.random_range(0..3)));
            (key, text, rng.random_bool(0.9).then(|| rng.random_range(0..10)))
        })
        .collect();
    // NULLs last, as runs have them.
    rows.sort_by_key(|(k, t, _)| (k.is_none(), *k, t.is_none(), t.clone()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, true),
        Field::new("t", DataType::Utf8View, true),
        Field::new("v", DataType::Int32, true),
    ]));
    let mut batches = Vec::new();
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(rng.random_range(0..=rest.len().min(50)));
        rest = later;
        let keys: Int64Array = batch.iter().map(|row| row.0).collect();
        let texts: StringViewArray = batch.iter().map(|row| row.1.as_deref()).collect();
        let values: Int32Array = batch.iter().map(|row| row.2).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(texts), Arc::new(values)];
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns).unwrap());
    }
    let order: Vec<SortExpr> =
        ["k", "t"].map(|column| col(column).sort(true, false)).into_iter().collect();
    let table = MemTable::try_new(schema, vec![batches]).unwrap().with_sort_order(vec![order]);
    let config = SessionConfig::new().with_target_partitions(1).with_batch_size(batch_size);
    let session = SessionContext::new_with_config(config);
    session.register_table("ordered", Arc::new(table)).unwrap();
    session
}

#[tokio::test]
async fn groups_of_neighbours_are_the_groups() {
    let mut in_order = 0;
    for seed in 0..60 {
        // Some groups at a time, or all at the end.
        let session = ordered(seed, if seed % 2 == 0 { 8 } else { 8192 });
        for sql in QUERIES {
            let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let expected = collect(Arc::clone(&plan), session.task_ctx()).await.unwrap();
            let grouped = group_in_order(plan).unwrap();
            in_order += count(&grouped);
            let stream = grouped.execute(0, session.task_ctx()).unwrap();
            let found = batches_of(stream).await.unwrap();
            let schema = grouped.schema();
            let rows = |batches: &[RecordBatch]| {
                let rows = concat_batches(&schema, batches).unwrap();
                pretty_format_batches(&[rows]).unwrap().to_string()
            };
            assert_eq!(rows(&found), rows(&expected), "seed {seed}: {sql}");
        }
    }
    // Every query but none of its plans would show nothing.
    assert!(in_order >= 60 * QUERIES.len(), "{in_order}");
}

#[tokio::test]
async fn rows_in_no_order_and_floats_are_left_to_the_hash_table() {
    let session = ordered(1, 8192);
    for sql in [
        "SELECT v, count(*) FROM ordered GROUP BY v",
        "SELECT t, count(*) FROM ordered GROUP BY t",
        "SELECT k::float8, count(*) FROM ordered GROUP BY k::float8",
        "SELECT k, string_agg(t, ',' ORDER BY v) FROM ordered GROUP BY k",
        "SELECT k, t, count(*) FROM ordered GROUP BY ROLLUP (k, t)",
    ] {
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        assert_eq!(count(&group_in_order(plan).unwrap()), 0, "{sql}");
    }
}

#[tokio::test]
async fn it_passes_for_the_aggregation_and_becomes_it_again_without_the_order() {
    let session = ordered(1, 8192);
    let planned =
        async |sql: &str| session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let grouped = group_in_order(planned("SELECT DISTINCT k FROM ordered").await).unwrap();
    assert_eq!(count(&grouped), 1);
    assert!(grouped.downcast_ref::<AggregateExec>().is_some());
    let unordered = planned("SELECT k FROM ordered WHERE random() >= 0 ORDER BY v").await;
    let replaced = replace_children_if_necessary(grouped, vec![unordered]).unwrap();
    assert_eq!(count(&replaced), 0, "{}", displayable(replaced.as_ref()).indent(false));
}

fn count(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = usize::from(plan.name() == "GroupAggregateExec");
    own + plan.children().into_iter().map(count).sum::<usize>()
}
