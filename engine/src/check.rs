//! `blueshift check`: whether everything in a storage root is whole, read while nobody serves it.
//!
//! ```text
//!  commit log ─▶ catalogue ─▶ runs: there? size, checksum, zone map, every row ─▶ delete vectors: in range?
//!                    └──────▶ objects that nothing names
//! ```

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use arrow::array::RecordBatch;
use futures::TryStreamExt;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    catalog::{Catalog, Table},
    execution::{damaged_columns, stored_rows},
    storage::{
        DamagedBlocks, DeleteVector, ManagedStorage, StorageError,
        paths::{ObjectPath, ObjectPrefix},
        run::{ColumnStatistics, Run, StatisticsValue},
        run_order::compare_bounds,
        zones::ZoneMap,
    },
    transaction::CommitLog,
};

/// What was looked at, and what is wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tables.
    pub table_count: usize,
    /// Their runs.
    pub run_count: usize,
    /// Rows of the runs, deleted ones included.
    pub row_count: u64,
    /// A sentence for each thing that is wrong.
    pub problems: Vec<String>,
}

/// Reads everything that a root holds.
///
/// An error is one of the store itself; what is wrong with the objects is in the report.
pub async fn check(storage: &Arc<ManagedStorage>) -> Result<Report, StorageError> {
    let mut report = Report::default();
    let catalog = match CommitLog::read(storage).await {
        Ok(catalog) => catalog,
        Err(error) => {
            report.problems.push(format!("the commit log cannot be read: {error}"));
            return Ok(report);
        }
    };
    // Those that a restart can do without: it starts from the checkpoint before a damaged one.
    let damaged = CommitLog::damage(storage).await?;
    report.problems.extend(damaged.iter().map(|error| format!("{error}; nothing is lost by it")));
    let listed = storage.list(ObjectPrefix::Tables).await?;
    let sizes: BTreeMap<&ObjectPath, u64> =
        listed.iter().map(|entry| (&entry.path, entry.bytes)).collect();
    let mut live = HashSet::new();
    for table in catalog.all_tables() {
        report.table_count += 1;
        for (place, run) in (0..).zip(&table.manifest.runs) {
            report.run_count += 1;
            report.row_count += run.row_count;
            let name = name_of(&catalog, table, run);
            let mut problems = check_run(storage, table, place, run, &sizes).await?;
            problems.extend(check_deletes(storage, table, run).await?);
            report.problems.extend(problems.into_iter().map(|what| format!("{name}: {what}")));
        }
        live.extend(table.objects());
    }
    for entry in listed.iter().filter(|entry| !live.contains(&entry.path)) {
        report.problems.push(format!("object {} belongs to nothing", entry.path));
    }
    Ok(report)
}

fn name_of(catalog: &Catalog, table: &Table, run: &Run) -> String {
    let database = catalog.database_by_id(catalog.database_of(table.schema));
    let database = database.map_or("?", |database| database.name.as_str());
    let schema = catalog.schema_by_id(table.schema).map_or("?", |schema| schema.name.as_str());
    let (name, slice) = (&table.name, run.slice);
    format!("table {database}.{schema}.{name}, slice {slice}, run {}", run.id)
}

/// Returns what is wrong with a run.
async fn check_run(
    storage: &Arc<ManagedStorage>,
    table: &Arc<Table>,
    place: u32,
    run: &Run,
    sizes: &BTreeMap<&ObjectPath, u64>,
) -> Result<Vec<String>, StorageError> {
    let zones = match run.inline {
        // The log's own checksum has been seen to match.
        Some(_) => None,
        None => match check_object(storage, table, run, sizes).await? {
            Ok(zones) => Some(zones),
            Err(problems) => return Ok(problems),
        },
    };
    let rows = match stored_rows(table, storage, place) {
        Ok(rows) => rows.try_collect::<Vec<RecordBatch>>().await,
        Err(error) => Err(error),
    };
    Ok(match rows {
        Ok(rows) => check_rows(table, run, zones.as_deref(), &rows),
        Err(error) => vec![format!("its rows cannot be read: {error}")],
    })
}

/// Returns the zone map of a run that is an object, or what is wrong with the object.
async fn check_object(
    storage: &ManagedStorage,
    table: &Table,
    run: &Run,
    sizes: &BTreeMap<&ObjectPath, u64>,
) -> Result<Result<Arc<ZoneMap>, Vec<String>>, StorageError> {
    let path = ObjectPath::Run(table.run_path(run));
    match sizes.get(&path) {
        None => return Ok(Err(vec!["its object is missing".to_owned()])),
        Some(bytes) if *bytes != run.bytes => {
            return Ok(Err(vec![format!("it has {bytes} bytes, not {}", run.bytes)]));
        }
        Some(_) => {}
    }
    if let Some(checksum) = run.checksum {
        let bytes = storage.get(&path).await?;
        if xxh3_64(&bytes) != checksum {
            // What such bytes say is not worth knowing, but where they are.
            return Ok(Err(mismatches(&damaged_columns(table, bytes).await)));
        }
    }
    let zones = storage.zone_map(&storage.location(&path), run.bytes).await;
    Ok(zones.map_err(|error| vec![format!("its zone map cannot be read: {error}")]))
}

