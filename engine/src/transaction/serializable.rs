//! Serializable isolation: no transaction commits that would close a cycle of transactions, each of which has to come
//! before the next one in any serial order. Tables are what is compared, as in Redshift, not rows.
//!
//! ```text
//!  T1 ──▶ T2   T1 comes before T2:   T1 read a table of a version without T2's changes of it
//!                                    T1 changed a table, and T2 read or changed it in a version with them
//!
//!  write skew:   T1 reads a, changes b      T1 ──▶ T2, because of a, and T2 ──▶ T1, because of b:
//!                T2 reads b, changes a      whoever commits second is refused
//! ```
//!
//! Whoever commits has been seen by nobody, so a cycle leaves it for a transaction that committed after its snapshot. Only
//! such transactions are kept, each with the [`Footprint`] of all that come after it: the cycle is closed if one of these
//! has to come before the one that commits. So nothing older than the oldest snapshot in use is kept, and no path is lost.
//!
//! Invariants:
//!
//! * A transaction that may commit is checked and noted in one step, in the order of the log.
//! * A transaction in progress counts from before its snapshot is taken: what it does not see is kept for it.
//! * Two transactions may be taken for one, which refuses more than is necessary; never is one forgotten.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};

use crate::{
    catalog::{Catalog, CatalogChange, IsolationLevel},
    ids::{CommitSeq, DatabaseId, Pid, TableId, Xid},
    transaction::TransactionError,
};

/// Committed transactions that are told apart. With one snapshot held for very long the oldest become one.
const COMMITTED_MAX: usize = 1024;

/// The tables a transaction has read so far; planning notes them.
#[derive(Debug, Clone, Default)]
pub struct ReadTables {
    tables: Arc<Mutex<BTreeSet<TableId>>>,
}

impl ReadTables {
    /// Notes that a statement reads a table.
    pub fn note(&self, table: TableId) {
        self.tables.lock().insert(table);
    }
}

/// What has committed that a transaction in progress does not see.
#[derive(Debug)]
pub(super) struct Serializable {
    /// The newest version: what a transaction would read that starts now.
    head: Arc<RwLock<Arc<Catalog>>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Snapshots in use, each with the number of its transactions.
    snapshots: BTreeMap<CommitSeq, usize>,
    /// Transactions that changed something, in the order of the log.
    committed: VecDeque<Committed>,
}

/// A transaction that committed.
#[derive(Debug)]
struct Committed {
    xid: Xid,
    at: CommitSeq,
    changed: BTreeSet<TableId>,
    /// Its own, and those of all transactions that come after it.
    after: Footprint,
}

/// What transactions read and changed, with one of those that did.
#[derive(Debug, Clone, Default)]
struct Footprint {
    read: BTreeMap<TableId, Xid>,
    /// When first.
    changed: BTreeMap<TableId, (CommitSeq, Xid)>,
}

/// A transaction as it is compared with others.
#[derive(Debug)]
struct Candidate {
    xid: Xid,
    snapshot: CommitSeq,
    read: BTreeSet<TableId>,
    changed: BTreeSet<TableId>,
}

/// A transaction in progress that is to be serializable; until it is dropped, what it does not see is kept.
#[derive(Debug)]
pub(super) struct Tracked {
    serializable: Arc<Serializable>,
    snapshot: CommitSeq,
    read: ReadTables,
}

impl Serializable {
    /// Returns one for a log whose newest version is `head`.
    pub(super) fn new(head: Arc<RwLock<Arc<Catalog>>>) -> Arc<Self> {
        Arc::new(Self { head, state: Mutex::default() })
    }

    /// Returns the newest version as it is seen from a database, and what follows a transaction that reads it, if the
    /// database is serializable.
    pub(super) fn begin(self: &Arc<Self>, database: DatabaseId) -> (Arc<Catalog>, Option<Tracked>) {
        let head = self.head.read().seen_from(database);
        if head.isolation() != Some(IsolationLevel::Serializable) {
            return (head, None);
        }
        let mut state = self.state.lock();
        // Read under the lock: nothing is forgotten between the version and its note.
        let head = self.head.read().seen_from(database);
        *state.snapshots.entry(head.version).or_default() += 1;
        let snapshot = head.version;
        let tracked =
            Tracked { serializable: Arc::clone(self), snapshot, read: ReadTables::default() };
        (head, Some(tracked))
    }
}

