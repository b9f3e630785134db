//! kill -9 of the real binary: what was acknowledged is there, what was not is there whole or not
//! at all, and the server comes back by itself.
//!
//! Seeded: a failing round prints its seed, and `SEED` is the only thing to change to repeat it.

use std::{collections::BTreeMap, ops::Range, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sql_tests::{
    client::Client,
    cluster::{Cluster, ClusterOptions},
    folder::files_below,
    load_files, process,
    s3::S3Endpoint,
};

/// Where every round's choices come from.
const SEED: u64 = 0x5439;
/// How often the server is killed.
const ROUNDS: u64 = 20;
/// How often it is killed while many small INSERTs arrive, from how many clients, and after how long at most.
const SMALL_INSERT_ROUNDS: u64 = 6;
/// See [`SMALL_INSERT_ROUNDS`].
const SMALL_INSERT_CLIENTS: i64 = 8;
/// See [`SMALL_INSERT_ROUNDS`].
const SMALL_INSERT_MS: u64 = 2_000;
/// The rows of the files that are loaded when the server dies.
const COPY_ROWS: i64 = 400_000;
/// The files they are in.
const COPY_FILES: i64 = 4;
/// The rows that are deleted and updated, and then a few more in every round.
const KEPT_ROWS: i64 = 200;
/// An UPDATE and a DELETE of these rows take less than this on any machine we know.
const UPDATE_MS: u64 = 60;
/// A COPY of these rows takes less than this on any machine we know; most kills fall into it.
const COPY_MS: u64 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_rows_survive_a_kill_between_statements() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run("create table kept (round int, x int) distkey (x)").await?;
    let mut random = StdRng::seed_from_u64(SEED);
    let mut expected = 0;
    let mut client = Some(client);
    for round in 0..ROUNDS {
        let session = client.take().context("a session")?;
        for _ in 0..random.random_range(1..5) {
            let rows = random.random_range(1..4_i64);
            let values: Vec<String> = (0..rows).map(|x| format!("({round}, {x})")).collect();
            session.run(&format!("insert into kept values {}", values.join(", "))).await?;
            expected += rows;
        }
        // Never acknowledged: must not be seen again.
        session.run("begin").await?;
        session.run(&format!("insert into kept values ({round}, -1)")).await?;
        session.run("create table never (x int)").await?;
        cluster.kill_and_restart().with_context(|| format!("round {round}, seed {SEED}"))?;
        let session = cluster.connect().await?;
        assert_rows(&session, "kept", expected, round).await?;
        let stray = session.run("select * from never").await;
        ensure!(
            stray.is_err_and(|e| e.sqlstate == "42P01"),
            "round {round}: an uncommitted table is there"
        );
        client = Some(session);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_rows_of_many_small_inserts_survive_a_kill_under_load() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let session = cluster.connect().await?;
    session.run("create table kept (round int, client int, x int, s varchar(40))").await?;
    session.run("create table sorted (round int, x int) distkey (x) sortkey (x)").await?;
    drop(session);
    let mut random = StdRng::seed_from_u64(SEED);
    let mut acknowledged: BTreeMap<(u64, i64), i64> = BTreeMap::new();
    let mut sorted = 0;
    for round in 0..SMALL_INSERT_ROUNDS {
        let mut clients = Vec::new();
        for client in 0..SMALL_INSERT_CLIENTS {
            let session = cluster.connect().await?;
            clients.push(tokio::spawn(async move {
                let mut done = 0;
                loop {
                    let x = done;
                    let sql = match client {
                        0 => format!("insert into sorted values ({round}, {x})"),
                        _ => format!("insert into kept values ({round}, {client}, {x}, 'row {x}')"),
                    };
                    if session.run(&sql).await.is_err() {
                        return done;
                    }
                    done += 1;
                }
            }));
        }
        // Long enough for merges, and for checkpoints with rows in them, to be under way.
        let wait = Duration::from_millis(random.random_range(100..SMALL_INSERT_MS));
        tokio::time::sleep(wait).await;
        cluster.kill_and_restart().with_context(|| format!("round {round}, seed {SEED}"))?;
        for (client, counted) in (0..).zip(clients) {
            acknowledged.insert((round, client), counted.await?);
        }
        let session = cluster.connect().await?;
        for ((round, client), done) in acknowledged.range((round, 1)..) {
            let rows = format!(
                "select case when count(*) = count(distinct x) and count(*) = coalesce(max(x) + 1, 0) \
                 then count(*) else -1 end from kept \
                 where round = {round} and client = {client} and s = 'row ' || x"
            );
            // The last one may have become durable before anybody was told.
            let found = session.number(&rows).await?;
            ensure!(
                (*done..=done + 1).contains(&found),
                "round {round}, client {client}, seed {SEED}: {found} rows, {done} acknowledged"
            );
        }
        let done = acknowledged.get(&(round, 0)).copied().unwrap_or_default();
        let found = session.number("select count(*) from sorted").await?;
        ensure!((sorted + done..=sorted + done + 1).contains(&found), "round {round}: {found}");
        sorted = found;
    }
    ensure!(acknowledged.values().sum::<i64>() > 1000, "hardly anything was inserted");
    check_is_clean(&mut cluster)
}

/// Stops the server; everything in its root has to be whole.
fn check_is_clean(cluster: &mut Cluster) -> Result<()> {
    cluster.process().terminate()?;
    let mut command = process::command()?;
    let output = command.args(["check", "--data"]).arg(cluster.data()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_deletes_and_updates_survive_a_kill() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let mut session = cluster.connect().await?;
    session.run("create table kept (x int, y bigint) distkey (x) sortkey (x)").await?;
    session.run(&format!("insert into kept values {}", pairs(0..KEPT_ROWS))).await?;
    let mut random = StdRng::seed_from_u64(SEED);
    let mut expected: BTreeMap<i64, i64> = (0..KEPT_ROWS).map(|x| (x, x)).collect();
    for round in 0..ROUNDS {
        for _ in 0..random.random_range(1..4) {
            let gone = random.random_range(0..KEPT_ROWS);
            session.run(&format!("delete from kept where x % {KEPT_ROWS} = {gone}")).await?;
            expected.retain(|x, _| x % KEPT_ROWS != gone);
            let from = random.random_range(0..KEPT_ROWS);
            let sql = format!("update kept set y = y + 1000 where x between {from} and {from} + 9");
            let updated = session.run(&sql).await?.count;
            let rows = expected.range_mut(from..from + 10);
            ensure!(updated == rows.map(|(_, y)| *y += 1000).count() as u64, "round {round}");
        }
        // Runs while the server dies: all of it or nothing, and nothing if it was not acknowledged.
        let last = tokio::spawn(async move {
            session.run("update kept set y = y + 1").await?;
            session.run("delete from kept where y % 7 = 0").await
        });
        let wait = Duration::from_millis(random.random_range(0..UPDATE_MS));
        tokio::time::sleep(wait).await;
        cluster.kill_and_restart().with_context(|| format!("round {round}, seed {SEED}"))?;
        let acknowledged = last.await?.is_ok();
        session = cluster.connect().await?;
        let mut updated = expected.clone();
        updated.values_mut().for_each(|y| *y += 1);
        let mut deleted = updated.clone();
        deleted.retain(|_, y| *y % 7 != 0);
        let found = pairs_of(&session).await?;
        let possible = if acknowledged { vec![deleted] } else { vec![expected, updated, deleted] };
        ensure!(
            possible.contains(&found),
            "round {round}, seed {SEED}, killed after {wait:?}: {} rows, acknowledged: {acknowledged}",
            found.len()
        );
        expected = found;
        assert_rows(&session, "kept", expected.len() as i64, round).await?;
        // What the next rounds delete and update.
        let more = KEPT_ROWS * (round as i64 + 1)..KEPT_ROWS * (round as i64 + 1) + 20;
        session.run(&format!("insert into kept values {}", pairs(more.clone()))).await?;
        expected.extend(more.map(|x| (x, x)));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaced_delete_vectors_go_when_nobody_reads_them() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(1), ..Default::default() })?;
    let (writer, reader) = (cluster.connect().await?, cluster.connect().await?);
    writer.run("create table kept (x int, y bigint)").await?;
    writer.run(&format!("insert into kept values {}", pairs(0..KEPT_ROWS))).await?;
    writer.run("delete from kept where x = 0").await?;
    reader.run("begin").await?;
    ensure!(pairs_of(&reader).await?.len() as i64 == KEPT_ROWS - 1);
    for x in 1..20 {
        writer.run(&format!("delete from kept where x = {x}")).await?;
    }
    // What the reader sees, and everything since: nothing is known to be out of reach.
    let held = vectors(&cluster)?;
    ensure!(held >= 2, "{held} delete vectors while a reader holds an old one");
    ensure!(pairs_of(&reader).await?.len() as i64 == KEPT_ROWS - 1, "the reader lost rows");
    reader.run("commit").await?;
    // Collected with the commits that follow.
    writer.run("delete from kept where x = 20").await?;
    writer.run("delete from kept where x = 21").await?;
    let left = vectors(&cluster)?;
    ensure!(left <= 2, "{left} delete vectors after the reader has gone");
    // What is in nobody's reach after a crash goes at the start.
    writer.run("begin").await?;
    writer.run("delete from kept where x = 22").await?;
    cluster.kill_and_restart()?;
    let session = cluster.connect().await?;
    ensure!(vectors(&cluster)? == 1);
    assert_rows(&session, "kept", KEPT_ROWS - 22, 0).await
}

/// Returns how many delete vectors there are on disk.
fn vectors(cluster: &Cluster) -> Result<usize> {
    let is_vector = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extension.starts_with('d'))
    };
    Ok(files_below(&cluster.data().join("table"))?.iter().filter(|path| is_vector(path)).count())
}

