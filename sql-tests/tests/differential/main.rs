//! Queries drawn at random have the same answers in one process and on one to three compute nodes, with and without what plans
//! know of slices.
//!
//! ```text
//!  seed ─▶ tables ─▶ serve: queries, each planned both ways ─▶ cluster of 1, 2, 3 nodes on the same storage: the same queries
//! ```
//!
//! With `SET enable_dist_planner = off` every exchange is made that could be needed: that is the oracle.
//! `DIFFERENTIAL_SEEDS` says how many seeds are tried, from `DIFFERENTIAL_FIRST` on; `DIFFERENTIAL_SEED` which one to try alone.

mod tables;

#[path = "../../../engine/src/plan/physical/locus/tests/draw.rs"]
mod draw;

use std::{collections::BTreeSet, fmt::Write as _, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sql_tests::{
    client::Client,
    cluster::{Cluster, ClusterOptions},
};
use tempfile::TempDir;

use crate::draw::Draw;

/// Seeds that are tried when nobody says how many: less than a minute on two cores.
const SEEDS: u64 = 3;
/// Queries of a seed.
const QUERIES: u64 = 24;
/// How deep subqueries are in each other.
const DEPTH: usize = 2;
/// Queries of a seed over tables that are expected to be large: joins deal both sides out, or the one that is not where it is needed.
const LARGE_QUERIES: u64 = 12;
const LARGE_DEPTH: usize = 1;
/// How rows get to each other in joins of the seeds that are tried when nobody says which.
const LABELS: [&str; 7] = [
    "DS_DIST_NONE",
    "DS_DIST_ALL_NONE",
    "DS_DIST_INNER",
    "DS_DIST_OUTER",
    "DS_DIST_ALL_INNER",
    "DS_DIST_BOTH",
    "DS_BCAST_INNER",
];
/// Longer than any query takes; one that has not ended then never will.
const QUERY_WAIT_MAX: Duration = Duration::from_secs(30);
/// The slices of a seed's warehouse. Five on two nodes are more places than slices; two on three leave a node idle.
const SLICES: [u32; 6] = [4, 2, 5, 3, 6, 1];
/// The compute nodes that take turns after one process.
const NODES: [u32; 3] = [1, 2, 3];

/// The rows of a query, in the order of their texts, or the SQLSTATE that it fails with.
type Outcome = Result<Vec<String>, String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_change_no_answer() -> Result<()> {
    if let Some(seed) = number("DIFFERENTIAL_SEED") {
        return holds(seed).await.map(drop);
    }
    let (first, count) = (number("DIFFERENTIAL_FIRST"), number("DIFFERENTIAL_SEEDS"));
    let seeds = first.unwrap_or(0)..first.unwrap_or(0) + count.unwrap_or(SEEDS);
    let mut seen = BTreeSet::new();
    for seed in seeds.clone() {
        seen.extend(holds(seed).await?);
    }
    let missing = LABELS.iter().filter(|label| !seen.contains(**label)).collect::<Vec<_>>();
    ensure!(missing.is_empty() || seeds != (0..SEEDS), "no join is drawn with {missing:?}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how many seeds there is time for")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|value| value.parse().ok())
}

/// Tries a seed; returns the labels of its joins on nodes.
async fn holds(seed: u64) -> Result<BTreeSet<String>> {
    let data = TempDir::new()?;
    let slices = SLICES[usize::try_from(seed)? % SLICES.len()];
    let queries = queries(seed);
    let shape = format!("seed {seed}: one process of {slices} slices");
    let serve = start(data.path(), Some(slices), None)?;
    let client = serve.connect().await?;
    for statement in tables::statements(seed) {
        let shown = || statement.chars().take(200).collect::<String>();
        client.run(&statement).await.with_context(shown)?;
    }
    let expected = answers(&client, "off", &queries).await.context(shape.clone())?;
    let answered = expected.iter().filter(|outcome| outcome.is_ok()).count();
    ensure!(answered * 10 >= expected.len() * 9, "{shape}: {answered} answers: {expected:?}");
    let found = answers(&client, "on", &queries).await.context(shape.clone())?;
    are_equal(&shape, &queries, &expected, &found)?;
    stop(serve)?;
    let mut seen = BTreeSet::new();
    for nodes in NODES {
        let cluster = start(data.path(), None, Some(nodes))?;
        let client = cluster.connect().await?;
        for planner in ["on", "off"] {
            let shape = format!(
                "seed {seed}: {slices} slices on {nodes} nodes, enable_dist_planner = {planner}"
            );
            let found = answers(&client, planner, &queries).await.context(shape.clone())?;
            are_equal(&shape, &queries, &expected, &found)?;
        }
        client.run("set enable_dist_planner = on").await?;
        seen.extend(labels(&client, &queries).await?);
        stop(cluster)?;
    }
    Ok(seen)
}

