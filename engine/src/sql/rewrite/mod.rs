//! sqlparser's AST → the AST that DataFusion plans: differences of spelling only, no types, no names.
//!
//! Each file is one difference and says why. They run in the order of [`query`].

mod arrays;
mod collations;
mod conditions;
mod custom_operators;
mod date_parts;
mod decode;
mod float_literals;
mod intervals;
mod limits;
mod listagg;
mod operator_functions;
mod patterns;
mod ratio_to_report;
mod refuse;
mod row_in;
mod set_operations;
mod table_functions;
mod tableoid;
mod types;
mod words;

use std::ops::ControlFlow;

use sqlparser::{
    ast::{self, VisitMut, VisitorMut},
    tokenizer::Location,
};

use crate::sql::{SqlError, cursor::Cursor};

/// What a visitor found that cannot be planned, and where.
pub(super) struct Refused {
    error: Box<SqlError>,
    location: Option<Location>,
}

impl Refused {
    /// Returns the refusal of something that is parsed but not there (0A000).
    fn unsupported(message: impl Into<String>, hint: &str, location: Option<Location>) -> Self {
        let error = SqlError::unsupported(message, None).with_hint(hint);
        Self { error: Box::new(error), location }
    }

    /// Returns the error with its place in the query string.
    pub(super) fn into_error(self, cursor: &Cursor<'_>) -> SqlError {
        let mut error = *self.error;
        error.position = self.location.and_then(|location| cursor.position_at(location));
        error
    }
}

/// Rewrites a query.
pub(super) fn query(query: &mut ast::Query) -> Result<(), Refused> {
    run(query)
}

/// Rewrites an expression.
pub(super) fn expression(expression: &mut ast::Expr) -> Result<(), Refused> {
    // Most values of a long INSERT are bare literals.
    if matches!(expression, ast::Expr::Value(value) if !float_literals::has_exponent(&value.value))
    {
        return Ok(());
    }
    run(expression)
}

fn run<T: VisitMut>(tree: &mut T) -> Result<(), Refused> {
    visit(tree, &mut refuse::Refuse)?;
    visit(tree, &mut set_operations::MinusIsExcept)?;
    visit(tree, &mut limits::TopAndFetchAreLimit)?;
    visit(tree, &mut custom_operators::NamedOperators)?;
    visit(tree, &mut operator_functions::OperatorsAreFunctions)?;
    visit(tree, &mut collations::DefaultCollations)?;
    visit(tree, &mut conditions::NumbersAreTruthValues)?;
    visit(tree, &mut row_in::RowInIsExists)?;
    visit(tree, &mut table_functions::FunctionsAreTables)?;
    visit(tree, &mut types::PlainTypes)?;
    visit(tree, &mut float_literals::ExponentsAreFloats)?;
    visit(tree, &mut intervals::IntervalsHaveNoCommas)?;
    visit(tree, &mut date_parts::DatePartsAreText)?;
    visit(tree, &mut arrays::ArraysOfUnnestAreTransformed)?;
    visit(tree, &mut tableoid::TableoidIsRegclass)?;
    visit(tree, &mut patterns::PatternsAreEscaped)?;
    visit(tree, &mut decode::DecodeIsCase)?;
    visit(tree, &mut listagg::ListaggIsArrayAgg)?;
    visit(tree, &mut ratio_to_report::RatioToReportIsQuotient)?;
    visit(tree, &mut words::WordsAreCalls)
}

fn visit<T: VisitMut>(
    tree: &mut T,
    visitor: &mut impl VisitorMut<Break = Refused>,
) -> Result<(), Refused> {
    match tree.visit(visitor) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Returns the call of a function.
pub(crate) fn call(name: &str, arguments: Vec<ast::Expr>) -> ast::Expr {
    let args = arguments
        .into_iter()
        .map(|argument| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument)))
        .collect();
    ast::Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Returns the arguments of a call, if they are all plain expressions (no `*`, no names).
fn plain_arguments(function: &ast::Function) -> Option<Vec<ast::Expr>> {
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    let plain = list.args.iter().map(|argument| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expression)) => {
            Some(expression.clone())
        }
        _ => None,
    });
    plain.collect()
}

/// Takes an expression out of its place, leaving NULL until it is put back.
fn take(expression: &mut ast::Expr) -> ast::Expr {
    std::mem::replace(expression, ast::Expr::value(ast::Value::Null))
}

/// Calls `change` with every part of a set operation that is no set operation, and with those too.
fn each_set_expr(
    body: &mut ast::SetExpr,
    change: &mut impl FnMut(&mut ast::SetExpr, bool) -> Result<(), Refused>,
) -> Result<(), Refused> {
    // A long UNION leans to the left: a stack of our own, not the thread's.
    let mut open = vec![(body, false)];
    while let Some((part, nested)) = open.pop() {
        change(part, nested)?;
        if let ast::SetExpr::SetOperation { left, right, .. } = part {
            open.push((left, true));
            open.push((right, true));
        }
    }
    Ok(())
}

fn flow(result: Result<(), Refused>) -> ControlFlow<Refused> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(refused) => ControlFlow::Break(refused),
    }
}

/// Returns a name of the catalogue without its `pg_catalog.`, if it has no other schema.
fn catalog_name(name: &ast::ObjectName) -> Option<&str> {
    let mut parts = name.0.iter().rev().map(|part| part.as_ident().map(|i| i.value.as_str()));
    let last = parts.next()??;
    match (parts.next(), parts.next()) {
        (None, _) | (Some(Some("pg_catalog")), None) => Some(last),
        _ => None,
    }
}
