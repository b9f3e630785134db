//! Runs that are objects, as Vortex opens them.

use std::sync::Arc;

use datafusion::{
    common::{DataFusionError, Result},
    datasource::listing::PartitionedFile,
};
use vortex::{io::VortexReadAt, session::VortexSession};
use vortex_datafusion::reader::VortexReaderFactory;

use crate::storage::ManagedStorage;

/// Opens runs where they are, whatever store the session knows.
#[derive(Debug)]
pub(super) struct RunReaders {
    storage: Arc<ManagedStorage>,
    is_last: bool,
}

impl RunReaders {
    /// Returns what opens the runs of a storage; `is_last` says that nobody reads them again soon.
    pub(super) fn new(storage: Arc<ManagedStorage>, is_last: bool) -> Self {
        Self { storage, is_last }
    }
}

impl VortexReaderFactory for RunReaders {
    fn create_reader(
        &self,
        file: &PartitionedFile,
        _session: &VortexSession,
    ) -> Result<Arc<dyn VortexReadAt>> {
        let meta = &file.object_meta;
        let reader = self.storage.run_reader(&meta.location, meta.size, self.is_last);
        reader.map_err(|error| DataFusionError::External(Box::new(error)))
    }
}
