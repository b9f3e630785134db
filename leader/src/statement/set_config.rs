//! `SELECT set_config(name, value, is_local)`: SET, said as a function. The calls are done before the
//! query is planned, and their answers take their places.

use datafusion::common::ScalarValue;
use engine::client_error::SqlState;
use sqlparser::ast;

use crate::{error::Error, session::Session};

/// Does the calls in the select list of a query without FROM; returns the query without them, or
/// `None` if it has none.
pub(super) fn apply(
    session: &mut Session,
    query: &ast::Query,
    parameters: &[ScalarValue],
) -> Result<Option<ast::Query>, Error> {
    if !projection(query).iter().any(|item| call(item).is_some()) {
        return Ok(None);
    }
    let mut query = query.clone();
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        for item in &mut select.projection {
            let Some(arguments) = call(item) else { continue };
            let value = set(session, &arguments, parameters)?;
            let value = ast::Expr::value(ast::Value::SingleQuotedString(value));
            let alias = match item {
                ast::SelectItem::ExprWithAlias { alias, .. } => alias.clone(),
                _ => ast::Ident::with_quote('"', "set_config"),
            };
            *item = ast::SelectItem::ExprWithAlias { expr: value, alias };
        }
    }
    Ok(Some(query))
}

fn projection(query: &ast::Query) -> &[ast::SelectItem] {
    match query.body.as_ref() {
        ast::SetExpr::Select(select) if select.from.is_empty() => &select.projection,
        _ => &[],
    }
}

/// Returns the arguments, if a column is a call.
fn call(item: &ast::SelectItem) -> Option<Vec<ast::Expr>> {
    let (ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) = item
    else {
        return None;
    };
    let ast::Expr::Function(function) = expr else { return None };
    let name = function.name.0.last()?.as_ident()?;
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    if name.value != "set_config" {
        return None;
    }
    let arguments = list.args.iter().map(|argument| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    arguments.collect()
}

fn set(
    session: &mut Session,
    arguments: &[ast::Expr],
    parameters: &[ScalarValue],
) -> Result<String, Error> {
    let texts = arguments.iter().map(|argument| text(argument, parameters));
    let texts = texts.collect::<Option<Vec<_>>>();
    let Some([name, value, local]) = texts.as_deref() else {
        return Err(Error::unsupported(
            "set_config() of anything but literals and parameters",
            "Use SET name TO value.",
        ));
    };
    let local = match local.as_str() {
        "true" | "t" | "1" => true,
        "false" | "f" | "0" => false,
        _ => {
            let message = "the third argument of set_config() is a boolean";
            return Err(Error::statement(SqlState::INVALID_PARAMETER_VALUE, message));
        }
    };
    // What is local to a transaction of one statement is over when it has answered.
    if !local || session.in_block() {
        session.set_parameter(&name.to_lowercase(), Some(value), local)?;
    }
    Ok(value.clone())
}

/// Returns a literal or the value of a parameter as text.
fn text(argument: &ast::Expr, parameters: &[ScalarValue]) -> Option<String> {
    let ast::Expr::Value(value) = argument else { return None };
    match &value.value {
        ast::Value::SingleQuotedString(text) => Some(text.clone()),
        ast::Value::Boolean(value) => Some(value.to_string()),
        ast::Value::Placeholder(name) => {
            let number = name.strip_prefix('$')?.parse::<usize>().ok()?;
            let value = parameters.get(number.checked_sub(1)?)?;
            (!value.is_null()).then(|| value.to_string())
        }
        _ => None,
    }
}
