//! New runs in the place of old ones: the change that a vacuum commits.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    catalog::{CatalogChange, Table},
    ids::{DeleteVectorId, Xid},
    storage::{
        DeleteVector, ManagedStorage, PendingObjects, StorageError,
        paths::{ObjectPath, RunPath},
        run::{DeleteVectorEntry, Run},
        slice_writer::SliceRuns,
    },
    vacuum::Rewrite,
};

/// Runs that were merged, and what was written.
#[derive(Debug)]
pub struct Rewritten {
    /// What was merged.
    pub rewrite: Rewrite,
    /// The new runs.
    pub written: SliceRuns,
}

/// Returns the change that puts the new runs in the place of the old ones; `None` if the table has changed
/// in a way that cannot be carried over.
///
/// `before` is the table that was read, `now` as it is under its write lock. Rows that were deleted in
/// between are deleted in the new runs: their delete vectors are written here and go with `pending`.
pub async fn replacement(
    storage: &Arc<ManagedStorage>,
    [before, now]: [&Table; 2],
    rewritten: &mut [Rewritten],
    xid: Xid,
    pending: &mut PendingObjects,
) -> Result<Option<CatalogChange>, StorageError> {
    if before.columns != now.columns || before.sort_key != now.sort_key {
        return Ok(None);
    }
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for Rewritten { rewrite, written } in rewritten {
        let mut deleted = BTreeMap::new();
        for place in rewrite.places() {
            let Some(old) = run_at(before, place) else { return Ok(None) };
            let Some(new) = now.manifest.runs.iter().find(|run| run.id == old.id) else {
                return Ok(None);
            };
            if old.deletes != new.deletes {
                deleted.insert(place, deleted_since(storage, before, old, new).await?);
            }
            removed.push(old.id);
        }
        let Some(copies) = written.origins.copies(&deleted) else { return Ok(None) };
        let mut runs = written.runs.clone();
        for (run, rows) in by_run(&mut runs, &copies) {
            let id = DeleteVectorId::random();
            let path = RunPath { table: now.id, slice: run.slice, run: run.id };
            pending.extend([ObjectPath::DeleteVector(path, id)]);
            run.deletes.push(DeleteVectorEntry { id, row_count: rows.row_count(), xid });
            storage.put_delete_vector(path, id, rows).await?;
        }
        added.extend(runs);
    }
    Ok(Some(CatalogChange::ReplaceRuns { table: now.id, removed, added }))
}

fn run_at(table: &Table, place: u32) -> Option<&Run> {
    usize::try_from(place).ok().and_then(|place| table.manifest.runs.get(place))
}

/// Returns the rows of a run that are deleted in `new` and were not in `old`.
async fn deleted_since(
    storage: &ManagedStorage,
    table: &Table,
    old: &Run,
    new: &Run,
) -> Result<DeleteVector, StorageError> {
    let mut rows = DeleteVector::default();
    for entry in new.deletes.iter().filter(|entry| !old.deletes.contains(entry)) {
        rows.extend(&*storage.delete_vector(table.run_path(new), entry.id).await?);
    }
    for entry in &old.deletes {
        rows.remove(&*storage.delete_vector(table.run_path(old), entry.id).await?);
    }
    Ok(rows)
}

/// Deals rows, by their number among the rows of all runs, out to the runs they are in.
fn by_run<'a>(runs: &'a mut [Run], rows: &[u64]) -> Vec<(&'a mut Run, DeleteVector)> {
    let mut rows = rows.iter().copied().peekable();
    let mut start = 0;
    let mut found = Vec::new();
    for run in runs {
        let end = start + run.row_count;
        let of_run = std::iter::from_fn(|| rows.next_if(|row| *row < end));
        let vector: DeleteVector = of_run.map(|row| row - start).collect();
        if !vector.is_empty() {
            found.push((run, vector));
        }
        start = end;
    }
    found
}
