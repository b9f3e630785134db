//! A node that owns slices and runs pieces of plans.

pub mod load;
pub mod vacuum;
