//! Estimates how many different values a column has (HyperLogLog, 4096 registers, error ±1.6 %).
//! Few values are counted: a run of one row needs no registers.

use std::collections::HashSet;

use arrow::array::Array;

use crate::distribution::{DistributionError, hash_array};

/// Bits of a hash that choose the register.
const REGISTER_BITS: u32 = 12;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// So many values are told apart by their hashes.
const FEW_MAX: usize = 64;

/// What was seen of one column.
#[derive(Debug, Clone, Default)]
pub struct DistinctEstimator {
    /// Hashes, while there are few.
    few: HashSet<u64>,
    /// Empty until there are more. Per register: the longest run of leading zeros, plus one.
    registers: Vec<u8>,
}

impl DistinctEstimator {
    /// Adds all values of an array but NULL.
    pub fn add_array(&mut self, array: &dyn Array) -> Result<(), DistributionError> {
        let hashes = hash_array(array)?.into_iter();
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => hashes.for_each(|hash| self.add(hash)),
            Some(nulls) => {
                let values = hashes.zip(nulls).filter(|(_, valid)| *valid);
                values.for_each(|(hash, _)| self.add(hash));
            }
        }
        Ok(())
    }

    /// Adds what another one has seen.
    pub fn merge(&mut self, other: &Self) {
        other.few.iter().for_each(|hash| self.add(*hash));
        if !other.registers.is_empty() {
            self.spread();
        }
        for (rank, other) in self.registers.iter_mut().zip(&other.registers) {
            *rank = (*rank).max(*other);
        }
    }

    /// Adds a value by its hash.
    fn add(&mut self, hash: u64) {
        if !self.registers.is_empty() {
            self.note(hash);
        } else if self.few.insert(hash) && self.few.len() > FEW_MAX {
            self.spread();
        }
    }

    /// Goes over from values to registers.
    fn spread(&mut self) {
        self.registers.resize(REGISTERS, 0);
        std::mem::take(&mut self.few).into_iter().for_each(|hash| self.note(hash));
    }

    fn note(&mut self, hash: u64) {
        let register = usize::try_from(hash >> (64 - REGISTER_BITS)).unwrap_or(0);
        // The bit set below the register's bounds the count.
        let rest = (hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1));
        let rank = u8::try_from(rest.leading_zeros() + 1).unwrap_or(u8::MAX);
        if self.registers[register] < rank {
            self.registers[register] = rank;
        }
    }

    /// Returns the estimate.
    pub fn estimate(&self) -> u64 {
        if self.registers.is_empty() {
            return self.few.len() as u64;
        }
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
            let mut distinct = DistinctEstimator::default();
            for value in (0..i64::from(count)).chain(0..i64::from(count / 2)) {
                distinct.add(hash_integer(value));
            }
            let error = (distinct.estimate() as f64 - f64::from(count)).abs();
            assert!(error <= f64::from(count) * 0.06, "{count}: {}", distinct.estimate());
        }
    }

    #[test]
    fn estimators_together_have_seen_what_each_has() {
        let seen = |values: std::ops::Range<i64>| {
            let mut distinct = DistinctEstimator::default();
            distinct.add_array(&arrow::array::Int64Array::from_iter_values(values)).unwrap();
            distinct
        };
        let mut both = seen(0..600);
        both.merge(&seen(400..1_000));
        assert_eq!(both.estimate(), seen(0..1_000).estimate());
    }
}
