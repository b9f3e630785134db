//! The anomalies of Hermitage and of Adya's theory, each by its name, tried over the wire with two and three connections at
//! both isolation levels. `docs/isolation.md` is the table of what they show.
//!
//! ```text
//!  T1  begin ── select ───── update t ───────── commit
//!  T2      begin ── select ──── update t … waits for T1's lock … then goes on, or fails with 1023
//! ```

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use sql_tests::{
    client::{Answer, Client, Failure},
    cluster::{Cluster, ClusterOptions},
};
use tokio::task::JoinHandle;

/// How long a statement is watched to see that it waits.
const STILL_WAITING: Duration = Duration::from_millis(150);
/// How soon a lock that is given back reaches who waits for it.
const HANDED_OVER_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Snapshot,
    Serializable,
}

/// A warehouse at one level, with the tables of Hermitage: `test` with the rows (1, 10) and (2, 20), and `other` with the
/// same.
struct Warehouse {
    level: Level,
    cluster: Cluster,
}

impl Warehouse {
    async fn start(level: Level) -> Result<Self> {
        let cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
        let client = cluster.connect().await?;
        if level == Level::Serializable {
            client.run("alter database dev isolation level serializable").await?;
        }
        for table in ["test", "other"] {
            client.run(&format!("create table {table} (id int, value int)")).await?;
            client.run(&format!("insert into {table} values (1, 10), (2, 20)")).await?;
        }
        Ok(Self { level, cluster })
    }

    /// Opens a connection and a block in it.
    async fn begin(&self) -> Result<Connection> {
        let connection = self.connect().await?;
        connection.ok("begin").await?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<Connection> {
        Ok(Connection { client: Arc::new(self.cluster.connect().await?) })
    }

    /// Sees that a statement was refused with 1023 if the level is SERIALIZABLE, and else succeeded.
    fn refused_if_serializable(&self, answer: Result<Answer, Failure>) -> Result<()> {
        match self.level {
            Level::Snapshot => answer.map(drop).context("snapshot isolation allows it"),
            Level::Serializable => violates(answer),
        }
    }

    async fn rows_of_test(&self) -> Result<Vec<(i64, i64)>> {
        self.connect().await?.rows("select * from test").await
    }
}

/// One side of a test.
struct Connection {
    client: Arc<Client>,
}

type Waiting = JoinHandle<Result<Answer, Failure>>;

impl Connection {
    async fn ok(&self, sql: &str) -> Result<()> {
        self.client.run(sql).await.map(drop).with_context(|| sql.to_owned())
    }

    async fn run(&self, sql: &str) -> Result<Answer, Failure> {
        self.client.run(sql).await
    }

    /// Returns pairs of numbers, in order.
    async fn rows(&self, sql: &str) -> Result<Vec<(i64, i64)>> {
        let answer = self.client.run(sql).await.with_context(|| sql.to_owned())?;
        let number = |value: &Option<String>| value.as_deref().unwrap_or("NULL").parse::<i64>();
        let pairs = answer.rows.iter().map(|row| match row.as_slice() {
            [id, value] => Ok((number(id)?, number(value)?)),
            _ => bail!("no pair: {sql}"),
        });
        let mut pairs = pairs.collect::<Result<Vec<_>>>()?;
        pairs.sort_unstable();
        Ok(pairs)
    }

    /// Starts a statement that has to wait for another connection.
    async fn waits(&self, sql: &str) -> Result<Waiting> {
        let (client, text) = (Arc::clone(&self.client), sql.to_owned());
        let waiting = tokio::spawn(async move { client.run(&text).await });
        tokio::time::sleep(STILL_WAITING).await;
        ensure!(!waiting.is_finished(), "it did not wait: {sql}");
        Ok(waiting)
    }
}

async fn goes_on(waiting: Waiting) -> Result<Result<Answer, Failure>> {
    Ok(tokio::time::timeout(HANDED_OVER_MAX, waiting).await.context("it still waits")??)
}

/// Sees that a statement failed with Redshift's error 1023.
fn violates(answer: Result<Answer, Failure>) -> Result<()> {
    let failure = answer.err().context("a serializable isolation violation is expected")?;
    let detail = failure.detail.clone().unwrap_or_default();
    ensure!(failure.sqlstate == "XX000", "{failure}");
    ensure!(failure.message.starts_with("1023"), "{failure}");
    let words = detail.split_once(" - ").and_then(|(start, rest)| {
        let (table, rest) = rest.split_once(", transactions forming the cycle are: ")?;
        let (xids, pid) = rest.split_once(" (pid:")?;
        Some((start, table, xids, pid.strip_suffix(')')?))
    });
    let (start, table, xids, pid) = words.with_context(|| format!("detail: {detail}"))?;
    ensure!(start == "Serializable isolation violation on table", "{detail}");
    ensure!(table.parse::<u32>().is_ok() && pid.parse::<u32>().is_ok(), "{detail}");
    let xids = xids.split(", ").map(str::parse::<u64>).collect::<Result<Vec<_>, _>>()?;
    ensure!((1..=3).contains(&xids.len()), "{detail}");
    Ok(())
}

const INITIAL: [(i64, i64); 2] = [(1, 10), (2, 20)];

async fn at_both_levels(anomaly: impl AsyncFn(&Warehouse) -> Result<()>) -> Result<()> {
    for level in [Level::Snapshot, Level::Serializable] {
        let warehouse = Warehouse::start(level).await?;
        anomaly(&warehouse).await.with_context(|| format!("{level:?}"))?;
    }
    Ok(())
}

/// Each anomaly is a test of its name.
macro_rules! anomalies {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[tokio::test]
                async fn at_both_levels() -> anyhow::Result<()> {
                    super::at_both_levels(super::$name).await
                }
            }
        )+
    };
}