/// Returns what to say of a run whose checksum does not match its content.
fn mismatches(damaged: &[DamagedBlocks]) -> Vec<String> {
    const MISMATCH: &str = "its checksum does not match its content";
    if damaged.is_empty() {
        return vec![MISMATCH.to_owned()];
    }
    let said = damaged.iter().map(|damaged| {
        let (column, blocks) = (&damaged.column, damaged.numbers());
        format!("column {column}, {blocks}: {MISMATCH}")
    });
    said.collect()
}

/// Holds the rows against what the zone map and the manifest say of them.
fn check_rows(
    table: &Table,
    run: &Run,
    zones: Option<&ZoneMap>,
    rows: &[RecordBatch],
) -> Vec<String> {
    let found: u64 = rows.iter().map(|batch| batch.num_rows() as u64).sum();
    let mut problems = Vec::new();
    let zone_rows = zones.map_or(run.row_count, ZoneMap::row_count);
    for (said_by, count) in [("catalogue", run.row_count), ("zone map", zone_rows)] {
        if count != found {
            problems.push(format!("it has {found} rows, the {said_by} says {count}"));
        }
    }
    if !problems.is_empty() {
        return problems;
    }
    let (built, statistics, _) = match ZoneMap::build(&table.arrow_schema(), rows) {
        Ok(built) => built,
        Err(error) => return vec![format!("its rows cannot be compared: {error}")],
    };
    let columns = table.columns.iter().enumerate();
    for (at, column) in columns {
        // Runs lack the columns that were added since.
        if let (Some(said), Some(is)) =
            (zones.and_then(|zones| zones.column(column.stored_names())), built.columns().get(at))
        {
            problems.extend(said.untrue_blocks(is).into_iter().map(|block| {
                format!("column {}, block {block}: the zone map is not true", column.name)
            }));
        }
        if let (Some(said), Some(is)) = (run.columns.get(at), statistics.get(at))
            && !is_true(said, is)
        {
            problems.push(format!("column {}: the catalogue's bounds are not true", column.name));
        }
    }
    problems
}

/// Returns whether bounds hold: they may be wider than the values, never narrower.
fn is_true(said: &ColumnStatistics, is: &ColumnStatistics) -> bool {
    let at_most = |a: &Option<StatisticsValue>, b: &Option<StatisticsValue>| match (a, b) {
        (Some(a), Some(b)) => compare_bounds(a, b).is_some_and(|order| order.is_le()),
        // An unknown bound holds.
        _ => true,
    };
    said.null_count == is.null_count
        && at_most(&said.min, &is.min)
        && at_most(&is.max, &said.max)
        && (said.trailing_blanks || !is.trailing_blanks)
}

