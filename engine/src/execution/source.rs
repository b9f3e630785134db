//! The leaf of every plan over a table: Vortex's source, which here skips blocks and counts them.
//!
//! Vortex prunes by its own zone maps but neither counts nor prunes by dynamic filters (of joins and
//! of TopK). So when a run is opened, the filters as they are at that moment are held against the
//! run's [`ZoneMap`], and Vortex is handed only the rows of the blocks that remain.

use std::{fmt, ops::Range, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    common::{
        DataFusionError, Result, config::ConfigOptions, stats::Precision,
        tree_node::TreeNodeRecursion,
    },
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource},
        table_schema::TableSchema,
    },
    execution::cache::cache_manager::FileMetadataCache,
    physical_expr::{
        DynamicFilterTracking, EquivalenceProperties, PhysicalExpr, PhysicalSortExpr, conjunction,
        projection::ProjectionExprs,
    },
    physical_plan::{
        DisplayFormatType, SortOrderPushdownResult,
        filter_pushdown::{FilterPushdownPropagation, PushedDown},
        metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder},
    },
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::ObjectStore;
use roaring::RoaringTreemap;
use vortex::{io::VortexReadAt, scan::selection::Selection, session::VortexSession};
use vortex_datafusion::{VortexAccessPlan, VortexSource, reader::VortexReaderFactory};

use super::{arithmetic::may_fail, pruning::surviving_blocks, runtime_filter::FilterConverter};
use crate::storage::{
    ManagedStorage, format,
    zones::{BLOCK_ROWS, ZoneMap},
};

/// How many blocks are read between two looks at a filter that still moves.
const MOVING_FILTER_BLOCKS: usize = 64;

type RowStream = BoxStream<'static, Result<RecordBatch>>;

/// The source of a table's rows.
#[derive(Clone)]
pub struct WarehouseSource {
    inner: VortexSource,
    storage: Arc<ManagedStorage>,
    schema: SchemaRef,
    /// All filters that reached the scan, with those that only skip.
    predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Blocks of runs that planning has left out already.
    blocks_left_out: usize,
}

impl WarehouseSource {
    /// Returns the source of rows of `schema`.
    pub fn new(
        storage: Arc<ManagedStorage>,
        schema: SchemaRef,
        footers: Arc<FileMetadataCache>,
    ) -> Self {
        let readers = RunReaders { storage: Arc::clone(&storage) };
        let table = TableSchema::from(Arc::clone(&schema));
        let inner = VortexSource::new(table, format::session().clone())
            .with_projection_pushdown(true)
            .with_predicate_pushdown(true)
            .with_expression_converter(Arc::new(FilterConverter::new(format::session())))
            .with_vortex_reader_factory(Arc::new(readers))
            .with_file_metadata_cache(footers);
        Self { inner, storage, schema, predicate: None, blocks_left_out: 0 }
    }

    /// Counts blocks of runs that are not even among the files.
    pub(crate) fn with_blocks_left_out(mut self, blocks: usize) -> Self {
        self.blocks_left_out = blocks;
        self
    }

    /// Returns all filters that reached the scan.
    pub fn predicate(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        self.predicate.as_ref()
    }

    fn with_inner(&self, inner: &Arc<dyn FileSource>) -> Result<Self> {
        let inner = inner.downcast_ref::<VortexSource>().ok_or_else(|| {
            DataFusionError::Internal("the Vortex source became another".to_owned())
        })?;
        Ok(Self { inner: inner.clone(), ..self.clone() })
    }
}

