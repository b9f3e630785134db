//! Text → typed statements. Depends on sqlparser only.
//!
//! ```text
//! query string ─tokens─▶ folded tokens ─split at `;`─▶ statement tokens ─┬─▶ a parser of ours (one file per statement)
//!                                                                        └─▶ sqlparser, for queries and expressions ─rewrite─▶ AST
//! ```
//!
//! Invariants:
//!
//! * Identifiers are lower case in everything that leaves this module, quoted ones too: Redshift folds
//!   both. A quoted one keeps its quotes in the AST, so that a reserved word or an odd character stays a name.
//! * An error's position counts characters of the whole query string, from 1.

mod alter_database;
mod alter_table;
mod analyze;
mod analyze_compression;
mod cancel;
mod column_definition;
mod constraint;
pub mod copy;
mod create_database;
mod create_schema;
mod create_table;
mod create_table_as;
mod create_view;
mod cursor;
mod data_type;
mod delete;
mod depth;
mod dialect;
mod drop;
mod encoding;
mod error;
mod explain;
mod insert;
mod lock;
mod merge;
mod parse;
mod query;
pub mod redact;
mod reserved;
mod rewrite;
mod row_change;
mod session;
mod set;
mod show;
mod source;
mod statement;
mod syntax_error;
mod table_attributes;
mod target;
mod tokens;
mod transaction;
mod truncate;
mod unsupported;
mod update;
mod vacuum;
mod values_query;

pub use alter_table::{AlterAction, AlterTable};
pub use analyze::Analyze;
pub use analyze_compression::AnalyzeCompression;
pub use encoding::check as check_encoding;
pub use error::SqlError;
pub use parse::{parse, parse_expression, parse_query};
pub(crate) use reserved::needs_quotes;
pub(crate) use rewrite::call;
pub use row_change::{
    Assignment, Delete, Insert, InsertSource, Merge, MergeAction, MergeInsert, MergeMatched,
    Target, Update,
};
pub use statement::{
    AlterDatabase, AlterDatabaseAction, Cancel, ColumnDefinition, Constraint, ConstraintKind,
    CreateDatabase, CreateSchema, CreateTable, CreateTableAs, CreateView, DistStyleName, Drop,
    DropKind, Explain, ExplainFormat, IdentityClause, LikeClause, ParsedStatement, QualifiedName,
    Set, SortKeyClause, Statement, TableAttributes, TransactionModes, Vacuum, VacuumKind,
};
pub use values_query::values_query;

#[cfg(test)]
mod tests;
