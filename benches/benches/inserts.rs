//! Small INSERTs over the wire: how many commit in a second, what they do to a scan, and how long a restart
//! takes after them.
//!
//! `cargo build --release && cargo bench -p benches --bench inserts -- --tables 1000 --commits 100000`

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use benches::server::Server;
use clap::Parser;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

const COLUMNS: &str = "x int, s varchar(50), d decimal(12, 2), at timestamp";
const SCAN: &str = "select count(*), sum(x), max(s), sum(d), min(at) from";

#[derive(Debug, Parser)]
#[command(about = "Small INSERTs: rates, the scan after them, the restart after them")]
struct Arguments {
    /// How long each rate is measured
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The clients of the second rate
    #[arg(long, default_value_t = 50)]
    clients: u64,
    /// Rows that are inserted one by one, and then scanned
    #[arg(long, default_value_t = 10_000)]
    rows: u64,
    /// How often the scan runs; the best time counts
    #[arg(long, default_value_t = 20)]
    runs: u32,
    /// Tables to restart with
    #[arg(long, default_value_t = 0)]
    tables: u64,
    /// INSERTs to restart after, over all tables
    #[arg(long, default_value_t = 0)]
    commits: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = TempDir::new().context("make a folder")?;
    let data = folder.path().join("data");
    let server = Server::warehouse(&data, None, None)?;
    runtime.block_on(measure(&arguments, server.address()))?;
    if arguments.tables > 0 {
        runtime.block_on(fill(&arguments, server.address()))?;
        restart(server, &data)?;
    }
    Ok(())
}

async fn measure(arguments: &Arguments, address: &str) -> anyhow::Result<()> {
    let client = connect(address).await?;
    for clients in [1, arguments.clients] {
        let table = format!("rate_{clients}");
        client.batch_execute(&format!("create table {table} ({COLUMNS})")).await?;
        let limit = Limit::Time(Duration::from_secs_f64(arguments.seconds));
        let (count, elapsed) = insert(address, clients, &[table], limit).await?;
        show(format_args!("{clients:>4} clients {:>9.0} INSERTs/s", count as f64 / elapsed));
    }
    client.batch_execute(&format!("create table one_by_one ({COLUMNS})")).await?;
    let tables = ["one_by_one".to_owned()];
    insert(address, 1, &tables, Limit::Count(arguments.rows)).await?;
    let first = scan(&client, "one_by_one", 1).await?;
    let one_by_one = scan(&client, "one_by_one", arguments.runs).await?;
    client.batch_execute("create table at_once as select * from one_by_one").await?;
    let loaded = scan(&client, "at_once", arguments.runs).await?;
    show(format_args!(
        "{} rows: scan {first:.2} ms right after the last INSERT, {one_by_one:.2} ms at best; \
         {loaded:.2} ms if loaded at once",
        arguments.rows
    ));
    Ok(())
}

/// Makes the tables, and inserts rows in all of them.
async fn fill(arguments: &Arguments, address: &str) -> anyhow::Result<()> {
    let client = connect(address).await?;
    let tables: Vec<String> = (0..arguments.tables).map(|n| format!("filled_{n}")).collect();
    for table in &tables {
        client.batch_execute(&format!("create table {table} ({COLUMNS})")).await?;
    }
    let limit = Limit::Count(arguments.commits);
    let (count, elapsed) = insert(address, arguments.clients, &tables, limit).await?;
    let rate = count as f64 / elapsed;
    show(format_args!("{} tables: {count} INSERTs, {rate:.0}/s", arguments.tables));
    Ok(())
}

/// Kills the server; shows how long it takes to serve again.
fn restart(server: Server, data: &Path) -> anyhow::Result<()> {
    drop(server);
    let started = Instant::now();
    let server = Server::warehouse(data, None, None)?;
    let seconds = started.elapsed().as_secs_f64();
    let peak = server.peak_rss_bytes().unwrap_or(0) >> 20;
    show(format_args!("ready {seconds:.2} s after kill -9 and start, with {peak} MB"));
    Ok(())
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Time(Duration),
    Count(u64),
}

/// Inserts rows one by one, from several clients; returns their number and the seconds it took.
async fn insert(
    address: &str,
    clients: u64,
    tables: &[String],
    limit: Limit,
) -> anyhow::Result<(u64, f64)> {
    let mut sessions = Vec::new();
    for _ in 0..clients {
        sessions.push(connect(address).await?);
    }
    let (next, tables) = (Arc::new(AtomicU64::new(0)), Arc::new(tables.to_vec()));
    let started = Instant::now();
    let mut inserting = JoinSet::new();
    for session in sessions {
        let (next, tables) = (Arc::clone(&next), Arc::clone(&tables));
        inserting.spawn(async move {
            let mut count = 0;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let is_over = match limit {
                    Limit::Time(time) => started.elapsed() >= time,
                    Limit::Count(count) => n >= count,
                };
                if is_over {
                    return anyhow::Ok(count);
                }
                let table = &tables[usize::try_from(n)? % tables.len()];
                let row = format!("{n}, 'some text {n}', {}.25, '2024-02-29 12:34:56'", n % 1000);
                session.simple_query(&format!("insert into {table} values ({row})")).await?;
                count += 1;
            }
        });
    }
    let mut count = 0;
    while let Some(done) = inserting.join_next().await {
        count += done??;
    }
    Ok((count, started.elapsed().as_secs_f64()))
}

/// Returns the best time of a scan of all rows, in milliseconds.
async fn scan(client: &Client, table: &str, runs: u32) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let started = Instant::now();
        let answer = client.simple_query(&format!("{SCAN} {table}")).await?;
        best = best.min(started.elapsed().as_secs_f64() * 1e3);
        let row = answer.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_)));
        ensure!(row, "the scan of {table} has no row");
    }
    Ok(best)
}

async fn connect(address: &str) -> anyhow::Result<Client> {
    let (host, port) = address.rsplit_once(':').context("no port in the address")?;
    let mut config = Config::new();
    config.host(host).port(port.parse()?).user("awsuser").dbname("dev");
    let (client, connection) = config.connect(NoTls).await.context("cannot connect")?;
    // Who waits for an answer sees its error.
    tokio::spawn(connection);
    Ok(client)
}

fn show(line: std::fmt::Arguments<'_>) {
    // Who closed the output does not want to know.
    drop(std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{line}\n")));
}
