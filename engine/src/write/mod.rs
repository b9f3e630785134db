//! From the columns a statement gives to whole rows of a table: what INSERT and COPY share.
//!
//! ```text
//!  batch of given columns ─▶ defaults, IDENTITY ─▶ NOT NULL, lengths in bytes ─▶ batch of the table
//! ```

mod assembler;

pub use assembler::{ColumnSource, RowAssembler, WriteError};
