//! Runs that were written before their table was altered.

use std::sync::Arc;

use super::*;
use crate::{
    catalog::{Catalog, CatalogChange, TableChange},
    storage::run::StatisticsValue,
};

fn altered(table: &Arc<Table>, changes: Vec<TableChange>) -> Table {
    let mut catalog = Catalog::default();
    catalog.apply(&CatalogChange::CreateTable(Arc::clone(table))).unwrap();
    for change in changes {
        catalog.apply(&CatalogChange::Alter { table: table.id, change }).unwrap();
    }
    catalog.table_by_id(table.id).unwrap().as_ref().clone()
}

fn added(name: &str, id: u16, missing: Option<i64>) -> TableChange {
    TableChange::AddColumn(Column {
        id: ColumnId(id),
        name: name.to_owned(),
        sql_type: SqlType::BigInt,
        nullable: true,
        default: None,
        identity: None,
        encoding: "none".to_owned(),
        stored_as: vec![format!("$100001_{id}")],
        missing: missing.map(StatisticsValue::Integer),
    })
}

fn rename(id: u16, name: &str) -> TableChange {
    TableChange::RenameColumn { column: ColumnId(id), name: name.to_owned() }
}

fn drop(id: u16) -> TableChange {
    TableChange::DropColumn { column: ColumnId(id), views: Vec::new() }
}

fn integers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

const ROWS: i64 = 50_000;

#[tokio::test]
async fn every_run_is_read_by_the_names_it_has() {
    for inline_bytes_max in [0, 1 << 15] {
        is_read_by_the_names_it_has([1, inline_bytes_max]).await;
    }
}

async fn is_read_by_the_names_it_has(slices_and_bytes: [u32; 2]) {
    let storage = memory();
    let made = table(&[("a", SqlType::BigInt), ("b", SqlType::BigInt)], DistStyle::All, &[1]);
    let made =
        load_in(&storage, made, slices_and_bytes, vec![vec![integers(0..3), integers(10..13)]])
            .await;
    // b is x, a new b has 7, a goes, a new a is NULL.
    let first = altered(&made, vec![rename(2, "x"), added("b", 3, Some(7))]);
    let columns = vec![integers(3..5), integers(20..22), integers([8, 9])];
    let first = load_in(&storage, first, slices_and_bytes, vec![columns]).await;
    let mut unsorted = first.as_ref().clone();
    unsorted.sort_key = SortKey::Auto;
    let table = altered(&Arc::new(unsorted), vec![drop(1), added("a", 4, None)]);
    let table = load_in(
        &storage,
        table,
        slices_and_bytes,
        vec![vec![integers([30]), integers([7]), integers([100])]],
    )
    .await;
    let context = context(&storage, &table, 1);
    let count = |sql: &'static str| {
        let context = context.clone();
        async move { blocks(&context, sql).await.0 }
    };
    assert_eq!(count("select x, b, a from t").await, 6);
    assert_eq!(count("select * from t where b = 7").await, 4);
    assert_eq!(count("select x from t where b > 7").await, 2);
    assert_eq!(count("select b from t where x between 10 and 20").await, 4);
    assert_eq!(count("select x from t where a is null").await, 5);
    assert_eq!(count("select x from t where a > 1").await, 1);
    assert_eq!(count("select x from t where a < 1 or x = 12").await, 1);
    assert_eq!(count("select t.x from t join (values (7)) v (n) on t.b = v.n").await, 4);
    assert_eq!(count("select t.x from t join (values (100)) v (n) on t.a = v.n").await, 1);
    assert_eq!(count("select b from t order by b desc limit 2").await, 2);
    let sums =
        rows(&context, "select sum(x), sum(b), sum(a), count(a), min(b), max(b) from t").await;
    assert!(
        sums.contains("| 104      | 45       | 100      | 1          | 7        | 9        |"),
        "{sums}"
    );
}

#[tokio::test]
async fn zone_maps_follow_a_renamed_column() {
    let storage = memory();
    let made = table(&[("a", SqlType::BigInt), ("b", SqlType::BigInt)], DistStyle::All, &[2]);
    let rows = vec![integers((0..ROWS).map(|n| n % 7)), integers(0..ROWS)];
    let made = load(&storage, made, 1, vec![rows]).await;
    // Both names now mean the other column.
    let changes = vec![rename(1, "c"), rename(2, "a"), rename(1, "b"), added("d", 3, Some(5))];
    let table = Arc::new(altered(&made, changes));
    let context = context(&storage, &table, 1);
    assert_eq!(blocks(&context, "select b from t where a = 40000").await, (1, 1, 6));
    assert_eq!(blocks(&context, "select a from t where a = 40000 and d = 5").await, (1, 1, 6));
    assert_eq!(blocks(&context, "select a from t where d = 6").await.0, 0);
    assert_eq!(blocks(&context, "select d from t where d = 5").await.0, ROWS as usize);
    assert_eq!(blocks(&context, "select a from t where b = 6").await.0, ROWS as usize / 7);
}
