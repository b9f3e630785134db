//! What the SQL front end does with the PostgreSQL-isms of clients, in short: casts to catalogue
//! types, `OPERATOR(pg_catalog.~)`, qualified names of types and functions, `ARRAY(subquery)`.

use std::ops::ControlFlow;

use sqlparser::{
    ast::{self, BinaryOperator, Expr, Ident, Statement, VisitMut, VisitorMut},
    dialect::PostgreSqlDialect,
    parser::{Parser, ParserError},
};

/// Parses one statement and makes it what DataFusion can plan.
pub(super) fn parse(sql: &str) -> Result<Statement, ParserError> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql)?;
    let mut statement = statements.swap_remove(0);
    let _: ControlFlow<()> = statement.visit(&mut Normalize);
    Ok(statement)
}

struct Normalize;

fn last_word(name: &ast::ObjectName) -> String {
    name.0.last().map_or(String::new(), |part| part.to_string().to_lowercase())
}

fn call(name: &str, argument: Expr) -> Expr {
    let argument = ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument));
    let list = ast::FunctionArgumentList {
        duplicate_treatment: None,
        args: vec![argument],
        clauses: vec![],
    };
    Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

impl VisitorMut for Normalize {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Cast { expr: inner, data_type, .. } => {
                let name = match data_type {
                    ast::DataType::Custom(name, _) => last_word(name),
                    ast::DataType::Regclass => "regclass".to_owned(),
                    _ => return ControlFlow::Continue(()),
                };
                match name.as_str() {
                    "regclass" | "regtype" | "regproc" => *expr = call(&name, (**inner).clone()),
                    "oid" => *data_type = ast::DataType::BigInt(None),
                    _ => *data_type = ast::DataType::Varchar(None),
                }
            }
            Expr::BinaryOp { op, .. } => {
                if let BinaryOperator::PGCustomBinaryOperator(parts) = op
                    && parts.last().is_some_and(|part| part == "~")
                {
                    *op = BinaryOperator::PGRegexMatch;
                }
            }
            Expr::Collate { expr: inner, .. } => *expr = (**inner).clone(),
            Expr::Function(function) => {
                if let ast::FunctionArguments::Subquery(query) = &function.args
                    && last_word(&function.name) == "array"
                {
                    let mut query = query.clone();
                    if let ast::SetExpr::Select(select) = query.body.as_mut()
                        && let Some(ast::SelectItem::UnnamedExpr(item)) =
                            select.projection.first_mut()
                    {
                        *item = call("array_agg", item.clone());
                    }
                    *expr = Expr::Subquery(query);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
