//! CREATE TABLE: what contradicts itself, and what is too much.

use super::fails;
use crate::client_error::SqlState;

#[expect(clippy::too_many_lines, reason = "a table of statements")]
#[test]
fn contradictions_are_refused() {
    for (sql, state, message, place) in [
        (
            "create table t (a int, a int)",
            "42701",
            "column \"a\" specified more than once",
            "a int)",
        ),
        (
            "create table t (a int, \"A\" int)",
            "42701",
            "column \"a\" specified more than once",
            "\"A\"",
        ),
        (
            "create table t (a int distkey, b int distkey)",
            "42P16",
            "cannot specify multiple distkey columns",
            "distkey)",
        ),
        (
            "create table t (a int distkey) distkey (a)",
            "42P16",
            "cannot specify multiple distkey columns",
            "distkey (a)",
        ),
        (
            "create table t (a int, b int) distkey (a, b)",
            "42P16",
            "cannot specify multiple distkey columns",
            ", b)",
        ),
        (
            "create table t (a int distkey) diststyle even",
            "42P16",
            "cannot specify DISTKEY with DISTSTYLE EVEN",
            "(a",
        ),
        (
            "create table t (a int distkey) diststyle all",
            "42P16",
            "cannot specify DISTKEY with DISTSTYLE ALL",
            "(a",
        ),
        (
            "create table t (a int) diststyle key",
            "42P16",
            "DISTSTYLE KEY requires a DISTKEY column",
            "(a",
        ),
        (
            "create table t (a int) diststyle round",
            "42601",
            "syntax error at or near \"round\"",
            "round",
        ),
        (
            "create table t (a int encode wibble)",
            "42601",
            "encoding \"wibble\" is not known",
            "wibble",
        ),
        (
            "create table t (a int encode text255)",
            "42P16",
            "invalid encoding type specified for column \"a\"",
            "text255",
        ),
        (
            "create table t (a varchar encode az64)",
            "42P16",
            "invalid encoding type specified for column \"a\"",
            "az64",
        ),
        (
            "create table t (a int) sortkey (b)",
            "42703",
            "column \"b\" named in key does not exist",
            "(a",
        ),
        (
            "create table t (a int, primary key (b))",
            "42703",
            "column \"b\" named in key does not exist",
            "(a",
        ),
        (
            "create table t (a int sortkey, b int sortkey)",
            "42P16",
            "cannot specify more than one sort key",
            "sortkey)",
        ),
        (
            "create table t (a int sortkey) sortkey (a)",
            "42P16",
            "cannot specify more than one sort key",
            "sortkey (a)",
        ),
        (
            "create table t (a int) sortkey (a, a)",
            "42701",
            "column \"a\" appears twice in the sort key",
            "(a, a)",
        ),
        (
            "create table t (a int primary key, primary key (a))",
            "42P16",
            "multiple primary keys for table \"t\" are not allowed",
            "(a int",
        ),
        (
            "create table t (a int null not null)",
            "42601",
            "conflicting NULL/NOT NULL declarations for column \"a\" of table \"t\"",
            "not null",
        ),
        (
            "create table t (a int default 1 default 2)",
            "42601",
            "multiple default values specified for column \"a\" of table \"t\"",
            "default 2",
        ),
        (
            "create table t (a varchar identity(1,1))",
            "42P16",
            "an IDENTITY column must be of type INT or BIGINT",
            "a varchar",
        ),
        (
            "create table t (a int identity(1,0))",
            "42P16",
            "the step of an IDENTITY column cannot be 0",
            "0",
        ),
        (
            "create table t (a int identity(1,1) default 3)",
            "42P16",
            "an IDENTITY column cannot have a DEFAULT",
            "a int",
        ),
        (
            "create table t (a int check (a > 0))",
            "0A000",
            "CHECK constraints are not supported",
            "check",
        ),
        (
            "create table t (a varchar collate case_insensitive)",
            "0A000",
            "COLLATE CASE_INSENSITIVE is not supported",
            "case_ins",
        ),
        (
            "create table t (a int) with (fillfactor = 1)",
            "0A000",
            "CREATE TABLE … WITH is not supported",
            "with",
        ),
        (
            "create table t (a int) on commit drop",
            "0A000",
            "ON COMMIT DROP and ON COMMIT DELETE ROWS are not supported",
            "drop",
        ),
        ("create table t (a int,)", "42601", "syntax error at or near \")\"", ")"),
        ("create table t ()", "42601", "syntax error at or near \")\"", ")"),
        ("create table t (a int", "42601", "syntax error at end of input", ""),
        ("create table t", "42601", "syntax error at end of input", ""),
        ("create table t (a int) wibble", "42601", "syntax error at or near \"wibble\"", "wibble"),
        ("create table t (select int)", "42601", "syntax error at or near \"select\"", "select"),
        (
            "create table a.b.c.d (a int)",
            "42601",
            "improper qualified name (too many dotted names): a.b.c.d",
            "a.b.c.d",
        ),
        ("create local table t (a int)", "42601", "syntax error at or near \"table\"", "table"),
    ] {
        fails(sql, SqlState(state), message, place);
    }
}

#[test]
fn sort_keys_have_limits() {
    let columns = |count: usize| (0..count).map(|n| format!("c{n}")).collect::<Vec<_>>().join(", ");
    for (kind, count, fits) in [
        ("sortkey", 400, true),
        ("sortkey", 401, false),
        ("interleaved sortkey", 8, true),
        ("interleaved sortkey", 9, false),
    ] {
        let sql = format!("create table t {kind} ({}) as select 1", columns(count));
        match super::parse(&sql) {
            Ok(_) => assert!(fits, "{kind} {count}"),
            Err(error) => {
                assert!(!fits, "{kind} {count}: {error}");
                assert_eq!(error.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
            }
        }
    }
}
