//! Which runs of a slice are merged.
//!
//! ```text
//!  sort key ─────────────────────────────────▶
//!  ├─ run 1 ─┤├─ run 2 ──┤        ├ run 5 ┤├ 6 ┤
//!                  ├─ run 3 ─┤├ 4 ┤             runs 2 and 3 overlap, 4 and 6 are small:
//!             └──── one merge ────┘             5 lies between the two and is left alone
//! ```

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Table, TableManifest},
    ids::{RunId, SliceId},
    storage::{
        run::Run,
        run_order::{Reach, compare_starts, in_order},
    },
};

/// Stored bytes that one merge reads, as far as runs that overlap allow: then it is committed.
const MERGE_BYTES: u64 = 1 << 30;
/// As [`MERGE_BYTES`], where nobody waits: the merge is over soon, and others get their turn.
const ENCODE_BYTES: u64 = 64 << 20;
/// Memory that the open runs of one merge may take together.
const OPEN_BYTES_MAX: u64 = 128 << 20;
/// What an open run takes: a multiple of its stored size, within these bounds.
const OPEN_RUN_BYTES: (u64, u64) = (256 << 10, 8 << 20);
/// How much larger a run is in memory than it is stored.
const EXPANSION: u64 = 4;
/// Small runs beside each other that are worth a merge nobody asked for.
const SMALL_RUNS_MIN: usize = 16;
/// Bytes of small runs of a slice that the log keeps; with more they are merged, even if what becomes of them
/// lies across other runs.
const LOG_BYTES_MAX: u64 = 64 << 10;
/// A small run is merged with smaller ones when it has at most so many times their rows together: a row is
/// written anew a few times only, however many small runs come.
const TIER_FACTOR: u64 = 4;

/// What is done to the runs of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Runs that overlap are merged.
    Sort {
        /// And runs with deleted rows are written without them.
        reclaim: bool,
    },
    /// Runs with many deleted rows are written without them, and small ones are merged.
    Reclaim {
        /// So many of the rows that remain need not be deleted ones.
        threshold_percent: u8,
    },
    /// Runs outside of the part that is in order are merged with each other.
    Recluster,
    /// Small runs are merged.
    MergeSmall,
    /// Runs that were written with other encodings than the table's are written anew, a few at a time.
    Encode,
}

/// The runs that a vacuum may touch: those that were there when it started, and what it made of them.
#[derive(Debug, Default)]
pub struct Eligible {
    initial: HashSet<RunId>,
    /// Runs that it wrote: each list is in order.
    written: Vec<Vec<RunId>>,
}

impl Eligible {
    /// Returns the runs of a table as it is when a vacuum starts.
    pub fn of(table: &Table) -> Self {
        Self {
            initial: table.manifest.runs.iter().map(|run| run.id).collect(),
            written: Vec::new(),
        }
    }

    /// Adds what was written in the place of some of them, in order.
    pub fn add(&mut self, runs: Vec<RunId>) {
        self.written.push(runs);
    }
}

/// Runs of one slice that are replaced together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// The slice.
    pub slice: SliceId,
    /// The runs, by their places in the table's manifest; those of a list can be read one after the other.
    pub sequences: Vec<Vec<u32>>,
}

impl Rewrite {
    /// Returns all places.
    pub fn places(&self) -> impl Iterator<Item = u32> + '_ {
        self.sequences.iter().flatten().copied()
    }

    /// Returns all that a merge elsewhere needs to know: the table with these runs only, what they are called there,
    /// and the place of each in `table`; `None` if one is not there.
    pub fn apart(&self, table: &Table) -> Option<(Table, Self, Vec<u32>)> {
        let mut places: Vec<u32> = self.places().collect();
        places.sort_unstable();
        let run = |place: &u32| table.manifest.runs.get(*place as usize).cloned();
        let runs = places.iter().map(run).collect::<Option<_>>()?;
        let table = Table { manifest: Arc::new(TableManifest { runs }), ..table.clone() };
        let renamed = |place: &u32| u32::try_from(places.binary_search(place).ok()?).ok();
        let sequences = self.sequences.iter();
        let sequences = sequences.map(|places| places.iter().map(renamed).collect::<Option<_>>());
        let renamed = Self { slice: self.slice, sequences: sequences.collect::<Option<_>>()? };
        Some((table, renamed, places))
    }
}

