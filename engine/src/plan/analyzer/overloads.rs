//! Functions that Redshift has for types or date parts that DataFusion's of the same name does not take.
//!
//! | call                                | becomes                                    |
//! |-------------------------------------|--------------------------------------------|
//! | `date_trunc('mon', date)`           | `date_trunc('month', date::timestamp)`     |
//! | `date_trunc('century', timestamp)`  | `date_trunc_years('century', timestamp)`   |

use datafusion::{
    arrow::datatypes::DataType,
    common::{DFSchema, ScalarValue, config::ConfigOptions, tree_node::Transformed},
    error::Result,
    logical_expr::{
        Expr, ExprSchemable, cast, expr::ScalarFunction, expr_rewriter::FunctionRewrite,
    },
};

use crate::{functions::scalar, types::SqlType};

/// See the module.
#[derive(Debug)]
pub(super) struct Overloads;

impl FunctionRewrite for Overloads {
    fn name(&self) -> &str {
        "overloads"
    }

    fn rewrite(
        &self,
        expression: Expr,
        schema: &DFSchema,
        _options: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        let Expr::ScalarFunction(call) = expression else {
            return Ok(Transformed::no(expression));
        };
        match (call.func.name(), call.args.as_slice()) {
            ("date_trunc", [Expr::Literal(part, _), moment]) => {
                date_trunc(&call, part, moment, schema)
            }
            _ => Ok(Transformed::no(Expr::ScalarFunction(call))),
        }
    }
}

fn date_trunc(
    call: &ScalarFunction,
    part: &ScalarValue,
    moment: &Expr,
    schema: &DFSchema,
) -> Result<Transformed<Expr>> {
    let unchanged = || Ok(Transformed::no(Expr::ScalarFunction(call.clone())));
    let Some(Some(name)) = part.try_as_str() else { return unchanged() };
    let given = moment.get_type(schema)?;
    let is_timestamp = matches!(given, DataType::Timestamp(..));
    let moment = match is_timestamp {
        true => moment.clone(),
        false => cast(moment.clone(), SqlType::Timestamp.arrow()),
    };
    let (name, is_years) = scalar::date_trunc_part(name)?;
    let part = Expr::Literal(ScalarValue::from(name), None);
    if is_years {
        return Ok(Transformed::yes(scalar::date_trunc_years().call(vec![part, moment])));
    }
    Ok(Transformed::yes(call.func.call(vec![part, moment])))
}
