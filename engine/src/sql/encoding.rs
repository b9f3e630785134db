//! ENCODE: the names, and the types each is for.

use crate::{
    sql::{SqlError, table_attributes::contradiction},
    types::SqlType,
};

/// Checks an encoding of a column, as Redshift's table of compression encodings has it.
pub(super) fn check(
    name: &str,
    sql_type: SqlType,
    column: &str,
    position: usize,
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
            return Err(SqlError::syntax(message, Some(position)).with_hint(
                "ENCODE is RAW, AZ64, BYTEDICT, DELTA, DELTA32K, LZO, MOSTLY8, MOSTLY16, MOSTLY32, \
                 RUNLENGTH, TEXT255, TEXT32K or ZSTD.",
            ));
        }
    };
    if fits {
        return Ok(());
    }
    let message = format!("invalid encoding type specified for column \"{column}\"");
    Err(contradiction(&message, position).with_hint(format!(
        "{} is not for {sql_type}; leave ENCODE out to have it chosen.",
        name.to_uppercase()
    )))
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
