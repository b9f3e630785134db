//! The bytes of a commit record, a checkpoint and `cluster.json`.
//!
//! ```text
//!  blueshift-commit 2 5f2d9a0c33b1e7d4\n      kind, format version, xxh3 of what follows
//!  {"seq":42,"writer":"…","transactions":[…]}  JSON: readable by a person with a broken cluster
//! ```

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    catalog::CatalogChange,
    ids::{CommitSeq, Xid},
    transaction::TransactionError,
};

/// The version of all three formats. Version 2 has the rows of small runs in records and checkpoints, version 3 has
/// databases.
const FORMAT_VERSION: u32 = 3;
/// The oldest version that is still read.
const FORMAT_VERSION_MIN: u32 = 1;

/// What kind of object a text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Commit,
    Checkpoint,
    Cluster,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Commit => "blueshift-commit",
            Self::Checkpoint => "blueshift-checkpoint",
            Self::Cluster => "blueshift-cluster",
        }
    }
}

/// One object of the log: a group of transactions that became durable together.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CommitRecord {
    pub(super) seq: CommitSeq,
    /// Who wrote it: random per process, so that a leader knows its own record again after a lost
    /// reply.
    pub(super) writer: String,
    pub(super) transactions: Vec<CommittedTransaction>,
}

/// One transaction of a record.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CommittedTransaction {
    pub(super) xid: Xid,
    pub(super) changes: Vec<CatalogChange>,
}

/// `cluster.json`: what never changes about a cluster.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cluster {
    pub(super) cluster_id: String,
    pub(super) slice_count: u32,
    /// Which version of the distribution hash placed the rows.
    pub(super) dist_hash_version: u32,
}

/// Returns the object's bytes.
pub(super) fn encode<T: Serialize>(kind: Kind, value: &T) -> Result<Bytes, TransactionError> {
    let body = serde_json::to_vec(value).map_err(|error| damaged(kind.name(), &error))?;
    let mut bytes =
        format!("{} {FORMAT_VERSION} {:016x}\n", kind.name(), xxh3_64(&body)).into_bytes();
    bytes.extend(body);
    Ok(bytes.into())
}

/// Returns what the bytes say, after checking that they are whole.
pub(super) fn decode<T: DeserializeOwned>(
    kind: Kind,
    path: &str,
    bytes: &[u8],
) -> Result<T, TransactionError> {
    let newline = bytes.iter().position(|byte| *byte == b'\n');
    let newline = newline.ok_or_else(|| damaged(path, "it has no header line"))?;
    let (header, body) = (&bytes[..newline], &bytes[newline + 1..]);
    let header = std::str::from_utf8(header).map_err(|error| damaged(path, error))?;
    let mut words = header.split(' ');
    if words.next() != Some(kind.name()) {
        return Err(damaged(path, "its first word is not what its name says"));
    }
    let version = words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
    if !(FORMAT_VERSION_MIN..=FORMAT_VERSION).contains(&version) {
        let path = path.to_owned();
        return Err(TransactionError::FormatVersion { path, version, known: FORMAT_VERSION });
    }
    let checksum = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
    if checksum != Some(xxh3_64(body)) {
        return Err(damaged(path, "its checksum does not match its content"));
    }
    serde_json::from_slice(body).map_err(|error| damaged(path, error))
}

fn damaged(path: &str, reason: impl ToString) -> TransactionError {
    TransactionError::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_found() {
        let cluster = Cluster { cluster_id: "c".to_owned(), slice_count: 2, dist_hash_version: 1 };
        let bytes = encode(Kind::Cluster, &cluster).unwrap();
        assert_eq!(decode::<Cluster>(Kind::Cluster, "p", &bytes).unwrap().slice_count, 2);
        for position in 0..bytes.len() {
            let mut broken = bytes.to_vec();
            broken[position] ^= 1;
            // A version may become an older one, which says the same.
            let is_harmless = decode::<Cluster>(Kind::Cluster, "p", &broken)
                .is_ok_and(|read| (read.cluster_id.as_str(), read.slice_count) == ("c", 2));
            let is_version = broken.starts_with(b"blueshift") && position < 24;
            assert!(
                decode::<Cluster>(Kind::Cluster, "p", &broken).is_err()
                    || (is_harmless && is_version),
                "byte {position}"
            );
        }
    }

    #[test]
    fn a_cut_record_is_found() {
        let record = CommitRecord { seq: CommitSeq(7), writer: "w".into(), transactions: vec![] };
        let bytes = encode(Kind::Commit, &record).unwrap();
        for length in 0..bytes.len() {
            assert!(decode::<CommitRecord>(Kind::Commit, "p", &bytes[..length]).is_err());
        }
    }
}
