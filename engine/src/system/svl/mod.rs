//! SVL: views over what happened.

use crate::system::SystemTable;

mod svl_qlog;
mod svl_statementtext;

/// The views.
pub(super) const TABLES: [SystemTable; 2] = [svl_qlog::TABLE, svl_statementtext::TABLE];
