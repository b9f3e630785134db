//! ANALYZE: what is known of a table is known of every run since it was written, so that nothing is left to find
//! out. Names are checked, and STL_ANALYZE is told what has changed since the last time.

use std::sync::Arc;

use chrono::Utc;
use engine::{
    catalog::{Catalog, SUPERUSER, Table},
    sql::Analyze,
    system::TableAnalyzed,
};

use crate::{
    error::Error,
    leader::Analyzed,
    session::{Outcome, Session},
    statement::names,
};

pub(super) fn run(session: &mut Session, analyze: &Analyze) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let Some(name) = &analyze.table else {
        for table in catalog.tables() {
            look_at(session, &catalog, table);
        }
        return Ok(Outcome::done("ANALYZE"));
    };
    let table = names::table(session, &catalog, name)?;
    names::column_positions(&table, &analyze.columns)?;
    let skipped = look_at(session, &catalog, &table);
    Ok(Outcome::done(if skipped { "ANALYZE SKIP" } else { "ANALYZE" }))
}

/// Records a table; returns whether it was skipped because too little of it has changed.
fn look_at(session: &mut Session, catalog: &Catalog, table: &Arc<Table>) -> bool {
    let start_us = Utc::now().timestamp_micros();
    let threshold = session.parameters().analyze_threshold_percent();
    let leader = Arc::clone(session.leader());
    let last = leader.analyzed(table.id);
    let row_count = table.manifest.row_count();
    let modified_count = match &last {
        Some(last) => table.manifest.modified_count(&last.manifest),
        None => row_count,
    };
    let percent = modified_count as f64 * 100.0 / row_count.max(1) as f64;
    let skipped = last.is_some() && percent < threshold;
    let end_us = Utc::now().timestamp_micros();
    if !skipped {
        let seen = Analyzed { manifest: Arc::clone(&table.manifest), at_us: end_us };
        leader.set_analyzed(table.id, seen);
    }
    let schema = catalog.schema_by_id(table.schema);
    leader.events().table_analyzed(TableAnalyzed {
        user: SUPERUSER,
        xid: session.transaction().xid(),
        database: session.client().database.clone(),
        table: table.id,
        schema_name: schema.map(|schema| schema.name.clone()).unwrap_or_default(),
        table_name: table.name.clone(),
        skipped,
        row_count,
        modified_count,
        threshold_percent: threshold.round() as i32,
        start_us,
        end_us,
        previous_us: last.map(|last| last.at_us),
    });
    skipped
}
