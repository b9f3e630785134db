//! A leader and compute nodes as real processes: who may join, and what a client sees when a node is killed, frozen,
//! added or told to leave, or the leader is restarted.

#[path = "cluster/copy.rs"]
mod copy;
#[path = "cluster/cut_off.rs"]
mod cut_off;
#[path = "cluster/errors.rs"]
mod errors;
#[path = "cluster/failed_writes.rs"]
mod failed_writes;
#[path = "cluster/holdings.rs"]
mod holdings;
#[path = "cluster/moved.rs"]
mod moved;
#[path = "cluster/slow_readers.rs"]
mod slow_readers;
#[path = "cluster/writes.rs"]
mod writes;

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::Client,
    process::{self, ServerProcess},
    s3::S3Address,
};
use tempfile::TempDir;

/// How long a query may take that has lost a node: to notice it, and to run again.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long the cluster may take to have as many nodes as expected.
const NODES_WAIT_MAX: Duration = Duration::from_secs(20);
const SECRET: &str = "open sesame";
const SLICES_PER_NODE: usize = 2;
/// As without it, and who writes rows.
const LOG_FILTER: &str = "warn,leader=info,engine=info,compute=debug,blueshift=info";
/// A join on what the tables are not distributed by, and an aggregate: rows go through the network twice.
const QUERY: &str = "select count(*), sum(x.v) from t x join u y on x.g = y.g";
/// The same rows, after another query has said which: it is as long.
const QUERY_OF_VALUE: &str = "select count(*), sum(x.v) from t x join u y on x.g = y.g
    where x.v >= (select min(a.v) from t a join u b on a.g = b.g)";
const EXPECTED: [&str; 2] = ["10000000", "540000000"];

/// A leader and nodes, on one folder.
struct Nodes {
    leader: ServerProcess,
    port: u16,
    cluster_port: u16,
    nodes: Vec<ServerProcess>,
    home: TempDir,
}

impl Nodes {
    fn start(count: usize) -> Result<Self> {
        Self::start_reading(count, None)
    }

    /// Starts a cluster whose leader knows the way to files.
    fn start_reading(count: usize, s3: Option<&S3Address>) -> Result<Self> {
        let home = TempDir::new()?;
        let cluster_port = free_port()?;
        let mut command = leader_command(home.path(), 0, cluster_port, count)?;
        if let Some(s3) = s3 {
            command
                .env("AWS_ENDPOINT_URL", &s3.endpoint)
                .env("AWS_ACCESS_KEY_ID", &s3.access_key_id)
                .env("AWS_SECRET_ACCESS_KEY", &s3.secret_access_key);
        }
        let leader = ServerProcess::spawn(command)?;
        let nodes = (0..count).map(|_| compute(home.path(), cluster_port, SECRET));
        let nodes = nodes.collect::<Result<Vec<_>>>()?;
        let mut cluster = Self { leader, port: 0, cluster_port, nodes, home };
        cluster.wait_ready()?;
        Ok(cluster)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let address = self.leader.wait_ready("postgres")?;
        self.port = address.rsplit(':').next().context("no port")?.parse()?;
        Ok(())
    }

    async fn connect(&self) -> Result<Client> {
        Ok(Client::connect(self.port, None).await?)
    }

    fn add(&mut self) -> Result<()> {
        let mut node = compute(self.home.path(), self.cluster_port, SECRET)?;
        node.wait_ready("compute")?;
        self.nodes.push(node);
        Ok(())
    }
}

fn leader_command(home: &Path, port: u16, cluster_port: u16, nodes: usize) -> Result<Command> {
    let mut command = process::command()?;
    command.current_dir(home).args(["leader", "--secret", SECRET, "--data"]).arg(home.join("data"));
    command.args(["--port", &port.to_string(), "--cluster-port", &cluster_port.to_string()]);
    command.args(["--nodes", &nodes.to_string()]).env("BLUESHIFT_LOG", LOG_FILTER);
    Ok(command)
}

