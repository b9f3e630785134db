//! kill -9 at any moment of a mixed load: INSERT, UPDATE, DELETE, COPY, VACUUM and DDL of several clients. Then
//! `blueshift check`, and an audit of every transaction: what was acknowledged is there, the others whole or
//! not at all.
//!
//! Seeded: a failing round prints its seed, and `SEED` is the only thing to change to repeat it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sql_tests::{
    client::{Client, Failure},
    cluster::{Cluster, ClusterOptions},
    process,
    s3::S3Endpoint,
};

/// Where every round's choices come from.
const SEED: u64 = 0x9111;
/// The server is killed within this time of the load.
const LOAD_MS_MAX: u64 = 1_200;
/// Accounts, and what each starts with.
const ACCOUNTS: i64 = 20;
const BALANCE: i64 = 1_000;
/// Rows of the file that is loaded.
const FILE_ROWS: i64 = 5_000;
/// What a client is told when its server dies.
const CONNECTION_LOST: [&str; 3] = ["08006", "57P01", "57P03"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_lose_nothing() -> Result<()> {
    kill_rounds(10).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: the same as above, longer"]
async fn a_hundred_kills_lose_nothing() -> Result<()> {
    kill_rounds(100).await
}

async fn kill_rounds(rounds: u64) -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    let rows: String = (0..FILE_ROWS).map(|x| format!("{x}\n")).collect();
    std::fs::write(endpoint.bucket("mixed")?.join("rows.txt"), rows)?;
    let mut cluster = Cluster::start(ClusterOptions {
        slices: Some(2),
        s3: Some(endpoint.address().clone()),
        ..Default::default()
    })?;
    create(&cluster.connect().await?).await?;
    let mut state = State::default();
    for round in 0..rounds {
        let place = || format!("round {round}, seed {SEED}");
        let seed = SEED + round;
        let (tried, wait) = load_until_killed(&mut cluster, seed).await.with_context(place)?;
        let place = || format!("{}, killed after {wait:?}", place());
        assert_whole(&cluster, true).with_context(place)?;
        cluster.restart()?;
        let client = cluster.connect().await?;
        state.audit(&client, &tried).await.with_context(place)?;
    }
    // Small runs may be being merged: what a merge has written when it is given up goes with the next start.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    ensure!(cluster.process().terminate()? == Some(0), "it did not end in order");
    assert_whole(&cluster, false)
}

async fn create(client: &Client) -> Result<()> {
    let accounts: Vec<String> = (0..ACCOUNTS).map(|id| format!("({id}, {BALANCE})")).collect();
    for sql in [
        "create table accounts (id int, balance bigint) distkey (id) sortkey (id)".to_owned(),
        format!("insert into accounts values {}", accounts.join(", ")),
        "create table transfers (id bigint, source int, target int, amount bigint)".to_owned(),
        "create table kept (id bigint, writer int) distkey (id) sortkey (id)".to_owned(),
        "create table loaded (x bigint) diststyle even".to_owned(),
    ] {
        client.run(&sql).await.with_context(|| sql.clone())?;
    }
    Ok(())
}

/// Whether the server said that it was done; if not, nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Done,
    Nothing,
}

/// What a client tried in a round, in order; only the last can be one of which nobody knows.
#[derive(Debug, Default)]
struct Tried {
    inserts: Vec<(i64, Told)>,
    deletes: Vec<(i64, Told)>,
    transfers: Vec<(Transfer, Told)>,
    copies: Vec<Told>,
    tables: Vec<(TableStep, Told)>,
}

#[derive(Debug, Clone, Copy)]
struct Transfer {
    id: i64,
    source: i64,
    target: i64,
    amount: i64,
}

/// What happens to a table of its own number.
#[derive(Debug, Clone, Copy)]
enum TableStep {
    Create(i64),
    AddColumn(i64),
    Rename(i64),
    Drop(i64),
}

