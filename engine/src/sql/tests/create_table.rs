//! CREATE TABLE and CREATE TABLE AS.

use super::{fails, one};
use crate::{
    client_error::SqlState,
    sql::{
        ConstraintKind, CreateTable, CreateTableAs, DistStyleName, IdentityClause, SortKeyClause,
        Statement,
    },
};

fn table(sql: &str) -> CreateTable {
    match one(sql) {
        Statement::CreateTable(create) => create,
        other => panic!("{sql}: {other:?}"),
    }
}

fn table_as(sql: &str) -> CreateTableAs {
    match one(sql) {
        Statement::CreateTableAs(create) => create,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn types_and_their_aliases() {
    for (written, shown) in [
        ("smallint", "smallint"),
        ("int2", "smallint"),
        ("int", "integer"),
        ("INTEGER", "integer"),
        ("int4", "integer"),
        ("bigint", "bigint"),
        ("int8", "bigint"),
        ("decimal", "numeric(18,0)"),
        ("numeric", "numeric(18,0)"),
        ("numeric(12)", "numeric(12,0)"),
        ("dec(10, 2)", "numeric(10,2)"),
        ("decimal(38,37)", "numeric(38,37)"),
        ("real", "real"),
        ("float4", "real"),
        ("float(24)", "real"),
        ("float(25)", "double precision"),
        ("float", "double precision"),
        ("float8", "double precision"),
        ("double precision", "double precision"),
        ("bool", "boolean"),
        ("boolean", "boolean"),
        ("char", "character(1)"),
        ("character(10)", "character(10)"),
        ("nchar(3)", "character(3)"),
        ("national character(3)", "character(3)"),
        ("bpchar", "character(256)"),
        ("varchar", "character varying(256)"),
        ("varchar(25)", "character varying(25)"),
        ("varchar(max)", "character varying(65535)"),
        ("nvarchar(7)", "character varying(7)"),
        ("text", "character varying(256)"),
        ("character varying(9)", "character varying(9)"),
        ("char varying(9)", "character varying(9)"),
        ("national character varying(9)", "character varying(9)"),
        ("pg_catalog.varchar(9)", "character varying(9)"),
        ("date", "date"),
        ("time", "time without time zone"),
        ("time without time zone", "time without time zone"),
        ("timestamp", "timestamp without time zone"),
        ("timestamp(6) without time zone", "timestamp without time zone"),
        ("timestamp with time zone", "timestamp with time zone"),
        ("timestamptz", "timestamp with time zone"),
    ] {
        let create = table(&format!("create table t (a {written} not null, b int)"));
        assert_eq!(create.columns[0].sql_type.to_string(), shown, "{written}");
        assert!(create.columns[0].not_null);
    }
}

#[test]
fn types_that_are_refused() {
    for (written, what) in [
        ("timetz", "TIMETZ"),
        ("super", "SUPER"),
        ("varbyte(10)", "VARBYTE"),
        ("geometry", "GEOMETRY"),
        ("geography", "GEOGRAPHY"),
        ("hllsketch", "HLLSKETCH"),
        ("interval year to month", "INTERVAL"),
        ("uuid", "UUID"),
        ("serial", "SERIAL"),
        ("time with time zone", "TIME WITH TIME ZONE"),
    ] {
        let sql = format!("create table t (a {written})");
        let message = format!("columns of type {what} are not supported");
        fails(&sql, SqlState::FEATURE_NOT_SUPPORTED, &message, written);
    }
    for (written, state, message, place) in [
        ("wibble", "42704", "type \"wibble\" does not exist", "wibble"),
        ("varchar(0)", "22023", "length for type varchar must be at least 1", "0"),
        ("varchar(65536)", "22023", "length for type varchar cannot exceed 65535", "65536"),
        ("char(5000)", "22023", "length for type char cannot exceed 4096", "5000"),
        ("decimal(39,0)", "22023", "NUMERIC precision 39 must be between 1 and 38", "39"),
        ("decimal(0)", "22023", "NUMERIC precision 0 must be between 1 and 38", "0"),
        ("decimal(5,6)", "22023", "NUMERIC scale 6 must be between 0 and precision 5", "6"),
        ("decimal(5,-1)", "22023", "NUMERIC scale -1 must be between 0 and precision 5", "-1"),
        ("decimal(38,38)", "22023", "NUMERIC scale 38 must be between 0 and 37", "38"),
        ("float(54)", "22023", "precision for type float must be less than 54 bits", "54"),
        ("timestamp(3)", "0A000", "a precision of 3 digits is not supported", "3"),
        ("int[]", "0A000", "columns of type AN ARRAY are not supported", "int[]"),
        ("double", "42601", "syntax error at or near \")\"", ")"),
        ("varchar(x)", "42601", "syntax error at or near \"x\"", "x"),
        ("distkey", "42704", "type \"distkey\" does not exist", "distkey"),
    ] {
        let sql = format!("create table t (a {written})");
        fails(&sql, SqlState(state), message, place);
    }
}

#[test]
fn column_attributes_come_in_any_order() {
    let expected = table(
        "create table s.t (a int identity(10,-2) not null encode az64 distkey sortkey, \
         b varchar(9) default 'x' encode zstd)",
    );
    for sql in [
        "create table s.t (a int sortkey distkey encode az64 not null identity(10,-2), \
         b varchar(9) encode zstd default 'x')",
        "CREATE TABLE S.\"T\" (A INT4 DISTKEY NOT NULL IDENTITY (10, -2) SORTKEY ENCODE AZ64, \
         \"B\" CHARACTER VARYING(9) ENCODE ZSTD DEFAULT 'x' NULL);",
    ] {
        assert_eq!(format!("{:?}", table(sql).columns[0]), format!("{:?}", expected.columns[0]));
        assert_eq!(table(sql).attributes, expected.attributes);
        assert_eq!(table(sql).name, expected.name);
        assert_eq!(table(sql).columns[1].encoding, Some("zstd".to_owned()));
        let default = table(sql).columns[1].default.as_ref().map(ToString::to_string);
        assert_eq!(default, Some("'x'".to_owned()));
    }
    let identity = IdentityClause { seed: 10, step: -2, by_default: false };
    assert_eq!(expected.columns[0].identity, Some(identity));
    assert_eq!(expected.attributes.dist_key, Some("a".to_owned()));
    assert_eq!(expected.attributes.sort_key, SortKeyClause::Compound(vec!["a".to_owned()]));
}

#[test]
fn defaults_end_where_the_next_attribute_starts() {
    for (default, shown) in [
        ("0", "0"),
        ("-1.5", "-1.5"),
        ("null", "NULL"),
        ("getdate()", "getdate()"),
        ("sysdate", "sysdate()"),
        ("current_timestamp", "current_timestamp"),
        ("'a' || 'b'", "'a' || 'b'"),
        ("'x'::varchar(3)", "'x'::VARCHAR(3)"),
        ("(1 + 2) * 3", "(1 + 2) * 3"),
        ("'x' collate case_sensitive", "'x'"),
        ("true", "true"),
    ] {
        for after in
            ["", " not null", " encode raw", " null", " primary key", " distkey", " sortkey"]
        {
            let create =
                table(&format!("create table t (a varchar(10) default {default}{after}, b int)"));
            let found = create.columns[0].default.as_ref().map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(shown), "{default}{after}");
            assert_eq!(
                create.columns[0].not_null,
                after.contains("not null") || after.contains("key") && after.contains("primary")
            );
        }
    }
}

#[test]
fn generated_by_default_as_identity() {
    let create = table("create table t (a bigint generated by default as identity(0, 1), b int)");
    let identity = IdentityClause { seed: 0, step: 1, by_default: true };
    assert_eq!(create.columns[0].identity, Some(identity));
    assert!(create.columns[0].not_null);
}

#[test]
fn table_attributes_come_in_any_order() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (written, style, key, sort) in [
        ("", None, None, SortKeyClause::Unspecified),
        ("diststyle even", Some(DistStyleName::Even), None, SortKeyClause::Unspecified),
        (
            "diststyle all sortkey (b)",
            Some(DistStyleName::All),
            None,
            SortKeyClause::Compound(names(&["b"])),
        ),
        (
            "compound sortkey(a, b) diststyle key distkey(a)",
            Some(DistStyleName::Key),
            Some("a"),
            SortKeyClause::Compound(names(&["a", "b"])),
        ),
        ("distkey (\"B\")", None, Some("b"), SortKeyClause::Unspecified),
        (
            "interleaved sortkey (b,a) backup no diststyle auto encode auto",
            Some(DistStyleName::Auto),
            None,
            SortKeyClause::Interleaved(names(&["b", "a"])),
        ),
        ("sortkey auto", None, None, SortKeyClause::Auto),
        ("on commit preserve rows", None, None, SortKeyClause::Unspecified),
    ] {
        let attributes = table(&format!("create table t (a int, b int) {written}")).attributes;
        assert_eq!(attributes.dist_style, style, "{written}");
        assert_eq!(attributes.dist_key.as_deref(), key, "{written}");
        assert_eq!(attributes.sort_key, sort, "{written}");
        let create = table_as(&format!("create table t {written} as select 1 a, 2 b"));
        assert_eq!(create.attributes, attributes, "{written}");
    }
    let attributes = table("create table t (a int) backup yes encode auto").attributes;
    assert_eq!((attributes.backup, attributes.encode_auto), (Some(true), true));
}

