//! STL: what happened, read from the event log.

use crate::system::SystemTable;

mod stl_load_commits;
mod stl_load_errors;
mod stl_loaderror_detail;
mod stl_query;

/// The tables.
pub(super) const TABLES: [SystemTable; 4] = [
    stl_load_commits::TABLE,
    stl_load_errors::TABLE,
    stl_loaderror_detail::TABLE,
    stl_query::TABLE,
];
