//! Scans through the engine's own table provider: how fast Vortex slices are read, and what the zone
//! maps spare. Bytes are those of the table as it is stored, all columns.
//!
//! `cargo bench -p benches --bench scan`

use std::sync::Arc;

use anyhow::Context;
use benches::{
    rates::{Amount, measure},
    warehouse::{SLICES, Tables, Warehouse},
};
use criterion::Criterion;
use datafusion::prelude::{SessionConfig, SessionContext};
use engine::{catalog::Relation, execution::WarehouseTable};
use tokio::runtime::Runtime;

/// 600,000 rows.
const SCALE: f64 = 0.1;
/// The same rows: in the order of their dates, and in none that helps with dates.
const LAYOUTS: [(&str, &str); 2] = [
    ("sorted", "create table sorted diststyle even sortkey (l_shipdate) as select * from lineitem"),
    ("unsorted", "create table unsorted diststyle even as select * from lineitem"),
];
/// What is read. Zone maps tell `one_month` apart where the rows are sorted, and only there.
const SCANS: [(&str, &str); 3] = [
    (
        "four_columns",
        "select count(l_comment), sum(l_extendedprice), max(l_shipmode), sum(l_partkey) from",
    ),
    ("one_column", "select sum(l_extendedprice) from"),
    ("one_month", "select sum(l_extendedprice) from"),
];
const MONTH: &str = "l_shipdate >= date '1995-09-01' and l_shipdate < date '1995-10-01'";

fn main() -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let tables = runtime.block_on(tables())?;
    let mut criterion = Criterion::default().configure_from_args();
    for (table, _) in LAYOUTS {
        let context = context(&tables, table)?;
        let amount = amount(&tables, table)?;
        for (scan, select) in SCANS {
            let condition =
                if scan == "one_month" { format!(" where {MONTH}") } else { String::new() };
            let sql = format!("{select} {table}{condition}");
            // An error would be fast, too.
            runtime.block_on(run(&context, &sql))?;
            measure(&mut criterion, &format!("scan/{table}/{scan}"), amount, |bencher| {
                bencher.iter(|| runtime.block_on(run(&context, &sql)));
            });
        }
    }
    criterion.final_summary();
    Ok(())
}

async fn tables() -> anyhow::Result<Tables> {
    let warehouse = Warehouse::with_lineitem(SCALE).await?;
    let client = warehouse.client().await?;
    for (_, create) in LAYOUTS {
        client.batch_execute(create).await.context(create)?;
    }
    drop(client);
    warehouse.into_tables().await
}

fn context(tables: &Tables, name: &str) -> anyhow::Result<SessionContext> {
    let config = SessionConfig::new().with_target_partitions(SLICES as usize);
    let context = SessionContext::new_with_config(config);
    let provider = WarehouseTable::new(table(tables, name)?, Arc::clone(&tables.storage), SLICES);
    context.register_table(name, Arc::new(provider))?;
    Ok(context)
}

fn amount(tables: &Tables, name: &str) -> anyhow::Result<Amount> {
    let manifest = Arc::clone(&table(tables, name)?.manifest);
    Ok(Amount { rows: manifest.row_count(), bytes: manifest.bytes() })
}

fn table(tables: &Tables, name: &str) -> anyhow::Result<Arc<engine::catalog::Table>> {
    match tables.catalog.search(&["public".to_owned()], name) {
        Some(Relation::Table(table)) => Ok(table),
        _ => anyhow::bail!("there is no table {name}"),
    }
}

async fn run(context: &SessionContext, sql: &str) -> anyhow::Result<usize> {
    let batches = context.sql(sql).await?.collect().await?;
    Ok(batches.iter().map(|batch| batch.num_rows()).sum())
}
