//! Rows of runs in one order, with their addresses: what VACUUM writes anew.
//!
//! ```text
//!  sequence 0: run, run, … ─▶ scan ─┐
//!  sequence 1: run, …      ─▶ scan ─┼─▶ merge by the sort key ─▶ rows, $position, $run
//!  sequence 2: run, run, … ─▶ scan ─┘
//! ```
//!
//! Of each sequence one run is open at a time, so that memory depends on the number of sequences only.

use std::sync::Arc;

use datafusion::{
    common::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_plan::{
        ExecutionPlan, coalesce_partitions::CoalescePartitionsExec,
        sorts::sort_preserving_merge::SortPreservingMergeExec,
    },
};

use super::WarehouseTable;
use crate::{catalog::Table, storage::ManagedStorage};

/// Returns the rows of these runs that are not deleted: the table's columns, then `$position` and `$run`.
///
/// A run is named by its place in the manifest of `table`. The runs of a sequence can be read one after
/// the other; of a table without a sort key all are.
pub fn merged_rows(
    table: &Arc<Table>,
    storage: &Arc<ManagedStorage>,
    sequences: &[Vec<u32>],
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let provider = WarehouseTable::new(Arc::clone(table), Arc::clone(storage), 1);
    let provider = provider.with_row_addresses();
    let runtime = context.runtime_env();
    let plan: Arc<dyn ExecutionPlan> = match provider.sort_order() {
        Some(order) => {
            let scan = provider.scan_sequences(sequences, Some(order.clone()), &runtime)?;
            Arc::new(SortPreservingMergeExec::new(order, scan))
        }
        None => {
            let scan = provider.scan_sequences(&[sequences.concat()], None, &runtime)?;
            Arc::new(CoalescePartitionsExec::new(scan))
        }
    };
    plan.execute(0, context)
}

/// Returns all rows of a run, deleted ones too, in the order they are stored in: the table's columns, then
/// `$position` and `$run`.
pub fn stored_rows(
    table: &Arc<Table>,
    storage: &Arc<ManagedStorage>,
    place: u32,
) -> Result<SendableRecordBatchStream> {
    let mut table = (**table).clone();
    for run in &mut Arc::make_mut(&mut table.manifest).runs {
        Arc::make_mut(run).deletes.clear();
    }
    let provider = WarehouseTable::new(Arc::new(table), Arc::clone(storage), 1);
    let provider = provider.with_row_addresses();
    let context: Arc<TaskContext> = Arc::default();
    let (order, runtime) = (provider.stored_order(), context.runtime_env());
    provider.scan_sequences(&[vec![place]], order, &runtime)?.execute(0, context)
}
