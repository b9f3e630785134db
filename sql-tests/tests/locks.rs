//! Write locks between real connections: who waits, who is let in when, who gives up.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::{Answer, Client, Failure},
    cluster::{Cluster, ClusterOptions},
};
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;

/// How long a statement is watched to see that it waits.
const STILL_WAITING: Duration = Duration::from_millis(150);
/// How soon a lock that is given back reaches who waits for it.
const HANDED_OVER_MAX: Duration = Duration::from_secs(2);

/// A warehouse with a table `t`, which has one row, and a table `u`.
async fn cluster() -> Result<(Cluster, Client)> {
    let cluster = Cluster::start(ClusterOptions { slices: Some(2), ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run("create table t (x int); create table u (x int)").await?;
    client.run("insert into t values (0)").await?;
    Ok((cluster, client))
}

type Running = JoinHandle<(Client, Result<Answer, Failure>)>;

/// Runs a statement that is expected to wait, and sees that it does.
async fn waits(client: Client, sql: &'static str) -> Result<Running> {
    let running = tokio::spawn(async move {
        let answer = client.run(sql).await;
        (client, answer)
    });
    tokio::time::sleep(STILL_WAITING).await;
    ensure!(!running.is_finished(), "it did not wait: {sql}");
    Ok(running)
}

/// Sees that what waited goes on soon.
async fn goes_on(running: Running) -> Result<(Client, Result<Answer, Failure>)> {
    let ended = tokio::time::timeout(HANDED_OVER_MAX, running).await;
    Ok(ended.context("it still waits")??)
}

#[tokio::test]
async fn a_writer_goes_on_when_the_one_before_it_ends_however_it_ends() -> Result<()> {
    let (cluster, reader) = cluster().await?;
    for end in ["commit", "rollback", "select 1 / 0"] {
        let (first, second) = (cluster.connect().await?, cluster.connect().await?);
        first.run("begin").await?;
        first.run("insert into t values (1)").await?;
        let waiting = waits(second, "insert into t values (2)").await?;
        let _ended = first.run(end).await;
        goes_on(waiting).await?.1.with_context(|| end.to_owned())?;
    }
    // Three by the second, one by the first, and the row that was there.
    ensure!(reader.number("select count(*) from t").await? == 5);
    let (first, second) = (cluster.connect().await?, cluster.connect().await?);
    first.run("begin").await?;
    first.run("delete from t where x = 1").await?;
    let waiting = waits(second, "delete from t").await?;
    drop(first);
    let deleted = goes_on(waiting).await?.1?.count;
    ensure!(deleted == 5, "{deleted} rows deleted after a connection was lost");
    Ok(())
}

#[tokio::test]
async fn a_statement_that_waited_sees_what_it_waited_for() -> Result<()> {
    let (cluster, first) = cluster().await?;
    let second = cluster.connect().await?;
    second.run("begin").await?;
    first.run("begin").await?;
    first.run("update t set x = x + 1").await?;
    // The snapshot of the second one starts after its wait: no update is lost, nothing conflicts.
    let waiting = waits(second, "update t set x = x + 10").await?;
    first.run("commit").await?;
    let (second, answer) = goes_on(waiting).await?;
    ensure!(answer?.count == 1);
    second.run("commit").await?;
    ensure!(first.number("select x from t").await? == 11);
    Ok(())
}

#[tokio::test]
async fn a_prepared_statement_takes_its_snapshot_when_it_runs() -> Result<()> {
    let (cluster, first) = cluster().await?;
    let second = cluster.connect().await?;
    let driver = second.driver();
    driver.execute("begin", &[]).await?;
    let update = driver.prepare("update t set x = x + $1 where x < $2").await?;
    let delete = driver.prepare("delete from t where x = $1").await?;
    first.run("update t set x = x + 1").await?;
    ensure!(driver.execute(&update, &[&10_i32, &5_i32]).await? == 1);
    ensure!(driver.execute(&delete, &[&1_i32]).await? == 0);
    ensure!(driver.execute(&delete, &[&11_i32]).await? == 1);
    driver.execute("rollback", &[]).await?;
    let merge = "merge into u using t on u.x = t.x when matched then delete \
                 when not matched then insert values (t.x + $1)";
    driver.execute(merge, &[&4_i32]).await?;
    ensure!(first.number("select x from u").await? == 5);
    Ok(())
}

#[tokio::test]
async fn a_wait_ends_with_cancel_and_leaves_the_session_usable() -> Result<()> {
    let (cluster, first) = cluster().await?;
    let second = cluster.connect().await?;
    first.run("begin").await?;
    first.run("lock t").await?;
    let cancel = second.cancel_token();
    let waiting = waits(second, "insert into t values (2)").await?;
    let shown = first.run("select lock_status from stv_locks order by 1").await?.rows;
    let shown = shown.iter().flatten().flatten().map(|status| status.trim_end());
    let shown: Vec<_> = shown.collect();
    ensure!(shown == ["Holding write lock", "Waiting for write lock"], "{shown:?}");
    let granted = "select count(*) from svv_transactions where not granted";
    ensure!(first.number(granted).await? == 1);
    cancel.cancel_query(NoTls).await?;
    let (second, answer) = goes_on(waiting).await?;
    let failure = answer.err().context("a cancelled statement succeeded")?;
    ensure!(failure.sqlstate == "57014", "{failure}");
    ensure!(second.number("select count(*) from t").await? == 1);
    first.run("rollback").await?;
    second.run("insert into t values (2)").await?;
    ensure!(second.number("select count(*) from stv_locks").await? == 0);
    Ok(())
}

#[tokio::test]
async fn of_two_that_wait_for_each_other_one_gives_up() -> Result<()> {
    let (cluster, first) = cluster().await?;
    let second = cluster.connect().await?;
    for (client, table) in [(&first, "t"), (&second, "u")] {
        client.run("begin").await?;
        client.run(&format!("insert into {table} values (1)")).await?;
    }
    let waiting = waits(first, "insert into u values (2)").await?;
    let started = Instant::now();
    let failure = second.run("insert into t values (2)").await.err().context("no deadlock")?;
    ensure!(failure.sqlstate == "40P01", "{failure}");
    ensure!(failure.message == "deadlock detected", "{failure}");
    ensure!(started.elapsed() < HANDED_OVER_MAX, "found after {:?}", started.elapsed());
    let (first, answer) = goes_on(waiting).await?;
    answer?;
    first.run("commit").await?;
    second.run("rollback").await?;
    ensure!(
        second.number("select (select count(*) from t) + (select count(*) from u)").await? == 3
    );
    Ok(())
}

#[tokio::test]
async fn appends_of_many_sessions_lose_nothing() -> Result<()> {
    const SESSIONS: i64 = 8;
    const INSERTS: i64 = 10;
    let (cluster, reader) = cluster().await?;
    let mut running = Vec::new();
    for session in 0..SESSIONS {
        let client = cluster.connect().await?;
        running.push(tokio::spawn(async move {
            for n in 0..INSERTS {
                let x = session * INSERTS + n + 1;
                client.run(&format!("insert into t values ({x})")).await?;
                client.run("update t set x = x where x = 0").await?;
            }
            Ok::<(), Failure>(())
        }));
    }
    for session in running {
        session.await??;
    }
    let all = SESSIONS * INSERTS;
    ensure!(reader.number("select count(*) from t").await? == all + 1);
    ensure!(reader.number("select sum(x) from t").await? == all * (all + 1) / 2);
    Ok(())
}
