//! A step of a plan as Redshift tells it: what EXPLAIN prints as one node.

use std::sync::Arc;

use datafusion::{common::JoinType, physical_plan::ExecutionPlan};

use super::{
    cost::Estimated,
    expression,
    measured::{Measured, Sent},
};
use crate::{ids::TableId, plan::locus::DsLabel};

/// A step and the steps it gets its rows from.
#[derive(Debug, Clone)]
pub struct PlanNode {
    /// What it does.
    pub operator: Operator,
    /// How the rows of a join got there.
    pub label: Option<DsLabel>,
    /// The lines below its title.
    pub details: Vec<Detail>,
    /// The conditions that its rows pass.
    pub conditions: Vec<String>,
    /// What it costs and returns.
    pub estimated: Estimated,
    /// The outer side comes before the inner one.
    pub inputs: Vec<PlanNode>,
    /// Plans of which it uses one value each.
    pub init_plans: Vec<PlanNode>,
    /// The operators that it stands for: the one that its rows come out of is first.
    pub operators: Vec<Arc<dyn ExecutionPlan>>,
    /// The operators that hand its rows on to the node above.
    pub handed_on_by: Vec<Arc<dyn ExecutionPlan>>,
    /// The operators between the stages of an aggregation.
    pub regrouped_by: Vec<Arc<dyn ExecutionPlan>>,
    /// What went through the network to the node above, once that was looked up.
    pub sent: Sent,
    /// What went through the network between the stages of an aggregation.
    pub regrouped: Sent,
    /// What it did, once that was looked up.
    pub measured: Option<Measured>,
    /// What the first stage of an aggregation in two did.
    pub first_stage: Option<Measured>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// Reads a table.
    SeqScan(Relation),
    /// Reads what a recursive query has found so far.
    WorkTableScan(String),
    /// Hands through the rows of a subquery.
    SubqueryScan(String),
    /// Constants.
    Result,
    /// Looks into a hash table.
    HashJoin(JoinType),
    /// Builds one.
    Hash,
    /// Reads two sorted inputs side by side.
    MergeJoin(JoinType),
    /// Holds every row against every other.
    NestedLoop(JoinType),
    /// One group of all rows.
    Aggregate,
    /// Groups in a hash table.
    HashAggregate,
    /// Groups in the order of the rows.
    GroupAggregate,
    /// Rows without those that were there before.
    Unique,
    /// Puts rows in order.
    Sort,
    /// Makes one order of those of all slices.
    Merge,
    /// Sends rows.
    Network,
    /// The first rows.
    Limit,
    /// Functions over windows.
    Window,
    /// Rows of several inputs.
    Append,
    /// Rows that lead to more rows.
    RecursiveUnion,
    /// What has no name at Redshift.
    Other(String),
}

/// A table that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Its id; `None` of a system table.
    pub table: Option<TableId>,
    /// Whether nothing is known of its columns.
    pub lacks_statistics: bool,
}

/// A line below a node's title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What it tells: `Filter`, `Sort Key`…
    pub name: &'static str,
    /// What it is; empty where the name says all.
    pub text: String,
}

impl Detail {
    pub(super) fn new(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, text: text.into() }
    }

    /// Returns the line.
    pub fn line(&self) -> String {
        match self.text.as_str() {
            "" => self.name.to_owned(),
            text => format!("{}: {text}", self.name),
        }
    }
}

impl PlanNode {
    pub(super) fn new(operator: Operator, estimated: Estimated, inputs: Vec<Self>) -> Self {
        Self {
            operator,
            label: None,
            details: Vec::new(),
            conditions: Vec::new(),
            estimated,
            inputs,
            init_plans: Vec::new(),
            operators: Vec::new(),
            handed_on_by: Vec::new(),
            regrouped_by: Vec::new(),
            sent: Sent::default(),
            regrouped: Sent::default(),
            measured: None,
            first_stage: None,
        }
    }

    /// Says which operator the rows come out of.
    pub(super) fn of(mut self, operator: &Arc<dyn ExecutionPlan>) -> Self {
        self.operators.push(Arc::clone(operator));
        self
    }

    pub(super) fn with_detail(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.details.push(Detail::new(name, text));
        self
    }

    /// Returns its name and what it works on: `Hash Left Join DS_DIST_NONE`, `Seq Scan on sales`.
    pub fn title(&self) -> String {
        let name = self.operator.name();
        match (&self.operator, self.label) {
            (Operator::SeqScan(relation), _) => format!("{name} on {}", quoted(&relation.name)),
            (Operator::WorkTableScan(of), _) => format!("{name} on {}", quoted(of)),
            (Operator::SubqueryScan(of), _) => format!("{name} {}", quoted(of)),
            (_, Some(label)) => format!("{name} {}", label),
            _ => name,
        }
    }