impl Tracked {
    /// Returns where the tables are noted that it reads.
    pub(super) fn read_tables(&self) -> ReadTables {
        self.read.clone()
    }

    /// Fails with 1023 if the transaction cannot commit any more, after these changes.
    pub(super) fn check(
        &self,
        (xid, pid): (Xid, Pid),
        changes: &[CatalogChange],
    ) -> Result<(), TransactionError> {
        let candidate = self.candidate(xid, changes);
        self.serializable.state.lock().what_follows(&candidate, pid).map(drop)
    }

    /// Notes that the transaction commits in the record `at`, or fails with 1023.
    pub(super) fn commit(
        &self,
        (xid, pid): (Xid, Pid),
        changes: &[CatalogChange],
        at: CommitSeq,
    ) -> Result<(), TransactionError> {
        let candidate = self.candidate(xid, changes);
        if candidate.read.is_empty() && candidate.changed.is_empty() {
            return Ok(());
        }
        self.serializable.state.lock().commit(candidate, pid, at)
    }

    fn candidate(&self, xid: Xid, changes: &[CatalogChange]) -> Candidate {
        let mut read = self.read.tables.lock().clone();
        let mut changed = BTreeSet::new();
        for change in changes {
            let (tables, is_append) = tables_of(change);
            changed.extend(tables.iter().flatten());
            if !is_append {
                // It depends on the rows or columns that were there.
                read.extend(tables.iter().flatten());
            }
        }
        Candidate { xid, snapshot: self.snapshot, read, changed }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let mut state = self.serializable.state.lock();
        if let Some(count) = state.snapshots.get_mut(&self.snapshot) {
            *count -= 1;
            if *count == 0 {
                state.snapshots.remove(&self.snapshot);
            }
        }
        let newest = self.serializable.head.read().version;
        state.forget_what_all_see(newest);
    }
}

/// Returns the tables whose content changes for readers, and whether it only grows.
fn tables_of(change: &CatalogChange) -> ([Option<TableId>; 2], bool) {
    match change {
        CatalogChange::AppendRuns { table, .. } => ([Some(*table), None], true),
        CatalogChange::ReplaceRuns { table, .. }
        | CatalogChange::DeleteRows { table, .. }
        | CatalogChange::Alter { table, .. }
        | CatalogChange::DropTable(table)
        | CatalogChange::Rename { relation: table, .. } => ([Some(*table), None], false),
        CatalogChange::MoveRuns { source, target, .. } => ([Some(*source), Some(*target)], false),
        CatalogChange::CreateSchema(_)
        | CatalogChange::DropSchema(_)
        | CatalogChange::CreateTable(_)
        | CatalogChange::PutView(_)
        | CatalogChange::DropView(_)
        | CatalogChange::SetDistStyle { .. }
        | CatalogChange::AdvanceIdentity { .. }
        | CatalogChange::SetIsolationLevel(_)
        | CatalogChange::CreateDatabase(_)
        | CatalogChange::AlterDatabase { .. }
        | CatalogChange::DropDatabase(_) => ([None, None], true),
    }
}

impl State {
    /// Returns the footprint of all that come after a transaction, which must not come before it as well.
    fn what_follows(&self, candidate: &Candidate, pid: Pid) -> Result<Footprint, TransactionError> {
        let mut after = Footprint::default();
        for committed in self.committed.iter().filter(|other| other.at > candidate.snapshot) {
            let unseen = committed.changed.intersection(&candidate.read).next();
            let Some(table) = unseen else { continue };
            if let Some(last) = committed.after.reaches(candidate) {
                let mut cycle = vec![candidate.xid, committed.xid];
                if last != committed.xid {
                    cycle.push(last);
                }
                return Err(TransactionError::SerializableIsolation { table: *table, cycle, pid });
            }
            after.add(&committed.after);
        }
        Ok(after)
    }

