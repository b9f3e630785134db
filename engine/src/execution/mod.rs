//! Tables as DataFusion reads them.
//!
//! ```text
//!  WarehouseTable::scan ─▶ runs the filters leave (manifest) ─▶ one file group per slice, in order
//!  WarehouseSource      ─▶ per run, as it is opened: blocks the filters leave (zone map), rows that are
//!                          not deleted (delete vectors) ─▶ Vortex
//! ```
//!
//! | file             | what is in it                                                          |
//! |------------------|------------------------------------------------------------------------|
//! | `table_provider` | [`WarehouseTable`]: a table at one version, one partition per slice     |
//! | `source`         | [`WarehouseSource`]: Vortex's source, which skips blocks and counts them |
//! | `opener`         | runs as they are opened                                                |
//! | `scan_codec`     | a scan on its way to another node                                      |
//! | `scan_split`     | a scan dealt out to nodes                                              |
//! | `group_aggregate` | [`GroupAggregateExec`]: GROUP BY of rows in the order of the groups       |
//! | `inline`         | small runs whose rows are in the catalogue                              |
//! | `pruning`        | which runs and which blocks a filter leaves                             |
//! | `key_bits`       | whether a value is among some integers, one bit each                    |
//! | `slice_filter`   | the keys of a slice of a join's build side, as a filter of a scan's     |
//! | `slice_pruning`  | which slices a filter on the DISTKEY leaves                             |
//! | `slice_route`    | an exchange's expression that leads rows to their slices                |
//! | `mask`           | hides from DataFusion how its input is dealt out, its order, or what groups keep of rows |
//! | `run_reader`     | runs that are objects, as Vortex opens them                             |
//! | `runtime_filter` | filters that joins find while the query runs, inside the scan           |
//! | `key_filter`     | the keys among them, as one bit each                                    |
//! | `row_address`    | the hidden columns that DELETE and UPDATE find rows by                  |
//! | `arithmetic`     | which expressions may fail, and are not handed to Vortex                |
//! | `damage`         | what is wrong with a run that cannot be read                            |
//! | `memory`         | what queries may take of memory, and of the disk where that is not enough |
//! | `merge`          | rows of a slice's runs in one order, with their addresses: what VACUUM writes anew |
//! | `order`          | the order in which a slice's runs are read, and what it proves          |
//! | `required_order` | sorts where an order is needed that statistics proved, which a plan on its way loses |
//! | `statistics`     | what the manifest knows, in DataFusion's terms                         |
//! | `spilling_join`  | [`SpillingJoinExec`]: hash joins that go on on disk                        |
//! | `init_plans`     | values of scalar subqueries: constants to a scan, and what goes to another node with a piece of a plan |
//! | `stored_columns` | the table's columns as runs have them: other names, or lacking          |

mod arithmetic;
mod damage;
mod group_aggregate;
mod init_plans;
mod inline;
mod key_bits;
mod key_filter;
mod mask;
mod memory;
mod merge;
mod opener;
mod order;
mod pruning;
mod required_order;
mod row_address;
mod run_reader;
mod runtime_filter;
mod scan_codec;
mod scan_split;
mod slice_filter;
mod slice_pruning;
mod slice_route;
mod source;
mod spilling_join;
mod statistics;
mod stored_columns;
mod table_provider;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::{error::Result, physical_plan::ExecutionPlan};

pub(crate) use damage::damaged_columns;
pub use group_aggregate::GroupAggregateExec;
use group_aggregate::group_in_order;
pub use init_plans::with_init_plan_values;
pub use mask::{Hidden, MaskExec};
pub use memory::{NodeMemory, SpillFolder};
pub use merge::{merged_rows, stored_rows};
pub use required_order::sorted_as_required;
pub use row_address::{POSITION_COLUMN, RUN_COLUMN};
pub use scan_codec::WarehouseCodec;
pub use scan_split::{filtered_columns, is_kept_here, is_scan, kept_here, split};
pub use slice_filter::SliceKeysExec;
pub(crate) use slice_filter::{SliceFilters, slice_filters};
pub use slice_route::route_among;
pub(crate) use slice_route::{route_function, route_to_slice, routed_key};
pub use source::WarehouseSource;
pub use spilling_join::SpillingJoinExec;
use spilling_join::spill_joins;
pub(crate) use table_provider::MARK_KEY;
pub use table_provider::WarehouseTable;

/// Returns a plan with the operators that run in the place of those it was made of.
pub fn as_it_runs(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    sorted_as_required(spill_joins(group_in_order(plan)?)?)
}
