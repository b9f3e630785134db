//! Nodes that have run → the streams, segments and steps that Redshift numbers.
//!
//! ```text
//!  XN Hash Join DS_BCAST_INNER          stream 0   segment 0   scan b, project, bcast
//!    ->  XN Seq Scan on a        ─▶                segment 1   scan, hash
//!    ->  XN Hash                        stream 1   segment 2   scan a, project, hjoin, return
//!          ->  XN Seq Scan on b
//! ```
//!
//! A segment ends where rows are sent elsewhere or kept; a stream where they are kept: hash tables, groups,
//! sorts. What is kept has a transient table's number.

use datafusion::common::JoinType;

use super::{
    cost::Movement,
    label::movements,
    measured::{Measured, Sent},
    node::{Operator, PlanNode},
    render,
};
use crate::{
    ids::TableId,
    plan::locus::DsLabel,
    system::{ExecutedStep, LEADER_SLICE, StepKind, StepOnSlice},
};

/// The number of the first transient table of a query.
const FIRST_TRANSIENT: u32 = 240;
/// The number of constants.
const CONSTANTS: TableId = TableId(0);

/// Returns the steps of a plan that has run.
pub(super) fn of(root: &PlanNode) -> Vec<ExecutedStep> {
    let mut steps =
        Steps { steps: Vec::new(), segments: 0, stream: 0, transients: FIRST_TRANSIENT };
    let mut flow = steps.node(root);
    // The rows go to the client, through the leader: from there if it has merged them.
    steps.push(&mut flow, StepKind::Project, CONSTANTS);
    steps.push(&mut flow, StepKind::Return, CONSTANTS);
    steps.steps.sort_by_key(|step| (step.segment, step.step));
    steps.steps
}

/// Steps so far, and the next numbers.
struct Steps {
    steps: Vec<ExecutedStep>,
    segments: u32,
    stream: u32,
    transients: u32,
}

/// A segment that goes on, and the rows that go through it.
struct Flow {
    segment: u32,
    next_step: u32,
    on_leader: bool,
    rows: Vec<StepOnSlice>,
}

impl Steps {
    fn node(&mut self, node: &PlanNode) -> Flow {
        for init in &node.init_plans {
            let mut flow = self.node(init);
            self.push(&mut flow, StepKind::Return, CONSTANTS);
            self.stream += 1;
        }
        match &node.operator {
            Operator::SeqScan(relation) => {
                let table = relation.table.unwrap_or(CONSTANTS);
                let mut flow = self.scan(node, table, Some(relation.name.clone()));
                self.push(&mut flow, StepKind::Project, CONSTANTS);
                flow
            }
            Operator::HashJoin(kind) => self.hash_join(node, *kind),
            Operator::MergeJoin(_) => self.pair(node, StepKind::MergeJoin),
            Operator::NestedLoop(_) => self.pair(node, StepKind::NestedLoop),
            Operator::Aggregate => self.aggregate(node, StepKind::AggregatePlain),
            Operator::HashAggregate => self.aggregate(node, StepKind::AggregateHashed),
            Operator::GroupAggregate => self.aggregate(node, StepKind::AggregateSorted),
            Operator::Unique => self.aggregate(node, StepKind::Unique),
            Operator::Sort => {
                let mut flow = self.inputs(node);
                let table = self.transient();
                self.push_node(&mut flow, StepKind::Sort, table, node);
                self.kept(flow, table)
            }
            Operator::Network => self.network(node),
            Operator::Merge => self.through(node, StepKind::Merge),
            Operator::Window => self.through(node, StepKind::Window),
            Operator::Limit => self.through(node, StepKind::Limit),
            Operator::Hash
            | Operator::SubqueryScan(_)
            | Operator::Append
            | Operator::RecursiveUnion
            | Operator::Other(_) => self.inputs(node),
            Operator::Result | Operator::WorkTableScan(_) => self.scan(node, CONSTANTS, None),
        }
    }

