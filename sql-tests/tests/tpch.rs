//! TPC-H: COPY of gzip'd text through the built-in S3 endpoint, then the 22 queries, each a test.
//!
//! At scale factor 0.01 on both shapes. Another scale needs answers from elsewhere:
//! `cargo test --release -p sql-tests --test tpch -- --scale 1 --answers DIR`.
//! With `--moved` it also prints the bytes that each query sends through the network.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use leader::quickstart::tpch::{Format, QUERIES, TABLE_NAMES, TABLES, generate};
use libtest_mimic::{Arguments, Failed, Trial};
use sql_tests::{
    answers,
    client::Client,
    cluster::{Cluster, SHAPES, Shape},
    s3::S3Endpoint,
    tpch,
};
use tokio::runtime::Runtime;

/// What the run is asked for, beside libtest's own arguments.
struct Options {
    scale: f64,
    answers: PathBuf,
    /// Whether it prints what the queries move.
    prints_moved: bool,
}

/// A warehouse of a shape with all tables loaded.
struct Loaded {
    runtime: Runtime,
    client: Client,
    _cluster: Cluster,
}

fn main() -> Result<()> {
    let (options, rest) = options(std::env::args())?;
    let arguments = Arguments::from_iter(rest);
    if arguments.list {
        libtest_mimic::run(&arguments, trials(&options.answers, &[])).exit();
    }
    let endpoint = S3Endpoint::start()?;
    generate(options.scale, &endpoint.bucket("tpch")?, &[Format::Text], &|_| ())
        .context("generate the data")?;
    let mut warehouses = Vec::new();
    for shape in SHAPES {
        let loaded = load(shape, &endpoint).with_context(|| format!("load on {shape}"))?;
        warehouses.push(Arc::new(loaded));
    }
    if options.prints_moved {
        warehouses.iter().zip(SHAPES).try_for_each(|(loaded, shape)| print_moved(loaded, shape))?;
    }
    let conclusion = libtest_mimic::run(&arguments, trials(&options.answers, &warehouses));
    // `exit` runs no destructors: the servers are stopped here.
    drop(warehouses);
    drop(endpoint);
    conclusion.exit()
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<(Options, Vec<String>)> {
    let answers = tpch::answers_at_one_hundredth();
    let mut options = Options { scale: 0.01, answers, prints_moved: false };
    let mut rest = Vec::new();
    let mut has_answers = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--scale" => {
                let scale = arguments.next().context("--scale needs a number")?;
                options.scale = scale.parse().context("--scale needs a number")?;
            }
            "--answers" => {
                options.answers = arguments.next().context("--answers needs a folder")?.into();
                has_answers = true;
            }
            "--moved" => options.prints_moved = true,
            _ => rest.push(argument),
        }
    }
    if (options.scale - 0.01).abs() > f64::EPSILON && !has_answers {
        bail!("--scale {} needs --answers DIR", options.scale);
    }
    Ok((options, rest))
}

fn trials(folder: &std::path::Path, warehouses: &[Arc<Loaded>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (index, shape) in SHAPES.iter().enumerate() {
        for (name, sql) in QUERIES {
            let (folder, loaded) = (folder.to_owned(), warehouses.get(index).map(Arc::clone));
            trials.push(Trial::test(format!("{shape}::tpch::{name}"), move || {
                let loaded = loaded.ok_or("no warehouse")?;
                check(&loaded, &folder, name, sql).map_err(|e| Failed::from(format!("{e:#}")))
            }));
        }
        let loaded = warehouses.get(index).map(Arc::clone);
        trials.push(Trial::test(format!("{shape}::tpch::q12_joins_in_place"), move || {
            let loaded = loaded.ok_or("no warehouse")?;
            joins_in_place(&loaded).map_err(|e| Failed::from(format!("{e:#}")))
        }));
    }
    trials
}

fn load(shape: Shape, endpoint: &S3Endpoint) -> Result<Loaded> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let cluster = Cluster::of_shape(shape, endpoint.address())?;
    let client = runtime.block_on(async {
        let client = cluster.connect().await?;
        client.run(TABLES).await?;
        for table in TABLE_NAMES {
            let copy = format!("copy {table} from 's3://tpch/text/{table}/' iam_role default gzip");
            client.run(&copy).await.with_context(|| copy.clone())?;
        }
        anyhow::Ok(client)
    })?;
    Ok(Loaded { runtime, client, _cluster: cluster })
}

fn check(loaded: &Loaded, folder: &std::path::Path, name: &str, sql: &str) -> Result<()> {
    let answer = loaded.runtime.block_on(loaded.client.run(sql))?;
    let value = |value: Option<String>| value.unwrap_or_default();
    let rows: Vec<Vec<String>> =
        answer.rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect();
    answers::in_order(&rows, &tpch::order_of(name))?;
    answers::same_rows(rows, tpch::answer(folder, name)?)
}

/// Both tables of Q12 are distributed on the key of its join: that sends nothing.
fn joins_in_place(loaded: &Loaded) -> Result<()> {
    let (_, sql) = QUERIES.iter().find(|(name, _)| *name == "q12").context("no Q12")?;
    let plan = analyzed(loaded, sql)?;
    let join = plan.lines().skip_while(|line| !line.contains("XN Hash Join DS_DIST_NONE"));
    let moved = join.take_while(|line| !line.contains("XN Seq Scan"));
    let moved = moved.filter_map(|line| line.trim().strip_prefix("Bytes moved: "));
    let moved = moved.collect::<Vec<_>>();
    ensure!(moved == ["0"], "{plan}");
    Ok(())
}

fn analyzed(loaded: &Loaded, sql: &str) -> Result<String> {
    let plan = loaded.runtime.block_on(loaded.client.run(&format!("explain analyze {sql}")))?;
    Ok(plan.rows.into_iter().flatten().flatten().collect::<Vec<_>>().join("\n"))
}

fn print_moved(loaded: &Loaded, shape: Shape) -> Result<()> {
    for (name, sql) in QUERIES {
        let plan = analyzed(loaded, sql)?;
        let moved = plan.lines().find_map(|line| line.strip_prefix("Total bytes moved: "));
        let labels = plan.split_whitespace().filter(|word| word.starts_with("DS_"));
        let labels = labels.collect::<Vec<_>>().join(" ");
        let moved = moved.unwrap_or("0");
        writeln!(io::stdout(), "{shape} {name}: {moved:>10} bytes moved; {labels}")?;
    }
    Ok(())
}