/// Returns what is wrong with the delete vectors of a run.
async fn check_deletes(
    storage: &Arc<ManagedStorage>,
    table: &Table,
    run: &Run,
) -> Result<Vec<String>, StorageError> {
    let mut problems = Vec::new();
    let mut all = DeleteVector::default();
    for entry in &run.deletes {
        let name = entry.id;
        let vector = match storage.delete_vector(table.run_path(run), entry.id).await {
            Ok(vector) => vector,
            Err(error @ (StorageError::Corrupt { .. } | StorageError::NotFound { .. })) => {
                problems.push(format!("delete vector {name}: {error}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        if vector.row_count() != entry.row_count {
            let (is, said) = (vector.row_count(), entry.row_count);
            problems.push(format!("delete vector {name} has {is} rows, the catalogue says {said}"));
        }
        if vector.row_count_in(0..run.row_count) != vector.row_count() {
            problems.push(format!("delete vector {name} has rows that the run has not"));
        }
        if vector.intersects(&all) {
            problems.push(format!("delete vector {name} has rows that another one has too"));
        }
        all.extend(&vector);
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use object_store::{ObjectStore, ObjectStoreExt, PutPayload, memory::InMemory, path::Path};

    use super::*;
    use crate::{
        catalog::{CatalogChange, FIRST_DATABASE, SortKey},
        distribution::DistStyle,
        ids::{DeleteVectorId, Pid, Xid},
        storage::{run::DeleteVectorEntry, writer::TableWriter},
        types::SqlType,
    };

    const ROWS: i64 = 20_000;

    fn table() -> Table {
        Table::of_columns(&[("x", SqlType::BigInt)], DistStyle::Even, SortKey::Auto)
    }

    /// A root with one table of one run, of which row 7 is deleted; `alter` changes the run as it is committed.
    async fn root(
        alter: impl Fn(&mut Run),
    ) -> (Arc<dyn ObjectStore>, Arc<ManagedStorage>, ObjectPath) {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let storage = ManagedStorage::with_store(Arc::clone(&store), Path::from("root"), 1 << 20);
        let log = CommitLog::open(Arc::clone(&storage), Some(1), 1).await.unwrap();
        let table = table();
        let mut writer = TableWriter::new(Arc::clone(&storage), table.layout(1), 64 << 20);
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
        let batch = RecordBatch::try_new(table.arrow_schema(), vec![values]).unwrap();
        let rows = writer.router().route(batch).unwrap();
        writer.write(rows).await.unwrap();
        let mut run = writer.finish().await.unwrap().remove(0);
        let (path, id) = (table.run_path(&run), DeleteVectorId::random());
        storage.put_delete_vector(path, id, [7].into_iter().collect()).await.unwrap();
        run.deletes.push(DeleteVectorEntry { id, row_count: 1, xid: Xid(1) });
        alter(&mut run);
        let mut transaction = log.begin(log.new_locks(Pid(1)), FIRST_DATABASE);
        let id = table.id;
        transaction.change(vec![CatalogChange::CreateTable(Arc::new(table))]).unwrap();
        transaction.change(vec![CatalogChange::AppendRuns { table: id, runs: vec![run] }]).unwrap();
        log.commit(transaction).await.unwrap();
        // Another one: nothing of it is in a cache.
        let storage = ManagedStorage::with_store(Arc::clone(&store), Path::from("root"), 1 << 20);
        (store, storage, ObjectPath::Run(path))
    }

    async fn problems(storage: &Arc<ManagedStorage>) -> String {
        check(storage).await.unwrap().problems.join("\n")
    }

    #[tokio::test]
    async fn a_whole_root_has_no_problem() {
        let (_, storage, _) = root(|_| {}).await;
        let report = check(&storage).await.unwrap();
        let row_count = ROWS as u64;
        assert_eq!(
            report,
            Report { table_count: 1, run_count: 1, row_count, problems: Vec::new() }
        );
    }

    #[tokio::test]
    async fn a_flipped_bit_anywhere_in_a_run_is_found() {
        let (store, storage, path) = root(|_| {}).await;
        let whole = storage.get(&path).await.unwrap();
        for position in (0..whole.len()).step_by(whole.len() / 20) {
            let mut bytes = whole.to_vec();
            bytes[position] ^= 4;
            store.put(&storage.location(&path), PutPayload::from(bytes)).await.unwrap();
            let fresh = ManagedStorage::with_store(Arc::clone(&store), Path::from("root"), 1 << 20);
            let found = problems(&fresh).await;
            assert!(found.starts_with("table dev.public.t, slice 0, run "), "{position}: {found}");
            assert!(
                found.contains("its checksum does not match its content"),
                "{position}: {found}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_missing_cut_or_left_over_is_named() {
        let (store, storage, path) = root(|_| {}).await;
        let location = storage.location(&path);
        let left_over = Path::from(location.as_ref().replace("/0/", "/1/"));
        store.put(&left_over, PutPayload::from_static(b"x")).await.unwrap();
        store.put(&location, PutPayload::from_static(b"short")).await.unwrap();
        let found = problems(&storage).await;
        assert!(found.contains("it has 5 bytes, not "), "{found}");
        assert!(found.contains("belongs to nothing"), "{found}");
        store.delete(&location).await.unwrap();
        assert!(problems(&storage).await.contains("its object is missing"));
    }

    #[tokio::test]
    async fn a_catalogue_that_is_not_true_is_found() {
        let wrong = |alter: fn(&mut Run)| async move { problems(&root(alter).await.1).await };
        let found = wrong(|run| run.row_count += 1).await;
        assert!(found.contains("it has 20000 rows, the catalogue says 20001"), "{found}");
        let found = wrong(|run| run.columns[0].min = Some(StatisticsValue::Integer(5))).await;
        assert!(found.contains("column x: the catalogue's bounds are not true"), "{found}");
        let found = wrong(|run| run.deletes[0].row_count = 2).await;
        assert!(found.contains("has 1 rows, the catalogue says 2"), "{found}");
        let wider =
            wrong(|run| run.columns[0].max = Some(StatisticsValue::Integer(ROWS * 2))).await;
        assert_eq!(wider, "");
    }

    #[tokio::test]
    async fn a_damaged_log_is_a_problem_and_no_panic() {
        let (store, storage, _) = root(|_| {}).await;
        for object in storage.list(ObjectPrefix::Log).await.unwrap() {
            let location = storage.location(&object.path);
            store.put(&location, PutPayload::from_static(b"not a record")).await.unwrap();
        }
        assert!(problems(&storage).await.starts_with("the commit log cannot be read: "));
    }
}
