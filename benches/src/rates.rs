//! Rates: criterion's throughput of one routine, in rows and in bytes.

use criterion::{Bencher, Criterion, Throughput};

/// What a routine works through each time.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Measures a routine twice: as `name/rows` for rows per second, as `name/bytes` for bytes per second.
/// Criterion knows one throughput for each.
pub fn measure(
    criterion: &mut Criterion,
    name: &str,
    amount: Amount,
    routine: impl Fn(&mut Bencher<'_>),
) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.throughput(Throughput::Elements(amount.rows)).bench_function("rows", &routine);
    group.throughput(Throughput::Bytes(amount.bytes)).bench_function("bytes", &routine);
    group.finish();
}
