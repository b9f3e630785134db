//! What the benchmarks share: servers to measure, and reports to compare.

pub mod rates;
pub mod report;
pub mod server;
pub mod warehouse;
