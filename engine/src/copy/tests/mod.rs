//! Loads from a store in memory, whole.

mod cutting;
mod sharing;

use std::{collections::BTreeMap, io::Write, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray},
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use sqlparser::{dialect::RedshiftSqlDialect, parser::Parser};

use super::{
    CopyColumn, CopyError, CopyFile, CopyOptions, CopyTarget, LoadError, LoadLog,
    rows::Load,
    source::{Bucket, Buckets, Location, list_prefix},
    streams,
    work::Work,
};
use crate::{access::S3Access, client_error::ClientError, types::SqlType};

const VARCHAR: SqlType = SqlType::Varchar { length: 40 };
const DECIMAL: SqlType = SqlType::Decimal { precision: 8, scale: 2 };

fn options(parameters: &str) -> Result<CopyOptions, CopyError> {
    let sql = format!("copy t from 's3://b/p' {parameters}");
    let mut parser = Parser::new(&RedshiftSqlDialect {}).try_with_sql(&sql).expect(&sql);
    parser.next_token();
    CopyOptions::check(&crate::sql::copy::parse(&mut parser).expect(&sql))
}

/// A load of files in memory.
struct Case {
    load: Load,
    files: Vec<CopyFile>,
}

impl Case {
    async fn new(types: &[SqlType], parameters: &str, contents: &[&[u8]]) -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let location = Arc::new(Location { endpoint: "memory".into(), bucket: "b".into() });
        for (index, content) in contents.iter().enumerate() {
            let path = Path::from(format!("p{index}"));
            store.put(&path, Bytes::copy_from_slice(content).into()).await.expect("put");
        }
        let files = list_prefix(&Bucket { store, location }, "p").await.expect("list");
        let column = |(index, sql_type): (usize, &SqlType)| CopyColumn {
            name: format!("c{index}"),
            sql_type: *sql_type,
            nullable: true,
        };
        let columns = types.iter().enumerate().map(column).collect();
        let target = Arc::new(CopyTarget { table_name: "t".to_owned(), columns });
        let options = Arc::new(options(parameters).expect(parameters));
        let log = Arc::new(LoadLog::new(&options));
        Self { load: Load { options, target, log }, files }
    }

    /// Reads with a given size of pieces; the rows of each stream.
    async fn batches(
        &self,
        chunk_bytes: usize,
        stream_count: usize,
    ) -> Result<Vec<Vec<RecordBatch>>, CopyError> {
        let work = Work::with_chunk_bytes(self.files.clone(), &self.load, chunk_bytes);
        let streams = streams(work, &self.load, stream_count);
        let streams =
            streams.into_iter().map(|stream| tokio::spawn(stream.try_collect::<Vec<_>>()));
        let mut all = Vec::new();
        for stream in streams.collect::<Vec<_>>() {
            all.push(stream.await.expect("no panic")?);
        }
        Ok(all)
    }

    async fn rows(&self, chunk_bytes: usize) -> Result<Vec<String>, CopyError> {
        Ok(self.batches(chunk_bytes, 1).await?.iter().flatten().flat_map(text_rows).collect())
    }

    fn errors(&self) -> Vec<LoadError> {
        self.load.log.rows(true)
    }
}

/// The rows as text: NULL as `~`, `;` between columns.
fn text_rows(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("~");
    let formatter = |column: &ArrayRef| {
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options).expect("formatter");
        (0..column.len()).map(|row| formatter.value(row).to_string()).collect::<Vec<_>>()
    };
    let columns: Vec<Vec<String>> = batch.columns().iter().map(formatter).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect::<Vec<_>>().join(";"))
        .collect()
}

async fn load(
    types: &[SqlType],
    parameters: &str,
    content: &str,
) -> Result<Vec<String>, CopyError> {
    Case::new(types, parameters, &[content.as_bytes()]).await.rows(1 << 20).await
}

