//! What goes through the network is what EXPLAIN says, and it is counted.

use super::*;

/// Returns what a query moved for its joins, and for all it did: as EXPLAIN ANALYZE says it, in bytes.
async fn moved(client: &Client, sql: &str) -> Result<(Vec<u64>, String)> {
    let plan = client.run(&format!("explain analyze {sql}")).await?;
    let lines = plan.rows.into_iter().flatten().flatten().collect::<Vec<_>>();
    let moved = lines.iter().filter_map(|line| line.trim().strip_prefix("Bytes moved: "));
    let moved = moved.map(str::parse).collect::<Result<_, _>>()?;
    Ok((moved, lines.join("\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_move_what_their_labels_say() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    client.run("create table s (k int, v int) distkey(k)").await?;
    client.run("insert into s select k, v from t").await?;
    client.run("create table a (g int, n int) diststyle all").await?;
    client.run("insert into a select distinct g, g * 2 from t").await?;
    client.run("analyze").await?;
    for (sql, label, moves) in [
        ("select count(*) from t join s on t.k = s.k", "DS_DIST_NONE", false),
        ("select count(*) from t join a on t.g = a.g", "DS_DIST_ALL_NONE", false),
        ("select count(*) from t join u on t.v = u.g", "DS_BCAST_INNER", true),
        ("select count(*) from t full join u on t.v = u.g", "DS_DIST_BOTH", true),
    ] {
        let (moved, plan) = moved(&client, sql).await?;
        ensure!(plan.contains(label), "{label}:\n{plan}");
        let of_join = *moved.first().with_context(|| plan.clone())?;
        ensure!((of_join > 0) == moves, "{sql} moved {of_join} bytes:\n{plan}");
    }
    // The tables of steps say the same of the query before.
    client.run("select t.k, u.k from t join u on t.v = u.g").await?;
    let of_query = "where query = (select max(query) from stl_explain)";
    let sent = format!("select sum(rows) from stl_bcast {of_query} and bytes > 0");
    ensure!(client.number(&sent).await? == 10_000);
    ensure!(client.number(&format!("select sum(packets) from stl_bcast {of_query}")).await? > 0);
    Ok(())
}
