//! Which runs are chosen, of tables that only have bounds.

use std::sync::Arc;

use super::*;
use crate::{
    catalog::{SortKey, TableManifest},
    distribution::DistStyle,
    ids::{ColumnId, DeleteVectorId, Xid},
    storage::{
        encoding::Encoding,
        run::{ColumnStatistics, DeleteVectorEntry, StatisticsValue},
    },
    types::SqlType,
};

const LARGE: u64 = 1_000_000;

/// A run of `rows` rows from `min` to `max`.
fn run(min: i64, max: i64, rows: u64, deleted: u64) -> Run {
    let column = ColumnStatistics {
        min: Some(StatisticsValue::Integer(min)),
        max: Some(StatisticsValue::Integer(max)),
        ..ColumnStatistics::default()
    };
    let vector = DeleteVectorEntry { id: DeleteVectorId(1), row_count: deleted, xid: Xid(1) };
    Run {
        id: RunId::random(),
        slice: SliceId(0),
        home: None,
        row_count: rows,
        bytes: rows * 10,
        columns: vec![column],
        checksum: None,
        is_full: false,
        deletes: (deleted > 0).then_some(vector).into_iter().collect(),
        inline: None,
    }
}

fn table(runs: Vec<Run>, is_sorted: bool) -> Table {
    let sort_key = if is_sorted { SortKey::Compound(vec![ColumnId(1)]) } else { SortKey::Auto };
    let runs = runs.into_iter().map(Arc::new).collect();
    Table {
        manifest: Arc::new(TableManifest { runs }),
        ..Table::of_columns(&[("x", SqlType::BigInt)], DistStyle::Even, sort_key)
    }
}

fn chosen(table: &Table, work: Work) -> Vec<Vec<u32>> {
    let rewrites = rewrites(table, work, &Eligible::of(table));
    rewrites.into_iter().next().map(|rewrite| rewrite.sequences).unwrap_or_default()
}

#[test]
fn a_sort_merges_what_overlaps_and_leaves_what_is_in_order() {
    let runs = vec![
        run(0, 9, LARGE, 0),
        run(20, 29, LARGE, 0),
        run(10, 19, LARGE, 0),
        run(25, 35, LARGE, 0),
        run(40, 49, LARGE, 0),
    ];
    let sort = Work::Sort { reclaim: true };
    assert_eq!(chosen(&table(runs, true), sort), [vec![1], vec![3]]);
    let in_order = vec![run(0, 9, LARGE, 0), run(9, 19, LARGE, 0)];
    assert!(chosen(&table(in_order, true), sort).is_empty());
}

#[test]
fn runs_that_follow_each_other_are_one_sequence() {
    let runs = vec![run(0, 9, LARGE, 0), run(10, 19, LARGE, 0), run(5, 15, LARGE, 0)];
    let sequences = chosen(&table(runs, true), Work::Sort { reclaim: false });
    assert_eq!(sequences, [vec![0, 1], vec![2]]);
}

#[test]
fn what_a_vacuum_wrote_is_not_written_again() {
    let table = table(vec![run(0, 9, LARGE, 0), run(5, 19, LARGE, 5), run(0, 9, 10, 0)], true);
    let ids: Vec<RunId> = table.manifest.runs.iter().map(|run| run.id).collect();
    let mut eligible = Eligible { initial: HashSet::from([ids[2]]), written: Vec::new() };
    // Written as one sequence, overlapping bounds or not, with rows that were deleted meanwhile.
    eligible.add(vec![ids[0], ids[1]]);
    let sort = Work::Sort { reclaim: true };
    assert_eq!(rewrites(&table, sort, &eligible).len(), 1);
    eligible.initial.clear();
    assert!(rewrites(&table, sort, &eligible).is_empty());
    // A run that arrived meanwhile is nobody's.
    assert!(rewrites(&table, sort, &Eligible::default()).is_empty());
}

#[test]
fn deleted_rows_are_reclaimed_as_far_as_the_threshold_asks() {
    let runs = || vec![run(0, 9, LARGE, 10), run(10, 19, LARGE, LARGE / 2), run(20, 29, LARGE, 0)];
    let reclaim = |threshold_percent| Work::Reclaim { threshold_percent };
    assert_eq!(chosen(&table(runs(), true), reclaim(95)), [vec![1]]);
    assert_eq!(chosen(&table(runs(), true), reclaim(100)), [vec![0, 1]]);
    assert!(chosen(&table(runs(), true), reclaim(80)).is_empty());
    assert!(chosen(&table(runs(), true), reclaim(0)).is_empty());
    assert_eq!(chosen(&table(runs(), false), reclaim(100)), [vec![0, 1]]);
}

#[test]
fn small_runs_are_merged_where_they_lie() {
    // A large run lies between the small ones: what becomes of them must not lie across it.
    let mut runs: Vec<Run> = (0..20).map(|at| run(at, at, 1, 0)).collect();
    runs.insert(0, run(100, 200, LARGE, 0));
    runs.extend((300..310).map(|at| run(at, at, 1, 0)));
    let sequences = chosen(&table(runs.clone(), true), Work::MergeSmall);
    assert_eq!(sequences, [(1..21).collect::<Vec<u32>>()]);
    let all = chosen(&table(runs, false), Work::MergeSmall);
    assert_eq!(all, [(1..31).collect::<Vec<u32>>()]);
    let few = (0..5).map(|at| run(at, at, 1, 0)).collect();
    assert!(chosen(&table(few, true), Work::MergeSmall).is_empty());
}

#[test]
fn a_merged_run_waits_for_others_of_its_size() {
    let mut runs = vec![run(0, 9, 50_000, 0)];
    runs.extend((10..30).map(|at| run(at, at, 1, 0)));
    let sequences = chosen(&table(runs, true), Work::MergeSmall);
    assert_eq!(sequences, [(1..21).collect::<Vec<u32>>()]);
}

#[test]
fn a_recluster_leaves_the_part_that_is_in_order_alone() {
    let runs = vec![run(0, 99, LARGE, 0), run(5, 9, 100_000, 0), run(7, 20, 100_000, 0)];
    assert_eq!(chosen(&table(runs, true), Work::Recluster), [vec![1], vec![2]]);
}

#[test]
fn runs_with_other_encodings_are_written_anew_a_few_at_a_time() {
    let encoded = |at: i64, encoding| {
        let mut run = run(at * 10, at * 10 + 9, LARGE * 4, 0);
        run.columns[0].encoding = encoding;
        run
    };
    let mut runs: Vec<Run> = (0..5).map(|at| encoded(at, Some(Encoding::Raw))).collect();
    runs.push(encoded(5, Some(Encoding::Sampled)));
    runs.push(encoded(6, None));
    let table = table(runs, true);
    assert_eq!(chosen(&table, Work::Encode), [vec![0, 1]]);
    for work in [Work::Reclaim { threshold_percent: 95 }, Work::Sort { reclaim: true }] {
        assert_eq!(chosen(&table, work), [vec![0, 1, 2, 3, 4]]);
    }
    for work in [Work::MergeSmall, Work::Recluster, Work::Sort { reclaim: false }] {
        assert!(chosen(&table, work).is_empty());
    }
}

#[test]
fn no_more_runs_are_open_at_once_than_memory_is_for() {
    let runs: Vec<Run> = (0..100).map(|_| run(0, 9, LARGE, 0)).collect();
    let sequences = chosen(&table(runs, true), Work::Sort { reclaim: false });
    assert!((2..=16).contains(&sequences.len()), "{}", sequences.len());
}