impl Tried {
    fn merge(mut self, other: Self) -> Self {
        self.inserts.extend(other.inserts);
        self.deletes.extend(other.deletes);
        self.transfers.extend(other.transfers);
        self.copies.extend(other.copies);
        self.tables.extend(other.tables);
        self
    }
}

/// Runs everybody until the server is killed.
async fn load_until_killed(cluster: &mut Cluster, seed: u64) -> Result<(Tried, Duration)> {
    let mut random = StdRng::seed_from_u64(seed);
    let ids = Arc::new(std::sync::atomic::AtomicI64::new((seed as i64) << 20));
    let mut clients = Vec::new();
    for who in 0..6 {
        let client = cluster.connect().await?;
        let (random, ids) = (StdRng::seed_from_u64(random.random()), Arc::clone(&ids));
        clients.push(tokio::spawn(async move {
            let next = || ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match who {
                0 | 1 => insert_and_delete(&client, random, next).await,
                2 => transfer(&client, random, next).await,
                3 => copy(&client).await,
                4 => define(&client, next).await,
                _ => vacuum(&client, random).await,
            }
        }));
    }
    let wait = Duration::from_millis(random.random_range(1..LOAD_MS_MAX));
    tokio::time::sleep(wait).await;
    cluster.process().kill()?;
    let mut tried = Tried::default();
    for client in clients {
        tried = tried.merge(client.await??);
    }
    Ok((tried, wait))
}

/// Runs a statement; `Nothing` if the server died meanwhile.
async fn run(client: &Client, sql: &str) -> Result<Told> {
    match client.run(sql).await {
        Ok(_) => Ok(Told::Done),
        Err(failure) if is_lost(&failure) => Ok(Told::Nothing),
        Err(failure) => bail!("{sql}: {failure}"),
    }
}

fn is_lost(failure: &Failure) -> bool {
    CONNECTION_LOST.contains(&failure.sqlstate.as_str())
}

async fn insert_and_delete(
    client: &Client,
    mut random: StdRng,
    next: impl Fn() -> i64,
) -> Result<Tried> {
    let mut tried = Tried::default();
    let mut there = Vec::new();
    loop {
        let id = next();
        let told = run(client, &format!("insert into kept values ({id}, 1)")).await?;
        tried.inserts.push((id, told));
        if told == Told::Nothing {
            return Ok(tried);
        }
        there.push(id);
        if random.random_bool(0.2)
            && let Some(id) = there.choose(&mut random).copied()
        {
            there.retain(|known| *known != id);
            let told = run(client, &format!("delete from kept where id = {id}")).await?;
            tried.deletes.push((id, told));
            if told == Told::Nothing {
                return Ok(tried);
            }
        }
    }
}

async fn transfer(client: &Client, mut random: StdRng, next: impl Fn() -> i64) -> Result<Tried> {
    let mut tried = Tried::default();
    loop {
        let source = random.random_range(0..ACCOUNTS);
        let target = (source + random.random_range(1..ACCOUNTS)) % ACCOUNTS;
        let transfer = Transfer { id: next(), source, target, amount: random.random_range(1..50) };
        let Transfer { id, amount, .. } = transfer;
        let statements = [
            "begin".to_owned(),
            format!("update accounts set balance = balance - {amount} where id = {source}"),
            format!("update accounts set balance = balance + {amount} where id = {target}"),
            format!("insert into transfers values ({id}, {source}, {target}, {amount})"),
        ];
        for sql in statements {
            if run(client, &sql).await? == Told::Nothing {
                // It never asked for the commit: nothing of it may be there.
                return Ok(tried);
            }
        }
        let told = run(client, "commit").await?;
        tried.transfers.push((transfer, told));
        if told == Told::Nothing {
            return Ok(tried);
        }
    }
}

async fn copy(client: &Client) -> Result<Tried> {
    let mut tried = Tried::default();
    loop {
        let sql = "copy loaded from 's3://mixed/rows.txt' iam_role default";
        tried.copies.push(run(client, sql).await?);
        if tried.copies.last() == Some(&Told::Nothing) {
            return Ok(tried);
        }
    }
}

