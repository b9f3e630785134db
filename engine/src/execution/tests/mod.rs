//! Rows written by the table writer, read back through DataFusion.

mod altered;
mod deletes;
mod grouped;
mod inline;
mod sent;
mod spilled;

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
        Int16Array, Int32Array, Int64Array, RecordBatch, StringViewArray, Time64MicrosecondArray,
        TimestampMicrosecondArray,
    },
    compute::concat_batches,
    util::pretty::pretty_format_batches,
};
use datafusion::{
    physical_plan::{ExecutionPlan, ExecutionPlanProperties, displayable},
    prelude::{SessionConfig, SessionContext},
};
use object_store::{memory::InMemory, path::Path};

use super::{NodeMemory, SpillFolder, WarehouseTable};
use crate::{
    catalog::{Column, SortKey, Table, TableManifest},
    distribution::DistStyle,
    ids::{ColumnId, SliceId},
    plan::session_config,
    storage::{
        ManagedStorage,
        paths::ObjectPrefix,
        run::Run,
        writer::{TableLayout, TableWriter},
    },
    types::SqlType,
};

fn table(columns: &[(&str, SqlType)], dist_style: DistStyle, sort_key: &[u16]) -> Table {
    let sort_key = SortKey::Compound(sort_key.iter().copied().map(ColumnId).collect());
    Table::of_columns(columns, dist_style, sort_key)
}

fn memory() -> Arc<ManagedStorage> {
    ManagedStorage::with_store(Arc::new(InMemory::new()), Path::from("root"), 1 << 20)
}

/// Writes each list of arrays as a load of its own, whose runs are objects.
async fn load(
    storage: &Arc<ManagedStorage>,
    table: Table,
    slice_count: u32,
    loads: Vec<Vec<ArrayRef>>,
) -> Arc<Table> {
    load_in(storage, table, [slice_count, 0], loads).await
}

/// As [`load`]; runs of no more than `inline_bytes_max` bytes are no objects.
async fn load_in(
    storage: &Arc<ManagedStorage>,
    mut table: Table,
    [slice_count, inline_bytes_max]: [u32; 2],
    loads: Vec<Vec<ArrayRef>>,
) -> Arc<Table> {
    let mut runs: Vec<Arc<Run>> = table.manifest.runs.clone();
    for columns in loads {
        let layout = table.layout(slice_count);
        let layout = TableLayout { inline_bytes_max: inline_bytes_max as usize, ..layout };
        let batch = RecordBatch::try_new(Arc::clone(&layout.schema), columns).unwrap();
        let mut writer = TableWriter::new(Arc::clone(storage), layout, 256 << 20);
        let rows = writer.router().route(batch).unwrap();
        writer.write(rows).await.unwrap();
        runs.extend(writer.finish().await.unwrap().into_iter().map(Arc::new));
    }
    table.manifest = Arc::new(TableManifest { runs });
    Arc::new(table)
}

fn context(storage: &Arc<ManagedStorage>, table: &Arc<Table>, slice_count: u32) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(slice_count as usize);
    context_with(config, storage, table)
}

/// A session whose partitions are the slices.
fn context_with(
    config: SessionConfig,
    storage: &Arc<ManagedStorage>,
    table: &Arc<Table>,
) -> SessionContext {
    let slice_count = u32::try_from(config.target_partitions()).unwrap();
    let context = SessionContext::new_with_config(config);
    let provider = WarehouseTable::new(Arc::clone(table), Arc::clone(storage), slice_count);
    context.register_table("t", Arc::new(provider)).unwrap();
    context
}

