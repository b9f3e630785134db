//! A disk that is full: every statement that writes fails with 53100, nothing is lost, and service resumes when
//! there is space again.
//!
//! The data is on a small file system of the server's own, which needs a user namespace: where those are
//! forbidden these tests say so and do nothing.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::Client,
    cluster::{Cluster, ClusterOptions},
    folder, process,
    s3::S3Endpoint,
};

/// The size of the disk.
const DISK_BYTES: u64 = 24 << 20;
/// What is left when records of a few rows fit and a checkpoint does not.
const LITTLE_BYTES: u64 = 1200 << 10;
/// Commits that create tables, and then INSERTs: a checkpoint is due after 256 records, soon after these.
const CREATES: usize = 40;
const INSERTS: i64 = 200;

/// What readers have held is deleted within a second, and makes space.
const GARBAGE_TIME: Duration = Duration::from_millis(1500);

/// A warehouse on a disk of its own.
struct SmallDisk {
    cluster: Cluster,
    /// The disk, as it is seen from outside.
    disk: PathBuf,
}

impl SmallDisk {
    /// Starts one; `None` where there are no user namespaces.
    fn start(endpoint: &S3Endpoint) -> Result<Option<Self>> {
        if !process::has_user_namespaces() {
            eprintln!("skipped: there are no user namespaces here");
            return Ok(None);
        }
        let options = ClusterOptions {
            slices: Some(2),
            s3: Some(endpoint.address().clone()),
            disk_bytes: Some(DISK_BYTES),
            ..Default::default()
        };
        let mut cluster = Cluster::start(options)?;
        let root = PathBuf::from(format!("/proc/{}/root", cluster.process().id()));
        let disk = root.join(cluster.data().strip_prefix("/")?.parent().context("a disk")?);
        Ok(Some(Self { cluster, disk }))
    }

    /// Takes all space but so much.
    fn fill(&self, but_bytes: u64) -> Result<()> {
        let mut filler = File::create(self.filler())?;
        let zeroes = vec![0_u8; 4096];
        let mut written = 0;
        while filler.write_all(&zeroes).is_ok() {
            written += zeroes.len() as u64;
        }
        Ok(filler.set_len(written.saturating_sub(but_bytes))?)
    }

    fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.disk.join("filler")
    }

    /// Kills the server; returns a copy of what is on its disk.
    fn kill(mut self) -> Result<tempfile::TempDir> {
        // The disk goes with the process: nothing may change between the copy and the end.
        let id = self.cluster.process().id().to_string();
        let stopped = Command::new("kill").args(["-STOP", &id]).status()?;
        ensure!(stopped.success(), "SIGSTOP could not be sent");
        let copy = tempfile::tempdir()?;
        let data = self.cluster.data().file_name().context("a name")?.to_owned();
        folder::copy(&self.disk.join(data), copy.path())?;
        self.cluster.process().kill()?;
        Ok(copy)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_writes_fails_and_works_again_when_there_is_space() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    let rows: String = (0..2_000).map(|x| format!("{x}|{}\n", x * 7)).collect();
    fs::write(endpoint.bucket("full")?.join("rows.txt"), rows)?;
    let Some(small) = SmallDisk::start(&endpoint)? else { return Ok(()) };
    let client = small.cluster.connect().await?;
    client.run("create table t (x bigint, y bigint) distkey (x) sortkey (x)").await?;
    let copy = "copy t from 's3://full/rows.txt' iam_role default";
    for _ in 0..3 {
        client.run(copy).await?;
    }
    client.run("delete from t where x % 10 = 0").await?;
    let mut before = totals(&client).await?;
    ensure!(before.0 == 3 * 1_800, "{before:?}");
    let statements = [
        ("insert into t values (1, 1)", 1),
        ("insert into t select x, y from t where x < 5", 3 * 4 + 1),
        (copy, 2_000),
        ("update t set y = y where x = 11", 0),
        ("delete from t where x = 12", -4),
        ("create table other (x int)", 0),
        ("alter table t add column z int default 3", 0),
        ("vacuum full t to 100 percent", 0),
    ];
    for (sql, rows) in statements {
        small.fill(0)?;
        tokio::time::sleep(GARBAGE_TIME).await;
        small.fill(0)?;
        let failure = client.run(sql).await.err().with_context(|| format!("{sql}: no failure"))?;
        ensure!(failure.sqlstate == "53100", "{sql}: {failure}");
        ensure!(totals(&client).await? == before, "{sql}: rows were lost or came");
        small.free()?;
        client.run(sql).await.with_context(|| format!("{sql}: not when there is space again"))?;
        let after = totals(&client).await?;
        ensure!(after.0 == before.0 + rows, "{sql}: {after:?} after {before:?}");
        before = after;
    }
    drop(client);
    let copy = small.kill()?;
    assert_whole(copy.path(), before).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_has_no_space_is_written_later() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    let Some(small) = SmallDisk::start(&endpoint)? else { return Ok(()) };
    let client = small.cluster.connect().await?;
    client.run("create table t (x bigint, y bigint) distkey (x)").await?;
    // Many tables make a large checkpoint; a transaction block makes one record of many.
    for part in 0..CREATES {
        let tables =
            (0..40).map(|n| format!("create table t{part}_{n} (a int, b int, c int, d int);"));
        client.run(&format!("begin; {} commit;", tables.collect::<String>())).await?;
    }
    let log = small.disk.join(small.cluster.data().file_name().context("a name")?).join("log");
    for x in 0..INSERTS {
        client.run(&format!("insert into t values ({x}, 1)")).await?;
    }
    ensure!(checkpoints(&log)? == 0, "a checkpoint too soon");
    small.fill(LITTLE_BYTES)?;
    let mut rows = INSERTS;
    for _ in 0..20 {
        match client.run(&format!("insert into t values ({rows}, 1)")).await {
            Ok(_) => rows += 1,
            // The checkpoint that is tried meanwhile has what little there is, until it has failed.
            Err(failure) => ensure!(failure.sqlstate == "53100", "{failure}"),
        }
    }
    ensure!(rows > INSERTS, "no INSERT had space");
    ensure!(checkpoints(&log)? == 0, "a checkpoint on a full disk");
    small.free()?;
    client.run(&format!("insert into t values ({rows}, 1)")).await?;
    rows += 1;
    // It is written after the commit has been answered.
    for _ in 0..100 {
        if checkpoints(&log)? == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(checkpoints(&log)? == 1, "no checkpoint when there is space again");
    drop(client);
    let copy = small.kill()?;
    assert_whole(copy.path(), (rows, rows)).await
}

/// Starts another server on the data: everything is there, and whole.
async fn assert_whole(data: &Path, expected: (i64, i64)) -> Result<()> {
    let options = ClusterOptions { data: Some(data.to_owned()), ..Default::default() };
    let mut cluster = Cluster::start(options)?;
    let found = totals(&cluster.connect().await?).await?;
    ensure!(found == expected, "{found:?} after a restart, {expected:?} before");
    ensure!(cluster.process().terminate()? == Some(0), "it did not end in order");
    let output = process::command()?.args(["check", "--data"]).arg(data).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

async fn totals(client: &Client) -> Result<(i64, i64)> {
    let count = client.number("select count(*) from t").await?;
    Ok((count, client.number("select coalesce(sum(y), 0)::bigint from t").await?))
}

fn checkpoints(log: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(log)? {
        count += usize::from(entry?.path().extension().is_some_and(|end| end == "checkpoint"));
    }
    Ok(count)
}
