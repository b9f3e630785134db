//! SELECT: reads top to bottom as the life of a query.

use std::{collections::HashMap, sync::Arc};

use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, SchemaRef},
    common::{
        ParamValues, ScalarValue,
        metadata::ScalarAndMetadata,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    error::DataFusionError,
    execution::SendableRecordBatchStream,
    logical_expr::{Expr, LogicalPlan},
    physical_plan::{execute_stream, stream::RecordBatchStreamAdapter},
};
use engine::{
    catalog::Catalog,
    client_error::SqlState,
    error::QueryError,
    plan::{PlanningSession, output_names},
    types::SqlType,
};
use futures::StreamExt;
use sqlparser::ast;
use tokio::time::{Instant, timeout_at};

use crate::{
    cluster::lost_nodes::{begun, is_loss},
    error::Error,
    session::{Outcome, RowsTag, Session},
    statement::{Description, set_config},
};

pub(super) async fn run(
    session: &mut Session,
    query: &ast::Query,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let planning = session.planning(Arc::clone(&catalog));
    let mut plan = bind(&planning, query, parameters).await?;
    let schema = client_schema(&plan, query);
    if let Some(query) = set_config::apply(session, query, parameters)? {
        plan = bind(&planning, &query, parameters).await?;
    }
    let timeout = session.parameters().statement_timeout();
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let rows = begin(session, &catalog, &plan);
    let rows = match deadline {
        Some(deadline) => timeout_at(deadline, rows).await.map_err(|_| timed_out())??,
        None => rows.await?,
    };
    // What is being read stays until the last row is: the base version holds its runs.
    let base = Arc::clone(session.transaction().base());
    let batches = hold(rows, vec![catalog, base], deadline);
    Ok(Outcome::Rows { schema, batches, tag: RowsTag::Select })
}

/// Plans and starts a query; once more if a compute node was lost before there was a row.
async fn begin(
    session: &Session,
    catalog: &Arc<Catalog>,
    plan: &LogicalPlan,
) -> Result<SendableRecordBatchStream, Error> {
    let rows = execute(session, catalog, plan).await?;
    let Some(nodes) = session.leader().compute_nodes() else { return Ok(rows) };
    match begun(rows).await {
        Err(error) if is_loss(&error) => {
            tracing::warn!(%error, "running a query again");
            nodes.look().await;
            Ok(begun(execute(session, catalog, plan).await?).await?)
        }
        rows => Ok(rows?),
    }
}

async fn execute(
    session: &Session,
    catalog: &Arc<Catalog>,
    plan: &LogicalPlan,
) -> Result<SendableRecordBatchStream, Error> {
    // A session of its own: with the compute nodes there are now.
    let planning = session.planning(Arc::clone(catalog));
    let physical = planning.physical(plan).await?;
    session.note_plan(&physical);
    Ok(execute_stream(physical, planning.task_context())?)
}

/// Resolves a query's names and puts its parameters' values in their places.
pub(super) async fn bind(
    planning: &PlanningSession,
    query: &ast::Query,
    parameters: &[ScalarValue],
) -> Result<LogicalPlan, Error> {
    let plan = planning.bind(query).await?;
    if parameters.is_empty() {
        return Ok(plan);
    }
    let values = parameters.iter().cloned().map(ScalarAndMetadata::from).collect();
    Ok(planning.typed(plan.with_param_values(ParamValues::List(values))?)?)
}

/// Returns the types of a query's parameters and its columns.
pub(super) async fn describe(
    session: &mut Session,
    query: &ast::Query,
    given: &[Option<SqlType>],
) -> Result<Description, Error> {
    let catalog = session.catalog_now();
    let planning = session.planning(catalog);
    let plan = planning.bind(query).await?;
    let types = parameter_types(&plan, given)?;
    // The types of the columns may hang on those of the parameters.
    let nulls = types
        .iter()
        .map(|sql_type| ScalarValue::try_from(sql_type.arrow()).map(ScalarAndMetadata::from));
    let nulls = nulls.collect::<Result<Vec<_>, _>>()?;
    let plan = match nulls.is_empty() {
        true => plan,
        false => planning.typed(plan.with_param_values(ParamValues::List(nulls))?)?,
    };
    let schema = client_schema(&plan, query);
    Ok((types, Some(schema)))
}

/// Returns the type of each of `$1…$n`: the one the client gave, else the one the plan implies, else
/// text.
pub(super) fn parameter_types(
    plan: &LogicalPlan,
    given: &[Option<SqlType>],
) -> Result<Vec<SqlType>, Error> {
    let inferred = plan.get_parameter_types()?;
    let casts = cast_parameters(plan)?;
    let highest = inferred.keys().filter_map(|name| name.trim_start_matches('$').parse().ok());
    let count = highest.max().unwrap_or(0).max(given.len());
    let types = (1..=count).map(|number| {
        let known = given.get(number - 1).copied().flatten();
        let name = format!("${number}");
        let implied =
            || inferred.get(&name).cloned().flatten().or_else(|| casts.get(&name).cloned());
        known.or_else(|| SqlType::from_arrow(&implied()?)).unwrap_or(SqlType::VARCHAR_DEFAULT)
    });
    Ok(types.collect())
}

/// Returns the types that parameters are cast to: `$1::int` takes an integer, as `LIMIT $1` does.
fn cast_parameters(plan: &LogicalPlan) -> Result<HashMap<String, DataType>, DataFusionError> {
    let mut casts = HashMap::new();
    plan.apply_with_subqueries(|node| {
        let is_limit = matches!(node, LogicalPlan::Limit(_));
        node.apply_expressions(|expression| {
            if let Expr::Placeholder(placeholder) = expression
                && is_limit
            {
                casts.entry(placeholder.id.clone()).or_insert(DataType::Int64);
            }
            expression.apply(|inner| {
                if let Expr::Cast(cast) = inner
                    && let Expr::Placeholder(placeholder) = cast.expr.as_ref()
                {
                    let data_type = cast.field.data_type().clone();
                    casts.entry(placeholder.id.clone()).or_insert(data_type);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(casts)
}

/// Returns the columns as the client sees them.
pub(super) fn client_schema(plan: &LogicalPlan, query: &ast::Query) -> SchemaRef {
    let fields = plan.schema().as_arrow().fields();
    let names = output_names(query, fields.len());
    let fields = fields.iter().zip(names).map(|(field, name)| match name {
        Some(name) => Field::clone(field).with_name(name),
        None => Field::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Keeps `held` until the last row was read or the stream is dropped, and watches the clock.
fn hold(
    rows: SendableRecordBatchStream,
    held: Vec<Arc<Catalog>>,
    deadline: Option<Instant>,
) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let stream = futures::stream::unfold((rows, held), move |(mut rows, held)| async move {
        let next = match deadline {
            Some(deadline) => match timeout_at(deadline, rows.next()).await {
                Ok(next) => next,
                Err(_) => Some(Err(timed_out())),
            },
            None => rows.next().await,
        };
        next.map(|batch| (batch, (rows, held)))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, stream))
}

fn timed_out() -> DataFusionError {
    let message = "canceling statement due to statement timeout";
    DataFusionError::External(Box::new(QueryError::new(SqlState::QUERY_CANCELED, message)))
}
