//! SYS_QUERY_HISTORY: queries that have ended.

use std::collections::HashMap;

use crate::{
    ids::QueryId,
    system::{
        StatementFinished, StatementKind, SystemContext, column,
        executed::{ExecutedStep, QueryExecuted, StepKind},
        table::{PG_CATALOG, Rows, SystemTable},
        text::cut,
        value::{NULL, row},
    },
};

/// The view.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "sys_query_history",
    columns: &[
        column::integer("user_id"),
        column::bigint("query_id"),
        column::char("query_label", 320),
        column::bigint("transaction_id"),
        column::integer("session_id"),
        column::char("database_name", 128),
        column::char("query_type", 32),
        column::char("status", 10),
        column::boolean("result_cache_hit"),
        column::timestamp("start_time"),
        column::timestamp("end_time"),
        column::bigint("elapsed_time"),
        column::bigint("queue_time"),
        column::bigint("execution_time"),
        column::char("error_message", 512),
        column::bigint("returned_rows"),
        column::bigint("returned_bytes"),
        column::char("query_text", 4000),
        column::char("redshift_version", 256),
        column::char("usage_limit", 150),
        column::varchar("compute_type", 32),
        column::bigint("compile_time"),
        column::bigint("planning_time"),
        column::bigint("lock_wait_time"),
    ],
    rows,
};

/// What returns rows.
const SELECT: &str = "SELECT";

fn rows(context: &SystemContext, rows: &mut Rows) {
    let executed = context.events.executed();
    let executed: HashMap<QueryId, _> = executed.iter().map(|query| (query.query, query)).collect();
    context.events.visit_statements(|statement| {
        let elapsed_us = statement.end_us - statement.start_us;
        let kind = kind(statement);
        // Nothing is returned of what is written.
        let (returned_rows, returned_bytes) = match (kind, executed.get(&statement.query)) {
            (SELECT, Some(executed)) => returned(executed),
            (SELECT, None) => (None, None),
            _ => (Some(0), Some(0)),
        };
        rows.push(row![
            statement.user,
            statement.query,
            cut(&statement.label, 320),
            statement.xid,
            statement.pid,
            cut(&statement.database, 128),
            kind,
            if statement.aborted { "failed" } else { "success" },
            false,
            statement.start_us,
            statement.end_us,
            elapsed_us,
            0,
            elapsed_us,
            NULL,
            returned_rows,
            returned_bytes,
            &statement.text,
            NULL,
            NULL,
            "provisioned",
            0,
            NULL,
            NULL,
        ]);
    });
}

/// Returns the rows and bytes that went to the client.
fn returned(executed: &QueryExecuted) -> (Option<u64>, Option<u64>) {
    let steps = executed.plan.steps();
    let last = steps.iter().rfind(|step| step.kind == StepKind::Return);
    (last.map(ExecutedStep::rows), last.map(ExecutedStep::bytes))
}

/// Returns the kind of a statement, by its first word.
fn kind(statement: &StatementFinished) -> &'static str {
    let mut words = statement.text.split(|c: char| !c.is_ascii_alphabetic());
    let word = words.find(|word| !word.is_empty()).unwrap_or_default().to_ascii_lowercase();
    match (statement.kind, word.as_str()) {
        (StatementKind::Query, "insert") => "INSERT",
        (StatementKind::Query, "update") => "UPDATE",
        (StatementKind::Query, "delete") => "DELETE",
        (StatementKind::Query, "merge") => "MERGE",
        (StatementKind::Query, "copy") => "COPY",
        (StatementKind::Query, "create") => "CTAS",
        (StatementKind::Query, _) => SELECT,
        (StatementKind::Ddl, _) => "DDL",
        (StatementKind::Utility, _) => "UTILITY",
    }
}