    fn commit(
        &mut self,
        candidate: Candidate,
        pid: Pid,
        at: CommitSeq,
    ) -> Result<(), TransactionError> {
        let mut after = self.what_follows(&candidate, pid)?;
        after.add(&candidate.footprint(at));
        for committed in &mut self.committed {
            if committed.after.reaches(&candidate).is_some() {
                committed.after.add(&after);
            }
        }
        // Who changed nothing comes before others only by what was noted just now.
        if !candidate.changed.is_empty() {
            let Candidate { xid, changed, .. } = candidate;
            self.committed.push_back(Committed { xid, at, changed, after });
        }
        while self.committed.len() > COMMITTED_MAX {
            self.merge_oldest();
        }
        Ok(())
    }

    fn merge_oldest(&mut self) {
        let Some(oldest) = self.committed.pop_front() else { return };
        let Some(next) = self.committed.front_mut() else { return };
        next.changed.extend(oldest.changed);
        next.after.add(&oldest.after);
    }

    /// Forgets what every transaction in progress sees, and every one to come.
    fn forget_what_all_see(&mut self, newest: CommitSeq) {
        let oldest = self.snapshots.keys().next().map_or(newest, |oldest| newest.min(*oldest));
        while self.committed.front().is_some_and(|committed| committed.at <= oldest) {
            self.committed.pop_front();
        }
    }
}

impl Candidate {
    fn footprint(&self, at: CommitSeq) -> Footprint {
        Footprint {
            read: self.read.iter().map(|table| (*table, self.xid)).collect(),
            changed: self.changed.iter().map(|table| (*table, (at, self.xid))).collect(),
        }
    }
}

impl Footprint {
    /// Returns which of its transactions comes before the candidate, if one does.
    fn reaches(&self, candidate: &Candidate) -> Option<Xid> {
        let reader = candidate.changed.iter().find_map(|table| self.read.get(table));
        let mut touched = candidate.read.iter().chain(&candidate.changed);
        reader.copied().or_else(|| {
            touched.find_map(|table| {
                let (at, xid) = self.changed.get(table)?;
                (*at <= candidate.snapshot).then_some(*xid)
            })
        })
    }

