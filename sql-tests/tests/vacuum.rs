//! VACUUM beside writers, under kill -9 and on a full disk: every row is there exactly once, and nothing is
//! left behind.
//!
//! Seeded: a failing round prints its seed, and `SEED` is the only thing to change to repeat it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sql_tests::{
    client::Client,
    cluster::{Cluster, ClusterOptions},
    folder::{bytes_below, files_below},
    process,
};

/// Where every round's choices come from.
const SEED: u64 = 0x7ac;
/// How often the server is killed.
const ROUNDS: u64 = 12;
/// Rows of each load: the values 0..ROWS, so that all loads overlap.
const ROWS: i64 = 60_000;
/// A VACUUM of four loads takes less than this on any machine we know; most kills fall into it.
const VACUUM_MS: u64 = 500;
/// Single rows that one session inserts.
const SINGLE_ROWS: i64 = 120;

/// Adds one load; returns the SQL.
fn load() -> String {
    format!(
        "insert into t with recursive n (i) as (select 0 union all select i + 1 from n where i < {}) \
         select i, i * 3 from n",
        ROWS - 1
    )
}

/// How many rows there are, and their sum.
async fn totals(client: &Client) -> Result<(i64, i64)> {
    let count = client.number("select count(*) from t").await?;
    Ok((count, client.number("select coalesce(sum(x), 0) from t").await?))
}

