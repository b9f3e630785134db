//! TPC-H over the wire: how fast COPY loads, and how long the 22 queries take.
//!
//! `cargo build --release && cargo bench -p benches --bench tpch -- --scale 1`

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use benches::{
    report::{Load, Report},
    server::Server,
};
use clap::Parser;
use leader::quickstart::tpch::{self, Format, GeneratedTable};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// The bucket of the files.
const BUCKET: &str = "tpch";
/// Says which scale the files of a folder have.
const SCALE_FILE: &str = "scale";

#[derive(Debug, Parser)]
#[command(about = "TPC-H: load rates, and the best time of each query")]
struct Arguments {
    /// TPC-H's scale factor
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Measure a server that runs, with the tables loaded, instead of starting one
    #[arg(long)]
    host: Option<String>,
    /// That server's port
    #[arg(long, default_value_t = 5439)]
    port: u16,
    /// That server's user
    #[arg(long, default_value = "awsuser")]
    user: String,
    /// That server's database
    #[arg(long, default_value = "dev")]
    database: String,
    /// That server's password
    #[arg(long, env = "PGPASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// How often each query runs; the best time counts
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Only these queries, as q01,q06
    #[arg(long, value_delimiter = ',')]
    queries: Vec<String>,
    /// The slices of the server that is started
    #[arg(long)]
    slices: Option<u32>,
    /// Keep the generated files in this folder, and use those that are there
    #[arg(long)]
    files: Option<PathBuf>,
    /// After how many seconds a query is cancelled
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// Write the result to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Show it beside this result
    #[arg(long)]
    compare_with: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let other = arguments.compare_with.as_deref().map(Report::read).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = match &arguments.host {
        Some(host) => {
            let report = Report { scale: arguments.scale, ..Report::default() };
            runtime.block_on(measure(&arguments, host, arguments.port, &[], report))?
        }
        None => with_servers(&arguments, &runtime)?,
    };
    report.show(other.as_ref(), &mut io::stdout().lock())?;
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    if !report.errors.is_empty() {
        bail!("{} queries failed", report.errors.len());
    }
    Ok(())
}

fn with_servers(
    arguments: &Arguments,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<Report> {
    let temporary = TempDir::new().context("make a folder")?;
    let root = arguments.files.clone().unwrap_or_else(|| temporary.path().join("s3"));
    let files = files(arguments.scale, &root)?;
    let s3 = Server::s3(&root)?;
    let warehouse = Server::warehouse(&temporary.path().join("data"), Some(&s3), arguments.slices)?;
    let (host, port) = warehouse.address().rsplit_once(':').context("no port in the address")?;
    let report = Report { scale: arguments.scale, ..Report::default() };
    let mut report = runtime.block_on(measure(arguments, host, port.parse()?, &files, report))?;
    report.peak_rss_bytes = warehouse.peak_rss_bytes();
    Ok(report)
}

/// Returns the files of a folder, generated if they are not there.
fn files(scale: f64, root: &Path) -> anyhow::Result<Vec<GeneratedTable>> {
    let bucket = root.join(BUCKET);
    let known = root.join(SCALE_FILE);
    match fs::read_to_string(&known) {
        Ok(there) if there == scale.to_string() => return Ok(files_there(&bucket)),
        Ok(there) => bail!("{} holds files of scale {there}", root.display()),
        Err(_) => {}
    }
    note(format_args!("generating scale {scale} in {}", root.display()));
    let formats = [Format::Text, Format::Parquet];
    let started = Instant::now();
    let files = tpch::generate(scale, &bucket, &formats, &|_| {})?;
    note(format_args!("generated in {:.1} s", started.elapsed().as_secs_f64()));
    fs::write(known, scale.to_string())?;
    Ok(files)
}

/// Returns what an earlier run generated; the rows are counted after the load.
fn files_there(bucket: &Path) -> Vec<GeneratedTable> {
    let mut tables = Vec::new();
    for format in [Format::Text, Format::Parquet] {
        for name in tpch::TABLE_NAMES {
            let folder = bucket.join(format.folder()).join(name);
            let sizes: Vec<u64> = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| entry.metadata().ok())
                .map(|metadata| metadata.len())
                .collect();
            tables.push(GeneratedTable {
                name,
                format,
                row_count: 0,
                file_count: sizes.len() as u64,
                file_bytes: sizes.iter().sum(),
                content_bytes: 0,
            });
        }
    }
    tables
}