fn compute(home: &Path, cluster_port: u16, secret: &str) -> Result<ServerProcess> {
    ServerProcess::spawn(compute_command(home, cluster_port, secret)?)
}

fn compute_command(home: &Path, cluster_port: u16, secret: &str) -> Result<Command> {
    let mut command = process::command()?;
    let slices = SLICES_PER_NODE.to_string();
    command.current_dir(home).args(["compute", "--slices", &slices, "--secret", secret]);
    command.args(["--leader", &format!("127.0.0.1:{cluster_port}")]);
    command.env("BLUESHIFT_LOG", LOG_FILTER);
    Ok(command)
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn signal(name: &str, process: &ServerProcess) -> Result<()> {
    let status = Command::new("kill").args([name, &process.id().to_string()]).status()?;
    ensure!(status.success(), "kill {name}");
    Ok(())
}

async fn load(client: &Client) -> Result<()> {
    for sql in [
        "create table t (k int, g int, v int) distkey(k)",
        "create table u (k int, g int) diststyle even",
        "create temp table n (i int)",
        "insert into n values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
        "insert into t select a.i + 10 * b.i + 100 * c.i + 1000 * d.i, a.i % 10, b.i * 10 + c.i * 2
         from n a, n b, n c, n d",
        "insert into u select k, g from t",
    ] {
        client.run(sql).await?;
    }
    Ok(())
}

async fn is_right(client: &Client) -> Result<()> {
    is_answered(client, QUERY).await
}

async fn is_answered(client: &Client, query: &str) -> Result<()> {
    let answer = tokio::time::timeout(ANSWER_WAIT_MAX, client.run(query)).await;
    let answer = answer.context("the query hangs")??;
    let row = answer.rows.first().context("no row")?;
    let row = row.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect::<Vec<_>>();
    ensure!(row == EXPECTED, "{row:?}");
    Ok(())
}

async fn node_count(client: &Client) -> Result<i64> {
    client.number("select count(distinct node) from stv_slices").await
}

/// Waits until the leader has so many nodes.
async fn has_nodes(client: &Client, count: i64) -> Result<()> {
    let until = Instant::now() + NODES_WAIT_MAX;
    while node_count(client).await? != count {
        ensure!(Instant::now() < until, "no {count} nodes within {NODES_WAIT_MAX:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Runs queries one after another while something happens to a node; all are answered, and rightly.
async fn while_queries_run(
    cluster: &mut Nodes,
    mishap: impl FnOnce(&mut Nodes) -> Result<()>,
) -> Result<()> {
    while_run(cluster, QUERY, mishap).await
}

async fn while_run(
    cluster: &mut Nodes,
    query: &'static str,
    mishap: impl FnOnce(&mut Nodes) -> Result<()>,
) -> Result<()> {
    let client = cluster.connect().await?;
    let queries = tokio::spawn(async move {
        for _ in 0..4 {
            is_answered(&client, query).await?;
        }
        anyhow::Ok(())
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    mishap(cluster)?;
    queries.await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_is_done_without() -> Result<()> {
    let mut cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    while_queries_run(&mut cluster, |cluster| cluster.nodes[1].kill()).await?;
    has_nodes(&client, 1).await?;
    holdings::hold_nothing(&client).await?;
    cluster.add()?;
    has_nodes(&client, 2).await?;
    is_right(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_frozen_is_done_without_and_comes_back() -> Result<()> {
    let mut cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    while_queries_run(&mut cluster, |cluster| signal("-STOP", &cluster.nodes[0])).await?;
    has_nodes(&client, 1).await?;
    holdings::hold_nothing(&client).await?;
    signal("-CONT", &cluster.nodes[0])?;
    has_nodes(&client, 2).await?;
    is_right(&client).await?;
    // Of what it was given before as well.
    holdings::hold_nothing(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_done_without_that_is_lost_while_the_value_of_a_query_is_found() -> Result<()> {
    let mut cluster = Nodes::start(3)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    while_run(&mut cluster, QUERY_OF_VALUE, |cluster| signal("-STOP", &cluster.nodes[0])).await?;
    signal("-CONT", &cluster.nodes[0])?;
    has_nodes(&client, 3).await?;
    while_run(&mut cluster, QUERY_OF_VALUE, |cluster| cluster.nodes[1].kill()).await?;
    has_nodes(&client, 2).await?;
    holdings::hold_nothing(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_loses_a_node_leaves_all_of_its_rows_or_none() -> Result<()> {
    let mut cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    client.run("create table w (v int)").await?;
    let writer = cluster.connect().await?;
    let writing = tokio::spawn(async move {
        let sql = "insert into w select x.v from t x join u y on x.g = y.g where y.k < 300";
        tokio::time::timeout(ANSWER_WAIT_MAX, writer.run(sql)).await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    cluster.nodes[1].kill()?;
    let written = writing.await?.context("the write hangs")?;
    let rows = client.number("select count(*) from w").await?;
    match written {
        Ok(_) => ensure!(rows == 300_000, "{rows} rows"),
        Err(failure) => {
            ensure!(failure.sqlstate == "58000", "{failure:?}");
            ensure!(rows == 0, "{rows} rows of a write that failed");
        }
    }
    is_right(&client).await?;
    holdings::hold_nothing(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_come_and_go_while_queries_run() -> Result<()> {
    let mut cluster = Nodes::start(1)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    is_right(&client).await?;
    while_queries_run(&mut cluster, Nodes::add).await?;
    has_nodes(&client, 2).await?;
    // Told to leave, a node finishes what it has begun.
    while_queries_run(&mut cluster, |cluster| {
        let exit = cluster.nodes[0].terminate()?;
        ensure!(exit == Some(0), "the node left with {exit:?}");
        Ok(())
    })
    .await?;
    ensure!(node_count(&client).await? == 1);
    is_right(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_find_a_leader_that_was_restarted() -> Result<()> {
    let mut cluster = Nodes::start(2)?;
    load(&cluster.connect().await?).await?;
    cluster.leader.kill()?;
    let leader = leader_command(cluster.home.path(), 0, cluster.cluster_port, 2)?;
    cluster.leader = ServerProcess::spawn(leader)?;
    cluster.wait_ready()?;
    let client = cluster.connect().await?;
    ensure!(node_count(&client).await? == 2);
    is_right(&client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_not_join_says_why() -> Result<()> {
    let cluster = Nodes::start(1)?;
    let refused = |mut node: ServerProcess| match node.wait_ready("compute") {
        Ok(_) => anyhow::bail!("the node has joined"),
        Err(error) => Ok(error.to_string()),
    };
    let said = refused(compute(cluster.home.path(), cluster.cluster_port, "another")?)?;
    ensure!(said.contains("the secret is not the cluster's"), "{said}");

    // A folder that is not the cluster's: what a missing mount looks like.
    let mut command = process::command()?;
    command
        .args(["compute", "--secret", SECRET, "--data"])
        .arg(cluster.home.path().join("elsewhere"));
    command.args(["--leader", &format!("127.0.0.1:{}", cluster.cluster_port)]);
    let said = refused(ServerProcess::spawn(command)?)?;
    ensure!(said.contains("does not see the cluster's managed storage"), "{said}");
    ensure!(node_count(&cluster.connect().await?).await? == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_nodes_says_so_and_recovers() -> Result<()> {
    let mut cluster = Nodes::start(1)?;
    let client = cluster.connect().await?;
    load(&client).await?;
    cluster.nodes[0].kill()?;
    let failure = client.run(QUERY).await.err().context("a query without nodes was answered")?;
    ensure!(["57P03", "58000"].contains(&failure.sqlstate.as_str()), "{failure:?}");
    cluster.add()?;
    has_nodes(&client, 1).await?;
    is_right(&client).await
}
