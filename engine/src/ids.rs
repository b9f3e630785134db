//! Identifiers, one type each, so that a slice is never passed where a table is meant.
//!
//! Table, schema and user ids double as the object ids (OIDs) that `pg_class` and its kin show.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::chance::random_name;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A table or view; its OID.
    TableId(u32)
);
id!(
    /// A database; its OID.
    DatabaseId(u32)
);
id!(
    /// A SQL schema; its OID.
    SchemaId(u32)
);
id!(
    /// A column within its table: `attnum`, from 1, never used twice.
    ColumnId(u16)
);
id!(
    /// A slice of the cluster, from 0.
    SliceId(u32)
);
id!(
    /// A database user; the superuser is 100, as in Redshift.
    UserId(u32)
);
id!(
    /// A transaction.
    Xid(u64)
);
id!(
    /// A statement as the system tables number it.
    QueryId(u64)
);
id!(
    /// The process id a client sees: one per connection.
    Pid(i32)
);
id!(
    /// A position in the commit log; also the version of the catalogue after that commit.
    CommitSeq(u64)
);

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Random, so that a writer that was killed can never collide with the one that follows it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl $name {
            /// Returns a new id from the process's random source.
            pub fn random() -> Self {
                Self(random_name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u128::from_str_radix(text, 16).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

random_id!(
    /// One immutable run of a table.
    RunId
);
random_id!(
    /// One delete vector of a run.
    DeleteVectorId
);

/// What one statement writes, or one merge: the names of the runs that compute nodes write begin with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WriteId(u64);

impl WriteId {
    /// Returns a new id from the process's random source.
    pub fn random() -> Self {
        RunId::random().write()
    }
}

impl RunId {
    /// Returns a new id of a run that belongs to a write, if there is one.
    pub fn random_of(write: Option<WriteId>) -> Self {
        let write = write.unwrap_or_else(WriteId::random);
        Self((u128::from(write.0) << 64) | u128::from(WriteId::random().0))
    }

    /// Returns the write that the run belongs to, if it belongs to one.
    pub fn write(self) -> WriteId {
        WriteId((self.0 >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_write_are_told_from_others() {
        let (write, other) = (WriteId::random(), WriteId::random());
        let (run, next) = (RunId::random_of(Some(write)), RunId::random_of(Some(write)));
        assert_eq!((run.write(), next.write()), (write, write));
        assert_ne!(run, next);
        assert_ne!(RunId::random_of(Some(other)).write(), write);
        assert_eq!(run.to_string().parse(), Ok(run));
    }
}
