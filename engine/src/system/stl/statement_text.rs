//! What `STL_DDLTEXT` and `STL_UTILITYTEXT` have in common: all but which statements they show.

use crate::system::{
    SystemContext,
    column::{self, SystemColumn},
    event::StatementKind,
    table::Rows,
    text::{cut, pieces},
    value::row,
};

/// The columns.
pub(super) const COLUMNS: &[SystemColumn] = &[
    column::integer("userid"),
    column::bigint("xid"),
    column::integer("pid"),
    column::char("label", 320),
    column::timestamp("starttime"),
    column::timestamp("endtime"),
    column::integer("sequence"),
    column::char("text", 200),
];

/// Adds the statements of a kind, a row for each piece of their texts.
pub(super) fn rows(context: &SystemContext, rows: &mut Rows, kind: StatementKind) {
    context.events.visit_statements(|statement| {
        if statement.kind != kind {
            return;
        }
        for (sequence, text) in (0..).zip(pieces(&statement.text)) {
            rows.push(row![
                statement.user,
                statement.xid,
                statement.pid,
                cut(&statement.label, 320),
                statement.start_us,
                statement.end_us,
                sequence,
                text,
            ]);
        }
    });
}
