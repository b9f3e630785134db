//! The vacuum of a temporary table: its session alone sees it, so that there is nobody to lock out and nothing comes in
//! between.

use std::sync::{Arc, atomic::AtomicU64};

use engine::{
    error::Error as EngineError,
    ids::TableId,
    storage::PendingObjects,
    vacuum::{Eligible, Rewritten, Work, replacement, rewrites},
};

use crate::{error::Error, session::Session};

use super::merged;

/// Merges runs of a temporary table of the session until nothing is left of what was there at the beginning.
pub(crate) async fn vacuum_temporary(
    session: &mut Session,
    table: TableId,
    work: Work,
    rows_done: &Arc<AtomicU64>,
) -> Result<(), Error> {
    let storage = Arc::clone(session.leader().storage());
    let catalog = session.catalog_now();
    let Some(before) = catalog.table_by_id(table) else { return Ok(()) };
    let mut eligible = Eligible::of(before);
    loop {
        let catalog = session.catalog();
        let Some(now) = catalog.table_by_id(table) else { return Ok(()) };
        let rewrites = rewrites(now, work, &eligible);
        if rewrites.is_empty() {
            return session.commit_current().await;
        }
        let mut rewritten = merged(session.leader(), now, rewrites, rows_done).await?;
        let mut pending = PendingObjects::new(Arc::clone(&storage));
        let xid = session.transaction().xid();
        let change = replacement(&storage, [now, now], &mut rewritten, xid, &mut pending);
        let Some(change) = change.await.map_err(EngineError::from)? else { return Ok(()) };
        session.change(vec![change])?;
        pending.keep();
        for Rewritten { written, .. } in rewritten {
            eligible.add(written.runs.iter().map(|run| run.id).collect());
            written.pending.keep();
        }
        session.commit_current().await?;
    }
}
