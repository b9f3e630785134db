//! What is refused by name, and what is not known at all.

use super::{error, fails};
use crate::client_error::SqlState;

#[test]
fn what_redshift_has_is_refused_by_name() {
    for (sql, name) in [
        ("unload ('select 1') to 's3://b/p' iam_role default", "UNLOAD"),
        ("alter user x password 'y'", "ALTER"),
        ("grant select on t to public", "GRANT"),
        ("revoke all on t from public", "REVOKE"),
        ("create user bob password 'x'", "CREATE USER"),
        ("create external schema s from data catalog database 'x'", "CREATE EXTERNAL"),
        ("create materialized view v as select 1", "CREATE MATERIALIZED VIEW"),
        (
            "create or replace function f () returns int stable as $$ select 1; $$ language sql",
            "CREATE FUNCTION",
        ),
        ("call p()", "CALL"),
        ("declare c cursor for select 1", "DECLARE CURSOR"),
        ("fetch 10 from c", "FETCH"),
        ("comment on table t is 'x'", "COMMENT ON"),
        ("prepare p as select 1", "PREPARE"),
        ("savepoint s", "SAVEPOINT"),
        ("refresh materialized view v", "REFRESH MATERIALIZED VIEW"),
        ("drop materialized view v", "DROP MATERIALIZED VIEW"),
        ("use dev", "USE"),
    ] {
        let first = sql.split(' ').next().expect("a word");
        fails(
            &format!("select 1; {sql}"),
            SqlState::FEATURE_NOT_SUPPORTED,
            &format!("{name} is not supported yet"),
            first,
        );
        assert!(error(sql).hint.is_some(), "{sql}");
    }
}

#[test]
fn what_nobody_has_is_a_syntax_error() {
    for (sql, word) in [
        ("selekt 1", "selekt"),
        ("frobnicate the table", "frobnicate"),
        ("1", "1"),
        ("'x'", "'x'"),
        ("= 2", "="),
        ("create wibble x", "wibble"),
        ("drop wibble x", "wibble"),
        ("\"select\" 1", "\"select\""),
    ] {
        fails(sql, SqlState::SYNTAX_ERROR, &format!("syntax error at or near \"{word}\""), word);
    }
}
