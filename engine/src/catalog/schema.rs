//! A SQL schema: a name space of tables and views.

use serde::{Deserialize, Serialize};

use crate::{
    catalog::PUBLIC_SCHEMA,
    ids::{SchemaId, UserId},
};

/// A schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Its id and OID.
    pub id: SchemaId,
    /// Its name, lower case.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
}

/// The superuser's id: `usesysid` of `awsuser`, as in Redshift.
pub const SUPERUSER: UserId = UserId(100);

impl Schema {
    /// Returns the schema every database starts with.
    pub(crate) fn public() -> Self {
        Self { id: PUBLIC_SCHEMA, name: "public".to_owned(), owner: SUPERUSER }
    }
}
