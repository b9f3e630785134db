//! The tables of the simulation.

use anyhow::{Result, bail, ensure};
use engine::{
    catalog::{Catalog, CatalogChange},
    ids::TableId,
};
use sql_tests::warehouse::{Leader, new_table, table_of};

use crate::model::{ACCOUNTS, BALANCE, Found, Transfer};

/// Balances of accounts: `id`, `balance`.
pub(crate) const ACCOUNT_TABLE: TableId = TableId(100_001);
/// Transfers between them: `id`, `from`, `to`, `amount`.
pub(crate) const TRANSFER_TABLE: TableId = TableId(100_002);
/// Rows that come and go in batches: `batch`, `x`.
pub(crate) const BATCH_TABLE: TableId = TableId(100_003);
/// All of them.
pub(crate) const TABLES: [TableId; 3] = [ACCOUNT_TABLE, TRANSFER_TABLE, BATCH_TABLE];

/// Creates the tables and the accounts.
pub(crate) async fn create(leader: &Leader) -> Result<()> {
    let mut writing = leader.begin_block();
    let tables = [
        new_table(ACCOUNT_TABLE, "accounts", &["id", "balance"], true),
        new_table(TRANSFER_TABLE, "transfers", &["id", "from", "to", "amount"], false),
        new_table(BATCH_TABLE, "batches", &["batch", "x"], true),
    ];
    let tables = tables.into_iter().map(|table| CatalogChange::CreateTable(table.into()));
    writing.transaction.change(tables.collect())?;
    let rows = (0..ACCOUNTS).map(|account| vec![account, BALANCE]).collect();
    leader.append(&mut writing, ACCOUNT_TABLE, rows).await?;
    leader.commit(writing, |_| {}).await
}

/// Reads everything in a version.
pub(crate) async fn find(leader: &Leader, catalog: &Catalog) -> Result<Found> {
    let mut found = Found::default();
    for row in leader.rows(&table_of(catalog, ACCOUNT_TABLE)?).await? {
        let [account, balance] = row.values[..] else { bail!("an account of {row:?}") };
        let known = found.accounts.insert(account, balance);
        ensure!(known.is_none(), "account {account} is there twice: {known:?}, {balance}");
    }
    for row in leader.rows(&table_of(catalog, TRANSFER_TABLE)?).await? {
        let [id, from, to, amount] = row.values[..] else { bail!("a transfer of {row:?}") };
        let known = found.transfers.insert(id, Transfer { from, to, amount });
        ensure!(known.is_none(), "transfer {id} is there twice");
    }
    for row in leader.rows(&table_of(catalog, BATCH_TABLE)?).await? {
        let [batch, x] = row.values[..] else { bail!("a row of {row:?}") };
        let is_new = found.batches.entry(batch).or_default().insert(x);
        ensure!(is_new, "row {x} of batch {batch} is there twice");
    }
    Ok(found)
}
