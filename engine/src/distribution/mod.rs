//! Which slice owns a row.
//!
//! ```text
//!  row ─▶ DISTSTYLE ─┬─ EVEN: the next slice in turn
//!                    ├─ KEY:  xxh3(canonical DISTKEY value) % slices   (NULL: a fixed slice)
//!                    ├─ ALL:  one copy, kept on slice 0, readable by every node
//!                    └─ AUTO: behaves as ALL while small, then as KEY or EVEN
//! ```

mod style;

pub use style::{AutoStyle, DistStyle};
