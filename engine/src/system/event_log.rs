//! The event log: the newest events of each kind, in memory.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;

use crate::{
    ids::{Pid, QueryId},
    system::{
        event::{
            LoadError, LoadFinished, StatementFinished, StatementKind, TableAnalyzed,
            TransactionConflict, VacuumEvent, VacuumPhase, VacuumProgress,
        },
        executed::QueryExecuted,
    },
};

/// Events kept of each kind; the oldest go first. A finished statement with 4,000 bytes of text is
/// the largest, so that a full log stays below 100 MB.
pub const EVENTS_OF_A_KIND_MAX: usize = 20_000;

/// Plans kept of queries that have run: a large one takes 20 KB.
const EXECUTED_MAX: usize = 1_000;

/// Bytes of a statement's text that are kept, as in `STL_QUERY`.
pub const QUERY_TEXT_BYTES_MAX: usize = 4_000;

/// What happened so far, as far as memory allows.
#[derive(Debug, Default)]
pub struct EventLog {
    load_errors: Mutex<VecDeque<LoadError>>,
    loads: Mutex<VecDeque<LoadFinished>>,
    statements: Mutex<VecDeque<StatementFinished>>,
    executed: Mutex<VecDeque<Arc<QueryExecuted>>>,
    analyzed: Mutex<VecDeque<TableAnalyzed>>,
    conflicts: Mutex<VecDeque<TransactionConflict>>,
    vacuums: Mutex<VecDeque<VacuumEvent>>,
    vacuum_progress: Mutex<Option<VacuumProgress>>,
}

impl EventLog {
    /// Records rows that COPY refused.
    pub fn load_errors(&self, errors: impl IntoIterator<Item = LoadError>) {
        let mut log = self.load_errors.lock();
        for error in errors {
            push(&mut log, error);
        }
    }

    /// Records the files of a COPY that was committed.
    pub fn load_finished(&self, files: impl IntoIterator<Item = LoadFinished>) {
        let mut log = self.loads.lock();
        for file in files {
            push(&mut log, file);
        }
    }

    /// Records a statement that ended; its text is cut to [`QUERY_TEXT_BYTES_MAX`].
    pub fn statement_finished(&self, mut statement: StatementFinished) {
        let end = statement.text.floor_char_boundary(QUERY_TEXT_BYTES_MAX);
        statement.text.truncate(end);
        push(&mut self.statements.lock(), statement);
    }

    /// Records what a query did on the slices.
    pub fn query_executed(&self, query: QueryExecuted) {
        let mut log = self.executed.lock();
        if log.len() == EXECUTED_MAX {
            log.pop_front();
        }
        log.push_back(Arc::new(query));
    }

    /// Returns what queries did on the slices, oldest first.
    pub fn executed(&self) -> Vec<Arc<QueryExecuted>> {
        self.executed.lock().iter().map(Arc::clone).collect()
    }

    /// Records a table that ANALYZE looked at.
    pub fn table_analyzed(&self, table: TableAnalyzed) {
        push(&mut self.analyzed.lock(), table);
    }

    /// Calls `visit` with every table that ANALYZE looked at, oldest first.
    pub fn visit_analyzed(&self, visit: impl FnMut(&TableAnalyzed)) {
        self.analyzed.lock().iter().for_each(visit);
    }

    /// Records a transaction that was refused because of what others did.
    pub fn transaction_conflict(&self, conflict: TransactionConflict) {
        push(&mut self.conflicts.lock(), conflict);
    }

    /// Calls `visit` with every transaction that was refused, oldest first.
    pub fn visit_conflicts(&self, visit: impl FnMut(&TransactionConflict)) {
        self.conflicts.lock().iter().for_each(visit);
    }

    /// Records a step of a vacuum.
    pub fn vacuum(&self, event: VacuumEvent) {
        push(&mut self.vacuums.lock(), event);
    }

    /// Says how far the vacuum that runs has got.
    pub fn vacuum_goes_on(&self, progress: VacuumProgress) {
        *self.vacuum_progress.lock() = Some(progress);
    }

    /// Says what the vacuum that runs does now.
    pub fn vacuum_phase(&self, phase: VacuumPhase) {
        if let Some(progress) = self.vacuum_progress.lock().as_mut() {
            progress.phase = phase;
        }
    }

    /// Returns how far the vacuum that runs, or the last one, has got.
    pub fn vacuum_progress(&self) -> Option<VacuumProgress> {
        self.vacuum_progress.lock().clone()
    }

    /// Calls `visit` with every step of a vacuum, oldest first.
    pub fn visit_vacuums(&self, visit: impl FnMut(&VacuumEvent)) {
        self.vacuums.lock().iter().for_each(visit);
    }

    /// Calls `visit` with every load error, oldest first.
    pub fn visit_load_errors(&self, visit: impl FnMut(&LoadError)) {
        self.load_errors.lock().iter().for_each(visit);
    }

    /// Calls `visit` with every loaded file, oldest first.
    pub fn visit_loads(&self, visit: impl FnMut(&LoadFinished)) {
        self.loads.lock().iter().for_each(visit);
    }

    /// Calls `visit` with every finished statement, oldest first.
    pub fn visit_statements(&self, visit: impl FnMut(&StatementFinished)) {
        self.statements.lock().iter().for_each(visit);
    }

    /// Calls `visit` with every finished query, oldest first.
    pub fn visit_queries(&self, visit: impl FnMut(&StatementFinished)) {
        let statements = self.statements.lock();
        statements.iter().filter(|statement| is_query(statement)).for_each(visit);
    }

    /// Returns the last query that a session finished.
    pub fn last_query_of(&self, pid: Pid) -> Option<QueryId> {
        let statements = self.statements.lock();
        let mut of_session =
            statements.iter().rev().filter(|query| query.pid == pid && is_query(query));
        of_session.next().map(|query| query.query)
    }
}

fn is_query(statement: &StatementFinished) -> bool {
    statement.kind == StatementKind::Query
}

fn push<T>(log: &mut VecDeque<T>, event: T) {
    if log.len() == EVENTS_OF_A_KIND_MAX {
        log.pop_front();
    }
    log.push_back(event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{UserId, Xid};

    fn query(number: u64, text: &str) -> StatementFinished {
        StatementFinished {
            kind: StatementKind::Query,
            query: QueryId(number),
            xid: Some(Xid(1)),
            pid: Pid(7),
            user: UserId(100),
            database: "dev".to_owned(),
            text: text.to_owned(),
            start_us: 0,
            end_us: 1,
            aborted: false,
            label: "default".to_owned(),
        }
    }

    #[test]
    fn keeps_the_newest_events_and_cuts_long_texts() {
        let log = EventLog::default();
        for number in 0..=EVENTS_OF_A_KIND_MAX as u64 {
            log.statement_finished(query(number, "select 1"));
        }
        log.statement_finished(query(99_999, &"ä".repeat(QUERY_TEXT_BYTES_MAX)));
        let mut seen = Vec::new();
        log.visit_queries(|query| seen.push((query.query.0, query.text.len())));
        assert_eq!(seen.len(), EVENTS_OF_A_KIND_MAX);
        assert_eq!(seen.first(), Some(&(2, 8)));
        assert_eq!(seen.last(), Some(&(99_999, QUERY_TEXT_BYTES_MAX)));
        let set = query(100_000, "set a.b to c");
        log.statement_finished(StatementFinished { kind: StatementKind::Utility, ..set });
        assert_eq!(log.last_query_of(Pid(7)), Some(QueryId(99_999)));
    }
}
