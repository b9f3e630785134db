//! Seq Scan: a table of slices, a system table, or constants.

use std::sync::Arc;

use datafusion::{
    common::{Statistics, stats::Precision},
    datasource::{
        memory::MemorySourceConfig,
        physical_plan::{FileScanConfig, FileSource},
        source::DataSourceExec,
    },
    physical_plan::ExecutionPlan,
};

use super::{
    column::{self, OutputColumn},
    cost::{self, Estimated},
    expression,
    node::{Operator, PlanNode, Relation},
    order, selectivity,
    tree::{self, Builder, Built, UNKNOWN_ROWS, projected},
};
use crate::{
    execution::WarehouseSource, plan::optimizer::cardinality::ColumnEstimate, system::RELATION_KEY,
};

/// Returns the node of a leaf.
pub(super) fn build(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    scan: &DataSourceExec,
) -> Built {
    if let Some((config, source)) = scan.downcast_to_file_source::<WarehouseSource>() {
        return of_table(builder, plan, config, source);
    }
    let rows = scan.data_source().downcast_ref::<MemorySourceConfig>().map(row_count);
    let rows = rows.unwrap_or(UNKNOWN_ROWS);
    let schema = plan.schema();
    let name = schema.fields().iter().find_map(|field| field.metadata().get(RELATION_KEY));
    let Some(name) = name else { return tree::leaf(plan, Operator::Result, rows) };
    let relation = Relation { name: name.clone(), table: None, lacks_statistics: false };
    let mut built = tree::leaf(plan, Operator::SeqScan(relation), rows);
    for column in &mut built.columns {
        column.name = Some(column.text.clone());
        if builder.names_tables {
            column.text = format!("{name}.{}", column.text);
        }
    }
    built
}

fn row_count(memory: &MemorySourceConfig) -> f64 {
    memory.partitions().iter().flatten().map(|batch| batch.num_rows()).sum::<usize>() as f64
}

fn of_table(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    config: &FileScanConfig,
    source: &WarehouseSource,
) -> Built {
    let table = source.table();
    let row_count =
        |known: &Statistics| known.num_rows.get_value().map_or(UNKNOWN_ROWS, |rows| *rows as f64);
    // Estimated from all rows, as the optimizer does; runs that planning has left out need not be read.
    let statistics = source.table_statistics();
    let (stored, read) = (row_count(&statistics), row_count(&config.statistics()));
    let fields = config.file_schema().fields().iter().chain(config.table_partition_cols());
    let known = statistics.column_statistics.iter();
    let named = builder.names_tables.then_some(table.name.as_str());
    let columns = fields.zip(known).map(|(field, known)| {
        OutputColumn::stored(
            field,
            named,
            ColumnEstimate::stored(field, known, stored, Some(table)),
        )
    });
    let mut columns: Vec<OutputColumn> = columns.collect();
    let own = column::unqualified(&columns);
    let (mut rows, mut operators, mut conditions) = (stored, 0, Vec::new());
    for conjunct in source.predicate().into_iter().flat_map(expression::conjuncts) {
        if expression::is_dynamic(conjunct) {
            continue;
        }
        conditions.push(expression::text(conjunct, &own));
        operators += expression::operator_count(conjunct);
        rows *= selectivity::narrow(conjunct, &mut columns);
    }
    rows = rows.min(read);
    if let Some(projection) = source.projection() {
        let expressions = projection.iter().map(|item| &item.expr);
        columns = projected(expressions, &columns, &plan.schema());
    }
    let relation = Relation {
        name: table.name.clone(),
        table: Some(table.id),
        lacks_statistics: stored > 0.0
            && statistics
                .column_statistics
                .iter()
                .all(|known| known.distinct_count == Precision::Absent),
    };
    let estimated =
        Estimated { cost: cost::scan(read, operators), rows, width: column::width(&columns) };
    let mut node = PlanNode::new(Operator::SeqScan(relation), estimated, Vec::new()).of(plan);
    node.conditions = conditions;
    order::limited(Built { node, columns }, config.limit, None)
}
