//! `LISTAGG(x, ',') WITHIN GROUP (ORDER BY y)` is `listagg(array_agg(x ORDER BY y), ',')`: DataFusion
//! aggregates into an array, and a scalar function of that name joins it. NULLs and empty texts are
//! left out.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::{Refused, call, catalog_name, plain_arguments};

pub(super) struct ListaggIsArrayAgg;

impl VisitorMut for ListaggIsArrayAgg {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        let ast::Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if catalog_name(&function.name) != Some("listagg") {
            return ControlFlow::Continue(());
        }
        let arguments = plain_arguments(function).unwrap_or_default();
        let (value, delimiter) = match arguments.as_slice() {
            [value] => (value.clone(), empty()),
            [value, delimiter] => (value.clone(), delimiter.clone()),
            _ => return ControlFlow::Continue(()),
        };
        let array = array_agg(function, &value);
        *expr = call("listagg", vec![array, delimiter]);
        ControlFlow::Continue(())
    }
}

fn empty() -> ast::Expr {
    ast::Expr::value(ast::Value::SingleQuotedString(String::new()))
}

fn array_agg(listagg: &ast::Function, value: &ast::Expr) -> ast::Expr {
    let mut array_agg = listagg.clone();
    array_agg.name = ast::ObjectName::from(vec![ast::Ident::new("array_agg")]);
    array_agg.filter = Some(Box::new(filter(listagg, value)));
    let order = std::mem::take(&mut array_agg.within_group);
    if let ast::FunctionArguments::List(list) = &mut array_agg.args {
        list.args.truncate(1);
        if array_agg.over.is_none() && !order.is_empty() {
            list.clauses.push(ast::FunctionArgumentClause::OrderBy(order));
            return ast::Expr::Function(array_agg);
        }
    }
    // In a window the order goes to the window, whose frame is the whole partition.
    if let Some(ast::WindowType::WindowSpec(window)) = &mut array_agg.over
        && !order.is_empty()
    {
        window.order_by = order;
        window.window_frame = Some(ast::WindowFrame {
            units: ast::WindowFrameUnits::Rows,
            start_bound: ast::WindowFrameBound::Preceding(None),
            end_bound: Some(ast::WindowFrameBound::Following(None)),
        });
    }
    ast::Expr::Function(array_agg)
}

/// `nullif(x::varchar, '') IS NOT NULL`, beside the FILTER there was.
fn filter(listagg: &ast::Function, value: &ast::Expr) -> ast::Expr {
    let text = ast::Expr::Cast {
        kind: ast::CastKind::Cast,
        expr: Box::new(value.clone()),
        data_type: ast::DataType::Varchar(None),
        array: false,
        format: None,
    };
    let there = ast::Expr::IsNotNull(Box::new(call("nullif", vec![text, empty()])));
    match &listagg.filter {
        None => there,
        Some(filter) => ast::Expr::BinaryOp {
            left: Box::new(ast::Expr::Nested(filter.clone())),
            op: ast::BinaryOperator::And,
            right: Box::new(there),
        },
    }
}
