//! SVL: views over what happened.

use crate::system::SystemTable;

mod svl_qlog;
mod svl_query_report;
mod svl_query_summary;
mod svl_statementtext;

/// The views.
pub(super) const TABLES: [SystemTable; 4] =
    [svl_qlog::TABLE, svl_query_report::TABLE, svl_query_summary::TABLE, svl_statementtext::TABLE];
