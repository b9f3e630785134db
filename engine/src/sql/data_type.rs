//! Type names, with every alias Redshift has for them.

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{SqlError, cursor::Cursor},
    types::{
        CHAR_LENGTH_MAX, DECIMAL_PRECISION_MAX, DECIMAL_SCALE_MAX, SqlType, VARCHAR_LENGTH_MAX,
    },
};

/// Types that Redshift has and Blueshift does not, and what to use instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("super", "Use VARCHAR(65535) for JSON text."),
    ("timetz", "Use TIME or TIMESTAMPTZ."),
    ("varbyte", "Use VARCHAR with hexadecimal text."),
    ("varbinary", "Use VARCHAR with hexadecimal text."),
    ("binary", "Use VARCHAR with hexadecimal text."),
    ("geometry", "Use VARCHAR with well-known text."),
    ("geography", "Use VARCHAR with well-known text."),
    ("hllsketch", "Use COUNT(DISTINCT …) on the rows themselves."),
    ("interval", "Use INTEGER or BIGINT with a unit of your choice."),
];

/// Takes a type name.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<SqlType, SqlError> {
    let start = cursor.clone();
    let name = cursor.word()?;
    let sql_type = match name.as_str() {
        "bool" | "boolean" => SqlType::Boolean,
        "smallint" | "int2" => SqlType::SmallInt,
        "int" | "integer" | "int4" => SqlType::Integer,
        "bigint" | "int8" => SqlType::BigInt,
        "real" | "float4" => SqlType::Real,
        "float8" => SqlType::DoublePrecision,
        "double" => {
            cursor.take("precision");
            SqlType::DoublePrecision
        }
        "float" => float(cursor)?,
        "decimal" | "numeric" | "dec" => decimal(cursor)?,
        "char" | "character" | "nchar" | "bpchar" => character(cursor, &name)?,
        "varchar" | "nvarchar" | "text" => varchar(cursor, &name)?,
        "date" => SqlType::Date,
        "time" | "timestamp" | "timestamptz" => moment(cursor, &name)?,
        other => return Err(unknown(&start, other)),
    };
    Ok(sql_type)
}

fn unknown(start: &Cursor<'_>, name: &str) -> SqlError {
    match UNSUPPORTED.iter().find(|(known, _)| *known == name) {
        Some((known, instead)) => {
            start.unsupported(&format!("data type {}", known.to_uppercase()), instead)
        }
        None => SqlError {
            sqlstate: SqlState::UNDEFINED_OBJECT,
            message: format!("type \"{name}\" does not exist"),
            hint: None,
            position: start.position(),
        },
    }
}

/// Takes `(n)` or `(n, m)` if it is next.
fn arguments(cursor: &mut Cursor<'_>) -> Result<Vec<i64>, SqlError> {
    let mut arguments = Vec::new();
    if !cursor.take_token(&Token::LParen) {
        return Ok(arguments);
    }
    loop {
        arguments.push(cursor.integer()?);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(arguments)
}

fn out_of_range(position: Option<usize>, message: String) -> SqlError {
    let sqlstate = SqlState::INVALID_PARAMETER_VALUE;
    SqlError { sqlstate, message, hint: None, position }
}

fn float(cursor: &mut Cursor<'_>) -> Result<SqlType, SqlError> {
    let position = cursor.position();
    match arguments(cursor)?.as_slice() {
        [] => Ok(SqlType::DoublePrecision),
        [bits @ 1..=24] if *bits > 0 => Ok(SqlType::Real),
        [25..=53] => Ok(SqlType::DoublePrecision),
        _ => {
            Err(out_of_range(position, "precision for type float must be between 1 and 53".into()))
        }
    }
}

fn decimal(cursor: &mut Cursor<'_>) -> Result<SqlType, SqlError> {
    let position = cursor.position();
    let (precision, scale) = match arguments(cursor)?.as_slice() {
        [] => (18, 0),
        [precision] => (*precision, 0),
        [precision, scale] => (*precision, *scale),
        _ => return Err(out_of_range(position, "invalid NUMERIC type modifier".to_owned())),
    };
    let most = i64::from(DECIMAL_PRECISION_MAX);
    if !(1..=most).contains(&precision) {
        let message = format!("NUMERIC precision {precision} must be between 1 and {most}");
        return Err(out_of_range(position, message));
    }
    if !(0..=precision.min(i64::from(DECIMAL_SCALE_MAX))).contains(&scale) {
        let message = format!("NUMERIC scale {scale} must be between 0 and precision {precision}");
        return Err(out_of_range(position, message));
    }
    let precision = u8::try_from(precision).unwrap_or(DECIMAL_PRECISION_MAX);
    Ok(SqlType::Decimal { precision, scale: i8::try_from(scale).unwrap_or(0) })
}

fn character(cursor: &mut Cursor<'_>, name: &str) -> Result<SqlType, SqlError> {
    if matches!(name, "char" | "character") && cursor.take("varying") {
        return varchar(cursor, "varchar");
    }
    // BPCHAR without a length is CHAR(256), every other spelling CHAR(1).
    let default = if name == "bpchar" { 256 } else { 1 };
    let length = length(cursor, "char", CHAR_LENGTH_MAX)?.unwrap_or(default);
    Ok(SqlType::Char { length })
}

fn varchar(cursor: &mut Cursor<'_>, name: &str) -> Result<SqlType, SqlError> {
    // Redshift makes TEXT a VARCHAR(256), whatever is written behind it.
    let length = length(cursor, "varchar", VARCHAR_LENGTH_MAX)?;
    match length {
        Some(length) if name != "text" => Ok(SqlType::Varchar { length }),
        _ => Ok(SqlType::VARCHAR_DEFAULT),
    }
}

fn length(cursor: &mut Cursor<'_>, name: &str, most: u32) -> Result<Option<u32>, SqlError> {
    let mut ahead = cursor.clone();
    if ahead.take_token(&Token::LParen) && ahead.take("max") {
        ahead.expect_token(&Token::RParen)?;
        *cursor = ahead;
        return Ok(Some(most));
    }
    let position = cursor.position();
    match arguments(cursor)?.as_slice() {
        [] => Ok(None),
        [length] => match u32::try_from(*length) {
            Ok(length) if (1..=most).contains(&length) => Ok(Some(length)),
            Ok(_) if *length > 0 => {
                let message = format!("length for type {name} cannot exceed {most}");
                Err(out_of_range(position, message))
            }
            _ => Err(out_of_range(position, format!("length for type {name} must be at least 1"))),
        },
        _ => Err(cursor.unexpected()),
    }
}

fn moment(cursor: &mut Cursor<'_>, name: &str) -> Result<SqlType, SqlError> {
    let start = cursor.clone();
    let with_zone = if cursor.take_all(&["with", "time", "zone"]) {
        true
    } else {
        cursor.take_all(&["without", "time", "zone"]);
        false
    };
    match (name, with_zone) {
        ("time", true) => Err(start.unsupported("data type TIMETZ", "Use TIME or TIMESTAMPTZ.")),
        ("time", false) => Ok(SqlType::Time),
        ("timestamptz", _) | (_, true) => Ok(SqlType::TimestampTz),
        _ => Ok(SqlType::Timestamp),
    }
}