/// Runs `blueshift check`; returns whether it ended well, and what it said.
fn check(cluster: &Cluster) -> Result<(bool, String)> {
    let mut command: Command = process::command()?;
    let output = command.args(["check", "--data"]).arg(cluster.data()).output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vacuum_that_is_killed_leaves_every_row_once_and_nothing_behind() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let mut session = cluster.connect().await?;
    session.run("create table t (x bigint, y bigint) distkey (x) sortkey (x)").await?;
    for _ in 0..3 {
        session.run(&load()).await?;
    }
    let mut random = StdRng::seed_from_u64(SEED);
    for round in 0..ROUNDS {
        session.run(&load()).await?;
        let rest = random.random_range(2..40);
        session
            .run(&format!("delete from t where x % {rest} = 1 and y % 2 = {}", round % 2))
            .await?;
        let before = totals(&session).await?;
        let vacuum = tokio::spawn(async move { session.run("vacuum t to 100 percent").await });
        let wait = Duration::from_millis(random.random_range(0..VACUUM_MS));
        tokio::time::sleep(wait).await;
        cluster.kill_and_restart().with_context(|| format!("round {round}, seed {SEED}"))?;
        drop(vacuum.await?);
        session = cluster.connect().await?;
        let after = totals(&session).await?;
        ensure!(after == before, "round {round}, killed after {wait:?}: {after:?}, not {before:?}");
        let code = cluster.process().terminate()?;
        ensure!(code == Some(0), "exit code {code:?}");
        let (is_whole, said) = check(&cluster)?;
        ensure!(is_whole, "round {round}, seed {SEED}, killed after {wait:?}:\n{said}");
        cluster.restart()?;
        session = cluster.connect().await?;
    }
    session.run("vacuum t to 100 percent").await?;
    let unsorted = session.value("select unsorted from svv_table_info").await?;
    ensure!(unsorted == "0.00", "{unsorted} % unsorted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletes_updates_and_inserts_beside_a_vacuum_are_kept() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let session = cluster.connect().await?;
    session.run("create table t (x bigint, y bigint) distkey (x) sortkey (x)").await?;
    session.run(&load()).await?;
    let vacuumer = cluster.connect().await?;
    let vacuums = tokio::spawn(async move {
        for round in 0..8 {
            // One overlapping load for each, so that there is something to merge.
            vacuumer.run(&load()).await?;
            let boost = if round % 3 == 2 { "boost" } else { "" };
            vacuumer.run(&format!("vacuum t to 100 percent {boost}")).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    // Each statement takes rows of its own, so that what is left does not depend on the order.
    let (mut deleted, mut inserted) = (0, 0);
    let mut random = StdRng::seed_from_u64(SEED);
    for x in 0..60 {
        let gone = 1_000 + x * 7;
        deleted += session.run(&format!("delete from t where x = {gone}")).await?.count as i64;
        session.run(&format!("update t set y = -1 where x = {}", 2_000 + x * 7)).await?;
        session.run(&format!("insert into t values ({}, -2)", 1_000_000 + x)).await?;
        inserted += 1;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..30))).await;
    }
    vacuums.await??;
    let count = session.number("select count(*) from t").await?;
    let expected = 9 * ROWS + inserted - deleted;
    ensure!(count == expected, "{count} rows, not {expected}; {deleted} were deleted");
    let distinct = session.number("select count(distinct x) from t where x >= 1000000").await?;
    ensure!(distinct == inserted, "{distinct} of {inserted} single rows");
    let doubled = "select count(*) from (select x from t group by x having count(*) > 9) d";
    ensure!(session.number(doubled).await? == 0, "rows are doubled");
    drop(session);
    let code = cluster.process().terminate()?;
    ensure!(code == Some(0), "exit code {code:?}");
    let (is_whole, said) = check(&cluster)?;
    ensure!(is_whole, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_inserts_become_few_runs_by_themselves() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let first = cluster.connect().await?;
    first.run("create table t (x bigint, y bigint) diststyle even sortkey (x)").await?;
    let mut writers = Vec::new();
    for writer in 0..4 {
        let session = cluster.connect().await?;
        writers.push(tokio::spawn(async move {
            for row in 0..SINGLE_ROWS {
                let x = row * 4 + writer;
                session.run(&format!("insert into t values ({x}, {writer})")).await?;
            }
            Ok::<_, anyhow::Error>(())
        }));
    }
    for writer in writers {
        writer.await??;
    }
    let rows = 4 * SINGLE_ROWS;
    let expected = (rows, rows * (rows - 1) / 2);
    ensure!(totals(&first).await? == expected, "while runs are merged");
    let runs = || Ok::<_, anyhow::Error>(files_below(&cluster.data().join("table"))?.len());
    let mut left = runs()?;
    for _ in 0..100 {
        if left < 64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        left = runs()?;
    }
    ensure!(left < 64, "{left} runs are left of {rows} inserts");
    ensure!(totals(&first).await? == expected, "after runs were merged");
    let merged = "select count(*) from stl_vacuum where status like '[VacuumBG]%'";
    ensure!(first.number(merged).await? >= 2, "no merge is in stl_vacuum");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auto_table_that_outgrows_one_slice_is_spread_by_itself() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let session = cluster.connect().await?;
    session.run("create table keyed (k int primary key, v varchar) diststyle auto").await?;
    session.run("create table plain (k int, v varchar) diststyle auto").await?;
    // Texts that nothing compresses below 8 MB.
    let rows = "with recursive n (i) as (select 0 union all select i + 1 from n where i < 149999) \
                select i, sha2(i::varchar, 512) from n";
    for (table, style) in [("keyed", "AUTO(KEY(k))"), ("plain", "AUTO(EVEN)")] {
        session.run(&format!("insert into {table} {rows}")).await?;
        let shown = format!("select diststyle from svv_table_info where \"table\" = '{table}'");
        let mut now = session.value(&shown).await?;
        for _ in 0..100 {
            if now == style {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            now = session.value(&shown).await?;
        }
        ensure!(now == style, "{table} is {now}");
        let count = format!("select count(distinct k) * 10 + count(*) - count(v) from {table}");
        ensure!(session.number(&count).await? == 1_500_000, "{table} lost rows");
        let slices = format!(
            "select count(*) from stv_tbl_perm where name = '{table}' and slice < 6000 and rows > 50000"
        );
        ensure!(session.number(&slices).await? == 2, "the rows of {table} are not on both slices");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_written_with_new_encodings_by_themselves() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let session = cluster.connect().await?;
    session
        .run("create table t (x bigint encode raw, y bigint encode raw) distkey (x) sortkey (x)")
        .await?;
    for _ in 0..4 {
        session.run(&load()).await?;
    }
    session.run("delete from t where x % 10 = 3").await?;
    let size = "select sum(size) from svv_table_info";
    let (before, raw_bytes) =
        (totals(&session).await?, bytes_below(&cluster.data().join("table"))?);
    session.run("alter table t alter column x encode zstd, alter column y encode az64").await?;
    // Rows come and go, and are counted, while runs are written anew.
    let writer = cluster.connect().await?;
    let mut deleted = 0;
    let mut left = raw_bytes;
    for row in 0..150 {
        writer.run(&format!("delete from t where x = {row} and x % 10 <> 3")).await?;
        deleted += if row % 10 == 3 { 0 } else { 4 };
        ensure!(totals(&session).await?.0 == before.0 - deleted, "after {deleted} deletes");
        left = bytes_below(&cluster.data().join("table"))?;
        if left < raw_bytes / 2 && row > 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ensure!(left < raw_bytes / 2, "{left} bytes are left of {raw_bytes}");
    let other = "select count(*) from stl_vacuum where status = '[VacuumBG] Finished'";
    ensure!(session.number(other).await? >= 1, "no rewrite is in stl_vacuum");
    // RAW again, at once; then nothing is left to do in the background.
    session.run("alter table t alter column x encode raw, alter column y encode raw").await?;
    let small = session.number(size).await?;
    session.run("vacuum full t to 100 percent").await?;
    ensure!(session.number(size).await? >= small, "RAW is smaller than {small} blocks");
    ensure!(totals(&session).await?.0 == before.0 - deleted, "after the last vacuum");
    Ok(())
}

#[tokio::test]
async fn old_runs_stay_while_a_reader_can_reach_them_and_go_after() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions { slices: Some(1), ..Default::default() })?;
    let (writer, reader) = (cluster.connect().await?, cluster.connect().await?);
    writer.run("create table t (x bigint, y bigint) sortkey (x)").await?;
    for _ in 0..3 {
        writer.run("insert into t values (1, 1), (5, 5), (9, 9)").await?;
    }
    reader.run("begin").await?;
    ensure!(totals(&reader).await? == (9, 45));
    writer.run("delete from t where x = 5").await?;
    writer.run("vacuum t").await?;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    ensure!(totals(&reader).await? == (9, 45), "the reader lost rows");
    reader.run("commit").await?;
    // Nothing is committed any more: they go all the same.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let left = files_below(&cluster.data().join("table"))?.len();
    ensure!(left == 1, "{left} objects of one run");
    ensure!(totals(&reader).await? == (6, 30));
    Ok(())
}

#[tokio::test]
async fn a_vacuum_on_a_full_disk_fails_and_loses_nothing() -> Result<()> {
    let options =
        ClusterOptions { file_bytes_max: Some(256 << 10), slices: Some(1), ..Default::default() };
    let cluster = Cluster::start(options)?;
    let client = cluster.connect().await?;
    client.run("create table t (x bigint, noise varchar(64)) sortkey (x)").await?;
    for seed in 0..6 {
        // Digits that do not compress; each load stays below the limit, all together do not.
        let rows = format!(
            "insert into t with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000) \
             select i, md5((i * 7 + {seed})::varchar) from n"
        );
        client.run(&rows).await?;
    }
    client.run("delete from t where x = 7").await?;
    let before = totals(&client).await?;
    ensure!(before.0 == 6 * 2_999, "{before:?}");
    let failure = client.run("vacuum t to 100 percent").await.err().context("it did not fail")?;
    ensure!(["53100", "58030"].contains(&failure.sqlstate.as_str()), "{failure}");
    ensure!(totals(&client).await? == before, "rows were lost");
    let status = client.value("select status from svv_vacuum_progress").await?;
    ensure!(status == "Failed", "{status}");
    client.run("insert into t values (1, 'still')").await?;
    ensure!(totals(&client).await?.0 == before.0 + 1, "the disk has room for a row");
    Ok(())
}

#[tokio::test]
async fn check_says_what_is_wrong_in_plain_words() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(1), ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run("create table t (x bigint, y bigint)").await?;
    client.run(&load()).await?;
    let (_, said) = check(&cluster)?;
    ensure!(said.contains("in use by another process"), "{said}");
    let code = cluster.process().terminate()?;
    ensure!(code == Some(0), "exit code {code:?}");
    let (is_whole, said) = check(&cluster)?;
    ensure!(is_whole && said.contains("checked 1 tables, 1 runs, 60000 rows"), "{said}");
    let run = only_file(&cluster.data().join("table"))?;
    let mut bytes = std::fs::read(&run)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&run, bytes)?;
    let (is_whole, said) = check(&cluster)?;
    ensure!(!is_whole, "{said}");
    ensure!(said.contains("table dev.public.t, slice 0, run "), "{said}");
    ensure!(said.contains("its checksum does not match its content"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_torn_run_fails_the_queries_that_meet_it_and_no_other() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(1), ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run("create table t (x bigint, y bigint)").await?;
    client.run(&load()).await?;
    let torn = only_file(&cluster.data().join("table"))?;
    client.run("create table whole as select * from t").await?;
    cluster.process().kill()?;
    let bytes = std::fs::read(&torn)?;
    std::fs::write(&torn, &bytes[..bytes.len() / 2])?;
    cluster.restart()?;
    let client = cluster.connect().await?;
    let failure = client.run("select sum(x) from t").await.err().context("it did not fail")?;
    ensure!(failure.sqlstate == "XX001", "{failure}");
    ensure!(failure.message.contains("of table \"t\", on slice 0, is damaged"), "{failure}");
    let whole = client.number("select sum(x) from whole").await?;
    ensure!(whole == ROWS * (ROWS - 1) / 2, "{whole}");
    let failure = client.run("vacuum t").await.err();
    ensure!(failure.is_none(), "one run is nothing to vacuum");
    Ok(())
}

/// Returns the one file below a folder.
fn only_file(folder: &Path) -> Result<PathBuf> {
    files_below(folder)?.pop().context("no file")
}
