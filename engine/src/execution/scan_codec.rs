//! A scan on its way to another node: which runs of which table, and what is asked of their rows.
//!
//! ```text
//!  DataSourceExec ─▶ table without other runs, files by their place in the manifest, projection, filters
//!        leader  ──────────────────────────────────────────────────────────────────────▶  compute node
//!                                                    DataSourceExec over the node's own managed storage
//! ```
//!
//! The runs travel with the plan, so that a node needs to know nothing of versions and transactions: it reads
//! what the leader's snapshot has, a transaction's own rows included. Expressions keep their identity: the
//! filter of a join is filled in by the join beside it. A mask travels as how much of the order it tells.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use datafusion::{
    common::{
        DataFusionError, Result, ScalarValue, Statistics, internal_datafusion_err, internal_err,
    },
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource},
        source::DataSourceExec,
    },
    execution::{TaskContext, object_store::ObjectStoreUrl},
    physical_expr::{
        LexOrdering, Partitioning, PhysicalExpr,
        expressions::Column,
        projection::{ProjectionExpr, ProjectionExprs},
        split_conjunction,
    },
    physical_plan::ExecutionPlan,
};
use datafusion_proto::{
    physical_plan::{
        PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
        from_proto::parse_physical_sort_exprs, to_proto::serialize_physical_sort_exprs,
    },
    protobuf::{self, PhysicalExprNode, PhysicalSortExprNode},
};
use prost::Message;

use super::{
    init_plans::{InitPlanValueExec, with_known_values},
    inline::{InlineRuns, as_one},
    mask::{Hidden, MaskExec},
    scan_split::parts,
    source::{RunFile, WarehouseSource},
    table_provider::{Places, WarehouseTable},
};
use crate::{
    catalog::{Table, TableManifest, TableStatistics},
    ids::RunId,
    storage::{
        ManagedStorage,
        run::{ColumnStatistics, Run},
    },
    types::TRAILING_BLANKS_KEY,
};

/// Scans of tables, masks, and values of subqueries, to bytes and back. The node that decodes has its [`ManagedStorage`] among the extensions
/// of the session's configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct WarehouseCodec;

/// One of these.
#[derive(Clone, PartialEq, Message)]
struct NodeMessage {
    #[prost(message, optional, tag = "1")]
    scan: Option<ScanMessage>,
    /// How much is known of the order that a mask hides.
    #[prost(uint64, optional, tag = "2")]
    known_of_order: Option<u64>,
    /// A mask over groups of GROUPING SETS.
    #[prost(bool, tag = "3")]
    hides_rows: bool,
    /// The value of a scalar subquery.
    #[prost(message, optional, tag = "4")]
    value: Option<protobuf::ScalarValue>,
}

/// A scan.
#[derive(Clone, PartialEq, Message)]
struct ScanMessage {
    /// The table as the log has it (JSON), with the runs that are read and no other.
    #[prost(bytes = "vec", tag = "1")]
    table: Vec<u8>,
    /// The place of each of those runs in the table's manifest.
    #[prost(uint32, repeated, tag = "2")]
    places: Vec<u32>,
    #[prost(bool, tag = "3")]
    has_addresses: bool,
    /// Columns whose texts may end with blanks: a property of all runs, by position.
    #[prost(uint32, repeated, tag = "4")]
    trailing_blanks: Vec<u32>,
    #[prost(message, repeated, tag = "5")]
    partitions: Vec<PartitionMessage>,
    /// Whether partitions are slices, and must not be dealt out anew.
    #[prost(bool, tag = "6")]
    has_slices: bool,
    #[prost(message, repeated, tag = "7")]
    projection: Vec<ProjectionMessage>,
    #[prost(message, optional, tag = "8")]
    predicate: Option<PhysicalExprNode>,
    #[prost(uint64, optional, tag = "9")]
    limit: Option<u64>,
    #[prost(message, repeated, tag = "10")]
    order: Vec<PhysicalSortExprNode>,
    #[prost(uint64, tag = "11")]
    blocks_left_out: u64,
    #[prost(bool, tag = "12")]
    preserves_order: bool,
}

#[derive(Clone, PartialEq, Message)]
struct PartitionMessage {
    #[prost(message, repeated, tag = "1")]
    files: Vec<FileMessage>,
}

