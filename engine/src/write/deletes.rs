//! Rows that a statement deletes: from the addresses a scan gave to delete vectors.
//!
//! ```text
//!  ($run, $position) … ─▶ one bitmap per run ─▶ all rows of the run? the run goes
//!                                            └▶ else a new delete vector, which takes the old one over
//! ```
//!
//! Invariants:
//!
//! * The caller holds the table's write lock: what is committed of the table (`head`) stays as it is.
//! * A row that another transaction deleted after this one's snapshot is a conflict
//!   ([`TransactionError::SerializableIsolation`]); other rows of the same run are not.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::{
    catalog::{CatalogChange, RunDeletes, Table},
    ids::{DeleteVectorId, Pid, RunId, Xid},
    storage::{
        DeleteVector, ManagedStorage, PendingObjects, StorageError,
        paths::{ObjectPath, RunPath},
        run::{DeleteVectorEntry, Run},
    },
    transaction::TransactionError,
};

/// How many delete vectors are written at a time.
const REQUESTS: usize = 8;

/// The rows to delete, by the place of their run in the table's manifest.
#[derive(Debug)]
pub struct DeletedRows {
    runs: Vec<DeleteVector>,
}

impl DeletedRows {
    /// Returns no row of the table.
    pub fn none(table: &Table) -> Self {
        Self::none_of(table.manifest.runs.len())
    }

    /// Returns no row of a table of so many runs.
    pub fn none_of(run_count: usize) -> Self {
        Self { runs: vec![DeleteVector::default(); run_count] }
    }

    /// Adds a row by its address; returns whether it was not there.
    pub fn insert(&mut self, run: u32, position: u64) -> bool {
        let run = usize::try_from(run).ok().and_then(|run| self.runs.get_mut(run));
        run.is_some_and(|rows| rows.insert(position))
    }

    /// Adds rows of the same table; returns whether all of them were not there.
    pub fn extend(&mut self, others: &Self) -> bool {
        let mut are_new = true;
        for (rows, others) in self.runs.iter_mut().zip(&others.runs) {
            are_new &= !rows.intersects(others);
            rows.extend(others);
        }
        are_new
    }

    /// Returns the rows as bytes: of every run that has any, its place and the length of its vector (4 bytes each,
    /// the lowest first), and the vector.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (place, rows) in (0_u32..).zip(&self.runs).filter(|(_, rows)| !rows.is_empty()) {
            let vector = rows.encode();
            bytes.extend(place.to_le_bytes());
            bytes.extend((vector.len() as u32).to_le_bytes());
            bytes.extend(vector);
        }
        bytes
    }

    /// Returns what [`Self::encode`] wrote for a table of so many runs, or what is wrong with the bytes.
    pub fn decode(mut bytes: &[u8], run_count: usize) -> Result<Self, &'static str> {
        let mut rows = Self::none_of(run_count);
        while !bytes.is_empty() {
            let (place, rest) = bytes.split_first_chunk().ok_or("a place is cut off")?;
            let (length, rest) = rest.split_first_chunk().ok_or("a length is cut off")?;
            let length = u32::from_le_bytes(*length) as usize;
            let (vector, rest) = rest.split_at_checked(length).ok_or("a vector is cut off")?;
            let place = u32::from_le_bytes(*place) as usize;
            let run = rows.runs.get_mut(place).ok_or("a run is not the table's")?;
            *run = DeleteVector::decode(vector)?;
            bytes = rest;
        }
        Ok(rows)
    }

    /// Returns the number of rows.
    pub fn row_count(&self) -> u64 {
        self.runs.iter().map(DeleteVector::row_count).sum()
    }
}

/// A table in the three states that a delete has to do with.
#[derive(Debug, Clone, Copy)]
pub struct TableVersions<'a> {
    /// As the transaction sees it.
    pub table: &'a Table,
    /// In the transaction's snapshot, without its own changes; `None` if it made the table itself.
    pub base: Option<&'a Table>,
    /// As it is committed now.
    pub head: Option<&'a Table>,
    /// The transaction.
    pub xid: Xid,
    /// Its session.
    pub pid: Pid,
}

