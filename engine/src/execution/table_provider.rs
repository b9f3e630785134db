//! A table at one version, as DataFusion scans it: one partition per slice.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{DFSchema, Result, ScalarValue, Statistics, internal_err},
    datasource::{
        TableType,
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfigBuilder},
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    execution::{object_store::ObjectStoreUrl, runtime_env::RuntimeEnv},
    logical_expr::{Expr, TableProviderFilterPushDown, utils::conjunction},
    physical_expr::{
        LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr, expressions::Column,
    },
    physical_expr_adapter::PhysicalExprAdapterFactory,
    physical_plan::ExecutionPlan,
};

use super::{
    inline::{InlineRuns, as_one, gather},
    order::order_runs,
    pruning::surviving_runs,
    row_address::{POSITION_COLUMN, with_addresses},
    slice_pruning::surviving_slices,
    source::{RunFile, WarehouseSource},
    statistics,
    stored_columns::StoredColumns,
};
use crate::{
    catalog::Table,
    distribution::{DistStyle, RowDistribution},
    ids::{RunId, SliceId},
    storage::{ManagedStorage, SORT_OPTIONS, paths::ObjectPath, run::Run, zones::BLOCK_ROWS},
    types::TRAILING_BLANKS_KEY,
};

/// The metadata of a column that [`WarehouseTable::with_mark`] marks.
pub(crate) const MARK_KEY: &str = "blueshift.mark";

/// The place of each run in the table's manifest.
pub(super) type Places = HashMap<RunId, u32>;

/// A table at one version of the catalogue.
#[derive(Debug)]
pub struct WarehouseTable {
    table: Arc<Table>,
    storage: Arc<ManagedStorage>,
    schema: TableSchema,
    stored: Arc<StoredColumns>,
    has_addresses: bool,
    slice_count: u32,
    /// Whether a filter on the DISTKEY leaves out slices.
    prunes_slices: bool,
    /// Of all runs: asked for many times while one statement is planned.
    statistics: OnceLock<Statistics>,
}

impl WarehouseTable {
    /// Returns the table as of the version that `table` describes.
    pub fn new(table: Arc<Table>, storage: Arc<ManagedStorage>, slice_count: u32) -> Self {
        let runs = Arc::clone(&table.manifest);
        let may_have = |position: usize| {
            let columns = runs.runs.iter().filter_map(|run| run.columns.get(position));
            columns.into_iter().any(|column| column.trailing_blanks)
        };
        Self::received(table, storage, slice_count, may_have)
    }

    /// As [`Self::new`], of a table that came without what is known of its columns; `may_have_blanks` says
    /// of which column texts may end with blanks.
    pub(super) fn received(
        table: Arc<Table>,
        storage: Arc<ManagedStorage>,
        slice_count: u32,
        may_have_blanks: impl Fn(usize) -> bool,
    ) -> Self {
        Self {
            schema: TableSchema::from(with_trailing_blanks(&table, may_have_blanks)),
            stored: Arc::new(StoredColumns::of(&table)),
            table,
            storage,
            has_addresses: false,
            slice_count: slice_count.max(1),
            prunes_slices: true,
            statistics: OnceLock::new(),
        }
    }

    /// Reads every slice, whatever a filter says of the DISTKEY.
    pub(crate) fn without_slice_pruning(mut self) -> Self {
        self.prunes_slices = false;
        self
    }

    /// Adds the hidden columns of row addresses behind the table's own.
    pub fn with_row_addresses(mut self) -> Self {
        self.schema = with_addresses(self.schema.file_schema());
        self.has_addresses = true;
        self
    }

