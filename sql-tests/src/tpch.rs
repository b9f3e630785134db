//! TPC-H's published answers, and the order that each query asks for. Tables, queries and data are
//! those of the quick start: what a user sees is what is tested.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::answers::{self, SortColumn};

/// Returns the published answer of a query (`q01`) from a folder of answers.
pub fn answer(folder: &Path, query: &str) -> Result<Vec<Vec<String>>> {
    let path = folder.join(format!("{query}.csv"));
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(answers::parse(&text))
}

/// Returns the folder of the answers at scale factor 0.01.
pub fn answers_at_one_hundredth() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tpch/sf0.01")
}

/// Returns the columns of a query's ORDER BY.
pub fn order_of(query: &str) -> Vec<SortColumn> {
    let up = |position| SortColumn { position, descending: false };
    let down = |position| SortColumn { position, descending: true };
    match query {
        "q01" | "q04" | "q08" | "q12" | "q15" | "q20" | "q22" => vec![up(0)],
        "q02" => vec![down(0), up(2), up(1), up(3)],
        "q03" => vec![down(1), up(2)],
        "q05" | "q11" => vec![down(1)],
        "q07" => vec![up(0), up(1), up(2)],
        "q09" => vec![up(0), down(1)],
        "q10" => vec![down(2)],
        "q13" => vec![down(1), down(0)],
        "q16" => vec![down(3), up(0), up(1), up(2)],
        "q18" => vec![down(4), up(3)],
        "q21" => vec![down(1), up(0)],
        _ => Vec::new(),
    }
}
