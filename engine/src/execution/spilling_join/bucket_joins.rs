//! Buckets joined one after the other.
//!
//! ```text
//!  build side in buckets ─┐                                                    order of the probe side claimed:
//!  probe side, numbered ──┴─ dealt ─▶ join of bucket 0, of bucket 1, … ─▶ rows ─▶ by number ─▶ rows
//! ```

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{RecordBatch, UInt64Array},
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    common::{JoinType, Result, exec_err},
    execution::{SendableRecordBatchStream, SpillFile, TaskContext},
    physical_expr::{PhysicalSortExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties,
        joins::{HashJoinExec, PartitionMode},
        limit::LimitStream,
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet, SpillMetrics},
        sorts::sort::SortExec,
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;

use super::{
    SpillingJoinExec,
    buckets::{Bucket, DEPTH_MAX, Dealer, rows_of},
    meeting::{Meeting, Seat},
    rows::RowsExec,
};

/// The column with the number of a row of the probe side.
const NUMBER: &str = "probe_row";

/// The joins of the buckets of a join.
#[derive(Debug)]
pub(super) struct BucketJoins {
    join: Arc<HashJoinExec>,
    depth: usize,
    metrics: ExecutionPlanMetricsSet,
    /// Whether it has been claimed that rows come in the order of the probe side.
    is_ordered: bool,
    /// Where the partitions of a collected build side put their probe sides, if only all of them know which rows of
    /// the build side have no match.
    together: Option<Together>,
}

struct Together {
    dealt: Arc<Meeting>,
    /// By partition.
    probes: Mutex<Vec<Vec<Bucket>>>,
}

impl std::fmt::Debug for Together {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Together").finish_non_exhaustive()
    }
}

/// Two sides of a bucket, on disk.
struct Pair {
    build: Bucket,
    probe: Vec<Arc<dyn SpillFile>>,
}

impl BucketJoins {
    pub(super) fn new(
        join: Arc<HashJoinExec>,
        depth: usize,
        metrics: ExecutionPlanMetricsSet,
    ) -> Self {
        let keeps_order = ExecutionPlan::maintains_input_order(join.as_ref()) == [false, true];
        let is_ordered = keeps_order && join.properties().output_ordering().is_some();
        let partitions = join.right().output_partitioning().partition_count();
        let is_together = *join.partition_mode() == PartitionMode::CollectLeft
            && partitions > 1
            && tells_of_all_build_rows(*join.join_type());
        let together = is_together.then(|| Together {
            dealt: Arc::new(Meeting::of(partitions)),
            probes: Mutex::new(vec![Vec::new(); partitions]),
        });
        Self { join, depth, metrics, is_ordered, together }
    }

    /// Returns the place of a partition that the others may wait for.
    pub(super) fn seat(&self) -> Option<Seat> {
        self.together.as_ref().map(|together| together.dealt.seat())
    }

    /// Returns the rows of a partition, whose build side is in buckets.
    pub(super) async fn join(
        self: &Arc<Self>,
        partition: usize,
        build: Vec<Bucket>,
        probe: SendableRecordBatchStream,
        seat: Option<Seat>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let probe = self.deal(partition, probe, &context).await?;
        let pairs = match (&self.together, seat) {
            (Some(together), Some(seat)) => together.pairs(partition, build, probe, seat).await?,
            _ => pairs(build, probe),
        };
        let (joins, within) = (Arc::clone(self), Arc::clone(&context));
        let rows = stream::iter(pairs)
            .map(move |pair| joins.join_pair(partition, pair, Arc::clone(&within)))
            .try_flatten();
        let mut schema = self.join.schema();
        if self.is_ordered {
            schema = numbered_schema(&schema);
        }
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        let rows = if self.is_ordered { self.by_number(partition, rows, context)? } else { rows };
        let uncounted = BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
        Ok(match self.join.fetch() {
            Some(fetch) => Box::pin(LimitStream::new(rows, 0, Some(fetch), uncounted)),
            None => rows,
        })
    }