impl Work {
    /// Returns whether nothing is left to do.
    pub fn is_done(self, table: &Table) -> bool {
        rewrites(table, self, &Eligible::of(table)).is_empty()
    }
}

/// Returns what is to be merged next: for each slice one merge at most.
pub fn rewrites(table: &Table, work: Work, eligible: &Eligible) -> Vec<Rewrite> {
    let column = table.sort_key.order_columns().first().and_then(|id| table.position(*id));
    let chosen = chosen_runs(table, work, eligible);
    let slices = items(table, eligible).into_iter();
    let rewrites = slices.filter_map(|(slice, mut items)| {
        if let Some(column) = column {
            items.sort_by(|a, b| match (a.runs.first(), b.runs.first()) {
                (Some(a), Some(b)) => compare_starts(a, b, column),
                _ => a.runs.len().cmp(&b.runs.len()),
            });
        }
        let in_log = if work == Work::MergeSmall { in_log(&items) } else { Vec::new() };
        let pieces = match (work, column) {
            (Work::Sort { .. }, Some(column)) => overlapping(items, column, &chosen),
            (Work::Recluster, Some(column)) => out_of_order(items, column),
            (Work::MergeSmall, _) => smallest(items),
            (Work::Encode, _) => one_by_one(items, |item| item.has_any(&chosen)),
            (Work::Reclaim { threshold_percent: 0 }, _) => Vec::new(),
            _ => one_by_one(items, |item| item.is_small() || item.has_any(&chosen)),
        };
        let least = if work == Work::MergeSmall { SMALL_RUNS_MIN } else { 2 };
        let stretch = stretches(pieces, column.is_some()).into_iter().find(|stretch| {
            let count = stretch.iter().map(|piece| piece.items.len()).sum::<usize>();
            count >= least || stretch.iter().any(|piece| piece.has_any(&chosen))
        });
        let bytes_max = if work == Work::Encode { ENCODE_BYTES } else { MERGE_BYTES };
        let items = stretch.map_or(in_log, |stretch| first_bytes(stretch, bytes_max));
        (!items.is_empty()).then(|| Rewrite { slice, sequences: sequences(items, column) })
    });
    rewrites.collect()
}

/// One run, or runs that are known to be in order.
#[derive(Debug, Clone)]
struct Item<'a> {
    places: Vec<u32>,
    runs: Vec<&'a Run>,
    is_written: bool,
}

impl Item<'_> {
    fn is_small(&self) -> bool {
        !self.is_written && self.runs.iter().all(|run| run.is_small())
    }

    fn is_inline(&self) -> bool {
        self.runs.iter().all(|run| run.inline.is_some())
    }

    fn has_any(&self, runs: &HashSet<RunId>) -> bool {
        self.runs.iter().any(|run| runs.contains(&run.id))
    }

    fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes).sum()
    }
}

/// Items that stay together, and whether they are to be written anew.
#[derive(Debug)]
struct Piece<'a> {
    items: Vec<Item<'a>>,
    is_wanted: bool,
}

impl Piece<'_> {
    fn has_any(&self, runs: &HashSet<RunId>) -> bool {
        self.items.iter().any(|item| item.has_any(runs))
    }
}

