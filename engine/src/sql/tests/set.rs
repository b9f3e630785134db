//! SET, SHOW, RESET.

use super::{fails, one};
use crate::{
    client_error::SqlState,
    sql::{Statement, TransactionModes},
};

#[test]
fn sets() {
    for (sql, name, values, local) in [
        ("set search_path to A, \"$user\", \"b c\"", "search_path", Some("a|$user|b c"), false),
        ("set search_path = 'A, b'", "search_path", Some("A, b"), false),
        ("SET SESSION search_path TO 'x'", "search_path", Some("x"), false),
        ("set local statement_timeout to 5000", "statement_timeout", Some("5000"), true),
        ("set query_group to default", "query_group", None, false),
        ("set query_group TO 'My Label'", "query_group", Some("My Label"), false),
        ("set TimeZone to 'Europe/Berlin'", "timezone", Some("Europe/Berlin"), false),
        ("set timezone to UTC", "timezone", Some("UTC"), false),
        ("set time zone 'America/New_York'", "timezone", Some("America/New_York"), false),
        ("set time zone UTC", "timezone", Some("UTC"), false),
        ("set time zone -5", "timezone", Some("-5"), false),
        ("set time zone local", "timezone", None, false),
        ("set session time zone default", "timezone", None, false),
        ("set datestyle to ISO, MDY", "datestyle", Some("ISO|MDY"), false),
        ("set extra_float_digits = 3", "extra_float_digits", Some("3"), false),
        ("set x.y = -1.5", "x.y", Some("-1.5"), false),
        (
            "set enable_result_cache_for_session to OFF",
            "enable_result_cache_for_session",
            Some("off"),
            false,
        ),
        (
            "set enable_result_cache_for_session = on",
            "enable_result_cache_for_session",
            Some("on"),
            false,
        ),
        ("set json_serialization_enable to TRUE", "json_serialization_enable", Some("true"), false),
        ("set names 'UTF8'", "client_encoding", Some("UTF8"), false),
        ("set application_name = 'psql'", "application_name", Some("psql"), false),
        ("SET READONLY=1", "readonly", Some("1"), false),
        ("set client_encoding to UTF8", "client_encoding", Some("UTF8"), false),
        ("set session to x", "session", Some("x"), false),
    ] {
        let Statement::Set(set) = one(sql) else { panic!("{sql}") };
        assert_eq!(set.name, name, "{sql}");
        assert_eq!(set.values.map(|values| values.join("|")).as_deref(), values, "{sql}");
        assert_eq!(set.local, local, "{sql}");
    }
    for (sql, state, message, place) in [
        ("set role x", "0A000", "SET ROLE is not supported", "role"),
        (
            "set session authorization 'bob'",
            "0A000",
            "SET SESSION AUTHORIZATION is not supported",
            "authorization",
        ),
        (
            "set time zone interval '1' hour",
            "0A000",
            "SET TIME ZONE INTERVAL is not supported",
            "interval",
        ),
        ("set x 1", "42601", "syntax error at or near \"1\"", "1"),
        ("set x to", "42601", "syntax error at end of input", ""),
        ("set x to 1 2", "42601", "syntax error at or near \"2\"", "2"),
        ("set x to -y", "42601", "syntax error at or near \"-\"", "-"),
        ("set", "42601", "syntax error at end of input", ""),
    ] {
        fails(sql, SqlState(state), message, place);
    }
}

#[test]
fn transaction_modes() {
    for (sql, isolation, read_only, session) in [
        ("set transaction isolation level serializable", Some("serializable"), None, false),
        ("set transaction read write", None, Some(false), false),
        (
            "set session characteristics as transaction isolation level read committed, read only",
            Some("read committed"),
            Some(true),
            true,
        ),
    ] {
        let Statement::SetTransaction { modes, session: found } = one(sql) else { panic!("{sql}") };
        assert_eq!(modes, TransactionModes { isolation, read_only }, "{sql}");
        assert_eq!(found, session, "{sql}");
    }
    let Statement::Begin(modes) = one("begin read only") else { panic!("BEGIN is BEGIN") };
    assert_eq!(modes, TransactionModes { isolation: None, read_only: Some(true) });
    fails("set transaction", SqlState::SYNTAX_ERROR, "syntax error at end of input", "");
}

#[test]
fn shows_and_resets() {
    for (sql, name) in [
        ("show all", "all"),
        ("SHOW search_path", "search_path"),
        ("show TimeZone", "timezone"),
        ("show time zone", "time zone"),
        ("show transaction isolation level", "transaction isolation level"),
        ("show session authorization", "session authorization"),
        ("show standard_conforming_strings;", "standard_conforming_strings"),
        ("show a.b", "a.b"),
    ] {
        assert!(matches!(one(sql), Statement::Show(found) if found == name), "{sql}");
    }
    for (sql, name) in [
        ("reset all", "all"),
        ("reset search_path", "search_path"),
        ("reset time zone", "timezone"),
        ("RESET a.b", "a.b"),
    ] {
        assert!(matches!(one(sql), Statement::Reset(found) if found == name), "{sql}");
    }
    fails(
        "show tables from schema dev.public",
        SqlState::FEATURE_NOT_SUPPORTED,
        "SHOW TABLES is not supported",
        "tables",
    );
    fails(
        "show databases",
        SqlState::FEATURE_NOT_SUPPORTED,
        "SHOW DATABASES is not supported",
        "databases",
    );
    fails(
        "show table s.t",
        SqlState::FEATURE_NOT_SUPPORTED,
        "SHOW TABLE is not supported",
        "table",
    );
}
