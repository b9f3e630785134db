//! Bytes of a storage root that are not what was written: what a restart makes of them, and what is said.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::Client,
    cluster::{Cluster, ClusterOptions},
    folder::files_below,
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
    let first = files_below(folder)?.into_iter().next();
    first.with_context(|| format!("no run in {}", folder.display()))
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

/// Rows of the table whose blocks are damaged: segments of RAW BIGINTs are 1 MB, 16 blocks.
const ROWS: i64 = 300_000;
/// What is between two values of its first column.
const STEP: i64 = 1_000_003;

/// Returns where a run has a value of a RAW BIGINT column.
fn place_of(run: &Path, value: i64) -> Result<usize> {
    let bytes = std::fs::read(run)?;
    let found = bytes.windows(8).position(|window| window == value.to_le_bytes());
    found.with_context(|| format!("{value} is not in {}", run.display()))
}

/// Makes what a write of a page that never reached the disk leaves behind.
fn tear(path: &Path, at: usize) -> Result<Vec<u8>> {
    let whole = std::fs::read(path)?;
    let mut torn = whole.clone();
    torn.get_mut(at..at + 4096).context("the file is too short")?.fill(0);
    std::fs::write(path, torn)?;
    Ok(whole)
}

#[tokio::test]
async fn a_damaged_block_is_named_and_fails_the_queries_that_read_it() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions { slices: Some(1), ..Default::default() })?;
    let data = cluster.data().to_owned();
    let client = cluster.connect().await?;
    client.run("create table digits (d bigint)").await?;
    client.run("insert into digits values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)").await?;
    let columns = "x bigint encode raw, y bigint encode raw, s varchar(40)";
    client.run(&format!("create table broken ({columns}) diststyle even sortkey (x)")).await?;
    let fill = format!(
        "insert into broken select n * {STEP}, n * 7, 'row ' || n from
         (select a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d as n
          from digits a, digits b, digits c, digits e, digits f, digits g) where n < {ROWS}"
    );
    client.run(&fill).await?;
    // The run goes on to call it y.
    client.run("alter table broken rename column y to z").await?;
    cluster.process().kill()?;
    let run = run_of(&data.join("table"))?;
    let [first, second] = [place_of(&run, 200_000 * STEP)?, place_of(&run, 200_000 * 7)?];
    for (column, at, other, factor) in [("x", first, "z", 7), ("z", second, "x", STEP)] {
        let whole = tear(&run, at)?;
        let (is_whole, said) = check(&data)?;
        let problem = "column {column}, blocks 16 to 31: its checksum does not match its content";
        let problem = problem.replace("{column}", column);
        ensure!(!is_whole && said.contains("table dev.public.broken, slice 0, run "), "{said}");
        ensure!(said.contains(&problem), "{said}");
        cluster.restart()?;
        let client = cluster.connect().await?;
        let sum = format!("select sum({column}) from broken");
        let failure = client.run(&sum).await.err().context("it has not been noticed")?;
        ensure!(failure.sqlstate == "XX001", "{failure}");
        for named in [
            "of table \"broken\", on slice 0, is damaged",
            &format!("the checksum of column \"{column}\", blocks 16 to 31, does not match"),
        ] {
            ensure!(failure.message.contains(named), "{failure}");
        }
        // Neither other columns are damaged nor other blocks.
        let of_other = client.value(&format!("select sum({other}) from broken")).await?;
        ensure!(of_other == (factor * ROWS * (ROWS - 1) / 2).to_string(), "{of_other}");
        let before = format!("select max({column}) from broken where x < {}", 1000 * STEP);
        let factor = if column == "x" { STEP } else { 7 };
        ensure!(client.number(&before).await? == 999 * factor);
        cluster.process().kill()?;
        std::fs::write(&run, whole)?;
        flip_byte(&run, at)?;
        cluster.restart()?;
        let client = cluster.connect().await?;
        // Another number, as good as any: only its checksum tells.
        let failure = client.run(&sum).await.err().context("it has not been noticed")?;
        ensure!(failure.sqlstate == "XX001", "{failure}");
        cluster.process().kill()?;
        flip_byte(&run, at)?;
    }
    let (is_whole, said) = check(&data)?;
    ensure!(is_whole, "{said}");
    Ok(())
}
