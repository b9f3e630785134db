//! Redshift's data types and how each is held and sent.
//!
//! | Redshift              | Arrow                              | wire OID | typmod            |
//! |-----------------------|------------------------------------|---------:|-------------------|
//! | BOOLEAN               | Boolean                            |       16 |                   |
//! | SMALLINT              | Int16                              |       21 |                   |
//! | INTEGER               | Int32                              |       23 |                   |
//! | BIGINT                | Int64                              |       20 |                   |
//! | DECIMAL(p, s)         | Decimal128(p, s)                   |     1700 | (p << 16 \| s) + 4 |
//! | REAL                  | Float32                            |      700 |                   |
//! | DOUBLE PRECISION      | Float64                            |      701 |                   |
//! | CHAR(n)               | Utf8View, trailing blanks removed  |     1042 | n + 4             |
//! | VARCHAR(n)            | Utf8View                           |     1043 | n + 4             |
//! | DATE                  | Date32                             |     1082 |                   |
//! | TIME                  | Time64(Microsecond)                |     1083 |                   |
//! | TIMESTAMP             | Timestamp(Microsecond)             |     1114 |                   |
//! | TIMESTAMPTZ           | Timestamp(Microsecond, "UTC")      |     1184 |                   |
//! | OID (catalogue only)  | Int64                              |       26 |                   |
//! | NAME (catalogue only) | Utf8View                           |       19 |                   |
//!
//! Invariants:
//!
//! * A field that comes from a table carries its Redshift type in its metadata ([`SqlType::field`]),
//!   so that a length survives projection and reaches RowDescription.
//! * Lengths of CHAR and VARCHAR count bytes, as in Redshift, not characters.

mod decimal;
mod printed;
mod sql_type;
pub mod text_format;

pub use decimal::Digits;
pub use printed::printed;
pub use sql_type::{
    CHAR_LENGTH_MAX, DECIMAL_PRECISION_MAX, DECIMAL_SCALE_MAX, SQL_TYPE_KEY, SqlType,
    TRAILING_BLANKS_KEY, VARCHAR_LENGTH_MAX,
};