async fn define(client: &Client, next: impl Fn() -> i64) -> Result<Tried> {
    let mut tried = Tried::default();
    loop {
        let n = next();
        let steps = [
            (TableStep::Create(n), format!("create table made_{n} as select {n}::bigint as x")),
            (TableStep::AddColumn(n), format!("alter table made_{n} add column y int default 7")),
            (TableStep::Rename(n), format!("alter table made_{n} rename to renamed_{n}")),
            (TableStep::Drop(n), format!("drop table renamed_{n}")),
        ];
        for (step, sql) in steps {
            // Every other table stays.
            if n % 2 == 0 && matches!(step, TableStep::Drop(_)) {
                continue;
            }
            let told = run(client, &sql).await?;
            tried.tables.push((step, told));
            if told == Told::Nothing {
                return Ok(tried);
            }
        }
    }
}

async fn vacuum(client: &Client, mut random: StdRng) -> Result<Tried> {
    let statements = [
        "vacuum full accounts to 100 percent",
        "vacuum kept",
        "vacuum delete only transfers",
        "vacuum loaded",
    ];
    loop {
        let sql = statements.choose(&mut random).context("a statement")?;
        if run(client, sql).await? == Told::Nothing {
            return Ok(Tried::default());
        }
    }
}

/// Everything that is known to be there.
#[derive(Debug, Default)]
struct State {
    kept: BTreeSet<i64>,
    transfers: BTreeMap<i64, Transfer>,
    copies: i64,
    tables: BTreeSet<String>,
}

impl State {
    /// Compares with what is there, and takes over what nobody knew.
    async fn audit(&mut self, client: &Client, tried: &Tried) -> Result<()> {
        self.audit_kept(client, tried).await?;
        self.audit_transfers(client, tried).await?;
        self.audit_copies(client, tried).await?;
        self.audit_tables(client, tried).await
    }

    async fn audit_kept(&mut self, client: &Client, tried: &Tried) -> Result<()> {
        let mut unknown = BTreeSet::new();
        for (id, told) in &tried.inserts {
            if *told == Told::Done {
                self.kept.insert(*id)
            } else {
                unknown.insert(*id)
            };
        }
        for (id, told) in &tried.deletes {
            self.kept.remove(id);
            if *told == Told::Nothing {
                unknown.insert(*id);
            }
        }
        let rows = numbers(client, "select id from kept").await?;
        let found: BTreeSet<i64> = rows.iter().map(|row| row[0]).collect();
        ensure!(found.len() == rows.len(), "rows of kept are there twice");
        let lost: Vec<_> = self.kept.difference(&found).collect();
        ensure!(lost.is_empty(), "rows of kept are lost: {lost:?}");
        let strange = found.iter().find(|id| !self.kept.contains(id) && !unknown.contains(id));
        ensure!(strange.is_none(), "row {strange:?} of kept was never acknowledged");
        self.kept = found;
        Ok(())
    }

    async fn audit_transfers(&mut self, client: &Client, tried: &Tried) -> Result<()> {
        let mut unknown = None;
        for (transfer, told) in &tried.transfers {
            match told {
                Told::Done => drop(self.transfers.insert(transfer.id, *transfer)),
                Told::Nothing => unknown = Some(*transfer),
            }
        }
        let found = numbers(client, "select id from transfers order by id").await?;
        let found: Vec<i64> = found.iter().map(|row| row[0]).collect();
        if let Some(transfer) = unknown.filter(|unknown| found.contains(&unknown.id)) {
            self.transfers.insert(transfer.id, transfer);
        }
        let expected: Vec<i64> = self.transfers.keys().copied().collect();
        ensure!(found == expected, "transfers {found:?}, expected {expected:?}");
        let mut balances: BTreeMap<i64, i64> = (0..ACCOUNTS).map(|id| (id, BALANCE)).collect();
        for transfer in self.transfers.values() {
            *balances.entry(transfer.source).or_default() -= transfer.amount;
            *balances.entry(transfer.target).or_default() += transfer.amount;
        }
        let found = numbers(client, "select id, balance from accounts order by id").await?;
        let expected: Vec<Vec<i64>> = balances.into_iter().map(|(id, b)| vec![id, b]).collect();
        ensure!(found == expected, "accounts {found:?}, expected {expected:?}");
        Ok(())
    }