async fn rows(context: &SessionContext, sql: &str) -> String {
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

async fn plan(context: &SessionContext, sql: &str) -> Arc<dyn ExecutionPlan> {
    context.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
}

/// Runs the query; returns (rows, blocks read, blocks skipped).
async fn blocks(context: &SessionContext, sql: &str) -> (usize, usize, usize) {
    let plan = plan(context, sql).await;
    let batches =
        datafusion::physical_plan::collect(Arc::clone(&plan), context.task_ctx()).await.unwrap();
    let mut counts = [0, 0];
    let mut nodes = vec![plan];
    while let Some(node) = nodes.pop() {
        nodes.extend(node.children().into_iter().cloned());
        let metrics = node.metrics().unwrap_or_default();
        for (count, name) in counts.iter_mut().zip(["blocks_read", "blocks_skipped"]) {
            *count += metrics.sum_by_name(name).map_or(0, |value| value.as_usize());
        }
    }
    (batches.iter().map(RecordBatch::num_rows).sum(), counts[0], counts[1])
}

fn every_type() -> (Vec<(&'static str, SqlType)>, Vec<ArrayRef>) {
    let decimal = |values: Vec<Option<i128>>, precision, scale| -> ArrayRef {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
        Arc::new(array.unwrap())
    };
    let moments = vec![Some(0), None, Some(1_700_000_000_123_456)];
    let long = "a text that is longer than sixty-four bytes, so that its bounds have to be cut";
    let columns: Vec<(&str, SqlType, ArrayRef)> = vec![
        ("b", SqlType::Boolean, Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("s", SqlType::SmallInt, Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(7)]))),
        ("i", SqlType::Integer, Arc::new(Int32Array::from(vec![Some(i32::MAX), None, Some(7)]))),
        ("l", SqlType::BigInt, Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(7)]))),
        (
            "d15",
            SqlType::Decimal { precision: 15, scale: 2 },
            decimal(vec![Some(12_345), None, Some(-1)], 15, 2),
        ),
        (
            "d38",
            SqlType::Decimal { precision: 38, scale: 10 },
            decimal(vec![Some(10_i128.pow(37)), None, Some(-10_i128.pow(37))], 38, 10),
        ),
        ("r", SqlType::Real, Arc::new(Float32Array::from(vec![Some(1.5), None, Some(f32::NAN)]))),
        (
            "f",
            SqlType::DoublePrecision,
            Arc::new(Float64Array::from(vec![Some(-0.0), None, Some(f64::INFINITY)])),
        ),
        (
            "c",
            SqlType::Char { length: 10 },
            Arc::new(StringViewArray::from(vec![Some("abc"), None, Some("")])),
        ),
        (
            "v",
            SqlType::Varchar { length: 256 },
            Arc::new(StringViewArray::from(vec![Some(long), None, Some("ünïcödé")])),
        ),
        ("day", SqlType::Date, Arc::new(Date32Array::from(vec![Some(-1), None, Some(20_000)]))),
        ("t", SqlType::Time, Arc::new(Time64MicrosecondArray::from(vec![Some(1), None, Some(9)]))),
        ("ts", SqlType::Timestamp, Arc::new(TimestampMicrosecondArray::from(moments.clone()))),
        (
            "tz",
            SqlType::TimestampTz,
            Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC")),
        ),
    ];
    let types = columns.iter().map(|(name, sql_type, _)| (*name, *sql_type)).collect();
    (types, columns.into_iter().map(|(_, _, array)| array).collect())
}

