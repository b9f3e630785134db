//! What the operators of a node did, as they have counted it themselves.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use datafusion::physical_plan::{
    ExecutionPlan,
    metrics::{Metric, MetricValue},
};

use super::node::Operator;

/// What a node did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// By slice; what was done for all of them together is on the first.
    pub slices: BTreeMap<usize, SliceWork>,
    /// Blocks that a scan has read.
    pub blocks_read: u64,
    /// Blocks that zone maps have kept it from reading.
    pub blocks_skipped: u64,
    /// Files that were written because memory was short.
    pub spill_count: u64,
    /// Rows in them.
    pub spilled_rows: u64,
    /// Their size.
    pub spilled_bytes: u64,
    /// The most memory that was held at a time, where it is known.
    pub memory_bytes: u64,
}

/// What went through the network between two nodes of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes, as they were sent.
    pub bytes: u64,
    /// Messages.
    pub packets: u64,
}

impl Sent {
    /// Returns what the operators have counted that hand rows on from node to node.
    pub(super) fn by(operators: &[Arc<dyn ExecutionPlan>]) -> Self {
        let mut sent = Self::default();
        for metrics in operators.iter().filter_map(|operator| operator.metrics()) {
            for metric in metrics.iter() {
                match metric.value() {
                    MetricValue::Custom { name, value } if name == "bytes_transferred" => {
                        sent.bytes += number(value.as_usize());
                    }
                    MetricValue::Count { name, count } if name == "msg_count" => {
                        sent.packets += number(count.value());
                    }
                    _ => {}
                }
            }
        }
        sent
    }
}

impl std::iter::Sum for Sent {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, sent| Self {
            bytes: sum.bytes + sent.bytes,
            packets: sum.packets + sent.packets,
        })
    }
}

/// What was done for one slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SliceWork {
    /// Rows returned.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Time spent computing.
    pub time: Duration,
}

impl Measured {
    /// Returns what a node did, by the operators that it stands for; `None` of one that none did by itself,
    /// and before it has run.
    pub(super) fn of(node: &Operator, operators: &[Arc<dyn ExecutionPlan>]) -> Option<Self> {
        let mut measured = Self::default();
        for (position, operator) in operators.iter().enumerate() {
            let metrics = operator.metrics()?;
            let is_build = *node == Operator::Hash;
            for metric in metrics.iter() {
                if is_build {
                    measured.add_build(metric);
                } else {
                    measured.add(metric, position == 0);
                }
            }
        }
        (!measured.slices.is_empty()).then_some(measured)
    }

    /// Returns the rows that all slices returned.
    pub fn rows(&self) -> u64 {
        self.slices.values().map(|slice| slice.rows).sum()
    }

    /// Returns their bytes.
    pub fn bytes(&self) -> u64 {
        self.slices.values().map(|slice| slice.bytes).sum()
    }

    /// Returns the time of the slice that took longest.
    pub fn time_max(&self) -> Duration {
        self.slices.values().map(|slice| slice.time).max().unwrap_or_default()
    }

    /// Adds what an operator has counted; `is_last` says that its rows are the node's.
    fn add(&mut self, metric: &Metric, is_last: bool) {
        let slice = self.slices.entry(metric.partition().unwrap_or(0)).or_default();
        match metric.value() {
            MetricValue::OutputRows(count) if is_last => slice.rows += number(count.value()),
            MetricValue::OutputBytes(count) if is_last => slice.bytes += number(count.value()),
            MetricValue::ElapsedCompute(time) => slice.time += nanoseconds(time.value()),
            MetricValue::Time { name, time } if name == "time_elapsed_processing" => {
                slice.time += nanoseconds(time.value());
            }
            MetricValue::SpillCount(count) => self.spill_count += number(count.value()),
            MetricValue::SpilledBytes(count) => self.spilled_bytes += number(count.value()),
            MetricValue::SpilledRows(count) => self.spilled_rows += number(count.value()),
            MetricValue::CurrentMemoryUsage(gauge) => self.memory_bytes += number(gauge.value()),
            MetricValue::PeakMemoryUsage { gauge, .. } => {
                self.memory_bytes += number(gauge.value());
            }
            MetricValue::Count { name, count } => match name.as_ref() {
                "blocks_read" => self.blocks_read += number(count.value()),
                "blocks_skipped" => self.blocks_skipped += number(count.value()),
                _ => {}
            },
            _ => {}
        }
    }

    /// Adds what a hash join has counted of the side that it builds.
    fn add_build(&mut self, metric: &Metric) {
        let partition = metric.partition().unwrap_or(0);
        match metric.value() {
            MetricValue::Count { name, count } if name == "build_input_rows" => {
                self.slices.entry(partition).or_default().rows += number(count.value());
            }
            MetricValue::Time { name, time } if name == "build_time" => {
                self.slices.entry(partition).or_default().time += nanoseconds(time.value());
            }
            MetricValue::PeakMemoryUsage { name, gauge } if name == "build_mem_used" => {
                let bytes = number(gauge.value());
                self.slices.entry(partition).or_default().bytes += bytes;
                self.memory_bytes += bytes;
            }
            _ => {}
        }
    }
}

fn number(value: usize) -> u64 {
    value as u64
}

fn nanoseconds(value: usize) -> Duration {
    Duration::from_nanos(number(value))
}
