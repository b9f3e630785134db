//! SVL_STATEMENTTEXT: the texts of all statements.

use crate::system::{
    SystemContext, column,
    event::StatementKind,
    table::{PG_CATALOG, Rows, SystemTable},
    text::{cut, pieces},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svl_statementtext",
    columns: &[
        column::integer("userid"),
        column::bigint("xid"),
        column::integer("pid"),
        column::char("label", 320),
        column::timestamp("starttime"),
        column::timestamp("endtime"),
        column::integer("sequence"),
        column::varchar("type", 10),
        column::char("text", 200),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_statements(|statement| {
        let kind = match statement.kind {
            StatementKind::Query => "QUERY",
            StatementKind::Ddl => "DDL",
            StatementKind::Utility => "UTILITY",
        };
        for (sequence, text) in (0..).zip(pieces(&statement.text)) {
            rows.push(row![
                statement.user,
                statement.xid,
                statement.pid,
                cut(&statement.label, 320),
                statement.start_us,
                statement.end_us,
                sequence,
                kind,
                text,
            ]);
        }
    });
}
