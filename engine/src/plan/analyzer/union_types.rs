//! The columns of a UNION have one type each, whatever its inputs say of theirs.
//!
//! DataFusion's coercion makes the Arrow types equal, and leaves each input what it remembers of its own Redshift type
//! ([`crate::types::SQL_TYPE_KEY`]): of `CHAR(4)` beside `VARCHAR(20)`, or INTEGER beside BIGINT, plans of one kind have the last and
//! plans of another none, and an aggregate over the union is refused for that. So inputs that differ are cast to what they
//! have in common. A text is as long as the longest, and may end with blanks if one of them may.

use std::{collections::HashMap, sync::Arc};

use datafusion::{
    arrow::datatypes::{DataType, Field},
    common::{DFSchema, config::ConfigOptions, tree_node::Transformed},
    error::Result,
    logical_expr::{Cast, Expr, LogicalPlan, Projection, Union, expr::Alias},
    optimizer::AnalyzerRule,
};

use crate::types::{SqlType, TRAILING_BLANKS_KEY, VARCHAR_LENGTH_MAX};

/// What a field remembers of its type.
type Metadata = HashMap<String, String>;

/// See the module.
#[derive(Debug)]
pub(super) struct UnionTypes;

impl AnalyzerRule for UnionTypes {
    fn name(&self) -> &str {
        "union_types"
    }

    fn analyze(&self, plan: LogicalPlan, _options: &ConfigOptions) -> Result<LogicalPlan> {
        let mut changed = false;
        let plan = plan.transform_up_with_subqueries(|node| {
            if let LogicalPlan::Union(union) = node {
                let united = united(union)?;
                changed |= united.transformed;
                return Ok(united.update_data(LogicalPlan::Union));
            }
            // What is above a union that was changed tells of its columns what that said before.
            match changed {
                true => Ok(Transformed::yes(node.recompute_schema()?)),
                false => Ok(Transformed::no(node)),
            }
        });
        Ok(plan?.data)
    }
}

fn united(mut union: Union) -> Result<Transformed<Union>> {
    let schema = Arc::clone(&union.schema);
    // The coercion has them claim what the union remembers.
    for input in &mut union.inputs {
        *input = Arc::new(Arc::unwrap_or_clone(Arc::clone(input)).recompute_schema()?);
    }
    let columns = schema.fields().iter().enumerate();
    let agreed = columns.map(|(column, field)| agreed(&union, column, field.data_type()));
    let agreed = agreed.collect::<Vec<_>>();
    if agreed.iter().all(Option::is_none) {
        return Ok(Transformed::no(union));
    }
    let fields = schema.iter().zip(&agreed).map(|((qualifier, field), metadata)| {
        let field = match metadata {
            Some(metadata) => Arc::new(field.as_ref().clone().with_metadata(metadata.clone())),
            None => Arc::clone(field),
        };
        (qualifier.cloned(), field)
    });
    let schema = DFSchema::new_with_metadata(fields.collect(), schema.metadata().clone())?;
    let inputs = union.inputs.into_iter().map(|input| remembering(input, &agreed));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(Union { inputs, schema: Arc::new(schema) }))
}

/// Returns what all inputs shall remember of a column's type; `None` if they do that already.
fn agreed(union: &Union, column: usize, data_type: &DataType) -> Option<Metadata> {
    let fields = union.inputs.iter().map(|input| input.schema().field(column).as_ref());
    let fields = fields.collect::<Vec<&Field>>();
    let (first, others) = fields.split_first()?;
    if others.iter().all(|other| other.metadata() == first.metadata()) {
        return None;
    }
    let sql_type = match data_type.is_string() {
        true => {
            let inputs = union.inputs.iter().zip(&fields);
            let texts = inputs.filter(|(input, _)| !is_null(input, column));
            longest(texts.filter_map(|(_, field)| SqlType::of_field(field)))
        }
        false => SqlType::from_arrow(data_type),
    };
    let mut metadata = sql_type?.field("", true).metadata().clone();
    if fields.iter().any(|field| field.metadata().contains_key(TRAILING_BLANKS_KEY)) {
        metadata.insert(TRAILING_BLANKS_KEY.to_owned(), "true".to_owned());
    }
    Some(metadata)
}

/// Returns whether a column is a NULL that is written there: it has no length.
fn is_null(input: &LogicalPlan, column: usize) -> bool {
    let LogicalPlan::Projection(projection) = input else { return false };
    let mut expression = projection.expr.get(column);
    while let Some(Expr::Alias(Alias { expr, .. }) | Expr::Cast(Cast { expr, .. })) = expression {
        expression = Some(expr);
    }
    matches!(expression, Some(Expr::Literal(value, _)) if value.is_null())
}

/// Returns the type that holds texts of all these types. A CHAR beside a VARCHAR is a VARCHAR.
fn longest(types: impl Iterator<Item = SqlType>) -> Option<SqlType> {
    types.reduce(|one, other| match (one, other) {
        (SqlType::Char { length: one }, SqlType::Char { length: other }) => {
            SqlType::Char { length: one.max(other) }
        }
        _ => SqlType::Varchar { length: bytes_max(one).max(bytes_max(other)) },
    })
}

fn bytes_max(text: SqlType) -> u32 {
    match text {
        SqlType::Char { length } | SqlType::Varchar { length } => length,
        other => u32::try_from(other.typlen()).unwrap_or(VARCHAR_LENGTH_MAX),
    }
}

/// Returns an input that remembers of its columns what was agreed.
fn remembering(input: Arc<LogicalPlan>, agreed: &[Option<Metadata>]) -> Result<Arc<LogicalPlan>> {
    let fields = input.schema().fields().iter().zip(agreed);
    let columns = input.schema().columns().into_iter().zip(fields);
    let columns = columns.map(|(column, (field, agreed))| {
        let Some(metadata) = agreed else { return Expr::Column(column) };
        let name = column.name.clone();
        let target = Field::new("", field.data_type().clone(), field.is_nullable());
        let target = Arc::new(target.with_metadata(metadata.clone()));
        Expr::Cast(Cast::new_from_field(Box::new(Expr::Column(column)), target)).alias(name)
    });
    let projection = Projection::try_new(columns.collect(), Arc::clone(&input))?;
    Ok(Arc::new(LogicalPlan::Projection(projection)))
}
