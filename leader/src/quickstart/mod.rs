//! A warehouse with data in one command: TPC-H is generated, loaded from S3 by COPY, and queried,
//! all as a client would do it.

mod screen;
pub mod tpch;

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail};
use engine::access::S3Profile;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use crate::{
    s3::{self, Keys, RunningS3},
    settings::{Flags, Settings},
    standalone::{self, Standalone},
};

use screen::{TextTable, bar, count, show, show_table};
use tpch::{Format, GeneratedTable};

/// The bucket of the generated files.
const BUCKET: &str = "tpch";
/// The queries that are shown.
const SHOWN: [&str; 3] = ["q01", "q03", "q06"];

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// TPC-H's scale factor: 1 is 6 million rows of `lineitem`.
    pub scale: f64,
    /// Leave when all is shown.
    pub exit: bool,
    /// Where everything is kept; a temporary folder when absent.
    pub data: Option<PathBuf>,
    /// The warehouse's port.
    pub port: u16,
}

/// Runs until `stop`, or until all is shown.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    tokio::pin!(stop);
    let temporary = match &options.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("cannot make a temporary folder")?),
    };
    let folder = match (&options.data, &temporary) {
        (Some(folder), _) => folder.as_path(),
        (None, Some(folder)) => folder.path(),
        (None, None) => bail!("no folder"),
    };
    let (s3, standalone, settings) = start(folder, options.port).await?;
    let shown = tokio::select! {
        shown = demonstrate(&options, folder, &standalone, &settings) => Some(shown),
        () = &mut stop => None,
    };
    if matches!(shown, Some(Ok(()))) && !options.exit {
        show("\nCtrl-C stops the warehouse.");
        stop.await;
    }
    standalone.shutdown().await;
    s3.shutdown().await;
    shown.unwrap_or(Ok(()))
}

/// Starts the endpoint and the warehouse that reads from it.
async fn start(folder: &Path, port: u16) -> anyhow::Result<(RunningS3, Standalone, Settings)> {
    let keys = Keys::development();
    let root = folder.join("s3");
    let s3 = s3::start(&root, 0, keys.clone())
        .await
        .with_context(|| format!("cannot serve {}", root.display()))?;
    let data = folder.join("warehouse");
    let mut settings = Settings::load(Flags {
        data: Some(data.to_string_lossy().into_owned()),
        port: Some(port),
        listen: vec!["127.0.0.1".to_owned()],
        ..Flags::default()
    })?;
    settings.s3.default = S3Profile {
        endpoint: Some(s3.endpoint()),
        access_key_id: Some(keys.access_key_id),
        secret_access_key: Some(keys.secret_access_key),
        ..S3Profile::default()
    };
    let standalone = standalone::start(settings.clone()).await?;
    Ok((s3, standalone, settings))
}

async fn demonstrate(
    options: &Options,
    folder: &Path,
    standalone: &Standalone,
    settings: &Settings,
) -> anyhow::Result<()> {
    let port = standalone.local_addr().port();
    let (client, connection) = connect(port, settings).await?;
    let version = client.query_one("select version()", &[]).await?;
    show(version.try_get::<_, &str>(0)?);
    match tables_there(&client).await? {
        0 => {
            let files = generate(options.scale, &folder.join("s3").join(BUCKET)).await?;
            load(&client, &files).await?;
        }
        there if there == tpch::TABLE_NAMES.len() => show("\nThe tables are there already."),
        there => bail!(
            "{} has {there} of the 8 tables: choose another folder, or delete this one",
            folder.display()
        ),
    }
    for name in SHOWN {
        query(&client, name).await?;
    }
    show("\nselect … from svv_table_info");
    let sql = "select \"table\", diststyle, sortkey1, tbl_rows, size from svv_table_info \
               where \"schema\" = 'public' order by tbl_rows";
    show_table(&TextTable::of(&client.simple_query(sql).await?));
    let (user, database) = (&settings.superuser, &settings.database);
    show(format_args!("\nConnect with\n\n    psql -h 127.0.0.1 -p {port} -U {user} {database}"));
    // Says goodbye before the warehouse may stop.
    drop(client);
    connection.await?;
    Ok(())
}

