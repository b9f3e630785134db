//! STL: what happened, read from the event log.

use crate::system::SystemTable;

mod statement_text;
mod stl_aggr;
mod stl_alert_event_log;
mod stl_analyze;
mod stl_bcast;
mod stl_ddltext;
mod stl_dist;
mod stl_explain;
mod stl_hash;
mod stl_hashjoin;
mod stl_load_commits;
mod stl_load_errors;
mod stl_loaderror_detail;
mod stl_mergejoin;
mod stl_nestloop;
mod stl_query;
mod stl_querytext;
mod stl_return;
mod stl_scan;
mod stl_sort;
mod stl_tr_conflict;
mod stl_utilitytext;
mod stl_vacuum;
mod stl_window;

pub(super) use stl_alert_event_log::alert;

/// The tables.
pub(super) const TABLES: [SystemTable; 23] = [
    stl_aggr::TABLE,
    stl_alert_event_log::TABLE,
    stl_analyze::TABLE,
    stl_bcast::TABLE,
    stl_ddltext::TABLE,
    stl_dist::TABLE,
    stl_explain::TABLE,
    stl_hash::TABLE,
    stl_hashjoin::TABLE,
    stl_load_commits::TABLE,
    stl_load_errors::TABLE,
    stl_loaderror_detail::TABLE,
    stl_mergejoin::TABLE,
    stl_nestloop::TABLE,
    stl_query::TABLE,
    stl_querytext::TABLE,
    stl_return::TABLE,
    stl_scan::TABLE,
    stl_sort::TABLE,
    stl_tr_conflict::TABLE,
    stl_utilitytext::TABLE,
    stl_vacuum::TABLE,
    stl_window::TABLE,
];