#[test]
fn temporary_tables() {
    for (sql, temporary) in [
        ("create table t (a int)", false),
        ("create temp table t (a int)", true),
        ("create temporary table t (a int)", true),
        ("create local temp table t (a int)", true),
        ("create local temporary table \"#Tableau_1\" (a int) on commit preserve rows", true),
        ("create table #t (a int)", true),
    ] {
        assert_eq!(table(sql).temporary, temporary, "{sql}");
    }
    let create = table("create table if not exists #Stage (like Public.Users including defaults)");
    assert!(create.if_not_exists && create.temporary);
    assert_eq!(create.name.name, "#stage");
    let like = create.like.expect("like");
    assert_eq!((like.parent.to_string().as_str(), like.including_defaults), ("public.users", true));
    let create = table("create table t (like s.p) diststyle all");
    assert!(!create.like.expect("like").including_defaults);
    let create = table("create table t (like s.p excluding defaults)");
    assert!(!create.like.expect("like").including_defaults);
}

#[test]
fn constraints_are_kept() {
    let create = table(
        "create table t (a int primary key, b int unique references s.p (x), c int, \
         constraint u unique (b, c), foreign key (c) references p on delete no action)",
    );
    let shown: Vec<_> = create
        .constraints
        .iter()
        .map(|c| (c.name.as_deref(), c.columns.join(","), c.kind.clone()))
        .collect();
    assert_eq!(shown[0], (None, "a".to_owned(), ConstraintKind::PrimaryKey));
    assert_eq!(shown[1], (None, "b".to_owned(), ConstraintKind::Unique));
    assert!(matches!(&shown[2].2, ConstraintKind::ForeignKey { table, columns }
        if table.to_string() == "s.p" && columns == &["x"]));
    assert_eq!((shown[3].0, shown[3].1.as_str()), (Some("u"), "b,c"));
    assert!(
        matches!(&shown[4].2, ConstraintKind::ForeignKey { columns, .. } if columns.is_empty())
    );
    assert!(create.columns[0].not_null && !create.columns[1].not_null);
    let create = table("create table t (a int, b int, primary key (a, b))");
    assert!(create.columns[0].not_null && create.columns[1].not_null);
}

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

#[test]
fn table_as_query() {
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
