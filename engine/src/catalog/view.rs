//! A view: a query with a name.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ColumnId, SchemaId, TableId, UserId},
    types::SqlType,
};

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Its id and OID.
    pub id: TableId,
    /// The schema it is in.
    pub schema: SchemaId,
    /// Its name, lower case.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
    /// The query, as written.
    pub definition: String,
    /// The search path the query was written under; names in it are looked up there.
    pub search_path: Vec<String>,
    /// Its columns; a late-binding view has none until it is queried.
    pub columns: Vec<ViewColumn>,
    /// The tables and views it stands on; empty for a late-binding view.
    pub depends_on: Vec<TableId>,
    /// What names of the definition mean that are no longer those of what it stands on.
    #[serde(default)]
    pub former_names: Vec<FormerName>,
    /// The columns of the tables it stands on, as they were when it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_of: Vec<FormerColumns>,
    /// WITH NO SCHEMA BINDING.
    pub late_binding: bool,
}

/// The name that a table or view had when a view was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerName {
    /// The schema it is in.
    pub schema: SchemaId,
    /// The name.
    pub name: String,
    /// The table or view.
    pub relation: TableId,
}

/// The columns that a table had when a view was made of it: what `*` and names of columns mean in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerColumns {
    /// The table.
    pub table: TableId,
    /// Its columns in order, by the names they had.
    pub columns: Vec<(ColumnId, String)>,
}

/// A column of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub sql_type: SqlType,
}
