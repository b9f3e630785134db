//! Opens runs: holds the filters as they are at that moment against the run's [`ZoneMap`], and hands Vortex
//! the rows that remain.

use std::{ops::Range, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    common::{DataFusionError, Result},
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileOpenFuture, FileOpener},
        table_schema::TableSchema,
    },
    physical_expr::{DynamicFilterTracking, PhysicalExpr, projection::ProjectionExprs},
    physical_plan::metrics::Count,
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream, stream::BoxStream};
use roaring::RoaringTreemap;
use vortex::scan::selection::Selection;
use vortex_datafusion::VortexAccessPlan;

use super::{
    damage::Suspect,
    inline::{InlineRuns, RowWork},
    pruning::surviving_blocks,
    source::RunFile,
    stored_columns::StoredColumns,
};
use crate::storage::{DeleteVector, ManagedStorage, StorageError, zones::ZoneMap};

/// How many blocks are read between two looks at a filter that still moves.
const MOVING_FILTER_BLOCKS: usize = 64;

pub(super) type RowStream = BoxStream<'static, Result<RecordBatch>>;

/// What is counted while runs are opened.
#[derive(Clone)]
pub(super) struct BlockCounts {
    pub(super) read: Count,
    pub(super) skipped: Count,
}

/// Opens the runs of one partition.
#[derive(Clone)]
pub(super) struct WarehouseOpener {
    pub(super) inner: Arc<dyn FileOpener>,
    pub(super) table: TableSchema,
    pub(super) projection: ProjectionExprs,
    pub(super) storage: Arc<ManagedStorage>,
    pub(super) schema: SchemaRef,
    pub(super) stored: Arc<StoredColumns>,
    pub(super) predicate: Option<Arc<dyn PhysicalExpr>>,
    pub(super) blocks: BlockCounts,
}

impl FileOpener for WarehouseOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        if let Some(runs) = file.extensions.get_arc::<InlineRuns>() {
            // Of a file that was dealt out in ranges the first has all rows.
            let is_first = file.range.as_ref().is_none_or(|range| range.start == 0);
            return Ok(self.clone().open_inline(runs, is_first).boxed());
        }
        let suspect = Suspect::new(&self.storage, file.clone());
        let opener = self.clone();
        Ok(suspect.read(async move { opener.open_run(file)?.await }).boxed())
    }
}

impl WarehouseOpener {
    async fn open_inline(self, runs: Arc<InlineRuns>, is_first: bool) -> Result<RowStream> {
        if !is_first {
            return Ok(stream::empty().boxed());
        }
        self.blocks.read.add(1);
        let work = RowWork {
            table: &self.table,
            stored: &self.stored,
            predicate: self.predicate.as_ref(),
            projection: &self.projection,
        };
        let rows = runs.read(&self.storage, work).await?;
        Ok(stream::iter([Ok(rows)]).boxed())
    }

    fn open_run(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let run = file.extensions.get::<RunFile>();
        let has_deletes = run.is_some_and(|run| !run.vectors.is_empty());
        if self.predicate.is_none() && !has_deletes {
            let blocks = run.map_or(0, |run| run.block_count);
            self.blocks.read.add(blocks_of_part(&file, blocks).len());
            return self.inner.open(file);
        }
        let opener = self.clone();
        Ok(async move { opener.open_selected(file).await }.boxed())
    }
}

/// What is known of a run when it is opened.
#[derive(Clone)]
struct OpenRun {
    zones: Arc<ZoneMap>,
    deleted: Option<Arc<DeleteVector>>,
}

