//! A column's type as `information_schema.columns` takes it apart.

use crate::{
    system::{column::ColumnType, pg_types},
    types::SqlType,
};

/// The parts of a type.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnShape {
    pub(crate) data_type: String,
    /// `udt_name`
    pub(crate) type_name: Option<&'static str>,
    pub(crate) character_length: Option<u32>,
    pub(crate) numeric_precision: Option<u8>,
    pub(crate) numeric_radix: Option<u8>,
    pub(crate) numeric_scale: Option<i32>,
    pub(crate) datetime_precision: Option<u8>,
}

/// Returns the parts of a type.
pub(crate) fn of(column_type: ColumnType) -> ColumnShape {
    let type_name = pg_types::by_oid(i64::from(column_type.oid())).map(|pg_type| pg_type.name);
    let ColumnType::One(sql_type) = column_type else {
        return ColumnShape { data_type: "ARRAY".to_owned(), type_name, ..ColumnShape::default() };
    };
    let data_type = match sql_type {
        SqlType::Decimal { .. } => "numeric".to_owned(),
        SqlType::Char { .. } => "character".to_owned(),
        SqlType::Varchar { .. } => "character varying".to_owned(),
        sql_type => sql_type.to_string(),
    };
    let (numeric_precision, numeric_radix, numeric_scale) = match sql_type {
        SqlType::SmallInt => (Some(16), Some(2), Some(0)),
        SqlType::Integer => (Some(32), Some(2), Some(0)),
        SqlType::BigInt => (Some(64), Some(2), Some(0)),
        SqlType::Real => (Some(24), Some(2), None),
        SqlType::DoublePrecision => (Some(53), Some(2), None),
        SqlType::Decimal { precision, scale } => (Some(precision), Some(10), Some(scale.into())),
        _ => (None, None, None),
    };
    let character_length = match sql_type {
        SqlType::Char { length } | SqlType::Varchar { length } => Some(length),
        _ => None,
    };
    let datetime_precision =
        matches!(sql_type, SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz).then_some(6);
    ColumnShape {
        data_type,
        type_name,
        character_length,
        numeric_precision,
        numeric_radix,
        numeric_scale,
        datetime_precision,
    }
}
