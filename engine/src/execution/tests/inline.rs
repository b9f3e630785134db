//! Small runs without an object: read as others are.

use arrow::{
    array::AsArray,
    datatypes::{Int32Type, UInt32Type, UInt64Type},
};

use super::*;
use crate::{
    catalog::{Catalog, CatalogChange},
    ids::{Pid, Xid},
    storage::PendingObjects,
    write::{DeletedRows, TableVersions, delete_rows},
};

const INLINE: u32 = 1 << 15;

/// A table with one run of 10,000 rows and 300 small ones, in no order, on two slices.
async fn mixed(storage: &Arc<ManagedStorage>) -> Arc<Table> {
    let layout = table(&NUMBERS, DistStyle::Key(ColumnId(1)), &[1]);
    let large = load(storage, layout, 2, vec![numbers(0..10_000)]).await;
    let small = (0..300).map(|n| 10_000 + n * 7 % 300).map(|key| numbers(key..key + 1));
    load_in(storage, large.as_ref().clone(), [2, INLINE], small.collect()).await
}

#[tokio::test]
async fn small_runs_of_a_slice_are_one_file_in_order() {
    let storage = memory();
    let table = mixed(&storage).await;
    assert_eq!(table.manifest.runs.len(), 302);
    assert_eq!(table.objects().count(), 2);
    assert_eq!(storage.list(ObjectPrefix::Tables).await.unwrap().len(), 2);
    let context = context(&storage, &table, 2);
    assert_eq!(blocks(&context, "select * from t").await, (10_300, 4, 0));
    let sql = "select k from t order by k";
    let shown = displayable(plan(&context, sql).await.as_ref()).indent(false).to_string();
    assert!(!shown.contains("SortExec"), "{shown}");
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    let keys =
        batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int32Type>().values());
    assert!(keys.copied().eq(0..10_300));
    for (sql, count) in [
        ("select s, k from t where k >= 10100", 200),
        ("select v from t where v is null and k > 9999", 60),
        ("select s from t where s = 'text of some length 00010123'", 1),
        ("select k + 1 from t where k in (3, 10003, 10299, 10300)", 3),
        ("select v from t order by v desc nulls last limit 5", 5),
        ("select t.v from t join (values (5), (10005)) x(k) on t.k = x.k", 2),
        ("select 1 from t where abs(k) % 1000 = 7", 11),
    ] {
        assert_eq!(blocks(&context, sql).await.0, count, "{sql}");
    }
    let all = rows(&context, "select count(*), count(v), min(s), max(k), sum(k) from t").await;
    assert!(
        all.contains(
            "| 10300    | 8240       | text of some length 00000000 | 10299    | 53039850"
        ),
        "{all}"
    );
}

/// Deletes rows; returns the table after that.
async fn without(
    storage: &Arc<ManagedStorage>,
    table: &Arc<Table>,
    deleted: DeletedRows,
) -> Arc<Table> {
    let versions =
        TableVersions { table, base: Some(table), head: Some(table), xid: Xid(1), pid: Pid(1) };
    let mut pending = PendingObjects::new(Arc::clone(storage));
    let changes = delete_rows(storage, versions, deleted, &mut pending).await.unwrap();
    pending.keep();
    let mut catalog = Catalog::default();
    catalog.apply(&CatalogChange::CreateTable(Arc::clone(table))).unwrap();
    changes.iter().for_each(|change| catalog.apply(change).unwrap());
    Arc::clone(catalog.table_by_id(table.id).unwrap())
}

#[tokio::test]
async fn rows_of_small_runs_have_addresses_and_are_deleted_by_them() {
    let storage = memory();
    let table = mixed(&storage).await;
    let gone: Vec<u32> = (2..302).step_by(3).collect();
    let mut deleted = DeletedRows::none(&table);
    gone.iter().for_each(|run| assert!(deleted.insert(*run, 0)));
    let table = without(&storage, &table, deleted).await;
    assert_eq!(table.manifest.runs.len(), 302 - gone.len());
    let provider = WarehouseTable::new(Arc::clone(&table), Arc::clone(&storage), 2);
    let context = SessionContext::new();
    context.register_table("t", Arc::new(provider.with_row_addresses())).unwrap();
    let sql = "select \"$position\", k, \"$run\" from t where k >= 10000 and v > 0 or v is null and k > 9999";
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    let mut seen = 0;
    for batch in batches {
        let runs = batch.column(2).as_primitive::<UInt32Type>().values();
        assert!(batch.column(0).as_primitive::<UInt64Type>().values().iter().all(|at| *at == 0));
        for (run, key) in runs.iter().zip(batch.column(1).as_primitive::<Int32Type>().values()) {
            let known = &table.manifest.runs[*run as usize].columns[0];
            let expected = crate::storage::run::StatisticsValue::Integer(i64::from(*key));
            assert_eq!(known.min.as_ref(), Some(&expected));
            seen += 1;
        }
    }
    assert_eq!(seen, 200);
}

#[tokio::test]
async fn a_run_of_several_rows_keeps_those_that_are_not_deleted() {
    let storage = memory();
    let layout = table(&NUMBERS, DistStyle::All, &[1]);
    let loads = vec![numbers((0..100).rev()), numbers(50..150)];
    let table = load_in(&storage, layout, [1, INLINE], loads).await;
    assert_eq!(storage.list(ObjectPrefix::Tables).await.unwrap().len(), 0);
    let mut deleted = DeletedRows::none(&table);
    (0..50).for_each(|position| assert!(deleted.insert(1, position)));
    let table = without(&storage, &table, deleted).await;
    // What the log holds of it says the same.
    let text = serde_json::to_string(&*table).unwrap();
    let table: Table = serde_json::from_str(&text).unwrap();
    let context = context(&storage, &Arc::new(table), 1);
    let all = rows(&context, "select count(*), count(distinct k), min(k), max(k) from t").await;
    assert!(all.contains("| 150      | 150                 | 0        | 149 "), "{all}");
}
