//! Parquet: columns by position, cast to the table's types; row groups are read side by side.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, TimeUnit},
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use object_store::ObjectStoreExt;
use parquet::{
    arrow::{
        ParquetRecordBatchStreamBuilder,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        async_reader::AsyncFileReader,
    },
    errors::ParquetError,
    file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
};

use super::{CopyColumn, CopyError, CopyFile, rows::Load};
use crate::types::SqlType;

/// The rows of a batch.
const BATCH_ROWS: usize = 16_384;

/// A file whose footer is read.
#[derive(Debug)]
pub(super) struct ParquetFile {
    file: CopyFile,
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Reads the footer and compares the number of columns.
    pub(super) async fn open(file: CopyFile, load: &Load) -> Result<Self, CopyError> {
        if file.bytes < 12 {
            return Err(CopyError::file(&file.url, "it is too short for a Parquet file"));
        }
        // Tell a store that does not answer from a file that is not Parquet.
        let magic = file.store.get_range(&file.path, 0..4).await;
        if magic.map_err(|error| file.location.error(error))?.as_ref() != b"PAR1" {
            return Err(CopyError::file(&file.url, "it is not a Parquet file"));
        }
        let mut reader = reader(&file);
        let metadata = ArrowReaderMetadata::load_async(&mut reader, Default::default()).await;
        let metadata = metadata.map_err(|error| CopyError::file(&file.url, error))?;
        let found = metadata.schema().fields().len();
        let wanted = load.target.columns.len();
        if found > wanted || (found < wanted && !load.options.fill_record) {
            let reason = format!(
                "Unmatched number of columns between table and file. Table columns: {wanted}, \
                 Data columns: {found}"
            );
            return Err(CopyError::file(&file.url, reason));
        }
        Ok(Self { file, metadata })
    }

    /// Returns the row groups that begin in the range that is read here.
    pub(super) fn row_groups(&self) -> Vec<usize> {
        let begin = |group: &RowGroupMetaData| {
            let columns = group.columns().iter().map(|column| column.byte_range().0);
            columns.min().unwrap_or(0)
        };
        let groups = self.metadata.metadata().row_groups().iter().enumerate();
        let here = groups.filter(|(_, group)| self.file.range.contains(&begin(group)));
        here.map(|(number, _)| number).collect()
    }

    /// Returns the rows of a row group.
    pub(super) fn rows(
        self: &Arc<Self>,
        row_group: usize,
        load: &Load,
    ) -> Result<BoxStream<'static, Result<RecordBatch, CopyError>>, CopyError> {
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(
            reader(&self.file),
            self.metadata.clone(),
        );
        let stream = builder.with_row_groups(vec![row_group]).with_batch_size(BATCH_ROWS).build();
        let stream = stream.map_err(|error| CopyError::file(&self.file.url, error))?;
        let (file, load) = (Arc::clone(self), load.clone());
        let convert = move |batch: Result<RecordBatch, _>| {
            let batch = batch.map_err(|error| CopyError::file(&file.file.url, error))?;
            load.log.scanned(&file.file.url, file.file.offset(), batch.num_rows() as u64);
            convert(&file.file.url, &load, &batch)
        };
        Ok(stream.map(convert).boxed())
    }
}

fn reader(file: &CopyFile) -> ObjectReader {
    ObjectReader { file: file.clone() }
}

/// Ranges of an object, for the Parquet reader.
struct ObjectReader {
    file: CopyFile,
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move {
            let fetched = self.file.store.get_range(&self.file.path, range).await;
            fetched.map_err(|error| ParquetError::External(Box::new(error)))
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move {
            let fetched = self.file.store.get_ranges(&self.file.path, &ranges).await;
            fetched.map_err(|error| ParquetError::External(Box::new(error)))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let bytes = self.file.bytes;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, bytes).await?))
        }
        .boxed()
    }
}