    /// Returns all lines below its title.
    pub fn lines_below(&self) -> Vec<Detail> {
        let filter = expression::all_of(self.conditions.clone());
        self.details.iter().cloned().chain(filter.map(|all| Detail::new("Filter", all))).collect()
    }

    /// Takes the condition from the scans below that a key is not NULL: a join of it says so already. `key`
    /// is the column as expressions mention it.
    pub(super) fn forget_not_null(&mut self, key: &str) {
        if let Operator::SeqScan(relation) = &self.operator
            && let Some(column) = key.strip_prefix(&format!("{}.", quoted(&relation.name)))
        {
            let implied = format!("({column} IS NOT NULL)");
            self.conditions.retain(|condition| *condition != implied);
        }
        self.inputs.iter_mut().for_each(|input| input.forget_not_null(key));
    }

    /// Looks up what the operators did.
    pub(super) fn measure(&mut self) {
        self.measured = Measured::of(&self.operator, &self.operators);
        if let [_, first] = self.operators.as_slice() {
            self.first_stage = Measured::of(&self.operator, std::slice::from_ref(first));
        }
        self.sent = Sent::by(&self.handed_on_by);
        self.regrouped = Sent::by(&self.regrouped_by);
        self.init_plans.iter_mut().chain(&mut self.inputs).for_each(Self::measure);
    }

    /// Looks up what the operators did, and keeps that only: they hold what they have computed.
    pub(super) fn let_go(&mut self) {
        self.measure();
        self.forget_operators();
    }

    fn forget_operators(&mut self) {
        for operators in [&mut self.operators, &mut self.handed_on_by, &mut self.regrouped_by] {
            *operators = Vec::new();
        }
        self.init_plans.iter_mut().chain(&mut self.inputs).for_each(Self::forget_operators);
    }

    /// Returns what went through the network for it: from its inputs, and between its stages.
    pub fn moved(&self) -> Sent {
        let inputs = self.inputs.iter().map(|input| match input.operator {
            // The table is where the join is: its rows have come.
            Operator::Hash => input.moved(),
            _ => input.sent,
        });
        inputs.chain([self.regrouped]).sum()
    }

    /// Calls `visit` with this node and all below it, in the order they are printed.
    pub fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for node in self.init_plans.iter().chain(&self.inputs) {
            node.visit(visit);
        }
    }
}

impl Operator {
    /// Returns Redshift's name of it.
    pub fn name(&self) -> String {
        match self {
            Self::SeqScan(_) => "Seq Scan".to_owned(),
            Self::WorkTableScan(_) => "WorkTable Scan".to_owned(),
            Self::SubqueryScan(_) => "Subquery Scan".to_owned(),
            Self::Result => "Result".to_owned(),
            Self::HashJoin(kind) => format!("Hash {}Join", kind_of(*kind)),
            Self::Hash => "Hash".to_owned(),
            Self::MergeJoin(kind) => format!("Merge {}Join", kind_of(*kind)),
            Self::NestedLoop(JoinType::Inner) => "Nested Loop".to_owned(),
            Self::NestedLoop(kind) => format!("Nested Loop {}Join", kind_of(*kind)),
            Self::Aggregate => "Aggregate".to_owned(),
            Self::HashAggregate => "HashAggregate".to_owned(),
            Self::GroupAggregate => "GroupAggregate".to_owned(),
            Self::Unique => "Unique".to_owned(),
            Self::Sort => "Sort".to_owned(),
            Self::Merge => "Merge".to_owned(),
            Self::Network => "Network".to_owned(),
            Self::Limit => "Limit".to_owned(),
            Self::Window => "Window".to_owned(),
            Self::Append => "Append".to_owned(),
            Self::RecursiveUnion => "Recursive Union".to_owned(),
            Self::Other(name) => name.clone(),
        }
    }
}

/// Returns the word of a join whose left side is the outer one. IN and NOT IN return outer rows; with
/// "Right" before them they return inner ones, which Redshift has no join for.
fn kind_of(kind: JoinType) -> &'static str {
    match kind {
        JoinType::Inner => "",
        JoinType::Left => "Left ",
        JoinType::Right => "Right ",
        JoinType::Full => "Full ",
        JoinType::LeftSemi => "IN ",
        JoinType::RightSemi => "Right IN ",
        JoinType::LeftAnti => "NOT IN ",
        JoinType::RightAnti => "Right NOT IN ",
        JoinType::LeftMark => "Mark ",
        JoinType::RightMark => "Right Mark ",
    }
}

/// Returns an identifier as PostgreSQL prints it: in quotes unless it is a plain one.
pub(super) fn quoted(name: &str) -> String {
    let is_plain = |c: char| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.chars().all(is_plain) && name.starts_with(|c: char| !c.is_ascii_digit()) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
