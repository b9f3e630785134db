//! A node behind a wire that passes nothing any more, or breaks: detected within seconds, answered by the others.

use std::{io, net::Ipv4Addr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::{holdings::hold_nothing, *};

/// What the loss of a node may add to a query.
const DETECTION_MAX: Duration = Duration::from_secs(5);
/// Where the wires are that lead to the node and, from it, to the leader: other addresses of this machine, so
/// that the ports are those of who is behind.
const TO_NODE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const TO_LEADER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// Queries that read, that send rows of one side to every node, and of both sides to where they meet: with what
/// EXPLAIN says of them.
const QUERIES: [(&str, &str); 3] = [
    ("select count(*), sum(sqrt(v + k) * 0) from t where sqrt(k + sqrt(v)) >= 0", "Seq Scan"),
    ("select count(*), sum(x.v * 0) from t x join u y on x.g = y.g", "DS_BCAST_INNER"),
    ("select count(*), sum(x.v * 0) from t x full join u y on x.g = y.g", "DS_DIST_BOTH"),
];

/// What a wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Passes,
    /// Whoever sends hears nothing of it.
    Silent,
    /// Every connection breaks.
    Resets,
}

/// A wire to a port of this machine.
struct Proxy {
    _accepting: JoinHandle<()>,
}

impl Proxy {
    async fn start(from: Ipv4Addr, port: u16, state: watch::Receiver<Wire>) -> Result<Self> {
        let listener = TcpListener::bind((from, port)).await?;
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = state.clone();
                tokio::spawn(async move {
                    let broken = async { TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await };
                    if let Ok(server) = broken.await {
                        pass(client, server, state).await;
                    }
                });
            }
        });
        Ok(Self { _accepting: accepting })
    }
}

/// Passes bytes both ways as long as the wire does.
async fn pass(client: TcpStream, server: TcpStream, mut state: watch::Receiver<Wire>) {
    // A connection that breaks is not closed in good order.
    let _plain = client.set_zero_linger().and(server.set_zero_linger());
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = one_way(&mut from_client, &mut to_server, state.clone()) => {}
        _ = one_way(&mut from_server, &mut to_client, state.clone()) => {}
        _ = state.wait_for(|wire| *wire == Wire::Resets) => {}
    }
}

async fn one_way(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut state: watch::Receiver<Wire>,
) -> io::Result<()> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut bytes).await?;
        if state.wait_for(|wire| *wire != Wire::Silent).await.is_err() || count == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
    }
}

/// A cluster of two nodes, one of them behind wires.
struct Wired {
    cluster: Nodes,
    client: Client,
    wires: watch::Sender<Wire>,
    _proxies: Vec<Proxy>,
}

impl Wired {
    async fn start() -> Result<Self> {
        let mut cluster = Nodes::start(1)?;
        let (wires, state) = watch::channel(Wire::Passes);
        let port = free_port()?;
        let proxies = vec![
            Proxy::start(TO_NODE, port, state.clone()).await?,
            Proxy::start(TO_LEADER, cluster.cluster_port, state).await?,
        ];
        let mut command = process::command()?;
        command.current_dir(cluster.home.path());
        command.args(["compute", "--slices", "2", "--secret", SECRET]);
        command.args(["--port", &port.to_string(), "--host", &TO_NODE.to_string()]);
        command.args(["--leader", &format!("{TO_LEADER}:{}", cluster.cluster_port)]);
        let mut node = ServerProcess::spawn(command)?;
        node.wait_ready("compute")?;
        cluster.nodes.push(node);
        let client = cluster.connect().await?;
        has_nodes(&client, 2).await?;
        load(&client).await?;
        Ok(Self { cluster, client, wires, _proxies: proxies })
    }

    /// The node is cut off: a query may still find that out, and soon none does.
    async fn answers_without(&self, sql: &str, expected: &[Vec<Option<String>>]) -> Result<()> {
        let until = Instant::now() + DETECTION_MAX;
        loop {
            match self.client.run(sql).await {
                Ok(answer) => {
                    ensure!(answer.rows == expected, "after it was cut off: {:?}", answer.rows);
                    return Ok(());
                }
                Err(failure) => {
                    let is_found_out = failure.sqlstate == "58000" && Instant::now() < until;
                    ensure!(is_found_out, "after it was cut off: {failure:?}");
                }
            }
        }
    }

    /// Cuts the node off in the middle of queries; each is answered by the other one, or says that a node was lost.
    async fn survives(&self, wire: Wire) -> Result<()> {
        for (sql, movement) in QUERIES {
            let plan = self.client.run(&format!("explain {sql}")).await?;
            ensure!(format!("{:?}", plan.rows).contains(movement), "{movement}: {:?}", plan.rows);
            let begun = Instant::now();
            let expected = self.client.run(sql).await?.rows;
            let undisturbed = begun.elapsed();
            for part in [0, 1, 2] {
                let (client, begun) = (self.cluster.connect().await?, Instant::now());
                let query = tokio::spawn(async move { client.run(sql).await });
                tokio::time::sleep(undisturbed * part / 3).await;
                self.wires.send_replace(wire);
                let answer = tokio::time::timeout(ANSWER_WAIT_MAX, query).await;
                let answer = answer.with_context(|| format!("{wire:?}: {sql} hangs"))??;
                let elapsed = begun.elapsed();
                match answer {
                    Ok(answer) => ensure!(answer.rows == expected, "{:?}", answer.rows),
                    Err(failure) => ensure!(failure.sqlstate == "58000", "{failure:?}"),
                }
                // It runs once more, on half of the nodes.
                let time_max = DETECTION_MAX + undisturbed * 4;
                ensure!(elapsed < time_max, "{wire:?}: {sql} took {elapsed:?}");
                self.answers_without(sql, &expected).await?;
                self.wires.send_replace(Wire::Passes);
                has_nodes(&self.client, 2).await?;
            }
        }
        hold_nothing(&self.client).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_nothing_reaches_is_done_without_and_comes_back() -> Result<()> {
    Wired::start().await?.survives(Wire::Silent).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_connections_break_is_done_without_and_comes_back() -> Result<()> {
    Wired::start().await?.survives(Wire::Resets).await
}
