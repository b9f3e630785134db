//! Scans that were sent to another node: what they read, and what they know.

use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    physical_expr::{DynamicFilterTracking, PhysicalExpr},
    physical_plan::collect,
};
use datafusion_proto::{
    bytes::{
        physical_plan_from_bytes_with_proto_converter, physical_plan_to_bytes_with_proto_converter,
    },
    physical_plan::DeduplicatingProtoConverter,
};

use super::{super::scan_split::parts, *};
use crate::execution::WarehouseCodec;

/// Returns a plan as another node has it, which has nothing but the storage.
fn sent(
    plan: Arc<dyn ExecutionPlan>,
    storage: &Arc<ManagedStorage>,
) -> (Arc<dyn ExecutionPlan>, SessionContext) {
    let converter = DeduplicatingProtoConverter::default();
    let bytes = physical_plan_to_bytes_with_proto_converter(plan, &WarehouseCodec, &converter);
    let config = SessionConfig::new().with_extension(Arc::clone(storage));
    let node = SessionContext::new_with_config(config);
    let received = physical_plan_from_bytes_with_proto_converter(
        &bytes.unwrap(),
        &node.task_ctx(),
        &WarehouseCodec,
        &DeduplicatingProtoConverter::default(),
    );
    (received.unwrap(), node)
}

fn filters(plan: &Arc<dyn ExecutionPlan>) -> Vec<Arc<dyn PhysicalExpr>> {
    let mut filters = Vec::new();
    plan.apply(|node| {
        let predicate = parts(node.as_ref()).and_then(|(_, source)| source.predicate().cloned());
        filters.extend(predicate);
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    filters
}

#[tokio::test]
async fn a_scan_reads_the_same_elsewhere() {
    let storage = memory();
    let (columns, arrays) = every_type();
    let table = load_in(
        &storage,
        table(&columns, DistStyle::Key(ColumnId(4)), &[4]),
        [3, 0],
        vec![arrays.clone(), arrays.clone()],
    )
    .await;
    // Small runs too, whose rows travel with the scan.
    let table = load_in(&storage, (*table).clone(), [3, 1 << 20], vec![arrays]).await;
    let here = context(&storage, &table, 3);
    for sql in ["select * from t", "select b from t where b", "select count(*) from t where not b"]
    {
        let plan = plan(&here, sql).await;
        let (received, node) = sent(Arc::clone(&plan), &storage);
        let shown = |rows: Vec<RecordBatch>| {
            let text = pretty_format_batches(&rows).unwrap().to_string();
            let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
            lines.sort_unstable();
            lines
        };
        let expected = shown(collect(plan, here.task_ctx()).await.unwrap());
        assert_eq!(shown(collect(received, node.task_ctx()).await.unwrap()), expected, "{sql}");
    }
}

/// Runs of a slice that follow each other are in one order, which their bounds prove.
#[tokio::test]
async fn the_order_of_several_runs_is_known_elsewhere() {
    let storage = memory();
    let columns = [("k", SqlType::BigInt), ("v", SqlType::Varchar { length: 20 })];
    let values = |from: i64| -> Vec<ArrayRef> {
        let keys = Int64Array::from_iter_values(from..from + 5_000);
        let texts = (0..5_000).map(|value| Some(format!("{value}")));
        vec![Arc::new(keys), Arc::new(texts.collect::<StringViewArray>())]
    };
    let table = table(&columns, DistStyle::Key(ColumnId(1)), &[1]);
    let table = load(&storage, table, 2, vec![values(0), values(5_000)]).await;
    let here = context(&storage, &table, 2);
    let scan = plan(&here, "select v, k from t").await;
    let (received, _) = sent(Arc::clone(&scan), &storage);
    assert!(scan.properties().output_ordering().is_some());
    let received = received.properties().output_ordering();
    assert_eq!(received, scan.properties().output_ordering());
}

#[tokio::test]
async fn the_filter_of_a_join_is_filled_in_by_the_join_beside_it() {
    let storage = memory();
    let columns = [("k", SqlType::BigInt), ("v", SqlType::BigInt)];
    let values = || -> ArrayRef { Arc::new(Int64Array::from_iter_values(0..100_000)) };
    let table =
        load(&storage, table(&columns, DistStyle::Even, &[1]), 1, vec![vec![values(), values()]])
            .await;
    let here = context(&storage, &table, 1);
    let sql = "select a.v from t a join t b on a.k = b.k where b.v between 5 and 7";
    let (received, node) = sent(plan(&here, sql).await, &storage);
    let filters = filters(&received);
    let dynamic = |filter: &Arc<dyn PhysicalExpr>| {
        DynamicFilterTracking::classify(filter).contains_dynamic_filter()
    };
    assert!(filters.iter().any(dynamic), "no filter of a join has arrived");
    let rows = collect(Arc::clone(&received), node.task_ctx()).await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
    let skipped = {
        let mut skipped = 0;
        received
            .apply(|node| {
                let metrics = node.metrics().unwrap_or_default();
                skipped += metrics.sum_by_name("blocks_skipped").map_or(0, |v| v.as_usize());
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
        skipped
    };
    let blocks = table.manifest.runs.iter().map(|run| run.row_count.div_ceil(8192)).sum::<u64>();
    assert!(skipped as u64 >= 2 * (blocks - 2), "{skipped} of {blocks} blocks of each side");
}
