//! Every other statement.

use super::{all, fails, one};
use crate::{
    client_error::SqlState,
    sql::{DropKind, ExplainFormat, InsertSource, Statement, VacuumKind},
};

#[test]
fn views() {
    let create = |sql: &str| match one(sql) {
        Statement::CreateView(create) => create,
        other => panic!("{other:?}"),
    };
    let view = create("create view S.V (a, \"B c\") as  select 1, 'X;' -- why\n ;");
    assert_eq!((view.name.to_string().as_str(), view.or_replace), ("s.v", false));
    assert_eq!(view.columns, ["a", "b c"]);
    assert_eq!(view.definition, "select 1, 'X;' -- why");
    let view = create("create or replace view v as (\nSELECT T.A from t\n) with no schema binding");
    assert!(view.or_replace && view.no_schema_binding);
    assert_eq!(view.definition, "(\nSELECT T.A from t\n)");
    let view = create("create view v as select a from t with no schema binding");
    assert_eq!((view.definition.as_str(), view.no_schema_binding), ("select a from t", true));
    let view =
        create("create view v as select a from t where a > 1 limit 5 with no schema binding");
    assert!(view.no_schema_binding);
    fails("create view v as", SqlState::SYNTAX_ERROR, "syntax error at end of input", "");
    fails(
        "create view v as select 1 with check option",
        SqlState::SYNTAX_ERROR,
        "syntax error at or near \"with\"",
        "with",
    );
}

#[test]
fn schemas() {
    for (sql, name, if_not_exists, authorization) in [
        ("create schema S", "s", false, None),
        ("create schema if not exists \"My S\" authorization Bob", "my s", true, Some("bob")),
        ("create schema authorization bob", "bob", false, Some("bob")),
    ] {
        let Statement::CreateSchema(create) = one(sql) else { panic!("{sql}") };
        assert_eq!(create.name, name);
        assert_eq!(create.if_not_exists, if_not_exists);
        assert_eq!(create.authorization.as_deref(), authorization);
    }
    let message = "CREATE SCHEMA … QUOTA is not supported";
    fails("create schema s quota 5 gb", SqlState::FEATURE_NOT_SUPPORTED, message, "quota");
    fails("create schema", SqlState::SYNTAX_ERROR, "syntax error at end of input", "");
}

#[test]
fn drops() {
    for (sql, kind, names, if_exists, cascade) in [
        ("drop table T", DropKind::Table, "t", false, false),
        ("drop table if exists a.b, #c cascade", DropKind::Table, "a.b,#c", true, true),
        ("drop view v restrict", DropKind::View, "v", false, false),
        ("drop schema if exists s, \"T\" cascade", DropKind::Schema, "s,t", true, true),
        ("drop table \"db\".\"s\".\"t\"", DropKind::Table, "db.s.t", false, false),
    ] {
        let Statement::Drop(drop) = one(sql) else { panic!("{sql}") };
        let found = drop.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        assert_eq!(
            (drop.kind, found.as_str(), drop.if_exists, drop.cascade),
            (kind, names, if_exists, cascade)
        );
    }
    fails("drop table a, ", SqlState::SYNTAX_ERROR, "syntax error at end of input", "");
    fails(
        "drop table a; drop table ; select 1",
        SqlState::SYNTAX_ERROR,
        "syntax error at or near \";\"",
        "; select",
    );
}

