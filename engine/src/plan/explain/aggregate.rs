//! Aggregations: both stages of one are one node.

use std::sync::Arc;

use datafusion::{
    physical_expr::expressions::CastExpr,
    physical_plan::{
        ExecutionPlan, InputOrderMode,
        aggregates::{AggregateExec, AggregateMode},
        projection::ProjectionExec,
    },
};

use super::{
    column::{self, OutputColumn},
    cost::{self, Estimated},
    expression,
    node::{Operator, PlanNode},
    selectivity,
    tree::{Builder, Built, Consumer, projected},
};

/// Returns the node of an aggregation, whose last stage `aggregate` is.
pub(super) fn build(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    aggregate: &AggregateExec,
    consumer: Consumer,
) -> Built {
    let mut between = Vec::new();
    let first = first_stage(plan, &mut between);
    let stage = first.and_then(|first| first.downcast_ref::<AggregateExec>()).unwrap_or(aggregate);
    let input = builder.build(stage.input(), Consumer::Aggregation);
    let keys = stage.group_expr().expr();
    let functions = stage.aggr_expr().len();
    let mut columns = output_columns(stage, aggregate, &input.columns);
    let (estimated, operator) = if keys.is_empty() {
        let estimated = Estimated {
            cost: cost::aggregate(input.node.estimated, functions),
            rows: 1.0,
            width: column::width(&columns),
        };
        (estimated, Operator::Aggregate)
    } else {
        let expressions = keys.iter().map(|(expr, _)| expr);
        let input_rows = input.node.estimated.rows;
        let groups = selectivity::groups(expressions, &input.columns, input_rows);
        let rows = groups * stage.group_expr().groups().len().max(1) as f64;
        for column in &mut columns {
            column.values = column.values.take().map(|values| values.of_groups(rows));
        }
        let (operator, cost) = grouping(stage, input.node.estimated, rows, consumer);
        (Estimated { cost, rows, width: column::width(&columns) }, operator)
    };
    let mut node = PlanNode::new(operator, estimated, vec![input.node]).of(plan);
    node.operators.extend(first.map(Arc::clone));
    node.regrouped_by = between;
    Built { node, columns }
}

/// Returns how groups are found, and what that costs.
fn grouping(
    stage: &AggregateExec,
    input: Estimated,
    groups: f64,
    consumer: Consumer,
) -> (Operator, cost::Cost) {
    let (keys, functions) = (stage.group_expr().expr().len(), stage.aggr_expr().len());
    if *stage.input_order_mode() == InputOrderMode::Sorted {
        return (Operator::GroupAggregate, cost::group_aggregate(input, keys, functions));
    }
    // The groups of a COUNT(DISTINCT) above are groups; those of a query without functions are DISTINCT.
    if functions == 0 && consumer != Consumer::Aggregation {
        return (Operator::Unique, cost::unique(input, keys));
    }
    (Operator::HashAggregate, cost::hash_aggregate(input, keys, functions, groups))
}

/// Returns the stage that reads the rows, if it is another one; `between` gets what hands its groups on.
fn first_stage<'a>(
    plan: &'a Arc<dyn ExecutionPlan>,
    between: &mut Vec<Arc<dyn ExecutionPlan>>,
) -> Option<&'a Arc<dyn ExecutionPlan>> {
    let aggregate = plan.downcast_ref::<AggregateExec>()?;
    let merges = matches!(
        aggregate.mode(),
        AggregateMode::Final | AggregateMode::FinalPartitioned | AggregateMode::PartialReduce
    );
    if !merges {
        return None;
    }
    let mut below = aggregate.input();
    loop {
        if let Some(stage) = below.downcast_ref::<AggregateExec>() {
            let reads = *stage.mode() == AggregateMode::Partial;
            return if reads { Some(below) } else { first_stage(below, between) };
        }
        // Exchanges and what keeps an order lie between; a projection would be of something else.
        match below.children().as_slice() {
            [input] if !below.is::<ProjectionExec>() => {
                between.push(Arc::clone(below));
                below = input;
            }
            _ => return None,
        }
    }
}

/// Returns the columns of groups and of functions, called by what they are of.
fn output_columns(
    stage: &AggregateExec,
    aggregate: &AggregateExec,
    input: &[OutputColumn],
) -> Vec<OutputColumn> {
    let schema = aggregate.schema();
    let keys = stage.group_expr().expr().iter().map(|(expr, _)| expr);
    let mut columns = projected(keys, input, &schema);
    // Behind the keys of grouping sets comes the number of the set.
    let functions = schema.fields().len().saturating_sub(stage.aggr_expr().len());
    for field in schema.fields().iter().take(functions).skip(columns.len()) {
        columns.push(OutputColumn::computed(field, "grouping()".to_owned()));
    }
    let named = stage.aggr_expr().iter().zip(schema.fields().iter().skip(functions));
    columns.extend(named.map(|(function, field)| {
        let arguments = function.expressions();
        // What is widened to be summed is a matter of ours.
        let plain = arguments.iter().map(|argument| match argument.downcast_ref::<CastExpr>() {
            Some(cast) => cast.expr(),
            None => argument,
        });
        let arguments: Vec<String> =
            plain.map(|argument| expression::text(argument, input)).collect();
        let arguments = match (function.fun().name(), arguments.join(", ")) {
            // What DataFusion counts where SQL says `*`.
            ("count", one) if one == "1" => "*".to_owned(),
            (_, arguments) => arguments,
        };
        let distinct = if function.is_distinct() { "DISTINCT " } else { "" };
        let text = format!("{}({distinct}{arguments})", function.fun().name());
        OutputColumn::computed(field, text)
    }));
    columns
}
