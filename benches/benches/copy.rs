//! COPY's parsing alone: bytes of files in memory become batches of rows, nothing is written. Bytes
//! are those of the files.
//!
//! `cargo bench -p benches --bench copy`

use std::{io::Read, sync::Arc};

use anyhow::{Context, bail};
use benches::{
    rates::{Amount, measure},
    warehouse::{SLICES, read_files},
};
use criterion::Criterion;
use engine::{
    copy::{self, CopyColumn, CopyFile, CopyOptions, CopyTarget, LoadLog, source::Location},
    sql::{self, Statement},
};
use flate2::read::GzDecoder;
use futures::TryStreamExt;
use leader::quickstart::tpch::{self, Format};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// 300,000 rows.
const SCALE: f64 = 0.05;
const TABLE: &str = "lineitem";

/// A load that can be parsed again and again.
struct Load {
    files: Vec<CopyFile>,
    options: Arc<CopyOptions>,
    target: Arc<CopyTarget>,
}

fn main() -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let folder = TempDir::new().context("make a folder")?;
    let formats = [Format::Text, Format::Parquet];
    tpch::generate(SCALE, folder.path(), &formats, &|_| {})?;
    let files = |format: Format| read_files(&folder.path().join(format.folder()).join(TABLE));
    let gzip = files(Format::Text)?;
    let text = gzip.iter().map(|file| unzip(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let csv = text.iter().map(|file| to_csv(file)).collect();
    let mut criterion = Criterion::default().configure_from_args();
    for (name, options, contents) in [
        ("delimited", "delimiter '|'", text),
        ("delimited_gzip", "gzip delimiter '|'", gzip),
        ("csv", "csv", csv),
        ("parquet", "format as parquet", files(Format::Parquet)?),
    ] {
        let load = runtime.block_on(Load::new(options, contents))?;
        let rows = runtime.block_on(load.parse())?;
        let bytes = load.files.iter().map(|file| file.bytes).sum();
        measure(&mut criterion, &format!("copy/{name}"), Amount { rows, bytes }, |bencher| {
            bencher.iter(|| runtime.block_on(load.parse()));
        });
    }
    criterion.final_summary();
    Ok(())
}

impl Load {
    async fn new(options: &str, contents: Vec<Vec<u8>>) -> anyhow::Result<Self> {
        let statement = format!("copy {TABLE} from 's3://bench/' iam_role default {options}");
        let Some(Statement::Copy(copy)) = sql::parse(&statement)?.pop().map(|one| one.statement)
        else {
            bail!("{statement} is no COPY");
        };
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let location =
            Arc::new(Location { endpoint: "memory".to_owned(), bucket: "bench".to_owned() });
        let mut files = Vec::with_capacity(contents.len());
        for (number, content) in contents.into_iter().enumerate() {
            let path = Path::from(number.to_string());
            let bytes = content.len() as u64;
            store.put(&path, content.into()).await?;
            files.push(CopyFile {
                url: format!("s3://bench/{number}"),
                store: Arc::clone(&store),
                path,
                bytes,
                range: 0..bytes,
                location: Arc::clone(&location),
            });
        }
        Ok(Self { files, options: Arc::new(CopyOptions::check(&copy)?), target: target()? })
    }

    /// Returns how many rows the files have.
    async fn parse(&self) -> anyhow::Result<u64> {
        let streams = copy::read(
            self.files.clone(),
            Arc::clone(&self.options),
            Arc::clone(&self.target),
            Arc::new(LoadLog::new(&self.options)),
            SLICES as usize,
        );
        let counts = streams.into_iter().map(|stream| {
            stream.try_fold(0, async |rows, batch| Ok(rows + batch.num_rows() as u64))
        });
        Ok(futures::future::try_join_all(counts).await?.into_iter().sum())
    }
}

/// Returns the columns that TPC-H's statement creates.
fn target() -> anyhow::Result<Arc<CopyTarget>> {
    let created = sql::parse(tpch::TABLES)?.into_iter().find_map(|one| match one.statement {
        Statement::CreateTable(create) if create.name.name == TABLE => Some(create),
        _ => None,
    });
    let created = created.with_context(|| format!("{TABLE} is not created"))?;
    let columns = created.columns.into_iter().map(|column| CopyColumn {
        name: column.name,
        sql_type: column.sql_type,
        nullable: !column.not_null,
    });
    Ok(Arc::new(CopyTarget { table_name: TABLE.to_owned(), columns: columns.collect() }))
}

fn unzip(file: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    GzDecoder::new(file).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes dbgen's text, whose lines end with a delimiter, as CSV with its texts in quotes.
fn to_csv(text: &[u8]) -> Vec<u8> {
    let mut csv = Vec::with_capacity(text.len() + text.len() / 8);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let fields = line.strip_suffix(b"|").unwrap_or(line).split(|byte| *byte == b'|');
        for (number, field) in fields.enumerate() {
            if number > 0 {
                csv.push(b',');
            }
            let is_text = field.first().is_some_and(u8::is_ascii_alphabetic);
            let quote: &[u8] = if is_text { b"\"" } else { b"" };
            csv.extend_from_slice(quote);
            csv.extend_from_slice(field);
            csv.extend_from_slice(quote);
        }
        csv.push(b'\n');
    }
    csv
}