async fn connect(port: u16, settings: &Settings) -> anyhow::Result<(Client, JoinHandle<()>)> {
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(port)
        .user(&settings.superuser)
        .dbname(&settings.database)
        .application_name("blueshift quickstart");
    if let Some(password) = &settings.password {
        config.password(password);
    }
    let (client, connection) = config.connect(NoTls).await.context("cannot connect")?;
    let connection = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "quickstart's connection ended");
        }
    });
    Ok((client, connection))
}

/// Returns how many of the tables exist.
async fn tables_there(client: &Client) -> anyhow::Result<usize> {
    let sql = "select tablename from pg_tables where schemaname = 'public'";
    let messages = client.simple_query(sql).await?;
    let names = messages.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten(),
        _ => None,
    });
    Ok(names.filter(|name: &&str| tpch::TABLE_NAMES.contains(name)).count())
}

async fn generate(scale: f64, bucket: &Path) -> anyhow::Result<Vec<GeneratedTable>> {
    let formats = [Format::Text, Format::Parquet];
    let progress = bar("generate", tpch::row_count_about(scale) * formats.len() as u64, "rows");
    let (bucket, counted) = (bucket.to_owned(), progress.clone());
    let started = Instant::now();
    let files = tokio::task::spawn_blocking(move || {
        tpch::generate(scale, &bucket, &formats, &|rows| counted.inc(rows))
    })
    .await??;
    progress.finish_and_clear();
    let bytes: u64 = files.iter().map(|table| table.file_bytes).sum();
    show(format_args!(
        "\nTPC-H at scale {scale}: {:.0} MB of compressed text and Parquet in s3://{BUCKET}, \
         generated in {:.1} s",
        bytes as f64 / 1e6,
        started.elapsed().as_secs_f64(),
    ));
    Ok(files)
}

async fn load(client: &Client, files: &[GeneratedTable]) -> anyhow::Result<()> {
    client.batch_execute(tpch::TABLES).await.context("create the tables")?;
    let text: Vec<_> = files.iter().filter(|table| table.format == Format::Text).collect();
    let progress = bar("copy", text.iter().map(|table| table.row_count).sum(), "rows");
    let mut rows_of = TextTable::new(&["COPY", "rows", "files", "seconds", "rows/s", "MB/s"]);
    let mut line = |name: &str, rows: u64, files: u64, bytes: u64, seconds: f64| {
        rows_of.push(vec![
            name.to_owned(),
            count(rows),
            count(files),
            format!("{seconds:.2}"),
            count((rows as f64 / seconds) as u64),
            format!("{:.1}", bytes as f64 / 1e6 / seconds),
        ]);
    };
    let started = Instant::now();
    let (mut rows, mut files, mut bytes) = (0, 0, 0);
    for table in text {
        let name = table.name;
        let sql = copy_statement(name);
        let before = Instant::now();
        client.batch_execute(&sql).await.with_context(|| sql.clone())?;
        let seconds = before.elapsed().as_secs_f64();
        line(name, table.row_count, table.file_count, table.content_bytes, seconds);
        rows += table.row_count;
        files += table.file_count;
        bytes += table.content_bytes;
        progress.inc(table.row_count);
    }
    line("all", rows, files, bytes, started.elapsed().as_secs_f64());
    progress.finish_and_clear();
    show(format_args!("\n{};", copy_statement("…")));
    show_table(&rows_of);
    Ok(())
}

fn copy_statement(table: &str) -> String {
    format!("copy {table} from 's3://{BUCKET}/text/{table}/' iam_role default gzip delimiter '|'")
}

async fn query(client: &Client, name: &str) -> anyhow::Result<()> {
    let Some((_, sql)) = tpch::QUERIES.iter().find(|(known, _)| *known == name) else {
        bail!("TPC-H has no query {name}");
    };
    let started = Instant::now();
    let answer = client.simple_query(sql).await.with_context(|| format!("TPC-H {name}"))?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    let title = sql.lines().next().unwrap_or_default().trim_start_matches("-- ");
    show(format_args!("\nTPC-H {} {milliseconds:.0} ms", title.trim_end_matches('.')));
    show_table(&TextTable::of(&answer));
    Ok(())
}
