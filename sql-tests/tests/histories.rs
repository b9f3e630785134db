//! Random transactions of several clients at once, judged afterwards by what each has seen, in the manner of Elle: every row is
//! unique, so a read says whose changes it has seen and whose it has not, and with that who came before whom.
//!
//! ```text
//!  T1 ─ seen by ──▶ T2    T2 has read a row of T1's
//!  T1 ─ not seen ─▶ T2    T1 has read a table without T2's rows: it came before
//!
//!  snapshot isolation: no cycle with one "not seen" (G1c, G-single); serializable: no cycle (G2)
//! ```

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sql_tests::{
    client::{Answer, Client, Failure},
    cluster::{Cluster, ClusterOptions},
};

const TABLES: usize = 3;
const CLIENTS: u64 = 6;
const TRANSACTIONS: i64 = 40;

/// What a transaction has done, as its client knows it.
#[derive(Debug, Default)]
struct Transaction {
    committed: bool,
    /// Refused with error 1023.
    is_violation: bool,
    /// Tables and all rows they had, without its own.
    reads: Vec<(usize, BTreeSet<i64>)>,
    /// Tables and rows.
    appends: Vec<(usize, i64)>,
}

impl Transaction {
    fn rows_of(&self, table: usize) -> impl Iterator<Item = &i64> {
        self.appends.iter().filter(move |(to, _)| *to == table).map(|(_, row)| row)
    }

    /// Returns whether the other has read a row of this one.
    fn is_seen_by(&self, other: &Self) -> bool {
        let seen = |(table, rows): &(usize, BTreeSet<i64>)| {
            self.rows_of(*table).any(|row| rows.contains(row))
        };
        other.reads.iter().any(seen)
    }