anomalies!(
    g0_dirty_write,
    g1a_aborted_read,
    g1b_intermediate_read,
    g1c_circular_information_flow,
    otv_observed_transaction_vanishes,
    pmp_predicate_many_preceders,
    pmp_with_a_write_predicate,
    p4_lost_update,
    g_single_read_skew,
    g_single_with_predicate_dependencies,
    g_single_with_a_write_predicate,
    g2_item_write_skew,
    g2_predicate_write_skew,
    g2_over_two_tables,
    g2_seen_by_a_read_only_transaction,
    g2_that_autocommitted_statements_close,
);

async fn g0_dirty_write(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    t1.ok("update test set value = 11 where id = 1").await?;
    let waiting = t2.waits("update test set value = 12 where id = 1").await?;
    t1.ok("update test set value = 21 where id = 2").await?;
    t1.ok("commit").await?;
    // Its snapshot starts after the wait.
    goes_on(waiting).await??;
    ensure!(t1.rows("select * from test").await? == [(1, 11), (2, 21)]);
    t2.ok("update test set value = 22 where id = 2").await?;
    t2.ok("commit").await?;
    ensure!(warehouse.rows_of_test().await? == [(1, 12), (2, 22)]);
    Ok(())
}

async fn g1a_aborted_read(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    t1.ok("update test set value = 101 where id = 1").await?;
    ensure!(t2.rows("select * from test").await? == INITIAL);
    t1.ok("rollback").await?;
    ensure!(t2.rows("select * from test").await? == INITIAL);
    t2.ok("commit").await?;
    ensure!(warehouse.rows_of_test().await? == INITIAL);
    Ok(())
}

async fn g1b_intermediate_read(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    t1.ok("update test set value = 101 where id = 1").await?;
    ensure!(t2.rows("select * from test").await? == INITIAL);
    t1.ok("update test set value = 11 where id = 1").await?;
    t1.ok("commit").await?;
    ensure!(t2.rows("select * from test").await? == INITIAL);
    t2.ok("commit").await?;
    ensure!(t2.rows("select * from test").await? == [(1, 11), (2, 20)]);
    Ok(())
}

async fn g1c_circular_information_flow(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    t1.ok("update test set value = 11 where id = 1").await?;
    t2.ok("update other set value = 22 where id = 2").await?;
    ensure!(t1.rows("select * from other").await? == INITIAL);
    ensure!(t2.rows("select * from test").await? == INITIAL);
    t1.ok("commit").await?;
    // Neither has seen the other, which no serial order explains.
    warehouse.refused_if_serializable(t2.run("commit").await)
}

async fn otv_observed_transaction_vanishes(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    t1.ok("update test set value = 11 where id = 1").await?;
    t1.ok("update test set value = 19 where id = 2").await?;
    let waiting = t2.waits("update test set value = 12 where id = 1").await?;
    t1.ok("commit").await?;
    goes_on(waiting).await??;
    let t3 = warehouse.begin().await?;
    ensure!(t3.rows("select * from test").await? == [(1, 11), (2, 19)]);
    t2.ok("update test set value = 18 where id = 2").await?;
    ensure!(t3.rows("select * from test").await? == [(1, 11), (2, 19)]);
    t2.ok("commit").await?;
    ensure!(t3.rows("select * from test").await? == [(1, 11), (2, 19)]);
    t3.ok("commit").await?;
    ensure!(warehouse.rows_of_test().await? == [(1, 12), (2, 18)]);
    Ok(())
}

async fn pmp_predicate_many_preceders(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    ensure!(t1.rows("select * from test where value = 30").await?.is_empty());
    t2.ok("insert into test values (3, 30)").await?;
    t2.ok("commit").await?;
    ensure!(t1.rows("select * from test where value % 3 = 0").await?.is_empty());
    t1.ok("commit").await?;
    ensure!(t1.rows("select * from test where value % 3 = 0").await? == [(3, 30)]);
    Ok(())
}

