//! Objects of a statement that has not succeeded yet: they go with it, unless it says that it has.

use std::sync::Arc;

use super::{ManagedStorage, paths::ObjectPath};

/// Objects that are deleted when this is dropped (an error, a cancelled statement).
#[derive(Debug)]
pub struct PendingObjects {
    storage: Arc<ManagedStorage>,
    paths: Vec<ObjectPath>,
}

impl PendingObjects {
    /// Returns a list without objects.
    pub fn new(storage: Arc<ManagedStorage>) -> Self {
        Self { storage, paths: Vec::new() }
    }

    /// Adds objects that were written.
    pub fn extend(&mut self, paths: impl IntoIterator<Item = ObjectPath>) {
        self.paths.extend(paths);
    }

    /// Says that the objects now belong to somebody else.
    pub fn keep(mut self) {
        self.paths.clear();
    }
}

impl Drop for PendingObjects {
    fn drop(&mut self) {
        if self.paths.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let paths = std::mem::take(&mut self.paths);
            runtime.spawn(delete_objects(Arc::clone(&self.storage), paths));
        }
    }
}

/// Deletes objects that nobody refers to; one that cannot be deleted is left for the collector.
pub async fn delete_objects(storage: Arc<ManagedStorage>, paths: Vec<ObjectPath>) {
    for path in paths {
        if let Err(error) = storage.delete(&path).await {
            tracing::warn!(%path, %error, "could not delete an object of a statement that failed");
        }
    }
}
