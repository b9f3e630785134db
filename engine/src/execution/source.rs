//! The leaf of every plan over a table: Vortex's source, which here skips blocks and counts them.
//!
//! Vortex prunes by its own zone maps but neither counts nor prunes by dynamic filters (of joins and
//! of TopK). So when a run is opened, the filters as they are at that moment are held against the
//! run's [`ZoneMap`], and Vortex is handed only the rows of the blocks that remain, without those that
//! the run's delete vectors name.

use std::{collections::HashSet, fmt, ops::Range, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    common::{DataFusionError, Result, config::ConfigOptions, tree_node::TreeNodeRecursion},
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource},
        table_schema::TableSchema,
    },
    execution::cache::cache_manager::FileMetadataCache,
    physical_expr::{
        DynamicFilterTracking, EquivalenceProperties, PhysicalExpr, PhysicalSortExpr, conjunction,
        expressions::Column, projection::ProjectionExprs,
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
use vortex::scan::selection::Selection;
use vortex_datafusion::{VortexAccessPlan, VortexSource};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    arithmetic::may_fail,
    inline::{InlineRuns, RowWork},
    pruning::surviving_blocks,
    run_reader::RunReaders,
    runtime_filter::FilterConverter,
    stored_columns::StoredColumns,
};
use crate::{
    catalog::Table,
    ids::DeleteVectorId,
    storage::{
        DeleteVector, ManagedStorage, StorageError, format,
        paths::{ObjectPath, RunPath},
        zones::ZoneMap,
    },
};

/// How many blocks are read between two looks at a filter that still moves.
const MOVING_FILTER_BLOCKS: usize = 64;

type RowStream = BoxStream<'static, Result<RecordBatch>>;

/// What the manifest says of a run beside its size: an extension of its file.
#[derive(Debug, Clone)]
pub(super) struct RunFile {
    pub(super) path: RunPath,
    /// The table's name, for errors.
    pub(super) table: Arc<str>,
    pub(super) checksum: Option<u64>,
    pub(super) block_count: usize,
    pub(super) vectors: Vec<DeleteVectorId>,
}

/// The source of a table's rows.
#[derive(Clone)]
pub struct WarehouseSource {
    inner: VortexSource,
    storage: Arc<ManagedStorage>,
    schema: SchemaRef,
    stored: Arc<StoredColumns>,
    /// All filters that reached the scan, with those that only skip.
    predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Blocks of runs that planning has left out already.
    blocks_left_out: usize,
    /// Whether the scan has the columns of row addresses: then it projects columns only.
    has_addresses: bool,
    /// The place of the DISTKEY among the table's columns, where partitions are slices.
    dist_key: Option<usize>,
    table: Arc<Table>,
}

impl WarehouseSource {
    /// Returns the source of rows of `table`, whose columns are those of `columns`.
    pub(super) fn new(
        table: Arc<Table>,
        storage: Arc<ManagedStorage>,
        columns: TableSchema,
        stored: Arc<StoredColumns>,
        footers: Arc<FileMetadataCache>,
    ) -> Self {
        let readers = RunReaders::new(Arc::clone(&storage), false);
        let schema = Arc::clone(columns.table_schema());
        let inner = VortexSource::new(columns, format::session().clone())
            .with_projection_pushdown(true)
            .with_predicate_pushdown(true)
            .with_expression_converter(Arc::new(FilterConverter::new(format::session())))
            .with_vortex_reader_factory(Arc::new(readers))
            .with_file_metadata_cache(footers);
        Self {
            inner,
            storage,
            schema,
            stored,
            predicate: None,
            blocks_left_out: 0,
            has_addresses: false,
            dist_key: None,
            table,
        }
    }

    /// Returns the table that is scanned.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Says that the runs are read once more and then never again.
    pub(super) fn for_the_last_time(mut self) -> Self {
        let readers = RunReaders::new(Arc::clone(&self.storage), true);
        self.inner = self.inner.with_vortex_reader_factory(Arc::new(readers));
        self
    }

    /// Says that the table has the columns of row addresses.
    pub(super) fn with_row_addresses(mut self) -> Self {
        self.has_addresses = true;
        self
    }

    /// Says that every partition has whole slices, of a table with this DISTKEY.
    pub(super) fn with_dist_key(mut self, position: usize) -> Self {
        self.dist_key = Some(position);
        self
    }

    /// Returns the column, by its place in the table, of which equal values are in one partition.
    pub(crate) fn dist_key(&self) -> Option<usize> {
        self.dist_key
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
        let table = self.inner.table_schema().clone();
        let projection = self.inner.projection().cloned().ok_or_else(|| {
            DataFusionError::Internal("the Vortex source has no projection".to_owned())
        })?;
        Ok(Arc::new(WarehouseOpener {
            table,
            projection,
            inner: self.inner.create_file_opener(object_store, base_config, partition)?,
            storage: Arc::clone(&self.storage),
            schema: Arc::clone(&self.schema),
            stored: Arc::clone(&self.stored),
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
        // One expression that Vortex cannot evaluate would take the whole projection from it, and only
        // Vortex knows the position of a row.
        let is_column = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Column>().is_some();
        let mut aliases = HashSet::new();
        if self.has_addresses
            && !projection.iter().all(|item| is_column(&item.expr) && aliases.insert(&item.alias))
        {
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
    table: TableSchema,
    projection: ProjectionExprs,
    storage: Arc<ManagedStorage>,
    schema: SchemaRef,
    stored: Arc<StoredColumns>,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    blocks: BlockCounts,
}

impl FileOpener for WarehouseOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        if let Some(runs) = file.extensions.get_arc::<InlineRuns>() {
            // Of a file that was dealt out in ranges the first has all rows.
            let is_first = file.range.as_ref().is_none_or(|range| range.start == 0);
            return Ok(self.clone().open_inline(runs, is_first).boxed());
        }
        let (opener, named) = (self.clone(), file.clone());
        let opening = self.open_run(file)?;
        Ok(async move {
            match opening.await {
                Err(error) => Err(opener.explained(&named, error).await),
                Ok(rows) => {
                    let explain = move |error| {
                        let (opener, named) = (opener.clone(), named.clone());
                        async move { Err(opener.explained(&named, error).await) }
                    };
                    Ok(rows.or_else(explain).boxed())
                }
            }
        }
        .boxed())
    }
}

impl WarehouseOpener {
    /// Returns the error of a run that could not be read: whether its object is damaged is looked up only
    /// now, because that takes reading all of it.
    async fn explained(&self, file: &PartitionedFile, error: DataFusionError) -> DataFusionError {
        let Some(run) = file.extensions.get::<RunFile>() else { return error };
        let Some(checksum) = run.checksum else { return error };
        match self.storage.get(&ObjectPath::Run(run.path)).await {
            Ok(bytes) if xxh3_64(&bytes) == checksum => error,
            Ok(_) => external(StorageError::DamagedRun {
                table: run.table.to_string(),
                slice: run.path.slice,
                run: run.path.run,
            }),
            Err(missing) => external(missing),
        }
    }

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
