//! Rows of a plan are written where they are computed: the head of the piece of a plan that an INSERT, a CREATE TABLE AS
//! or a change of rows runs on every node.
//!
//! ```text
//!  leader   collects what was written, commits
//!  node     SliceAppendExec ── rows of its piece ─▶ runs of all slices, in managed storage
//! ```
//!
//! A node can write runs of any slice, so that no row goes through the network to be written. What a node has written is
//! seen when the leader commits it. Of rows of a target (DELETE, UPDATE, MERGE) their addresses go to the leader, as
//! bitmaps, which makes delete vectors of them. If the statement fails, the leader
//! deletes what there is of its write ([`crate::writes`]).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arrow::{
    array::{ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::{
    common::{Result, internal_datafusion_err, internal_err, tree_node::TreeNodeRecursion},
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr},
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
        execution_plan::{Boundedness, EmissionType},
        stream::RecordBatchStreamAdapter,
    },
};
use datafusion_distributed::DistributedTaskContext;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use engine::{
    catalog::Table,
    error::Error,
    ids::{TableId, WriteId},
    storage::{ManagedStorage, inline::InlineRows, writer::TableLayout},
    write::{ColumnSource, DeletedRows, RowAssembler},
};
use futures::{StreamExt, TryStreamExt, future, stream, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{
    addresses::{Addresses, TargetRows},
    load::{self, Load, Loaded},
    writes::Writes,
};

type RowStream = BoxStream<'static, Result<RecordBatch, Error>>;

/// What is to be written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Append {
    /// The table, without its runs.
    table: Table,
    slice_count: u32,
    /// What its runs are named for.
    write: WriteId,
    inline_bytes_max: usize,
    /// Whether what is found out of values is wanted.
    summarizes: bool,
    /// Where the values of each column come from: of the rows given, or a value for all.
    sources: Vec<Source>,
    /// The rows are those of a target: their addresses come before their values.
    target: Option<TargetRows>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Source {
    Given(usize),
    Constant(InlineRows),
    /// Values of an IDENTITY column: `first`, and all that are a multiple of `step` away.
    Identity {
        first: i64,
        step: i64,
    },
}

/// One of those who write the rows of a statement side by side. Values that only one row may have are dealt out to them
/// like cards: writer 1 of 3 has the second value, the fifth, the eighth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Which one it is, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

impl Append {
    /// Returns how rows are written to `table`.
    ///
    /// Contract: nobody else takes values of its IDENTITY columns until [`Loaded::identities`] are known.
    pub fn new(
        table: &Table,
        slice_count: u32,
        sources: &[ColumnSource],
        summarizes: bool,
    ) -> Result<Self> {
        let sources = sources.iter().map(|source| {
            Ok(match source {
                ColumnSource::Given(position) => Source::Given(*position),
                ColumnSource::Constant(value) => Source::Constant(one(value)?),
                ColumnSource::Identity { next, step } => {
                    Source::Identity { first: next.load(Ordering::Relaxed), step: *step }
                }
            })
        });
        Ok(Self {
            sources: sources.collect::<Result<_>>()?,
            inline_bytes_max: table.layout(slice_count).inline_bytes_max,
            summarizes,
            slice_count,
            write: WriteId::random(),
            table: Table { manifest: Arc::default(), ..table.clone() },
            target: None,
        })
    }

    /// Returns how the rows of a query over a target are written.
    pub fn of_target(self, rows: TargetRows) -> Self {
        Self { target: Some(rows), ..self }
    }

    /// Writes rows whose columns are those given.
    pub(crate) async fn write(
        &self,
        storage: &Arc<ManagedStorage>,
        streams: Vec<RowStream>,
        writer: Writer,
    ) -> Result<Loaded, Error> {
        let inline_bytes_max = self.inline_bytes_max;
        let layout = TableLayout { inline_bytes_max, ..self.table.layout(self.slice_count) };
        let sources = self.sources_of(writer);
        let assembler = RowAssembler::new(self.table.arrow_schema(), sources.clone());
        let (summarizes, write) = (self.summarizes, Some(self.write));
        let load = Load { layout, assembler, streams, summarizes, write };
        let loaded = load::write(storage, load).await?;
        Ok(Loaded { identities: self.identities_after(&sources, writer), ..loaded })
    }

    /// Returns what it writes: runs of which table are named for what.
    pub fn written(&self) -> (WriteId, TableId) {
        (self.write, self.table.id)
    }

    fn sources_of(&self, Writer { index, count }: Writer) -> Vec<ColumnSource> {
        let sources = self.sources.iter().map(|source| match source {
            Source::Given(position) => ColumnSource::Given(*position),
            Source::Constant(value) => ColumnSource::Constant(Arc::clone(value.rows().column(0))),
            Source::Identity { first, step } => ColumnSource::Identity {
                next: Arc::new(AtomicI64::new(first.wrapping_add(step.wrapping_mul(index as i64)))),
                step: step.wrapping_mul(count as i64),
            },
        });
        sources.collect()
    }

    /// Returns, by position, the first value of each IDENTITY column behind those that a writer has taken; a column is not
    /// there if it has taken none.
    fn identities_after(&self, taken: &[ColumnSource], writer: Writer) -> Vec<(usize, i64)> {
        let taken = self.sources.iter().zip(taken).enumerate();
        let after = taken.filter_map(|(position, columns)| match columns {
            (Source::Identity { first, step }, ColumnSource::Identity { next, step: stride }) => {
                let next = next.load(Ordering::Relaxed);
                let begin = first.wrapping_add(step.wrapping_mul(writer.index as i64));
                let last = next.wrapping_sub(*stride);
                (next != begin).then(|| (position, last.wrapping_add(*step)))
            }
            _ => None,
        });
        after.collect()
    }
}

/// Returns a value as one row of one column.
fn one(value: &ArrayRef) -> Result<InlineRows> {
    let field = Field::new("value", value.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let row = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(value)])?;
    Ok(InlineRows::new(&schema, &[row])?)
}