#[test]
fn inserts() {
    let insert = |sql: &str| match one(sql) {
        Statement::Insert(insert) => insert,
        other => panic!("{other:?}"),
    };
    let found = insert("insert into S.T (A, \"B\") values (1, default), (-2, 'x' || $1)");
    assert_eq!(
        (found.table.to_string().as_str(), found.columns.join(",").as_str()),
        ("s.t", "a,b")
    );
    let InsertSource::Values(rows) = found.source else { panic!("values") };
    assert_eq!(rows.len(), 2);
    assert!(rows[0][1].is_none());
    assert_eq!(rows[1][1].as_ref().map(ToString::to_string).as_deref(), Some("'x' || $1"));
    assert!(matches!(insert("insert into t default values").source, InsertSource::DefaultValues));
    for sql in [
        "insert into t select * from u",
        "insert into t (select * from u)",
        "insert into t (a, b) (select 1, 2)",
        "insert into t with x as (select 1) select * from x",
        "insert into t ((select 1) union all select 2)",
    ] {
        assert!(matches!(insert(sql).source, InsertSource::Query(_)), "{sql}");
    }
    for (sql, state, message, place) in [
        (
            "insert into t values (1, 2), (3)",
            "42601",
            "VALUES lists must all be the same length",
            "(3)",
        ),
        (
            "insert into t values (1) on conflict do nothing",
            "0A000",
            "INSERT … ON CONFLICT is not supported",
            "on conflict",
        ),
        (
            "insert into t values (1) returning a",
            "0A000",
            "INSERT … RETURNING is not supported",
            "returning",
        ),
        ("insert into t values (1,)", "42601", "syntax error at or near \")\"", ")"),
        ("insert into t values", "42601", "syntax error at end of input", ""),
        ("insert t values (1)", "42601", "syntax error at or near \"t\"", "t values"),
        ("insert into t () values (1)", "42601", "syntax error at or near \")\"", ") values"),
        ("insert into t values (1) (2)", "42601", "syntax error at or near \"(\"", "(2)"),
    ] {
        fails(sql, SqlState(state), message, place);
    }
}

#[test]
fn transactions() {
    for sql in [
        "begin",
        "BEGIN WORK",
        "begin transaction",
        "start transaction",
        "begin read only",
        "begin isolation level serializable read write",
        "start transaction isolation level read committed, read only",
        "begin transaction isolation level snapshot",
        "begin; ",
    ] {
        assert!(matches!(one(sql), Statement::Begin(_)), "{sql}");
    }
    for sql in [
        "commit",
        "commit work",
        "end",
        "end transaction",
        "COMMIT TRANSACTION",
        "commit and no chain",
    ] {
        assert!(matches!(one(sql), Statement::Commit), "{sql}");
    }
    for sql in ["rollback", "rollback work", "abort", "abort transaction"] {
        assert!(matches!(one(sql), Statement::Rollback), "{sql}");
    }
    fails("start", SqlState::SYNTAX_ERROR, "syntax error at end of input", "");
    fails(
        "begin isolation level fast",
        SqlState::SYNTAX_ERROR,
        "syntax error at or near \"fast\"",
        "fast",
    );
    let message = "savepoints and prepared transactions are not supported";
    fails("rollback to savepoint x", SqlState::FEATURE_NOT_SUPPORTED, message, "to");
    let found = all("begin transaction; select 1; ; commit;");
    assert_eq!(found.len(), 3);
}

#[test]
fn explains() {
    for (sql, analyze, verbose) in [
        ("explain select 1", false, false),
        ("explain verbose select 1", false, true),
        ("explain analyze verbose with x as (select 1) select * from x", true, true),
        ("explain (analyze, verbose off) select 1", true, false),
        ("explain (select 1)", false, false),
    ] {
        let Statement::Explain(explain) = one(sql) else { panic!("{sql}") };
        assert_eq!((explain.analyze, explain.verbose), (analyze, verbose), "{sql}");
    }
    fails(
        "explain (format json) select 1",
        SqlState::FEATURE_NOT_SUPPORTED,
        "EXPLAIN does not support the format \"json\"",
        "json",
    );
    fails(
        "explain (buffers) select 1",
        SqlState::FEATURE_NOT_SUPPORTED,
        "EXPLAIN does not support the option \"buffers\"",
        "buffers",
    );
    let Statement::Explain(explain) = one("explain (format datafusion) select 1") else { panic!() };
    assert_eq!(explain.format, ExplainFormat::DataFusion);
    for sql in [
        "explain insert into t select 1",
        "explain insert into t default values",
        "explain update t set a = 1",
        "explain delete from t using u where t.a = u.a",
        "explain create table u as select * from t",
    ] {
        let Statement::Explain(_) = one(sql) else { panic!("{sql}") };
    }
    fails(
        "explain merge into t using s on t.a = s.a when matched then delete when not matched then insert values (1)",
        SqlState::FEATURE_NOT_SUPPORTED,
        "EXPLAIN MERGE is not supported",
        "merge",
    );
    fails(
        "explain create table t (a int)",
        SqlState::FEATURE_NOT_SUPPORTED,
        "EXPLAIN CREATE is not supported",
        "create",
    );
    fails(
        "explain analyze insert into t select 1",
        SqlState::FEATURE_NOT_SUPPORTED,
        "EXPLAIN ANALYZE INSERT is not supported",
        "insert",
    );
    fails(
        "explain vacuum t",
        SqlState::SYNTAX_ERROR,
        "syntax error at or near \"vacuum\"",
        "vacuum",
    );
    fails("explain", SqlState::SYNTAX_ERROR, "syntax error at end of input", "");
}

