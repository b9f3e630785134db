//! pg_stat_activity: sessions, with the columns of PostgreSQL 8 and 15.

use crate::{
    catalog::SUPERUSER,
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_stat_activity",
    columns: &[
        column::oid("datid"),
        column::name("datname"),
        column::integer("procpid"),
        column::integer("pid"),
        column::integer("leader_pid"),
        column::integer("usesysid"),
        column::name("usename"),
        column::text("application_name"),
        column::text("client_addr"),
        column::text("client_hostname"),
        column::integer("client_port"),
        column::timestamptz("backend_start"),
        column::timestamptz("xact_start"),
        column::timestamptz("query_start"),
        column::timestamptz("state_change"),
        column::text("wait_event_type"),
        column::text("wait_event"),
        column::text("state"),
        column::bigint("backend_xid"),
        column::bigint("backend_xmin"),
        column::bigint("query_id"),
        column::text("current_query"),
        column::text("query"),
        column::text("backend_type"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for session in &context.sessions {
        let (address, port) = match session.remote.rsplit_once(':') {
            Some((address, port)) => (Some(address), port.parse::<i32>().ok()),
            None => (Some(session.remote.as_str()), None),
        };
        let state = if session.query.is_some() { "active" } else { "idle" };
        rows.push(row![
            context.catalog.database(&session.database).map(|database| database.id),
            &session.database,
            session.pid,
            session.pid,
            NULL,
            SUPERUSER,
            &session.user,
            &session.application_name,
            address,
            NULL,
            port,
            session.started_us,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            state,
            NULL,
            NULL,
            NULL,
            session.query.as_deref().unwrap_or("<IDLE>"),
            session.query.as_deref(),
            "client backend",
        ]);
    }
}
