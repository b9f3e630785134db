//! A warehouse whose root is on S3, at an endpoint that fails: lost and repeated requests, 500, 503, slow
//! answers. Within limits no client notices, and nothing is lost.

use anyhow::{Result, ensure};
use sql_tests::{
    cluster::{Cluster, ClusterOptions},
    faulty_proxy::FaultyProxy,
    process,
    s3::{S3Address, S3Endpoint},
};

/// Where the faults come from.
const SEED: u64 = 0x503;
/// Of a hundred requests, how many go wrong.
const FAULT_PERCENT: u32 = 20;
/// Rows of a COPY whose run is sent in several parts.
const COPY_ROWS: i64 = 400_000;

/// A warehouse on S3, and what is between the two.
struct Remote {
    endpoint: S3Endpoint,
    proxy: FaultyProxy,
    cluster: Cluster,
}

impl Remote {
    async fn start(seed: u64) -> Result<Self> {
        let endpoint = S3Endpoint::start()?;
        endpoint.bucket("root")?;
        let proxy = FaultyProxy::start(&endpoint.address().endpoint, seed).await?;
        let s3 = S3Address { endpoint: proxy.address().to_owned(), ..endpoint.address().clone() };
        let cluster = Cluster::start(ClusterOptions {
            slices: Some(1),
            s3: Some(s3),
            data: Some("s3://root/warehouse".into()),
            ..Default::default()
        })?;
        Ok(Self { endpoint, proxy, cluster })
    }

    /// Ends the server in order and runs `blueshift check`, past the proxy.
    fn assert_whole(&mut self) -> Result<()> {
        ensure!(self.cluster.process().terminate()? == Some(0), "it did not end in order");
        let address = self.endpoint.address();
        let mut command = process::command()?;
        command.args(["check", "--data", "s3://root/warehouse"]);
        command
            .env("AWS_ENDPOINT_URL", &address.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", &address.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &address.secret_access_key);
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_do_not_notice_requests_that_fail() -> Result<()> {
    let mut remote = Remote::start(SEED).await?;
    let mut client = remote.cluster.connect().await?;
    client.run("create table t (x bigint, y bigint) distkey (x) sortkey (x)").await?;
    let mut rows = 0;
    for round in 0..3 {
        remote.proxy.set_fault_percent(FAULT_PERCENT).await;
        for x in 0..12 {
            client.run(&format!("insert into t values ({x}, {round}), ({x}, 10)")).await?;
            rows += 2;
        }
        client.run("update t set y = y + 1 where x < 3").await?;
        rows -= client.run(&format!("delete from t where x = {round}")).await?.count as i64;
        client.run("vacuum full t to 100 percent").await?;
        ensure!(client.number("select count(*) from t").await? == rows, "round {round}");
        remote.cluster.process().kill()?;
        // A start reads and writes as well.
        remote.proxy.set_fault_percent(FAULT_PERCENT / 2).await;
        remote.cluster.restart()?;
        client = remote.cluster.connect().await?;
        ensure!(client.number("select count(*) from t").await? == rows, "after restart {round}");
    }
    remote.proxy.set_fault_percent(0).await;
    let faults = remote.proxy.faults().await;
    for fault in ["Broken: PUT", "Status(50", "AnswerLost: PUT", "Repeated: PUT", "Slow: "] {
        ensure!(faults.iter().any(|known| known.starts_with(fault)), "no {fault} in {faults:#?}");
    }
    drop(client);
    remote.assert_whole()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_several_parts_arrives_once() -> Result<()> {
    let mut remote = Remote::start(SEED + 1).await?;
    let client = remote.cluster.connect().await?;
    client.run("create table t (id bigint, noise varchar(64))").await?;
    client.run("create table n (i bigint)").await?;
    client
        .run(
            "insert into n with recursive s (i) as (select 0 union all select i + 1 from s \
             where i < 999) select i from s",
        )
        .await?;
    remote.proxy.set_fault_percent(FAULT_PERCENT).await;
    let sql = format!(
        "insert into t select a.i * 1000 + b.i, md5((a.i * 1000 + b.i)::varchar) from n a, n b \
         where a.i * 1000 + b.i < {COPY_ROWS}"
    );
    client.run(&sql).await?;
    remote.proxy.set_fault_percent(0).await;
    let count = client.number("select count(distinct id) from t").await?;
    ensure!(count == COPY_ROWS, "{count} rows");
    let wrong = client.number("select count(*) from t where noise <> md5(id::varchar)").await?;
    ensure!(wrong == 0, "{wrong} rows are not what they were");
    drop(client);
    remote.assert_whole()
}
