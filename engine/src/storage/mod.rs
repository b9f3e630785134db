//! Tables on an object store.
//!
//! ```text
//!  table ─▶ slice ─▶ run (one immutable object, sorted, all columns) ─▶ blocks with a zone map each
//! ```

pub mod run;