/// A run, or small runs that are read as one.
#[derive(Clone, PartialEq, Message)]
struct FileMessage {
    /// Places among the runs that are sent.
    #[prost(uint32, repeated, tag = "1")]
    runs: Vec<u32>,
    #[prost(bool, tag = "2")]
    is_inline: bool,
    /// The bytes that are read of a run that several partitions share.
    #[prost(int64, repeated, tag = "3")]
    range: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct ProjectionMessage {
    #[prost(message, optional, tag = "1")]
    expr: Option<PhysicalExprNode>,
    #[prost(string, tag = "2")]
    alias: String,
}

impl PhysicalExtensionCodec for WarehouseCodec {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buffer: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let mut message = NodeMessage::default();
        if let Some((config, source)) = parts(node.as_ref()) {
            message.scan = Some(Sender { codec: self, converter, config, source }.message()?);
        } else if let Some(value) = node.downcast_ref::<InitPlanValueExec>() {
            message.value = Some((&value.value()?).try_into().map_err(external)?);
        } else {
            match node.downcast_ref::<MaskExec>().map(MaskExec::hidden) {
                Some(Hidden::Order { known }) => message.known_of_order = Some(known as u64),
                Some(Hidden::Rows) => message.hides_rows = true,
                // Nodes plan nothing that could take one exchange for another.
                Some(Hidden::Partitioning) | None => {
                    return internal_err!("{} cannot be sent to a compute node", node.name());
                }
            }
        }
        message.encode(buffer).map_err(|error| internal_datafusion_err!("a scan: {error}"))
    }

    fn try_decode(
        &self,
        buffer: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let message = NodeMessage::decode(buffer)
            .map_err(|error| internal_datafusion_err!("a scan that was received: {error}"))?;
        match (message, inputs) {
            (NodeMessage { scan: Some(message), .. }, []) => {
                let context = PhysicalPlanDecodeContext::new(context, self);
                Receiver { context, converter, message }.scan()
            }
            (NodeMessage { known_of_order: Some(known), .. }, [input]) => {
                let known = usize::try_from(known).map_err(external)?;
                Ok(Arc::new(MaskExec::new(Arc::clone(input), Hidden::Order { known })))
            }
            (NodeMessage { hides_rows: true, .. }, [input]) => {
                Ok(Arc::new(MaskExec::new(Arc::clone(input), Hidden::Rows)))
            }
            (NodeMessage { value: Some(value), .. }, []) => {
                let value = ScalarValue::try_from(&value).map_err(external)?;
                Ok(Arc::new(InitPlanValueExec::received(value)?))
            }
            _ => internal_err!("neither a scan nor a mask nor a value was received"),
        }
    }
}

struct Sender<'a> {
    codec: &'a WarehouseCodec,
    converter: &'a dyn PhysicalProtoConverterExtension,
    config: &'a FileScanConfig,
    source: &'a WarehouseSource,
}

