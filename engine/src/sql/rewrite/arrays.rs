//! `ARRAY(SELECT f(x) FROM unnest(a) x)` is `array_transform(a, x -> f(x))`: DataFusion has no UNNEST of
//! an outer column in a subquery. psql's `\d+` lists a table's TOAST options in this way.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, LambdaFunction,
    LambdaFunctionParameter, LambdaSyntax, OneOrManyWithParens, Select, SelectItem, SetExpr,
    TableFactor, VisitorMut,
};

use super::{Refused, call, catalog_name};

pub(super) struct ArraysOfUnnestAreTransformed;

impl VisitorMut for ArraysOfUnnestAreTransformed {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        if let Some(transformed) = transformed(expr) {
            *expr = transformed;
        }
        ControlFlow::Continue(())
    }
}

fn transformed(expr: &Expr) -> Option<Expr> {
    let Expr::Function(function) = expr else { return None };
    let FunctionArguments::Subquery(query) = &function.args else { return None };
    if catalog_name(&function.name)? != "array" || query.limit_clause.is_some() {
        return None;
    }
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let (array, element) = unnested(select)?;
    let plain = select.selection.is_none() && select.distinct.is_none();
    let [SelectItem::UnnamedExpr(body)] = select.projection.as_slice() else { return None };
    let function = Expr::Lambda(LambdaFunction {
        params: OneOrManyWithParens::One(LambdaFunctionParameter {
            name: element,
            data_type: None,
        }),
        body: Box::new(body.clone()),
        syntax: LambdaSyntax::Arrow,
    });
    plain.then(|| call("array_transform", vec![array, function]))
}

/// Returns the array of `FROM unnest(array) element`, and the element's name.
fn unnested(select: &Select) -> Option<(Expr, ast::Ident)> {
    let [from] = select.from.as_slice() else { return None };
    if !from.joins.is_empty() {
        return None;
    }
    match &from.relation {
        TableFactor::Table { name, alias: Some(alias), args: Some(args), .. } => {
            let [FunctionArg::Unnamed(FunctionArgExpr::Expr(array))] = args.args.as_slice() else {
                return None;
            };
            (catalog_name(name)? == "unnest").then(|| (array.clone(), alias.name.clone()))
        }
        TableFactor::UNNEST { alias: Some(alias), array_exprs, .. } => match array_exprs.as_slice()
        {
            [array] => Some((array.clone(), alias.name.clone())),
            _ => None,
        },
        _ => None,
    }
}