#[tokio::test]
async fn every_type_comes_back_as_it_was_written() {
    let (types, arrays) = every_type();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().to_str().unwrap();
    let storages = [
        memory(),
        ManagedStorage::open(root, &crate::access::S3Profile::default(), 1 << 20).unwrap(),
    ];
    for storage in storages {
        let table = table(&types, DistStyle::Key(ColumnId(3)), &[]);
        let table = load(&storage, table, 1, vec![arrays.clone()]).await;
        let context = context(&storage, &table, 1);
        let read = context.sql("select * from t").await.unwrap().collect().await.unwrap();
        assert_eq!(read[0].schema(), table.arrow_schema());
        let read = concat_batches(&table.arrow_schema(), &read).unwrap();
        for (index, (name, _)) in types.iter().enumerate() {
            assert_eq!(
                format!("{:?}", read.column(index)),
                format!("{:?}", arrays[index]),
                "{name}"
            );
        }
        // What bounds say of NaN, infinity, both zeros and cut texts must not lose a row.
        for filter in [
            "r = 1.5",
            // NaN is larger than every number, as in PostgreSQL.
            "r > 2.0",
            "r >= 'NaN'",
            "f <> 'Infinity'",
            "f <= 0.0",
            "f > 1e300",
            "v > 'a text that is longer' and v < 'b'",
            "v < 'b'",
            "c = ''",
            "b",
            "l < 0",
            "d15 = 123.45",
            "d38 > 0",
            "day < '1970-01-01'",
            "i is null",
        ] {
            let count = rows(&context, &format!("select 1 from t where {filter}")).await;
            assert_eq!(count.lines().count(), 5, "{filter}:\n{count}");
        }
    }
}

#[tokio::test]
async fn an_empty_table_is_empty() {
    let storage = memory();
    let table = load(&storage, table(&every_type().0, DistStyle::Even, &[3]), 2, Vec::new()).await;
    let context = context(&storage, &table, 2);
    assert_eq!(blocks(&context, "select * from t where i > 3 order by i").await, (0, 0, 0));
    assert!(rows(&context, "select count(*), max(i) from t").await.contains("| 0 "));
}

const NUMBERS: [(&str, SqlType); 3] =
    [("k", SqlType::Integer), ("v", SqlType::BigInt), ("s", SqlType::Varchar { length: 40 })];

fn numbers(keys: impl Iterator<Item = i32> + Clone) -> Vec<ArrayRef> {
    let texts = keys.clone().map(|key| format!("text of some length {key:08}"));
    vec![
        Arc::new(Int32Array::from_iter_values(keys.clone())),
        Arc::new(Int64Array::from_iter(
            keys.map(|key| (key % 5 != 0).then_some(i64::from(key) * 2)),
        )),
        Arc::new(StringViewArray::from_iter_values(texts)),
    ]
}

#[tokio::test]
async fn blocks_that_a_filter_excludes_are_skipped_and_counted() {
    let storage = memory();
    let table = table(&NUMBERS, DistStyle::All, &[1]);
    // Written in reverse: the writer sorts.
    let table = load(&storage, table, 1, vec![numbers((0..100_000).rev())]).await;
    let context = context(&storage, &table, 1);
    assert_eq!(blocks(&context, "select * from t").await, (100_000, 13, 0));
    assert_eq!(blocks(&context, "select * from t where k = 50000").await, (1, 1, 12));
    assert_eq!(
        blocks(&context, "select v from t where k between 8000 and 8200").await,
        (201, 2, 11)
    );
    assert_eq!(blocks(&context, "select k from t where k < 10 or k > 99990").await, (19, 2, 11));
    assert_eq!(
        blocks(&context, "select k from t where s >= 'text of some length 00099999'").await,
        (1, 1, 12)
    );
    // The whole run is out of range: planning leaves it out, and still counts it.
    assert_eq!(blocks(&context, "select * from t where k > 100000").await, (0, 0, 13));
    assert_eq!(blocks(&context, "select k from t where v is null and k < 10").await, (2, 1, 12));
}

#[tokio::test]
async fn a_join_skips_blocks_of_its_probe_side() {
    let storage = memory();
    let table = table(&NUMBERS, DistStyle::All, &[1]);
    let table = load(&storage, table, 1, vec![numbers(0..100_000)]).await;
    let context = context(&storage, &table, 1);
    let sql = "select t.v from t join (values (70001), (70002)) x(k) on t.k = x.k";
    let (rows, read, skipped) = blocks(&context, sql).await;
    assert_eq!((rows, read, skipped), (2, 1, 12));
}

