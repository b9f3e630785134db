//! ALTER TABLE and ANALYZE.

use super::{fails, one};
use crate::{
    client_error::SqlState,
    sql::{AlterAction, Analyze, DistStyleName, SortKeyClause, Statement},
    types::SqlType,
};

fn action(sql: &str) -> AlterAction {
    let Statement::AlterTable(alter) = one(sql) else { panic!("{sql}") };
    assert_eq!(alter.name.name, "t", "{sql}");
    alter.action
}

#[test]
fn columns() {
    let AlterAction::AddColumn(column) =
        action("alter table s.T add column \"C\" varchar(max) default 1 + 2 encode zstd not null")
    else {
        panic!("ADD COLUMN is one")
    };
    assert_eq!((column.name.as_str(), column.not_null), ("c", true));
    assert_eq!(column.sql_type, SqlType::Varchar { length: 65_535 });
    assert_eq!(column.default.map(|default| default.to_string()).as_deref(), Some("1 + 2"));
    assert!(matches!(action("alter table t add c int"), AlterAction::AddColumn(_)));
    for (sql, expected) in [("drop column c cascade", true), ("drop c restrict", false)] {
        let dropped = action(&format!("alter table t {sql}"));
        assert!(
            matches!(dropped, AlterAction::DropColumn { column, cascade } if column == "c" && cascade == expected)
        );
    }
    assert!(matches!(
        action("alter table t rename a to b"),
        AlterAction::RenameColumn { column, new_name } if (column.as_str(), new_name.as_str()) == ("a", "b")
    ));
    assert!(
        matches!(action("alter table t rename to \"U\""), AlterAction::RenameTo(name) if name == "u")
    );
    let AlterAction::Encode(encodings) =
        action("alter table t alter column a encode lzo, alter b encode raw")
    else {
        panic!("ALTER COLUMN ENCODE is one")
    };
    assert_eq!(encodings, [("a".into(), "lzo".into()), ("b".into(), "raw".into())]);
}

#[test]
fn layouts() {
    let layout = |sql: &str| match action(sql) {
        AlterAction::Layout { dist_style, dist_key, sort_key } => (dist_style, dist_key, sort_key),
        other => panic!("{sql}: {other:?}"),
    };
    let key = (Some(DistStyleName::Key), Some("a".to_owned()), SortKeyClause::Unspecified);
    assert_eq!(layout("alter table t alter distkey a"), key);
    assert_eq!(layout("alter table t alter diststyle key distkey a"), key);
    let both = layout("alter table t alter sortkey (a, b), alter diststyle all");
    let sort_key = SortKeyClause::Compound(vec!["a".into(), "b".into()]);
    assert_eq!(both, (Some(DistStyleName::All), None, sort_key));
    assert_eq!(layout("alter table t alter sortkey none").2, SortKeyClause::None);
    assert_eq!(layout("alter table t alter sortkey auto").2, SortKeyClause::Auto);
    fails(
        "alter table t alter distkey a, alter diststyle even",
        SqlState::INVALID_TABLE_DEFINITION,
        "DISTSTYLE is specified twice",
        "diststyle",
    );
}

#[test]
fn what_is_for_external_tables_is_refused() {
    let message = "ALTER TABLE of external tables is not supported";
    for sql in [
        "alter table t set location 's3://b/p'",
        "alter table t add if not exists partition (a = 1) location 's3://b/p'",
        "alter table t drop partition (a = 1)",
    ] {
        let word =
            ["set", "if", "drop"].into_iter().find(|word| sql.contains(&format!(" {word} ")));
        fails(sql, SqlState::FEATURE_NOT_SUPPORTED, message, word.expect("a word"));
    }
}

#[test]
fn analyze() {
    let analyzed = |sql: &str| match one(sql) {
        Statement::Analyze(Analyze { table, columns }) => (table.map(|t| t.to_string()), columns),
        other => panic!("{sql}: {other:?}"),
    };
    assert_eq!(analyzed("analyze"), (None, vec![]));
    assert_eq!(analyzed("analyze verbose predicate columns"), (None, vec![]));
    let compression = |sql: &str| match one(sql) {
        Statement::AnalyzeCompression(analyze) => {
            (analyze.table.map(|t| t.to_string()), analyze.columns, analyze.sample_rows)
        }
        other => panic!("{sql}: {other:?}"),
    };
    assert_eq!(compression("analyze compression"), (None, vec![], None));
    assert_eq!(compression("analyze compression comprows 1000"), (None, vec![], Some(1_000)));
    let all = (Some("t".into()), vec!["a".into()], Some(2_000));
    assert_eq!(compression("analyze compression t (a) comprows 2000"), all);
    let sql = "analyze compression t comprows 999";
    let message = "COMPROWS must be between 1000 and 1000000000";
    fails(sql, SqlState::INVALID_PARAMETER_VALUE, message, "999");
    assert_eq!(analyzed("analyse s.T (a) all columns"), (Some("s.t".into()), vec!["a".into()]));
}
