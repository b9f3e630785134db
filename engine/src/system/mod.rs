//! The system's own tables: PostgreSQL's catalogue, Redshift's SVV, SVL, SYS, STL and STV tables, and the
//! information schema.
//!
//! ```text
//!  Catalog ──┐
//!  EventLog ─┼─▶ SystemContext ─▶ SystemTable::rows ─▶ provider ─▶ DataFusion
//!  sessions ─┘    one statement     one file each       the one adapter
//! ```
//!
//! Invariants:
//!
//! * A system table keeps nothing: its rows are made from the context when it is read.
//! * A table that is there only because clients ask for it has its true columns and no rows.

mod analyzed_column;
pub(crate) mod column;
mod column_shape;
pub(crate) mod constraint;
mod context;
mod described_columns;
pub(crate) mod encoding;
mod event;
mod event_log;
pub(crate) mod executed;
pub(crate) mod identifier;
mod information_schema;
pub(crate) mod oids;
mod pg_catalog;
pub(crate) mod pg_types;
mod provider;
pub(crate) mod relation;
mod session_control;
mod stl;
mod stv;
mod svl;
mod svv;
mod sys;
mod table;
mod table_size;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod value;

use std::sync::LazyLock;

pub use context::{NodeState, SessionInfo, SystemContext};
pub use event::{
    LoadError, LoadFinished, StatementFinished, StatementKind, TableAnalyzed, TransactionConflict,
    VacuumEvent, VacuumPhase, VacuumProgress,
};
pub use event_log::{EVENTS_OF_A_KIND_MAX, EventLog, QUERY_TEXT_BYTES_MAX};
pub use executed::{
    ExecutedNode, ExecutedPlan, ExecutedStep, LEADER_SLICE, QueryExecuted, StepKind, StepOnSlice,
};
pub(crate) use provider::RELATION_KEY;
pub use provider::provider;
pub use session_control::SessionControl;
pub use table::SystemTable;
pub use table_size::{blocks, unsorted_rows};

/// Returns all system tables.
pub fn tables() -> &'static [SystemTable] {
    static TABLES: LazyLock<Vec<SystemTable>> = LazyLock::new(|| {
        let groups: [&[SystemTable]; 7] = [
            &pg_catalog::TABLES,
            &svv::TABLES,
            &stl::TABLES,
            &stv::TABLES,
            &svl::TABLES,
            &sys::TABLES,
            &information_schema::TABLES,
        ];
        groups.concat()
    });
    &TABLES
}

/// Returns the system table of this name.
pub(crate) fn find(schema: &str, name: &str) -> Option<&'static SystemTable> {
    tables().iter().find(|table| table.schema == schema && table.name == name)
}

/// Returns whether a system table needs [`SystemContext::zone_maps`].
pub(crate) fn shows_zone_maps(name: &str) -> bool {
    matches!(name, "stv_blocklist")
}

/// Returns the names of the system tables of a schema.
pub fn table_names(schema: &str) -> impl Iterator<Item = &'static str> {
    tables().iter().filter(move |table| table.schema == schema).map(|table| table.name)
}