/// Writes what deletes the rows; the changes name the objects, which go with `pending` until then.
pub async fn delete_rows(
    storage: &Arc<ManagedStorage>,
    versions: TableVersions<'_>,
    rows: DeletedRows,
    pending: &mut PendingObjects,
) -> Result<Vec<CatalogChange>, TransactionError> {
    let runs = versions.table.manifest.runs.iter().zip(rows.runs);
    let (mut removed, mut vectors) = (Vec::new(), Vec::new());
    for (run, rows) in runs.filter(|(_, rows)| !rows.is_empty()) {
        let foreign = versions.foreign_deletes(run)?;
        for (entry, vector) in read(storage, versions.table.run_path(run), &foreign).await? {
            if vector.intersects(&rows) {
                return Err(versions.conflict(Some(entry.xid)));
            }
        }
        if rows.row_count() >= run.live_row_count() {
            removed.push(run.id);
            continue;
        }
        // With deletes of others in between only our own vectors are taken over.
        let own = versions.own_deletes(run);
        let replaced = if foreign.is_empty() { run.deletes.clone() } else { own };
        vectors.push(merge(storage, versions, run, rows, replaced).await?);
    }
    let changes = vectors.iter().map(|(deletes, _)| deletes.clone()).collect::<Vec<_>>();
    let table = versions.table.id;
    let path = |deletes: &RunDeletes| deletes.path(table);
    let written = changes.iter();
    pending.extend(written.map(|d| ObjectPath::DeleteVector(path(d), d.vector.id)));
    let writes = vectors.into_iter().map(|(deletes, vector)| {
        let (storage, run) = (Arc::clone(storage), path(&deletes));
        async move { storage.put_delete_vector(run, deletes.vector.id, vector).await }.boxed()
    });
    let writes: Vec<_> = writes.collect();
    stream::iter(writes).buffer_unordered(REQUESTS).try_collect::<Vec<()>>().await?;
    Ok(changes_of(versions.table, removed, changes))
}

/// Deletes every row: the runs go, and no delete vector is written.
pub fn delete_all(versions: TableVersions<'_>) -> Result<Vec<CatalogChange>, TransactionError> {
    let mut removed = Vec::with_capacity(versions.table.manifest.runs.len());
    for run in &versions.table.manifest.runs {
        // Any row that others have deleted since is one that this transaction still sees.
        if let Some(entry) = versions.foreign_deletes(run)?.first() {
            return Err(versions.conflict(Some(entry.xid)));
        }
        removed.push(run.id);
    }
    Ok(changes_of(versions.table, removed, Vec::new()))
}

fn changes_of(table: &Table, removed: Vec<RunId>, runs: Vec<RunDeletes>) -> Vec<CatalogChange> {
    let table = table.id;
    let mut changes = Vec::new();
    if !removed.is_empty() {
        changes.push(CatalogChange::ReplaceRuns { table, removed, added: Vec::new() });
    }
    if !runs.is_empty() {
        changes.push(CatalogChange::DeleteRows { table, runs });
    }
    changes
}

impl TableVersions<'_> {
    /// Returns the delete vectors that others have added to the run since the snapshot.
    fn foreign_deletes(&self, run: &Run) -> Result<Vec<DeleteVectorEntry>, TransactionError> {
        let Some(base) = find(self.base, run.id) else {
            // The transaction's own run: nobody else knows it.
            return Ok(Vec::new());
        };
        let head = find(self.head, run.id).ok_or_else(|| self.conflict(None))?;
        let new = head.deletes.iter().filter(|vector| !base.deletes.contains(vector));
        Ok(new.copied().collect())
    }

    /// Returns the delete vectors that the transaction itself has added to the run.
    fn own_deletes(&self, run: &Run) -> Vec<DeleteVectorEntry> {
        let base = find(self.base, run.id).map_or(&[][..], |base| &base.deletes);
        run.deletes.iter().filter(|vector| !base.contains(vector)).copied().collect()
    }

    fn conflict(&self, other: Option<Xid>) -> TransactionError {
        let cycle = std::iter::once(self.xid).chain(other).collect();
        TransactionError::SerializableIsolation { table: self.table.id, cycle, pid: self.pid }
    }
}

fn find(table: Option<&Table>, run: RunId) -> Option<&Run> {
    table?.manifest.runs.iter().find(|known| known.id == run).map(|run| &**run)
}