    async fn audit_copies(&mut self, client: &Client, tried: &Tried) -> Result<()> {
        let done = tried.copies.iter().filter(|told| **told == Told::Done).count() as i64;
        let unknown = tried.copies.len() as i64 - done;
        let rows = client.number("select count(*) from loaded").await?;
        let copies = rows / FILE_ROWS;
        let known = self.copies + done;
        ensure!(
            rows % FILE_ROWS == 0 && (known..=known + unknown).contains(&copies),
            "{rows} rows of {known} files, and {unknown} unknown"
        );
        let sum = client.number("select coalesce(sum(x), 0)::bigint from loaded").await?;
        ensure!(sum == copies * (FILE_ROWS * (FILE_ROWS - 1) / 2), "their sum is {sum}");
        self.copies = copies;
        Ok(())
    }

    async fn audit_tables(&mut self, client: &Client, tried: &Tried) -> Result<()> {
        let (mut unknown_before, mut unknown_after) = (None, None);
        for (step, told) in &tried.tables {
            let (before, after) = step.names();
            match told {
                Told::Done => {
                    before.map(|name| self.tables.remove(&name));
                    self.tables.extend(after);
                }
                Told::Nothing => (unknown_before, unknown_after) = (before, after),
            }
        }
        let sql = "select tablename from pg_tables where tablename like 'made%' or \
                   tablename like 'renamed%'";
        let rows = client.run(sql).await?.rows;
        let found: BTreeSet<String> = rows.into_iter().flatten().flatten().collect();
        if found != self.tables {
            unknown_before.map(|name| self.tables.remove(&name));
            self.tables.extend(unknown_after);
        }
        ensure!(found == self.tables, "tables {found:?}, expected {:?}", self.tables);
        for table in &found {
            let number = table.rsplit('_').next().context("a number")?;
            let row = client.run(&format!("select * from {table}")).await?.rows;
            let is_whole = row.len() == 1 && row[0][0].as_deref() == Some(number);
            let has_column = row[0].get(1).is_some_and(|y| y.as_deref() == Some("7"));
            ensure!(is_whole, "{table} has {row:?}");
            ensure!(has_column || table.starts_with("made"), "{table} lacks a column: {row:?}");
        }
        Ok(())
    }
}

impl TableStep {
    /// Returns what the table is called before and after it.
    fn names(self) -> (Option<String>, Option<String>) {
        let made = |n: i64| Some(format!("made_{n}"));
        let renamed = |n: i64| Some(format!("renamed_{n}"));
        match self {
            Self::Create(n) => (None, made(n)),
            Self::AddColumn(n) => (made(n), made(n)),
            Self::Rename(n) => (made(n), renamed(n)),
            Self::Drop(n) => (renamed(n), None),
        }
    }
}

async fn numbers(client: &Client, sql: &str) -> Result<Vec<Vec<i64>>> {
    let rows = client.run(sql).await?.rows;
    let number = |value: Option<String>| Ok(value.context("a NULL")?.parse()?);
    rows.into_iter().map(|row| row.into_iter().map(number).collect()).collect()
}

/// Runs `blueshift check`. What a killed process was writing belongs to nothing until the next start.
fn assert_whole(cluster: &Cluster, was_killed: bool) -> Result<()> {
    let output = process::command()?.args(["check", "--data"]).arg(cluster.data()).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let left_over = |line: &str| was_killed && line.ends_with(" belongs to nothing");
    let mut lines: Vec<&str> = said.lines().collect();
    let last = lines.pop().unwrap_or_default();
    ensure!(last.starts_with("checked "), "{said}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(lines.into_iter().all(left_over), "{said}");
    Ok(())
}
