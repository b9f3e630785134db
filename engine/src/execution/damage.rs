//! What is wrong with a run that cannot be read.
//!
//! Segments are held against their checksums as they are read. Which one is damaged, and whether something else is, is
//! looked up only when a run cannot be read, because that takes reading all of it. Bytes that are not what was written may
//! make the code panic that decodes them: that is one more way of not being readable.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
};

use bytes::Bytes;
use datafusion::{
    common::{DataFusionError, Result},
    datasource::listing::PartitionedFile,
};
use futures::{FutureExt, StreamExt};
use xxhash_rust::xxh3::xxh3_64;

use super::{opener::RowStream, source::RunFile};
use crate::{
    catalog::Table,
    storage::{DamagedBlocks, ManagedStorage, StorageError, damaged_blocks, paths::ObjectPath},
};

/// A run that is read: should that fail, it may be damaged.
pub(super) struct Suspect {
    storage: Arc<ManagedStorage>,
    file: PartitionedFile,
}

impl Suspect {
    pub(super) fn new(storage: &Arc<ManagedStorage>, file: PartitionedFile) -> Arc<Self> {
        Arc::new(Self { storage: Arc::clone(storage), file })
    }

    /// Opens the run and reads its rows; errors name it if it is damaged.
    pub(super) async fn read(
        self: Arc<Self>,
        opening: impl Future<Output = Result<RowStream>>,
    ) -> Result<RowStream> {
        let rows = self.explained(AssertUnwindSafe(opening).catch_unwind().await).await?;
        let rows = AssertUnwindSafe(rows).catch_unwind().then(move |batch| {
            let suspect = Arc::clone(&self);
            async move { suspect.explained(batch).await }
        });
        Ok(rows.boxed())
    }

    async fn explained<T>(&self, outcome: Result<Result<T>, Box<dyn Any + Send>>) -> Result<T> {
        let failed = match outcome {
            Ok(Ok(value)) => return Ok(value),
            failed => failed,
        };
        match (self.damage().await, failed) {
            (Some(damage), _) => Err(damage),
            (None, Ok(failed)) => failed,
            (None, Err(panic)) => resume_unwind(panic),
        }
    }

    /// Returns what is wrong with the run's object, if something is.
    async fn damage(&self) -> Option<DataFusionError> {
        let run = self.file.extensions.get::<RunFile>()?;
        let checksum = run.checksum?;
        let error = match self.storage.get(&ObjectPath::Run(run.path)).await {
            Ok(bytes) if xxh3_64(&bytes) == checksum => return None,
            Ok(bytes) => StorageError::DamagedRun {
                table: run.table.name.clone(),
                slice: run.path.slice,
                run: run.path.run,
                damage: said_of(&damaged_columns(&run.table, bytes).await),
            },
            Err(missing) => missing,
        };
        Some(DataFusionError::External(Box::new(error)))
    }
}

/// Returns what is damaged in a run of a table, whose columns are called as they are now; nothing, if nobody can tell.
pub(crate) async fn damaged_columns(table: &Table, run: Bytes) -> Vec<DamagedBlocks> {
    let mut damaged = damaged_blocks(run).await;
    for blocks in &mut damaged {
        blocks.column = table.name_of_stored(&blocks.column).to_owned();
    }
    damaged
}

/// Says what is wrong, if these are the damaged blocks.
fn said_of(damaged: &[DamagedBlocks]) -> String {
    let Some((first, others)) = damaged.split_first() else {
        return "its checksum does not match".to_owned();
    };
    let (column, blocks) = (&first.column, first.numbers());
    let others = match others.len() {
        0 => String::new(),
        count => format!(", nor {count} others"),
    };
    format!("the checksum of column \"{column}\", {blocks}, does not match{others}")
}
