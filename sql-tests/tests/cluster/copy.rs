//! COPY on compute nodes: all of them read and write, what they refuse counts together, and a load that loses one
//! leaves nothing behind.

use std::{fmt::Write, fs, path::PathBuf};

use sql_tests::{client::Failure, folder::files_below, s3::S3Endpoint};

use super::*;

const FILES: i64 = 6;
/// How long what a failed statement has written may take to be deleted. The leader looks at once, then after 0.5, 2, 8 and 32
/// seconds (`leader/src/cluster/failed_writes.rs`), each time waiting a second for a frozen node: what a node that is back
/// writes after the fourth look is there for 33 seconds. A busy machine has nearly as long again.
pub(super) const CLEANUP_WAIT_MAX: Duration = Duration::from_secs(60);
const COPY: &str = "copy c from 's3://load/rows' iam_role default delimiter ','";

/// A cluster of two nodes, files to load, and a table for them.
struct Loading {
    cluster: Nodes,
    client: Client,
    bucket: PathBuf,
    endpoint: S3Endpoint,
}

impl Loading {
    /// Starts all with files of `rows` rows each.
    async fn start(rows: i64) -> Result<Self> {
        let endpoint = S3Endpoint::start()?;
        let bucket = endpoint.bucket("load")?;
        for file in 0..FILES {
            let mut text = String::new();
            for row in 0..rows {
                writeln!(text, "{},text of row {row},{}", file * rows + row, row % 7)?;
            }
            fs::write(bucket.join(format!("rows{file}.csv")), text)?;
        }
        let cluster = Nodes::start_reading(2, Some(endpoint.address()))?;
        let client = cluster.connect().await?;
        client.run("create table c (k int, t varchar(60), n int) distkey(k) sortkey(k)").await?;
        Ok(Self { cluster, client, bucket, endpoint })
    }

    /// Starts a COPY while a node is frozen: the other is done with its share by and by, this one never.
    async fn begun(&self) -> Result<tokio::task::JoinHandle<Result<(), Failure>>> {
        signal("-STOP", &self.cluster.nodes[0])?;
        let loader = self.cluster.connect().await?;
        let loading = tokio::spawn(async move { loader.run(COPY).await.map(drop) });
        tokio::time::sleep(Duration::from_millis(700)).await;
        ensure!(!loading.is_finished(), "{:?}", loading.await?);
        Ok(loading)
    }

    /// Checks that a load that lost a node says so, and has left nothing.
    async fn is_lost(&self, loading: tokio::task::JoinHandle<Result<(), Failure>>) -> Result<()> {
        let lost = tokio::time::timeout(ANSWER_WAIT_MAX, loading).await.context("it hangs")??;
        let failure = lost.err().context("a load without a node succeeded")?;
        ensure!(failure.sqlstate == "58000", "{failure:?}");
        self.has_left_nothing().await
    }

