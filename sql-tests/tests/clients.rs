//! Other people's clients and servers: psql, the extended protocol as drivers use it, and COPY from
//! an S3 server that we did not write (moto).
//!
//! psql and moto are used where they are installed; without them the test says that it was skipped.
//! `.ci/run` installs moto, so that there nothing is skipped.

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use sql_tests::{
    cluster::{Cluster, ClusterOptions},
    load_files, process,
    s3::{S3Address, S3Endpoint},
};

/// How long moto may take to start.
const MOTO_WAIT_MAX: Duration = Duration::from_secs(30);
/// The words of COPY's notice.
const LOADED: &str = "Load into table 't' completed, 2 record(s) loaded successfully.";

#[tokio::test]
async fn copy_says_how_many_records_it_loaded() -> Result<()> {
    let endpoint = S3Endpoint::start()?;
    load_files::write(&endpoint.bucket("files")?)?;
    let s3 = Some(endpoint.address().clone());
    let cluster = Cluster::start(ClusterOptions { s3, ..Default::default() })?;
    let client = cluster.connect().await?;
    client.run("create table t (id int, name varchar(10))").await?;
    client.take_notices();
    client.run("copy t from 's3://files/part-0001.txt' iam_role default").await?;
    let notices = client.take_notices();
    ensure!(notices == [("INFO".to_owned(), LOADED.to_owned())], "{notices:?}");
    Ok(())
}

#[tokio::test]
async fn drivers_prepare_bind_and_read_in_binary() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default())?;
    let client = cluster.connect().await?;
    let driver = client.driver();
    driver
        .batch_execute("create table t (id int, big bigint, name varchar(20), ok boolean, f float)")
        .await?;
    let insert = driver.prepare("insert into t values ($1, $2, $3, $4, $5)").await?;
    for id in 0..3_i32 {
        let (big, name, ok) = (i64::from(id) << 40, format!("name {id}"), id % 2 == 0);
        let count = driver.execute(&insert, &[&id, &big, &name, &ok, &1.5_f64]).await?;
        ensure!(count == 1, "{count} rows inserted");
    }
    let none: Option<&str> = None;
    driver.execute("insert into t (id, name) values ($1, $2)", &[&9_i32, &none]).await?;
    let select = "select id, big, name, ok, f from t where id >= $1 order by id";
    let rows = driver.query(select, &[&1_i32]).await?;
    ensure!(rows.len() == 3, "{} rows", rows.len());
    ensure!(rows[0].get::<_, i32>(0) == 1 && rows[0].get::<_, i64>(1) == 1 << 40, "numbers");
    ensure!(rows[0].get::<_, &str>(2) == "name 1" && !rows[0].get::<_, bool>(3), "text, boolean");
    ensure!((rows[0].get::<_, f64>(4) - 1.5).abs() < f64::EPSILON, "float");
    ensure!(rows[2].get::<_, Option<&str>>(2).is_none(), "NULL");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copy_reads_from_an_independent_s3_server() -> Result<()> {
    let Some(python) = python_with_moto() else {
        eprintln!("skipped copy_reads_from_an_independent_s3_server: no moto (see .ci/run)");
        return Ok(());
    };
    let moto = Moto::start(&python)?;
    let keys = moto.fill()?;
    let s3 = S3Address { endpoint: moto.endpoint.clone(), ..keys.clone() };
    let options = ClusterOptions { s3: Some(s3), slices: Some(2), ..Default::default() };
    let cluster = Cluster::start(options)?;
    let client = cluster.connect().await?;
    client.run("create table t (id int, name varchar(10))").await?;
    client.run("copy t from 's3://sql-tests/part-' iam_role default").await?;
    client.run("copy t from 's3://sql-tests/gzip-part-' iam_role default gzip").await?;
    client.run("copy t from 's3://sql-tests/parts.manifest' iam_role default manifest").await?;
    ensure!(client.number("select count(*) from t").await? == 9, "rows");
    client
        .run("create table sales (id int, name varchar(20), price decimal(10, 2), d date, ts timestamp)")
        .await?;
    client.run("copy sales from 's3://sql-tests/parquet-' iam_role default parquet").await?;
    ensure!(client.number("select count(*) from sales").await? == 3, "rows of Parquet");
    let with_keys = format!(
        "copy t from 's3://sql-tests/part-' access_key_id '{}' secret_access_key '{}'",
        keys.access_key_id, keys.secret_access_key
    );
    client.run(&with_keys).await?;
    let wrong = format!(
        "copy t from 's3://sql-tests/part-' access_key_id '{}' secret_access_key 'wrong'",
        keys.access_key_id
    );
    let failure = client.run(&wrong).await.err().context("a wrong signature was accepted")?;
    ensure!(failure.message.contains("Access Denied"), "{failure}");
    let missing = client.run("copy t from 's3://no-such/part-' iam_role default").await;
    let failure = missing.err().context("a missing bucket was read")?;
    ensure!(failure.message.contains("no-such"), "{failure}");
    ensure!(client.number("select count(*) from t").await? == 12, "rows at the end");
    Ok(())
}