    /// Marks the column at this position, for whoever asks which expressions mention it.
    pub(crate) fn with_mark(mut self, position: usize) -> Self {
        let fields = self.schema.file_schema().fields().iter().enumerate().map(|(index, field)| {
            if index != position {
                return Arc::clone(field);
            }
            let mut metadata = field.metadata().clone();
            metadata.insert(MARK_KEY.to_owned(), "true".to_owned());
            Arc::new(field.as_ref().clone().with_metadata(metadata))
        });
        self.schema = TableSchema::from(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
        self
    }

    fn of_all_runs(&self) -> &Statistics {
        let of_table = || statistics::of_table(&self.table, self.schema.table_schema());
        self.statistics.get_or_init(of_table)
    }

    /// Returns the table that is scanned.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Returns small runs as one file; `one` is what they are together.
    pub(super) fn inline_file(&self, runs: &[&Run], one: &Run, places: &Places) -> PartitionedFile {
        let place = |run: &Run| places.get(&run.id).copied();
        let inline =
            InlineRuns::new(&self.table, runs, place, self.sort_columns(), self.has_addresses);
        let location = self.storage.location(&ObjectPath::Run(self.table.run_path(one)));
        let mut file = PartitionedFile::new(location.to_string(), one.bytes).with_extension(inline);
        if self.has_addresses {
            // Each row has its own, behind the columns of its run.
            file = file.with_partition_values(vec![ScalarValue::UInt32(None)]);
        }
        file.with_statistics(Arc::new(statistics::of_run(one, self.schema.file_schema())))
    }

    /// Returns the run as a file; `place` is its place in the manifest, for its rows' addresses.
    pub(super) fn file(&self, run: &Run, place: Option<u32>) -> PartitionedFile {
        let path = self.table.run_path(run);
        let location = self.storage.location(&ObjectPath::Run(path));
        let vectors = run.deletes.iter().map(|vector| vector.id).collect();
        let run_file = RunFile {
            path,
            table: Arc::clone(&self.table),
            checksum: run.checksum,
            block_count: block_count(run),
            vectors,
        };
        let mut file =
            PartitionedFile::new(location.to_string(), run.bytes).with_extension(run_file);
        if self.has_addresses {
            file = file.with_partition_values(vec![ScalarValue::UInt32(place)]);
        }
        file.with_statistics(Arc::new(statistics::of_run(run, self.schema.file_schema())))
    }

    /// Returns one group of files per slice, and the order that every one of them is in.
    fn file_groups(&self, runs: &[&Run]) -> Result<(Vec<FileGroup>, Option<LexOrdering>)> {
        let slices = match self.table.dist_style.effective() {
            DistStyle::All => 1,
            DistStyle::Even | DistStyle::Key(_) | DistStyle::Auto(_) => self.slice_count,
        };
        // Dropping such a run would lose its rows without a word.
        if let Some(run) = runs.iter().find(|run| run.slice.0 >= slices) {
            return internal_err!(
                "run {} of table {} is on slice {} of {slices}",
                run.id,
                self.table.id,
                run.slice
            );
        }
        let places = self.places();
        let (schema, sort_columns) = (self.schema.table_schema(), self.sort_columns());
        let mut proven = sort_columns.len();
        let groups = (0..slices).map(SliceId).map(|slice| {
            let of_slice = runs.iter().copied().filter(|run| run.slice == slice);
            let (small, large): (Vec<_>, Vec<_>) = of_slice.partition(|run| run.inline.is_some());
            let gathered = gather(small.into_iter());
            let ones: Vec<_> =
                gathered.iter().filter_map(|runs| Some((as_one(runs)?, runs))).collect();
            let mut runs: Vec<&Run> =
                large.into_iter().chain(ones.iter().map(|(one, _)| one)).collect();
            proven = proven.min(order_runs(&mut runs, &sort_columns, schema));
            let files =
                runs.into_iter().map(|run| match ones.iter().find(|(one, _)| one.id == run.id) {
                    Some((one, runs)) => self.inline_file(runs, one, &places),
                    None => self.file(run, places.get(&run.id).copied()),
                });
            FileGroup::new(files.collect())
        });
        let groups = groups.collect();
        let columns = sort_columns.iter().take(proven).map(|&index| {
            let column = Arc::new(Column::new(schema.field(index).name(), index));
            PhysicalSortExpr::new(column, SORT_OPTIONS)
        });
        Ok((groups, LexOrdering::new(columns)))
    }

    /// Returns where each run is in the manifest, if rows have addresses.
    fn places(&self) -> Places {
        let runs = (0..).zip(&self.table.manifest.runs);
        match self.has_addresses {
            true => runs.map(|(place, run)| (run.id, place)).collect(),
            false => Places::new(),
        }
    }

    /// Returns what makes expressions about the table's columns ones about a run's, where they differ.
    pub(super) fn expr_adapter(&self) -> Option<Arc<dyn PhysicalExprAdapterFactory>> {
        self.stored.adapter(self.has_addresses)
    }

    pub(super) fn source(&self, runtime: &RuntimeEnv) -> WarehouseSource {
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let (table, storage) = (Arc::clone(&self.table), Arc::clone(&self.storage));
        let (columns, stored) = (self.schema.clone(), Arc::clone(&self.stored));
        let source = WarehouseSource::new(table, storage, columns, stored, footers);
        if self.has_addresses { source.with_row_addresses() } else { source }
    }

    /// Returns the order of the whole sort key; `None` without one.
    pub(super) fn sort_order(&self) -> Option<LexOrdering> {
        let schema = self.schema.table_schema();
        LexOrdering::new(self.sort_columns().into_iter().map(|index| {
            let column = Arc::new(Column::new(schema.field(index).name(), index));
            PhysicalSortExpr::new(column, SORT_OPTIONS)
        }))
    }

    /// Returns the order of the rows of one run: only of a table with row addresses.
    pub(super) fn stored_order(&self) -> Option<LexOrdering> {
        let position = self.schema.table_schema().index_of(POSITION_COLUMN).ok()?;
        let column = Arc::new(Column::new(POSITION_COLUMN, position));
        LexOrdering::new([PhysicalSortExpr::new(column, SORT_OPTIONS)])
    }

    /// Returns a scan of these runs, by their places in the manifest: a partition for each list, which is
    /// read in the list's order. Within a run rows keep their order only if there is one to keep.
    ///
    /// The small runs of a list are read together, behind the others; with an order to keep in partitions
    /// of their own.
    pub(super) fn scan_sequences(
        &self,
        sequences: &[Vec<u32>],
        order: Option<LexOrdering>,
        runtime: &RuntimeEnv,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut groups = Vec::with_capacity(sequences.len());
        let known = self.places();
        for places in sequences {
            let (mut files, mut small) = (Vec::new(), Vec::new());
            for place in places {
                let run = usize::try_from(*place).ok();
                match run.and_then(|run| self.table.manifest.runs.get(run)) {
                    Some(run) if run.inline.is_some() => small.push(&**run),
                    Some(run) => files.push(self.file(run, Some(*place))),
                    None => return internal_err!("table {} has no run at {place}", self.table.id),
                }
            }
            let small = gather(small.into_iter());
            let small = small
                .iter()
                .filter_map(|runs| Some(self.inline_file(runs, &as_one(runs)?, &known)));
            match order {
                None => files.extend(small),
                Some(_) => groups.extend(small.map(|file| FileGroup::new(vec![file]))),
            }
            if !files.is_empty() {
                groups.push(FileGroup::new(files));
            }
        }
        // The store behind this URL is never used: the source knows where the runs are.
        let url = ObjectStoreUrl::local_filesystem();
        // What is merged is replaced: its blocks would push those of others out of memory.
        let source = self.source(runtime).for_the_last_time();
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_output_partitioning(Some(Partitioning::UnknownPartitioning(groups.len())))
            .with_file_groups(groups)
            .with_output_ordering(order.into_iter().collect())
            .with_expr_adapter(self.expr_adapter())
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn sort_columns(&self) -> Vec<usize> {
        let columns = self.table.sort_key.order_columns().iter();
        columns.map_while(|&column| self.table.position(column)).collect()
    }

    /// Splits the table's runs in those that can hold a row that passes, and the others.
    fn surviving_runs(
        &self,
        state: &dyn Session,
        filters: &[Expr],
    ) -> Result<(Vec<&Run>, Vec<&Run>)> {
        let runs = self.table.manifest.runs.iter().map(|run| &**run).collect::<Vec<_>>();
        let Some(filter) = conjunction(filters.iter().cloned()) else {
            return Ok((runs, Vec::new()));
        };
        let schema = self.schema.table_schema();
        let filter =
            state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(schema))?)?;
        let survives = surviving_runs(&filter, schema, &runs);
        let mut survives = survives.into_iter();
        let slices = self.surviving_slices(&filter);
        Ok(runs.into_iter().partition(|run| {
            survives.next().unwrap_or(true)
                && slices.as_ref().is_none_or(|slices| slices.contains(&run.slice))
        }))
    }
}

