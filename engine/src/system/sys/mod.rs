//! SYS: Redshift's newer views, over the same events as STL.

use crate::system::SystemTable;

mod sys_query_detail;
mod sys_query_history;

/// The views.
pub(super) const TABLES: [SystemTable; 2] = [sys_query_detail::TABLE, sys_query_history::TABLE];
