//! Two leaders on one storage root, as real processes: what each of them says, and that nothing that either has acknowledged
//! is lost.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::{Client, Failure},
    cluster::{Cluster, ClusterOptions},
    process::{self, ServerProcess},
    s3::S3Endpoint,
};
use tokio::task::JoinHandle;

/// How long a leader that was overtaken may go on to answer.
const STOP_WAIT_MAX: Duration = Duration::from_secs(10);
const OVERTAKEN: &str = "another leader has taken over this storage root; this one has stopped";

#[tokio::test]
async fn a_second_leader_on_a_folder_does_not_start() -> Result<()> {
    let first = Cluster::start(ClusterOptions::default())?;
    let client = first.connect().await?;
    client.run("create table t (x int)").await?;
    let mut command = process::command()?;
    command.args(["serve", "--port", "0", "--data"]).arg(first.data());
    let mut second = ServerProcess::spawn(command)?;
    let refused = second.wait_ready("postgres").err().context("the second one has started")?;
    let said = refused.to_string();
    ensure!(said.contains("in use by another process"), "{said}");
    client.run("insert into t values (1)").await?;
    ensure!(client.number("select count(*) from t").await? == 1);
    Ok(())
}

#[tokio::test]
async fn a_leader_on_a_folder_that_is_overtaken_stops() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = || ClusterOptions { data: Some(folder.path().to_owned()), ..Default::default() };
    let first = Cluster::start(options())?;
    // What a copy of the lock on another machine would be: the second one does not see it.
    std::fs::remove_file(folder.path().join(".lock"))?;
    overtake(first, options, 0).await?;
    let output = process::command()?.args(["check", "--data"]).arg(folder.path()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

#[tokio::test]
async fn a_leader_on_s3_that_is_overtaken_stops() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    endpoint.bucket("warehouse")?;
    let options = || ClusterOptions {
        data: Some(PathBuf::from("s3://warehouse/root")),
        s3: Some(endpoint.address().clone()),
        ..Default::default()
    };
    overtake(Cluster::start(options())?, options, 3).await
}

/// Starts a second leader while clients of the first one write, and a third one after both were killed.
async fn overtake(
    mut first: Cluster,
    options: impl Fn() -> ClusterOptions,
    writer_count: i64,
) -> Result<()> {
    let (client, idle) = (first.connect().await?, first.connect().await?);
    client.run("create table t (x int)").await?;
    client.run("insert into t values (0)").await?;
    let overtaken = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..writer_count {
        writers.push(write(first.connect().await?, writer, Arc::clone(&overtaken)));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Waits for its process: not on the thread of the writers.
    let second_options = options();
    let starting = tokio::task::spawn_blocking(move || Cluster::start(second_options));
    let mut second = starting.await??;
    overtaken.store(true, Ordering::Release);
    let mut acknowledged = vec![0];
    for writer in writers {
        acknowledged.extend(writer.await??);
    }
    ensure!(acknowledged.len() as i64 > writer_count, "no writer has written anything");

    stops(first.process(), &client, &idle).await?;
    let other = second.connect().await?;
    other.run("insert into t values (-2)").await?;
    acknowledged.push(-2);
    all_there(&other, &acknowledged).await?;
    drop((client, idle, other));
    second.process().kill()?;
    let third = Cluster::start(options())?;
    all_there(&third.connect().await?, &acknowledged).await
}

/// Sees that a leader that was overtaken answers no more, although its clients only read, or do nothing, and that it leaves.
async fn stops(process: &mut ServerProcess, reader: &Client, idle: &Client) -> Result<()> {
    let until = Instant::now() + STOP_WAIT_MAX;
    while reader.run("select count(*) from t").await.is_ok() {
        ensure!(Instant::now() < until, "it still answers");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(process.wait_exit()? == Some(1), "it has not failed");
    let failure = idle.run("select 1").await.err().context("an answer")?;
    let said = (failure.sqlstate.as_str(), failure.message.as_str());
    ensure!(said == ("57P01", OVERTAKEN), "{failure}");
    let log = process.log();
    ensure!(log.contains(&format!("shutting down: {OVERTAKEN}")), "{log}");
    Ok(())
}

/// Inserts numbers until it is refused, which it must be after `overtaken`; returns those that were acknowledged.
fn write(client: Client, writer: i64, overtaken: Arc<AtomicBool>) -> JoinHandle<Result<Vec<i64>>> {
    tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for n in 1.. {
            let x = writer + 10 * n;
            let was_overtaken = overtaken.load(Ordering::Acquire);
            match client.run(&format!("insert into t values ({x})")).await {
                Ok(_) => {
                    ensure!(!was_overtaken, "{x} was acknowledged by a leader that was overtaken");
                    acknowledged.push(x);
                }
                Err(Failure { sqlstate, message, .. }) => {
                    ensure!(sqlstate == "57P01" && message == OVERTAKEN, "{sqlstate}: {message}");
                    break;
                }
            }
        }
        Ok(acknowledged)
    })
}

/// Sees that just the rows are there that were acknowledged.
async fn all_there(client: &Client, acknowledged: &[i64]) -> Result<()> {
    let answer = client.run("select x from t").await?;
    let found = answer.rows.iter().flatten().flatten().map(|x| x.parse::<i64>());
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
    let mut expected = acknowledged.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    ensure!(found == expected, "{} rows found, {} acknowledged", found.len(), expected.len());
    Ok(())
}
