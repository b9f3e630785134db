//! Write locks of tables: one writer per table at a time, or several that only add rows; readers not at all.
//!
//! ```text
//!  acquire ─▶ free ─────────────▶ held ─▶ end of the transaction ─▶ handed to who waited longest
//!          └▶ held by another ─▶ wait ─▶ (handed over)
//!                  └▶ whoever holds it waits, in the end, for us: deadlock, this side gives up
//! ```
//!
//! Invariants:
//!
//! * A lock is held until its [`HeldLocks`] is dropped: by COMMIT, ROLLBACK, an error, a lost connection.
//! * A transaction waits for one table at a time; a wait that is given up (cancel, timeout) leaves nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    ids::{Pid, TableId, Xid},
    transaction::TransactionError,
};

/// How a table is locked. All let readers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockMode {
    /// An INSERT of values that commits by itself: it reads nothing and adds rows, as do others beside it.
    RowExclusive,
    /// INSERT, COPY, UPDATE, DELETE, MERGE.
    ShareRowExclusive,
    /// LOCK, TRUNCATE, DROP TABLE.
    AccessExclusive,
}

impl LockMode {
    /// Returns its name, as `SVV_TRANSACTIONS` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RowExclusive => "RowExclusiveLock",
            Self::ShareRowExclusive => "ShareRowExclusiveLock",
            Self::AccessExclusive => "AccessExclusiveLock",
        }
    }

    /// Returns whether both may hold a table at once.
    fn admits(self, other: Self) -> bool {
        self == Self::RowExclusive && other == Self::RowExclusive
    }
}

/// A lock that a transaction holds or waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockInfo {
    /// The transaction.
    pub xid: Xid,
    /// Its session.
    pub pid: Pid,
    /// The table.
    pub table: TableId,
    /// How.
    pub mode: LockMode,
    /// Whether it holds the lock; else it waits.
    pub granted: bool,
    /// When it got the lock or began to wait: microseconds since 1970, UTC.
    pub since_us: i64,
    /// When the transaction first asked for a lock or a snapshot: microseconds since 1970, UTC.
    pub transaction_started_us: i64,
}

/// The write locks of all tables.
#[derive(Debug, Default)]
pub(super) struct TableLocks {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Never empty lists.
    held: BTreeMap<TableId, Vec<LockInfo>>,
    /// In the order of arrival.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    info: LockInfo,
    wake: oneshot::Sender<()>,
}

impl TableLocks {
    /// Returns the locks of a transaction: none so far.
    pub(super) fn owner(self: &Arc<Self>, xid: Xid, pid: Pid) -> HeldLocks {
        HeldLocks { locks: Arc::clone(self), xid, pid, started_us: now_us() }
    }

    /// Returns all locks, those waited for last.
    pub(super) fn list(&self) -> Vec<LockInfo> {
        let state = self.state.lock();
        state.held.values().flatten().copied().chain(state.waiting.iter().map(|w| w.info)).collect()
    }
}

impl State {
    /// Returns whether a wait of `xid` for `table` would never end.
    fn would_deadlock(&self, xid: Xid, table: TableId) -> bool {
        // Everybody waits for one table. There is no loop: no wait was let in that would have closed one.
        self.held.get(&table).into_iter().flatten().any(|holder| {
            let wait = self.waiting.iter().find(|waiting| waiting.info.xid == holder.xid);
            holder.xid == xid || wait.is_some_and(|wait| self.would_deadlock(xid, wait.info.table))
        })
    }

    /// Returns whether a table can be locked so, as far as those who hold it say.
    fn is_free(&self, table: TableId, mode: LockMode) -> bool {
        self.held.get(&table).into_iter().flatten().all(|holder| holder.mode.admits(mode))
    }

    fn is_waited_for(&self, table: TableId) -> bool {
        self.waiting.iter().any(|waiting| waiting.info.table == table)
    }

    /// Hands a table, as far as it is free, to who has waited longest.
    fn hand_over(&mut self, table: TableId) {
        while let Some(next) = self.waiting.iter().position(|w| w.info.table == table)
            && self.is_free(table, self.waiting[next].info.mode)
            && let Some(Waiting { mut info, wake }) = self.waiting.remove(next)
        {
            info.granted = true;
            info.since_us = now_us();
            if wake.send(()).is_ok() {
                self.held.entry(table).or_default().push(info);
            }
        }
    }
}