async fn pmp_with_a_write_predicate(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    ensure!(t2.rows("select * from test where value = 20").await? == [(2, 20)]);
    t1.ok("update test set value = value + 10").await?;
    let waiting = t2.waits("delete from test where value = 20").await?;
    t1.ok("commit").await?;
    violates(goes_on(waiting).await?)?;
    t2.ok("rollback").await?;
    ensure!(warehouse.rows_of_test().await? == [(1, 20), (2, 30)]);
    Ok(())
}

async fn p4_lost_update(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    for transaction in [&t1, &t2] {
        ensure!(transaction.rows("select * from test where id = 1").await? == [(1, 10)]);
    }
    t1.ok("update test set value = 11 where id = 1").await?;
    let waiting = t2.waits("update test set value = 11 where id = 1").await?;
    t1.ok("commit").await?;
    violates(goes_on(waiting).await?)?;
    // The block has failed, as after any error, and the connection goes on.
    let refused = t2.run("select 1").await.err().context("the block goes on")?;
    ensure!(refused.sqlstate == "25P02", "{refused}");
    t2.ok("rollback").await?;
    t2.ok("update test set value = value + 1 where id = 1").await?;
    ensure!(warehouse.rows_of_test().await? == [(1, 12), (2, 20)]);
    Ok(())
}

async fn g_single_read_skew(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    ensure!(t1.rows("select * from test where id = 1").await? == [(1, 10)]);
    ensure!(t2.rows("select * from test").await? == INITIAL);
    t2.ok("update test set value = 12 where id = 1").await?;
    t2.ok("update test set value = 18 where id = 2").await?;
    t2.ok("commit").await?;
    ensure!(t1.rows("select * from test where id = 2").await? == [(2, 20)]);
    t1.ok("commit").await
}

async fn g_single_with_predicate_dependencies(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    ensure!(t1.rows("select * from test where value % 5 = 0").await? == INITIAL);
    t2.ok("update test set value = 12 where value = 10").await?;
    t2.ok("commit").await?;
    ensure!(t1.rows("select * from test where value % 3 = 0").await?.is_empty());
    t1.ok("commit").await
}

async fn g_single_with_a_write_predicate(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    ensure!(t1.rows("select * from test where id = 1").await? == [(1, 10)]);
    t2.ok("update test set value = 12 where id = 1").await?;
    t2.ok("update test set value = 18 where id = 2").await?;
    t2.ok("commit").await?;
    violates(t1.run("delete from test where value = 20").await)?;
    t1.ok("rollback").await?;
    ensure!(warehouse.rows_of_test().await? == [(1, 12), (2, 18)]);
    Ok(())
}

async fn g2_item_write_skew(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    for transaction in [&t1, &t2] {
        ensure!(transaction.rows("select * from test where id in (1, 2)").await? == INITIAL);
    }
    t1.ok("update test set value = 11 where id = 1").await?;
    let waiting = t2.waits("update test set value = 21 where id = 2").await?;
    t1.ok("commit").await?;
    warehouse.refused_if_serializable(goes_on(waiting).await?)?;
    t2.ok("commit").await?;
    let second = if warehouse.level == Level::Snapshot { 21 } else { 20 };
    ensure!(warehouse.rows_of_test().await? == [(1, 11), (2, second)]);
    Ok(())
}

async fn g2_predicate_write_skew(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    for transaction in [&t1, &t2] {
        ensure!(transaction.rows("select * from test where value % 3 = 0").await?.is_empty());
    }
    t1.ok("insert into test values (3, 30)").await?;
    let waiting = t2.waits("insert into test values (4, 42)").await?;
    t1.ok("commit").await?;
    warehouse.refused_if_serializable(goes_on(waiting).await?)?;
    t2.ok("commit").await?;
    let rows = t1.rows("select * from test where value % 3 = 0").await?;
    ensure!(rows.len() == if warehouse.level == Level::Snapshot { 2 } else { 1 }, "{rows:?}");
    Ok(())
}

/// The example of Redshift's page "Serializable isolation".
async fn g2_over_two_tables(warehouse: &Warehouse) -> Result<()> {
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    t1.rows("select * from test").await?;
    t1.ok("insert into other values (3, 1)").await?;
    t2.ok("insert into test values (3, 1)").await?;
    t2.rows("select * from other").await?;
    t1.ok("commit").await?;
    // The next statement says so already, and nothing of the transaction is left.
    warehouse.refused_if_serializable(t2.run("select count(*) from other").await)?;
    t2.ok("commit").await?;
    let rows = warehouse.rows_of_test().await?.len();
    ensure!(rows == if warehouse.level == Level::Snapshot { 3 } else { 2 }, "{rows} rows");
    Ok(())
}

