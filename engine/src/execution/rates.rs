//! How fast rows are written and read. Run by hand:
//! `cargo test --release -p engine --lib rates -- --ignored --nocapture`.

use std::{sync::Arc, time::Instant};

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringViewArray,
};
use datafusion::prelude::{SessionConfig, SessionContext};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    WarehouseTable,
    tests::{layout, table},
};
use crate::{
    access::S3Profile,
    catalog::TableManifest,
    distribution::DistStyle,
    ids::ColumnId,
    storage::{ManagedStorage, writer::TableWriter},
    types::SqlType,
};

const DECIMAL: SqlType = SqlType::Decimal { precision: 15, scale: 2 };
const LINEITEM: [(&str, SqlType); 16] = [
    ("l_orderkey", SqlType::BigInt),
    ("l_partkey", SqlType::BigInt),
    ("l_suppkey", SqlType::BigInt),
    ("l_linenumber", SqlType::Integer),
    ("l_quantity", DECIMAL),
    ("l_extendedprice", DECIMAL),
    ("l_discount", DECIMAL),
    ("l_tax", DECIMAL),
    ("l_returnflag", SqlType::Char { length: 1 }),
    ("l_linestatus", SqlType::Char { length: 1 }),
    ("l_shipdate", SqlType::Date),
    ("l_commitdate", SqlType::Date),
    ("l_receiptdate", SqlType::Date),
    ("l_shipinstruct", SqlType::Char { length: 25 }),
    ("l_shipmode", SqlType::Char { length: 10 }),
    ("l_comment", SqlType::Varchar { length: 44 }),
];

const WORDS: [&str; 24] = [
    "furiously",
    "quickly",
    "carefully",
    "blithely",
    "slyly",
    "ironic",
    "final",
    "special",
    "regular",
    "express",
    "bold",
    "pending",
    "even",
    "silent",
    "deposits",
    "requests",
    "accounts",
    "packages",
    "theodolites",
    "pinto beans",
    "instructions",
    "foxes",
    "ideas",
    "dependencies",
];

fn lineitem(random: &mut StdRng, first_row: i64, rows: usize) -> Vec<ArrayRef> {
    let mut numbers = |range: std::ops::Range<i64>| {
        (0..rows).map(|_| random.random_range(range.clone())).collect::<Vec<_>>()
    };
    let big = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let decimal = |values: Vec<i64>| -> ArrayRef {
        let array = Decimal128Array::from_iter_values(values.into_iter().map(i128::from));
        Arc::new(array.with_precision_and_scale(15, 2).unwrap())
    };
    let date = |values: Vec<i64>| -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(values.into_iter().map(|day| day as i32)))
    };
    let text = |values: Vec<i64>, words: &[&str]| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(values.into_iter().map(|n| words[n as usize])))
    };
    let orders = (first_row..).take(rows).map(|row| row / 4 * 8 + row % 4).collect();
    let linenumbers = (0..rows).map(|row| (row % 4 + 1) as i32);
    let mut columns = vec![
        big(orders),
        big(numbers(1..200_000)),
        big(numbers(1..10_000)),
        Arc::new(Int32Array::from_iter_values(linenumbers)),
        decimal(numbers(1..51).into_iter().map(|quantity| quantity * 100).collect()),
        decimal(numbers(90_000..10_500_000)),
        decimal(numbers(0..11)),
        decimal(numbers(0..9)),
        text(numbers(0..3), &["A", "N", "R"]),
        text(numbers(0..2), &["F", "O"]),
        date(numbers(8_036..10_562)),
        date(numbers(8_036..10_562)),
        date(numbers(8_036..10_562)),
        text(numbers(0..4), &["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"]),
        text(numbers(0..7), &["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"]),
    ];
    let comments = (0..rows).map(|_| {
        let start = random.random_range(0..6_usize);
        let mut comment = String::new();
        while comment.len() < 10 + start * 4 {
            comment.push_str(WORDS[random.random_range(0..WORDS.len())]);
            comment.push(' ');
        }
        comment
    });
    columns.push(Arc::new(StringViewArray::from_iter_values(comments)));
    columns
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn rates() {
    let rows = 2_000_000_usize;
    let mut random = StdRng::seed_from_u64(1);
    let schema = table(&LINEITEM, DistStyle::Even, &[]).arrow_schema();
    let batches = (0..rows / 8_000).map(|batch| {
        let columns = lineitem(&mut random, (batch * 8_000) as i64, 8_000);
        RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
    });
    let batches = batches.collect::<Vec<_>>();
    let kinds = [
        ("EVEN", DistStyle::Even, &[][..]),
        ("KEY(l_orderkey) SORTKEY(l_orderkey)", DistStyle::Key(ColumnId(1)), &[1]),
        ("EVEN SORTKEY(l_shipdate)", DistStyle::Even, &[11]),
    ];
    for (name, dist_style, sort_key) in kinds {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        let storage = ManagedStorage::open(root, &S3Profile::default(), 1 << 30).unwrap();
        let mut table = table(&LINEITEM, dist_style, sort_key);
        let layout = layout(&table, 2);
        let start = Instant::now();
        // Two streams, as a COPY has on two cores.
        let writes = batches.chunks(batches.len() / 2).map(|batches| {
            let mut writer = TableWriter::new(Arc::clone(&storage), layout.clone(), 512 << 20);
            let batches = batches.to_vec();
            tokio::spawn(async move {
                for batch in batches {
                    writer.write(batch).await.unwrap();
                }
                writer.finish().await.unwrap()
            })
        });
        let runs = futures::future::join_all(writes.collect::<Vec<_>>()).await;
        let runs = runs.into_iter().flat_map(Result::unwrap).collect::<Vec<_>>();
        let seconds = start.elapsed().as_secs_f64();
        let bytes = runs.iter().map(|run| run.bytes).sum::<u64>();
        eprintln!(
            "{name}: wrote {:.0} k rows/s, {} runs, {:.1} bytes/row",
            rows as f64 / seconds / 1e3,
            runs.len(),
            bytes as f64 / rows as f64
        );
        table.manifest = Arc::new(TableManifest { runs });
        let config = SessionConfig::new().with_target_partitions(2);
        let context = SessionContext::new_with_config(config);
        let provider = WarehouseTable::new(Arc::new(table), Arc::clone(&storage), 2);
        context.register_table("lineitem", Arc::new(provider)).unwrap();
        for sql in [
            "select count(l_comment), sum(l_extendedprice), max(l_shipmode), sum(l_partkey) from lineitem",
            "select l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), avg(l_discount), count(*) \
             from lineitem where l_shipdate <= '1998-09-02' group by 1, 2",
            "select sum(l_extendedprice * l_discount) from lineitem where l_shipdate >= '1994-01-01' \
             and l_shipdate < '1995-01-01' and l_discount between 0.05 and 0.07 and l_quantity < 24",
            "select l_orderkey, sum(l_quantity) from lineitem group by 1 having sum(l_quantity) > 190",
            "select * from lineitem where l_orderkey = 2000001",
        ] {
            let mut best = f64::MAX;
            for _ in 0..3 {
                let start = Instant::now();
                context.sql(sql).await.unwrap().collect().await.unwrap();
                best = best.min(start.elapsed().as_secs_f64());
            }
            eprintln!(
                "  {:8.1} ms  {:.1} M rows/s  {}",
                best * 1e3,
                rows as f64 / best / 1e6,
                sql.get(..60).unwrap_or(sql)
            );
        }
    }
}
