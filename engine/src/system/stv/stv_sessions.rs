//! STV_SESSIONS: sessions.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    text::cut,
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stv_sessions",
    columns: &[
        column::timestamp("starttime"),
        column::integer("process"),
        column::char("user_name", 50),
        column::char("db_name", 50),
        column::integer("timeout_sec"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for session in &context.sessions {
        rows.push(row![
            session.started_us,
            session.pid,
            cut(&session.user, 50),
            cut(&session.database, 50),
            0,
        ]);
    }
}
