//! Rows on their way to a client: `lineitem` fetched over the wire, as text and in binary form. Bytes
//! are those of the rows as text.
//!
//! `cargo bench -p benches --bench fetch`

use anyhow::Context;
use benches::{
    rates::{Amount, measure},
    warehouse::Warehouse,
};
use criterion::Criterion;
use tokio::runtime::Runtime;
use tokio_postgres::SimpleQueryMessage;

/// 60,000 rows.
const SCALE: f64 = 0.01;
const SQL: &str = "select l_orderkey, l_quantity, l_extendedprice, l_shipdate, l_shipmode, l_comment \
                   from lineitem";

fn main() -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let warehouse = runtime.block_on(Warehouse::with_lineitem(SCALE))?;
    let client = runtime.block_on(warehouse.client())?;
    // Its rows come in binary form; they are received, not decoded.
    let statement = runtime.block_on(client.prepare(SQL)).context("prepare")?;
    let amount = amount(&runtime.block_on(client.simple_query(SQL))?);
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, "fetch/text", amount, |bencher| {
        bencher.iter(|| runtime.block_on(client.simple_query(SQL)));
    });
    measure(&mut criterion, "fetch/binary", amount, |bencher| {
        bencher.iter(|| runtime.block_on(client.query(&statement, &[])));
    });
    criterion.final_summary();
    Ok(())
}

fn amount(messages: &[SimpleQueryMessage]) -> Amount {
    let mut amount = Amount { rows: 0, bytes: 0 };
    for message in messages {
        if let SimpleQueryMessage::Row(row) = message {
            let values = (0..row.len()).filter_map(|column| row.get(column));
            amount.rows += 1;
            amount.bytes += values.map(|value| value.len() as u64).sum::<u64>();
        }
    }
    amount
}
