//! STL: what happened, read from the event log.

use crate::system::SystemTable;

mod statement_text;
mod stl_analyze;
mod stl_ddltext;
mod stl_load_commits;
mod stl_load_errors;
mod stl_loaderror_detail;
mod stl_query;
mod stl_querytext;
mod stl_tr_conflict;
mod stl_utilitytext;
mod stl_vacuum;

/// The tables.
pub(super) const TABLES: [SystemTable; 10] = [
    stl_analyze::TABLE,
    stl_ddltext::TABLE,
    stl_load_commits::TABLE,
    stl_load_errors::TABLE,
    stl_loaderror_detail::TABLE,
    stl_query::TABLE,
    stl_querytext::TABLE,
    stl_tr_conflict::TABLE,
    stl_utilitytext::TABLE,
    stl_vacuum::TABLE,
];