impl Sender<'_> {
    fn message(&self) -> Result<ScanMessage> {
        let (table, places, partitions) = self.files()?;
        let projection = self.config.file_source().projection().into_iter().flat_map(|p| p.iter());
        let expression = |expr: &Arc<dyn PhysicalExpr>| {
            // A scan is read without the query around it, where the values of subqueries are.
            let expr = with_known_values(Arc::clone(expr))?;
            self.converter.physical_expr_to_proto(&expr, self.codec)
        };
        let projection = projection.map(|item| {
            Ok(ProjectionMessage { expr: Some(expression(&item.expr)?), alias: item.alias.clone() })
        });
        let predicate = self.source.predicate().map(expression).transpose()?;
        let order = self.config.output_ordering.first().into_iter().flatten().cloned();
        let fields = self.source.table_schema().file_schema().fields();
        let trailing_blanks = (0..)
            .zip(fields)
            .filter(|(_, field)| field.metadata().contains_key(TRAILING_BLANKS_KEY));
        Ok(ScanMessage {
            table: serde_json::to_vec(&table).map_err(external)?,
            places,
            has_addresses: self.source.has_addresses(),
            trailing_blanks: trailing_blanks.map(|(position, _)| position).collect(),
            partitions,
            has_slices: self.config.output_partitioning.is_some(),
            projection: projection.collect::<Result<_>>()?,
            predicate,
            limit: self.config.limit.map(|limit| limit as u64),
            order: serialize_physical_sort_exprs(order, self.codec, self.converter)?,
            blocks_left_out: self.source.blocks_left_out() as u64,
            preserves_order: self.config.preserve_order,
        })
    }

    /// Returns the table with the runs that are read, their places in its manifest, and the files.
    fn files(&self) -> Result<(Table, Vec<u32>, Vec<PartitionMessage>)> {
        let table = self.source.table();
        let known: HashMap<RunId, usize> =
            table.manifest.runs.iter().enumerate().map(|(place, run)| (run.id, place)).collect();
        let ordered = self.config.output_ordering.iter().flatten();
        let ordered = ordered.filter_map(|item| item.expr.downcast_ref::<Column>());
        let ordered = ordered.map(Column::index).collect();
        let mut sent = SentRuns { known, ordered, ..SentRuns::default() };
        let mut partitions = Vec::with_capacity(self.config.file_groups.len());
        for group in &self.config.file_groups {
            let files = group.iter().map(|file| sent.file(table, file));
            partitions.push(PartitionMessage { files: files.collect::<Result<_>>()? });
        }
        let table = Table {
            statistics: TableStatistics::default(),
            manifest: Arc::new(TableManifest { runs: sent.runs }),
            ..(**table).clone()
        };
        Ok((table, sent.places, partitions))
    }
}

/// The runs that travel.
#[derive(Default)]
struct SentRuns {
    known: HashMap<RunId, usize>,
    /// The columns, by position, that rows are in the order of: the bounds of runs prove it.
    ordered: HashSet<usize>,
    runs: Vec<Arc<Run>>,
    places: Vec<u32>,
    /// Where each run is among `runs`.
    indices: HashMap<RunId, u32>,
}

impl SentRuns {
    fn file(&mut self, table: &Table, file: &PartitionedFile) -> Result<FileMessage> {
        let inline = file.extensions.get::<InlineRuns>();
        let runs = match (inline, file.extensions.get::<RunFile>()) {
            (Some(inline), _) => {
                inline.ids().map(|run| self.run(table, run)).collect::<Result<_>>()?
            }
            (None, Some(run)) => vec![self.run(table, run.path.run)?],
            (None, None) => return internal_err!("a file of table {} is no run", table.id),
        };
        let range = file.range.as_ref().map(|range| vec![range.start, range.end]);
        Ok(FileMessage { runs, is_inline: inline.is_some(), range: range.unwrap_or_default() })
    }

    fn run(&mut self, table: &Table, id: RunId) -> Result<u32> {
        if let Some(index) = self.indices.get(&id) {
            return Ok(*index);
        }
        let Some((place, run)) =
            self.known.get(&id).and_then(|place| Some((*place, table.manifest.runs.get(*place)?)))
        else {
            return internal_err!("run {id} is not one of table {}", table.id);
        };
        let index = u32::try_from(self.runs.len()).map_err(external)?;
        let columns = self.columns(run);
        self.runs.push(Arc::new(Run { columns, ..(**run).clone() }));
        self.places.push(u32::try_from(place).map_err(external)?);
        self.indices.insert(id, index);
        Ok(index)
    }

    /// Returns what the node needs to know of values: the plan is made already, and only an order wants proof.
    fn columns(&self, run: &Run) -> Vec<ColumnStatistics> {
        if self.ordered.is_empty() {
            return Vec::new();
        }
        let columns = run.columns.iter().enumerate().map(|(position, column)| {
            if self.ordered.contains(&position) {
                return column.clone();
            }
            let &ColumnStatistics { null_count, trailing_blanks, .. } = column;
            ColumnStatistics { null_count, trailing_blanks, ..ColumnStatistics::default() }
        });
        columns.collect()
    }
}

struct Receiver<'a> {
    context: PhysicalPlanDecodeContext<'a>,
    converter: &'a dyn PhysicalProtoConverterExtension,
    message: ScanMessage,
}

