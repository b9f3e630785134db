//! From a chunk of whole records to batches of rows; records that do not fit are rejected one by one.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use bytes::Bytes;
use memchr::{memchr, memchr_iter};

use super::{
    CopyError, CopyOptions, CopyTarget, LoadError, LoadLog,
    column::ColumnBuilder,
    convert::{self, ColumnType},
    csv,
    delimited::{self, Delimited},
    field::{Field, FieldError, Fields},
    load_log::raw_text,
};
use crate::{sql::copy::FileFormat, types::SqlType};

/// The most rows of a batch.
const BATCH_ROWS_MAX: usize = 65_536;

/// Whole records of one file.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) file: Arc<str>,
    /// Where what is read of the file here begins; `None` if that is all of it.
    pub(super) offset: Option<u64>,
    pub(super) bytes: Bytes,
    /// The line the first record starts on, from 1 at the offset.
    pub(super) first_line: i64,
}

/// Everything the streams of a load share.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) options: Arc<CopyOptions>,
    pub(super) target: Arc<CopyTarget>,
    pub(super) log: Arc<LoadLog>,
}

/// Reads the records of one chunk.
pub(super) struct RowReader<'a> {
    load: &'a Load,
    chunk: &'a Chunk,
    schema: SchemaRef,
    types: Vec<ColumnType>,
    builders: Vec<ColumnBuilder>,
    row_count: usize,
    /// The most rows that can still come.
    rows_left: usize,
    batches: Vec<RecordBatch>,
    /// Whether all of the chunk is UTF-8.
    utf8: bool,
}

impl<'a> RowReader<'a> {
    /// Returns the rows of a chunk.
    pub(super) fn read(load: &'a Load, chunk: &'a Chunk) -> Result<Vec<RecordBatch>, CopyError> {
        let columns = &load.target.columns;
        let mut reader = Self {
            load,
            chunk,
            schema: load.target.schema(),
            types: columns
                .iter()
                .map(|column| ColumnType { sql_type: column.sql_type, nullable: column.nullable })
                .collect(),
            builders: Vec::new(),
            rows_left: memchr_iter(b'\n', &chunk.bytes).count() + 1,
            row_count: 0,
            batches: Vec::new(),
            utf8: std::str::from_utf8(&chunk.bytes).is_ok(),
        };
        reader.start_batch();
        reader.records()?;
        reader.finish_batch()?;
        Ok(reader.batches)
    }

    fn records(&mut self) -> Result<(), CopyError> {
        let options = Arc::clone(&self.load.options);
        let bytes = &self.chunk.bytes;
        let mut fields = Fields::default();
        let (mut at, mut line_number) = (0, self.chunk.first_line);
        // Rows of the header that lie before this chunk were counted as one line each.
        let passed = u64::try_from(self.chunk.first_line - 1).unwrap_or(0);
        let is_behind = self.chunk.offset.is_some_and(|offset| offset > 0);
        let mut header_rows =
            if is_behind { 0 } else { options.header_rows.saturating_sub(passed) };
        while at < bytes.len() {
            let end = record_end(&options, bytes, at).unwrap_or(bytes.len());
            let mut line = &bytes[at..end];
            line = line.strip_suffix(b"\r").unwrap_or(line);
            at = end + 1;
            if header_rows > 0 {
                header_rows -= 1;
            } else if !(line.is_empty() && options.ignore_blank_lines) {
                if let Err((error, field)) = self.row(&options, line, &mut fields) {
                    self.reject(line_number, line, &fields, field, error)?;
                }
                if self.row_count >= BATCH_ROWS_MAX {
                    self.finish_batch()?;
                }
            }
            line_number += 1;
            if options.format == FileFormat::Csv || options.escape {
                line_number += memchr_iter(b'\n', line).count() as i64;
            }
        }
        let lines = u64::try_from(line_number - self.chunk.first_line).unwrap_or(0);
        self.load.log.scanned(&self.chunk.file, self.chunk.offset, lines);
        Ok(())
    }

    /// Appends one record; an error names the field it is in, if it is in one.
    fn row(
        &mut self,
        options: &CopyOptions,
        line: &[u8],
        fields: &mut Fields,
    ) -> Result<(), (FieldError, Option<usize>)> {
        split(options, line, fields).map_err(|error| (error, None))?;
        let wanted = self.types.len();
        let mut found = fields.list.len();
        // dbgen and others end every line with a delimiter; Redshift lets them.
        if options.format == FileFormat::Text
            && found == wanted + 1
            && fields.list.last().is_some_and(|field| field.raw_start == field.raw_end)
        {
            found = wanted;
        }
        if found > wanted {
            return Err((FieldError::extra_columns(), Some(wanted)));
        }
        if found < wanted && !options.fill_record {
            return Err((FieldError::delimiter_not_found(), Some(found.saturating_sub(1))));
        }
        for (index, (builder, column)) in self.builders.iter_mut().zip(&self.types).enumerate() {
            let appended = match fields.list[..found].get(index) {
                Some(field) => {
                    let value = fields.value(field, line);
                    match field.rewritten && is_null_as_written(options, field, line) {
                        true => convert::append_null(*column, builder),
                        false => convert::append(options, *column, builder, value, self.utf8),
                    }
                }
                None => convert::append_missing(options, *column, builder),
            };
            appended.map_err(|error| (error, Some(index)))?;
        }
        self.row_count += 1;
        Ok(())
    }

