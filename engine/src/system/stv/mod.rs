//! STV: what is, right now.

use crate::system::SystemTable;

mod stv_blocklist;
mod stv_db_isolation_level;
mod stv_locks;
mod stv_node_state;
mod stv_recents;
mod stv_sessions;
mod stv_slices;
mod stv_tbl_perm;

/// The tables.
pub(super) const TABLES: [SystemTable; 8] = [
    stv_blocklist::TABLE,
    stv_db_isolation_level::TABLE,
    stv_locks::TABLE,
    stv_node_state::TABLE,
    stv_recents::TABLE,
    stv_sessions::TABLE,
    stv_slices::TABLE,
    stv_tbl_perm::TABLE,
];
