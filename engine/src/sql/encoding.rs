//! ENCODE: the names, and the types each is for.

use crate::{client_error::SqlState, sql::SqlError, types::SqlType};

/// Checks an encoding of a column, as Redshift's table of compression encodings has it.
pub fn check(
    name: &str,
    sql_type: SqlType,
    column: &str,
    position: Option<usize>,
) -> Result<(), SqlError> {
    let fits = match name {
        "raw" | "none" | "zstd" => true,
        "bytedict" | "runlength" => sql_type != SqlType::Boolean || name == "runlength",
        "az64" => is_integer(sql_type) || is_decimal(sql_type) || is_temporal(sql_type),
        "delta" => is_integer(sql_type) || is_decimal(sql_type) || is_delta_time(sql_type),
        "delta32k" => {
            (is_integer(sql_type) && sql_type != SqlType::SmallInt)
                || is_decimal(sql_type)
                || is_delta_time(sql_type)
        }
        "lzo" => !matches!(sql_type, SqlType::Boolean | SqlType::Real | SqlType::DoublePrecision),
        "mostly8" => is_integer(sql_type) || is_decimal(sql_type),
        "mostly16" => {
            (is_integer(sql_type) && sql_type != SqlType::SmallInt) || is_decimal(sql_type)
        }
        "mostly32" => sql_type == SqlType::BigInt || is_decimal(sql_type),
        "text255" | "text32k" => matches!(sql_type, SqlType::Varchar { .. }),
        _ => {
            let message = format!("encoding \"{name}\" is not known");
            return Err(SqlError::syntax(message, position).with_hint(
                "ENCODE is RAW, AZ64, BYTEDICT, DELTA, DELTA32K, LZO, MOSTLY8, MOSTLY16, MOSTLY32, \
                 RUNLENGTH, TEXT255, TEXT32K or ZSTD.",
            ));
        }
    };
    if fits {
        return Ok(());
    }
    let message = format!("invalid encoding type specified for column \"{column}\"");
    let hint = format!(
        "{} is not for {sql_type}; leave ENCODE out to have it chosen.",
        name.to_uppercase()
    );
    let sqlstate = SqlState::INVALID_TABLE_DEFINITION;
    Err(SqlError { sqlstate, message, hint: Some(hint), position })
}

fn is_integer(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::SmallInt | SqlType::Integer | SqlType::BigInt)
}

fn is_decimal(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Decimal { .. })
}

fn is_delta_time(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Date | SqlType::Timestamp | SqlType::TimestampTz)
}

fn is_temporal(sql_type: SqlType) -> bool {
    is_delta_time(sql_type) || sql_type == SqlType::Time
}