/// The locks of one transaction; dropped with its end.
#[derive(Debug)]
pub struct HeldLocks {
    locks: Arc<TableLocks>,
    xid: Xid,
    pid: Pid,
    started_us: i64,
}

impl HeldLocks {
    /// Returns when the transaction started: microseconds since 1970, UTC.
    pub fn started_us(&self) -> i64 {
        self.started_us
    }

    /// Returns the transaction and its session.
    pub(super) fn owner(&self) -> (Xid, Pid) {
        (self.xid, self.pid)
    }

    /// Returns the transaction's number.
    pub fn xid(&self) -> Xid {
        self.xid
    }

    /// Locks a table against other writers, waiting for them as long as it takes.
    ///
    /// [`TransactionError::Deadlock`] if it would take forever.
    pub async fn acquire(
        &mut self,
        table: TableId,
        mode: LockMode,
    ) -> Result<(), TransactionError> {
        let Some(woken) = self.take_or_wait(table, mode)? else { return Ok(()) };
        let _waiting = WaitGuard { locks: &self.locks, xid: self.xid };
        // The sender is dropped only by the guard, and the lock is ours before it sends.
        drop(woken.await);
        Ok(())
    }

    /// Takes a lock that is free, or returns what says that it was handed over.
    fn take_or_wait(
        &self,
        table: TableId,
        mode: LockMode,
    ) -> Result<Option<oneshot::Receiver<()>>, TransactionError> {
        let mut info = LockInfo {
            xid: self.xid,
            pid: self.pid,
            table,
            mode,
            granted: true,
            since_us: now_us(),
            transaction_started_us: self.started_us,
        };
        let mut state = self.locks.state.lock();
        let holders = state.held.get_mut(&table).map(Vec::as_mut_slice).unwrap_or_default();
        let alone = holders.len() == 1;
        if let Some(mine) = holders.iter_mut().find(|holder| holder.xid == self.xid) {
            if alone || mode <= mine.mode {
                mine.mode = mine.mode.max(mode);
                return Ok(None);
            }
            // Two that both want more than they have would wait for each other.
            return Err(self.deadlock(table, &state));
        }
        // Nobody overtakes who waits already.
        if state.is_free(table, mode) && !state.is_waited_for(table) {
            state.held.entry(table).or_default().push(info);
            return Ok(None);
        }
        if state.would_deadlock(self.xid, table) {
            return Err(self.deadlock(table, &state));
        }
        let (wake, woken) = oneshot::channel();
        info.granted = false;
        state.waiting.push_back(Waiting { info, wake });
        Ok(Some(woken))
    }

    fn deadlock(&self, table: TableId, state: &State) -> TransactionError {
        let holders = state.held.get(&table).into_iter().flatten();
        let other = holders.map(|holder| holder.pid).find(|pid| *pid != self.pid);
        TransactionError::Deadlock { pid: self.pid, table, blocked_by: other.unwrap_or(self.pid) }
    }
}

impl Drop for HeldLocks {
    fn drop(&mut self) {
        let mut state = self.locks.state.lock();
        let is_mine = |info: &LockInfo| info.xid == self.xid;
        let mine = state.held.iter().filter(|(_, holders)| holders.iter().any(is_mine));
        let mine: Vec<TableId> = mine.map(|(table, _)| *table).collect();
        state.held.values_mut().for_each(|holders| holders.retain(|info| !is_mine(info)));
        state.held.retain(|_, holders| !holders.is_empty());
        for table in mine {
            state.hand_over(table);
        }
    }
}

/// Takes a wait back that is over or was given up.
struct WaitGuard<'a> {
    locks: &'a TableLocks,
    xid: Xid,
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.locks.state.lock();
        let mine = state.waiting.iter().find(|waiting| waiting.info.xid == self.xid);
        let Some(table) = mine.map(|waiting| waiting.info.table) else { return };
        state.waiting.retain(|waiting| waiting.info.xid != self.xid);
        // Who stood behind may go on beside those who hold the table.
        state.hand_over(table);
    }
}

fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const A: TableId = TableId(1);
    const B: TableId = TableId(2);
    const MODE: LockMode = LockMode::ShareRowExclusive;
    const SHORT: Duration = Duration::from_millis(20);

    fn owners() -> (Arc<TableLocks>, HeldLocks, HeldLocks, HeldLocks) {
        let locks = Arc::new(TableLocks::default());
        let owner = |number: u64| locks.owner(Xid(number), Pid(number as i32));
        (Arc::clone(&locks), owner(1), owner(2), owner(3))
    }

    #[tokio::test]
    async fn a_table_is_handed_on_in_the_order_of_arrival() {
        let (locks, mut first, mut second, mut third) = owners();
        first.acquire(A, MODE).await.unwrap();
        first.acquire(A, LockMode::AccessExclusive).await.unwrap();
        let mut wait_second = Box::pin(second.acquire(A, MODE));
        assert!(timeout(SHORT, &mut wait_second).await.is_err());
        let mut wait_third = Box::pin(third.acquire(A, MODE));
        assert!(timeout(SHORT, &mut wait_third).await.is_err());
        let shown: Vec<_> = locks.list().iter().map(|l| (l.xid.0, l.mode, l.granted)).collect();
        assert_eq!(
            shown,
            [(1, LockMode::AccessExclusive, true), (2, MODE, false), (3, MODE, false)]
        );
        drop(first);
        wait_second.await.unwrap();
        assert!(timeout(SHORT, &mut wait_third).await.is_err());
        drop(second);
        wait_third.await.unwrap();
        drop(third);
        assert!(locks.list().is_empty());
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_leaves_nothing() {
        let (locks, mut first, mut second, mut third) = owners();
        first.acquire(A, MODE).await.unwrap();
        assert!(timeout(SHORT, second.acquire(A, MODE)).await.is_err());
        assert_eq!(locks.list().len(), 1);
        drop(first);
        third.acquire(A, MODE).await.unwrap();
        assert_eq!(locks.list()[0].xid, Xid(3));
    }

    #[tokio::test]
    async fn those_who_only_add_rows_do_not_wait_for_each_other() {
        let (locks, mut first, mut second, mut third) = owners();
        let append = LockMode::RowExclusive;
        first.acquire(A, append).await.unwrap();
        second.acquire(A, append).await.unwrap();
        let mut wait_third = Box::pin(third.acquire(A, MODE));
        assert!(timeout(SHORT, &mut wait_third).await.is_err());
        // Nor do they overtake who waits, until that one gives up.
        let mut fourth = locks.owner(Xid(4), Pid(4));
        let mut wait_fourth = Box::pin(fourth.acquire(A, append));
        assert!(timeout(SHORT, &mut wait_fourth).await.is_err());
        drop(first);
        assert!(timeout(SHORT, &mut wait_third).await.is_err());
        drop(wait_third);
        wait_fourth.await.unwrap();
        drop(second);
        let mut wait_third = Box::pin(third.acquire(A, MODE));
        assert!(timeout(SHORT, &mut wait_third).await.is_err());
        drop(fourth);
        wait_third.await.unwrap();
    }

    #[tokio::test]
    async fn who_would_close_a_circle_is_refused() {
        let (_, mut first, mut second, mut third) = owners();
        let c = TableId(3);
        first.acquire(A, MODE).await.unwrap();
        second.acquire(B, MODE).await.unwrap();
        third.acquire(c, MODE).await.unwrap();
        let mut wait_first = Box::pin(first.acquire(B, MODE));
        assert!(timeout(SHORT, &mut wait_first).await.is_err());
        let mut wait_second = Box::pin(second.acquire(c, MODE));
        assert!(timeout(SHORT, &mut wait_second).await.is_err());
        let refused = third.acquire(A, MODE).await;
        assert!(matches!(refused, Err(TransactionError::Deadlock { table: A, .. })));
        drop(third);
        wait_second.await.unwrap();
        drop(second);
        wait_first.await.unwrap();
    }
}
