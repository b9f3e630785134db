//! What ends a statement or a session from outside (CANCEL, PG_CANCEL_BACKEND, PG_TERMINATE_BACKEND, statement_timeout, a lost
//! connection): its work is undone, its locks are released, and its client is told.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::{Answer, Client, Failure},
    cluster::{Cluster, ClusterOptions},
};
use tokio::task::JoinHandle;

/// How long a statement may need until it runs.
const STARTED: Duration = Duration::from_millis(300);
/// How soon what is ended has ended.
const ENDED_MAX: Duration = Duration::from_secs(5);
/// 10^12 rows: hours, if nobody stops it.
const LONG: &str = "select sum(a.x * b.x + c.x) from n a cross join n b cross join n c";

/// A warehouse with a table `t`, which has one row, and a table `n`, which has 10,000.
async fn cluster() -> Result<(Cluster, Client)> {
    let cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run("create table t (x int); create table n (x int)").await?;
    client.run("insert into t values (0)").await?;
    let fill = "insert into n with recursive s (i) as (select 1 union all select i + 1 from s \
                where i < 10000) select i from s";
    client.run(fill).await?;
    Ok((cluster, client))
}

type Running = JoinHandle<(Client, Result<Answer, Failure>)>;

async fn start(client: Client, sql: &'static str) -> Result<Running> {
    let running = tokio::spawn(async move {
        let answer = client.run(sql).await;
        (client, answer)
    });
    tokio::time::sleep(STARTED).await;
    ensure!(!running.is_finished(), "it is done already: {sql}");
    Ok(running)
}

async fn ends(running: Running) -> Result<(Client, Result<Answer, Failure>)> {
    Ok(tokio::time::timeout(ENDED_MAX, running).await.context("it goes on")??)
}

async fn pid_of(client: &Client) -> Result<i64> {
    client.number("select pg_backend_pid()").await
}

fn is_refused(answer: Result<Answer, Failure>, sqlstate: &str, message: &str) -> Result<()> {
    let failure = answer.err().with_context(|| format!("{message}: it succeeded"))?;
    ensure!(failure.sqlstate == sqlstate && failure.message.starts_with(message), "{failure}");
    Ok(())
}

#[tokio::test]
async fn cancel_ends_the_statement_with_redshifts_words_or_with_those_given() -> Result<()> {
    let (cluster, by) = cluster().await?;
    let mut session = cluster.connect().await?;
    let pid = pid_of(&session).await?;
    for (cancel, told) in [
        (format!("cancel {pid}"), "Query ("),
        (format!("cancel {pid} 'Long-running query'"), "Long-running query"),
        (format!("select pg_cancel_backend({pid})"), "Query ("),
        (
            format!("select pg_cancel_backend(process) from stv_sessions where process = {pid}"),
            "Query (",
        ),
    ] {
        let running = start(session, LONG).await?;
        by.run(&cancel).await.with_context(|| cancel.clone())?;
        let (client, answer) = ends(running).await?;
        if let Err(failure) = &answer {
            let is_default = failure.message.ends_with(") cancelled on user's request");
            ensure!(is_default == (told == "Query ("), "{cancel}: {failure}");
        }
        is_refused(answer, "57014", told)?;
        // The session goes on.
        ensure!(client.number("select count(*) from t").await? == 1);
        session = client;
    }
    Ok(())
}

#[tokio::test]
async fn cancel_of_what_does_not_run_changes_nothing() -> Result<()> {
    let (cluster, by) = cluster().await?;
    let session = cluster.connect().await?;
    let pid = pid_of(&session).await?;
    session.run("begin").await?;
    session.run("insert into t values (1)").await?;
    by.run(&format!("cancel {pid}")).await?;
    ensure!(by.number(&format!("select pg_cancel_backend({pid})")).await? == 1);
    session.run("commit").await?;
    ensure!(by.number("select count(*) from t").await? == 2);
    is_refused(by.run("cancel 999999").await, "42704", "Session 999999 does not exist")?;
    is_refused(by.run("cancel 99999999999").await, "42704", "Session 99999999999 does not exist")?;
    for function in ["pg_cancel_backend", "pg_terminate_backend"] {
        ensure!(by.number(&format!("select {function}(999999)")).await? == 0);
        ensure!(by.value(&format!("select {function}(null)")).await? == "NULL");
    }
    Ok(())
}