#[tokio::test]
async fn a_partition_is_a_slice_and_equal_keys_share_it() {
    let storage = memory();
    let table = table(&NUMBERS, DistStyle::Key(ColumnId(1)), &[2]);
    let loads = vec![numbers((0..5_000).map(|n| n % 700)), numbers((0..5_000).map(|n| n % 900))];
    let table = load(&storage, table, 3, loads).await;
    let context = context(&storage, &table, 3);
    let scan = plan(&context, "select k from t").await;
    assert_eq!(scan.output_partitioning().partition_count(), 3);
    let mut seen = vec![None; 900];
    for partition in 0..3 {
        let stream = scan.execute(partition, context.task_ctx()).unwrap();
        let batches = datafusion::physical_plan::common::collect(stream).await.unwrap();
        for batch in batches {
            let keys: &Int32Array = batch.column(0).as_any().downcast_ref().unwrap();
            for key in keys.iter().flatten() {
                assert_eq!(*seen[key as usize].get_or_insert(partition), partition);
            }
        }
    }
    assert!(seen.iter().all(Option::is_some));
    assert!((0..3).all(|slice| table.manifest.runs.iter().any(|run| run.slice == SliceId(slice))));
}

#[tokio::test]
async fn runs_that_do_not_overlap_are_read_in_order_without_a_sort() {
    let storage = memory();
    let layout = || table(&NUMBERS, DistStyle::Key(ColumnId(1)), &[1]);
    // The later run is loaded first.
    let apart = vec![numbers(40_000..80_000), numbers((0..40_000).rev())];
    let apart = load(&storage, layout(), 2, apart).await;
    let sql = "select k from t order by k";
    let ordered = context(&storage, &apart, 2);
    let shown = displayable(plan(&ordered, sql).await.as_ref()).indent(false).to_string();
    assert!(!shown.contains("SortExec") && shown.contains("SortPreservingMergeExec"), "{shown}");
    let batches = ordered.sql(sql).await.unwrap().collect().await.unwrap();
    let keys = batches.iter().flat_map(|batch| {
        let keys: &Int32Array = batch.column(0).as_any().downcast_ref().unwrap();
        keys.values().to_vec()
    });
    assert_eq!(keys.collect::<Vec<_>>(), (0..80_000).collect::<Vec<_>>());

    let overlapping = vec![numbers(0..60_000), numbers(40_000..80_000)];
    let overlapping = load(&storage, layout(), 2, overlapping).await;
    let unordered = context(&storage, &overlapping, 2);
    let shown = displayable(plan(&unordered, sql).await.as_ref()).indent(false).to_string();
    assert!(shown.contains("SortExec"), "{shown}");
    let count = rows(&unordered, "select count(*), sum(k), count(distinct k) from t").await;
    assert!(count.contains("100000") && count.contains("80000"), "{count}");
}

#[tokio::test]
async fn the_manifest_answers_counts_and_bounds() {
    let storage = memory();
    let table = table(&NUMBERS, DistStyle::Even, &[]);
    let loads = vec![numbers(0..20_000), numbers(5_000..30_000)];
    let table = load(&storage, table, 2, loads).await;
    let context = context(&storage, &table, 2);
    let sql = "select count(*), min(k), max(k), count(v) from t";
    let shown = displayable(plan(&context, sql).await.as_ref()).indent(false).to_string();
    assert!(!shown.contains("DataSourceExec: file_groups"), "{shown}");
    assert!(rows(&context, sql).await.contains("| 45000    | 0        | 29999    | 36000"));
}

