//! VACUUM: runs of a table, or of all tables, are sorted and lose their deleted rows.

use std::sync::Arc;

use engine::{
    catalog::{SortKey, Table},
    client_error::SqlState,
    distribution::DistStyle,
    sql::{Vacuum, VacuumKind},
    system::VacuumPhase,
    vacuum::{Decision, decide},
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::names,
    vacuum::{ShownProgress, TableVacuum, record, vacuum_temporary},
};

/// What TO n PERCENT is where nobody says so.
const THRESHOLD_PERCENT: u8 = 95;

pub(super) async fn run(session: &mut Session, vacuum: &Vacuum) -> Result<Outcome, Error> {
    session.refuse_shared_transaction("VACUUM")?;
    let catalog = session.catalog_now();
    let tables = match &vacuum.table {
        Some(name) => vec![names::table(session, &catalog, name)?],
        None => catalog.tables().map(Arc::clone).collect(),
    };
    drop(catalog);
    let leader = Arc::clone(session.leader());
    let Some(_only_one) = leader.begin_vacuum() else {
        return Err(Error::Statement {
            sqlstate: SqlState::OBJECT_IN_USE,
            message: "VACUUM is running".to_owned(),
            hint: Some("re-execute after other vacuum finished".to_owned()),
        });
    };
    let _turn = leader.vacuum_turn().lock().await;
    for table in tables {
        check(&table, vacuum.kind)?;
        vacuum_table(session, &table, vacuum).await?;
    }
    Ok(Outcome::done("VACUUM"))
}

fn check(table: &Table, kind: VacuumKind) -> Result<(), Error> {
    if kind != VacuumKind::Recluster {
        return Ok(());
    }
    let what = match (&table.sort_key, table.dist_style.effective()) {
        (SortKey::Interleaved(_), _) => "interleaved sort keys",
        (_, DistStyle::All) => "ALL distribution style",
        _ => return Ok(()),
    };
    let what = format!("VACUUM RECLUSTER on tables with {what}");
    Err(Error::unsupported(what, "Use VACUUM FULL."))
}

async fn vacuum_table(
    session: &mut Session,
    table: &Arc<Table>,
    vacuum: &Vacuum,
) -> Result<(), Error> {
    let leader = &Arc::clone(session.leader());
    // As it is now, not as it was when the first table's turn came.
    let now = session.catalog_now();
    let Some(table) = now.table_by_id(table.id).map(Arc::clone) else { return Ok(()) };
    drop(now);
    let progress = ShownProgress::start(leader, &table);
    let locks = leader.log().new_locks(session.client().pid);
    let xid = locks.xid();
    let is_recluster = vacuum.kind == VacuumKind::Recluster;
    let threshold = vacuum.threshold_percent.unwrap_or(THRESHOLD_PERCENT);
    let work = match decide(&table, vacuum.kind, threshold) {
        Decision::Start(work, status) => {
            record(leader, &table, xid, status, is_recluster);
            work
        }
        Decision::Skip(status) => {
            record(leader, &table, xid, status, is_recluster);
            progress.end(VacuumPhase::Skipped);
            return Ok(());
        }
    };
    progress.phase(work);
    if session.is_temporary(table.schema) {
        vacuum_temporary(session, table.id, work, &progress.rows_done).await?;
    } else {
        let run = TableVacuum {
            leader,
            pid: session.client().pid,
            table: table.id,
            work,
            locks_first: vacuum.boost && vacuum.kind != VacuumKind::DeleteOnly,
            yields_to_blocks: false,
            rows_done: Arc::clone(&progress.rows_done),
        };
        run.run(locks).await?;
    }
    if let Some(after) = session.catalog_now().table_by_id(table.id) {
        record(leader, after, xid, "Finished".to_owned(), is_recluster);
    }
    progress.end(VacuumPhase::Complete);
    Ok(())
}
