//! The leaf of every plan over a table: Vortex's source, which here skips blocks and counts them.
//!
//! Vortex prunes by its own zone maps but neither counts nor prunes by dynamic filters (of joins and
//! of TopK). So when a run is opened, the filters as they are at that moment are held against the
//! run's [`ZoneMap`], and Vortex is handed only the rows of the blocks that remain, without those that
//! the run's delete vectors name.

use std::{collections::HashSet, fmt, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion::{
    common::{
        DataFusionError, Result, Statistics, config::ConfigOptions, tree_node::TreeNodeRecursion,
    },
    datasource::{
        physical_plan::{FileOpener, FileScanConfig, FileSource},
        table_schema::TableSchema,
    },
    execution::cache::cache_manager::FileMetadataCache,
    physical_expr::{
        EquivalenceProperties, PhysicalExpr, PhysicalSortExpr, conjunction, expressions::Column,
        projection::ProjectionExprs,
    },
    physical_plan::{
        DisplayFormatType, SortOrderPushdownResult,
        filter_pushdown::{FilterPushdownPropagation, PushedDown},
        metrics::{ExecutionPlanMetricsSet, MetricBuilder},
    },
};
use object_store::ObjectStore;
use vortex_datafusion::VortexSource;

use super::{
    arithmetic::may_fail,
    init_plans::with_known_values,
    opener::{BlockCounts, WarehouseOpener},
    run_reader::RunReaders,
    runtime_filter::FilterConverter,
    slice_filter::SliceFilters,
    statistics,
    stored_columns::StoredColumns,
};
use crate::{
    catalog::Table,
    distribution::RowDistribution,
    ids::DeleteVectorId,
    storage::{ManagedStorage, format, paths::RunPath},
};

/// What the manifest says of a run beside its size: an extension of its file.
#[derive(Debug, Clone)]
pub(super) struct RunFile {
    pub(super) path: RunPath,
    /// The table, for errors.
    pub(super) table: Arc<Table>,
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
    /// How the table's rows are on the partitions.
    distribution: RowDistribution,
    /// Whether the process that plans reads the table itself.
    is_kept_here: bool,
    table: Arc<Table>,
    /// What joins know of the keys of each slice, while the query runs.
    slice_filters: Vec<SliceFilters>,
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
            distribution: RowDistribution::Even,
            is_kept_here: false,
            table,
            slice_filters: Vec::new(),
        }
    }

    /// Returns the table that is scanned.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Returns what is known of all rows of the table, whichever runs the scan leaves out.
    pub(crate) fn table_statistics(&self) -> Statistics {
        statistics::of_table(&self.table, &self.schema)
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

    /// Says how the table's rows are on the partitions: by key only if each of them is a slice.
    pub(super) fn with_distribution(mut self, distribution: RowDistribution) -> Self {
        self.distribution = distribution;
        self
    }

    /// Returns how the table's rows are on the partitions; the key as its place in the table.
    pub(crate) fn distribution(&self) -> RowDistribution {
        self.distribution
    }

    /// Says that the process that plans reads the table itself.
    pub(super) fn kept_here(mut self) -> Self {
        self.is_kept_here = true;
        self
    }

    /// Returns whether the process that plans reads the table itself.
    pub(super) fn is_kept_here(&self) -> bool {
        self.is_kept_here
    }

    /// Returns whether the scan has the columns of row addresses.
    pub(super) fn has_addresses(&self) -> bool {
        self.has_addresses
    }

    /// Returns the blocks of runs that planning has left out.
    pub(super) fn blocks_left_out(&self) -> usize {
        self.blocks_left_out
    }

    /// Adds a filter for each partition.
    pub(crate) fn with_slice_filters(mut self, filters: SliceFilters) -> Self {
        self.slice_filters.push(filters);
        self
    }

    /// Returns the source as one partition reads it: with the filters of its slice.
    fn of_partition(&self, partition: usize) -> Result<Self> {
        let of_slice = self.slice_filters.iter().filter_map(|filters| filters.get(partition));
        let filters = of_slice.map(|filter| Arc::clone(filter) as Arc<dyn PhysicalExpr>);
        let filters = filters.collect::<Vec<_>>();
        if filters.is_empty() {
            return Ok(self.clone());
        }
        let pushed = self.try_pushdown_filters(filters, &ConfigOptions::new())?;
        let source = pushed.updated_node.as_ref();
        match source.and_then(|source| source.downcast_ref::<Self>()) {
            Some(source) => Ok(source.clone()),
            None => Ok(self.clone()),
        }
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
        let source = self.of_partition(partition)?;
        let table = self.inner.table_schema().clone();
        let projection = self.inner.projection().cloned().ok_or_else(|| {
            DataFusionError::Internal("the Vortex source has no projection".to_owned())
        })?;
        Ok(Arc::new(WarehouseOpener {
            table,
            projection,
            inner: source.inner.create_file_opener(object_store, base_config, partition)?,
            storage: Arc::clone(&self.storage),
            schema: Arc::clone(&self.schema),
            stored: Arc::clone(&self.stored),
            predicate: source.predicate.map(with_known_values).transpose()?,
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