#[tokio::test]
async fn psql_describes_tables() -> Result<()> {
    if Command::new("psql").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped psql_describes_tables: no psql");
        return Ok(());
    }
    let cluster = Cluster::start(ClusterOptions::default())?;
    let client = cluster.connect().await?;
    client.run("create table sales (id int not null, name varchar(20) default 'x')").await?;
    client.run("create view sold as select id from sales").await?;
    for (command, expected) in [
        ("select 40 + 2 as answer", "42"),
        ("\\dt", "sales"),
        ("\\dv", "sold"),
        ("\\dn", "public"),
        ("\\l", "dev"),
        ("\\d", "sales"),
        ("\\du", "awsuser"),
        ("\\d sales", "not null"),
        ("\\d+ sales", "Storage"),
        ("\\d sold", "View \"public.sold\""),
        ("\\d+ sold", "View definition"),
    ] {
        let (status, text) = psql(cluster.port(), command)?;
        ensure!(status && text.contains(expected) && !text.contains("ERROR"), "{command}:\n{text}");
    }
    let (status, text) = psql(cluster.port(), "select * from missing")?;
    ensure!(!status && text.contains("relation \"missing\" does not exist"), "{text}");
    Ok(())
}

/// Runs one command of psql; returns whether it worked and all that it printed.
fn psql(port: u16, command: &str) -> Result<(bool, String)> {
    let output = Command::new("psql")
        .args(["-X", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "awsuser", "-d", "dev"])
        .args(["-v", "ON_ERROR_STOP=1", "-c", command])
        .env("PGCONNECT_TIMEOUT", "10")
        .output()
        .context("run psql")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

/// Returns a Python that has moto: of the virtual environment beside the binary, or the system's.
fn python_with_moto() -> Option<PathBuf> {
    let beside = process::binary().ok()?.parent()?.parent()?.join("moto/bin/python");
    let candidates = [beside, PathBuf::from("python3")];
    candidates.into_iter().find(|python| {
        let probe = ["-c", "import moto.server, flask, flask_cors"];
        let status =
            Command::new(python).args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    })
}

/// A running moto server that checks signatures; killed when dropped.
struct Moto {
    child: Child,
    endpoint: String,
    python: PathBuf,
}

impl Moto {
    fn start(python: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            // Three requests make the user, its policy and its key; from then on moto checks.
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "3")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start moto")?;
        let moto =
            Self { child, endpoint: format!("http://127.0.0.1:{port}"), python: python.to_owned() };
        let until = Instant::now() + MOTO_WAIT_MAX;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < until, "moto does not answer within {MOTO_WAIT_MAX:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(moto)
    }

    /// Makes a user with a key, and a bucket with the files; returns the key.
    fn fill(&self) -> Result<S3Address> {
        let files = tempfile::tempdir()?;
        load_files::write(files.path())?;
        let mut script = Command::new(&self.python)
            .args(["-", &self.endpoint])
            .arg(files.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let source = include_str!("moto_fill.py");
        script.stdin.take().context("moto_fill.py's input")?.write_all(source.as_bytes())?;
        let output = script.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut words = text.split_whitespace();
        let (Some(id), Some(secret), true) = (words.next(), words.next(), output.status.success())
        else {
            bail!("moto_fill.py failed: {text}");
        };
        Ok(S3Address {
            endpoint: self.endpoint.clone(),
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
        })
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have left already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