    /// Deals the probe side to buckets, its rows numbered if that will be needed.
    async fn deal(
        &self,
        partition: usize,
        mut rows: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<Vec<Bucket>> {
        let keys = self.join.on().iter().map(|(_, key)| Arc::clone(key)).collect();
        let metrics = SpillMetrics::new(&self.metrics, partition);
        let (schema, context) = (self.probe_schema(), Arc::clone(context));
        let mut dealer = Dealer::new(Arc::clone(&schema), keys, self.depth, context, metrics);
        let mut number = 0_u64;
        while let Some(mut batch) = rows.try_next().await? {
            if self.is_ordered {
                let next = number + batch.num_rows() as u64;
                let mut columns = batch.columns().to_vec();
                columns.push(Arc::new(UInt64Array::from_iter_values(number..next)));
                batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
                number = next;
            }
            dealer.deal(&batch)?;
        }
        dealer.finish()
    }

    fn probe_schema(&self) -> SchemaRef {
        let schema = self.join.right().schema();
        if self.is_ordered { numbered_schema(&schema) } else { schema }
    }

    /// Returns the rows of one bucket; with the number of their probe row last, if those have one.
    fn join_pair(
        &self,
        partition: usize,
        pair: Pair,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let partitions = self.join.right().output_partitioning().partition_count();
        let side = |files, schema: SchemaRef| -> Result<Arc<dyn ExecutionPlan>> {
            let rows = rows_of(files, Arc::clone(&schema));
            Ok(Arc::new(RowsExec::in_partition(rows, schema, partition, partitions)?))
        };
        let build = side(pair.build.into_iter().collect(), self.join.left().schema())?;
        let probe = side(pair.probe, self.probe_schema())?;
        let mut join = self
            .join
            .builder()
            .with_new_children(vec![build, probe])?
            .with_partition_mode(PartitionMode::Partitioned)
            .with_fetch(None);
        if self.is_ordered {
            join = join.with_projection(Some(self.projection_with_number()));
        }
        let join = Arc::new(join.recompute_properties().build()?);
        if self.depth + 1 == DEPTH_MAX {
            return join.execute(partition, context);
        }
        SpillingJoinExec::new(join, self.depth + 1, self.metrics.clone())
            .execute(partition, context)
    }

    /// Returns the columns of the join, and the number of the probe row.
    ///
    /// That one comes after the probe side's others, before what tells whether there is a match.
    fn projection_with_number(&self) -> Vec<usize> {
        let join_columns = self.join.join_schema().fields().len();
        let after = usize::from(*self.join.join_type() == JoinType::RightMark);
        let number = join_columns - after;
        let columns = match &self.join.projection {
            Some(projection) => projection.to_vec(),
            None => (0..join_columns).collect(),
        };
        let moved = columns.into_iter().map(|column| column + usize::from(column >= number));
        moved.chain([number]).collect()
    }

    /// Brings rows into the order of the probe side.
    fn by_number(
        &self,
        partition: usize,
        rows: SendableRecordBatchStream,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (schema, joined) = (rows.schema(), self.join.schema());
        let columns: Vec<usize> = (0..joined.fields().len()).collect();
        let number = Arc::new(Column::new(NUMBER, columns.len()));
        let partitions = self.join.right().output_partitioning().partition_count();
        let rows = RowsExec::in_partition(rows, schema, partition, partitions)?;
        let sort = SortExec::new([PhysicalSortExpr::new_default(number)].into(), Arc::new(rows));
        let sorted = sort.with_preserve_partitioning(true).execute(partition, context)?;
        let rows = sorted.map(move |batch| Ok(batch?.project(&columns)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(joined, rows)))
    }
}

impl Together {
    /// Returns the buckets that are a partition's to join, each with the rows of all probe sides.
    async fn pairs(
        &self,
        partition: usize,
        build: Vec<Bucket>,
        probe: Vec<Bucket>,
        seat: Seat,
    ) -> Result<Vec<Pair>> {
        self.probes.lock()[partition] = probe;
        if !seat.all_take_part().await {
            return exec_err!("another partition of the join has ended early");
        }
        let mut probes = self.probes.lock();
        let partitions = probes.len();
        let mine = build.into_iter().enumerate().skip(partition).step_by(partitions);
        let pairs = mine.map(|(bucket, build)| {
            let probe = probes.iter_mut().filter_map(|probe| probe[bucket].take());
            Pair { build, probe: probe.collect() }
        });
        Ok(pairs.collect())
    }
}

fn pairs(build: Vec<Bucket>, probe: Vec<Bucket>) -> Vec<Pair> {
    let pairs = build.into_iter().zip(probe);
    pairs.map(|(build, probe)| Pair { build, probe: probe.into_iter().collect() }).collect()
}

/// Returns whether the rows of a join hang on all matches of a row of the build side.
fn tells_of_all_build_rows(join_type: JoinType) -> bool {
    match join_type {
        JoinType::Left
        | JoinType::Full
        | JoinType::LeftSemi
        | JoinType::LeftAnti
        | JoinType::LeftMark => true,
        JoinType::Inner
        | JoinType::Right
        | JoinType::RightSemi
        | JoinType::RightAnti
        | JoinType::RightMark => false,
    }
}

fn numbered_schema(schema: &SchemaRef) -> SchemaRef {
    let number = Arc::new(Field::new(NUMBER, DataType::UInt64, false));
    let fields = schema.fields().iter().cloned().chain([number]);
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}