async fn read(
    storage: &ManagedStorage,
    run: RunPath,
    entries: &[DeleteVectorEntry],
) -> Result<Vec<(DeleteVectorEntry, Arc<DeleteVector>)>, StorageError> {
    let mut vectors = Vec::with_capacity(entries.len());
    for entry in entries {
        vectors.push((*entry, storage.delete_vector(run, entry.id).await?));
    }
    Ok(vectors)
}

/// Returns a new vector of the rows and of those that it takes over.
async fn merge(
    storage: &ManagedStorage,
    versions: TableVersions<'_>,
    run: &Run,
    mut rows: DeleteVector,
    replaced: Vec<DeleteVectorEntry>,
) -> Result<(RunDeletes, DeleteVector), StorageError> {
    for (_, vector) in read(storage, versions.table.run_path(run), &replaced).await? {
        rows.extend(&vector);
    }
    let vector = DeleteVectorEntry {
        id: DeleteVectorId::random(),
        row_count: rows.row_count(),
        xid: versions.xid,
    };
    let replaced = replaced.iter().map(|entry| entry.id).collect();
    let (slice, home) = (run.slice, run.home);
    Ok((RunDeletes { run: run.id, slice, home, replaced, vector }, rows))
}

#[cfg(test)]
mod tests {
    use object_store::{memory::InMemory, path::Path};

    use super::*;
    use crate::{
        catalog::{Catalog, PUBLIC_SCHEMA, SUPERUSER, SortKey, TableManifest, TableStatistics},
        distribution::DistStyle,
        ids::{SliceId, TableId},
        storage::paths::ObjectPrefix,
    };

    const MINE: Xid = Xid(7);

    fn storage() -> Arc<ManagedStorage> {
        ManagedStorage::with_store(Arc::new(InMemory::new()), Path::from("root"), 1 << 20)
    }

    fn catalog(row_counts: &[u64]) -> Catalog {
        let run = |row_count: &u64| {
            Arc::new(Run {
                id: RunId::random(),
                slice: SliceId(0),
                home: None,
                row_count: *row_count,
                bytes: 1,
                columns: Vec::new(),
                checksum: None,
                is_full: false,
                deletes: Vec::new(),
                inline: None,
            })
        };
        let table = Table {
            id: TableId(100_001),
            schema: PUBLIC_SCHEMA,
            name: "t".to_owned(),
            owner: SUPERUSER,
            columns: Vec::new(),
            dist_style: DistStyle::Even,
            dropped_column_max: 0,
            has_stray_columns: false,
            sort_key: SortKey::Auto,
            encode_auto: true,
            constraints: Vec::new(),
            created_at_us: 0,
            statistics: TableStatistics::default(),
            manifest: Arc::new(TableManifest { runs: row_counts.iter().map(run).collect() }),
        };
        let mut catalog = Catalog::default();
        catalog.apply(&CatalogChange::CreateTable(Arc::new(table))).unwrap();
        catalog
    }

    fn table(catalog: &Catalog) -> &Table {
        catalog.tables().next().unwrap()
    }

    /// Deletes rows of the first runs as a transaction that sees `working`; returns the changes.
    async fn delete(
        storage: &Arc<ManagedStorage>,
        [working, base, head]: [&Catalog; 3],
        xid: Xid,
        rows: &[(u32, u64)],
    ) -> Result<Vec<CatalogChange>, TransactionError> {
        let mut deleted = DeletedRows::none(table(working));
        rows.iter().for_each(|(run, position)| assert!(deleted.insert(*run, *position)));
        let versions = TableVersions {
            table: table(working),
            base: Some(table(base)),
            head: Some(table(head)),
            xid,
            pid: Pid(3),
        };
        let mut pending = PendingObjects::new(Arc::clone(storage));
        let changes = delete_rows(storage, versions, deleted, &mut pending).await?;
        pending.keep();
        Ok(changes)
    }

    fn with(catalog: &Catalog, changes: &[CatalogChange]) -> Catalog {
        let mut next = catalog.clone();
        changes.iter().for_each(|change| next.apply(change).unwrap());
        next
    }

    fn live(catalog: &Catalog) -> Vec<u64> {
        table(catalog).manifest.runs.iter().map(|run| run.live_row_count()).collect()
    }