    fn add(&mut self, other: &Self) {
        for (table, xid) in &other.read {
            self.read.entry(*table).or_insert(*xid);
        }
        for (table, (at, xid)) in &other.changed {
            let first = self.changed.entry(*table).or_insert((*at, *xid));
            if *at < first.0 {
                *first = (*at, *xid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::catalog::FIRST_DATABASE;

    const PID: Pid = Pid(1);
    const TABLES: u32 = 4;

    /// A transaction as the whole history has it.
    #[derive(Debug, Clone)]
    struct Known {
        snapshot: CommitSeq,
        at: CommitSeq,
        read: BTreeSet<TableId>,
        changed: BTreeSet<TableId>,
    }

    impl Known {
        /// Returns whether it comes before another, by the definition.
        fn precedes(&self, other: &Self) -> bool {
            let mut changed = self.changed.iter();
            let is_seen = self.at <= other.snapshot
                && changed.any(|t| other.read.contains(t) || other.changed.contains(t));
            let is_unseen = other.at > self.snapshot && !self.read.is_disjoint(&other.changed);
            is_seen || is_unseen
        }
    }

    fn closes_cycle(history: &[Known], new: &Known) -> bool {
        let mut reached = vec![false; history.len()];
        let mut front: Vec<&Known> = vec![new];
        while let Some(from) = front.pop() {
            for (to, reached) in history.iter().zip(&mut reached) {
                if !*reached && from.precedes(to) {
                    *reached = true;
                    front.push(to);
                }
            }
        }
        history.iter().zip(reached).any(|(known, reached)| reached && known.precedes(new))
    }

    struct Simulation {
        random: StdRng,
        serializable: Arc<Serializable>,
        next: CommitSeq,
        open: Vec<(Tracked, Xid, Vec<CatalogChange>)>,
        history: Vec<Known>,
        refused: usize,
    }

    impl Simulation {
        fn new(seed: u64) -> Self {
            let mut catalog = Catalog::default();
            let level = CatalogChange::SetIsolationLevel(IsolationLevel::Serializable);
            catalog.apply(&level).unwrap();
            Self {
                random: StdRng::seed_from_u64(seed),
                serializable: Serializable::new(Arc::new(RwLock::new(Arc::new(catalog)))),
                next: CommitSeq(1),
                open: Vec::new(),
                history: Vec::new(),
                refused: 0,
            }
        }

        fn step(&mut self, number: u64) {
            if self.open.is_empty() || self.open.len() < 5 && self.random.random_bool(0.2) {
                let (_, tracked) = self.serializable.begin(FIRST_DATABASE);
                self.open.push((tracked.unwrap(), Xid(number), Vec::new()));
            }
            let which = self.random.random_range(0..self.open.len());
            let table = TableId(self.random.random_range(0..TABLES));
            match self.random.random_range(0..10) {
                0..4 => self.open[which].0.read_tables().note(table),
                4..7 => {
                    let change = CatalogChange::AppendRuns { table, runs: Vec::new() };
                    self.open[which].2.push(change);
                }
                7 => self.publish(),
                8 if self.random.random_bool(0.3) => drop(self.open.swap_remove(which)),
                _ => self.commit(which),
            }
        }

        /// Makes what has committed visible: several transactions may share a record.
        fn publish(&mut self) {
            let mut catalog = (**self.serializable.head.read()).clone();
            catalog.version = self.next;
            *self.serializable.head.write() = Arc::new(catalog);
            self.next.0 += 1;
        }

        fn commit(&mut self, which: usize) {
            let (tracked, xid, changes) = self.open.swap_remove(which);
            let Candidate { snapshot, read, changed, .. } = tracked.candidate(xid, &changes);
            let new = Known { snapshot, at: self.next, read, changed };
            let expected = closes_cycle(&self.history, &new);
            assert_eq!(tracked.check((xid, PID), &changes).is_err(), expected, "{new:?}");
            assert_eq!(tracked.commit((xid, PID), &changes, self.next).is_err(), expected);
            if expected {
                self.refused += 1;
            } else {
                self.history.push(new);
            }
        }
    }

    #[test]
    fn just_those_are_refused_that_close_a_cycle_of_the_whole_history() {
        for seed in 0..200 {
            let mut simulation = Simulation::new(seed);
            for number in 0..400 {
                simulation.step(number);
            }
            assert!(simulation.refused > 0 && simulation.history.len() > 20, "seed {seed}");
            // All is forgotten when nobody is left who does not see it.
            simulation.open.clear();
            simulation.publish();
            drop(simulation.serializable.begin(FIRST_DATABASE));
            assert!(simulation.serializable.state.lock().committed.is_empty(), "seed {seed}");
        }
    }

    #[test]
    fn one_old_snapshot_does_not_keep_everything() {
        let mut simulation = Simulation::new(0);
        let (_, old) = simulation.serializable.begin(FIRST_DATABASE);
        let old = old.unwrap();
        for number in 0..2 * COMMITTED_MAX as u64 {
            let (_, tracked) = simulation.serializable.begin(FIRST_DATABASE);
            let table = TableId(number as u32 % TABLES);
            let change = CatalogChange::AppendRuns { table, runs: Vec::new() };
            tracked.unwrap().commit((Xid(number), PID), &[change], simulation.next).unwrap();
            simulation.publish();
        }
        assert_eq!(simulation.serializable.state.lock().committed.len(), COMMITTED_MAX);
        // It has read what all of them changed, and they have read nothing: it is before them.
        old.read_tables().note(TableId(0));
        let change = CatalogChange::AppendRuns { table: TableId(0), runs: Vec::new() };
        old.commit((Xid(9999), PID), &[change], simulation.next).unwrap();
    }
}
