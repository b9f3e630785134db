//! New runs in the place of old ones: the change that a vacuum commits.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    catalog::{CatalogChange, Table},
    ids::{DeleteVectorId, RunId, Xid},
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
    if !now.is_laid_out_as(before) {
        return Ok(None);
    }
    let live: HashMap<RunId, &Run> = now.manifest.runs.iter().map(|run| (run.id, &**run)).collect();
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for Rewritten { rewrite, written } in rewritten {
        let mut deleted = BTreeMap::new();
        for place in rewrite.places() {
            let Some(old) = run_at(before, place) else { return Ok(None) };
            let Some(new) = live.get(&old.id) else { return Ok(None) };
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
    usize::try_from(place).ok().and_then(|place| table.manifest.runs.get(place)).map(|run| &**run)
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

#[cfg(test)]
mod tests {
    use arrow::{
        array::{ArrayRef, AsArray, Int64Array, RecordBatch},
        datatypes::Int64Type,
    };
    use futures::{StreamExt, TryStreamExt};
    use object_store::{memory::InMemory, path::Path};

    use super::*;
    use crate::{
        catalog::{Catalog, SortKey},
        distribution::DistStyle,
        execution::merged_rows,
        ids::ColumnId,
        storage::{slice_writer::SliceWriter, writer::TableWriter},
        types::SqlType,
        vacuum::{Eligible, Work, rewrites},
    };

    const ME: Xid = Xid(9);

    fn table(sort_key: SortKey) -> Table {
        Table::of_columns(&[("x", SqlType::BigInt)], DistStyle::Even, sort_key)
    }

    fn storage() -> Arc<ManagedStorage> {
        ManagedStorage::with_store(Arc::new(InMemory::new()), Path::from("root"), 1 << 20)
    }

    /// Adds a run with these values.
    async fn load(storage: &Arc<ManagedStorage>, table: &mut Table, values: Vec<i64>) {
        let mut writer = TableWriter::new(Arc::clone(storage), table.layout(1), 64 << 20);
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        let batch = RecordBatch::try_new(table.arrow_schema(), vec![values]).unwrap();
        let rows = writer.router().route(batch).unwrap();
        writer.write(rows).await.unwrap();
        let runs = writer.finish().await.unwrap().into_iter().map(Arc::new);
        Arc::make_mut(&mut table.manifest).runs.extend(runs);
    }

    /// Deletes rows of a run, as a DELETE does: the new vector takes the old one over.
    async fn delete(storage: &Arc<ManagedStorage>, table: &mut Table, run: usize, rows: &[u64]) {
        let path = table.run_path(&table.manifest.runs[run]);
        let run = Arc::make_mut(&mut Arc::make_mut(&mut table.manifest).runs[run]);
        let mut vector: DeleteVector = rows.iter().copied().collect();
        for entry in std::mem::take(&mut run.deletes) {
            vector.extend(&storage.delete_vector(path, entry.id).await.unwrap());
        }
        let id = DeleteVectorId::random();
        run.deletes.push(DeleteVectorEntry { id, row_count: vector.row_count(), xid: Xid(1) });
        storage.put_delete_vector(path, id, vector).await.unwrap();
    }

    async fn rewrite(storage: &Arc<ManagedStorage>, table: &Table, work: Work) -> Vec<Rewritten> {
        let (table, mut rewritten) = (Arc::new(table.clone()), Vec::new());
        for rewrite in rewrites(&table, work, &Eligible::of(&table)) {
            let layout = Arc::new(table.layout(1));
            let mut writer = SliceWriter::new(Arc::clone(storage), layout, rewrite.slice);
            let rows = merged_rows(&table, storage, &rewrite.sequences, Arc::default()).unwrap();
            let mut rows = rows.boxed();
            while let Some(batch) = rows.try_next().await.unwrap() {
                writer.write(batch).await.unwrap();
            }
            rewritten.push(Rewritten { rewrite, written: writer.finish().await.unwrap() });
        }
        rewritten
    }

    /// Returns the values of all rows, in order.
    async fn values(storage: &Arc<ManagedStorage>, table: &Table) -> Vec<i64> {
        let places = (0..).take(table.manifest.runs.len()).map(|place| vec![place]);
        let places: Vec<Vec<u32>> = places.collect();
        let rows = merged_rows(&Arc::new(table.clone()), storage, &places, Arc::default()).unwrap();
        let batches: Vec<RecordBatch> = rows.try_collect().await.unwrap();
        let values = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>());
        let mut values: Vec<i64> = values.flatten().collect();
        values.sort_unstable();
        values
    }

    fn with(table: &Table, change: &CatalogChange) -> Table {
        let mut catalog = Catalog::default();
        catalog.apply(&CatalogChange::CreateTable(Arc::new(table.clone()))).unwrap();
        catalog.apply(change).unwrap();
        catalog.tables().next().unwrap().as_ref().clone()
    }

    #[tokio::test]
    async fn rows_deleted_meanwhile_are_deleted_in_the_new_runs() {
        for sort_key in [SortKey::Compound(vec![ColumnId(1)]), SortKey::Auto] {
            let (storage, mut before) = (storage(), table(sort_key));
            load(&storage, &mut before, (0..9_000).map(|n| n * 3).collect()).await;
            load(&storage, &mut before, (0..9_000).map(|n| n * 3 + 1).collect()).await;
            load(&storage, &mut before, (0..9_000).map(|n| n * 3 + 2).collect()).await;
            delete(&storage, &mut before, 0, &[3, 5]).await;
            let work = Work::Sort { reclaim: true };
            let work = if before.sort_key == SortKey::Auto {
                Work::Reclaim { threshold_percent: 100 }
            } else {
                work
            };
            let mut rewritten = rewrite(&storage, &before, work).await;
            let mut now = before.clone();
            delete(&storage, &mut now, 0, &[7, 8_999]).await;
            delete(&storage, &mut now, 2, &[0, 4_000]).await;
            load(&storage, &mut now, vec![-5]).await;
            let expected = values(&storage, &now).await;
            assert_eq!(expected.len(), 27_000 - 6 + 1);
            let mut pending = PendingObjects::new(Arc::clone(&storage));
            let change = replacement(&storage, [&before, &now], &mut rewritten, ME, &mut pending);
            let after = with(&now, &change.await.unwrap().unwrap());
            assert_eq!(after.manifest.runs.len(), 2);
            assert_eq!(after.manifest.row_count(), 27_000 - 6 + 1);
            assert_eq!(values(&storage, &after).await, expected);
            pending.keep();
            rewritten.into_iter().for_each(|rewritten| rewritten.written.pending.keep());
        }
    }

    #[tokio::test]
    async fn what_cannot_be_carried_over_is_given_up() {
        let (storage, mut before) = (storage(), table(SortKey::Auto));
        load(&storage, &mut before, vec![1, 2]).await;
        load(&storage, &mut before, vec![3, 4]).await;
        let work = Work::Reclaim { threshold_percent: 95 };
        let mut rewritten = rewrite(&storage, &before, work).await;
        let mut pending = PendingObjects::new(Arc::clone(&storage));
        let mut gone = before.clone();
        Arc::make_mut(&mut gone.manifest).runs.remove(0);
        let change = replacement(&storage, [&before, &gone], &mut rewritten, ME, &mut pending);
        assert_eq!(change.await.unwrap(), None);
        let mut altered = before.clone();
        altered.columns[0].name = "y".to_owned();
        let change = replacement(&storage, [&before, &altered], &mut rewritten, ME, &mut pending);
        assert_eq!(change.await.unwrap(), None);
    }
}
