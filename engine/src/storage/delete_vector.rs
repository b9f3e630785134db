//! A delete vector: the positions of rows of one run that are deleted.
//!
//! ```text
//!  blueshift-delete-vector 1 5f2d9a0c33b1e7d4\n     kind, format version, xxh3 of what follows
//!  roaring bitmap, 64 bit, portable serialisation
//! ```
//!
//! An object like any other: written once, never changed. A later delete in the same run writes a new
//! one, which as a rule takes the rows of the old one over.

use std::ops::Range;

use bytes::Bytes;
use roaring::RoaringTreemap;
use xxhash_rust::xxh3::xxh3_64;

/// The first words of the object: kind and format version.
const HEADER: &str = "blueshift-delete-vector 1 ";

/// Positions of rows of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeleteVector {
    rows: RoaringTreemap,
}

impl DeleteVector {
    /// Returns whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the number of rows.
    pub fn row_count(&self) -> u64 {
        self.rows.len()
    }

    /// Returns how many of these rows are in it.
    pub fn row_count_in(&self, rows: Range<u64>) -> u64 {
        self.rows.range_cardinality(rows)
    }

    /// Takes all rows of another vector out.
    pub fn remove(&mut self, other: &Self) {
        self.rows -= &other.rows;
    }

    /// Adds a row; returns whether it was not there.
    pub fn insert(&mut self, position: u64) -> bool {
        self.rows.insert(position)
    }

    /// Adds all rows of another vector.
    pub fn extend(&mut self, other: &Self) {
        self.rows |= &other.rows;
    }

    /// Returns whether the two have a row in common.
    pub fn intersects(&self, other: &Self) -> bool {
        !self.rows.is_disjoint(&other.rows)
    }

    /// Returns the rows as a bitmap.
    pub(crate) fn rows(&self) -> &RoaringTreemap {
        &self.rows
    }

    /// Returns the object's bytes.
    pub(crate) fn encode(&self) -> Bytes {
        let mut body = Vec::with_capacity(self.rows.serialized_size());
        // Writing into memory cannot fail; if it did, the checksum would not.
        if let Err(error) = self.rows.serialize_into(&mut body) {
            tracing::error!(%error, "a delete vector could not be serialised");
        }
        let mut bytes = format!("{HEADER}{:016x}\n", xxh3_64(&body)).into_bytes();
        bytes.extend(body);
        bytes.into()
    }

    /// Returns what [`DeleteVector::encode`] wrote, or what is wrong with the bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let rest = bytes.strip_prefix(HEADER.as_bytes()).ok_or("it is no delete vector")?;
        let newline = rest.iter().position(|byte| *byte == b'\n').ok_or("it has no header line")?;
        let (checksum, body) = (&rest[..newline], &rest[newline + 1..]);
        let checksum = std::str::from_utf8(checksum).ok();
        let checksum = checksum.and_then(|text| u64::from_str_radix(text, 16).ok());
        if checksum != Some(xxh3_64(body)) {
            return Err("its checksum does not match its content");
        }
        let rows = RoaringTreemap::deserialize_from(body).map_err(|_| "it is no roaring bitmap")?;
        Ok(Self { rows })
    }
}

impl FromIterator<u64> for DeleteVector {
    fn from_iter<I: IntoIterator<Item = u64>>(positions: I) -> Self {
        Self { rows: positions.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for rows in [vec![], vec![0], vec![1, 2, 3, 8_191, 8_192, u64::from(u32::MAX) + 7]] {
            let vector: DeleteVector = rows.iter().copied().collect();
            assert_eq!(DeleteVector::decode(&vector.encode()), Ok(vector));
        }
        let whole: DeleteVector = (0..1_000_000).collect();
        assert!(whole.encode().len() < 200_000);
        assert_eq!(DeleteVector::decode(&whole.encode()).unwrap().row_count(), 1_000_000);
    }

    #[test]
    fn a_flipped_bit_and_a_cut_object_are_found() {
        let bytes = (0..100).map(|n| n * 7).collect::<DeleteVector>().encode();
        for position in 0..bytes.len() {
            let mut broken = bytes.to_vec();
            broken[position] ^= 1;
            assert!(DeleteVector::decode(&broken).is_err(), "byte {position}");
            assert!(DeleteVector::decode(&bytes[..position]).is_err(), "length {position}");
        }
    }

    #[test]
    fn vectors_are_united_and_compared() {
        let mut first: DeleteVector = [1, 5].into_iter().collect();
        let second: DeleteVector = [5, 9].into_iter().collect();
        assert!(first.intersects(&second));
        first.extend(&second);
        assert_eq!(first, [1, 5, 9].into_iter().collect());
        assert_eq!((first.row_count_in(0..5), first.row_count_in(5..10)), (1, 2));
        assert!(!first.insert(9) && first.insert(10));
        assert!(!first.intersects(&[2].into_iter().collect()));
    }
}
