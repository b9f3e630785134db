//! Estimates how many different values a column has (HyperLogLog, 4096 registers, error ±1.6 %).
//! Few values are counted: a run of one row needs no registers.
//!
//! What the catalogue keeps of it is folded to 1024 registers (±3.3 %), one character each.

use std::collections::{BTreeSet, HashSet};

use arrow::array::Array;
use serde::{Deserialize, Serialize};

use crate::distribution::{DistributionError, hash_array};

/// Bits of a hash that choose the register.
const REGISTER_BITS: u32 = 12;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// Registers that are kept for good.
const KEPT_REGISTERS: usize = 1 << 10;
/// So many values are told apart by their hashes.
const FEW_MAX: usize = 64;

/// The text of a register that has seen nothing: texts of others follow it.
const REGISTER_ZERO: u8 = b'0';

/// What was seen of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct DistinctEstimator {
    /// Hashes, while there are few.
    few: HashSet<u64>,
    /// Empty until there are more; a power of two of them. Per register: the longest run of leading zeros of
    /// the bits after those that choose it, plus one.
    registers: Vec<u8>,
}

/// An estimator as the catalogue keeps it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    few: BTreeSet<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    registers: String,
}

impl From<DistinctEstimator> for Kept {
    fn from(estimator: DistinctEstimator) -> Self {
        let DistinctEstimator { few, registers } = estimator.folded();
        let text = |rank: u8| char::from(REGISTER_ZERO + rank);
        Self {
            few: few.into_iter().collect(),
            registers: registers.into_iter().map(text).collect(),
        }
    }
}

impl TryFrom<Kept> for DistinctEstimator {
    type Error = &'static str;

    fn try_from(kept: Kept) -> Result<Self, Self::Error> {
        let rank = |text: u8| text.checked_sub(REGISTER_ZERO);
        let registers: Option<Vec<u8>> = kept.registers.bytes().map(rank).collect();
        match registers {
            Some(registers) if matches!(registers.len(), 0 | KEPT_REGISTERS) => {
                Ok(Self { few: kept.few.into_iter().collect(), registers })
            }
            _ => Err("these are no registers of distinct values"),
        }
    }
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
        if other.registers.is_empty() {
            return;
        }
        if self.registers.is_empty() {
            self.spread();
        }
        self.fold_to(other.registers.len());
        let mut other = other.clone();
        other.fold_to(self.registers.len());
        for (rank, other) in self.registers.iter_mut().zip(&other.registers) {
            *rank = (*rank).max(*other);
        }
    }

    /// Returns it with as many registers as are kept for good.
    pub fn folded(mut self) -> Self {
        self.fold_to(KEPT_REGISTERS);
        self
    }

    /// Makes registers fewer: the bits that no longer choose one are the first of those that are counted.
    fn fold_to(&mut self, count: usize) {
        while self.registers.len() > count {
            let halved = self.registers.chunks_exact(2).map(|pair| match pair {
                [0, 0] => 0,
                // The bit that chose between the two is 1 in the second: no leading zero.
                [low, 0] => low + 1,
                [0, _] => 1,
                [low, _] => low + 1,
                _ => 0,
            });
            self.registers = halved.collect();
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
        let bits = self.registers.len().trailing_zeros();
        let register = usize::try_from(hash >> (64 - bits)).unwrap_or(0);
        // The bit set below the register's bounds the count.
        let rest = (hash << bits) | (1 << (bits - 1));
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
        let count = self.registers.len() as f64;
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
    fn what_is_kept_goes_on_counting() {
        for count in [20_i64, 5_000, 400_000] {
            let (mut kept, mut folded) =
                (DistinctEstimator::default(), DistinctEstimator::default());
            (0..count).for_each(|value| kept.add(hash_integer(value)));
            folded.spread();
            folded.fold_to(KEPT_REGISTERS);
            (0..count).for_each(|value| folded.add(hash_integer(value)));
            let text = serde_json::to_string(&kept).unwrap();
            assert!(text.len() < 2_000, "{text}");
            kept = serde_json::from_str(&text).unwrap();
            if count > 64 {
                assert_eq!(kept.registers, folded.registers);
            }
            let mut more = DistinctEstimator::default();
            (count / 2..count * 2).for_each(|value| more.add(hash_integer(value)));
            for mut both in [(kept.clone(), more.clone()), (more, kept)] {
                both.0.merge(&both.1);
                let error = (both.0.estimate() as f64 - 2.0 * count as f64).abs();
                assert!(error <= count as f64 * 0.2, "{count}: {}", both.0.estimate());
            }
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
