//! Queries that need more memory than there is: sorts, aggregations, exchanges and joins go on on disk and answer
//! rightly; what cannot (NOT IN) fails with 53200, and a full disk with 53100. No file is left.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::{Client, Failure},
    cluster::{Cluster, ClusterOptions},
};
use tempfile::TempDir;

/// The memory of a process: queries get six tenths of it.
const MEMORY: &str = "80MB";
/// Of a leader and two nodes.
const CLUSTER_MEMORY: &str = "240MB";
/// How long files of queries may be there after these.
const FILES_WAIT_MAX: Duration = Duration::from_secs(10);

/// Half a million texts that no two rows have in common, on slices by something else.
const TABLES: [&str; 7] = [
    "create table digits (i int) diststyle all",
    "insert into digits values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
    "create table t (k bigint, v varchar(40)) distkey (k)",
    "insert into t select k, md5(k::varchar) from (
       select a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i + 100000 * f.i as k
       from digits a, digits b, digits c, digits d, digits e, digits f where f.i < 5)",
    "create table u (k bigint, v varchar(40)) diststyle even",
    "insert into u select k, v from t",
    "create table w (n bigint)",
];

/// Each needs more memory than there is.
const SORT: &str = "select sum(k * (r % 1000))
    from (select k, row_number() over (partition by k % 4 order by v) as r from t)";
const AGGREGATE: &str = "select count(*), sum(n), min(v), max(v)
    from (select v, count(*) as n from (select v from t union all select v from u) group by v)";
/// The smaller side is two million texts.
const JOIN: &str = "select count(*) from (select v || i as v from t, digits where i < 4) x
    join (select v || i as v from u, digits where i < 5) y on x.v = y.v";
const NOT_IN: &str = "select count(*) from (select v || i as v from t, digits where i < 4) x
    where v not in (select v from u)";

const QUERIES: [&str; 3] = [SORT, AGGREGATE, JOIN];

/// Two million rows of one key.
const ONE_KEY: &str = "select count(*) from (select v || i as v, k * 0 as z from t, digits where i < 4) x
    join (select v || i as v, k * 0 as z from u, digits where i < 5) y on x.z = y.z where x.v < y.v";
/// Each side is kept whole.
const FULL: &str = "select count(*) from (select v || i as v from t, digits where i < 4) x
    full join (select v || i as v from u, digits where i < 5) y on x.v < y.v";

async fn load(client: &Client) -> Result<()> {
    for sql in TABLES {
        client.run(sql).await.with_context(|| sql.to_owned())?;
    }
    Ok(())
}

async fn answers(client: &Client) -> Result<Vec<Vec<Vec<Option<String>>>>> {
    let mut answers = Vec::new();
    for sql in QUERIES {
        answers.push(client.run(sql).await.with_context(|| sql.to_owned())?.rows);
    }
    Ok(answers)
}

/// Returns the files of queries in the folders of processes.
fn files(spill_dir: &Path) -> Result<usize> {
    let mut files = 0;
    for process in fs::read_dir(spill_dir)? {
        for file in fs::read_dir(process?.path())? {
            files += usize::from(file?.file_name() != "lock");
        }
    }
    Ok(files)
}