/// Loads one field into one column with MAXERROR: its value, or the code and the reason.
async fn one(sql_type: SqlType, parameters: &str, field: &[u8]) -> String {
    let mut content = field.to_vec();
    content.push(b'\n');
    let case = Case::new(&[sql_type], &format!("maxerror 9 {parameters}"), &[&content]).await;
    let rows = case.rows(1 << 20).await.expect("within MAXERROR");
    match case.errors().first() {
        Some(error) => format!("{} {}", error.err_code, error.err_reason),
        None => rows.join("\n"),
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("gzip");
    encoder.finish().expect("gzip")
}

#[tokio::test]
async fn text_csv_and_gzip_give_the_same_rows() -> Result<(), CopyError> {
    let types = [SqlType::Integer, VARCHAR, DECIMAL];
    let expected = ["1;a;1.50", "2;;~", "3;~;-0.20"];
    let text = "1|a|1.5\n2||\n3|\\N|-.2\n";
    assert_eq!(load(&types, "", text).await?, expected);
    assert_eq!(load(&types, "", "1|a|1.5|\r\n2|||\r\n3|\\N|-.2|").await?, expected);
    assert_eq!(load(&types, "csv", "1,\"a\",1.5\n2,,\n3,\\N,-.2").await?, expected);
    assert_eq!(load(&types, "delimiter '\\t'", "1\ta\t1.5\n2\t\t\n3\t\\N\t-.2").await?, expected);
    let members = [gzip(b"1|a|1.5\n2|"), gzip(b"|\n3|\\N|-.2\n")].concat();
    let case = Case::new(&types, "gzip", &[&members]).await;
    for chunk_bytes in [1, 7, 1 << 20] {
        assert_eq!(case.rows(chunk_bytes).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn files_are_found_by_key_prefix_and_read_in_order() -> Result<(), CopyError> {
    let case = Case::new(&[SqlType::Integer], "", &[b"1\n2\n", b"", b"3", b"4\n"]).await;
    assert_eq!(case.files.len(), 4);
    assert_eq!(case.rows(1 << 20).await?, ["1", "2", "3", "4"]);
    let bucket = Bucket {
        store: Arc::clone(&case.files[0].store),
        location: Arc::clone(&case.files[0].location),
    };
    assert_eq!(list_prefix(&bucket, "p2").await?.len(), 1);
    let error = list_prefix(&bucket, "q").await.expect_err("no such key");
    assert_eq!(error.to_string(), "The specified S3 prefix 'q' does not exist");
    Ok(())
}

/// Lists what a manifest says, `p0` and `p1` being there with two bytes each.
async fn list_manifest(manifest: &str) -> Result<Vec<String>, CopyError> {
    let case = Case::new(&[SqlType::Integer], "", &[b"1\n", b"2\n"]).await;
    let store = Arc::clone(&case.files[0].store);
    store.put(&Path::from("p"), manifest.to_owned().into()).await.expect("put");
    let bucket = Bucket { store, location: Arc::clone(&case.files[0].location) };
    let options = options("manifest")?;
    let access = S3Access::default();
    let open = BTreeMap::from([("b".to_owned(), bucket)]);
    let files = Buckets { options: &options, access: &access, open }.list().await?;
    Ok(files.into_iter().map(|file| file.url).collect())
}

#[tokio::test]
async fn a_manifest_names_files_in_its_own_order() -> Result<(), CopyError> {
    let files = list_manifest(
        r#"{"entries":[{"url":"s3://b/p1","mandatory":true,"meta":{"content_length":2}},
            {"url":"s3://b/none","mandatory":false},{"url":"s3://b/p0"}]}"#,
    );
    assert_eq!(files.await?, ["s3://b/p1", "s3://b/p0"]);
    for (manifest, text) in [
        (
            r#"{"entries":[{"url":"s3://b/none","mandatory":true}]}"#,
            "the mandatory file s3://b/none of the manifest does not exist",
        ),
        (
            r#"{"entries":[{"url":"s3://b/p0","meta":{"content_length":3}}]}"#,
            "the file s3://b/p0 has 2 bytes, the manifest says 3",
        ),
        (
            r#"{"entries":[{"url":"p0"}]}"#,
            "the manifest p0 is not valid: an entry needs a full s3://bucket/key",
        ),
    ] {
        assert_eq!(list_manifest(manifest).await.expect_err(text).to_string(), text);
    }
    assert!(list_manifest("entries").await.is_err());
    Ok(())
}

#[tokio::test]
async fn numbers_are_converted_as_redshift_does() {
    use SqlType::{BigInt, Boolean, DoublePrecision, Integer, SmallInt};
    for (sql_type, field, expected) in [
        (Integer, "x1", "1207 Invalid digit, Value 'x', Pos 0, Type: Integer"),
        (Integer, "1.0", "1207 Invalid digit, Value '.', Pos 1, Type: Integer"),
        (SmallInt, "32768", "1204 Overflow, Value '32768', Type: Short"),
        (BigInt, " -9223372036854775808 ", "-9223372036854775808"),
        (Integer, "  ", "~"),
        (DECIMAL, "20.259", "20.25"),
        (DECIMAL, "1234567", "1204 Overflow, Value '1234567', Type: Decimal"),
        (DECIMAL, "1,5", "1207 Invalid digit, Value ',', Pos 1, Type: Decimal"),
        (DoublePrecision, "1.5e3", "1500.0"),
        (DoublePrecision, "1.5x", "1208 Invalid digit, Value '1.5x', Type: Float"),
        (DoublePrecision, "1e999", "1204 Overflow, Value '1e999', Type: Float"),
        (DoublePrecision, "-inf", "-inf"),
        (Boolean, "yes", "true"),
        (Boolean, "F", "false"),
        (Boolean, "maybe", "1210 Unknown boolean format"),
    ] {
        assert_eq!(one(sql_type, "", field.as_bytes()).await, expected, "{field}");
    }
    assert_eq!(one(DECIMAL, "roundec", b"20.259").await, "20.26");
}

#[tokio::test]
async fn text_is_measured_in_bytes() {
    let (short, char) = (SqlType::Varchar { length: 4 }, SqlType::Char { length: 4 });
    for (sql_type, parameters, field, expected) in [
        (short, "", "abcde", "1204 String length exceeds DDL length"),
        (short, "truncatecolumns", "abcde", "abcd"),
        (short, "truncatecolumns", "abcé", "abc"),
        (short, "trimblanks", "ab    ", "ab"),
        (short, "", "", ""),
        (short, "emptyasnull", "", "~"),
        (short, "blanksasnull", "  ", "~"),
        (short, "", "  ", "  "),
        (short, "null as 'x'", "x", "~"),
        (char, "", "ab      ", "ab"),
        (char, "", "abcde", "1204 Char length exceeds DDL length"),
        (
            char,
            "",
            "é",
            "1220 Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: c3 a9",
        ),
    ] {
        assert_eq!(one(sql_type, parameters, field.as_bytes()).await, expected, "{field}");
    }
    let invalid = one(short, "", b"a\xE9b").await;
    assert!(invalid.starts_with("1220 String contains invalid or unsupported UTF8"), "{invalid}");
    assert_eq!(one(short, "acceptinvchars", b"a\xE9b").await, "a?b");
    assert_eq!(one(short, "acceptinvchars as '^'", b"a\xE9b").await, "a^b");
}

#[tokio::test]
async fn dates_and_times_follow_their_formats() {
    use SqlType::{Date, Time, Timestamp, TimestampTz};
    for (sql_type, parameters, field, expected) in [
        (Date, "", "2024-02-29", "2024-02-29"),
        (Date, "", "2024-02-29 10:00:00", "2024-02-29"),
        (Date, "", "2023-02-29", "1205 Invalid date format or value [YYYY-MM-DD]"),
        (Date, "", "2/3/2024", "1205 Invalid Date Format - length must be 10 or more"),
        (Date, "dateformat 'auto'", "2/3/2024", "2024-02-03"),
        (Date, "dateformat 'auto'", "Jan-08-1999", "1999-01-08"),
        (Date, "dateformat 'auto'", "20240203", "2024-02-03"),
        (Date, "dateformat 'DD.MM.YY'", "31.12.99", "1999-12-31"),
        (Date, "dateformat 'MON-DD-YYYY'", "feb-3-2024", "2024-02-03"),
        (Date, "acceptanydate dateformat 'auto'", "00/00/00", "~"),
        (Timestamp, "", "2024-01-02 03:04:05.678901", "2024-01-02T03:04:05.678901"),
        (Timestamp, "", "2024-01-02", "2024-01-02T00:00:00"),
        (
            Timestamp,
            "",
            "2024-01-02 25:00:00",
            "1206 Invalid timestamp format or value [YYYY-MM-DD HH:MI:SS]",
        ),
        (Timestamp, "timeformat 'auto'", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05"),
        (Timestamp, "timeformat 'epochsecs'", "1700000000", "2023-11-14T22:13:20"),
        (Timestamp, "timeformat 'epochmillisecs'", "1700000000123", "2023-11-14T22:13:20.123"),
        (
            Timestamp,
            "timeformat 'MM.DD.YYYY HH12:MI:SS AM'",
            "01.02.2024 12:30:00 pm",
            "2024-01-02T12:30:00",
        ),
        (TimestampTz, "", "2024-01-02 03:04:05+02", "2024-01-02T01:04:05Z"),
        (TimestampTz, "", "2024-01-02 03:04:05 Europe/Berlin", "2024-01-02T02:04:05Z"),
        (TimestampTz, "timeformat 'auto'", "01/02/2024 03:04:05 -05:30", "2024-01-02T08:34:05Z"),
        (Time, "", "03:04:05.5", "03:04:05.500"),
    ] {
        assert_eq!(one(sql_type, parameters, field.as_bytes()).await, expected, "{field}");
    }
}

#[tokio::test]
async fn records_with_too_few_or_too_many_fields_are_rejected_with_their_place() {
    let content = b"h\n1|a\n2\n3|c|x\n4|d\nx5|e\n\n";
    let case =
        Case::new(&[SqlType::Integer, VARCHAR], "ignoreheader 1 maxerror 10", &[content]).await;
    assert_eq!(case.rows(1 << 20).await.expect("within MAXERROR"), ["1;a", "4;d"]);
    let found: Vec<_> = case
        .errors()
        .iter()
        .map(|error| format!("{} {} {}", error.line_number, error.err_code, error.err_reason))
        .collect();
    assert_eq!(
        found,
        [
            "3 1214 Delimiter not found",
            "4 1202 Extra column(s) found",
            "6 1207 Invalid digit, Value 'x', Pos 0, Type: Integer",
            "7 1214 Delimiter not found",
        ]
    );
    let bad = &case.errors()[2];
    assert_eq!((bad.column_name.as_str(), bad.sql_type.as_str()), ("c0", "int4"));
    assert_eq!((bad.raw_line.as_str(), bad.raw_field_value.as_str()), ("x5|e", "x5"));
    assert_eq!(bad.file, "s3://b/p0");
}

#[tokio::test]
async fn fillrecord_blank_lines_and_not_null() {
    let types = [SqlType::Integer, VARCHAR, SqlType::Integer];
    let rows = load(&types, "fillrecord ignoreblanklines", "1\n\n2|b\n").await;
    assert_eq!(rows.expect("rows"), ["1;;~", "2;b;~"]);
    let mut case = Case::new(&[SqlType::Integer], "maxerror 2", &[b"\n1\n"]).await;
    Arc::make_mut(&mut case.load.target).columns[0].nullable = false;
    assert_eq!(case.rows(1 << 20).await.expect("rows"), ["1"]);
    assert_eq!(case.errors()[0].err_code, 1213);
}

#[tokio::test]
async fn the_load_fails_with_maxerror_errors() {
    for (parameters, errors, fails) in
        [("", 1, true), ("maxerror 1", 1, true), ("maxerror 3", 2, false), ("maxerror 3", 3, true)]
    {
        let content = "x\n".repeat(errors) + "1\n";
        let case = Case::new(&[SqlType::Integer], parameters, &[content.as_bytes()]).await;
        let read = case.rows(1 << 20).await;
        assert_eq!(read.is_err(), fails, "{parameters} {errors}");
        assert_eq!(case.load.log.too_many(), fails);
        if let Err(error) = read {
            let text =
                "Load into table 't' failed.  Check 'stl_load_errors' system table for details.";
            assert_eq!(error.to_string(), text);
        }
    }
}

#[tokio::test]
async fn noload_checks_the_rows() -> Result<(), CopyError> {
    let case = Case::new(&[SqlType::Integer], "noload maxerror 5", &[b"1\nx\n"]).await;
    assert!(case.load.options.no_load);
    assert_eq!(case.rows(1 << 20).await?, ["1"]);
    assert_eq!(case.load.log.rejected_count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_gzip_file_is_refused_without_gzip_and_a_plain_one_with_it() {
    let case = Case::new(&[VARCHAR], "", &[&gzip(b"a\n")]).await;
    let error = case.rows(1 << 20).await.expect_err("compressed");
    assert_eq!(error.hint().as_deref(), Some("Add GZIP to the statement."));
    let case = Case::new(&[VARCHAR], "gzip", &[b"plain text\n"]).await;
    let error = case.rows(1 << 20).await.expect_err("plain");
    assert!(error.to_string().starts_with("the file s3://b/p0 cannot be read"), "{error}");
}

#[test]
fn contradictions_are_one_clear_error() {
    for (parameters, text) in [
        ("csv escape", "CSV cannot be used with ESCAPE or REMOVEQUOTES"),
        ("quote '\"'", "QUOTE can be used only with CSV"),
        ("parquet gzip", "GZIP is not supported for PARQUET files"),
        ("csv parquet", "the format of the files is given twice"),
        ("gzip gzip", "conflicting or redundant options: GZIP is given twice"),
        ("maxerror 100001", "MAXERROR must be between 0 and 100000"),
        ("maxerror 5 ignoreallerrors", "MAXERROR cannot be used with IGNOREALLERRORS"),
        ("delimiter '||'", "DELIMITER must be a single ASCII character"),
        ("access_key_id 'a'", "an access key needs both its id and its secret"),
        (
            "iam_role default credentials 'aws_iam_role=x'",
            "use one of IAM_ROLE, ACCESS_KEY_ID with SECRET_ACCESS_KEY, or CREDENTIALS",
        ),
        ("csv delimiter '\"'", "DELIMITER and QUOTE must not be the same"),
    ] {
        let error = options(parameters).expect_err(parameters);
        assert_eq!(error.to_string(), text);
    }
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).expect("batch");
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(2))
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))
            .expect("writer");
    writer.write(&batch).expect("write");
    writer.close().expect("close");
    bytes
}

#[tokio::test]
async fn parquet_goes_by_position_and_is_cast() -> Result<(), CopyError> {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b  ", "a longer text than that"]));
    let cast = |to: &DataType| arrow::compute::cast(&numbers, to).expect("cast");
    let days = cast(&DataType::Date32);
    let ms = arrow::compute::cast(
        &cast(&DataType::Int64),
        &DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, None),
    )?;
    let file = parquet(vec![
        ("z", Arc::clone(&numbers)),
        ("y", Arc::clone(&texts)),
        ("x", days),
        ("w", ms),
    ]);
    let types = [SqlType::BigInt, VARCHAR, SqlType::Date, SqlType::Timestamp];
    let case = Case::new(&types, "format as parquet", &[&file]).await;
    let expected = [
        "1;a;1970-01-02;1970-01-01T00:00:00.001",
        "~;b  ;~;~",
        "3;a longer text than that;1970-01-04;1970-01-01T00:00:00.003",
    ];
    assert_eq!(case.rows(1 << 20).await?, expected);
    let both: Vec<_> = case.batches(1 << 20, 2).await?;
    assert_eq!(both.iter().flatten().map(RecordBatch::num_rows).sum::<usize>(), 3);

    let case = Case::new(&types[..2], "parquet", &[&file]).await;
    let error = case.rows(1).await.expect_err("four columns").to_string();
    assert!(error.contains("Table columns: 2, Data columns: 4"), "{error}");
    let file = parquet(vec![("z", texts)]);
    let case = Case::new(&[SqlType::Integer], "parquet", &[&file]).await;
    let error = case.rows(1).await.expect_err("text").to_string();
    assert!(error.contains("incompatible Parquet schema"), "{error}");
    let case = Case::new(&[SqlType::Varchar { length: 5 }], "parquet", &[&file]).await;
    assert!(case.rows(1).await.is_err());
    let case =
        Case::new(&[SqlType::Char { length: 5 }], "parquet", &[b"PAR1 but not really"]).await;
    assert!(case.rows(1).await.is_err());
    Ok(())
}
