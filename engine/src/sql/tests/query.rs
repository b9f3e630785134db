//! Queries: what they become, and the errors in them.

use super::{error, fails, one};
use crate::{
    client_error::SqlState,
    sql::{Statement, parse_expression, parse_query},
};

fn query(sql: &str) -> String {
    match one(sql) {
        Statement::Query(query) => query.to_string(),
        other => panic!("{sql}: {other:?}"),
    }
}

#[expect(clippy::too_many_lines, reason = "a table of statements")]
#[test]
fn queries_and_what_becomes_of_them() {
    for (sql, shown) in [
        ("select 1", "SELECT 1"),
        (
            "SELECT A, \"B c\" FROM S.\"Select\" AS \"T\"",
            "SELECT a, \"b c\" FROM s.\"select\" AS \"t\"",
        ),
        ("/* {\"app\": \"dbt\"} */ select 1", "SELECT 1"),
        ("select /* a /* nested */ b */ 1 -- end", "SELECT 1"),
        ("values (1, 'A'), (2, 'B')", "VALUES (1, 'A'), (2, 'B')"),
        ("(select 1)", "(SELECT 1)"),
        ("select top 5 a from t order by a", "SELECT a FROM t ORDER BY a LIMIT 5"),
        ("select top 5 distinct a from t", "SELECT DISTINCT a FROM t LIMIT 5"),
        (
            "select top (2) a from t union select b from u",
            "(SELECT a FROM t LIMIT 2) UNION SELECT b FROM u",
        ),
        ("select a from t fetch first 3 rows only", "SELECT a FROM t LIMIT 3"),
        ("select a from t offset 2 fetch first row only", "SELECT a FROM t LIMIT 1 OFFSET 2"),
        ("select a from t minus select a from u", "SELECT a FROM t EXCEPT SELECT a FROM u"),
        ("select * from (select 1 as a)", "SELECT * FROM (SELECT 1 AS a)"),
        ("select * from (select 1) where true", "SELECT * FROM (SELECT 1) WHERE true"),
        (
            "select a::varchar(10), a::int8, a::float, a::text from t",
            "SELECT varchar(a::VARCHAR, 10), a::INT8, a::DOUBLE PRECISION, a::TEXT FROM t",
        ),
        (
            "select cast(a as character varying(9)), a::numeric, a::decimal(5)",
            "SELECT varchar(CAST(a AS VARCHAR), 9), a::DECIMAL(18,0), a::DECIMAL(5,0)",
        ),
        ("select convert(integer, a) from t", "SELECT CAST(a AS INTEGER) FROM t"),
        (
            "select a::timestamp, a::timestamptz, date '2020-01-01'",
            "SELECT a::TIMESTAMP(6), a::TIMESTAMPTZ(6), DATE '2020-01-01'",
        ),
        ("select 'S'.a", ""),
        ("select $1::int, $2", "SELECT $1::INT, $2"),
        ("select a[1], array[1,2] from t", "SELECT a[1], ARRAY[1, 2] FROM t"),
        ("select 2 ^ 3, |/ 4, ||/ 8, @ -1", "SELECT 2 ^ 3, sqrt(4), cbrt(8), abs(-1)"),
        (
            "select dateadd(Month, 1, d), datediff(day, a, b), date_part(dow, d)",
            "SELECT dateadd('month', 1, d), datediff('day', a, b), date_part('dow', d)",
        ),
        ("select sysdate, \"sysdate\"", "SELECT sysdate(), \"sysdate\""),
        (
            "select getdate(), current_date, current_user",
            "SELECT getdate(), current_date, current_user",
        ),
        ("select * exclude (a) from t", "SELECT * EXCLUDE (a) FROM t"),
        (
            "select a, row_number() over (partition by b order by c) r from t qualify r = 1",
            "SELECT a, row_number() OVER (PARTITION BY b ORDER BY c) AS r FROM t QUALIFY r = 1",
        ),
        ("select 'a\\b', E'a\\nb', 'it''s', $$x$$", "SELECT 'a\\b', E'a\\nb', 'it''s', $$x$$"),
        ("select 'a' 'b'", ""),
        (
            "select interval '1 day', '1 hour'::interval",
            "SELECT INTERVAL '1 day', '1 hour'::INTERVAL",
        ),
        ("select a from #tmp", "SELECT a FROM #tmp"),
        ("select a, 5 # 3 from t", "SELECT a, 5 # 3 FROM t"),
        ("select a<-1, a=-1, a>-1 from t", "SELECT a < -1, a = -1, a > -1 FROM t"),
        (
            "select first_value(a ignore nulls) over (), lag(a) ignore nulls over () from t",
            "SELECT first_value(a IGNORE NULLS) OVER (), lag(a) IGNORE NULLS OVER () FROM t",
        ),
        (
            "select listagg(distinct a, ',') within group (order by a) from t",
            "SELECT listagg(array_agg(DISTINCT a ORDER BY a) FILTER (WHERE \
             nullif(CAST(a AS VARCHAR), '') IS NOT NULL), ',') FROM t",
        ),
        (
            "select x as \"stats:encoded:label\" from t",
            "SELECT x AS \"stats:encoded:label\" FROM t",
        ),
        (
            "select case when a then 1 else 2 end from t group by 1 having count(*) > 1 limit 5 offset 2",
            "SELECT CASE WHEN a THEN 1 ELSE 2 END FROM t GROUP BY 1 HAVING count(*) > 1 LIMIT 5 OFFSET 2",
        ),
        (
            "with recursive x(n) as (select 1 union all select n + 1 from x) select * from x",
            "WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT * FROM x",
        ),
        (
            "select \"db\".\"s\".\"T\".col from \"db\".\"s\".\"T\"",
            "SELECT \"db\".\"s\".\"t\".col FROM \"db\".\"s\".\"t\"",
        ),
        (
            "select extract(epoch from a), trim(both 'x' from a), substring(a from 1 for 2), position('a' in b)",
            "SELECT EXTRACT(EPOCH FROM a), TRIM(BOTH 'x' FROM a), SUBSTRING(a FROM 1 FOR 2), POSITION('a' IN b)",
        ),
        (
            "select a at time zone 'UTC' from t where a similar to 'x%' and b ilike '%y' escape '!'",
            "SELECT timezone('UTC', a) FROM t WHERE a ~ similar_escape('x%', '\\') AND b ILIKE like_escape('%y', '!')",
        ),
        (
            "select a from t where (a, b) in (select distinct a, b from u)",
            "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM (SELECT DISTINCT a, b FROM u) AS \"$in\" \
             (\"$0\", \"$1\") WHERE \"$in\".\"$0\" = (a) AND \"$in\".\"$1\" = (b))",
        ),
        (
            "select a from t group by grouping sets ((a), ())",
            "SELECT a FROM t GROUP BY GROUPING SETS ((a), ())",
        ),
        (
            "select a from t group by rollup (a, b), cube (c)",
            "SELECT a FROM t GROUP BY ROLLUP (a, b), CUBE (c)",
        ),
        (
            "select date, key, value, type, name, level, \"user\" from t",
            "SELECT date, key, value, type, name, level, \"user\" FROM t",
        ),
    ] {
        if shown.is_empty() {
            // Only that it does not panic.
            drop(super::parse(sql));
        } else {
            assert_eq!(query(sql), shown, "{sql}");
        }
    }
}