fn items<'a>(table: &'a Table, eligible: &Eligible) -> Vec<(SliceId, Vec<Item<'a>>)> {
    let places: HashMap<RunId, (u32, &Run)> =
        (0..).zip(&table.manifest.runs).map(|(place, run)| (run.id, (place, &**run))).collect();
    let mut slices: Vec<(SliceId, Vec<Item<'a>>)> = Vec::new();
    let mut add = |item: Item<'a>| {
        let Some(slice) = item.runs.first().map(|run| run.slice) else { return };
        match slices.iter_mut().find(|(known, _)| *known == slice) {
            Some((_, items)) => items.push(item),
            None => slices.push((slice, vec![item])),
        }
    };
    for written in &eligible.written {
        let (places, runs) = written.iter().filter_map(|id| places.get(id).copied()).unzip();
        add(Item { places, runs, is_written: true });
    }
    for (place, run) in (0..).zip(&table.manifest.runs) {
        if eligible.initial.contains(&run.id) {
            add(Item { places: vec![place], runs: vec![run], is_written: false });
        }
    }
    slices
}

/// Returns the runs that are written anew for what they are themselves: for their deleted rows, or their encodings.
fn chosen_runs(table: &Table, work: Work, eligible: &Eligible) -> HashSet<RunId> {
    let mut chosen = reclaimed_runs(table, work, eligible);
    if matches!(work, Work::Sort { reclaim: true } | Work::Reclaim { .. } | Work::Encode) {
        let runs = table.manifest.runs.iter().filter(|run| table.has_other_encodings(run));
        chosen.extend(runs.map(|run| run.id).filter(|id| eligible.initial.contains(id)));
    }
    chosen
}

/// Returns the runs that are written anew for their deleted rows.
fn reclaimed_runs(table: &Table, work: Work, eligible: &Eligible) -> HashSet<RunId> {
    let with_deletes = || {
        let runs = table.manifest.runs.iter().map(|run| &**run);
        runs.filter(|run| !run.deletes.is_empty() && eligible.initial.contains(&run.id))
    };
    match work {
        Work::Sort { reclaim: true } => with_deletes().map(|run| run.id).collect(),
        Work::Reclaim { threshold_percent } => {
            let mut runs: Vec<&Run> = with_deletes().collect();
            let part = |run: &Run| run.deleted_count() as f64 / run.row_count.max(1) as f64;
            runs.sort_by(|a, b| part(b).total_cmp(&part(a)));
            let mut rows: u64 = table.manifest.runs.iter().map(|run| run.row_count).sum();
            let mut deleted: u64 = table.manifest.runs.iter().map(|run| run.deleted_count()).sum();
            let mut chosen = HashSet::new();
            for run in runs {
                if (rows - deleted) * 100 >= rows * u64::from(threshold_percent) {
                    break;
                }
                rows -= run.deleted_count();
                deleted -= run.deleted_count();
                chosen.insert(run.id);
            }
            chosen
        }
        Work::Sort { reclaim: false } | Work::Recluster | Work::MergeSmall | Work::Encode => {
            HashSet::new()
        }
    }
}

/// Puts items that overlap together; the items come in the order of their starts.
fn overlapping<'a>(items: Vec<Item<'a>>, column: usize, chosen: &HashSet<RunId>) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let mut reach = Reach::default();
    for item in items {
        let is_apart = item.runs.first().is_some_and(|run| reach.is_before(run, column));
        item.runs.iter().for_each(|run| reach.add(run, column));
        let is_wanted = item.is_small() || item.has_any(chosen);
        match pieces.last_mut() {
            Some(piece) if !is_apart => {
                piece.is_wanted = true;
                piece.items.push(item);
            }
            _ => pieces.push(Piece { items: vec![item], is_wanted }),
        }
    }
    pieces
}

