//! What goes through the network is what EXPLAIN says, and it is counted.

use super::*;

/// Returns the bytes that went through the network for the join with this label, by what EXPLAIN ANALYZE says.
async fn moved(client: &Client, sql: &str, label: &str) -> Result<u64> {
    let plan = client.run(&format!("explain analyze {sql}")).await?;
    let lines = plan.rows.into_iter().flatten().flatten().collect::<Vec<_>>();
    let below = lines.iter().skip_while(|line| !line.contains(label));
    let moved = below.map(|line| line.trim()).find_map(|line| line.strip_prefix("Bytes moved: "));
    Ok(moved.with_context(|| format!("no {label}:\n{}", lines.join("\n")))?.parse()?)
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
        let moved = moved(&client, sql, label).await?;
        ensure!((moved > 0) == moves, "{label} of {sql} moved {moved} bytes");
    }
    // The tables of steps say the same of the query before.
    client.run("select t.k, u.k from t join u on t.v = u.g").await?;
    let of_query = "where query = (select max(query) from stl_explain)";
    let sent = format!("select sum(rows) from stl_bcast {of_query} and bytes > 0");
    ensure!(client.number(&sent).await? == 10_000);
    ensure!(client.number(&format!("select sum(packets) from stl_bcast {of_query}")).await? > 0);
    Ok(())
}