async fn no_file_is_left(cluster: &Cluster) -> Result<()> {
    let until = Instant::now() + FILES_WAIT_MAX;
    while files(&cluster.spill_dir())? > 0 {
        ensure!(Instant::now() < until, "files of queries are left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn limited(data: &TempDir) -> ClusterOptions {
    ClusterOptions {
        slices: Some(2),
        memory: Some(MEMORY),
        data: Some(data.path().join("data")),
        ..ClusterOptions::default()
    }
}

/// Loads the tables, and returns their folder and the answers of a warehouse that has memory for all.
async fn loaded() -> Result<(TempDir, Vec<Vec<Vec<Option<String>>>>)> {
    let data = TempDir::new()?;
    let mut cluster = Cluster::start(ClusterOptions { memory: None, ..limited(&data) })?;
    let client = cluster.connect().await?;
    load(&client).await?;
    let answers = answers(&client).await?;
    drop(client);
    cluster.process().terminate()?;
    Ok((data, answers))
}

async fn explain(client: &Client, sql: &str) -> Result<String> {
    let lines = client.run(sql).await?.rows.into_iter().flatten().flatten();
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_answered_from_disk() -> Result<()> {
    let (data, expected) = loaded().await?;
    let mut cluster = Cluster::start(limited(&data))?;
    let client = cluster.connect().await?;
    ensure!(answers(&client).await? == expected, "other answers than with memory for all");
    for sql in QUERIES {
        let plan = explain(&client, &format!("explain analyze {sql}")).await?;
        ensure!(plan.contains("Spilled: "), "{sql}\n{plan}");
    }
    no_file_is_left(&cluster).await?;
    let spill_dir = cluster.spill_dir();
    drop(client);
    ensure!(cluster.process().terminate()? == Some(0));
    ensure!(fs::read_dir(spill_dir)?.count() == 0, "the folder of the process is left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_on_disk_fails_and_the_session_goes_on() -> Result<()> {
    let (data, _) = loaded().await?;
    let cluster = Cluster::start(limited(&data))?;
    let client = cluster.connect().await?;
    let failure = client.run(NOT_IN).await.err().context("it fits")?;
    ensure!(failure.sqlstate == "53200" && failure.message == "out of memory", "{failure}");
    ensure!(failure.hint.as_deref().is_some_and(|hint| hint.contains("--memory")), "{failure}");
    ensure!(failure.detail.is_some(), "{failure}");
    ensure!(client.number("select count(*) from t").await? == 500_000);
    no_file_is_left(&cluster).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_fails_the_query_that_spills() -> Result<()> {
    let (data, _) = loaded().await?;
    let mut cluster =
        Cluster::start(ClusterOptions { spill_limit: Some("1MB"), ..limited(&data) })?;
    let client = cluster.connect().await?;
    for sql in QUERIES {
        let failure = client.run(sql).await.err().with_context(|| sql.to_owned())?;
        ensure!(failure.sqlstate == "53100", "{failure}");
        no_file_is_left(&cluster).await?;
    }
    ensure!(client.number("select count(*) from t").await? == 500_000);
    // Killed, a process leaves its folder, and the next removes it.
    cluster.kill_and_restart()?;
    ensure!(fs::read_dir(cluster.spill_dir())?.count() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_a_cluster_spill_each_on_its_own() -> Result<()> {
    let (data, expected) = loaded().await?;
    let cluster = Cluster::start(ClusterOptions {
        slices: None,
        compute_nodes: Some(2),
        memory: Some(CLUSTER_MEMORY),
        ..limited(&data)
    })?;
    let client = cluster.connect().await?;
    ensure!(fs::read_dir(cluster.spill_dir())?.count() == 3, "a folder for each process");
    ensure!(answers(&client).await? == expected, "other answers than with memory for all");
    let failure = client.run(NOT_IN).await.err().context("it fits")?;
    ensure!(failure.sqlstate == "53200", "{failure}");
    no_file_is_left(&cluster).await
}

/// Returns how statements fail, but for the detail of 53200: who has how much of the memory is another matter in each process.
async fn failures(options: ClusterOptions, statements: &[String]) -> Result<Vec<Failure>> {
    let mut cluster = Cluster::start(options)?;
    let client = cluster.connect().await?;
    let mut failures = Vec::new();
    for sql in statements {
        let mut failure = client.run(sql).await.err().with_context(|| format!("it fits: {sql}"))?;
        if failure.sqlstate == "53200" {
            let detail = failure.detail.take().unwrap_or_default();
            ensure!(detail.contains(" more; the query has "), "{sql}\n{detail}");
        }
        failures.push(failure);
        ensure!(client.number("select count(*) from w").await? == 0);
    }
    no_file_is_left(&cluster).await?;
    drop(client);
    ensure!(cluster.process().terminate()? == Some(0));
    Ok(failures)
}

/// Checks that statements fail on nodes as in one process, which has as much memory as each of them.
async fn fail_alike(alone: ClusterOptions, sqlstate: &str, statements: &[String]) -> Result<()> {
    let cluster = ClusterOptions {
        slices: None,
        compute_nodes: Some(2),
        memory: Some(CLUSTER_MEMORY),
        ..alone.clone()
    };
    let expected = failures(alone, statements).await?;
    let found = failures(cluster, statements).await?;
    for ((sql, expected), found) in statements.iter().zip(expected).zip(found) {
        ensure!(found.sqlstate == sqlstate && found.hint.is_some(), "{sql}\n{found}");
        ensure!(format!("{expected:?}") == format!("{found:?}"), "{sql}\n{expected}\n{found}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_memory_or_disk_says_so_as_one_process_does() -> Result<()> {
    let (data, _) = loaded().await?;
    let written = |sql: &str| format!("insert into w {sql}");
    let unspillable = [NOT_IN.to_owned(), ONE_KEY.to_owned(), FULL.to_owned(), written(ONE_KEY)];
    fail_alike(limited(&data), "53200", &unspillable).await?;
    let spilling = QUERIES.map(str::to_owned).into_iter().chain([written(JOIN)]);
    let options = ClusterOptions { spill_limit: Some("1MB"), ..limited(&data) };
    fail_alike(options, "53100", &spilling.collect::<Vec<_>>()).await
}
