//! COPY's parameters as text, and what is refused.

use sqlparser::{dialect::RedshiftSqlDialect, parser::Parser, tokenizer::Tokenizer};

use super::{CopyStatement, FileFormat, ParameterKind, Secret, parse};
use crate::{client_error::SqlState, sql::SqlError};

fn copy_as(sql: &str, unescape: bool) -> Result<CopyStatement, SqlError> {
    let tokens = Tokenizer::new(&RedshiftSqlDialect {}, sql)
        .with_unescape(unescape)
        .tokenize_with_location()
        .map_err(|error| SqlError::syntax(error.to_string(), None))?;
    let mut parser = Parser::new(&RedshiftSqlDialect {}).with_tokens_with_locations(tokens);
    parser.next_token();
    parse(&mut parser)
}

fn copy(sql: &str) -> Result<CopyStatement, SqlError> {
    copy_as(sql, true)
}

fn kinds(sql: &str) -> Result<Vec<ParameterKind>, SqlError> {
    Ok(copy(sql)?.parameters.into_iter().map(|parameter| parameter.kind).collect())
}

#[test]
fn parameters_come_in_any_order_and_as_is_optional() -> Result<(), SqlError> {
    let statement = copy(
        "copy public.LineItem (a, \"B\") from 's3://b/p' gzip credentials as \
         'aws_iam_role=arn' delimiter '|' maxerror as 5 format as csv quote as '%' \
         dateformat 'auto' compupdate off statupdate null as '\\N' ignoreheader 1",
    )?;
    assert_eq!(statement.table.to_string(), "public.lineitem");
    assert_eq!(statement.columns, ["a", "b"]);
    let kinds: Vec<_> = statement.parameters.into_iter().map(|p| p.kind).collect();
    assert_eq!(
        kinds,
        [
            ParameterKind::Gzip,
            ParameterKind::Credentials(Secret::new("aws_iam_role=arn")),
            ParameterKind::Delimiter("|".into()),
            ParameterKind::MaxError(5),
            ParameterKind::Format(FileFormat::Csv),
            ParameterKind::Quote("%".into()),
            ParameterKind::DateFormat("auto".into()),
            ParameterKind::CompUpdate,
            ParameterKind::StatUpdate(true),
            ParameterKind::Null("\\N".into()),
            ParameterKind::IgnoreHeader(1),
        ]
    );
    Ok(())
}

#[test]
fn escapes_are_understood() -> Result<(), SqlError> {
    for (written, meant) in [
        (r"\t", "\t"),
        (r"\\t", "\t"),
        (r"\001", "\u{1}"),
        (r"\\001", "\u{1}"),
        (r"\174", "|"),
        (r"\0", "\0"),
        (r"\N", r"\N"),
        (r"\\N", r"\N"),
        ("N", "N"),
        ("''", "'"),
        ("abc", "abc"),
    ] {
        // Our dialect leaves backslashes to COPY.
        let parameters =
            copy_as(&format!("copy t from 's3://b/p' null '{written}'"), false)?.parameters;
        let found: Vec<_> = parameters.into_iter().map(|p| p.kind).collect();
        assert_eq!(found, [ParameterKind::Null(meant.into())], "{written}");
    }
    Ok(())
}

#[test]
fn what_is_missing_is_refused_by_name_with_its_place() {
    for (sql, name) in [
        ("copy t from 's3://b/p' iam_role default\n  format json 'auto'", "json"),
        ("copy t from 's3://b/p' bzip2", "bzip2"),
        ("copy t\nfrom 's3://b/p' -- why\n zstd", "zstd"),
        ("copy t from 's3://b/p' fixedwidth 'a:1'", "fixedwidth"),
    ] {
        let error = copy(sql).expect_err(sql);
        assert_eq!(error.sqlstate, SqlState::FEATURE_NOT_SUPPORTED);
        assert!(error.message.to_lowercase().contains(name), "{error}");
        assert_eq!(error.position, sql.find(name).map(|at| at + 1), "{sql}");
        assert!(error.hint.is_some());
    }
    let error = copy("copy t from 'dynamodb://x' readratio 5").expect_err("dynamodb");
    assert_eq!(error.sqlstate, SqlState::FEATURE_NOT_SUPPORTED);
}

#[test]
fn unknown_words_are_syntax_errors_with_their_place() {
    let sql = "copy t from 's3://b/p' fromat csv";
    let error = copy(sql).expect_err(sql);
    assert_eq!(error.message, "syntax error at or near \"fromat\"");
    assert_eq!(error.sqlstate, SqlState::SYNTAX_ERROR);
    assert_eq!(error.position, sql.find("fromat").map(|at| at + 1));
    assert!(copy("copy t from").is_err());
    assert!(copy("copy t from stdin").is_err());
    assert!(copy("copy t from 's3://b/p' maxerror x").is_err());
}

#[test]
fn a_secret_is_not_printed() -> Result<(), SqlError> {
    let statement =
        copy("copy t from 's3://b/p' access_key_id 'AKIA' secret_access_key 'topsecret'")?;
    assert!(!format!("{statement:?}").contains("topsecret"));
    let error =
        kinds("copy t from 's3://b/p' delimiter secret_access_key 'topsecret'").expect_err("order");
    assert!(!error.to_string().contains("topsecret"));
    Ok(())
}
