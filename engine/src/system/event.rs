//! Events: what happened, written once at the point of truth. The STL tables only read them.

use std::sync::{Arc, atomic::AtomicU64};

use crate::ids::{Pid, QueryId, SliceId, TableId, UserId, Xid};

/// A row that COPY refused: what `STL_LOAD_ERRORS` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// Who ran the COPY.
    pub user: UserId,
    /// The slice that read the row.
    pub slice: SliceId,
    /// The table that was loaded.
    pub table: TableId,
    /// When the load started: microseconds since 1970, UTC.
    pub start_us: i64,
    /// The session.
    pub pid: Pid,
    /// The COPY.
    pub query: QueryId,
    /// The file, as a URL.
    pub filename: String,
    /// The line, from 1; -1 where it is not known.
    pub line_number: i64,
    /// The column; empty when the whole line is wrong.
    pub column: String,
    /// Its type, as `STL_LOAD_ERRORS.type` names it.
    pub column_type: String,
    /// Its length, if it has one.
    pub column_length: String,
    /// Where in the line the field starts, from 0.
    pub position: i32,
    /// The line.
    pub raw_line: String,
    /// The field.
    pub raw_field_value: String,
    /// Redshift's number of the error.
    pub error_code: i32,
    /// Redshift's sentence.
    pub error_reason: String,
    /// Whether the file was read in several ranges.
    pub is_partial: bool,
    /// Where in the file the range starts that holds the row.
    pub start_offset: u64,
}

/// A file that a COPY which was committed has read: what `STL_LOAD_COMMITS` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFinished {
    /// Who ran the COPY.
    pub user: UserId,
    /// The COPY.
    pub query: QueryId,
    /// A slice that read the file.
    pub slice: SliceId,
    /// The file, as a URL.
    pub filename: String,
    /// Whether it was read in parts.
    pub is_partial: bool,
    /// Where this part begins: bytes.
    pub start_offset: u64,
    /// Lines read.
    pub lines_scanned: u64,
    /// Lines refused.
    pub errors: u64,
    /// When the load was committed: microseconds since 1970, UTC.
    pub finished_us: i64,
    /// `Text`, `CSV`, `PARQUET`…
    pub file_format: String,
}

/// A table that ANALYZE looked at: what `STL_ANALYZE` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableAnalyzed {
    /// Who ran the ANALYZE.
    pub user: UserId,
    /// Its transaction.
    pub xid: Xid,
    /// Where.
    pub database: String,
    /// The table.
    pub table: TableId,
    /// Its schema's name.
    pub schema_name: String,
    /// Its name.
    pub table_name: String,
    /// Whether too little had changed since the last time.
    pub skipped: bool,
    /// Its rows.
    pub row_count: u64,
    /// Rows that came or went since the last time.
    pub modified_count: u64,
    /// `analyze_threshold_percent`, rounded.
    pub threshold_percent: i32,
    /// When it started: microseconds since 1970, UTC.
    pub start_us: i64,
    /// When it ended.
    pub end_us: i64,
    /// When the table was last analyzed.
    pub previous_us: Option<i64>,
}

/// A transaction that was refused because of what others did: what `STL_TR_CONFLICT` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionConflict {
    /// The transaction.
    pub xid: Xid,
    /// Its session.
    pub pid: Pid,
    /// When it started: microseconds since 1970, UTC.
    pub start_us: i64,
    /// When it was refused.
    pub abort_us: i64,
    /// The table that both wanted.
    pub table: TableId,
}

/// A step of the vacuum of a table: what `STL_VACUUM` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VacuumEvent {
    /// Who ran it.
    pub user: UserId,
    /// Its transaction: the same in all its steps.
    pub xid: Xid,
    /// The table.
    pub table: TableId,
    /// `Started`, `Finished`, `Skipped(sorted>=95%)`…
    pub status: String,
    /// Rows of the table then, deleted ones included.
    pub rows: u64,
    /// Those of them that are in order.
    pub sorted_rows: u64,
    /// Its size: blocks of 1 MB.
    pub blocks: u64,
    /// Rows that are deleted and still stored.
    pub reclaimable_rows: u64,
    /// Their share of the table's size, in bytes.
    pub reclaimable_bytes: u64,
    /// When: microseconds since 1970, UTC.
    pub time_us: i64,
    /// VACUUM RECLUSTER.
    pub is_recluster: bool,
}

/// How far the vacuum that runs, or the last one, has got: what `SVV_VACUUM_PROGRESS` shows.
#[derive(Debug, Clone)]
pub struct VacuumProgress {
    /// The table's name.
    pub table: String,
    /// What is being done, or how it ended.
    pub phase: VacuumPhase,
    /// When the phase began: microseconds since 1970, UTC.
    pub started_us: i64,
    /// Rows that are to be written.
    pub rows: u64,
    /// Rows that have been written.
    pub rows_done: Arc<AtomicU64>,
}

/// The phases of a vacuum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VacuumPhase {
    /// The runs are chosen.
    Initialize,
    /// Rows are put in order.
    Sort,
    /// Deleted rows are taken out.
    Delete,
    /// It is done.
    Complete,
    /// There was nothing to do.
    Skipped,
    /// It failed or was cancelled.
    Failed,
}

/// Which of Redshift's tables keep a statement's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// `STL_QUERY` and `STL_QUERYTEXT`: what reads or writes rows.
    Query,
    /// `STL_DDLTEXT`: what changes the catalogue.
    Ddl,
    /// `STL_UTILITYTEXT`: all else.
    Utility,
}

/// A statement that ended: what `STL_QUERY` and `SVL_STATEMENTTEXT` show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementFinished {
    /// What it was.
    pub kind: StatementKind,
    /// The statement.
    pub query: QueryId,
    /// Its transaction, if it was part of one.
    pub xid: Option<Xid>,
    /// Its session.
    pub pid: Pid,
    /// Who ran it.
    pub user: UserId,
    /// Where.
    pub database: String,
    /// Its text, without credentials.
    pub text: String,
    /// When it started: microseconds since 1970, UTC.
    pub start_us: i64,
    /// When it ended.
    pub end_us: i64,
    /// Whether it failed, was cancelled, or its client left before the last row.
    pub aborted: bool,
    /// `query_group`.
    pub label: String,
}
