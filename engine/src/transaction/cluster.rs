//! What never changes about a cluster: its identity, its slices, the hash that deals rows out to them.

use crate::{
    chance::random_name,
    distribution::HASH_VERSION,
    storage::{
        ManagedStorage,
        paths::{ObjectPath, ObjectPrefix},
    },
    transaction::{
        TransactionError,
        record::{self, Cluster, Kind},
    },
};

/// Reads `cluster.json`, or writes it for a new cluster.
pub(super) async fn open_cluster(
    storage: &ManagedStorage,
    asked: Option<u32>,
    default: u32,
) -> Result<u32, TransactionError> {
    let path = ObjectPath::Cluster;
    if storage.list(ObjectPrefix::Log).await?.is_empty() {
        let cluster = Cluster {
            cluster_id: format!("{:032x}", random_name()),
            slice_count: asked.unwrap_or(default),
            dist_hash_version: HASH_VERSION,
        };
        storage.put_if_absent(&path, record::encode(Kind::Cluster, &cluster)?).await?;
    }
    let bytes = storage.get(&path).await?;
    let cluster: Cluster = record::decode(Kind::Cluster, &path.to_string(), &bytes)?;
    match asked {
        Some(asked) if asked != cluster.slice_count => {
            Err(TransactionError::SliceCount { stored: cluster.slice_count, asked })
        }
        _ => Ok(cluster.slice_count),
    }
}