    async fn has_left_nothing(&self) -> Result<()> {
        ensure!(self.client.number("select count(*) from c").await? == 0);
        let until = Instant::now() + CLEANUP_WAIT_MAX;
        loop {
            let objects = objects(&self.cluster.home.path().join("data/table"))?;
            if objects.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < until, "left behind: {objects:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn loads(&self, rows: i64) -> Result<()> {
        self.client.run(COPY).await?;
        let sql = "select count(*) || ' ' || count(distinct k) || ' ' || sum(n) from c";
        let each = rows / FILES;
        let sum: i64 = (0..each).map(|row| row % 7).sum();
        let expected = format!("{rows} {rows} {}", sum * FILES);
        let loaded = self.client.value(sql).await?;
        ensure!(loaded == expected, "{loaded}, not {expected}");
        Ok(())
    }
}

/// Returns the runs in a folder; what a writer that was killed has not finished is no object.
pub(super) fn objects(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = files_below(folder)?;
    found.retain(|path| !path.to_string_lossy().contains('#'));
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_read_and_write_a_copy() -> Result<()> {
    let loading = Loading::start(5_000).await?;
    loading.loads(5_000 * FILES).await?;
    let of_last = "from stl_load_commits l join stv_slices s on l.slice = s.slice
                   where query = pg_last_copy_id()";
    let client = &loading.client;
    ensure!(client.number(&format!("select count(distinct node) {of_last}")).await? == 2);
    let lines = client.number(&format!("select sum(lines_scanned) {of_last}")).await?;
    ensure!(lines == 5_000 * FILES, "{lines} lines");
    // A table that has rows, and columns that are not in the files.
    client.run("create table d (n int default 7, k int, t varchar(60), x int)").await?;
    let sql = "copy d (k, t, x) from 's3://load/rows' delimiter ','";
    client.run(sql).await?;
    client.run(sql).await?;
    ensure!(client.number("select sum(n) from d").await? == 2 * 7 * 5_000 * FILES);
    // Without nodes there is nobody who would read.
    for node in &loading.cluster.nodes {
        signal("-KILL", node)?;
    }
    let failure = client.run(COPY).await.err().context("nobody has read the files")?;
    ensure!(["57P03", "58000"].contains(&failure.sqlstate.as_str()), "{failure:?}");
    let failure = client.run(COPY).await.err().context("nobody has read the files")?;
    ensure!(failure.sqlstate == "57P03", "{failure:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_nodes_refuse_count_together() -> Result<()> {
    let loading = Loading::start(10).await?;
    for file in 0..FILES {
        let text = format!("{file},fits,1\nx,does not,2\n{file},neither,y\n");
        fs::write(loading.bucket.join(format!("bad{file}.csv")), text)?;
    }
    let client = &loading.client;
    let copy = "copy c from 's3://load/bad' iam_role default delimiter ','";
    // Each node alone has fewer.
    let failure = client.run(&format!("{copy} maxerror 12")).await.err().context("12 of 12")?;
    ensure!(failure.sqlstate == "22000" && failure.message.contains("stl_load_errors"));
    ensure!(client.number("select count(*) from stl_load_errors").await? == 12);
    loading.has_left_nothing().await?;
    client.run(&format!("{copy} maxerror 13")).await?;
    ensure!(client.number("select count(*) from c").await? == FILES);
    let last = "query = pg_last_copy_id()";
    let errors = format!("select sum(errors) from stl_load_commits where {last}");
    ensure!(client.number(&errors).await? == 12);
    let places = format!(
        "select count(distinct filename || line_number) || ' ' || min(line_number) || ' '
             || max(line_number) from stl_load_errors where {last}"
    );
    ensure!(client.value(&places).await? == "12 2 3");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_loses_a_killed_node_leaves_nothing() -> Result<()> {
    let mut loading = Loading::start(5_000).await?;
    let lost = loading.begun().await?;
    loading.cluster.nodes[0].kill()?;
    loading.is_lost(lost).await?;
    // The connection goes on, with the node that is left and with one that is new.
    loading.loads(5_000 * FILES).await?;
    loading.client.run("truncate c").await?;
    loading.cluster.add()?;
    has_nodes(&loading.client, 2).await?;
    loading.loads(5_000 * FILES).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_loses_a_frozen_node_leaves_nothing() -> Result<()> {
    let loading = Loading::start(5_000).await?;
    let lost = loading.begun().await?;
    loading.is_lost(lost).await?;
    signal("-CONT", &loading.cluster.nodes[0])?;
    has_nodes(&loading.client, 2).await?;
    // What the node was told before it was frozen is nobody's any more.
    loading.has_left_nothing().await?;
    loading.loads(5_000 * FILES).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_given_up_leaves_nothing() -> Result<()> {
    let loading = Loading::start(5_000).await?;
    signal("-STOP", &loading.cluster.nodes[1])?;
    loading.client.run("set statement_timeout to 700").await?;
    let failure = loading.client.run(COPY).await.err().context("a node is frozen")?;
    ensure!(failure.sqlstate == "57014", "{failure:?}");
    signal("-CONT", &loading.cluster.nodes[1])?;
    loading.client.run("set statement_timeout to 0").await?;
    loading.has_left_nothing().await?;
    has_nodes(&loading.client, 2).await?;
    loading.loads(5_000 * FILES).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_while_it_writes_is_one_that_has_not() -> Result<()> {
    let rows = 60_000;
    let mut loading = Loading::start(rows).await?;
    let loader = loading.cluster.connect().await?;
    let lost = tokio::spawn(async move { loader.run(COPY).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(150)).await;
    loading.cluster.nodes[1].kill()?;
    if tokio::time::timeout(ANSWER_WAIT_MAX, lost).await.context("it hangs")??.is_ok() {
        let loaded = loading.client.number("select count(*) from c").await?;
        ensure!(loaded == rows * FILES, "{loaded} rows");
        return Ok(());
    }
    loading.has_left_nothing().await?;
    loading.loads(rows * FILES).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_copy_are_in_no_log() -> Result<()> {
    let mut loading = Loading::start(10).await?;
    let s3 = loading.endpoint.address().clone();
    // As much as can be logged, by a leader that has no keys of its own.
    loading.cluster.leader.kill()?;
    let mut command =
        leader_command(loading.cluster.home.path(), 0, loading.cluster.cluster_port, 2)?;
    command.env("AWS_ENDPOINT_URL", &s3.endpoint);
    command.env("BLUESHIFT_LOG", "leader=trace,engine=trace,compute=trace");
    loading.cluster.leader = ServerProcess::spawn(command)?;
    loading.cluster.wait_ready()?;
    let mut command =
        compute_command(loading.cluster.home.path(), loading.cluster.cluster_port, SECRET)?;
    command.env("BLUESHIFT_LOG", "trace");
    let mut node = ServerProcess::spawn(command)?;
    node.wait_ready("compute")?;
    let client = loading.cluster.connect().await?;
    let (id, key) = (&s3.access_key_id, &s3.secret_access_key);
    client
        .run(&format!(
            "copy c from 's3://load/rows' access_key_id '{id}' secret_access_key '{key}' delimiter ','"
        ))
        .await?;
    ensure!(client.number("select count(*) from c").await? == 10 * FILES);
    for process in [&loading.cluster.leader, &node] {
        let log = process.log();
        ensure!(!log.is_empty(), "nothing is logged");
        let line = log.lines().find(|line| line.contains(key.as_str()));
        ensure!(line.is_none(), "{}", line.unwrap_or_default());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_a_large_file() -> Result<()> {
    const ROWS: i64 = 100_000;
    let loading = Loading::start(1).await?;
    let mut text = String::from("k|t|n\n");
    let filler = "x".repeat(170);
    for row in 0..ROWS {
        writeln!(text, "{row}|{filler}{row}|{}", row % 7)?;
    }
    fs::write(loading.bucket.join("large.txt"), &text)?;
    let client = &loading.client;
    client.run("create table l (k int, t varchar(200), n int) distkey(k)").await?;
    client.run("copy l from 's3://load/large' iam_role default ignoreheader 1").await?;
    let sum: i64 = (0..ROWS).map(|row| row % 7).sum();
    let loaded =
        client.value("select count(*) || ' ' || count(distinct k) || ' ' || sum(n) from l");
    ensure!(loaded.await? == format!("{ROWS} {ROWS} {sum}"));
    let parts =
        "select count(distinct node) || ' ' || min(start_offset) || ' ' || sum(lines_scanned)
                 from stl_load_commits l join stv_slices s on l.slice = s.slice
                 where query = pg_last_copy_id() and is_partial = 1";
    ensure!(client.value(parts).await? == format!("2 0 {}", ROWS + 1));
    // Rows that do not fit, in all parts: their lines are those of the file.
    let bad = [10, ROWS / 3, ROWS / 2, ROWS - 1];
    for row in bad {
        text = text.replacen(&format!("\n{row}|"), &format!("\nx{row}|"), 1);
    }
    fs::write(loading.bucket.join("large.txt"), &text)?;
    let copy = "copy l from 's3://load/large' iam_role default ignoreheader 1";
    client.run(&format!("{copy} maxerror 5")).await?;
    ensure!(client.number("select count(*) from l").await? == 2 * ROWS - 4);
    let lines =
        "select listagg(line_number, ' ') within group (order by line_number) from stl_load_errors
                 where query = pg_last_copy_id() and is_partial = 1";
    let expected = bad.map(|row| (row + 2).to_string()).join(" ");
    ensure!(client.value(lines).await? == expected, "{}", client.value(lines).await?);
    let failure = client.run(&format!("{copy} maxerror 4")).await.err().context("4 of 4")?;
    ensure!(failure.sqlstate == "22000", "{failure:?}");
    let stray = "select count(*) from stl_load_errors where query = (select max(query) from stl_load_errors)
                 and not (line_number = -1 and start_offset > 0 or line_number > 0 and start_offset = 0)";
    ensure!(client.number(stray).await? == 0);
    Ok(())
}