/// Returns the runs outside of the part that is in order: all of them go together.
fn out_of_order(items: Vec<Item<'_>>, column: usize) -> Vec<Piece<'_>> {
    let runs: Vec<&Run> = items.iter().flat_map(|item| item.runs.iter().copied()).collect();
    let in_order: HashSet<RunId> = in_order(&runs, column).iter().map(|run| run.id).collect();
    let left = items.into_iter().filter(|item| !item.is_written && !item.has_any(&in_order));
    one_by_one(left.collect(), |_| true)
}

/// Wants the smallest of the small runs, as far as each is of the size of those before it together.
fn smallest(items: Vec<Item<'_>>) -> Vec<Piece<'_>> {
    let mut small: Vec<&Run> = items.iter().filter(|i| i.is_small()).map(|i| i.runs[0]).collect();
    small.sort_by_key(|run| run.row_count);
    let mut rows = 0;
    let mut wanted = HashSet::new();
    for run in small {
        if wanted.len() >= SMALL_RUNS_MIN && run.row_count > rows * TIER_FACTOR {
            break;
        }
        rows += run.row_count;
        wanted.insert(run.id);
    }
    one_by_one(items, |item| item.has_any(&wanted))
}

/// Returns the runs that are in the log, wherever they lie, if they are too many bytes for it.
fn in_log<'a>(items: &[Item<'a>]) -> Vec<Item<'a>> {
    let inline = || items.iter().filter(|item| !item.is_written && item.is_inline());
    let bytes: u64 = inline().map(Item::bytes).sum();
    if bytes < LOG_BYTES_MAX { Vec::new() } else { inline().cloned().collect() }
}

fn one_by_one<'a>(items: Vec<Item<'a>>, is_wanted: impl Fn(&Item<'a>) -> bool) -> Vec<Piece<'a>> {
    let piece = |item: Item<'a>| Piece { is_wanted: is_wanted(&item), items: vec![item] };
    items.into_iter().map(piece).collect()
}

/// Returns the pieces that are wanted; of a table in order those beside each other, so that what becomes of
/// them lies in the same place.
fn stretches(pieces: Vec<Piece<'_>>, is_ordered: bool) -> Vec<Vec<Piece<'_>>> {
    let mut stretches = Vec::new();
    let mut stretch = Vec::new();
    for piece in pieces {
        if piece.is_wanted {
            stretch.push(piece);
        } else if is_ordered {
            stretches.push(std::mem::take(&mut stretch));
        }
    }
    stretches.push(stretch);
    stretches.retain(|stretch| !stretch.is_empty());
    stretches
}

fn first_bytes(stretch: Vec<Piece<'_>>, bytes_max: u64) -> Vec<Item<'_>> {
    let (mut items, mut bytes) = (Vec::new(), 0);
    for piece in stretch {
        bytes += piece.items.iter().map(Item::bytes).sum::<u64>();
        items.extend(piece.items);
        if bytes >= bytes_max {
            break;
        }
    }
    items
}

/// Deals items out to as few sequences as their order allows, and no more than may be open at once: what is
/// left over comes later.
fn sequences(items: Vec<Item<'_>>, column: Option<usize>) -> Vec<Vec<u32>> {
    let Some(column) = column else {
        return vec![items.into_iter().flat_map(|item| item.places).collect()];
    };
    // Rows in memory are put in order when they are read.
    let (inline, items): (Vec<_>, Vec<_>) = items.into_iter().partition(Item::is_inline);
    let inline: Vec<u32> = inline.into_iter().flat_map(|item| item.places).collect();
    let mut sequences: Vec<(Reach, Vec<u32>)> = Vec::new();
    let mut open_bytes = 0;
    for item in items {
        let Some(first) = item.runs.first() else { continue };
        let fits = sequences.iter().position(|(reach, _)| reach.is_before(first, column));
        let sequence = match fits {
            Some(at) => sequences.get_mut(at),
            None if open_bytes >= OPEN_BYTES_MAX => continue,
            None => {
                let largest = item.runs.iter().map(|run| run.bytes * EXPANSION).max();
                let (least, most) = OPEN_RUN_BYTES;
                open_bytes += largest.unwrap_or_default().clamp(least, most);
                sequences.push_mut((Reach::default(), Vec::new())).into()
            }
        };
        if let Some((reach, places)) = sequence {
            item.runs.iter().for_each(|run| reach.add(run, column));
            places.extend(item.places);
        }
    }
    let sequences = sequences.into_iter().map(|(_, places)| places);
    sequences.chain((!inline.is_empty()).then_some(inline)).collect()
}
