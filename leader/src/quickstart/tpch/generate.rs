//! TPC-H's data as files for COPY: compressed text and Parquet, several of a large table.

use std::{
    fmt::{Display, Write as _},
    fs::{self, File},
    io::{self, BufWriter, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context, anyhow};
use flate2::{Compression, write::GzEncoder};
use parking_lot::Mutex;
use parquet::{
    arrow::ArrowWriter, basic::Compression as ParquetCompression,
    file::properties::WriterProperties,
};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow,
    RecordBatchIterator, RegionArrow, SupplierArrow,
};

use super::TABLE_NAMES;

/// The rows of a file of a large table: small enough that every slice gets files at scale 1.
const FILE_ROWS: f64 = 500_000.0;
/// Large tables have at least this many files, so that a COPY runs on several slices.
const FILES_MIN: i32 = 4;
/// A table with fewer rows is one file.
const ONE_FILE_ROWS_MAX: f64 = 10_000.0;
/// How many rows are counted at once.
const ROWS_PER_REPORT: u64 = 10_000;
/// How much text is handed to the compressor at once.
const TEXT_BUFFER_BYTES: usize = 64 << 10;

/// What the files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Fields separated by `|`, compressed by gzip; `GZIP DELIMITER '|'` of COPY.
    Text,
    /// Parquet compressed by Snappy; `FORMAT PARQUET` of COPY.
    Parquet,
}

impl Format {
    /// Returns the folder of this format's files.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Parquet => "parquet",
        }
    }
}

/// A table's files of one format: `folder/<format>/<table>/…`.
#[derive(Debug, Clone)]
pub struct GeneratedTable {
    /// The table.
    pub name: &'static str,
    /// The format.
    pub format: Format,
    /// How many rows the files hold.
    pub row_count: u64,
    /// How many files there are.
    pub file_count: u64,
    /// The size of the files.
    pub file_bytes: u64,
    /// The size of what the files hold: of text before its compression.
    pub content_bytes: u64,
}

/// One file to write.
struct Job {
    table: &'static str,
    format: Format,
    part: i32,
    part_count: i32,
    path: PathBuf,
}

struct Written {
    row_count: u64,
    content_bytes: u64,
}

