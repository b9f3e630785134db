//! STV_RECENTS: statements that run and statements that ended.

use crate::{
    catalog::SUPERUSER,
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        text::cut,
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stv_recents",
    columns: &[
        column::integer("userid"),
        column::char("status", 20),
        column::timestamp("starttime"),
        column::integer("duration"),
        column::char("user_name", 50),
        column::char("db_name", 50),
        column::char("query", 600),
        column::integer("pid"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for session in &context.sessions {
        let Some(text) = &session.query else { continue };
        rows.push(row![
            SUPERUSER,
            "Running",
            NULL,
            NULL,
            cut(&session.user, 50),
            cut(&session.database, 50),
            cut(text, 600),
            session.pid,
        ]);
    }
    context.events.visit_queries(|query| {
        rows.push(row![
            query.user,
            "Done",
            query.start_us,
            query.end_us - query.start_us,
            context.user_name(query.user),
            cut(&query.database, 50),
            cut(&query.text, 600),
            -1,
        ]);
    });
}
