//! CREATE TABLE AS.

use super::{fails, one};
use crate::{
    client_error::SqlState,
    sql::{CreateTableAs, Statement},
};

pub(super) fn table_as(sql: &str) -> CreateTableAs {
    match one(sql) {
        Statement::CreateTableAs(create) => create,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
pub(super) fn table_as_query() {
    let create = table_as(
        "create table Dev.S.X diststyle key distkey (c) compound sortkey(a,b) as ( select 1 c );",
    );
    assert_eq!(create.name.to_string(), "dev.s.x");
    assert_eq!(create.query.to_string(), "(SELECT 1 AS c)");
    assert_eq!(create.attributes.dist_key.as_deref(), Some("c"));
    let create = table_as(
        "create temp table if not exists t (a, \"B\") as with x as (select 1) select * from x",
    );
    assert!(create.temporary && create.if_not_exists);
    assert_eq!(create.columns, ["a", "b"]);
    fails(
        "create table t diststyle key as select 1",
        SqlState::INVALID_TABLE_DEFINITION,
        "DISTSTYLE KEY requires a DISTKEY column",
        "diststyle",
    );
    fails(
        "create table t as delete from x",
        SqlState::SYNTAX_ERROR,
        "syntax error at or near \"delete\"",
        "delete",
    );
    fails(
        "create table t (a) distkey (a)",
        SqlState::SYNTAX_ERROR,
        "syntax error at end of input",
        "",
    );
}
