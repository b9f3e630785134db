//! Tables as DataFusion reads them.
//!
//! | file             | what is in it                                                          |
//! |------------------|------------------------------------------------------------------------|
//! | `table_provider` | [`WarehouseTable`]: a table at one version, one partition per slice     |
//! | `statistics`     | what the manifest knows, in DataFusion's terms                         |

mod statistics;
mod table_provider;

pub use table_provider::WarehouseTable;
