//! The type of a column: every name and alias of Redshift's.

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{SqlError, cursor::Cursor},
    types::{
        CHAR_LENGTH_MAX, DECIMAL_PRECISION_MAX, DECIMAL_SCALE_MAX, SqlType, VARCHAR_LENGTH_MAX,
    },
};

/// `BPCHAR` without a length.
const BPCHAR_LENGTH: u32 = 256;

/// Types that Redshift or PostgreSQL has and Blueshift's tables have not, and what to use instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("timetz", "Use TIMESTAMPTZ, or TIME for a time without zone."),
    ("super", "Use VARCHAR(MAX) and the JSON text."),
    ("varbyte", "Use VARCHAR and hexadecimal text."),
    ("varbinary", "Use VARCHAR and hexadecimal text."),
    ("binary", "Use VARCHAR and hexadecimal text."),
    ("bytea", "Use VARCHAR and hexadecimal text."),
    ("geometry", "Use VARCHAR and well-known text."),
    ("geography", "Use VARCHAR and well-known text."),
    ("hllsketch", "Use COUNT(DISTINCT …) over the rows themselves."),
    ("interval", "Use BIGINT and a number of seconds, or two timestamps."),
    ("json", "Use VARCHAR(MAX) and the JSON text."),
    ("jsonb", "Use VARCHAR(MAX) and the JSON text."),
    ("uuid", "Use CHAR(36)."),
    ("serial", "Use BIGINT IDENTITY(1, 1)."),
    ("bigserial", "Use BIGINT IDENTITY(1, 1)."),
    ("smallserial", "Use BIGINT IDENTITY(1, 1)."),
    ("money", "Use DECIMAL(19, 2)."),
    ("xml", "Use VARCHAR(MAX)."),
    ("inet", "Use VARCHAR(43)."),
    ("cidr", "Use VARCHAR(43)."),
    ("bit", "Use BOOLEAN or an integer."),
    ("oid", "Use BIGINT: OID is a type of the catalogue's tables."),
    ("name", "Use VARCHAR(127): NAME is a type of the catalogue's tables."),
    ("regclass", "Use VARCHAR(127)."),
    ("tinyint", "Use SMALLINT."),
    ("hstore", "Use VARCHAR(MAX) and JSON text."),
];

/// Parses a column's type.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<SqlType, SqlError> {
    cursor.take_schema("pg_catalog");
    let position = cursor.position();
    let written = cursor.peek_text();
    let Some(name) = cursor.peek_word().map(str::to_owned) else { return Err(cursor.unexpected()) };
    if let Some((_, hint)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name) {
        return Err(unsupported(written, hint, position));
    }
    cursor.advance();
    let sql_type = match name.as_str() {
        "smallint" | "int2" => SqlType::SmallInt,
        "integer" | "int" | "int4" => SqlType::Integer,
        "bigint" | "int8" => SqlType::BigInt,
        "decimal" | "numeric" | "dec" => decimal(cursor)?,
        "real" | "float4" => SqlType::Real,
        "float8" => SqlType::DoublePrecision,
        "double" => {
            cursor.expect("precision")?;
            SqlType::DoublePrecision
        }
        "float" => float(cursor)?,
        "boolean" | "bool" => SqlType::Boolean,
        "char" | "character" | "nchar" | "bpchar" | "national" => text(cursor, &name)?,
        "varchar" | "nvarchar" => varchar(cursor)?,
        "text" => SqlType::VARCHAR_DEFAULT,
        "date" => SqlType::Date,
        "timestamp" => {
            precision(cursor)?;
            if zone(cursor)? { SqlType::TimestampTz } else { SqlType::Timestamp }
        }
        "timestamptz" => {
            precision(cursor)?;
            SqlType::TimestampTz
        }
        "time" => {
            precision(cursor)?;
            if zone(cursor)? {
                return Err(unsupported("TIME WITH TIME ZONE", UNSUPPORTED[0].1, position));
            }
            SqlType::Time
        }
        _ => {
            return Err(SqlError {
                sqlstate: SqlState::UNDEFINED_OBJECT,
                message: format!("type \"{name}\" does not exist"),
                hint: None,
                position: Some(position),
            });
        }
    };
    if *cursor.peek() == Token::LBracket || cursor.at("array") {
        return Err(unsupported("an array", "Use VARCHAR(MAX) and JSON text.", position));
    }
    Ok(sql_type)
}

fn unsupported(what: &str, hint: &str, position: usize) -> SqlError {
    let message = format!("columns of type {} are not supported", what.to_uppercase());
    SqlError::unsupported(message, Some(position)).with_hint(hint)
}