    /// Returns the segment of the last input; those of the others end with it.
    fn inputs(&mut self, node: &PlanNode) -> Flow {
        let flows: Vec<Flow> = node.inputs.iter().map(|input| self.node(input)).collect();
        let mut rows: Vec<StepOnSlice> = Vec::new();
        for work in flows.iter().flat_map(|flow| &flow.rows) {
            match rows.iter_mut().find(|known| known.slice == work.slice) {
                Some(known) => {
                    known.rows += work.rows;
                    known.bytes += work.bytes;
                    known.elapsed_us += work.elapsed_us;
                }
                None => rows.push(*work),
            }
        }
        match flows.into_iter().next_back() {
            Some(flow) => Flow { rows, ..flow },
            None => self.new_segment(rows),
        }
    }

    fn through(&mut self, node: &PlanNode, kind: StepKind) -> Flow {
        let mut flow = self.inputs(node);
        self.push_node(&mut flow, kind, CONSTANTS, node);
        flow
    }

    fn scan(&mut self, node: &PlanNode, table: TableId, name: Option<String>) -> Flow {
        let mut flow = self.new_segment(Vec::new());
        self.push_node(&mut flow, StepKind::Scan, table, node);
        if let Some(step) = self.steps.last_mut() {
            step.table_name = name;
        }
        flow
    }

    fn hash_join(&mut self, node: &PlanNode, kind: JoinType) -> Flow {
        let [outer, hash] = node.inputs.as_slice() else { return self.inputs(node) };
        let (outer_movement, inner_movement) = movements(node.label.unwrap_or(DsLabel::DistNone));
        let inner = self.inputs(hash);
        let mut inner = self.moved(inner, inner_movement, hash.moved());
        let table = self.transient();
        self.push_node(&mut inner, StepKind::Hash, table, hash);
        self.stream += 1;
        let sent = outer.sent;
        let outer = self.node(outer);
        let mut outer = self.moved(outer, outer_movement, sent);
        self.push_node(&mut outer, StepKind::HashJoin(number_of(kind)), table, node);
        outer
    }

    /// A join that reads both sides: the outer one goes on.
    fn pair(&mut self, node: &PlanNode, kind: StepKind) -> Flow {
        let [outer, inner] = node.inputs.as_slice() else { return self.inputs(node) };
        let (outer_movement, inner_movement) = movements(node.label.unwrap_or(DsLabel::DistNone));
        let (outer_sent, inner_sent) = (outer.sent, inner.sent);
        let inner = self.node(inner);
        let _inner = self.moved(inner, inner_movement, inner_sent);
        let table = self.transient();
        let outer = self.node(outer);
        let mut outer = self.moved(outer, outer_movement, outer_sent);
        self.push_node(&mut outer, kind, table, node);
        outer
    }

    fn aggregate(&mut self, node: &PlanNode, kind: StepKind) -> Flow {
        let mut flow = self.inputs(node);
        let table = self.transient();
        if let Some(first) = &node.first_stage {
            // Groups of every slice, sent to where they are made whole.
            self.push_measured(&mut flow, kind, table, first);
            if kind != StepKind::AggregatePlain {
                flow = self.moved(flow, Movement::Distributed, node.regrouped);
            }
        }
        self.push_node(&mut flow, kind, table, node);
        self.kept(flow, table)
    }

    fn network(&mut self, node: &PlanNode) -> Flow {
        let mut flow = self.inputs(node);
        if node.details.iter().any(|detail| detail.name == "Distribute") {
            return self.moved(flow, Movement::Distributed, node.moved());
        }
        self.push(&mut flow, StepKind::Return, CONSTANTS);
        let rows = flow.rows.iter().map(|slice| slice.rows).sum();
        let bytes = flow.rows.iter().map(|slice| slice.bytes).sum();
        let work = StepOnSlice { slice: LEADER_SLICE, rows, bytes, elapsed_us: 0 };
        let mut leader = self.new_segment(vec![work]);
        leader.on_leader = true;
        leader
    }

