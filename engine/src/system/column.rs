//! Columns of system tables: a name and a type.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use crate::types::SqlType;

/// The type of a system table's column. Arrays exist only here: Redshift's catalogue has them,
/// its user tables do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    /// A scalar.
    One(SqlType),
    /// An array.
    Array(SqlType),
}

/// A column of a system table. All are nullable: nothing is gained by promising more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemColumn {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its type.
    pub(crate) column_type: ColumnType,
}

impl ColumnType {
    /// Returns the Arrow type of values.
    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::One(sql_type) => sql_type.arrow(),
            Self::Array(sql_type) => {
                DataType::List(Arc::new(Field::new_list_field(sql_type.arrow(), true)))
            }
        }
    }

    /// Returns a nullable field of this type.
    pub(crate) fn field(self, name: &str) -> Field {
        match self {
            Self::One(sql_type) => sql_type.field(name, true),
            Self::Array(_) => Field::new(name, self.arrow(), true),
        }
    }

    /// Returns the OID of the type; that of the array type for an array.
    pub(crate) fn oid(self) -> u32 {
        match self {
            Self::One(sql_type) => sql_type.oid(),
            Self::Array(SqlType::SmallInt) => 1005,
            Self::Array(SqlType::Real) => 1021,
            Self::Array(SqlType::Oid) => 1028,
            Self::Array(SqlType::Name) => 1003,
            Self::Array(_) => 1009,
        }
    }

    /// Returns `attlen`.
    pub(crate) fn typlen(self) -> i16 {
        match self {
            Self::One(sql_type) => sql_type.typlen(),
            Self::Array(_) => -1,
        }
    }

    /// Returns `atttypmod`.
    pub(crate) fn typmod(self) -> i32 {
        match self {
            Self::One(sql_type) => sql_type.typmod(),
            Self::Array(_) => -1,
        }
    }

    /// Returns the name `format_type` prints.
    pub(crate) fn display(self) -> String {
        match self {
            Self::One(sql_type) => sql_type.to_string(),
            Self::Array(SqlType::Varchar { .. }) => "text[]".to_owned(),
            Self::Array(sql_type) => format!("{sql_type}[]"),
        }
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident = $type:expr;)+) => {
        $($(#[$doc])*
        pub(crate) const fn $name(name: &'static str) -> SystemColumn {
            SystemColumn { name, column_type: $type }
        })+
    };
}

constructors! {
    /// OID
    oid = ColumnType::One(SqlType::Oid);
    /// NAME
    name = ColumnType::One(SqlType::Name);
    /// `"char"` in PostgreSQL: one letter
    letter = ColumnType::One(SqlType::Char { length: 1 });
    /// TEXT of PostgreSQL's catalogue
    text = ColumnType::One(SqlType::Varchar { length: 65_535 });
    /// BOOLEAN
    boolean = ColumnType::One(SqlType::Boolean);
    /// SMALLINT
    smallint = ColumnType::One(SqlType::SmallInt);
    /// INTEGER
    integer = ColumnType::One(SqlType::Integer);
    /// BIGINT
    bigint = ColumnType::One(SqlType::BigInt);
    /// REAL
    real = ColumnType::One(SqlType::Real);
    /// DOUBLE PRECISION
    double = ColumnType::One(SqlType::DoublePrecision);
    /// TIMESTAMP
    timestamp = ColumnType::One(SqlType::Timestamp);
    /// TIMESTAMPTZ
    timestamptz = ColumnType::One(SqlType::TimestampTz);
    /// REAL[]
    reals = ColumnType::Array(SqlType::Real);
    /// OID[]
    oids = ColumnType::Array(SqlType::Oid);
    /// SMALLINT[]
    smallints = ColumnType::Array(SqlType::SmallInt);
    /// TEXT[]
    texts = ColumnType::Array(SqlType::Varchar { length: 65_535 });
}

/// CHAR(length)
pub(crate) const fn char(name: &'static str, length: u32) -> SystemColumn {
    SystemColumn { name, column_type: ColumnType::One(SqlType::Char { length }) }
}

/// VARCHAR(length)
pub(crate) const fn varchar(name: &'static str, length: u32) -> SystemColumn {
    SystemColumn { name, column_type: ColumnType::One(SqlType::Varchar { length }) }
}

/// DECIMAL(precision, scale); rows give it unscaled.
pub(crate) const fn decimal(name: &'static str, precision: u8, scale: i8) -> SystemColumn {
    SystemColumn { name, column_type: ColumnType::One(SqlType::Decimal { precision, scale }) }
}
