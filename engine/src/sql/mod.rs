//! Text → typed statements. Depends on sqlparser only.

mod column_definition;
pub mod copy;
mod create;
mod create_table;
mod cursor;
mod data_type;
mod dialect;
mod drop;
mod error;
mod insert;
mod normalise;
mod parse;
pub mod redact;
mod script;
mod set;
mod statement;
mod table_attributes;
mod values_query;

pub use error::SqlError;
pub use parse::{parse, parse_expression, parse_query};
pub use statement::{
    ColumnDefinition, Constraint, ConstraintKind, CreateSchema, CreateTable, CreateTableAs,
    CreateView, DistStyleName, Drop, DropKind, Explain, IdentityClause, Insert, InsertSource,
    LikeClause, ParsedStatement, QualifiedName, Set, SortKeyClause, Statement, TableAttributes,
};
pub use values_query::values_query;
