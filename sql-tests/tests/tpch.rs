//! TPC-H: COPY of gzip'd text through the built-in S3 endpoint, then the 22 queries, each a test.
//!
//! At scale factor 0.01 on both shapes. Another scale needs answers from elsewhere:
//! `cargo test --release -p sql-tests --test tpch -- --scale 1 --answers DIR`.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};
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
    let conclusion = libtest_mimic::run(&arguments, trials(&options.answers, &warehouses));
    // `exit` runs no destructors: the servers are stopped here.
    drop(warehouses);
    drop(endpoint);
    conclusion.exit()
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<(Options, Vec<String>)> {
    let mut options = Options { scale: 0.01, answers: tpch::answers_at_one_hundredth() };
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