/// Writes the tables' files below `folder`, on all cores; `progress` is told of every some rows.
pub fn generate(
    scale: f64,
    folder: &Path,
    formats: &[Format],
    progress: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<Vec<GeneratedTable>> {
    let jobs = jobs(scale, folder, formats)?;
    let next = AtomicUsize::new(0);
    let tables: Mutex<Vec<GeneratedTable>> = Mutex::default();
    let failure: Mutex<Option<anyhow::Error>> = Mutex::default();
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            scope.spawn(|| {
                while failure.lock().is_none()
                    && let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    match run(scale, job, progress) {
                        Ok((written, file_bytes)) => {
                            count(&mut tables.lock(), job, &written, file_bytes);
                        }
                        Err(error) => *failure.lock() = Some(error),
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner() {
        return Err(error);
    }
    let mut tables = tables.into_inner();
    let place = |name| TABLE_NAMES.iter().position(|table| *table == name);
    tables.sort_by_key(|table| (table.format, place(table.name)));
    Ok(tables)
}

/// Returns about how many rows all tables have together, of which `generate` writes each once for
/// each format.
pub fn row_count_about(scale: f64) -> u64 {
    TABLE_NAMES.iter().map(|table| rows_about(table, scale) as u64).sum()
}

fn rows_about(table: &str, scale: f64) -> f64 {
    let at_scale_one = match table {
        "region" => return 5.0,
        "nation" => return 25.0,
        "supplier" => 10_000.0,
        "customer" => 150_000.0,
        "part" => 200_000.0,
        "partsupp" => 800_000.0,
        "orders" => 1_500_000.0,
        _ => 6_000_000.0,
    };
    at_scale_one * scale
}

/// Large tables come first: a core that gets one last would keep all others waiting.
fn jobs(scale: f64, folder: &Path, formats: &[Format]) -> anyhow::Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for &table in TABLE_NAMES.iter().rev() {
        let rows = rows_about(table, scale);
        let part_count = if rows <= ONE_FILE_ROWS_MAX {
            1
        } else {
            ((rows / FILE_ROWS).ceil() as i32).max(FILES_MIN)
        };
        for &format in formats {
            let folder = folder.join(format.folder()).join(table);
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            let ending = if format == Format::Text { "tbl.gz" } else { "parquet" };
            jobs.extend((1..=part_count).map(|part| Job {
                table,
                format,
                part,
                part_count,
                path: folder.join(format!("{table}.{part:04}.{ending}")),
            }));
        }
    }
    Ok(jobs)
}

fn run(scale: f64, job: &Job, progress: &(dyn Fn(u64) + Sync)) -> anyhow::Result<(Written, u64)> {
    let written = write(scale, job, progress)
        .with_context(|| format!("cannot write {}", job.path.display()))?;
    let file_bytes = fs::metadata(&job.path).map(|metadata| metadata.len()).unwrap_or_default();
    Ok((written, file_bytes))
}

fn count(tables: &mut Vec<GeneratedTable>, job: &Job, written: &Written, file_bytes: u64) {
    let known = tables
        .iter()
        .position(|table| table.name == job.table && table.format == job.format)
        .unwrap_or_else(|| {
            tables.push(GeneratedTable {
                name: job.table,
                format: job.format,
                row_count: 0,
                file_count: 0,
                file_bytes: 0,
                content_bytes: 0,
            });
            tables.len() - 1
        });
    if let Some(table) = tables.get_mut(known) {
        table.row_count += written.row_count;
        table.file_count += 1;
        table.file_bytes += file_bytes;
        table.content_bytes += written.content_bytes;
    }
}

fn write(scale: f64, job: &Job, progress: &(dyn Fn(u64) + Sync)) -> anyhow::Result<Written> {
    macro_rules! table {
        ($generator:ident, $arrow:ident) => {{
            let generator = $generator::new(scale, job.part, job.part_count);
            match job.format {
                Format::Text => Ok(write_text(&job.path, generator.iter(), progress)?),
                Format::Parquet => write_parquet(&job.path, $arrow::new(generator), progress),
            }
        }};
    }
    match job.table {
        "region" => table!(RegionGenerator, RegionArrow),
        "nation" => table!(NationGenerator, NationArrow),
        "supplier" => table!(SupplierGenerator, SupplierArrow),
        "customer" => table!(CustomerGenerator, CustomerArrow),
        "part" => table!(PartGenerator, PartArrow),
        "partsupp" => table!(PartSuppGenerator, PartSuppArrow),
        "orders" => table!(OrderGenerator, OrderArrow),
        "lineitem" => table!(LineItemGenerator, LineItemArrow),
        other => Err(anyhow!("TPC-H has no table {other}")),
    }
}

/// Writes rows as dbgen does, but for the delimiter after the last field.
fn write_text(
    path: &Path,
    rows: impl Iterator<Item = impl Display>,
    progress: &(dyn Fn(u64) + Sync),
) -> io::Result<Written> {
    let mut encoder = GzEncoder::new(BufWriter::new(File::create(path)?), Compression::fast());
    let mut text = String::with_capacity(TEXT_BUFFER_BYTES * 2);
    let mut written = Written { row_count: 0, content_bytes: 0 };
    for row in rows {
        write!(text, "{row}").map_err(io::Error::other)?;
        if text.ends_with('|') {
            text.pop();
        }
        text.push('\n');
        written.row_count += 1;
        if text.len() >= TEXT_BUFFER_BYTES {
            encoder.write_all(text.as_bytes())?;
            written.content_bytes += text.len() as u64;
            text.clear();
        }
        if written.row_count.is_multiple_of(ROWS_PER_REPORT) {
            progress(ROWS_PER_REPORT);
        }
    }
    encoder.write_all(text.as_bytes())?;
    written.content_bytes += text.len() as u64;
    encoder.finish()?.flush()?;
    progress(written.row_count % ROWS_PER_REPORT);
    Ok(written)
}

fn write_parquet(
    path: &Path,
    mut batches: impl RecordBatchIterator,
    progress: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<Written> {
    let properties =
        WriterProperties::builder().set_compression(ParquetCompression::SNAPPY).build();
    let schema = std::sync::Arc::clone(batches.schema());
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema, Some(properties))?;
    let mut row_count = 0;
    for batch in batches.by_ref() {
        writer.write(&batch)?;
        row_count += batch.num_rows() as u64;
        progress(batch.num_rows() as u64);
    }
    let metadata = writer.close()?;
    let content_bytes = metadata
        .row_groups()
        .iter()
        .map(|group| u64::try_from(group.total_byte_size()).unwrap_or_default())
        .sum();
    Ok(Written { row_count, content_bytes })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;

    use super::*;

    #[test]
    fn a_small_scale_has_its_rows_in_both_formats() {
        let folder = tempfile::tempdir().unwrap();
        let rows = std::sync::atomic::AtomicU64::new(0);
        let progress = |more| {
            rows.fetch_add(more, Ordering::Relaxed);
        };
        let formats = [Format::Text, Format::Parquet];
        let tables = generate(0.01, folder.path(), &formats, &progress).unwrap();
        let counts: Vec<_> =
            tables.iter().map(|table| (table.name, table.row_count)).take(8).collect();
        assert_eq!(
            counts,
            [
                ("region", 5),
                ("nation", 25),
                ("supplier", 100),
                ("customer", 1500),
                ("part", 2000),
                ("partsupp", 8000),
                ("orders", 15000),
                ("lineitem", 60175),
            ]
        );
        assert!(tables[8..].iter().map(|table| (table.name, table.row_count)).eq(counts));
        assert_eq!(tables[7].file_count, 4);
        assert_eq!(rows.into_inner(), 2 * 86_805);

        let nation = File::open(folder.path().join("text/nation/nation.0001.tbl.gz")).unwrap();
        let mut text = String::new();
        MultiGzDecoder::new(nation).read_to_string(&mut text).unwrap();
        assert!(text.starts_with("0|ALGERIA|0|"), "{text}");
        assert!(!text.lines().next().unwrap().ends_with('|'));
    }
}