async fn measure(
    arguments: &Arguments,
    host: &str,
    port: u16,
    files: &[GeneratedTable],
    mut report: Report,
) -> anyhow::Result<Report> {
    let client = connect(arguments, host, port).await?;
    let version = rows(&client.simple_query("select version()").await?);
    report.engine = version.into_iter().flatten().flatten().next().unwrap_or_default();
    for format in [Format::Parquet, Format::Text] {
        if files.iter().any(|table| table.format == format) {
            let load = load(&client, files, format).await?;
            note(format_args!(
                "loaded {} in {:.1} s, {:.0} rows/s",
                format.folder(),
                load.seconds,
                load.rows_per_second
            ));
            report.load.insert(format.folder().to_owned(), load);
        }
    }
    let timeout = Duration::from_secs(arguments.timeout).as_millis();
    client.batch_execute(&format!("set statement_timeout to {timeout}")).await?;
    for (name, sql) in tpch::QUERIES {
        if !arguments.queries.is_empty() && !arguments.queries.iter().any(|query| query == name) {
            continue;
        }
        let best = match best_of(&client, sql, arguments.runs).await {
            Ok((milliseconds, row_count)) => {
                note(format_args!("{name} {milliseconds:>10.1} ms {row_count:>8} rows"));
                Some(milliseconds)
            }
            Err(error) => {
                let error = error.as_db_error().map_or(error.to_string(), ToString::to_string);
                note(format_args!("{name} failed: {error}"));
                report.errors.insert(name.to_owned(), error);
                None
            }
        };
        report.queries.insert(name.to_owned(), best);
    }
    Ok(report)
}

/// Loads all tables from the files of a format, into new tables.
async fn load(client: &Client, files: &[GeneratedTable], format: Format) -> anyhow::Result<Load> {
    for name in tpch::TABLE_NAMES {
        client.batch_execute(&format!("drop table if exists {name}")).await?;
    }
    client.batch_execute(tpch::TABLES).await.context("create the tables")?;
    let (mut row_count, mut file_bytes) = (0, 0);
    let started = Instant::now();
    for table in files.iter().filter(|table| table.format == format) {
        let options = match format {
            Format::Text => "gzip delimiter '|'",
            Format::Parquet => "format as parquet",
        };
        let (name, folder) = (table.name, format.folder());
        let sql =
            format!("copy {name} from 's3://{BUCKET}/{folder}/{name}/' iam_role default {options}");
        client.batch_execute(&sql).await.with_context(|| sql.clone())?;
        file_bytes += table.file_bytes;
    }
    let seconds = started.elapsed().as_secs_f64();
    for name in tpch::TABLE_NAMES {
        let answer = rows(&client.simple_query(&format!("select count(*) from {name}")).await?);
        let count = answer.into_iter().flatten().flatten().next().unwrap_or_default();
        row_count += count.parse::<u64>().context("count rows")?;
    }
    Ok(Load::new(row_count, file_bytes, seconds))
}

async fn best_of(
    client: &Client,
    sql: &str,
    runs: u32,
) -> Result<(f64, usize), tokio_postgres::Error> {
    let (mut best, mut row_count) = (f64::INFINITY, 0);
    for _ in 0..runs.max(1) {
        let started = Instant::now();
        let answer = client.simple_query(sql).await?;
        best = best.min(started.elapsed().as_secs_f64() * 1e3);
        row_count = rows(&answer).len();
    }
    Ok((best, row_count))
}

fn rows(messages: &[SimpleQueryMessage]) -> Vec<Vec<Option<String>>> {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
        .collect()
}

async fn connect(arguments: &Arguments, host: &str, port: u16) -> anyhow::Result<Client> {
    let mut config = Config::new();
    config.host(host).port(port).user(&arguments.user).dbname(&arguments.database);
    if let Some(password) = &arguments.password {
        config.password(password);
    }
    let (client, connection) = config.connect(NoTls).await.context("cannot connect")?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            note(format_args!("the connection ended: {error}"));
        }
    });
    Ok(client)
}

/// Says on stderr how far it is.
fn note(line: std::fmt::Arguments<'_>) {
    // Who closed stderr does not want to know.
    let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("{line}\n"));
}
