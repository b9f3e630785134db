//! CREATE TABLE: what it says.

use super::{create_table_as::table_as, fails, one};
use crate::{
    client_error::SqlState,
    sql::{ConstraintKind, CreateTable, DistStyleName, IdentityClause, SortKeyClause, Statement},
};

fn table(sql: &str) -> CreateTable {
    match one(sql) {
        Statement::CreateTable(create) => create,
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
        ("sysdate", "sysdate"),
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
