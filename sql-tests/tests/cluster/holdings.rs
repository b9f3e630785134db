//! What nodes hold for a statement is let go with it, however it ends.

use tokio_postgres::NoTls;

use super::*;

/// How long a node may take to let go what it holds, and to say so.
const LET_GO_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longer than a node takes to say what it holds.
const HEARTBEAT: Duration = Duration::from_millis(1_200);
/// Pieces of plans, memory and files of all nodes.
const HOLDINGS: &str =
    "select sum(pieces), sum(memory_bytes), sum(spill_files), sum(spill_bytes) from stv_node_state";
/// A join of 100 million pairs, each of which is computed with.
const LONG: &str = "select count(*) from t x join u y on x.k <> y.k and sqrt(x.v * 1.0 + y.k) > -1";

async fn holdings(client: &Client) -> Result<Vec<String>> {
    let answer = client.run(HOLDINGS).await?;
    let row = answer.rows.into_iter().next().context("no row")?;
    Ok(row.into_iter().map(Option::unwrap_or_default).collect())
}

/// Waits until no node holds anything for a statement.
pub(super) async fn hold_nothing(client: &Client) -> Result<()> {
    // What nodes have said before is of before.
    tokio::time::sleep(HEARTBEAT).await;
    let until = Instant::now() + LET_GO_WAIT_MAX;
    loop {
        let held = holdings(client).await?;
        if held.iter().all(|number| number == "0") {
            return Ok(());
        }
        ensure!(Instant::now() < until, "pieces, memory, spill files and bytes are held: {held:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until nodes hold something: what is looked at does change.
async fn hold_something(client: &Client) -> Result<()> {
    let until = Instant::now() + LET_GO_WAIT_MAX;
    loop {
        let held = holdings(client).await?;
        if held.iter().take(2).all(|number| number != "0") {
            return Ok(());
        }
        ensure!(Instant::now() < until, "nodes that work hold nothing: {held:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_held_of_a_statement_that_was_cancelled() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    let runner = cluster.connect().await?;
    let cancel = runner.cancel_token();
    let running = tokio::spawn(async move { runner.run(LONG).await });
    hold_something(&client).await?;
    cancel.cancel_query(NoTls).await?;
    let failure = running.await?.err().context("the query was not cancelled")?;
    ensure!(failure.sqlstate == "57014", "{failure:?}");
    hold_nothing(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_held_of_a_statement_that_failed() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    for sql in [
        "select sum(1 / (x.k - y.k)) from t x join u y on x.g = y.g",
        "select x.g, count(*) from t x group by x.g having sum(1 / (x.g - 5)) > 0",
        "insert into u select k, 1 / (k - 7777) from t",
    ] {
        let failure = client.run(sql).await.err().context("a division by zero went well")?;
        ensure!(failure.sqlstate == "22012", "{failure:?}");
    }
    hold_nothing(&client).await?;
    is_right(&client).await?;
    hold_nothing(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_held_for_a_client_that_is_gone() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    let runner = cluster.connect().await?;
    let running = tokio::spawn(async move { runner.run(LONG).await });
    hold_something(&client).await?;
    running.abort();
    hold_nothing(&client).await
}