impl Receiver<'_> {
    fn scan(self) -> Result<Arc<dyn ExecutionPlan>> {
        let session = self.context.task_ctx().session_config();
        let Some(storage) = session.get_extension::<ManagedStorage>() else {
            return internal_err!("this node has no managed storage");
        };
        let table: Table = serde_json::from_slice(&self.message.table).map_err(external)?;
        let has_blanks = |position: usize| {
            self.message.trailing_blanks.iter().any(|blank| *blank as usize == position)
        };
        let slices = u32::try_from(self.message.partitions.len()).map_err(external)?;
        let mut table = WarehouseTable::received(Arc::new(table), storage, slices, has_blanks);
        if self.message.has_addresses {
            table = table.with_row_addresses();
        }
        let groups = self.groups(&table)?;
        let source = self.source(&table)?;
        let schema = Arc::clone(source.table_schema().table_schema());
        let order =
            parse_physical_sort_exprs(&self.message.order, &self.context, &schema, self.converter)?;
        let partitioning = Partitioning::UnknownPartitioning(groups.len());
        let url = ObjectStoreUrl::local_filesystem();
        let config = FileScanConfigBuilder::new(url, source)
            .with_file_groups(groups)
            .with_statistics(Statistics::new_unknown(&schema))
            .with_output_ordering(LexOrdering::new(order).into_iter().collect())
            .with_preserve_order(self.message.preserves_order)
            .with_limit(self.message.limit.map(usize::try_from).transpose().map_err(external)?)
            .with_output_partitioning(self.message.has_slices.then_some(partitioning))
            .with_expr_adapter(table.expr_adapter())
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn groups(&self, table: &WarehouseTable) -> Result<Vec<FileGroup>> {
        let runs = &table.table().manifest.runs;
        let places: Places = runs
            .iter()
            .zip(&self.message.places)
            .filter(|_| self.message.has_addresses)
            .map(|(run, place)| (run.id, *place))
            .collect();
        let file = |file: &FileMessage| {
            let of_file = file.runs.iter().map(|index| {
                let run = runs.get(*index as usize).map(|run| &**run);
                run.ok_or_else(|| internal_datafusion_err!("run {index} was not sent"))
            });
            let of_file = of_file.collect::<Result<Vec<_>>>()?;
            let found = match (file.is_inline, of_file.as_slice()) {
                (true, runs) => as_one(runs).map(|one| table.inline_file(runs, &one, &places)),
                (false, [run]) => Some(table.file(run, places.get(&run.id).copied())),
                (false, _) => None,
            };
            let found = found.ok_or_else(|| internal_datafusion_err!("a file of no run"))?;
            Ok(match *file.range {
                [start, end] => found.with_range(start, end),
                _ => found,
            })
        };
        let groups = self.message.partitions.iter().map(|partition| {
            let files = partition.files.iter().map(file).collect::<Result<Vec<_>>>()?;
            Ok(FileGroup::new(files))
        });
        groups.collect()
    }

    fn source(&self, table: &WarehouseTable) -> Result<Arc<dyn FileSource>> {
        let context = self.context.task_ctx();
        let blocks_left_out = usize::try_from(self.message.blocks_left_out).map_err(external)?;
        let source = table.source(&context.runtime_env()).with_blocks_left_out(blocks_left_out);
        let schema = Arc::clone(source.table_schema().table_schema());
        let expression = |message: &PhysicalExprNode| {
            self.converter.proto_to_physical_expr(message, &schema, &self.context)
        };
        let mut source: Arc<dyn FileSource> = Arc::new(source);
        if let Some(predicate) = &self.message.predicate {
            let predicate = expression(predicate)?;
            let filters = split_conjunction(&predicate).into_iter().cloned().collect();
            let options = context.session_config().options();
            source = source.try_pushdown_filters(filters, options)?.updated_node.unwrap_or(source);
        }
        let projection = self.message.projection.iter().map(|item| match &item.expr {
            Some(expr) => Ok(ProjectionExpr { expr: expression(expr)?, alias: item.alias.clone() }),
            None => internal_err!("a projection without an expression"),
        });
        let projection = ProjectionExprs::from(projection.collect::<Result<Vec<_>>>()?);
        match source.try_pushdown_projection(&projection)? {
            Some(projected) => Ok(projected),
            None => internal_err!("a projection that the leader's scan took was refused here"),
        }
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
