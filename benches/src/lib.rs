//! What the benchmarks share: servers to measure, and reports to compare.

pub mod report;
pub mod server;