    #[test]
    fn rows_travel_as_bytes() {
        let mut rows = DeletedRows::none_of(3);
        for (run, position) in [(0, 5), (2, 0), (2, 9_000)] {
            rows.insert(run, position);
        }
        let bytes = rows.encode();
        let arrived = DeletedRows::decode(&bytes, 3).unwrap();
        assert_eq!(arrived.runs, rows.runs);
        assert!(DeletedRows::decode(&bytes, 2).is_err(), "of another table");
        assert!(DeletedRows::decode(&bytes[..bytes.len() - 1], 3).is_err());
        let mut more = DeletedRows::none_of(3);
        more.insert(1, 1);
        assert!(more.extend(&arrived) && !more.extend(&arrived));
        assert_eq!(more.row_count(), 4);
    }

    #[tokio::test]
    async fn the_same_row_of_another_transaction_is_a_conflict_and_others_are_not() {
        let (storage, base) = (storage(), catalog(&[100, 100]));
        let theirs = delete(&storage, [&base; 3], Xid(6), &[(0, 1), (0, 2)]).await.unwrap();
        let head = with(&base, &theirs);
        let conflict = delete(&storage, [&base, &base, &head], MINE, &[(1, 5), (0, 2)]).await;
        let Err(TransactionError::SerializableIsolation { cycle, .. }) = conflict else {
            panic!("{conflict:?}")
        };
        assert_eq!(cycle, [MINE, Xid(6)]);
        // Other rows, in two statements of the transaction; then both sides have their deletes.
        let first = delete(&storage, [&base, &base, &head], MINE, &[(0, 3), (1, 1)]).await.unwrap();
        let working = with(&base, &first);
        assert_eq!(live(&working), [99, 99]);
        let second = delete(&storage, [&working, &base, &head], MINE, &[(0, 4)]).await.unwrap();
        assert_eq!(live(&with(&working, &second)), [98, 99]);
        let committed = with(&head, &[first, second].concat());
        assert_eq!(live(&committed), [96, 99]);
        // The next one, which sees all of it, takes all vectors of the run over.
        let last = delete(&storage, [&committed; 3], Xid(8), &[(0, 9)]).await.unwrap();
        let last = with(&committed, &last);
        assert_eq!((live(&last), table(&last).manifest.runs[0].deletes.len()), (vec![95, 99], 1));
        let run = &table(&last).manifest.runs[0];
        let path = table(&last).run_path(run);
        let vector = storage.delete_vector(path, run.deletes[0].id).await.unwrap();
        assert_eq!(*vector, [1, 2, 3, 4, 9].into_iter().collect::<DeleteVector>());
    }

    #[tokio::test]
    async fn a_run_without_rows_goes_and_one_that_went_is_a_conflict() {
        let (storage, base) = (storage(), catalog(&[2, 5]));
        let changes = delete(&storage, [&base; 3], MINE, &[(0, 0), (0, 1)]).await.unwrap();
        let head = with(&base, &changes);
        assert_eq!(live(&head), [5]);
        assert!(storage.list(ObjectPrefix::Tables).await.unwrap().is_empty());
        let late = delete(&storage, [&base, &base, &head], MINE, &[(0, 0)]).await;
        assert!(matches!(late, Err(TransactionError::SerializableIsolation { .. })));
        let versions = |head| TableVersions {
            table: table(&base),
            base: Some(table(&base)),
            head: Some(table(head)),
            xid: MINE,
            pid: Pid(3),
        };
        assert!(delete_all(versions(&head)).is_err());
        let all = delete_all(versions(&base)).unwrap();
        assert!(table(&with(&base, &all)).manifest.runs.is_empty());
    }

    #[tokio::test]
    async fn vectors_of_a_statement_that_fails_are_deleted() {
        let (storage, base) = (storage(), catalog(&[10]));
        let mut rows = DeletedRows::none(table(&base));
        rows.insert(0, 1);
        let versions = TableVersions {
            table: table(&base),
            base: Some(table(&base)),
            head: Some(table(&base)),
            xid: MINE,
            pid: Pid(3),
        };
        let mut pending = PendingObjects::new(Arc::clone(&storage));
        delete_rows(&storage, versions, rows, &mut pending).await.unwrap();
        assert_eq!(storage.list(ObjectPrefix::Tables).await.unwrap().len(), 1);
        drop(pending);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(storage.list(ObjectPrefix::Tables).await.unwrap().is_empty());
    }
}
