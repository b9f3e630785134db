//! Which slice owns a row.
//!
//! ```text
//!  row ─▶ DISTSTYLE ─┬─ EVEN: the next slice in turn
//!                    ├─ KEY:  xxh3(canonical DISTKEY value) % slices   (NULL: a fixed slice)
//!                    ├─ ALL:  one copy, kept on slice 0, readable by every node
//!                    └─ AUTO: behaves as ALL while small, then as KEY or EVEN
//! ```

mod error;
mod hash;
mod route;
mod style;

pub use error::DistributionError;
pub use hash::{
    HASH_VERSION, NULL_HASH, hash_array, hash_decimal, hash_float, hash_integer, hash_text,
};
pub use route::{RowDistribution, SliceRouter, slice_of_hash};
pub use style::{AutoStyle, DistStyle};
