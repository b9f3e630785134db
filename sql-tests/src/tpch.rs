//! TPC-H: the data as gzip'd text in a bucket, the tables, the queries and their published answers.

use std::{
    fmt::Display,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};

use crate::answers::SortColumn;

/// The tables, small ones first.
pub const TABLES: [&str; 8] =
    ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];

/// How many queries there are.
pub const QUERY_COUNT: usize = 22;

/// How many files a table is written to, so that a load has something to share out.
const FILE_COUNT: i32 = 4;

/// Writes the data of a scale factor as `TABLE/NNN.tbl.gz` into a folder.
pub fn write_data(folder: &Path, scale: f64) -> Result<()> {
    for table in TABLES {
        let folder = folder.join(table);
        fs::create_dir_all(&folder)?;
        // The two smallest have one part only.
        let count = if matches!(table, "region" | "nation") { 1 } else { FILE_COUNT };
        for part in 1..=count {
            let path = folder.join(format!("{part:03}.tbl.gz"));
            match table {
                "region" => write(&path, RegionGenerator::new(scale, part, count).iter()),
                "nation" => write(&path, NationGenerator::new(scale, part, count).iter()),
                "supplier" => write(&path, SupplierGenerator::new(scale, part, count).iter()),
                "customer" => write(&path, CustomerGenerator::new(scale, part, count).iter()),
                "part" => write(&path, PartGenerator::new(scale, part, count).iter()),
                "partsupp" => write(&path, PartSuppGenerator::new(scale, part, count).iter()),
                "orders" => write(&path, OrderGenerator::new(scale, part, count).iter()),
                _ => write(&path, LineItemGenerator::new(scale, part, count).iter()),
            }
            .with_context(|| format!("write {}", path.display()))?;
        }
    }
    Ok(())
}

/// Writes rows without the delimiter that dbgen puts after the last field.
fn write(path: &Path, rows: impl Iterator<Item = impl Display>) -> Result<()> {
    let mut encoder = BufWriter::new(GzEncoder::new(File::create(path)?, Compression::fast()));
    for row in rows {
        let line = row.to_string();
        writeln!(encoder, "{}", line.strip_suffix('|').unwrap_or(&line))?;
    }
    encoder.into_inner().map_err(|error| error.into_error())?.finish()?;
    Ok(())
}

/// Returns the statements that make the tables.
pub fn create_tables() -> Result<String> {
    read(&folder().join("tables.sql"))
}

/// Returns the text of a query, from 1 to [`QUERY_COUNT`].
pub fn query(number: usize) -> Result<String> {
    read(&folder().join(format!("queries/q{number:02}.sql")))
}

/// Returns the published answer of a query from a folder of answers.
pub fn answer(folder: &Path, number: usize) -> Result<Vec<Vec<String>>> {
    Ok(crate::answers::parse(&read(&folder.join(format!("q{number:02}.csv")))?))
}

/// Returns the folder of the answers at scale factor 0.01.
pub fn answers_at_one_hundredth() -> PathBuf {
    folder().join("sf0.01")
}

/// Returns the columns of a query's ORDER BY.
pub fn order_of(number: usize) -> Vec<SortColumn> {
    let up = |position| SortColumn { position, descending: false };
    let down = |position| SortColumn { position, descending: true };
    match number {
        1 | 20 => vec![up(0)],
        2 => vec![down(0), up(2), up(1), up(3)],
        3 => vec![down(1), up(2)],
        4 | 8 | 12 | 15 | 22 => vec![up(0)],
        5 | 11 => vec![down(1)],
        7 => vec![up(0), up(1), up(2)],
        9 => vec![up(0), down(1)],
        10 => vec![down(2)],
        13 => vec![down(1), down(0)],
        16 => vec![down(3), up(0), up(1), up(2)],
        18 => vec![down(4), up(3)],
        21 => vec![down(1), up(0)],
        _ => Vec::new(),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tpch")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