    /// Returns whether this one has read a table without the other's rows.
    fn has_not_seen(&self, other: &Self) -> bool {
        let unseen = |(table, rows): &(usize, BTreeSet<i64>)| {
            other.rows_of(*table).any(|row| !rows.contains(row))
        };
        self.reads.iter().any(unseen)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_snapshot_isolation_every_read_is_of_one_version() -> Result<()> {
    let history = run("snapshot").await?;
    // Nobody changes a row of another one.
    ensure!(!history.iter().any(|transaction| transaction.is_violation));
    let [seen, not_seen] = orders(&history);
    let seen = closure(seen);
    for (t1, row) in not_seen.iter().enumerate() {
        for (t2, not_seen) in row.iter().enumerate() {
            let is_anomaly = *not_seen && seen[t2][t1];
            ensure!(!is_anomaly, "{:?} has seen {:?} in part", history[t1], history[t2]);
        }
    }
    // Write skew is allowed, and so much is done at once that it happens: what the other test looks for can
    // be found.
    ensure!(in_a_cycle(&history).is_some(), "there was no write skew");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serializable_transactions_have_a_serial_order() -> Result<()> {
    let history = run("serializable").await?;
    ensure!(history.iter().any(|transaction| transaction.is_violation), "none was refused");
    let violation = in_a_cycle(&history);
    ensure!(violation.is_none(), "{violation:?} is in a cycle");
    Ok(())
}

/// Returns a transaction that came before itself.
fn in_a_cycle(history: &[Transaction]) -> Option<&Transaction> {
    let [mut before, not_seen] = orders(history);
    for (row, not_seen) in before.iter_mut().zip(not_seen) {
        row.iter_mut().zip(not_seen).for_each(|(before, not_seen)| *before |= not_seen);
    }
    let before = closure(before);
    history.iter().enumerate().find(|(t, _)| before[*t][*t]).map(|(_, transaction)| transaction)
}

/// Runs random transactions; returns all of them, after having looked at what holds at every level.
async fn run(level: &str) -> Result<Vec<Transaction>> {
    let cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run(&format!("alter database dev isolation level {level}")).await?;
    for table in 0..TABLES {
        client.run(&format!("create table t{table} (x bigint)")).await?;
    }
    let mut running = Vec::new();
    for number in 0..CLIENTS {
        let client = cluster.connect().await?;
        running.push(tokio::spawn(transactions(client, number)));
    }
    let mut history = Vec::new();
    for client in running {
        history.extend(client.await??);
    }
    for table in 0..TABLES {
        let committed = history.iter().filter(|transaction| transaction.committed);
        let expected: BTreeSet<i64> = committed.flat_map(|t| t.rows_of(table).copied()).collect();
        ensure!(rows(&client.run(&format!("select x from t{table}")).await?)? == expected);
    }
    no_row_is_read_that_is_not_committed(&history)?;
    Ok(history)
}

/// G1a and G1b: of what another transaction has done, all or nothing of a table is seen, and nothing if it was undone.
fn no_row_is_read_that_is_not_committed(history: &[Transaction]) -> Result<()> {
    for (reader, (table, rows)) in
        history.iter().flat_map(|t| t.reads.iter().map(move |read| (t, read)))
    {
        for writer in history.iter().filter(|writer| !std::ptr::eq(*writer, reader)) {
            let written = writer.rows_of(*table).count();
            let seen = writer.rows_of(*table).filter(|row| rows.contains(row)).count();
            let is_whole = seen == 0 || writer.committed && seen == written;
            ensure!(is_whole, "{reader:?} has seen {seen} rows of {writer:?}");
        }
    }
    Ok(())
}

/// One client's transactions, one after the other.
async fn transactions(client: Client, number: u64) -> Result<Vec<Transaction>> {
    let mut random = StdRng::seed_from_u64(number);
    let mut history = Vec::new();
    let mut next_row = number as i64 * 1_000_000;
    for _ in 0..TRANSACTIONS {
        let mut transaction = Transaction::default();
        let is_block = random.random_bool(0.75);
        let step_count = if is_block { random.random_range(2..5) } else { 1 };
        let outcome = async {
            if is_block {
                client.run("begin").await?;
            }
            for _ in 0..step_count {
                next_row += 1;
                step(&client, &mut random, next_row, &mut transaction).await?;
            }
            if is_block { client.run("commit").await } else { Ok(Answer::default()) }
        };
        match outcome.await {
            Ok(_) => transaction.committed = true,
            Err(Failure { sqlstate, message, .. }) => {
                transaction.is_violation = sqlstate == "XX000" && message.starts_with("1023");
                let is_expected = transaction.is_violation || sqlstate == "40P01";
                ensure!(is_expected, "{sqlstate}: {message}");
                client.run("rollback").await?;
            }
        }
        history.push(transaction);
    }
    Ok(history)
}

/// Reads a table, or two in one statement, or adds a row to one.
async fn step(
    client: &Client,
    random: &mut StdRng,
    row: i64,
    transaction: &mut Transaction,
) -> Result<(), Failure> {
    let table = random.random_range(0..TABLES);
    if random.random_bool(0.5) {
        // Whether it succeeds or not: nobody may see it if it does not.
        transaction.appends.push((table, row));
        return client.run(&format!("insert into t{table} values ({row})")).await.map(drop);
    }
    let other = random.random_range(0..TABLES);
    let sql = format!("select {table}, x from t{table} union select {other}, x from t{other}");
    let answer = client.run(&sql).await?;
    for table in BTreeSet::from([table, other]) {
        let mut read = BTreeSet::new();
        for pair in &answer.rows {
            if let [Some(from), Some(x)] = pair.as_slice()
                && *from == table.to_string()
            {
                read.extend(x.parse::<i64>());
            }
        }
        for own in transaction.rows_of(table) {
            read.remove(own);
        }
        transaction.reads.push((table, read));
    }
    Ok(())
}

fn rows(answer: &Answer) -> Result<BTreeSet<i64>> {
    let mut rows = BTreeSet::new();
    for value in answer.rows.iter().flatten().flatten() {
        if !rows.insert(value.parse()?) {
            bail!("{value} is there twice");
        }
    }
    Ok(rows)
}

/// Returns which transaction is seen by which, and which has not seen which, of those that committed.
fn orders(history: &[Transaction]) -> [Vec<Vec<bool>>; 2] {
    let relation = |holds: fn(&Transaction, &Transaction) -> bool| {
        let row = |t1: &Transaction| {
            let others = history.iter();
            others
                .map(|t2| t1.committed && t2.committed && !std::ptr::eq(t1, t2) && holds(t1, t2))
                .collect()
        };
        history.iter().map(row).collect()
    };
    [relation(Transaction::is_seen_by), relation(Transaction::has_not_seen)]
}

/// Returns who is reached from whom.
fn closure(mut relation: Vec<Vec<bool>>) -> Vec<Vec<bool>> {
    for middle in 0..relation.len() {
        let onward = relation[middle].clone();
        for row in &mut relation {
            if row[middle] {
                row.iter_mut().zip(&onward).for_each(|(reached, onward)| *reached |= onward);
            }
        }
    }
    relation
}
