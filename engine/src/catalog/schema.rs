//! A SQL schema: a name space of tables and views.

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{FIRST_DATABASE, PUBLIC_SCHEMA},
    ids::{DatabaseId, SchemaId, UserId},
};

/// A schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Its id and OID.
    pub id: SchemaId,
    /// The database it is in; records of roots that had one only do not say.
    #[serde(default = "first_database")]
    pub database: DatabaseId,
    /// Its name, lower case.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
}

fn first_database() -> DatabaseId {
    FIRST_DATABASE
}

/// What every database starts with.
const PUBLIC: &str = "public";

/// The superuser's id: `usesysid` of `awsuser`, as in Redshift.
pub const SUPERUSER: UserId = UserId(100);

impl Schema {
    /// Returns the schema that a database starts with.
    pub fn public(id: SchemaId, database: DatabaseId, owner: UserId) -> Self {
        Self { id, database, name: PUBLIC.to_owned(), owner }
    }

    /// Returns that of the first database.
    pub(crate) fn first() -> Self {
        Self::public(PUBLIC_SCHEMA, FIRST_DATABASE, SUPERUSER)
    }
}
