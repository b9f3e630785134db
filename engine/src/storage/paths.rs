//! The names of all objects in managed storage: built here, parsed here, nowhere else.
//!
//! ```text
//! cluster.json                               identity, format version
//! epoch/<n>                                  which leader may write
//! log/<seq>.commit  log/<seq>.checkpoint     the commit log
//! table/<table>/<slice>/<run>                one run
//! table/<table>/<slice>/<run>.d<id>          a delete vector: rows of the run that are deleted
//! snapshot/<name>                            a cluster snapshot
//! ```
//!
//! Numbers of the log and of epochs have 20 digits, so that a listing is in their order.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ids::{CommitSeq, DeleteVectorId, RunId, SliceId, TableId};

/// The name of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectPath {
    /// The cluster's identity.
    Cluster,
    /// A leader's right to write.
    Epoch(u64),
    /// A group of commits.
    Commit(CommitSeq),
    /// The state after a commit.
    Checkpoint(CommitSeq),
    /// A run.
    Run(RunPath),
    /// Rows of a run that are deleted.
    DeleteVector(RunPath, DeleteVectorId),
    /// A cluster snapshot.
    Snapshot(String),
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunPath {
    /// Its table.
    pub table: TableId,
    /// Its slice.
    pub slice: SliceId,
    /// Its id.
    pub run: RunId,
}

/// A part of the name space that can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectPrefix {
    /// Everything.
    All,
    /// The epochs.
    Epochs,
    /// The commit log.
    Log,
    /// The runs of all tables.
    Tables,
    /// The runs of one table.
    Table(TableId),
    /// The snapshots.
    Snapshots,
}

/// A name that managed storage never writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not the name of an object of managed storage")]
pub struct InvalidObjectPath(pub String);

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster.json"),
            Self::Epoch(epoch) => write!(f, "epoch/{epoch:020}"),
            Self::Commit(seq) => write!(f, "log/{:020}.commit", seq.0),
            Self::Checkpoint(seq) => write!(f, "log/{:020}.checkpoint", seq.0),
            Self::Run(run) => run.fmt(f),
            Self::DeleteVector(run, id) => write!(f, "{run}.d{id}"),
            Self::Snapshot(name) => write!(f, "snapshot/{name}"),
        }
    }
}

impl fmt::Display for RunPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table/{}/{}/{}", self.table, self.slice, self.run)
    }
}

impl fmt::Display for ObjectPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Epochs => f.write_str("epoch"),
            Self::Log => f.write_str("log"),
            Self::Tables => f.write_str("table"),
            Self::Table(table) => write!(f, "table/{table}"),
            Self::Snapshots => f.write_str("snapshot"),
        }
    }
}

impl FromStr for ObjectPath {
    type Err = InvalidObjectPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = parse(text).filter(|path| path.to_string() == text);
        path.ok_or_else(|| InvalidObjectPath(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<ObjectPath> {
    let parts = text.split('/').collect::<Vec<_>>();
    Some(match parts.as_slice() {
        ["cluster.json"] => ObjectPath::Cluster,
        ["epoch", epoch] => ObjectPath::Epoch(epoch.parse().ok()?),
        ["snapshot", name] if !name.is_empty() => ObjectPath::Snapshot((*name).to_owned()),
        ["log", name] => {
            let (seq, kind) = name.split_once('.')?;
            let seq = CommitSeq(seq.parse().ok()?);
            match kind {
                "commit" => ObjectPath::Commit(seq),
                "checkpoint" => ObjectPath::Checkpoint(seq),
                _ => return None,
            }
        }
        ["table", table, slice, name] => {
            let (run, vector) = match name.split_once(".d") {
                Some((run, id)) => (run, Some(id.parse().ok()?)),
                None => (*name, None),
            };
            let run = RunPath {
                table: TableId(table.parse().ok()?),
                slice: SliceId(slice.parse().ok()?),
                run: run.parse().ok()?,
            };
            match vector {
                Some(id) => ObjectPath::DeleteVector(run, id),
                None => ObjectPath::Run(run),
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_parses_as_it_was_built() {
        let run = RunPath { table: TableId(100_123), slice: SliceId(1), run: RunId(0xabc) };
        for path in [
            ObjectPath::Cluster,
            ObjectPath::Epoch(3),
            ObjectPath::Commit(CommitSeq(7)),
            ObjectPath::Checkpoint(CommitSeq(u64::MAX)),
            ObjectPath::Run(run),
            ObjectPath::DeleteVector(run, DeleteVectorId(9)),
            ObjectPath::Snapshot("nightly".to_owned()),
        ] {
            assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn a_foreign_name_is_refused() {
        for name in ["", "log/7.commit", "log/x.commit", "table/1/2", "table/1/2/xyz!", "epoch/1/2"]
        {
            assert!(name.parse::<ObjectPath>().is_err(), "{name}");
        }
    }

    #[test]
    fn names_sort_as_their_numbers_do() {
        let names = [9, 10, 100].map(|seq| ObjectPath::Commit(CommitSeq(seq)).to_string());
        assert!(names.is_sorted());
    }
}
