//! The one adapter: a system table as DataFusion wants to see it.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    datasource::memory::MemorySourceConfig,
    error::Result,
    logical_expr::{Expr, TableType},
    physical_plan::ExecutionPlan,
};

use crate::system::{SystemContext, SystemTable};

/// The metadata of a column that holds the name of its system table, for EXPLAIN.
pub(crate) const RELATION_KEY: &str = "blueshift.relation";

/// Returns the system table of this name, bound to what it is asked about.
pub fn provider(
    schema: &str,
    name: &str,
    context: Arc<SystemContext>,
) -> Option<Arc<dyn TableProvider>> {
    let table = super::find(schema, name)?;
    Some(Arc::new(SystemTableProvider { table, schema: named(table), context }))
}

/// Returns the columns of a table; each says which table it is of.
fn named(table: &SystemTable) -> SchemaRef {
    let columns = table.arrow_schema();
    let fields = columns.fields().iter().map(|field| {
        let mut metadata = field.metadata().clone();
        metadata.insert(RELATION_KEY.to_owned(), table.name.to_owned());
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A system table and the context it answers from.
#[derive(Debug)]
struct SystemTableProvider {
    table: &'static SystemTable,
    schema: SchemaRef,
    context: Arc<SystemContext>,
}

#[async_trait]
impl TableProvider for SystemTableProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// Makes the rows while the statement is planned, so that joins are planned with exact counts.
    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = self.table.batch(&self.context)?.with_schema(self.schema())?;
        let partitions = [vec![batch]];
        let plan =
            MemorySourceConfig::try_new_exec(&partitions, self.schema(), projection.cloned())?;
        Ok(plan)
    }
}
