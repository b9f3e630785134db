//! COPY … FROM …: text → [`CopyStatement`], its parameters in the order written.
//!
//! Parameters come in any order and `AS` is optional everywhere. Whether they fit together is
//! decided by `copy::CopyOptions::check`; here each is read on its own. What Redshift knows and
//! Blueshift does not yet is refused by name.

mod literal;
mod parameter;
mod parser;

pub use parameter::{CopyParameter, FileFormat, ParameterKind, Secret};

use sqlparser::parser::Parser;

use crate::sql::{QualifiedName, SqlError};

/// COPY table [(columns)] FROM 'source' parameters.
#[derive(Debug, Clone)]
pub struct CopyStatement {
    /// The target.
    pub table: QualifiedName,
    /// The columns named, in order; empty for all.
    pub columns: Vec<String>,
    /// `s3://bucket/prefix`.
    pub source: String,
    /// Where the source is written: characters, from 1.
    pub source_position: Option<usize>,
    /// The parameters, in the order written.
    pub parameters: Vec<CopyParameter>,
}

/// Parses what follows the keyword COPY, up to the semicolon or the end.
pub fn parse(parser: &mut Parser<'_>) -> Result<CopyStatement, SqlError> {
    parser::CopyParser { parser }.statement()
}

#[cfg(test)]
mod tests;
