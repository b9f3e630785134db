//! DELETE, UPDATE, MERGE and LOCK.

use super::{all, fails, one};
use crate::{
    client_error::SqlState,
    sql::{MergeAction, MergeMatched, Statement},
};

#[test]
fn deletes() {
    for (sql, table, alias, source) in [
        ("delete from T", "t", None, "SELECT"),
        ("delete S.T", "s.t", None, "SELECT"),
        ("delete from t where a = 1", "t", None, "SELECT WHERE a = 1"),
        ("delete t x where x.a = 1", "t", Some("x"), "SELECT WHERE x.a = 1"),
        (
            "delete from t as X using u, v b where b.a = 1",
            "t",
            Some("x"),
            "SELECT FROM u, v b WHERE",
        ),
        ("delete from t using u join v on u.a = v.a", "t", None, "SELECT FROM u JOIN v ON"),
        (
            "with c as (select 1) delete from t using c",
            "t",
            None,
            "WITH c AS (SELECT 1) SELECT FROM c",
        ),
    ] {
        let Statement::Delete(delete) = one(sql) else { panic!("{sql}") };
        assert_eq!(delete.target.table.to_string(), table);
        assert_eq!(delete.target.alias.as_deref(), alias);
        let shown = delete.target.source.to_string();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.starts_with(source), "{sql}: {shown}");
    }
    let syntax = SqlState::SYNTAX_ERROR;
    fails("delete", syntax, "syntax error at end of input", "");
    fails("delete from t where", syntax, "syntax error at end of input", "");
    fails("delete from t order by 1", syntax, "syntax error at or near \"order\"", "order");
    let message = "DELETE … RETURNING is not supported";
    fails("delete from t returning a", SqlState::FEATURE_NOT_SUPPORTED, message, "returning");
}

#[test]
fn updates() {
    let sql = "with c as (select 1 x) update S.T as U set A = default, \"B\" = u.b + c.x from c where true";
    let Statement::Update(update) = one(sql) else { panic!("{sql}") };
    assert_eq!(
        (update.target.table.to_string().as_str(), update.target.alias.as_deref()),
        ("s.t", Some("u"))
    );
    let shown: Vec<_> = update
        .assignments
        .iter()
        .map(|a| (a.column.as_str(), a.value.as_ref().map(ToString::to_string)))
        .collect();
    assert_eq!(shown, [("a", None), ("b", Some("u.b + c.x".to_owned()))]);
    assert!(matches!(one("update t set a = (select 1)"), Statement::Update(_)));
    let syntax = SqlState::SYNTAX_ERROR;
    fails("update t", syntax, "syntax error at end of input", "");
    fails("update t set t.a = 1", syntax, "syntax error at or near \".\"", ".a");
    fails("update t set a 1", syntax, "syntax error at or near \"1\"", "1");
}

#[test]
fn merges() {
    let sql = "merge into t using s as x on t.a = x.a when matched then delete \
               when not matched then insert (a, b) values (x.a, default)";
    let Statement::Merge(merge) = one(sql) else { panic!("{sql}") };
    let MergeAction::When { matched: MergeMatched::Delete, not_matched } = merge.action else {
        panic!("{sql}")
    };
    assert_eq!(not_matched.columns, ["a", "b"]);
    assert_eq!(not_matched.values.len(), 2);
    assert!(not_matched.values[1].is_none());
    let sql = "merge into t using (select 1 a) s on t.a = s.a remove duplicates";
    let Statement::Merge(merge) = one(sql) else { panic!("{sql}") };
    assert!(matches!(merge.action, MergeAction::RemoveDuplicates));
    fails(
        "merge into t using s on t.a = s.a when matched then delete",
        SqlState::SYNTAX_ERROR,
        "syntax error at end of input",
        "",
    );
}

#[test]
fn locks_and_queries_that_look_like_deletes() {
    let Statement::Lock(tables) = one("lock table a, s.B") else { panic!() };
    assert_eq!(tables.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "s.b"]);
    // A WITH of a query stays one, whatever its subqueries are called.
    assert!(matches!(
        all("with \"delete\" as (select 1) select 2")[0].statement,
        Statement::Query(_)
    ));
}

#[test]
fn a_row_in_a_subquery_is_an_exists() {
    let Statement::Query(query) = one("select 1 where (a, b) in (select x, y from u)") else {
        panic!()
    };
    assert_eq!(
        query.to_string(),
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM (SELECT x, y FROM u) AS \"$in\" (\"$0\", \"$1\") \
         WHERE \"$in\".\"$0\" = (a) AND \"$in\".\"$1\" = (b))"
    );
}