impl WarehouseTable {
    /// Returns the slices that can hold a row that passes; `None` if the filter does not say.
    fn surviving_slices(&self, filter: &Arc<dyn PhysicalExpr>) -> Option<BTreeSet<SliceId>> {
        let key = self.table.dist_style.key().filter(|_| self.prunes_slices)?;
        surviving_slices(filter, self.table.position(key)?, self.slice_count)
    }
}

/// Returns the columns of a table; those whose texts may end with blanks say so ([`TRAILING_BLANKS_KEY`]).
fn with_trailing_blanks(table: &Table, may_have: impl Fn(usize) -> bool) -> SchemaRef {
    let schema = table.arrow_schema();
    let fields = schema.fields().iter().enumerate().map(|(position, field)| {
        if *field.data_type() != DataType::Utf8View || !may_have(position) {
            return Arc::clone(field);
        }
        let mut metadata = field.metadata().clone();
        metadata.insert(TRAILING_BLANKS_KEY.to_owned(), "true".to_owned());
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[async_trait]
impl TableProvider for WarehouseTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.of_all_runs().clone())
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // The physical filter stays until the scan itself takes it over.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (runs, left_out) = self.surviving_runs(state, filters)?;
        let statistics = if left_out.is_empty() {
            self.of_all_runs().clone()
        } else {
            statistics::of_runs(&runs, self.schema.table_schema()).to_inexact()
        };
        let (groups, order) = self.file_groups(&runs)?;
        let mut source = self
            .source(state.runtime_env())
            .with_blocks_left_out(left_out.iter().map(|run| block_count(run)).sum());
        let mut partitioning = None;
        match self.table.dist_style.effective() {
            DistStyle::Key(column) => {
                // A partition of a table with a DISTKEY is its slice: this keeps the scan from dealing
                // files out anew, and claims nothing about keys. Other tables may be dealt out.
                partitioning = Some(Partitioning::UnknownPartitioning(groups.len()));
                if let Some(position) = self.table.position(column) {
                    source = source.with_distribution(RowDistribution::Key(position));
                }
            }
            DistStyle::All => source = source.with_distribution(RowDistribution::All),
            DistStyle::Even | DistStyle::Auto(_) => (),
        }
        // The store behind this URL is never used: the source knows where the runs are.
        let url = ObjectStoreUrl::local_filesystem();
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_output_ordering(order.into_iter().collect())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_output_partitioning(partitioning)
            .with_expr_adapter(self.expr_adapter())
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

fn block_count(run: &Run) -> usize {
    usize::try_from(run.row_count).unwrap_or(usize::MAX).div_ceil(BLOCK_ROWS)
}
