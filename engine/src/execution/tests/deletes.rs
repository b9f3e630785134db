//! Deleted rows are not read, and every row knows its address.

use arrow::{
    array::AsArray,
    datatypes::{Int32Type, UInt32Type, UInt64Type},
};
use datafusion::catalog::TableProvider;

use super::*;
use crate::{
    catalog::{Catalog, CatalogChange},
    ids::{Pid, Xid},
    storage::{PendingObjects, zones::BLOCK_ROWS},
    write::{DeletedRows, TableVersions, delete_rows},
};

/// What a filter lets through, by the key.
type Passes = fn(i32) -> bool;

/// Deletes rows of the table's runs by their addresses.
async fn delete(
    storage: &Arc<ManagedStorage>,
    table: &Arc<Table>,
    addresses: impl Iterator<Item = (u32, u64)>,
) -> Arc<Table> {
    let mut rows = DeletedRows::none(table);
    addresses.for_each(|(run, position)| assert!(rows.insert(run, position)));
    let versions =
        TableVersions { table, base: Some(table), head: Some(table), xid: Xid(1), pid: Pid(1) };
    let mut pending = PendingObjects::new(Arc::clone(storage));
    let changes = delete_rows(storage, versions, rows, &mut pending).await.unwrap();
    pending.keep();
    let mut catalog = Catalog::default();
    catalog.apply(&CatalogChange::CreateTable(Arc::clone(table))).unwrap();
    changes.iter().for_each(|change| catalog.apply(change).unwrap());
    Arc::clone(catalog.table_by_id(table.id).unwrap())
}

#[tokio::test]
async fn deleted_rows_are_skipped_and_zone_maps_stay_used() {
    let storage = memory();
    let table = table(&NUMBERS, DistStyle::All, &[1]);
    let table = load(&storage, table, 1, vec![numbers(0..100_000)]).await;
    // A whole block, and every hundredth row.
    let block = BLOCK_ROWS as u64;
    let gone = (0..100_000).filter(|row| row % 100 == 0 || (2 * block..3 * block).contains(row));
    let left = 100_000 - gone.clone().count();
    let table = delete(&storage, &table, gone.map(|row| (0, row))).await;
    assert_eq!(table.manifest.row_count(), left as u64);
    let context = context(&storage, &table, 1);
    assert_eq!(blocks(&context, "select * from t").await, (left, 12, 1));
    assert_eq!(blocks(&context, "select * from t where k = 50001").await, (1, 1, 12));
    assert_eq!(blocks(&context, "select * from t where k = 50000").await, (0, 1, 12));
    assert_eq!(blocks(&context, "select k from t where k = 17000").await, (0, 0, 13));
    assert_eq!(blocks(&context, "select v from t where k between 99 and 201").await, (101, 1, 12));
    let counts = rows(&context, "select count(*), min(k), max(k), count(v) from t").await;
    let not_null = (0..100_000)
        .filter(|k| k % 5 != 0 && k % 100 != 0 && !(2 * block..3 * block).contains(k))
        .count();
    assert!(
        counts.contains(&format!("| {left}    | 1        | 99999    | {not_null} ")),
        "{counts}"
    );
    // Again, in the same run: the second vector takes the first one over.
    let table = delete(&storage, &table, [(0, 99_999), (0, 1)].into_iter()).await;
    assert_eq!(table.manifest.runs[0].deletes.len(), 1);
    let counts = rows(&super::context(&storage, &table, 1), "select min(k), max(k) from t").await;
    assert!(counts.contains("| 2        | 99998 "), "{counts}");
    // All that is left: the run goes.
    assert_eq!(table.objects().count(), 2);
    let first = table.manifest.runs[0].deletes[0].id;
    let vector = storage.delete_vector(table.run_path(&table.manifest.runs[0]), first).await;
    let gone = vector.unwrap();
    let rest = (0..100_000).filter(|row| gone.row_count_in(*row..*row + 1) == 0);
    let table = delete(&storage, &table, rest.map(|row| (0, row))).await;
    assert!(table.manifest.runs.is_empty());
}

#[tokio::test]
async fn deletes_in_several_slices_are_skipped_by_every_kind_of_read() {
    let storage = memory();
    let layout = table(&NUMBERS, DistStyle::Key(ColumnId(1)), &[1]);
    let loads = vec![numbers(0..20_000), numbers(20_000..60_000)];
    let table = load(&storage, layout, 2, loads).await;
    let runs = table.manifest.runs.iter().enumerate();
    let gone: Vec<(u32, u64)> =
        runs.flat_map(|(run, _)| (0..1_000).map(move |row| (run as u32, row * 3))).collect();
    let left = 60_000 - gone.len();
    let table = delete(&storage, &table, gone.into_iter()).await;
    let context = context(&storage, &table, 2);
    assert_eq!(blocks(&context, "select k from t").await.0, left);
    assert_eq!(blocks(&context, "select k from t where k >= 0").await.0, left);
    assert_eq!(blocks(&context, "select s, k from t order by k").await.0, left);
    assert_eq!(blocks(&context, "select distinct k from t").await.0, left);
    assert_eq!(blocks(&context, "select k from t order by s desc limit 7").await.0, 7);
    let self_join = "select a.k from t a join t b on a.k = b.k";
    assert_eq!(blocks(&context, self_join).await.0, left);
}

#[tokio::test]
async fn an_address_names_the_run_and_the_row() {
    let storage = memory();
    let layout = table(&NUMBERS, DistStyle::All, &[1]);
    let table = load(&storage, layout, 1, vec![numbers(50_000..60_000), numbers(0..50_000)]).await;
    let table = delete(&storage, &table, (0..50_000).step_by(2).map(|row| (1, row))).await;
    let provider = WarehouseTable::new(Arc::clone(&table), Arc::clone(&storage), 1);
    let provider = provider.with_row_addresses();
    assert_eq!(provider.schema().fields().len(), NUMBERS.len() + 2);
    let context = SessionContext::new();
    context.register_table("t", Arc::new(provider)).unwrap();
    let is_live = |k: &i32| *k >= 50_000 || k % 2 == 1;
    let filters: [(&str, Passes); 6] = [
        ("true", |_| true),
        ("k >= 20000", |k| k >= 20_000),
        ("k between 40001 and 50002", |k| (40_001..=50_002).contains(&k)),
        // Vortex cannot evaluate these.
        ("abs(k) % 7 = 3 and reverse(s) <> 'x'", |k| k % 7 == 3),
        ("k in (select k + 1 from t where k < 1000)", |_| false),
        ("k in (select k + 2 from t where k < 1000)", |k| (3..1_002).contains(&k)),
    ];
    for (filter, passes) in filters {
        let count = (0..60_000).filter(is_live).filter(|k| passes(*k)).count();
        let sql = format!("select k, \"$position\", k + 1, \"$run\" from t where {filter}");
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let mut seen = 0;
        for batch in batches {
            let keys = batch.column(0).as_primitive::<Int32Type>().values().to_vec();
            let positions = batch.column(1).as_primitive::<UInt64Type>().values();
            let runs = batch.column(3).as_primitive::<UInt32Type>().values();
            for (key, (position, run)) in keys.into_iter().zip(positions.iter().zip(runs)) {
                let expected = if key < 50_000 { (1, key) } else { (0, key - 50_000) };
                assert_eq!((*run, *position), (expected.0, expected.1 as u64), "{filter}");
                seen += 1;
            }
        }
        assert_eq!(seen, count, "{filter}");
    }
}
