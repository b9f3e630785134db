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
    // What no node can join on its own is joined in the leader, which no label says.
    let sql = "explain select count(*) from t left join u on t.v < u.g and t.k > u.k";
    let plan = client.run(sql).await?.rows.into_iter().flatten().flatten().collect::<Vec<_>>();
    let plan = plan.join("\n");
    ensure!(!plan.contains("DS_") && plan.contains("Send to leader"), "{plan}");
    // The tables of steps say the same of the query before.
    client.run("select t.k, u.k from t join u on t.v = u.g").await?;
    let of_query = "where query = (select max(query) from stl_explain)";
    let sent = format!("select sum(rows) from stl_bcast {of_query} and bytes > 0");
    ensure!(client.number(&sent).await? == 10_000);
    ensure!(client.number(&format!("select sum(packets) from stl_bcast {of_query}")).await? > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn few_keys_go_to_a_large_scan_instead_of_its_rows_to_the_join() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    let rows = "with recursive n (i) as (select 0 union all select i + 1 from n where i < 59999)";
    client.run("create table large (i int, k int) distkey (i)").await?;
    client.run(&format!("insert into large {rows} select i, i % 6000 from n")).await?;
    client.run("create table few (k int, region int) distkey (region)").await?;
    client.run("insert into few select i * 60, i % 5 from large where i < 100").await?;
    client.run("analyze").await?;
    let of_groups = "select count(*), sum(n) from few f
         join (select k, count(*) as n from large group by k) l on l.k = f.k";
    let on_its_own = "select count(*), 0 from few f
         where not exists (select 1 from large l where l.k = f.k)";
    for (sql, answer) in [(of_groups, "100 1000"), (on_its_own, "0 0")] {
        let plan = client.run(&format!("explain analyze {sql}")).await?;
        let lines = plan.rows.into_iter().flatten().flatten().collect::<Vec<_>>();
        let scan = lines.iter().find(|line| line.contains("Scan on large")).context("no scan")?;
        let of_scan = scan.split("actual").last().context("nothing counted")?;
        // Ten rows for each of a hundred keys.
        ensure!(of_scan.contains("rows=1000 "), "{}", lines.join("\n"));
        let rows = client.run(sql).await?.rows;
        let said = rows.into_iter().flatten().flatten().collect::<Vec<_>>().join(" ");
        ensure!(said == answer, "{sql}: {said}");
    }
    Ok(())
}
