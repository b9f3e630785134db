//! Who writes: the nodes, not the leader; and what a change of rows leaves that fails.

use sql_tests::s3::S3Endpoint;

use super::*;

/// What a process logs that has written rows.
const WRITTEN: &str = "rows are written";
/// How long a line of the log may be on its way.
const LOG_WAIT_MAX: Duration = Duration::from_secs(10);

fn writes(process: &ServerProcess) -> usize {
    process.log().matches(WRITTEN).count()
}

/// Runs a statement of whose rows each node writes some, and the leader none.
async fn written_by_nodes(cluster: &Nodes, client: &Client, sql: &str) -> Result<()> {
    let before: Vec<usize> = cluster.nodes.iter().map(writes).collect();
    let of_leader = writes(&cluster.leader);
    client.run(sql).await.with_context(|| sql.to_owned())?;
    let until = Instant::now() + LOG_WAIT_MAX;
    while cluster.nodes.iter().map(writes).zip(&before).any(|(now, before)| now <= *before) {
        ensure!(Instant::now() < until, "a node has written nothing of: {sql}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(writes(&cluster.leader) == of_leader, "the leader has written: {sql}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_write_the_rows_of_every_statement() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    let bucket = endpoint.bucket("load")?;
    for (file, first) in [("a", 0), ("b", 1_000)] {
        let rows: Vec<String> = (first..first + 1_000).map(|k| format!("{k}|{}", k % 10)).collect();
        std::fs::write(bucket.join(file), rows.join("\n"))?;
    }
    let cluster = Nodes::start_reading(2, Some(endpoint.address()))?;
    let client = cluster.connect().await?;
    client.run("create table t (k int, n int) distkey(k)").await?;
    client.run("create table s (k int, n int) diststyle even").await?;
    for sql in [
        "copy t from 's3://load/' iam_role default",
        "insert into s select k + 500, -1 from t",
        "update t set n = n + 100",
        // Every row of s is there once, so that each row of t has one match at most.
        "update t set n = s.n from s where t.k = s.k",
        "merge into t using s on t.k = s.k when matched then update set n = s.k
         when not matched then insert values (s.k, s.n)",
    ] {
        written_by_nodes(&cluster, &client, sql).await?;
    }
    // 500 rows as updated first, 1,500 with their own key, 500 that were not there.
    let sql = "select count(*) || ' ' || count(distinct k) || ' '
                   || sum(case when k < 500 and n = k % 10 + 100 then 1 else 0 end) || ' '
                   || sum(case when k between 500 and 1999 and n = k then 1 else 0 end) || ' '
                   || sum(case when k >= 2000 and n = -1 then 1 else 0 end) from t";
    ensure!(client.value(sql).await? == "2500 2500 500 1500 500", "{}", client.value(sql).await?);
    client.run("delete from t using s where t.k = s.k and t.k % 2 = 0").await?;
    ensure!(client.number("select count(*) from t").await? == 1_500);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_matches_on_several_nodes_is_changed_once() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    client.run("create table few (g int, v int) diststyle even").await?;
    client.run("insert into few select i, 0 from n where i < 3").await?;
    client.run("create table other (g int, v int) diststyle even").await?;
    client.run("insert into other select g, k from t").await?;
    // Each of the three has a thousand matches, on all slices.
    client.run("update few set v = other.v + 1 from other where few.g = other.g").await?;
    let sql = "select count(*) || ' ' || count(distinct g) || ' ' || min(v) / min(v) from few";
    ensure!(client.value(sql).await? == "3 3 1", "{}", client.value(sql).await?);
    let merge = "merge into few using other on few.g = other.g
                 when matched then update set v = 0 when not matched then insert values (9, 9)";
    let failure = client.run(merge).await.err().context("which of the matches counts?")?;
    ensure!(failure.sqlstate == "21000", "{failure:?}");
    ensure!(client.number("select count(*) from few where v > 0").await? == 3);
    Ok(())
}

/// Checks that values of an IDENTITY column are those of `seed` and `step`, and that no two rows have the same.
async fn has_identities(client: &Client, table: &str, (seed, step): (i64, i64)) -> Result<i64> {
    let strays = format!("(id - ({seed})) % {step} <> 0 or (id - ({seed})) / ({step}) < 0");
    let sql = format!(
        "select count(*) - count(distinct id) || ' ' || sum(case when {strays} then 1 else 0 end) from {table}"
    );
    let found = client.value(&sql).await?;
    ensure!(found == "0 0", "twice, and not of the column: {found}");
    client.number(&format!("select count(*) from {table}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_an_identity_column_are_unique_whoever_writes() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    let bucket = endpoint.bucket("load")?;
    for file in ["a", "b"] {
        std::fs::write(bucket.join(file), "1\n2\n3\n".repeat(500))?;
    }
    let mut cluster = Nodes::start_reading(2, Some(endpoint.address()))?;
    let client = cluster.connect().await?;
    load(&client).await?;
    client.run("create table i (id bigint identity(10, 5), k int) diststyle even").await?;
    client.run("create table m (id int identity(-1, -3), k int) distkey(k)").await?;
    let insert = "insert into i select k from t";
    for sql in [
        insert,
        "copy i from 's3://load/' iam_role default",
        "merge into m using t on m.k = t.k when matched then delete
         when not matched then insert (k) values (t.k)",
    ] {
        written_by_nodes(&cluster, &client, sql).await?;
        client.run("insert into i (k) values (1), (2)").await?;
    }
    let failure = client.run("insert into i select 1 / (k - 77) from t").await.err();
    ensure!(failure.is_some_and(|failure| failure.sqlstate == "22012"));
    for sql in ["begin", insert, "rollback", "begin", insert, insert, "commit"] {
        client.run(sql).await.context(sql)?;
    }
    let others = [cluster.connect().await?, cluster.connect().await?];
    let [first, second] =
        others.map(|client| tokio::spawn(async move { client.run(insert).await }));
    client.run("insert into i (k) values (3)").await?;
    first.await??;
    second.await??;
    let rows = 10_000 + 3_000 + 3 * 2 + 2 * 10_000 + 2 * 10_000 + 1;
    ensure!(has_identities(&client, "i", (10, 5)).await? == rows);
    ensure!(has_identities(&client, "m", (-1, -3)).await? == 10_000);
    cluster.leader.kill()?;
    let leader = leader_command(cluster.home.path(), 0, cluster.cluster_port, 2)?;
    cluster.leader = ServerProcess::spawn(leader)?;
    cluster.wait_ready()?;
    let client = cluster.connect().await?;
    client.run(insert).await?;
    client.run("insert into m (k) select k from t where k < 5000").await?;
    ensure!(has_identities(&client, "i", (10, 5)).await? == rows + 10_000);
    ensure!(has_identities(&client, "m", (-1, -3)).await? == 15_000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_by_default_takes_what_nodes_are_given() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    client.run("create table g (id bigint generated by default as identity(1, 1), k int)").await?;
    written_by_nodes(&cluster, &client, "insert into g (id, k) select -k, k from t").await?;
    let given = "select count(distinct id) || ' ' || max(id) || ' ' || min(id) from g";
    ensure!(client.value(given).await? == "10000 0 -9999", "{}", client.value(given).await?);
    client.run("insert into g (k) select k from t").await?;
    let all = "select count(*) || ' ' || count(distinct id) from g";
    ensure!(client.value(all).await? == "20000 20000", "{}", client.value(all).await?);
    Ok(())
}

const VACUUM: &str = "vacuum v to 100 percent";

/// Makes runs of the table `v (k, n)`, which is sorted by `k`, that overlap on every slice; returns how many rows it has.
async fn overlapping_runs(client: &Client) -> Result<i64> {
    client.run("create table v (k int, n int) diststyle even sortkey(k)").await?;
    for first in 0..4 {
        client.run(&format!("insert into v select k * 4 + {first}, 0 from t")).await?;
    }
    Ok(4 * 10_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_merge_runs_and_deletes_meanwhile_are_kept() -> Result<()> {
    const MERGED: &str = "runs are merged";
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    let rows = overlapping_runs(&client).await?;
    let deleter = cluster.connect().await?;
    let deleting = tokio::spawn(async move {
        for k in 0..20 {
            deleter.run(&format!("delete from v where k % 1000 = {k}")).await?;
        }
        anyhow::Ok(())
    });
    client.run(VACUUM).await?;
    deleting.await??;
    client.run(VACUUM).await?;
    let sql = "select count(*) || ' ' || count(distinct k) || ' ' || min(k % 1000) from v";
    let left = rows - 20 * rows / 1_000;
    ensure!(
        client.value(sql).await? == format!("{left} {left} 20"),
        "{}",
        client.value(sql).await?
    );
    ensure!(cluster.nodes.iter().all(|node| node.log().contains(MERGED)), "a node has merged none");
    ensure!(!cluster.leader.log().contains(MERGED), "the leader has merged");
    Ok(())
}

/// Vacuums `v` while something happens to a node that is frozen and is to merge; what comes of the vacuum is what it would
/// have been without. The client that is returned is in a transaction block: nothing is merged in the background.
async fn vacuum_is_done_without(
    cluster: &mut Nodes,
    mishap: impl FnOnce(&mut Nodes) -> Result<()>,
) -> Result<Client> {
    const ANEW: &str = "merged anew without a node";
    let client = cluster.connect().await?;
    load(&client).await?;
    let block = cluster.connect().await?;
    block.run("begin").await?;
    block.run("select count(*) from t").await?;
    let rows = overlapping_runs(&client).await?;
    signal("-STOP", &cluster.nodes[1])?;
    let vacuumer = cluster.connect().await?;
    let vacuuming = tokio::spawn(async move { vacuumer.run(VACUUM).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(500)).await;
    ensure!(!vacuuming.is_finished(), "a node that is frozen has merged: {:?}", vacuuming.await?);
    mishap(cluster)?;
    tokio::time::timeout(ANSWER_WAIT_MAX, vacuuming).await.context("it hangs")???;
    ensure!(cluster.leader.log().contains(ANEW), "no merge was done again");
    let sql = "select count(*) from v";
    ensure!(client.number(sql).await? == rows);
    let unsorted = "select unsorted from svv_table_info where \"table\" = 'v'";
    ensure!(client.value(unsorted).await? == "0.00", "{}", client.value(unsorted).await?);
    let steps =
        "select listagg(trim(status), ', ') within group (order by eventtime) from stl_vacuum";
    ensure!(client.value(steps).await? == "Started, Finished", "{}", client.value(steps).await?);
    let phase = "select status from svv_vacuum_progress";
    ensure!(client.value(phase).await?.trim() == "Complete", "{}", client.value(phase).await?);
    Ok(block)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_that_loses_a_killed_node_is_done_by_the_others() -> Result<()> {
    let mut cluster = Nodes::start(2)?;
    let _block = vacuum_is_done_without(&mut cluster, |cluster| cluster.nodes[1].kill()).await?;
    // Without any node there is nobody who would merge.
    let client = cluster.connect().await?;
    client.run("insert into v select k * 4, 0 from t").await?;
    cluster.nodes[0].kill()?;
    let failure = client.run(VACUUM).await.err().context("nobody has merged")?;
    ensure!(failure.sqlstate == "57P03", "{failure:?}");
    cluster.add()?;
    has_nodes(&client, 1).await?;
    client.run(VACUUM).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_that_loses_a_frozen_node_is_done_by_the_others() -> Result<()> {
    let mut cluster = Nodes::start(2)?;
    vacuum_is_done_without(&mut cluster, |_| Ok(())).await?;
    let client = cluster.connect().await?;
    let rows = client.number("select count(*) from v").await?;
    signal("-CONT", &cluster.nodes[1])?;
    has_nodes(&client, 2).await?;
    ensure!(client.number("select count(*) from v").await? == rows);
    Ok(())
}
