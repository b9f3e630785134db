//! ANALYZE COMPRESSION: which encoding would make each column smaller, and by how much.
//!
//! ```text
//!  column ─▶ a sample of its rows ─┬─▶ written as it is now ───────▶ bytes ─┐
//!                                  └─▶ written with each encoding ─▶ bytes ─┴─▶ the smallest, what it saves
//! ```

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, Decimal128Array, RecordBatch, StringViewArray},
    datatypes::{Schema, SchemaRef},
};
use engine::{
    catalog::{Column, Table},
    error::Error as EngineError,
    sql::{self, AnalyzeCompression},
    storage::{encoding::Encoding, format::column_bytes},
    types::SqlType,
};
use futures::TryStreamExt;

use crate::{
    error::Error,
    session::{Outcome, RowsTag, Session},
    statement::{explain::rows_of, names, write},
};

/// Rows of a slice that are looked at, at least (developer guide, "ANALYZE COMPRESSION", COMPROWS).
const SAMPLE_ROWS_PER_SLICE: u64 = 100_000;
/// A table with fewer rows is no sample to recommend anything by: what COMPROWS may be at least.
const TABLE_ROWS_MIN: u64 = 1_000;
/// Redshift's names, and the order in which they are preferred where they mean the same here.
const CANDIDATES: [&str; 7] = ["az64", "lzo", "zstd", "bytedict", "runlength", "mostly8", "raw"];
const PERCENT: SqlType = SqlType::Decimal { precision: 5, scale: 2 };

/// What is said of one column.
struct Advice {
    encoding: String,
    /// In hundredths of a percent.
    reduction: u64,
}

pub(super) async fn run(
    session: &mut Session,
    analyze: &AnalyzeCompression,
) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let tables: Vec<Arc<Table>> = match &analyze.table {
        Some(name) => vec![names::table(session, &catalog, name)?],
        None => catalog.tables().cloned().collect(),
    };
    let mut rows = Vec::new();
    for table in &tables {
        let asked = names::column_positions(table, &analyze.columns)?;
        for (position, column) in table.columns.iter().enumerate() {
            let is_asked = asked.is_empty() || asked.contains(&position);
            let advice = match is_asked {
                true => advise(session, table, position, analyze.sample_rows).await?,
                false => None,
            };
            // Redshift lists the columns that it says nothing of as well.
            let nothing = Advice { encoding: "N/A".to_owned(), reduction: 0 };
            rows.push((&table.name, &column.name, advice.unwrap_or(nothing)));
        }
    }
    let tables = rows.iter().map(|(table, ..)| table);
    let names = rows.iter().map(|(_, column, _)| column);
    let encodings = rows.iter().map(|(.., advice)| &advice.encoding);
    let reductions = rows.iter().map(|(.., advice)| i128::from(advice.reduction));
    let reductions = Decimal128Array::from_iter_values(reductions).with_data_type(PERCENT.arrow());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from_iter_values(tables)),
        Arc::new(StringViewArray::from_iter_values(names)),
        Arc::new(StringViewArray::from_iter_values(encodings)),
        Arc::new(reductions),
    ];
    rows_of(schema(), columns, RowsTag::AnalyzeCompression)
}

/// Returns the columns of an ANALYZE COMPRESSION.
pub(super) fn schema() -> SchemaRef {
    let name = SqlType::Varchar { length: 128 };
    Arc::new(Schema::new(vec![
        name.field("Table", false),
        name.field("Column", false),
        name.field("Encoding", false),
        PERCENT.field("Est_reduction_pct", false),
    ]))
}

/// Returns what to do with a column; `None` if there are too few rows to tell.
async fn advise(
    session: &mut Session,
    table: &Arc<Table>,
    position: usize,
    sample_rows: Option<u64>,
) -> Result<Option<Advice>, Error> {
    let column = &table.columns[position];
    let now = written(&column.encoding);
    // Scans of a range are slower where a sort key is compressed more than the rest: Redshift leaves it alone.
    if table.sort_key.columns().contains(&column.id) {
        return Ok(Some(Advice { encoding: now.to_owned(), reduction: 0 }));
    }
    if table.manifest.row_count() < TABLE_ROWS_MIN {
        return Ok(None);
    }
    let sample = sample(session, table, position, sample_rows).await?;
    let Some(schema) = sample.first().map(RecordBatch::schema) else { return Ok(None) };
    let mut bytes_now = 0;
    let mut best: Option<(&str, u64)> = None;
    for (name, encoding) in candidates(table, column) {
        let bytes = column_bytes(&schema, sample.clone(), &[encoding]).await;
        let bytes: u64 = bytes.map_err(EngineError::from)?.iter().sum();
        if best.is_none() {
            bytes_now = bytes;
        }
        if best.is_none_or(|(_, least)| bytes < least) {
            best = Some((name, bytes));
        }
    }
    Ok(best.map(|(name, bytes)| Advice {
        encoding: name.to_owned(),
        reduction: ((bytes_now - bytes) * 10_000).checked_div(bytes_now).unwrap_or(0),
    }))
}

/// Returns an encoding's name as statements have it.
fn written(encoding: &str) -> &str {
    if encoding == "none" { "raw" } else { encoding }
}

/// Returns the encodings that are tried, the column's own first; of those that mean the same, one.
fn candidates<'t>(table: &Table, column: &'t Column) -> Vec<(&'t str, Encoding)> {
    let mut candidates = vec![(written(&column.encoding), table.encoding(column))];
    for name in CANDIDATES {
        let encoding = Encoding::of_name(name);
        let is_new = candidates.iter().all(|(_, known)| *known != encoding);
        if is_new && sql::check_encoding(name, column.sql_type, &column.name, None).is_ok() {
            candidates.push((name, encoding));
        }
    }
    candidates
}

/// Returns the first rows of every slice, of this column alone.
async fn sample(
    session: &mut Session,
    table: &Arc<Table>,
    position: usize,
    sample_rows: Option<u64>,
) -> Result<Vec<RecordBatch>, Error> {
    let catalog = session.catalog();
    let planning = session.planning(catalog);
    let plan = planning.scan(table, vec![position])?;
    let streams = write::streams_of(planning.physical(&plan).await?, &planning)?;
    let share = sample_rows.unwrap_or(0) / streams.len().max(1) as u64;
    let rows_max = usize::try_from(share.max(SAMPLE_ROWS_PER_SLICE)).unwrap_or(usize::MAX);
    let mut sample = Vec::new();
    for mut rows in streams {
        let mut left = rows_max;
        while left > 0
            && let Some(batch) = rows.try_next().await?
        {
            let batch = batch.slice(0, left.min(batch.num_rows()));
            left -= batch.num_rows();
            sample.push(batch);
        }
    }
    Ok(sample)
}