/// Fekete, O'Neil and O'Neil, "A read-only transaction anomaly under snapshot isolation".
async fn g2_seen_by_a_read_only_transaction(warehouse: &Warehouse) -> Result<()> {
    let (savings, checking) = ("test", "other");
    let both =
        format!("select a.value, b.value from {savings} a, {checking} b where a.id + b.id = 2");
    let (withdraw, report) = (warehouse.begin().await?, warehouse.begin().await?);
    ensure!(withdraw.rows(&both).await? == [(10, 10)]);
    let deposit = warehouse.connect().await?;
    deposit.ok(&format!("update {savings} set value = 30 where id = 1")).await?;
    ensure!(report.rows(&both).await? == [(30, 10)]);
    report.ok("commit").await?;
    // The report has seen the deposit and not the withdrawal, which has not seen the deposit.
    let withdrawn = format!("update {checking} set value = -11 where id = 1");
    warehouse.refused_if_serializable(withdraw.run(&withdrawn).await)?;
    withdraw.ok("commit").await?;
    let expected = if warehouse.level == Level::Snapshot { (30, -11) } else { (30, 10) };
    ensure!(deposit.rows(&both).await? == [expected]);
    Ok(())
}

async fn g2_that_autocommitted_statements_close(warehouse: &Warehouse) -> Result<()> {
    let block = warehouse.begin().await?;
    let alone = warehouse.connect().await?;
    block.rows("select * from test").await?;
    alone.ok("update test set value = 0 where id = 2").await?;
    // It sees the change, and not what the block is about to do.
    alone
        .ok("create table joined as select t.id, o.value from test t join other o on t.id = o.id")
        .await?;
    warehouse.refused_if_serializable(block.run("insert into other values (3, 30)").await)
}

#[tokio::test]
async fn what_has_a_serial_order_is_never_refused() -> Result<()> {
    let warehouse = Warehouse::start(Level::Serializable).await?;
    // A load, a transformation that started before it, and a report that started before both have ended.
    let (transform, report) = (warehouse.begin().await?, warehouse.begin().await?);
    ensure!(transform.rows("select * from test").await? == INITIAL);
    let load = warehouse.connect().await?;
    load.ok("insert into test values (3, 30)").await?;
    ensure!(report.rows("select * from other").await? == INITIAL);
    transform.ok("insert into other select id, value from test").await?;
    transform.ok("commit").await?;
    ensure!(report.rows("select * from other").await? == INITIAL);
    report.ok("commit").await?;
    // Both only add rows: it does not matter who was first.
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    for transaction in [&t1, &t2] {
        transaction.rows("select * from other").await?;
    }
    t1.ok("insert into test values (4, 40)").await?;
    let waiting = t2.waits("insert into test values (5, 50)").await?;
    t1.ok("commit").await?;
    goes_on(waiting).await??;
    t2.ok("commit").await?;
    ensure!(warehouse.rows_of_test().await?.len() == 5);
    // Who tries again gets through.
    let (t1, t2) = (warehouse.begin().await?, warehouse.begin().await?);
    t2.rows("select * from test").await?;
    t1.ok("update test set value = 0 where id = 1").await?;
    t1.ok("commit").await?;
    violates(t2.run("update test set value = 0 where id = 2").await)?;
    t2.ok("rollback").await?;
    t2.ok("begin").await?;
    t2.ok("update test set value = 0 where id = 2").await?;
    t2.ok("commit").await
}

#[tokio::test]
async fn a_vacuum_is_before_and_after_everybody() -> Result<()> {
    let warehouse = Warehouse::start(Level::Serializable).await?;
    let alone = warehouse.connect().await?;
    alone.ok("delete from test where id = 1").await?;
    let block = warehouse.begin().await?;
    ensure!(block.rows("select * from test").await? == [(2, 20)]);
    alone.ok("vacuum test to 100 percent").await?;
    block.ok("insert into test values (3, 30)").await?;
    block.ok("commit").await?;
    ensure!(warehouse.rows_of_test().await? == [(2, 20), (3, 30)]);
    Ok(())
}

#[tokio::test]
async fn the_isolation_level_survives_a_kill() -> Result<()> {
    let mut warehouse = Warehouse::start(Level::Serializable).await?;
    let level = "select trim(isolation_level) from stv_db_isolation_level where db_name = 'dev'";
    for _ in 0..2 {
        let connection = warehouse.connect().await?;
        ensure!(connection.client.value(level).await? == "Serializable");
        warehouse.cluster.kill_and_restart()?;
    }
    g2_item_write_skew(&warehouse).await
}
