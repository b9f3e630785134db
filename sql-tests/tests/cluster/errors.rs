//! An error that a compute node raises looks to a client as one of a single process does: code, message, position, detail, hint.
//!
//! Not here: memory and disk that are not enough (`sql-tests/tests/memory.rs`).

use sql_tests::cluster::{Cluster, ClusterOptions};
use tokio_postgres::NoTls;

use super::*;

/// One row of many is what fails: in a scan, above a shuffle, or where rows are written.
const TABLES: [&str; 6] = [
    "create table m (k int, zero int, big bigint, d numeric(38, 0), f float8, s varchar(40)) distkey(k)",
    "create table n (i int)",
    "insert into n values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
    "insert into m select a.i + 10 * b.i + 1, 1, 1, 1, 1, '1' from n a, n b",
    "insert into m values (1000, 0, 9223372036854775807, 99999999999999999999999999999999999999, 1e308, 'x''\"{}')",
    "create table w (k int not null, small smallint, d numeric(4, 1), s varchar(3), c char(2)) distkey(k)",
];

/// SQLSTATE and statement.
const FAILURES: [(&str, &str); 34] = [
    ("22012", "select k / zero from m"),
    ("22012", "select k % zero from m"),
    ("22012", "select d / zero from m"),
    ("22012", "select f / zero from m"),
    ("22012", "select count(*) from m where 1 / zero = 1"),
    ("22012", "select s, sum(1 / zero) from m group by s"),
    ("22012", "select max(q) from (select s, 1 / min(zero) as q from m group by s)"),
    ("22012", "select rank() over (partition by s order by 1 / zero) from m"),
    ("22012", "select x.k from m x join m y on x.k = y.big where x.k / (y.zero - x.zero) > 0"),
    ("22012", "select k from m order by 1 / zero limit 3"),
    ("22012", "insert into w (k) select 1 / zero from m"),
    ("22012", "update m set k = k / zero"),
    ("22012", "delete from m where k / zero = 3"),
    ("22012", "create table made as select k / zero as q from m"),
    ("22003", "select big + 1 from m"),
    ("22003", "select big::int from m"),
    ("22003", "select d * 10 from m"),
    ("22003", "select f * 10 from m"),
    ("22003", "select sum(big) from m"),
    ("22003", "select sum(d) from (select d from m union all select d from m)"),
    ("22003", "insert into w (k, small) select k, big from m"),
    ("22003", "insert into w (k, d) select k, d from m"),
    ("22P02", "select s::int from m"),
    ("22P02", "select count(*) from m where s::boolean"),
    ("22P02", "insert into w (k) select s::int from m"),
    ("22007", "select s::date from m where k = 1000"),
    ("22007", "select s::timestamp from m where k = 1000"),
    ("2201E", "select ln(zero) from m"),
    ("2201F", "select sqrt(zero - 1) from m where k = 1000"),
    ("22001", "insert into w (k, s) select k, s from m"),
    ("22001", "insert into w (k, c) select k, s from m"),
    ("23502", "insert into w (k) select nullif(zero, 0) from m"),
    ("22023", "select split_part(s, 'x', zero) from m"),
    ("21000", "select k, (select big from m) from m"),
];

/// A join of ten billion rows.
const LONG: &str =
    "select count(*) from m a, m b, m c, m d, m e where sqrt(a.k + b.k + c.k + d.k + e.k) < 0";

/// Returns how a statement fails; the connection goes on.
async fn failure(client: &Client, sql: &str) -> Result<sql_tests::client::Failure> {
    let outcome = tokio::time::timeout(ANSWER_WAIT_MAX, client.run(sql)).await;
    let failure = outcome.with_context(|| format!("no end: {sql}"))?.err();
    client.run("select 1").await.with_context(|| format!("after {sql}"))?;
    failure.with_context(|| format!("it is no error: {sql}"))
}

async fn loaded(compute_nodes: Option<u32>) -> Result<(Cluster, Client)> {
    let options = ClusterOptions { slices: Some(2), compute_nodes, ..ClusterOptions::default() };
    let cluster = Cluster::start(options)?;
    let client = cluster.connect().await?;
    for sql in TABLES {
        client.run(sql).await.with_context(|| sql.to_owned())?;
    }
    Ok((cluster, client))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_node_is_that_of_one_process() -> Result<()> {
    let (_serve, alone) = loaded(None).await?;
    let (_cluster, client) = loaded(Some(2)).await?;
    for (sqlstate, sql) in FAILURES {
        let (expected, found) = (failure(&alone, sql).await?, failure(&client, sql).await?);
        ensure!(found.sqlstate == sqlstate, "{sql}\n{found}");
        // With all of its fields.
        ensure!(format!("{expected:?}") == format!("{found:?}"), "{sql}\n{expected:?}\n{found:?}");
    }
    ensure!(client.number("select count(*) from m").await? == 101);
    ensure!(client.number("select count(*) from w").await? == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_stopped_says_why_on_nodes_as_in_one_process() -> Result<()> {
    let mut seen = Vec::new();
    for compute_nodes in [None, Some(2)] {
        let (cluster, client) = loaded(compute_nodes).await?;
        client.run("set statement_timeout = 300").await?;
        let timed_out = failure(&client, LONG).await?;
        client.run("set statement_timeout = 0").await?;
        let cancel = client.cancel_token();
        let cancelling = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            cancel.cancel_query(NoTls).await
        });
        let cancelled = failure(&client, LONG).await?;
        cancelling.await??;
        ensure!(timed_out.sqlstate == "57014" && cancelled.sqlstate == "57014");
        seen.push(format!("{timed_out:?} {cancelled:?}"));
        drop((client, cluster));
    }
    ensure!(seen[0] == seen[1], "{seen:?}");
    Ok(())
}
