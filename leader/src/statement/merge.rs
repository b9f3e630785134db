//! MERGE: one pass over the source joined to the target, or, with REMOVE DUPLICATES, rows of the target
//! that match give way to those of the source.
//!
//! ```text
//!  source LEFT JOIN target ON … ─┬─ with a match: UPDATE's values (or none), the old row is deleted
//!                                └─ without: INSERT's values
//! ```

use compute::addresses::{ADDRESS_COLUMNS, SecondMatch};
use datafusion::common::ScalarValue;
use engine::{
    client_error::SqlState,
    sql::{Merge, MergeAction, MergeInsert, MergeMatched},
    types::SqlType,
};
use sqlparser::ast;

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{
        Description,
        assignment::{assign, assigned, default_of, given_columns},
        select,
        target::Target,
        target_in_from::alias_of,
        update,
    },
};

pub(super) async fn run(
    session: &mut Session,
    merge: &Merge,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let target = Target::lock(session, &merge.target).await?;
    refuse_itself(&target, merge)?;
    let row_count = match &merge.action {
        MergeAction::When { matched, not_matched } => {
            let clauses = Clauses::of(&target, matched, not_matched)?;
            when(session, &target, merge, clauses, parameters).await?
        }
        MergeAction::RemoveDuplicates => {
            remove_duplicates(session, &target, merge, parameters).await?
        }
    };
    Ok(Outcome::done(format!("MERGE {row_count}")))
}

/// Returns the types of the parameters.
pub(super) async fn describe(
    session: &mut Session,
    merge: &Merge,
    given_types: &[Option<SqlType>],
) -> Result<Description, Error> {
    let target = Target::describe(session, &merge.target)?;
    let query = match &merge.action {
        MergeAction::When { matched, not_matched } => {
            let clauses = Clauses::of(&target, matched, not_matched)?;
            joined(&target, merge, clauses.values)
        }
        MergeAction::RemoveDuplicates => target.query(&merge.target, Vec::new()),
    };
    let plan = target.bind(&query, &[]).await?;
    let types = select::parameter_types(&plan, given_types)?;
    Ok((types, None))
}

fn refuse_itself(target: &Target, merge: &Merge) -> Result<(), Error> {
    let ast::SetExpr::Select(select) = merge.target.source.body.as_ref() else { return Ok(()) };
    let is_target = |from: &ast::TableWithJoins| alias_of(&from.relation, target).is_some();
    if !select.from.iter().any(is_target) {
        return Ok(());
    }
    Err(Error::unsupported(
        "MERGE of a table into itself",
        "Merge from a copy of the table, or say UPDATE.",
    ))
}

/// The clauses of a MERGE, as the rows that it writes.
struct Clauses {
    /// Whether a row of the target that matches is written anew, or only deleted.
    keeps_matched: bool,
    /// The columns that are given; the others get their default.
    given: Vec<usize>,
    /// A value for each of them.
    values: Vec<ast::Expr>,
}

impl Clauses {
    fn of(target: &Target, matched: &MergeMatched, insert: &MergeInsert) -> Result<Self, Error> {
        let table = &target.table;
        let given = given_columns(table, &insert.columns)?;
        if given.len() < insert.values.len()
            || (given.len() > insert.values.len() && !insert.columns.is_empty())
        {
            let message = "INSERT has a different number of target columns and expressions";
            return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
        }
        let mut inserted: Vec<Option<ast::Expr>> = vec![None; table.columns.len()];
        for (position, value) in given.iter().zip(&insert.values) {
            let value = match value {
                Some(value) => value.clone(),
                None => default_of(table, *position)?,
            };
            inserted[*position] = Some(assigned(value, table.columns[*position].sql_type));
        }
        let updated = match matched {
            MergeMatched::Delete => {
                let given = inserted.iter().enumerate().filter(|(_, value)| value.is_some());
                let given = given.map(|(position, _)| position).collect();
                let values = inserted.into_iter().flatten().collect();
                return Ok(Self { keeps_matched: false, given, values });
            }
            MergeMatched::Update(assignments) => update::new_values(table, assignments)?,
        };
        let mut values = Vec::with_capacity(table.columns.len());
        for (position, (inserted, updated)) in inserted.into_iter().zip(updated).enumerate() {
            let inserted = match inserted {
                Some(value) => value,
                // Its identity values are the old ones in one row and new ones in the next.
                None => default_of(table, position)?,
            };
            let old = || target.column(&table.columns[position].name);
            values.push(either(target, updated.unwrap_or_else(old), inserted));
        }
        Ok(Self { keeps_matched: true, given: (0..table.columns.len()).collect(), values })
    }
}

/// `CASE WHEN the target has a row THEN … ELSE … END`
fn either(target: &Target, matched: ast::Expr, not_matched: ast::Expr) -> ast::Expr {
    let when = ast::CaseWhen { condition: target.is_there(), result: matched };
    ast::Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions: vec![when],
        else_result: Some(Box::new(not_matched)),
    }
}

/// Returns the query `SELECT address, values… FROM source LEFT JOIN target ON …`.
fn joined(target: &Target, merge: &Merge, values: Vec<ast::Expr>) -> ast::Query {
    target.query_with(&merge.target, values, |select| {
        let condition = select.selection.take();
        let condition = condition.map_or(ast::JoinConstraint::None, ast::JoinConstraint::On);
        let join = ast::Join {
            relation: target.relation(),
            global: false,
            join_operator: ast::JoinOperator::LeftOuter(condition),
        };
        if let Some(source) = select.from.first_mut() {
            source.joins.push(join);
        }
    })
}

async fn when(
    session: &mut Session,
    target: &Target,
    merge: &Merge,
    clauses: Clauses,
    parameters: &[ScalarValue],
) -> Result<u64, Error> {
    let plan = target.bind(&joined(target, merge, clauses.values), parameters).await?;
    let plan = assign(plan, &target.table, ADDRESS_COLUMNS, &clauses.given)?;
    let rows = target.rows(SecondMatch::Refused, clauses.keeps_matched);
    let change = (&plan, clauses.given.as_slice());
    let (written, deleted) = target.replace(session, change, rows, true).await?;
    // A row written anew was deleted too.
    Ok(if clauses.keeps_matched { written } else { written + deleted })
}

async fn remove_duplicates(
    session: &mut Session,
    target: &Target,
    merge: &Merge,
    parameters: &[ScalarValue],
) -> Result<u64, Error> {
    let plan = target.bind(&target.query(&merge.target, Vec::new()), parameters).await?;
    let rows = target.find(session, &plan, SecondMatch::Refused).await?;
    let plan = target.bind(&whole_source(merge), parameters).await?;
    let given: Vec<usize> = (0..target.table.columns.len()).collect();
    let plan = assign(plan, &target.table, 0, &given)?;
    let written = target.append(session, &plan, &given).await?;
    target.delete(session, rows).await?;
    Ok(written)
}

/// Returns the query `SELECT * FROM source`.
fn whole_source(merge: &Merge) -> ast::Query {
    let mut query = (*merge.target.source).clone();
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        select.projection =
            vec![ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default())];
        select.selection = None;
    }
    query
}