impl WarehouseOpener {
    async fn open_selected(self, file: PartitionedFile) -> Result<RowStream> {
        let meta = &file.object_meta;
        let zones = self.storage.zone_map(&meta.location, meta.size).await.map_err(external)?;
        let run = OpenRun { zones, deleted: self.deleted(&file).await.map_err(external)? };
        let part = blocks_of_part(&file, run.zones.block_count());
        let moving = self.predicate.as_ref().is_some_and(|predicate| {
            let tracking = DynamicFilterTracking::classify(predicate);
            matches!(tracking, DynamicFilterTracking::Watching(_))
        });
        if !moving || file.range.is_some() || part.len() <= MOVING_FILTER_BLOCKS {
            return self.open_blocks(file, run, part).await;
        }
        // A filter that gets narrower while it is used (TopK): looked at again every so often.
        let pieces = part.clone().step_by(MOVING_FILTER_BLOCKS);
        let pieces = pieces.map(move |start| start..part.end.min(start + MOVING_FILTER_BLOCKS));
        let rows = stream::iter(pieces)
            .then(move |blocks| self.clone().open_blocks(file.clone(), run.clone(), blocks));
        Ok(rows.try_flatten().boxed())
    }

    /// Returns the rows of the run that are deleted.
    async fn deleted(
        &self,
        file: &PartitionedFile,
    ) -> Result<Option<Arc<DeleteVector>>, StorageError> {
        let Some(run) = file.extensions.get::<RunFile>() else { return Ok(None) };
        let mut all: Option<Arc<DeleteVector>> = None;
        for id in &run.vectors {
            let vector = self.storage.delete_vector(run.path, *id).await?;
            all = Some(match all {
                None => vector,
                Some(mut all) => {
                    Arc::make_mut(&mut all).extend(&vector);
                    all
                }
            });
        }
        Ok(all)
    }

    /// Reads those of the blocks that the filter, as it is now, and the deletes leave.
    async fn open_blocks(
        self,
        file: PartitionedFile,
        run: OpenRun,
        blocks: Range<usize>,
    ) -> Result<RowStream> {
        let mut survives = match &self.predicate {
            Some(predicate) => surviving_blocks(predicate, &self.schema, &self.stored, &run.zones),
            None => vec![true; run.zones.block_count()],
        };
        if let Some(deleted) = &run.deleted {
            for (block, survives) in survives.iter_mut().enumerate() {
                let rows = run.zones.block_rows(block);
                *survives &= deleted.row_count_in(rows.clone()) < rows.end - rows.start;
            }
        }
        let kept = survives[blocks.clone()].iter().filter(|&&survives| survives).count();
        self.blocks.read.add(kept);
        self.blocks.skipped.add(blocks.len() - kept);
        if file.range.is_none() {
            survives[..blocks.start].fill(false);
            survives[blocks.end..].fill(false);
        }
        if survives.iter().all(|&survives| !survives) {
            return Ok(stream::empty().boxed());
        }
        let selection = match &run.deleted {
            None if survives.iter().all(|&survives| survives) => {
                return self.inner.open(file)?.await;
            }
            deleted => rows(&run.zones, &survives, deleted.as_deref()),
        };
        let plan = VortexAccessPlan::default().with_selection(selection);
        self.inner.open(file.with_extension(plan))?.await
    }
}

fn external(error: StorageError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Returns the rows of the blocks that survive, without the deleted ones.
fn rows(zones: &ZoneMap, survives: &[bool], deleted: Option<&DeleteVector>) -> Selection {
    if let (Some(deleted), true) = (deleted, survives.iter().all(|&survives| survives)) {
        return Selection::ExcludeRoaring(deleted.rows().clone());
    }
    let mut rows = RoaringTreemap::new();
    for (block, _) in survives.iter().enumerate().filter(|(_, survives)| **survives) {
        rows.insert_range(zones.block_rows(block));
    }
    if let Some(deleted) = deleted {
        rows -= deleted.rows();
    }
    Selection::IncludeRoaring(rows)
}

/// Returns the blocks to count for a file of which only a range of bytes is read, so that all
/// ranges of a file together count each block once.
fn blocks_of_part(file: &PartitionedFile, blocks: usize) -> Range<usize> {
    let Some(range) = &file.range else { return 0..blocks };
    let size = i128::from(file.object_meta.size.max(1));
    let at = |byte: i64| {
        let block = i128::from(byte) * blocks as i128 / size;
        usize::try_from(block).unwrap_or(0).min(blocks)
    };
    at(range.start)..at(range.end)
}