fn pairs(numbers: Range<i64>) -> String {
    let pairs: Vec<String> = numbers.map(|x| format!("({x}, {x})")).collect();
    pairs.join(", ")
}

async fn pairs_of(session: &Client) -> Result<BTreeMap<i64, i64>> {
    let rows = session.run("select x, y from kept").await?.rows;
    let count = rows.len();
    let mut pairs = BTreeMap::new();
    for row in rows {
        let [Some(x), Some(y)] = row.as_slice() else { bail!("a NULL in {row:?}") };
        pairs.insert(x.parse()?, y.parse()?);
    }
    ensure!(pairs.len() == count, "{} rows are there twice", count - pairs.len());
    Ok(pairs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_killed_has_all_its_rows_or_none() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    write_files(&endpoint)?;
    let options = ClusterOptions {
        slices: Some(2),
        s3: Some(endpoint.address().clone()),
        ..Default::default()
    };
    let mut cluster = Cluster::start(options)?;
    let client = cluster.connect().await?;
    client
        .run("create table loaded (id bigint, text varchar(60)) distkey (id) sortkey (id)")
        .await?;
    drop(client);
    let mut random = StdRng::seed_from_u64(SEED);
    let mut copies = 0;
    for round in 0..ROUNDS {
        let session = cluster.connect().await?;
        let copy = tokio::spawn(async move {
            session.run("copy loaded from 's3://durable/rows' iam_role default gzip").await
        });
        let wait = Duration::from_millis(random.random_range(0..COPY_MS));
        tokio::time::sleep(wait).await;
        cluster.kill_and_restart().with_context(|| format!("round {round}, seed {SEED}"))?;
        let acknowledged = copy.await?.is_ok();
        let session = cluster.connect().await?;
        let rows = session.number("select count(*) from loaded").await?;
        let before = copies * COPY_ROWS;
        ensure!(
            rows == before + COPY_ROWS || (rows == before && !acknowledged),
            "round {round}, seed {SEED}, killed after {wait:?}: {rows} rows, {before} before, \
             acknowledged: {acknowledged}"
        );
        copies = rows / COPY_ROWS;
        assert_rows(&session, "loaded", rows, round).await?;
        let sum = session.number("select coalesce(sum(id), 0) from loaded").await?;
        ensure!(sum == copies * (COPY_ROWS * (COPY_ROWS - 1) / 2), "round {round}: sum is {sum}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn altered_tables_are_the_same_after_a_kill() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let mut session = cluster.connect().await?;
    for sql in [
        "create table t (a int, b varchar(5), c int)",
        "create table u (a int, x varchar(5) default 'new', renamed int, d int)",
        "insert into t values (1, 'x', 10), (2, 'y', 20), (3, 'z', 30)",
        "insert into u values (4, 'w', 40, 400)",
        "create view v as select a, c from t",
        "alter table t add column d int default 7",
        "alter table t rename column c to renamed",
        "alter table t drop column b",
        "alter table t add column b varchar(5) default 'new'",
        "alter table t rename column b to x",
        "insert into t values (5, 50, 500, 'v')",
        "delete from t where a = 2",
        "alter table t alter distkey a, alter sortkey (renamed)",
        "alter table u alter distkey a",
        "alter table u alter sortkey (renamed)",
        "alter table t add column e int default 9",
        "alter table t append from u filltarget",
        "delete from t where a = 4 and x = 'nothing'",
        "update t set d = 8 where a = 3",
        "create table m (a int)",
        "create table moved (a int)",
        "insert into moved values (1), (2), (3)",
        "delete from moved where a = 2",
        "alter table m append from moved",
    ] {
        session.run(sql).await.with_context(|| sql.to_owned())?;
    }
    let all = "select a, renamed, d, x, e from t order by a";
    let before = session.run(all).await?.rows;
    ensure!(before.len() == 4, "{before:?}");
    let view = session.run("select * from v order by a").await?.rows;
    ensure!(view.iter().all(|row| row.len() == 2), "{view:?}");
    // Killed in the middle of writing all rows anew, which nobody was told of.
    session.run("begin").await?;
    session.run("alter table t alter diststyle all").await?;
    session.run("alter table t drop column d").await?;
    for _ in 0..2 {
        cluster.kill_and_restart()?;
        session = cluster.connect().await?;
        let after = session.run(all).await?.rows;
        ensure!(after == before, "{after:?} after the restart, {before:?} before");
        ensure!(session.run("select * from v order by a").await?.rows == view);
        ensure!(session.number("select count(*) from u").await? == 0);
    }
    session.run("drop table u").await?;
    // Runs that were moved are not the old table's any more.
    ensure!(session.number("select sum(a) from m").await? == 4);
    session.run("drop table moved").await?;
    session.run("delete from m where a = 3").await?;
    session.run("insert into t values (6, 60, 600, 'u', 1)").await?;
    cluster.kill_and_restart()?;
    let session = cluster.connect().await?;
    assert_rows(&session, "t", 5, 0).await?;
    assert_rows(&session, "m", 1, 0).await?;
    ensure!(session.number("select count(*) from t where x = 'w'").await? == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporary_tables_leave_nothing_behind() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let session = cluster.connect().await?;
    session.run("create table kept (x int)").await?;
    session.run("create temp table gone (x int)").await?;
    session.run("insert into gone values (1), (2), (3)").await?;
    session.run("delete from gone where x = 2").await?;
    session.run("insert into kept select x from gone").await?;
    let log = std::fs::read_dir(cluster.data().join("log"))?;
    for record in log {
        let text = String::from_utf8_lossy(&std::fs::read(record?.path())?).into_owned();
        ensure!(!text.contains("gone") && !text.contains("pg_temp"), "{text}");
    }
    ensure!(vectors(&cluster)? == 1);
    drop(session);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while vectors(&cluster)? > 0 {
        ensure!(std::time::Instant::now() < deadline, "the session's tables outlive it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let session = cluster.connect().await?;
    session.run("create temp table gone (x int)").await?;
    session.run("insert into gone values (1), (2), (3)").await?;
    session.run("delete from gone where x = 2").await?;
    cluster.kill_and_restart()?;
    let session = cluster.connect().await?;
    ensure!(vectors(&cluster)? == 0, "a delete vector of a temporary table is still there");
    ensure!(session.run("select * from gone").await.is_err_and(|e| e.sqlstate == "42P01"));
    assert_rows(&session, "kept", 2, 0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_analyze_found_out_survives_a_kill() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default())?;
    let session = cluster.connect().await?;
    session.run("create table t (x int); insert into t values (1), (2), (3), (4)").await?;
    session.run("analyze t; insert into t values (5)").await?;
    for _ in 0..2 {
        cluster.kill_and_restart()?;
        let session = cluster.connect().await?;
        // One row of five has come since.
        let stats_off = "select stats_off::int from svv_table_info where \"table\" = 't'";
        ensure!(session.number(stats_off).await? == 20);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_leaves_in_order_and_loses_nothing() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default())?;
    let client = cluster.connect().await?;
    client.run("create table t (x int); insert into t values (1), (2)").await?;
    let code = cluster.process().terminate()?;
    ensure!(code == Some(0), "exit code {code:?}");
    cluster.restart()?;
    let client = cluster.connect().await?;
    assert_rows(&client, "t", 2, 0).await
}

/// Checks that the rows and the catalogue's count of them agree.
async fn assert_rows(client: &Client, table: &str, expected: i64, round: u64) -> Result<()> {
    let counted = client.number(&format!("select count(*) from {table}")).await?;
    ensure!(counted == expected, "round {round}: {counted} rows in {table}, expected {expected}");
    let info = format!(
        "select coalesce(max(estimated_visible_rows), 0)::bigint from svv_table_info \
         where \"table\" = '{table}'"
    );
    let shown = client.number(&info).await?;
    ensure!(shown == expected, "round {round}: svv_table_info says {shown}, expected {expected}");
    Ok(())
}

fn write_files(endpoint: &S3Endpoint) -> Result<()> {
    let bucket = endpoint.bucket("durable")?;
    let per_file = COPY_ROWS / COPY_FILES;
    for file in 0..COPY_FILES {
        let mut text = String::new();
        for id in file * per_file..(file + 1) * per_file {
            text.push_str(&format!("{id}|some text that belongs to row number {id}\n"));
        }
        load_files::write_gzip(&bucket.join(format!("rows-{file}.gz")), text.as_bytes())?;
    }
    Ok(())
}
