//! Bytes of a storage root that are not what was written: what a restart makes of them, and what is said.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::Client,
    cluster::{Cluster, ClusterOptions},
    process,
};

/// A checkpoint is due after so many records.
const RECORDS_PER_CHECKPOINT: i64 = 256;

/// Makes so many commits.
async fn commit(client: &Client, from: i64, count: i64) -> Result<()> {
    for x in from..from + count {
        client.run(&format!("insert into t values ({x})")).await?;
    }
    Ok(())
}

/// Returns the checkpoints of a root, oldest first.
fn checkpoints(data: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data.join("log"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "checkpoint") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn flip_byte(path: &Path, at: usize) -> Result<()> {
    let mut bytes = std::fs::read(path)?;
    *bytes.get_mut(at).context("the file is too short")? ^= 0x10;
    Ok(std::fs::write(path, bytes)?)
}

fn check(data: &Path) -> Result<(bool, String)> {
    let output = process::command()?.args(["check", "--data"]).arg(data).output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[tokio::test]
async fn a_damaged_checkpoint_loses_nothing() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default())?;
    let data = cluster.data().to_owned();
    let mut client = cluster.connect().await?;
    client.run("create table t (x int)").await?;
    let mut count = 0;
    // The first has no checkpoint before it, but all records.
    for checkpoint_count in 1..=2 {
        while checkpoints(&data)?.len() < checkpoint_count {
            ensure!(count < 10 * RECORDS_PER_CHECKPOINT, "{:?}", checkpoints(&data)?);
            commit(&client, count, 16).await?;
            count += 16;
        }
        cluster.process().kill()?;
        let newest = checkpoints(&data)?.pop().context("a checkpoint")?;
        let length = std::fs::metadata(&newest)?.len() as usize;
        // Of its format version, its checksum, its content.
        for at in ["blueshift-checkpoint ".len(), "blueshift-checkpoint 3 ".len(), length / 2] {
            flip_byte(&newest, at)?;
            let (is_whole, said) = check(&data)?;
            let name = newest.file_name().and_then(|name| name.to_str()).context("a name")?;
            ensure!(!is_whole && said.contains(name), "{said}");
            cluster.restart()?;
            client = cluster.connect().await?;
            let sum = format!("{count} {}", count * (count - 1) / 2);
            ensure!(client.value("select count(*) || ' ' || sum(x) from t").await? == sum);
            cluster.process().kill()?;
            flip_byte(&newest, at)?;
        }
        let (is_whole, said) = check(&data)?;
        ensure!(is_whole, "{said}");
        cluster.restart()?;
        client = cluster.connect().await?;
    }
    Ok(())
}

/// Returns the object of a run, which is too large to be in the log.
fn run_of(folder: &Path) -> Result<PathBuf> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            return Ok(path);
        }
        if let Ok(run) = run_of(&path) {
            return Ok(run);
        }
    }
    anyhow::bail!("no run in {}", folder.display())
}

#[tokio::test]
async fn a_damaged_zone_map_or_footer_is_named_and_fails_that_query_only() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(1), ..Default::default() })?;
    let data = cluster.data().to_owned();
    let client = cluster.connect().await?;
    client.run("create table digits (d int)").await?;
    client.run("insert into digits values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)").await?;
    client.run("create table broken (x int, s varchar(40)) diststyle even").await?;
    let fill = "insert into broken
                select x, md5(x::varchar) from
                (select a.d + 10 * b.d + 100 * c.d + 1000 * e.d as x from digits a, digits b, digits c, digits e)";
    client.run(fill).await?;
    let count = "select count(*) from broken where x >= 9990";
    ensure!(client.number(count).await? == 10);
    cluster.process().kill()?;
    let run = run_of(&data.join("table"))?;
    let bytes = std::fs::read(&run)?;
    // Its zone map ends with a mark and a checksum, the object with a length and a magic word.
    let mark = bytes.windows(4).rposition(|word| word == b"xxh3").context("no checksum")?;
    for at in [mark - 300, mark - 100, mark - 1, mark + 4, bytes.len() - 6, bytes.len() - 1] {
        flip_byte(&run, at)?;
        cluster.restart()?;
        let client = cluster.connect().await?;
        let failure = client.run(count).await.err().with_context(|| format!("byte {at}"))?;
        ensure!(failure.sqlstate == "XX001", "byte {at}: {failure}");
        let name = "of table \"broken\", on slice 0, is damaged";
        ensure!(failure.message.contains(name), "byte {at}: {failure}");
        ensure!(client.number("select count(*) from digits").await? == 10);
        cluster.process().kill()?;
        flip_byte(&run, at)?;
    }
    Ok(())
}
