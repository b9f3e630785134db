//! What a query did on the slices, step by step: what STL_EXPLAIN, SVL_QUERY_REPORT, STL_SCAN and their kin show.
//!
//! ```text
//!  query ─▶ streams, one after the other ─▶ segments, side by side ─▶ steps, on every slice
//! ```

use std::{fmt, sync::Arc};

use crate::{
    ids::{Pid, QueryId, TableId, UserId, Xid},
    system::{SystemContext, value::Value},
};

/// The number that the leader has among slices.
pub const LEADER_SLICE: u32 = 10_000;

/// A query that has run to its end.
#[derive(Debug, Clone)]
pub struct QueryExecuted {
    /// The query.
    pub query: QueryId,
    /// Its transaction.
    pub xid: Option<Xid>,
    /// Its session.
    pub pid: Pid,
    /// Who ran it.
    pub user: UserId,
    /// When it started: microseconds since 1970, UTC.
    pub start_us: i64,
    /// When it ended.
    pub end_us: i64,
    /// Its plan, and what that did.
    pub plan: Arc<dyn ExecutedPlan>,
}

/// A plan that has run. What is shown of it is made when it is asked for.
pub trait ExecutedPlan: fmt::Debug + Send + Sync {
    /// Returns its nodes, as EXPLAIN prints them.
    fn nodes(&self) -> Vec<ExecutedNode>;

    /// Returns its steps, in the order of their numbers.
    fn steps(&self) -> Vec<ExecutedStep>;
}

/// A node of a plan: a row of `STL_EXPLAIN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutedNode {
    /// Its number, from 1.
    pub node: usize,
    /// The number of the node above; 0 for the first.
    pub parent: usize,
    /// Its line, indented.
    pub text: String,
    /// What stands below it.
    pub info: String,
}

/// A step, on all slices that had a part in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutedStep {
    /// The stream, from 0.
    pub stream: u32,
    /// The segment, from 0 in the query.
    pub segment: u32,
    /// Its number in the segment, from 0.
    pub step: u32,
    /// What it does.
    pub kind: StepKind,
    /// The table that is read or built: its id, or the number of a transient one.
    pub table: TableId,
    /// The name of the table, if it is not a transient one.
    pub table_name: Option<String>,
    /// What every slice did.
    pub slices: Vec<StepOnSlice>,
    /// Rows that were expected.
    pub rows_estimated: u64,
    /// Whether it compares what it reads to conditions.
    pub is_filtered: bool,
    /// Blocks that were read.
    pub blocks_read: u64,
    /// Blocks that zone maps made needless.
    pub blocks_skipped: u64,
    /// Bytes written because memory was short.
    pub spilled_bytes: u64,
    /// The most memory that was held at a time, where it is known.
    pub memory_bytes: u64,
    /// Messages that took its rows through the network.
    pub packets: u64,
}

/// What one slice did in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepOnSlice {
    /// The slice; [`LEADER_SLICE`] for the leader.
    pub slice: u32,
    /// Rows that came out of it.
    pub rows: u64,
    /// Their bytes, where they are known.
    pub bytes: u64,
    /// Time spent computing, in microseconds.
    pub elapsed_us: u64,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Reads a table.
    Scan,
    /// Computes columns.
    Project,
    /// Builds a hash table.
    Hash,
    /// Looks into one; the number that Redshift gives the kind of join.
    HashJoin(i32),
    /// Reads sorted inputs side by side.
    MergeJoin,
    /// Holds every row against every other.
    NestedLoop,
    /// One group of all rows.
    AggregatePlain,
    /// Groups in a hash table.
    AggregateHashed,
    /// Groups in order.
    AggregateSorted,
    /// Rows without repetition.
    Unique,
    /// Puts rows in order.
    Sort,
    /// Makes one order of several.
    Merge,
    /// Functions over windows.
    Window,
    /// The first rows.
    Limit,
    /// Sends each row to one slice.
    Distribute,
    /// Sends each row to every node.
    Broadcast,
    /// Sends rows to the leader, or to the client.
    Return,
}

