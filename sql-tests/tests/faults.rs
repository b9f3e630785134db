//! What goes wrong around a warehouse: each gives a clear error, and the server goes on.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::{Client, Failure},
    cluster::{Cluster, ClusterOptions},
    load_files,
    process::{self, ServerProcess},
    s3::{S3Address, S3Endpoint},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_postgres::NoTls;

/// How soon a cancelled statement has to end.
const CANCEL_WAIT_MAX: Duration = Duration::from_secs(2);
/// How soon an endpoint that is not there has to be told.
const UNREACHABLE_WAIT_MAX: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_right_one_works() -> Result<()> {
    let password = Some("Secret-1".to_owned());
    let cluster = Cluster::start(ClusterOptions { password, ..Default::default() })?;
    let wrong = Client::connect(cluster.port(), Some("guess")).await;
    let failure = wrong.err().context("a wrong password was accepted")?;
    ensure!(failure.sqlstate == "28P01", "{failure}");
    ensure!(failure.message == "password authentication failed for user \"awsuser\"", "{failure}");
    let none = Client::connect(cluster.port(), None).await;
    ensure!(none.is_err(), "no password was accepted");
    works(&cluster.connect().await?).await
}

#[tokio::test]
async fn with_a_password_all_addresses_are_served_and_loopback_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = process::command()?;
    command.args(["serve", "--port", "0", "--data"]).arg(folder.path());
    command.env("BLUESHIFT_PASSWORD", "Secret-1");
    let mut server = ServerProcess::spawn(command)?;
    let address = server.wait_ready("postgres")?;
    let port = address.strip_prefix("127.0.0.1:").with_context(|| address.clone())?.parse()?;
    works(&Client::connect(port, Some("Secret-1")).await?).await
}

#[tokio::test]
async fn sigterm_while_recovering_is_an_orderly_end() -> Result<()> {
    // A storage that takes requests and never answers.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let mut command = process::command()?;
    command.args(["serve", "--port", "0", "--data", "s3://bucket/root"]);
    command.env("AWS_ENDPOINT_URL_S3", format!("http://{}", silent.local_addr()?));
    command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    let mut server = ServerProcess::spawn(command)?;
    let _request = silent.accept()?;
    let code = server.terminate()?;
    ensure!(code == Some(0), "it left with {code:?}; its log:\n{}", server.log());
    Ok(())
}

#[tokio::test]
async fn an_unknown_database_and_user_are_refused() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default())?;
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(cluster.port()).user("awsuser").dbname("nowhere");
    let failure = Client::connect_with(&config).await.err().context("an unknown database")?;
    ensure!(failure.sqlstate == "3D000", "{failure}");
    ensure!(failure.message == "database \"nowhere\" does not exist", "{failure}");
    works(&cluster.connect().await?).await
}

#[tokio::test]
async fn an_error_leaves_the_connection_usable() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default())?;
    let client = cluster.connect().await?;
    for (sql, sqlstate) in [
        ("select * from missing", "42P01"),
        ("selec 1", "42601"),
        ("select 1 / 0", "22012"),
        ("copy missing from 's3://b/k' iam_role default", "42P01"),
    ] {
        let failure = failure_of(&client, sql).await?;
        ensure!(failure.sqlstate == sqlstate, "{sql}: {failure}");
        works(&client).await?;
        works(&client).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_unreachable_endpoint_is_named() -> Result<()> {
    // A port that was free a moment ago, and that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let s3 = S3Address {
        endpoint: endpoint.clone(),
        access_key_id: "k".to_owned(),
        secret_access_key: "s".to_owned(),
    };
    let cluster = Cluster::start(ClusterOptions { s3: Some(s3), ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run("create table t (x int)").await?;
    let start = Instant::now();
    let failure = failure_of(&client, "copy t from 's3://bucket/key' iam_role default").await?;
    ensure!(start.elapsed() < UNREACHABLE_WAIT_MAX, "it took {:?}", start.elapsed());
    ensure!(failure.to_string().contains(&endpoint), "{failure}");
    works(&client).await
}

#[tokio::test]
async fn a_missing_bucket_and_a_wrong_key_are_told_apart() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    load_files::write(&endpoint.bucket("there")?)?;
    let s3 = Some(endpoint.address().clone());
    let cluster = Cluster::start(ClusterOptions { s3, ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run("create table t (id int, name varchar(10))").await?;
    let failure = failure_of(&client, "copy t from 's3://not-there/key' iam_role default").await?;
    ensure!(failure.message.contains("bucket \"not-there\""), "{failure}");
    let copy =
        "copy t from 's3://there/part-0001.txt' access_key_id 'test-key' secret_access_key 'no'";
    let failure = failure_of(&client, copy).await?;
    ensure!(failure.message.contains("Access Denied"), "{failure}");
    client.run("copy t from 's3://there/part-0001.txt' iam_role default").await?;
    ensure!(client.number("select count(*) from t").await? == 2, "the bucket that is there");
    works(&client).await
}

#[tokio::test]
async fn a_full_disk_fails_the_statement_and_nothing_else() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    let bucket = endpoint.bucket("big")?;
    let mut random = 1_u64;
    let mut text = String::new();
    for id in 0..100_000 {
        // Digits that do not compress: a linear congruential generator, Knuth's constants.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{id}|{random:016x}{:016x}\n", random.rotate_left(17)));
    }
    std::fs::write(bucket.join("rows.txt"), text)?;
    let options = ClusterOptions {
        s3: Some(endpoint.address().clone()),
        file_bytes_max: Some(512 << 10),
        slices: Some(2),
        ..Default::default()
    };
    let mut cluster = Cluster::start(options)?;
    let client = cluster.connect().await?;
    client.run("create table t (id int, noise varchar(40)) diststyle even").await?;
    client.run("insert into t values (1, 'small')").await?;
    let failure = failure_of(&client, "copy t from 's3://big/rows.txt' iam_role default").await?;
    ensure!(["53100", "58030"].contains(&failure.sqlstate.as_str()), "{failure}");
    ensure!(cluster.process().is_running(), "the server is gone:\n{}", cluster.process().log());
    works(&client).await?;
    ensure!(client.number("select count(*) from t").await? == 1, "rows of a failed COPY are there");
    client.run("insert into t values (2, 'still')").await?;
    ensure!(client.number("select count(*) from t").await? == 2, "the disk has room for a row");
    Ok(())
}

#[tokio::test]
async fn garbage_on_the_port_harms_nobody() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default())?;
    let client = cluster.connect().await?;
    let inputs: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x00\x00\x00\x08\x00\x03\x00\x00",
        b"\x7f\xff\xff\xff\x00\x03\x00\x00user\x00",
        b"Q\x00\x00\x00\x04",
    ];
    for input in inputs {
        let mut stream = TcpStream::connect(("127.0.0.1", cluster.port())).await?;
        stream.write_all(input).await?;
        stream.shutdown().await?;
        // Whatever it answers, it ends the connection.
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
        // A reset is an end too.
        let _ended = read.await.with_context(|| format!("{input:?} is never answered"))?;
        works(&client).await?;
    }
    ensure!(cluster.process().is_running(), "the server is gone");
    works(&cluster.connect().await?).await
}

