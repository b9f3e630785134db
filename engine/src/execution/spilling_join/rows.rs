//! Rows that are there already, or will be by themselves, as a side of a join.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::datatypes::SchemaRef,
    common::{Result, internal_datafusion_err, tree_node::TreeNodeRecursion},
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr},
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
        execution_plan::{Boundedness, EmissionType},
    },
};
use parking_lot::Mutex;

/// A plan whose partitions are given to it, once each.
pub(super) struct RowsExec {
    properties: Arc<PlanProperties>,
    partitions: Arc<[Mutex<Option<SendableRecordBatchStream>>]>,
    /// What the rows come from, for who looks for something there.
    origin: Option<Arc<dyn ExecutionPlan>>,
}

impl RowsExec {
    /// Returns a plan for rows of another one, to be given.
    pub(super) fn of(origin: &Arc<dyn ExecutionPlan>) -> Self {
        Self {
            properties: Arc::clone(origin.properties()),
            partitions: no_rows(origin.properties().output_partitioning().partition_count()),
            origin: Some(Arc::clone(origin)),
        }
    }

    /// Returns a plan that has rows in one of its partitions, in no order.
    pub(super) fn in_partition(
        rows: SendableRecordBatchStream,
        schema: SchemaRef,
        partition: usize,
        partition_count: usize,
    ) -> Result<Self> {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partition_count),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let partitions = no_rows(partition_count);
        let plan = Self { properties: Arc::new(properties), partitions, origin: None };
        plan.give(partition, rows)?;
        Ok(plan)
    }

    /// Returns the same rows, come from nowhere.
    pub(super) fn without_origin(&self) -> Self {
        let (properties, partitions) = (Arc::clone(&self.properties), Arc::clone(&self.partitions));
        Self { properties, partitions, origin: None }
    }

    /// Gives a partition its rows.
    pub(super) fn give(&self, partition: usize, rows: SendableRecordBatchStream) -> Result<()> {
        *self.partition(partition)?.lock() = Some(rows);
        Ok(())
    }

    fn partition(&self, partition: usize) -> Result<&Mutex<Option<SendableRecordBatchStream>>> {
        let known = self.partitions.get(partition);
        known.ok_or_else(|| internal_datafusion_err!("there is no partition {partition}"))
    }
}

fn no_rows(partition_count: usize) -> Arc<[Mutex<Option<SendableRecordBatchStream>>]> {
    (0..partition_count).map(|_| Mutex::new(None)).collect()
}

impl fmt::Debug for RowsExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowsExec").field("partitions", &self.partitions.len()).finish()
    }
}

impl DisplayAs for RowsExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowsExec")
    }
}

impl ExecutionPlan for RowsExec {
    fn name(&self) -> &'static str {
        "RowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.origin.iter().collect()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // The rows are there already, whatever they come from.
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.partition(partition)?.lock().take();
        rows.ok_or_else(|| internal_datafusion_err!("partition {partition} has no rows any more"))
    }
}
