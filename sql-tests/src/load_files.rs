//! The files that the `.slt` files of `slt/copy` load: those of `slt/copy/data` as they are, each
//! also compressed, and Parquet made here.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result};
use arrow::{
    array::{
        ArrayRef, Date32Array, Decimal128Array, Int32Array, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema, TimeUnit},
};
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;

/// 2024-02-29 in days since 1970-01-01: 54 years of 365 days, 13 leap days, 31 + 28 days.
const LEAP_DAY: i32 = 54 * 365 + 13 + 59;
/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// Writes all files into the folder of a bucket.
pub fn write(bucket: &Path) -> Result<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt/copy/data");
    let entries = fs::read_dir(&source).with_context(|| format!("read {}", source.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = fs::read(entry.path())?;
        fs::write(bucket.join(&name), &bytes)?;
        let compressed = bucket.join("gzip").join(format!("{}.gz", name.to_string_lossy()));
        write_gzip(&compressed, &bytes)?;
    }
    write_parquet(&bucket.join("parquet/sales.parquet"))
}

/// Writes a file compressed by gzip, and the folder it is in.
pub fn write_gzip(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder)?;
    let mut encoder = GzEncoder::new(File::create(path)?, Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}

/// Writes three rows: the second is NULL but for its key, the third is on a leap day.
fn write_parquet(path: &Path) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder)?;
    let schema = Arc::new(Schema::new(vec![
        Field::new("any_name", DataType::Int32, false),
        Field::new("b", DataType::Utf8, true),
        Field::new("c", DataType::Decimal128(10, 2), true),
        Field::new("d", DataType::Date32, true),
        Field::new("e", DataType::Timestamp(TimeUnit::Microsecond, None), true),
    ]));
    let price = Decimal128Array::from(vec![Some(1050), None, Some(-1)]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![1, 2, 3])),
        Arc::new(StringArray::from(vec![Some("one"), None, Some("drei Stück")])),
        Arc::new(price.with_precision_and_scale(10, 2)?),
        Arc::new(Date32Array::from(vec![Some(0), None, Some(LEAP_DAY)])),
        Arc::new(TimestampMicrosecondArray::from(vec![
            Some(1),
            None,
            Some(i64::from(LEAP_DAY) * DAY_US),
        ])),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema, None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}