#[tokio::test]
async fn planning_and_explaining_end_nobody() -> Result<()> {
    let (cluster, by) = cluster().await?;
    let session = cluster.connect().await?;
    let pid = pid_of(&session).await?;
    let terminate = format!("select pg_terminate_backend({pid})");
    let prepared = by.driver().prepare(&terminate).await?;
    by.run(&format!("explain {terminate}")).await?;
    by.run(&format!("create view terminator as {terminate}")).await?;
    ensure!(session.number("select count(*) from t").await? == 1);
    let row = by.driver().query_one(&prepared, &[]).await?;
    ensure!(row.get::<_, i32>(0) == 1);
    is_gone(&session).await
}

/// Sees that a session has been terminated.
async fn is_gone(session: &Client) -> Result<()> {
    let answer = tokio::time::timeout(ENDED_MAX, session.run("select 1")).await?;
    let failure = answer.err().context("the session goes on")?;
    // The driver may have read the server's last words, or have found the connection closed.
    ensure!(["57P01", "08006"].contains(&failure.sqlstate.as_str()), "{failure}");
    Ok(())
}

#[tokio::test]
async fn terminating_a_session_undoes_its_work_and_releases_its_locks() -> Result<()> {
    let (cluster, by) = cluster().await?;
    let session = cluster.connect().await?;
    let pid = pid_of(&session).await?;
    session.run("begin").await?;
    session.run("delete from t").await?;
    session.run("create table made_in_vain (x int)").await?;
    let waiting = start(cluster.connect().await?, "insert into t values (1)").await?;
    ensure!(by.number(&format!("select pg_terminate_backend({pid})")).await? == 1);
    ends(waiting).await?.1?;
    is_gone(&session).await?;
    ensure!(by.number("select count(*) from t").await? == 2);
    ensure!(by.number("select count(*) from stv_locks").await? == 0);
    ensure!(by.number("select count(*) from pg_class where relname = 'made_in_vain'").await? == 0);
    ensure!(
        by.number(&format!("select count(*) from stv_sessions where process = {pid}")).await? == 0
    );
    Ok(())
}

#[tokio::test]
async fn terminating_ends_what_runs_and_what_waits() -> Result<()> {
    let (cluster, by) = cluster().await?;
    let told = "terminating connection due to administrator command";
    let session = cluster.connect().await?;
    let pid = pid_of(&session).await?;
    let running = start(session, LONG).await?;
    by.run(&format!("select pg_terminate_backend({pid})")).await?;
    let (session, answer) = ends(running).await?;
    is_refused(answer, "57P01", told)?;
    is_gone(&session).await?;

    by.run("begin").await?;
    by.run("lock t").await?;
    let session = cluster.connect().await?;
    let pid = pid_of(&session).await?;
    let waiting = start(session, "insert into t values (1)").await?;
    by.run(&format!("select pg_terminate_backend({pid})")).await?;
    is_refused(ends(waiting).await?.1, "57P01", told)?;
    by.run("commit").await?;
    ensure!(by.number("select count(*) from t").await? == 1);
    // And itself.
    let answer = by.run("select pg_terminate_backend(pg_backend_pid())").await;
    ensure!(answer.is_err(), "it has outlived itself");
    is_gone(&by).await
}

#[tokio::test]
async fn a_timeout_fails_the_block_and_releases_its_locks() -> Result<()> {
    let (cluster, by) = cluster().await?;
    let session = cluster.connect().await?;
    session.run("set statement_timeout to 500").await?;
    session.run("begin").await?;
    session.run("insert into t values (1)").await?;
    let waiting = start(cluster.connect().await?, "insert into t values (2)").await?;
    let told = "canceling statement due to statement timeout";
    is_refused(session.run(LONG).await, "57014", told)?;
    ends(waiting).await?.1?;
    is_refused(session.run("select 1").await, "25P02", "current transaction is aborted")?;
    session.run("rollback").await?;
    ensure!(session.number("select count(*) from t").await? == 2);
    ensure!(by.number("select count(*) from stv_locks").await? == 0);
    // An INSERT that waits longer than it may.
    by.run("begin").await?;
    by.run("lock t").await?;
    is_refused(session.run("insert into t values (3)").await, "57014", told)?;
    by.run("rollback").await?;
    ensure!(by.number("select count(*) from t").await? == 2);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_lost_while_it_works_leaves_nothing() -> Result<()> {
    let (cluster, by) = cluster().await?;
    let session = cluster.connect().await?;
    session.run("begin").await?;
    session.run("update t set x = 1").await?;
    let running = start(session, "insert into t select a.x from n a, n b, n c").await?;
    let waiting = start(cluster.connect().await?, "update t set x = x + 10").await?;
    // Drops its client, whose connection ends without a word.
    running.abort();
    ends(waiting).await?.1?;
    ensure!(by.number("select sum(x) from t").await? == 10);
    ensure!(by.number("select count(*) from stv_locks").await? == 0);
    Ok(())
}
