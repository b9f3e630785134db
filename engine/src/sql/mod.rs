//! Text → typed statements. Depends on sqlparser only.

pub mod copy;
mod error;
pub mod redact;
mod statement;

pub use error::SqlError;
pub use statement::{
    ColumnDefinition, Constraint, ConstraintKind, CreateSchema, CreateTable, CreateTableAs,
    CreateView, DistStyleName, Drop, DropKind, Explain, IdentityClause, Insert, InsertSource,
    LikeClause, ParsedStatement, QualifiedName, Set, SortKeyClause, Statement, TableAttributes,
};
