//! What DELETE, UPDATE and MERGE share: the target's name, the tables beside it, a WITH before all of it.

use sqlparser::{
    ast::{self, helpers::attached_token::AttachedToken},
    parser::Parser,
    tokenizer::Token,
};

use crate::sql::{
    Assignment, QualifiedName, SqlError, Statement, cursor::Cursor, delete, rewrite, syntax_error,
    update, values_query,
};

/// Words that follow a target's name and are no alias.
const FOLLOWERS: &[&str] = &["using", "set", "where", "on", "returning"];

/// Returns whether a WITH comes next that belongs to a DELETE or an UPDATE.
pub(super) fn with_starts(cursor: &Cursor<'_>) -> bool {
    if !cursor.at("with") {
        return false;
    }
    let mut depth = 0_usize;
    for token in cursor.tokens() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && word.quote_style.is_none() => match &*word.value {
                "delete" | "update" => return true,
                "select" | "values" | "insert" => return false,
                _ => {}
            },
            _ => {}
        }
    }
    false
}

/// Parses a statement that begins with such a WITH.
pub(super) fn with_statement(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let with = with_clause(cursor)?;
    if cursor.take("delete") {
        return delete::parse(cursor, Some(with)).map(Statement::Delete);
    }
    cursor.expect("update")?;
    update::parse(cursor, Some(with)).map(Statement::Update)
}

fn with_clause(cursor: &mut Cursor<'_>) -> Result<ast::With, SqlError> {
    cursor.expect("with")?;
    let recursive = cursor.take("recursive");
    let tables = cursor.parser().parse_comma_separated(Parser::parse_cte);
    let cte_tables = tables.map_err(|error| syntax_error::from_parser(cursor, &error))?;
    Ok(ast::With { with_token: AttachedToken::empty(), recursive, cte_tables })
}

/// Reads the target: its name and alias.
pub(super) fn name(cursor: &mut Cursor<'_>) -> Result<(QualifiedName, Option<String>), SqlError> {
    let table = cursor.qualified_name()?;
    if cursor.take("as") {
        return Ok((table, Some(cursor.identifier()?)));
    }
    let is_alias =
        matches!(cursor.peek(), Token::Word(_)) && !FOLLOWERS.iter().any(|word| cursor.at(word));
    let alias = if is_alias { Some(cursor.identifier()?) } else { None };
    Ok((table, alias))
}

/// Reads `table, …`: USING and FROM.
pub(super) fn tables(cursor: &mut Cursor<'_>) -> Result<Vec<ast::TableWithJoins>, SqlError> {
    let tables = cursor.parser().parse_comma_separated(Parser::parse_table_and_joins);
    tables.map_err(|error| syntax_error::from_parser(cursor, &error))
}

/// Reads a condition; [`source`] rewrites it with the rest.
pub(super) fn condition(cursor: &mut Cursor<'_>) -> Result<ast::Expr, SqlError> {
    cursor.parser().parse_expr().map_err(|error| syntax_error::from_parser(cursor, &error))
}

/// Reads `column = value, …`.
pub(super) fn assignments(cursor: &mut Cursor<'_>) -> Result<Vec<Assignment>, SqlError> {
    let mut assignments: Vec<Assignment> = Vec::new();
    loop {
        let column = cursor.identifier()?;
        cursor.expect_token(&Token::Eq)?;
        let value = value(cursor)?;
        assignments.push(Assignment { column, value });
        if !cursor.take_token(&Token::Comma) {
            return Ok(assignments);
        }
    }
}

/// Reads an expression or DEFAULT.
pub(super) fn value(cursor: &mut Cursor<'_>) -> Result<Option<ast::Expr>, SqlError> {
    if cursor.take("default") { Ok(None) } else { cursor.expression().map(Some) }
}

/// Returns `[WITH …] SELECT FROM … WHERE …`.
pub(super) fn source(
    cursor: &Cursor<'_>,
    with: Option<ast::With>,
    from: Vec<ast::TableWithJoins>,
    selection: Option<ast::Expr>,
) -> Result<Box<ast::Query>, SqlError> {
    let mut query = values_query(Vec::new());
    query.with = with;
    let select = select(Vec::new(), from, selection);
    query.body = Box::new(ast::SetExpr::Select(Box::new(select)));
    rewrite::query(&mut query).map_err(|refused| refused.into_error(cursor))?;
    Ok(Box::new(query))
}

/// Returns `SELECT … FROM … WHERE …`.
pub(super) fn select(
    projection: Vec<ast::SelectItem>,
    from: Vec<ast::TableWithJoins>,
    selection: Option<ast::Expr>,
) -> ast::Select {
    ast::Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection,
        connect_by: Vec::new(),
        group_by: ast::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: ast::SelectFlavor::Standard,
    }
}