#[tokio::test]
async fn blocks_are_skipped_by_every_column_of_an_interleaved_key() {
    let storage = memory();
    let columns = [("x", SqlType::BigInt), ("y", SqlType::BigInt)];
    let rows_count = 64 * 8192;
    // Every pair of 724 x 724 values once or so, in no order.
    let values = |step: i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(
            (0..rows_count).map(|row| row * step % 524_287 / 724),
        ))
    };
    let load_as = async |key: SortKey| {
        let table = Table::of_columns(&columns, DistStyle::Even, key);
        let loads = vec![vec![values(7_919), values(104_729)]];
        context(&storage, &load(&storage, table, 1, loads).await, 1)
    };
    let key = vec![ColumnId(1), ColumnId(2)];
    let compound = load_as(SortKey::Compound(key.clone())).await;
    let interleaved = load_as(SortKey::Interleaved(key)).await;
    let few = |column| format!("select * from t where {column} between 100 and 109");
    // A compound key is of no use for its second column; of an interleaved one both are as good.
    let ((_, read, skipped), all) = (blocks(&compound, &few("y")).await, 64);
    assert!(read + skipped == all && skipped == 0, "{read} read, {skipped} skipped");
    for column in ["x", "y"] {
        let expected = blocks(&compound, &few(column)).await.0;
        let (rows, read, skipped) = blocks(&interleaved, &few(column)).await;
        assert_eq!((rows, read + skipped), (expected, all));
        assert!(read <= all / 4, "{column}: {read} of {all} blocks read");
    }
}

#[tokio::test]
async fn small_memory_writes_more_runs_and_the_same_rows() {
    let storage = memory();
    let table = table(&NUMBERS, DistStyle::Even, &[1]);
    let layout = table.layout(2);
    let mut writer = TableWriter::new(Arc::clone(&storage), layout.clone(), 2 << 20);
    for start in (0..200_000).step_by(10_000) {
        let columns = numbers(start..start + 10_000);
        let batch = RecordBatch::try_new(Arc::clone(&layout.schema), columns).unwrap();
        let rows = writer.router().route(batch).unwrap();
        writer.write(rows).await.unwrap();
    }
    let runs = writer.finish().await.unwrap();
    assert!(runs.len() > 4, "{}", runs.len());
    let mut table = table;
    let runs = runs.into_iter().map(Arc::new).collect();
    table.manifest = Arc::new(TableManifest { runs });
    let context = context(&storage, &Arc::new(table), 2);
    let count = rows(&context, "select count(distinct k), sum(k) from t").await;
    assert!(count.contains("200000") && count.contains("19999900000"), "{count}");
}

#[tokio::test]
async fn a_load_that_is_given_up_leaves_nothing() {
    let storage = memory();
    let table = table(&NUMBERS, DistStyle::Even, &[1]);
    let layout = table.layout(2);
    for abort in [true, false] {
        let mut writer = TableWriter::new(Arc::clone(&storage), layout.clone(), 0);
        let batch = RecordBatch::try_new(Arc::clone(&layout.schema), numbers(0..20_000)).unwrap();
        let rows = writer.router().route(batch.clone()).unwrap();
        writer.write(rows).await.unwrap();
        let rows = writer.router().route(batch).unwrap();
        writer.write(rows).await.unwrap();
        if abort {
            writer.abort().await;
        } else {
            drop(writer);
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        assert_eq!(storage.list(ObjectPrefix::Tables).await.unwrap(), Vec::new());
    }
}

/// A join that goes on on disk runs an input once more.
#[tokio::test]
async fn a_scan_has_all_rows_each_time_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let spill = Arc::new(SpillFolder::open(folder.path(), 1 << 20).unwrap());
    let config = session_config(1, &NodeMemory::new(1 << 30, spill).unwrap()).unwrap();
    let config = config.with_create_default_catalog_and_schema(true);
    let storage = memory();
    let table = table(&NUMBERS, DistStyle::All, &[]);
    let table = load(&storage, table, 1, vec![numbers(0..10), numbers(10..20)]).await;
    let context = context_with(config, &storage, &table);
    let plan = plan(&context, "select k from t").await;
    for _ in 0..2 {
        let batches = datafusion::physical_plan::collect(Arc::clone(&plan), context.task_ctx())
            .await
            .unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 20);
    }
}
