//! From the columns a statement gives to whole rows of a table: what INSERT and COPY share. And from the
//! addresses of rows to delete vectors: what DELETE, UPDATE and MERGE share.
//!
//! ```text
//!  batch of given columns ─▶ defaults, IDENTITY ─▶ NOT NULL, lengths in bytes ─▶ batch of the table
//!  row addresses ─▶ rows to delete, each once ─▶ conflicts? ─▶ delete vectors
//! ```

mod assembler;
mod deletes;

pub use assembler::{ColumnSource, RowAssembler, WriteError};
pub use deletes::{DeletedRows, TableVersions, delete_all, delete_rows};
