//! COPY … FROM …: [`CopyStatement`].

use crate::sql::QualifiedName;

/// COPY table [(columns)] FROM 'source' options.
#[derive(Debug, Clone)]
pub struct CopyStatement {
    /// The target.
    pub table: QualifiedName,
    /// The columns named, in order; empty for all.
    pub columns: Vec<String>,
    /// `s3://bucket/prefix`.
    pub source: String,
}