    /// Sends rows, if they move, to a segment that begins with them.
    fn moved(&mut self, mut flow: Flow, movement: Movement, sent: Sent) -> Flow {
        let kind = match movement {
            Movement::Stays => return flow,
            Movement::Distributed => StepKind::Distribute,
            Movement::Broadcast => StepKind::Broadcast,
        };
        self.push(&mut flow, kind, CONSTANTS);
        if let Some(step) = self.steps.last_mut() {
            step.packets = sent.packets;
        }
        let table = self.transient();
        let mut next = self.new_segment(flow.rows);
        self.push(&mut next, StepKind::Scan, table);
        next
    }

    /// Starts a stream with what the last one kept.
    fn kept(&mut self, flow: Flow, table: TableId) -> Flow {
        self.stream += 1;
        let mut next = self.new_segment(flow.rows);
        self.push(&mut next, StepKind::Scan, table);
        next
    }

    fn new_segment(&mut self, rows: Vec<StepOnSlice>) -> Flow {
        let segment = self.segments;
        self.segments += 1;
        Flow { segment, next_step: 0, on_leader: false, rows }
    }

    fn transient(&mut self) -> TableId {
        let table = TableId(self.transients);
        self.transients += 1;
        table
    }

    /// Adds a step whose rows are those that go through the segment.
    fn push(&mut self, flow: &mut Flow, kind: StepKind, table: TableId) {
        let step = ExecutedStep {
            stream: self.stream,
            segment: flow.segment,
            step: flow.next_step,
            kind,
            table,
            table_name: None,
            slices: flow.rows.clone(),
            rows_estimated: 0,
            is_filtered: false,
            blocks_read: 0,
            blocks_skipped: 0,
            spilled_bytes: 0,
            memory_bytes: 0,
            packets: 0,
        };
        flow.next_step += 1;
        self.steps.push(step);
    }

    /// Adds a step that a node is: its rows go on.
    fn push_node(&mut self, flow: &mut Flow, kind: StepKind, table: TableId, node: &PlanNode) {
        match &node.measured {
            Some(measured) => self.push_measured(flow, kind, table, measured),
            None => self.push(flow, kind, table),
        }
        if let Some(step) = self.steps.last_mut() {
            step.rows_estimated = render::rows(node) as u64;
            step.is_filtered = !node.conditions.is_empty();
        }
    }

    fn push_measured(
        &mut self,
        flow: &mut Flow,
        kind: StepKind,
        table: TableId,
        measured: &Measured,
    ) {
        let slices = measured.slices.iter().map(|(slice, work)| StepOnSlice {
            slice: if flow.on_leader { LEADER_SLICE } else { u32::try_from(*slice).unwrap_or(0) },
            rows: work.rows,
            bytes: work.bytes,
            elapsed_us: u64::try_from(work.time.as_micros()).unwrap_or(u64::MAX),
        });
        flow.rows = slices.collect();
        self.push(flow, kind, table);
        if let Some(step) = self.steps.last_mut() {
            step.blocks_read = measured.blocks_read;
            step.blocks_skipped = measured.blocks_skipped;
            step.spilled_bytes = measured.spilled_bytes;
            step.memory_bytes = measured.memory_bytes;
        }
    }
}

/// Returns `STL_HASHJOIN.join_type`.
fn number_of(kind: JoinType) -> i32 {
    match kind {
        JoinType::Inner => 0,
        JoinType::Left => 1,
        JoinType::Full => 2,
        JoinType::Right => 3,
        JoinType::LeftSemi | JoinType::RightSemi | JoinType::LeftMark | JoinType::RightMark => 5,
        JoinType::LeftAnti | JoinType::RightAnti => 6,
    }
}