fn convert(url: &str, load: &Load, batch: &RecordBatch) -> Result<RecordBatch, CopyError> {
    let mut columns = Vec::with_capacity(load.target.columns.len());
    for (index, column) in load.target.columns.iter().enumerate() {
        let array = match batch.columns().get(index) {
            Some(array) => cast(load, column, array),
            None => Ok(arrow::array::new_null_array(&column.sql_type.arrow(), batch.num_rows())),
        };
        let array = array.map_err(|reason| {
            CopyError::file(url, format!("column \"{}\": {reason}", column.name))
        })?;
        if !column.nullable && array.null_count() > 0 {
            let reason = format!("column \"{}\": Missing data for not-null field", column.name);
            return Err(CopyError::file(url, reason));
        }
        columns.push(array);
    }
    Ok(RecordBatch::try_new(load.target.schema(), columns)?)
}

fn cast(load: &Load, column: &CopyColumn, array: &ArrayRef) -> Result<ArrayRef, String> {
    let target = column.sql_type.arrow();
    if !is_compatible(array.data_type(), column.sql_type) {
        return Err(format!(
            "incompatible Parquet schema: the file has {}, the table {}",
            array.data_type(),
            column.sql_type
        ));
    }
    let cast = |array: &ArrayRef, target: &DataType| {
        // An overflow is an error, not NULL.
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(array, target, &options).map_err(|error| error.to_string())
    };
    let array = match (array.data_type(), &target) {
        // Text behind a dictionary, or bytes without a declared encoding.
        (DataType::Dictionary(_, value), _) => {
            let plain = cast(array, value)?;
            cast(&plain, &target)?
        }
        // Only the day of a timestamp.
        (DataType::Timestamp(_, _), DataType::Date32) => {
            let us = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            cast(&us, &target)?
        }
        _ => cast(array, &target)?,
    };
    match column.sql_type {
        SqlType::Varchar { length } => fit_text(load, &array, length as usize, false),
        SqlType::Char { length } => fit_text(load, &array, length as usize, true),
        _ => Ok(array),
    }
}

/// Returns whether Redshift loads a column of this Arrow type into one of this SQL type.
fn is_compatible(found: &DataType, wanted: SqlType) -> bool {
    use DataType as D;
    let found = match found {
        D::Dictionary(_, value) => value.as_ref(),
        found => found,
    };
    match found {
        D::Null => true,
        D::Boolean => wanted == SqlType::Boolean,
        D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView => {
            wanted.is_text()
        }
        found if found.is_numeric() => matches!(
            wanted,
            SqlType::SmallInt
                | SqlType::Integer
                | SqlType::BigInt
                | SqlType::Decimal { .. }
                | SqlType::Real
                | SqlType::DoublePrecision
        ),
        D::Date32 | D::Date64 | D::Timestamp(_, _) => {
            matches!(wanted, SqlType::Date | SqlType::Timestamp | SqlType::TimestampTz)
        }
        D::Time32(_) | D::Time64(_) => wanted == SqlType::Time,
        _ => false,
    }
}

/// Checks lengths in bytes, takes trailing blanks off CHAR, and cuts with TRUNCATECOLUMNS.
fn fit_text(load: &Load, array: &ArrayRef, length: usize, char: bool) -> Result<ArrayRef, String> {
    let texts = array.as_string_view();
    let fit = |text: &str| {
        let text = if char { text.trim_end_matches(' ') } else { text }.to_owned();
        if char && !text.is_ascii() {
            return Err("Multibyte character not supported for CHAR".to_owned());
        }
        if text.len() <= length {
            return Ok(text);
        }
        if !load.options.truncate_columns {
            let found = text.len();
            return Err(format!(
                "The length of the data column is longer than the length defined in the table. Table: {length}, Data: {found}"
            ));
        }
        let mut end = length;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Ok(text[..end].to_owned())
    };
    let fits =
        |text: &str| text.len() <= length && !(char && (text.ends_with(' ') || !text.is_ascii()));
    if texts.iter().flatten().all(fits) {
        return Ok(Arc::clone(array));
    }
    let fitted: Result<Vec<Option<String>>, String> =
        texts.iter().map(|text| text.map(fit).transpose()).collect();
    Ok(Arc::new(StringViewArray::from_iter(fitted?)))
}