/// Writes the rows of its input, all partitions at once; gives one row: what was written, as JSON, and the rows of the
/// target that it replaces ([`DeletedRows::encode`]).
#[derive(Debug)]
pub struct SliceAppendExec {
    append: Arc<Append>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl SliceAppendExec {
    /// Returns a node that writes the rows of `input`.
    pub fn new(append: Arc<Append>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(written_schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { append, input, properties: Arc::new(properties) }
    }
}

fn written_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("written", DataType::Utf8, false),
        Field::new("deleted", DataType::Binary, false),
    ]))
}

/// Returns what pieces of a plan have written, all together.
pub fn written(pieces: &[RecordBatch]) -> Result<Loaded> {
    let mut all = Loaded::default();
    for json in pieces.iter().flat_map(|piece| piece.column(0).as_string::<i32>().iter().flatten())
    {
        all.add(serde_json::from_str(json).map_err(external)?);
    }
    Ok(all)
}

/// Returns the rows of the target that pieces of a plan have replaced, all together.
///
/// Errors: two of them have the same one, where that is refused.
pub fn replaced(pieces: &[RecordBatch], target: TargetRows) -> Result<DeletedRows, Error> {
    let all = Addresses::new(target);
    for rows in pieces.iter().flat_map(|piece| piece.column(1).as_binary::<i32>().iter().flatten())
    {
        let rows = DeletedRows::decode(rows, target.run_count);
        all.add(&rows.map_err(|message| internal_datafusion_err!("rows of a target: {message}"))?)?;
    }
    Ok(all.into_rows())
}

/// Leaves batches out that have no row: of a DELETE none has, and no column either.
fn with_rows(streams: Vec<RowStream>) -> Vec<RowStream> {
    let has_rows = |batch: &Result<RecordBatch, Error>| {
        future::ready(!batch.as_ref().is_ok_and(|batch| batch.num_rows() == 0))
    };
    streams.into_iter().map(|rows| rows.filter(has_rows).boxed()).collect()
}

impl DisplayAs for SliceAppendExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SliceAppendExec: table={}", self.append.table.name)
    }
}

impl ExecutionPlan for SliceAppendExec {
    fn name(&self) -> &str {
        "SliceAppendExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self::new(Arc::clone(&self.append), input))),
            Err(children) => internal_err!("{} inputs of one table", children.len()),
        }
    }

    fn execute(
        &self,
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(storage) = context.session_config().get_extension::<ManagedStorage>() else {
            return internal_err!("this node has no managed storage");
        };
        let partitions = 0..self.input.output_partitioning().partition_count();
        let rows = partitions.map(|partition| {
            let rows = self.input.execute(partition, Arc::clone(&context))?;
            Ok(rows.map_err(Error::from).boxed())
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let append = Arc::clone(&self.append);
        let addresses = append.target.map(Addresses::new);
        let rows = match &addresses {
            Some(addresses) => with_rows(addresses.take_off(rows)),
            None => rows,
        };
        let task = DistributedTaskContext::from_ctx(&context);
        let writer = Writer { index: task.task_index, count: task.task_count };
        // The leader has none, as it needs to ask nobody.
        let writes = context.session_config().get_extension::<Writes>();
        let writing = async move {
            let running = writes.map(|writes| writes.begin(append.write)).transpose();
            let _running = running.map_err(external)?;
            let loaded = append.write(&storage, rows, writer).await.map_err(external)?;
            let loaded = StringArray::from(vec![serde_json::to_string(&loaded).map_err(external)?]);
            let deleted = addresses.map(|addresses| addresses.into_rows().encode());
            let deleted = deleted.unwrap_or_default();
            let deleted = BinaryArray::from_vec(vec![deleted.as_slice()]);
            let columns: Vec<ArrayRef> = vec![Arc::new(loaded), Arc::new(deleted)];
            Ok(RecordBatch::try_new(written_schema(), columns)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(written_schema(), stream::once(writing).boxed())))
    }
}

/// [`SliceAppendExec`] to bytes and back.
#[derive(Debug, Clone, Copy, Default)]
pub struct AppendCodec;

impl PhysicalExtensionCodec for AppendCodec {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buffer: &mut Vec<u8>,
        _converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(append) = node.downcast_ref::<SliceAppendExec>() else {
            return internal_err!("{} cannot be sent to a compute node", node.name());
        };
        serde_json::to_writer(buffer, append.append.as_ref()).map_err(external)
    }

    fn try_decode(
        &self,
        buffer: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        _context: &TaskContext,
        _converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let append = serde_json::from_slice(buffer).map_err(external)?;
        let input = inputs.first().ok_or_else(|| internal_datafusion_err!("rows of no input"))?;
        Ok(Arc::new(SliceAppendExec::new(Arc::new(append), Arc::clone(input))))
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
