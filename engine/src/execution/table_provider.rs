//! A table at one version, as DataFusion scans it: one partition per slice.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Result, Statistics},
    datasource::{
        TableType,
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfigBuilder},
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    execution::object_store::ObjectStoreUrl,
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_expr::Partitioning,
    physical_plan::ExecutionPlan,
};
use vortex_datafusion::{VortexSource, reader::DefaultVortexReaderFactory};

use super::statistics;
use crate::{
    catalog::Table,
    distribution::DistStyle,
    ids::SliceId,
    storage::{
        ManagedStorage, format,
        paths::{ObjectPath, RunPath},
        run::Run,
    },
};

/// A table at one version of the catalogue.
#[derive(Debug)]
pub struct WarehouseTable {
    table: Arc<Table>,
    storage: Arc<ManagedStorage>,
    schema: SchemaRef,
    slice_count: u32,
}

impl WarehouseTable {
    /// Returns the table as of the version that `table` describes.
    pub fn new(table: Arc<Table>, storage: Arc<ManagedStorage>, slice_count: u32) -> Self {
        let schema = table.arrow_schema();
        Self { table, storage, schema, slice_count: slice_count.max(1) }
    }

    /// Returns the table that is scanned.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    fn file(&self, run: &Run) -> PartitionedFile {
        let path = RunPath { table: self.table.id, slice: run.slice, run: run.id };
        let location = self.storage.location(&ObjectPath::Run(path));
        PartitionedFile::new(location.to_string(), run.bytes)
            .with_statistics(Arc::new(statistics::of_run(run, &self.schema)))
    }

    fn file_groups(&self, runs: &[&Run]) -> Vec<FileGroup> {
        let slices = match self.table.dist_style.effective() {
            DistStyle::All => 1,
            _ => self.slice_count,
        };
        (0..slices)
            .map(SliceId)
            .map(|slice| {
                let runs = runs.iter().filter(|run| run.slice == slice);
                FileGroup::new(runs.map(|run| self.file(run)).collect())
            })
            .collect()
    }
}

#[async_trait]
impl TableProvider for WarehouseTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let runs = self.table.manifest.runs.iter().collect::<Vec<_>>();
        Some(statistics::of_runs(&runs, &self.schema))
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
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let runs = self.table.manifest.runs.iter().collect::<Vec<_>>();
        let groups = self.file_groups(&runs);
        let store = Arc::clone(self.storage.store());
        let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        let source = VortexSource::new(
            TableSchema::from(Arc::clone(&self.schema)),
            format::session().clone(),
        )
        .with_projection_pushdown(true)
        .with_vortex_reader_factory(Arc::new(DefaultVortexReaderFactory::new(store)))
        .with_file_metadata_cache(cache);
        let partitioning = matches!(self.table.dist_style.effective(), DistStyle::Key(_))
            .then_some(Partitioning::UnknownPartitioning(groups.len()));
        // The store behind this URL is never used: the reader factory has the right one.
        let url = ObjectStoreUrl::local_filesystem();
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics::of_runs(&runs, &self.schema))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_output_partitioning(partitioning)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