fn invalid(message: String, position: usize) -> SqlError {
    SqlError {
        sqlstate: SqlState::INVALID_PARAMETER_VALUE,
        message,
        hint: None,
        position: Some(position),
    }
}

/// CHAR and its aliases, some of which turn out to be VARCHAR.
fn text(cursor: &mut Cursor<'_>, name: &str) -> Result<SqlType, SqlError> {
    if name == "national" && !cursor.take("character") {
        cursor.expect("char")?;
    }
    if name != "bpchar" && cursor.take("varying") {
        return varchar(cursor);
    }
    let default = if name == "bpchar" { BPCHAR_LENGTH } else { 1 };
    let length = length(cursor, "char", CHAR_LENGTH_MAX)?.unwrap_or(default);
    Ok(SqlType::Char { length })
}

fn varchar(cursor: &mut Cursor<'_>) -> Result<SqlType, SqlError> {
    let length = length(cursor, "varchar", VARCHAR_LENGTH_MAX)?;
    Ok(length.map_or(SqlType::VARCHAR_DEFAULT, |length| SqlType::Varchar { length }))
}

/// Parses `(n)` or `(MAX)`.
fn length(cursor: &mut Cursor<'_>, name: &str, max: u32) -> Result<Option<u32>, SqlError> {
    if !cursor.take_token(&Token::LParen) {
        return Ok(None);
    }
    let position = cursor.position();
    let length = if cursor.take("max") { u64::from(max) } else { cursor.unsigned()? };
    cursor.expect_token(&Token::RParen)?;
    match u32::try_from(length) {
        Ok(0) => Err(invalid(format!("length for type {name} must be at least 1"), position)),
        Ok(length) if length <= max => Ok(Some(length)),
        _ => Err(invalid(format!("length for type {name} cannot exceed {max}"), position)),
    }
}

fn decimal(cursor: &mut Cursor<'_>) -> Result<SqlType, SqlError> {
    if !cursor.take_token(&Token::LParen) {
        return Ok(SqlType::Decimal { precision: 18, scale: 0 });
    }
    let position = cursor.position();
    let precision = cursor.unsigned()?;
    let precision = u8::try_from(precision)
        .ok()
        .filter(|precision| (1..=DECIMAL_PRECISION_MAX).contains(precision))
        .ok_or_else(|| {
            let max = DECIMAL_PRECISION_MAX;
            invalid(format!("NUMERIC precision {precision} must be between 1 and {max}"), position)
        })?;
    let mut scale = 0;
    if cursor.take_token(&Token::Comma) {
        let position = cursor.position();
        let written = cursor.signed()?;
        let max = i64::from(precision).min(i64::from(DECIMAL_SCALE_MAX));
        scale = i8::try_from(written).ok().filter(|_| (0..=max).contains(&written)).ok_or_else(
            || {
                let message = if written > i64::from(DECIMAL_SCALE_MAX) {
                    format!("NUMERIC scale {written} must be between 0 and {DECIMAL_SCALE_MAX}")
                } else {
                    format!("NUMERIC scale {written} must be between 0 and precision {precision}")
                };
                invalid(message, position)
            },
        )?;
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(SqlType::Decimal { precision, scale })
}

/// FLOAT(p): bits, as in PostgreSQL.
fn float(cursor: &mut Cursor<'_>) -> Result<SqlType, SqlError> {
    if !cursor.take_token(&Token::LParen) {
        return Ok(SqlType::DoublePrecision);
    }
    let position = cursor.position();
    let bits = cursor.unsigned()?;
    cursor.expect_token(&Token::RParen)?;
    match bits {
        0 => Err(invalid("precision for type float must be at least 1 bit".to_owned(), position)),
        1..=24 => Ok(SqlType::Real),
        25..=53 => Ok(SqlType::DoublePrecision),
        _ => {
            Err(invalid("precision for type float must be less than 54 bits".to_owned(), position))
        }
    }
}

/// Parses `(p)` of a time: Redshift always has microseconds.
fn precision(cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
    if !cursor.take_token(&Token::LParen) {
        return Ok(());
    }
    let position = cursor.position();
    let precision = cursor.unsigned()?;
    cursor.expect_token(&Token::RParen)?;
    if precision == 6 {
        return Ok(());
    }
    let message = format!("a precision of {precision} digits is not supported");
    Err(SqlError::unsupported(message, Some(position))
        .with_hint("Leave the precision out: times have microseconds."))
}

/// Parses WITH TIME ZONE or WITHOUT TIME ZONE; returns whether there is a zone.
fn zone(cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
    if cursor.take("with") {
        cursor.expect("time")?;
        cursor.expect("zone")?;
        return Ok(true);
    }
    if cursor.take("without") {
        cursor.expect("time")?;
        cursor.expect("zone")?;
    }
    Ok(false)
}