#[tokio::test]
async fn cancel_stops_a_long_cross_join() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default())?;
    let client = cluster.connect().await?;
    client.run("create table n (x int)").await?;
    client
        .run(
            "insert into n with recursive s (i) as (select 1 union all select i + 1 from s \
             where i < 10000) select i from s",
        )
        .await?;
    let token = client.cancel_token();
    let cancel = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let sent = Instant::now();
        token.cancel_query(NoTls).await.map(|()| sent)
    });
    // 10^12 rows: hours, if nobody stops it.
    let sql = "select sum(a.x * b.x + c.x) from n a cross join n b cross join n c";
    let failure = tokio::time::timeout(Duration::from_secs(30), failure_of(&client, sql))
        .await
        .context("it was never stopped")??;
    let sent = cancel.await??;
    ensure!(sent.elapsed() < CANCEL_WAIT_MAX, "it took {:?}", sent.elapsed());
    ensure!(failure.sqlstate == "57014", "{failure}");
    works(&client).await?;
    works(&client).await
}

#[tokio::test]
async fn statement_timeout_stops_a_long_statement() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default())?;
    let client = cluster.connect().await?;
    client.run("create table n (x int)").await?;
    let fill = "insert into n with recursive s (i) as (select 1 union all select i + 1 from s \
                where i < 10000) select i from s";
    client.run(fill).await?;
    client.run("set statement_timeout to 300").await?;
    let sql = "select sum(a.x * b.x + c.x) from n a cross join n b cross join n c";
    let failure = tokio::time::timeout(Duration::from_secs(30), failure_of(&client, sql))
        .await
        .context("it was never stopped")??;
    ensure!(failure.sqlstate == "57014", "{failure}");
    works(&client).await
}

#[tokio::test]
async fn a_deep_statement_is_answered_or_refused() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default())?;
    let client = cluster.connect().await?;
    client.run("create table n (x int)").await?;
    client.run("set statement_timeout to 5000").await?;
    let nested = |open: &str, core: &str, close: &str, n: usize| {
        format!("select {}{core}{}", open.repeat(n), close.repeat(n))
    };
    for n in [40, 100, 140, 400, 1_000, 3_000] {
        for sql in [
            nested("* from (select ", "1 a", ") x", n),
            nested("not ", "true", "", n),
            nested("- ", "1", "", n),
            nested("abs(", "1", ")", n),
            nested("case when true then ", "1", " end", n),
            nested("1 union all select ", "1", "", n),
            nested("", "x", " + 1", n) + " from n",
            nested("", "x", " || 'a'", n) + " from n",
        ] {
            let allowed = Duration::from_secs(20);
            let answered = tokio::time::timeout(allowed, client.run(&sql)).await;
            let answered = answered.with_context(|| format!("{n}: {:.40}…", sql))?;
            if let Err(failure) = answered {
                // Too deep, or too long in planning: that can be stopped.
                let told = ["54001", "57014"].contains(&failure.sqlstate.as_str());
                ensure!(told && n > 40, "{failure}: {n}: {:.40}…", sql);
            }
        }
    }
    works(&client).await
}

/// Runs two statements.
async fn works(client: &Client) -> Result<()> {
    ensure!(client.value("select 1").await? == "1", "select 1");
    ensure!(client.value("select 'a' || 'b'").await? == "ab", "select 'a' || 'b'");
    Ok(())
}

async fn failure_of(client: &Client, sql: &str) -> Result<Failure> {
    client.run(sql).await.err().with_context(|| format!("it did not fail: {sql}"))
}