impl StepKind {
    /// Returns the word that Redshift's labels start with.
    pub fn word(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Project => "project",
            Self::Hash => "hash",
            Self::HashJoin(_) => "hjoin",
            Self::MergeJoin => "mjoin",
            Self::NestedLoop => "nloop",
            Self::AggregatePlain | Self::AggregateHashed | Self::AggregateSorted => "aggr",
            Self::Unique => "unique",
            Self::Sort => "sort",
            Self::Merge => "merge",
            Self::Window => "window",
            Self::Limit => "limit",
            Self::Distribute => "dist",
            Self::Broadcast => "bcast",
            Self::Return => "return",
        }
    }

    /// Returns the name that `SYS_QUERY_DETAIL` has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HashJoin(_) => "hashjoin",
            Self::MergeJoin => "mergejoin",
            Self::NestedLoop => "nestloop",
            Self::AggregatePlain | Self::AggregateHashed | Self::AggregateSorted => "aggregate",
            Self::Distribute => "distribute",
            Self::Broadcast => "broadcast",
            kind => kind.word(),
        }
    }

    fn has_table(self) -> bool {
        !matches!(
            self,
            Self::Project
                | Self::Distribute
                | Self::Broadcast
                | Self::Return
                | Self::Limit
                | Self::Merge
        )
    }
}

impl ExecutedStep {
    /// Returns `scan tbl=100448 name=users`.
    pub fn label(&self) -> String {
        let word = self.kind.word();
        match &self.table_name {
            Some(name) => format!("{word} tbl={} name={name}", self.table),
            None if self.kind.has_table() => format!("{word} tbl={}", self.table),
            None => word.to_owned(),
        }
    }

    /// Returns the rows of all slices.
    pub fn rows(&self) -> u64 {
        self.slices.iter().map(|slice| slice.rows).sum()
    }

    /// Returns the bytes of all slices.
    pub fn bytes(&self) -> u64 {
        self.slices.iter().map(|slice| slice.bytes).sum()
    }

    /// Returns the messages that are counted on a slice: all of them on the first.
    pub(crate) fn packets_of(&self, slice: &StepOnSlice) -> u64 {
        let is_first = self.slices.first().is_some_and(|first| first.slice == slice.slice);
        if is_first { self.packets } else { 0 }
    }

    /// Returns the time of the slice that took longest, in microseconds.
    pub fn elapsed_us_max(&self) -> u64 {
        self.slices.iter().map(|slice| slice.elapsed_us).max().unwrap_or(0)
    }

    /// Returns whether blocks were left out by what is known of them.
    pub(crate) fn is_range_restricted(&self) -> bool {
        self.kind == StepKind::Scan && self.blocks_skipped > 0
    }
}

/// Calls `visit` with every step of every query that has run, oldest first.
pub(crate) fn each_step(
    context: &SystemContext,
    mut visit: impl FnMut(&QueryExecuted, &ExecutedStep),
) {
    for query in context.events.executed() {
        for step in query.plan.steps() {
            visit(&query, &step);
        }
    }
}

/// As [`each_step`], for each slice of the steps that are wanted: what most STL tables have rows of.
pub(crate) fn each_slice(
    context: &SystemContext,
    wanted: impl Fn(StepKind) -> bool,
    mut visit: impl FnMut(&QueryExecuted, &ExecutedStep, &StepOnSlice),
) {
    each_step(context, |query, step| {
        if wanted(step.kind) {
            step.slices.iter().for_each(|slice| visit(query, step, slice));
        }
    });
}

/// Returns the columns that all tables of steps start with: who, which step, when.
pub(crate) fn place(query: &QueryExecuted, step: &ExecutedStep, slice: &StepOnSlice) -> Vec<Value> {
    vec![
        query.user.into(),
        query.query.into(),
        slice.slice.into(),
        step.segment.into(),
        step.step.into(),
        query.start_us.into(),
        query.end_us.into(),
    ]
}

/// Returns `t` or `f`: Redshift's truth in a CHAR(1).
pub(crate) fn flag(value: bool) -> &'static str {
    if value { "t" } else { "f" }
}