#[test]
fn small_ones() {
    assert!(
        matches!(one("truncate table S.T"), Statement::Truncate(name) if name.to_string() == "s.t")
    );
    assert!(matches!(one("truncate t"), Statement::Truncate(_)));
    assert!(matches!(one("deallocate all"), Statement::Deallocate(None)));
    assert!(
        matches!(one("DEALLOCATE prepare \"_Pg3_0\""), Statement::Deallocate(Some(name)) if name == "_pg3_0")
    );
    assert!(matches!(one("discard all"), Statement::DiscardAll));
    fails("discard temp", SqlState::FEATURE_NOT_SUPPORTED, "DISCARD TEMP is not supported", "temp");
    fails(
        "truncate a, b",
        SqlState::FEATURE_NOT_SUPPORTED,
        "TRUNCATE of several tables is not supported",
        ", b",
    );
}

#[test]
fn vacuums() {
    let vacuum = |sql: &str| match one(sql) {
        Statement::Vacuum(vacuum) => vacuum,
        other => panic!("{other:?}"),
    };
    let all = vacuum("vacuum");
    assert_eq!((all.kind, all.table, all.boost), (VacuumKind::Full, None, false));
    assert_eq!(vacuum("vacuum sort only t").kind, VacuumKind::SortOnly);
    assert_eq!(vacuum("VACUUM DELETE ONLY t BOOST").kind, VacuumKind::DeleteOnly);
    assert_eq!(vacuum("vacuum reindex t").kind, VacuumKind::Reindex);
    assert_eq!(vacuum("vacuum recluster s.t boost").kind, VacuumKind::Recluster);
    let one_table = vacuum("vacuum full S.T to 75 percent boost");
    assert_eq!(one_table.table.map(|name| name.to_string()).as_deref(), Some("s.t"));
    assert_eq!((one_table.threshold_percent, one_table.boost), (Some(75), true));
    let refused = |sql, message, place| fails(sql, SqlState::SYNTAX_ERROR, message, place);
    refused("vacuum reindex", "syntax error at end of input", "");
    refused("vacuum to 75 percent", "syntax error at or near \"to\"", "to");
    refused("vacuum t to 101 percent", "the threshold of VACUUM must be from 0 to 100", "101");
    refused("vacuum t to 75", "syntax error at end of input", "");
    refused(
        "vacuum reindex t to 75 percent",
        "TO threshold PERCENT is supported with neither VACUUM REINDEX nor RECLUSTER",
        "to 75",
    );
    refused("vacuum reindex t boost", "BOOST is not supported with VACUUM REINDEX", "boost");
    refused("vacuum t, u", "syntax error at or near \",\"", ",");
}

#[test]
fn copies_are_placed_in_the_query_string() {
    let sql = "select 'ä';\n copy T from 's3://b/p' delimiter '\\t' iam_role default";
    let Statement::Copy(copy) = &all(sql)[1].statement else { panic!("copy") };
    assert_eq!(copy.table.name, "t");
    let at = |what: &str| Some(sql[..sql.find(what).expect(what)].chars().count() + 1);
    assert_eq!(copy.source_position, at("'s3:"));
    assert_eq!(copy.parameters[0].position, at("delimiter"));
    fails(
        "select 1; copy t from 's3://b/p' wibble",
        SqlState::SYNTAX_ERROR,
        "syntax error at or near \"wibble\"",
        "wibble",
    );
}