#[test]
fn syntax_errors_have_their_place() {
    for (sql, message, place) in [
        ("select from where", "syntax error at or near \"where\"", "where"),
        ("select 1 2", "syntax error at or near \"2\"", "2"),
        ("select * form t", "syntax error at or near \"form\"", "form"),
        ("select a form t", "syntax error at or near \"t\"", "t"),
        ("select a not null from t", "syntax error at or near \"not\"", "not"),
        ("select a from t where", "syntax error at end of input", ""),
        ("select a from t where a = ", "syntax error at end of input", ""),
        ("select (1", "syntax error at end of input", ""),
        ("select 1)", "syntax error at or near \")\"", ")"),
        ("select 'ä', 'ö' x y", "syntax error at or near \"y\"", "y"),
        ("select 1;\nselect ä +;", "syntax error at or near \";\"", ";"),
        ("select 1\n  from t\n  wher a = 1", "syntax error at or near \"a\"", "a = 1"),
        ("select 'abc", "unterminated quoted string at or near \"'abc\"", "'abc"),
        ("select \"abc", "unterminated quoted identifier at or near \"\"abc\"", "\"abc"),
        ("select a from t limit 1, 2", "syntax error at or near \",\"", ", 2"),
    ] {
        fails(sql, SqlState::SYNTAX_ERROR, message, place);
    }
    assert_eq!(error("select /* abc").sqlstate, SqlState::SYNTAX_ERROR);
}

#[test]
fn what_would_be_ignored_is_refused() {
    for (sql, message, place) in [
        ("select a into x from t", "SELECT … INTO is not supported", "select"),
        ("select a from t for update", "SELECT … FOR UPDATE is not supported", "select"),
        ("select a from t connect by prior a = b", "CONNECT BY is not supported", "select"),
        (
            "select a from t, u where t.a = u.a(+)",
            "the outer join operator (+) is not supported",
            "u.a",
        ),
        ("select 1::super", "the type SUPER is not supported", ""),
        ("select a collate x from t", "COLLATE x is not supported", "x"),
        (
            "with x as (select 1) insert into t select * from x",
            "INSERT inside a query is not supported",
            "insert",
        ),
        (
            "select top 5 a from t limit 3",
            "a query cannot have both TOP or FETCH FIRST and LIMIT",
            "select",
        ),
    ] {
        let found = error(sql);
        assert_eq!(
            (found.sqlstate, found.message.as_str()),
            (SqlState::FEATURE_NOT_SUPPORTED, message),
            "{sql}"
        );
        if let Some(position) = found.position.filter(|_| !place.is_empty()) {
            assert_eq!(Some(position - 1), sql.find(place), "{sql}");
        }
    }
}

#[test]
fn text_and_offset_are_the_statements_own() {
    let sql = " /* ä */ SELECT 'x;y' ;; \n-- two\nselect 2 ; /* nothing */ ; ";
    let parsed = super::all(sql);
    let found: Vec<_> = parsed.iter().map(|p| (p.text.as_str(), p.offset)).collect();
    assert_eq!(found, [("/* ä */ SELECT 'x;y'", 1), ("-- two\nselect 2", 26)]);
    assert_eq!(&*parsed[1].source, sql);
    assert!(super::all("").is_empty());
    assert!(super::all(" ; -- x\n ;").is_empty());
}

#[test]
fn views_and_defaults_are_parsed_again() {
    assert_eq!(
        parse_query("SELECT A minus select 2").expect("query").to_string(),
        "SELECT a EXCEPT SELECT 2"
    );
    assert_eq!(parse_expression("Getdate()").expect("expression").to_string(), "getdate()");
    assert!(parse_query("select 1; select 2").is_err());
    assert!(parse_expression("1 2").is_err());
    assert!(parse_expression("").is_err());
}