    fn reject(
        &mut self,
        line_number: i64,
        line: &[u8],
        fields: &Fields,
        field: Option<usize>,
        error: FieldError,
    ) -> Result<(), CopyError> {
        for builder in &mut self.builders {
            builder.truncate(self.row_count);
        }
        let place = field.and_then(|index| fields.list.get(index));
        let column = field.and_then(|index| self.load.target.columns.get(index));
        let raw = place.and_then(|place| line.get(place.raw_start..place.raw_end));
        self.load.log.reject(LoadError {
            file: self.chunk.file.to_string(),
            line_number,
            offset: self.chunk.offset,
            column_name: column.map(|column| column.name.clone()).unwrap_or_default(),
            sql_type: column
                .map(|column| type_name(column.sql_type).to_owned())
                .unwrap_or_default(),
            col_length: column.and_then(|column| type_length(column.sql_type)),
            position: place.and_then(|place| i32::try_from(place.raw_start).ok()).unwrap_or(0),
            raw_line: raw_text(line),
            raw_field_value: raw.map(raw_text).unwrap_or_default(),
            err_code: error.code,
            err_reason: error.reason,
        });
        match self.load.log.too_many() {
            true => Err(CopyError::too_many(&self.load.target.table_name)),
            false => Ok(()),
        }
    }

    fn start_batch(&mut self) {
        let capacity = self.rows_left.min(BATCH_ROWS_MAX);
        let new = |column: &ColumnType| ColumnBuilder::new(column.sql_type, capacity);
        self.builders = self.types.iter().map(new).collect();
    }

    fn finish_batch(&mut self) -> Result<(), CopyError> {
        if self.row_count == 0 {
            return Ok(());
        }
        let builders = std::mem::take(&mut self.builders);
        let columns: Result<Vec<_>, _> = builders.into_iter().map(ColumnBuilder::finish).collect();
        self.batches.push(RecordBatch::try_new(Arc::clone(&self.schema), columns?)?);
        self.rows_left = self.rows_left.saturating_sub(self.row_count);
        self.row_count = 0;
        self.start_batch();
        if self.load.log.too_many() {
            return Err(CopyError::too_many(&self.load.target.table_name));
        }
        Ok(())
    }
}

fn record_end(options: &CopyOptions, bytes: &[u8], at: usize) -> Option<usize> {
    match options.format {
        FileFormat::Csv => csv::record_end(bytes, at, options.quote, false),
        _ if options.escape => delimited::escaped_record_end(bytes, at),
        _ => memchr(b'\n', &bytes[at..]).map(|found| at + found),
    }
}

fn split(options: &CopyOptions, line: &[u8], fields: &mut Fields) -> Result<(), FieldError> {
    let CopyOptions { delimiter, escape, remove_quotes, .. } = *options;
    match options.format {
        FileFormat::Csv => csv::split(line, delimiter, options.quote, fields),
        _ => Delimited { delimiter, escape, remove_quotes }.split(line, fields),
    }
}

/// With ESCAPE, `\N` is the null string as written, not an escaped N.
fn is_null_as_written(options: &CopyOptions, field: &Field, line: &[u8]) -> bool {
    options.escape
        && line.get(field.raw_start..field.raw_end) == Some(options.null.as_bytes())
        && options.null.starts_with('\\')
}

/// Returns the type's name as STL_LOAD_ERRORS shows it.
fn type_name(sql_type: SqlType) -> &'static str {
    match sql_type {
        SqlType::Boolean => "bool",
        SqlType::SmallInt => "int2",
        SqlType::Integer => "int4",
        SqlType::BigInt => "int8",
        SqlType::Decimal { .. } => "numeric",
        SqlType::Real => "float4",
        SqlType::DoublePrecision => "float8",
        SqlType::Char { .. } => "char",
        SqlType::Varchar { .. } => "varchar",
        SqlType::Date => "date",
        SqlType::Time => "time",
        SqlType::Timestamp => "timestamp",
        SqlType::TimestampTz => "timestamptz",
        SqlType::Oid => "oid",
        SqlType::Name => "name",
    }
}

fn type_length(sql_type: SqlType) -> Option<u32> {
    match sql_type {
        SqlType::Char { length } | SqlType::Varchar { length } => Some(length),
        _ => None,
    }
}