impl FileSource for WarehouseSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let metrics = self.metrics();
        let blocks = BlockCounts {
            read: MetricBuilder::new(metrics).counter("blocks_read", partition),
            skipped: MetricBuilder::new(metrics).counter("blocks_skipped", partition),
        };
        if partition == 0 {
            blocks.skipped.add(self.blocks_left_out);
        }
        Ok(Arc::new(WarehouseOpener {
            inner: self.inner.create_file_opener(object_store, base_config, partition)?,
            storage: Arc::clone(&self.storage),
            schema: Arc::clone(&self.schema),
            predicate: self.predicate.clone(),
            blocks,
        }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, _batch_size: usize) -> Arc<dyn FileSource> {
        // The scan cuts batches itself.
        Arc::new(self.clone())
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(t, f)
    }

    fn supports_repartitioning(&self) -> bool {
        // Only asked where partitions need not be slices: see `WarehouseTable::scan`.
        true
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        // Vortex gets what cannot fail; the rest stays above, where errors are SQL's.
        let (safe, unsafe_): (Vec<_>, Vec<_>) =
            filters.iter().cloned().partition(|filter| !may_fail(filter, &self.schema));
        let pushed = self.inner.try_pushdown_filters(safe.clone(), config)?;
        let mut answered = pushed.filters.into_iter();
        let answers = filters.iter().map(|filter| match unsafe_.contains(filter) {
            true => PushedDown::No,
            false => answered.next().unwrap_or(PushedDown::No),
        });
        let answers = FilterPushdownPropagation::with_parent_pushdown_result(answers.collect());
        let Some(inner) = &pushed.updated_node else {
            return Ok(answers);
        };
        let mut source = self.with_inner(inner)?;
        source.predicate = Some(conjunction(self.predicate.iter().cloned().chain(safe)));
        Ok(answers.with_updated_node(Arc::new(source)))
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(match self.inner.try_pushdown_sort(order, properties)? {
            SortOrderPushdownResult::Exact { inner } => {
                SortOrderPushdownResult::Exact { inner: Arc::new(self.with_inner(&inner)?) }
            }
            SortOrderPushdownResult::Inexact { inner } => {
                SortOrderPushdownResult::Inexact { inner: Arc::new(self.with_inner(&inner)?) }
            }
            SortOrderPushdownResult::Unsupported => SortOrderPushdownResult::Unsupported,
        })
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        if projection.iter().any(|item| may_fail(&item.expr, &self.schema)) {
            return Ok(None);
        }
        let Some(inner) = self.inner.try_pushdown_projection(projection)? else {
            return Ok(None);
        };
        Ok(Some(Arc::new(self.with_inner(&inner)?)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        // The inner source holds every filter that `predicate` is made of.
        self.inner.apply_expressions(f)
    }
}

#[derive(Clone)]
struct BlockCounts {
    read: Count,
    skipped: Count,
}

/// Opens the runs of one partition.
#[derive(Clone)]
struct WarehouseOpener {
    inner: Arc<dyn FileOpener>,
    storage: Arc<ManagedStorage>,
    schema: SchemaRef,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    blocks: BlockCounts,
}

impl FileOpener for WarehouseOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let Some(predicate) = self.predicate.clone() else {
            self.blocks.read.add(blocks_of_part(&file, block_count(&file)).len());
            return self.inner.open(file);
        };
        let opener = self.clone();
        Ok(async move { opener.open_filtered(file, predicate).await }.boxed())
    }
}

impl WarehouseOpener {
    async fn open_filtered(
        self,
        file: PartitionedFile,
        predicate: Arc<dyn PhysicalExpr>,
    ) -> Result<RowStream> {
        let meta = &file.object_meta;
        let zones = self
            .storage
            .zone_map(&meta.location, meta.size)
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let part = blocks_of_part(&file, zones.block_count());
        let moving = matches!(
            DynamicFilterTracking::classify(&predicate),
            DynamicFilterTracking::Watching(_)
        );
        if !moving || file.range.is_some() || part.len() <= MOVING_FILTER_BLOCKS {
            return self.open_blocks(file, predicate, zones, part).await;
        }
        // A filter that gets narrower while it is used (TopK): looked at again every so often.
        let pieces = part.clone().step_by(MOVING_FILTER_BLOCKS);
        let pieces = pieces.map(move |start| start..part.end.min(start + MOVING_FILTER_BLOCKS));
        let rows = stream::iter(pieces).then(move |blocks| {
            let (file, zones) = (file.clone(), Arc::clone(&zones));
            self.clone().open_blocks(file, Arc::clone(&predicate), zones, blocks)
        });
        Ok(rows.try_flatten().boxed())
    }

    /// Reads those of the blocks that the filter, as it is now, leaves.
    async fn open_blocks(
        self,
        file: PartitionedFile,
        predicate: Arc<dyn PhysicalExpr>,
        zones: Arc<ZoneMap>,
        blocks: Range<usize>,
    ) -> Result<RowStream> {
        let mut survives = surviving_blocks(&predicate, &self.schema, &zones);
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
        if survives.iter().all(|&survives| survives) {
            return self.inner.open(file)?.await;
        }
        let plan = VortexAccessPlan::default().with_selection(rows(&zones, &survives));
        self.inner.open(file.with_extension(plan))?.await
    }
}

/// Returns the rows of the blocks that survive.
fn rows(zones: &ZoneMap, survives: &[bool]) -> Selection {
    let mut rows = RoaringTreemap::new();
    for (block, _) in survives.iter().enumerate().filter(|(_, survives)| **survives) {
        rows.insert_range(zones.block_rows(block));
    }
    Selection::IncludeRoaring(rows)
}

fn block_count(file: &PartitionedFile) -> usize {
    match file.statistics.as_ref().map(|statistics| statistics.num_rows) {
        Some(Precision::Exact(rows) | Precision::Inexact(rows)) => rows.div_ceil(BLOCK_ROWS),
        _ => 0,
    }
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

/// Opens runs where they are, whatever store the session knows.
#[derive(Debug)]
struct RunReaders {
    storage: Arc<ManagedStorage>,
}

impl VortexReaderFactory for RunReaders {
    fn create_reader(
        &self,
        file: &PartitionedFile,
        _session: &VortexSession,
    ) -> Result<Arc<dyn VortexReadAt>> {
        let meta = &file.object_meta;
        self.storage
            .run_reader(&meta.location, meta.size)
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }
}
