//! Estimates how many different values a column has (HyperLogLog, 4096 registers, error ±1.6 %).

/// Bits of a hash that choose the register.
const REGISTER_BITS: u32 = 12;
const REGISTERS: usize = 1 << REGISTER_BITS;

/// What was seen of one column.
#[derive(Debug, Clone)]
pub(crate) struct DistinctEstimator {
    /// Per register: the longest run of leading zeros, plus one.
    registers: Vec<u8>,
}

impl DistinctEstimator {
    pub(crate) fn new() -> Self {
        Self { registers: vec![0; REGISTERS] }
    }

    /// Adds a value by its hash.
    pub(crate) fn add(&mut self, hash: u64) {
        let register = usize::try_from(hash >> (64 - REGISTER_BITS)).unwrap_or(0);
        // The bit set below the register's bounds the count.
        let rest = (hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1));
        let rank = u8::try_from(rest.leading_zeros() + 1).unwrap_or(u8::MAX);
        if self.registers[register] < rank {
            self.registers[register] = rank;
        }
    }

    /// Returns the estimate.
    pub(crate) fn estimate(&self) -> u64 {
        let count = REGISTERS as f64;
        let sum = self.registers.iter().map(|&rank| (-f64::from(rank)).exp2()).sum::<f64>();
        let raw = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
        let empty = self.registers.iter().filter(|&&rank| rank == 0).count();
        let estimate =
            if raw <= 2.5 * count && empty > 0 { count * (count / empty as f64).ln() } else { raw };
        estimate.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::hash_integer;

    #[test]
    fn the_estimate_is_close() {
        for count in [0_u32, 1, 7, 1_000, 20_000, 1_000_000] {
            let mut distinct = DistinctEstimator::new();
            for value in (0..i64::from(count)).chain(0..i64::from(count / 2)) {
                distinct.add(hash_integer(value));
            }
            let error = (distinct.estimate() as f64 - f64::from(count)).abs();
            assert!(error <= f64::from(count) * 0.06, "{count}: {}", distinct.estimate());
        }
    }
}