/// Returns how rows get to each other in the joins of queries.
async fn labels(client: &Client, queries: &[String]) -> Result<BTreeSet<String>> {
    let mut labels = BTreeSet::new();
    for query in queries {
        // What is refused has no plan.
        let Ok(plan) = client.run(&format!("explain {query}")).await else { continue };
        let words = plan.rows.iter().flatten().flatten().flat_map(|line| line.split(' '));
        labels.extend(words.filter(|word| word.starts_with("DS_")).map(str::to_owned));
    }
    Ok(labels)
}

fn start(data: &Path, slices: Option<u32>, compute_nodes: Option<u32>) -> Result<Cluster> {
    let data = Some(data.to_owned());
    Cluster::start(ClusterOptions { slices, compute_nodes, data, ..ClusterOptions::default() })
}

fn stop(mut cluster: Cluster) -> Result<()> {
    let exit = cluster.process().terminate()?;
    ensure!(exit == Some(0), "it left with {exit:?}; its log:\n{}", cluster.process().log());
    Ok(())
}

fn queries(seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut query = |tables: Vec<String>, depth| {
        let relation = Draw::new(random.random(), tables).relation(depth);
        format!("select k, j, v, s from {relation} t")
    };
    let small = (0..QUERIES).map(|_| query(tables::names(), DEPTH)).collect::<Vec<_>>();
    let large = (0..LARGE_QUERIES).map(|_| query(tables::expected_large(), LARGE_DEPTH));
    small.into_iter().chain(large).collect()
}

/// Returns what each query comes to.
async fn answers(client: &Client, planner: &str, queries: &[String]) -> Result<Vec<Outcome>> {
    client.run(&format!("set enable_dist_planner = {planner}")).await?;
    let mut outcomes = Vec::new();
    for query in queries {
        let answer = tokio::time::timeout(QUERY_WAIT_MAX, client.run(query)).await;
        let answer = answer.with_context(|| format!("no end: {query}"))?;
        outcomes.push(match answer {
            Ok(answer) => {
                let mut rows: Vec<String> = answer.rows.iter().map(|row| shown(row)).collect();
                rows.sort_unstable();
                Ok(rows)
            }
            Err(failure) => {
                let is_refused = failure.sqlstate.starts_with("0A");
                ensure!(is_refused, "{failure}\n{query}");
                Err(failure.sqlstate)
            }
        });
    }
    Ok(outcomes)
}

fn shown(row: &[Option<String>]) -> String {
    let values = row.iter().map(|value| value.as_deref().unwrap_or("NULL"));
    values.collect::<Vec<_>>().join(" | ")
}

fn are_equal(
    shape: &str,
    queries: &[String],
    expected: &[Outcome],
    found: &[Outcome],
) -> Result<()> {
    for ((query, expected), found) in queries.iter().zip(expected).zip(found) {
        ensure!(expected == found, "{shape}\n{query}\n{}", difference(expected, found)?);
    }
    Ok(())
}

/// Returns what only one of two outcomes has.
fn difference(expected: &Outcome, found: &Outcome) -> Result<String> {
    let (Ok(expected), Ok(found)) = (expected, found) else {
        return Ok(format!("expected {expected:?}\nfound {found:?}"));
    };
    let mut lines = format!("{} rows expected, {} found\n", expected.len(), found.len());
    let mut found = found.clone();
    for row in expected {
        match found.binary_search(row) {
            Ok(at) => drop(found.remove(at)),
            Err(_) => writeln!(lines, "- {row}")?,
        }
    }
    for row in found {
        writeln!(lines, "+ {row}")?;
    }
    Ok(lines)
}
